"""Learnings: one line each, beside the logs of the run they come from."""

from __future__ import annotations

import math
import re

import pytest
from loguru import logger
from written import only, sink, written

from logagent.formats import log_agent_learning, script_execution


@pytest.fixture
def directory(tmp_path):
    """Where our sink writes during the test."""
    logger.remove()
    with sink(tmp_path):
        yield tmp_path


def test_a_learning_line_has_the_fields_of_the_design_in_their_order(directory):
    """Design §4; the id comes back."""
    learning_id = log_agent_learning("small batches", "load", {"n": 100}, confidence=0.9)
    line = only(written(directory))
    assert list(line) == [
        *("v", "kind", "timestamp", "execution_id", "script_name", "pid", "hostname"),
        *("learning_id", "learning", "function_name", "context", "confidence", "evidence"),
    ]
    assert re.fullmatch(r"lrn_[0-9a-f]{32}", learning_id)
    assert (line["learning_id"], line["learning"], line["function_name"]) == (learning_id, "small batches", "load")
    assert (line["context"], line["confidence"], line["evidence"]) == ({"n": 100}, 0.9, [])


def test_the_current_run_is_the_evidence_unless_another_is_given(directory):
    """Event keys and run ids."""
    with script_execution("etl") as execution_id:
        log_agent_learning("a", "f")
        log_agent_learning("b", "f", evidence=["key-1", "run-2"])
        log_agent_learning("c", "f", evidence="key-1")
    learnings = [line for line in written(directory) if line["kind"] == "learning"]
    assert [line["evidence"] for line in learnings] == [[execution_id], ["key-1", "run-2"], ["key-1"]]
    assert {line["execution_id"] for line in learnings} == {execution_id}


@pytest.mark.parametrize("confidence", [-0.1, 1.1, math.nan, math.inf, "high", None])
def test_a_confidence_outside_0_to_1_is_an_error(directory, confidence):
    """And writes nothing."""
    with pytest.raises(ValueError, match=r"confidence .* is not a number from 0 to 1"):
        log_agent_learning("a", "f", confidence=confidence)
    assert not written(directory)
