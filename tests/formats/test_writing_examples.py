"""The examples in the docstrings of what scripts import run as they stand."""

from __future__ import annotations

import doctest
import importlib

import pytest
from loguru import logger

import logagent.formats

MODULES = (
    *("api_calls", "appender", "current_run", "directories", "exceptions", "execution", "generations", "interception"),
    *("learning", "native_line", "plain", "sink", "stdlib_records", "truncation", "writer"),
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name):
    """doctest on each module; runs and learnings go to the test's own state directory."""
    logger.remove()
    failed, _ = doctest.testmod(importlib.import_module(f"logagent.formats.{name}"))
    assert failed == 0


def test_every_public_function_has_an_example():
    """House rules: public functions of `formats` carry one that runs."""
    functions = [getattr(logagent.formats, name) for name in logagent.formats.__all__]
    without = [function.__name__ for function in functions if ">>>" not in (function.__doc__ or "")]
    assert without == ["ExecutionId"]
