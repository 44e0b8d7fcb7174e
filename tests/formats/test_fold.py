"""Folds: the same document in whatever order, and however often, their lines come."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from store_corpus import START_US, event, learning, learning_event, run_end, run_start

from logagent.formats.fold import fold_learning, fold_run, run_key
from logagent.formats.record import Record

run_lines = st.lists(
    st.one_of(
        st.builds(
            run_start,
            st.integers(0, 9),
            argv=st.tuples(st.text(max_size=3)),
            script_name=st.sampled_from(["", "etl"]),
        ),
        st.builds(
            run_end,
            st.integers(0, 9),
            status=st.sampled_from(["success", "failed"]),
            duration_seconds=st.none() | st.floats(0, 9),
        ),
        st.builds(event, st.integers(0, 9)),
    ),
    max_size=6,
    unique_by=lambda r: r.key,
)
learning_lines = st.lists(
    st.one_of(
        st.builds(learning, st.integers(0, 9), confidence=st.floats(0, 1)),
        st.builds(learning_event, st.integers(0, 9), st.sampled_from(["confirm", "refute", "retire"])),
    ),
    max_size=6,
    unique_by=lambda r: r.key,
)


@given(run_lines, st.data(), st.none() | st.just(START_US))
def test_a_run_folds_the_same_in_any_order_and_with_any_repeats(
    lines: list[Record], data: Any, crashed_us: int | None
) -> None:
    """A start read after its end, a line read twice."""
    again = data.draw(st.permutations([*lines, *lines[: len(lines) // 2]]))
    assert fold_run("run-a", again, crashed_us) == fold_run("run-a", lines, crashed_us)


@given(learning_lines, st.data())
def test_a_learning_folds_the_same_in_any_order_and_with_any_repeats(lines: list[Record], data: Any) -> None:
    """What became of it may be read first."""
    again = data.draw(st.permutations([*lines, *lines[: len(lines) // 2]]))
    assert fold_learning(again) == fold_learning(lines)


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ([], "unknown"),
        ([event(1)], "unknown"),
        ([run_start(1)], "running"),
        ([run_start(1), run_end(2)], "success"),
        ([run_end(2, status="failed")], "failed"),
    ],
)
def test_the_status_is_what_the_lines_say(lines: list[Record], status: str) -> None:
    """Events say nothing about it."""
    assert fold_run("run-a", lines).status == status


def test_a_real_end_beats_a_crash() -> None:
    """The daemon only derived the crash."""
    assert fold_run("run-a", [run_start(1)], crashed_us=5).status == "crashed"
    assert fold_run("run-a", [run_start(1), run_end(2)], crashed_us=5).status == "success"


def test_without_a_duration_the_times_tell_it() -> None:
    """End less start."""
    assert fold_run("run-a", [run_end(8), run_start(1)]).duration_seconds == 7.0


def test_a_learning_without_its_own_line_is_none() -> None:
    """Yet."""
    assert fold_learning([learning_event(1, "confirm")]) is None


def test_any_execution_id_has_a_key() -> None:
    """Lone surrogates too."""
    assert run_key("\ud800") != run_key("\udfff")
