"""Scenarios: the wall clock jumps; what waits goes by the monotonic one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from logagent.formats.record import Flag, TimeSource
from tests.daemon.rig import Rig, expected, native, natives

DAY = 86_400.0
steps = pytest.mark.parametrize(
    "step", [-DAY, 3600.0, -3600.0, 3653 * DAY], ids=["-1 day", "+1 h", "-1 h", "+10 years"]
)


@steps
def test_a_step_of_the_clock_stalls_nothing_and_doubles_nothing(rig: Rig, step: float) -> None:
    rig.start()
    rig.write("a.jsonl", natives("a", 0, 5))
    rig.turn()
    rig.clock.step_wall(step)
    rig.write("a.jsonl", natives("a", 5, 5))
    rig.settle()
    assert rig.counted() == expected("a", 10)
    rig.stop()
    rig.clock.step_wall(-step)
    rig.start()
    rig.write("a.jsonl", natives("a", 10, 5))
    rig.settle()
    assert rig.counted() == expected("a", 15)
    assert rig.status().totals.duplicates == 0


@steps
def test_a_step_of_the_clock_changes_no_outage(rig: Rig, step: float) -> None:
    rig.start()
    rig.take_store_away()
    rig.write("a.jsonl", natives("a", 0, 5))
    rig.rest(20)
    rig.clock.step_wall(step)
    rig.bring_store_back()
    rig.rest(40)
    assert rig.counted() == expected("a", 5)
    assert rig.status().state == "ok"


@steps
def test_a_step_of_the_clock_neither_hastens_nor_stops_the_judging_of_losses(rig: Rig, step: float) -> None:
    path = rig.write("a.jsonl", natives("a", 0, 5))
    size = path.stat().st_size
    rig.start()
    rig.take_store_away()
    rig.settle()
    rig.stop()
    path.unlink()
    rig.start()
    rig.turn()
    rig.clock.step_wall(step)
    rig.turn()
    rig.turn()
    assert rig.losses() == []
    rig.rest(60)
    assert rig.losses() == [("a.jsonl", 0, size)]


@steps
def test_a_step_of_the_clock_does_not_let_a_growing_file_go(rig: Rig, step: float) -> None:
    path = rig.write("a.jsonl", natives("a", 0, 1))
    rig.start()
    rig.turn()
    with path.open("ab") as still_open:
        path.rename(rig.logs / "a.jsonl.1")
        rig.write("a.jsonl", native("successor"))
        rig.turn()
        rig.clock.step_wall(step)
        rig.turn()
        still_open.write(natives("a", 1, 5).encode())
    rig.rest(120)
    assert rig.counted() == expected("a", 6) + Counter(["successor"])


def test_a_time_more_than_a_day_ahead_is_flagged_and_kept(rig: Rig) -> None:
    rig.write("a.jsonl", native("now") + native("ahead", 3 * 86_400_000))
    rig.start()
    rig.settle()
    assert [bool(record.flags & Flag.TIME_SUSPECT) for record in rig.records()] == [False, True]


def test_the_time_at_which_an_untimed_line_was_first_seen_is_kept(rig: Rig) -> None:
    rig.write("a.log", "no time of its own\n")
    rig.start()
    rig.rest(30)
    [first] = rig.records()
    rig.stop()
    for checkpoint in rig.state.glob("checkpoint*"):
        checkpoint.unlink()
    rig.clock.step_wall(10 * DAY)
    rig.start()
    rig.rest(30)
    [again] = rig.records()
    assert (again.ts_us, again.time_source) == (first.ts_us, TimeSource.OBSERVED)


def test_lines_whose_own_times_jump_are_stored_in_the_order_of_their_times(make_rig: Callable[..., Rig]) -> None:
    """Clock steps are shown, not repaired."""
    rig = make_rig()
    rig.write("a.jsonl", native("late", 3_600_000) + native("early", -3_600_000) + native("now"))
    rig.start()
    rig.settle()
    assert rig.messages() == ["early", "now", "late"]


def test_a_clock_set_forward_for_a_while_prunes_nothing(make_rig: Callable[..., Rig]) -> None:
    """What is pruned does not come back: neither in the process that sees the step, nor in one that starts after it."""
    rig = make_rig(retention_days=30)
    rig.write("a.jsonl", natives("a", 0, 5))
    rig.start()
    rig.rest(20)
    rig.clock.step_wall(3653 * DAY)
    rig.write("a.jsonl", natives("a", 5, 5))
    rig.rest(1200)
    rig.stop()
    rig.start()
    rig.rest(1200)
    rig.clock.step_wall(-3653 * DAY)
    rig.rest(1200)
    assert rig.counted() == expected("a", 10)
    assert sum("ahead of the time that went by" in text for _level, text in rig.log.said) == 2


def test_a_clock_that_stays_ahead_for_a_day_is_believed(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(retention_days=30)
    rig.write("a.jsonl", natives("a", 0, 5))
    rig.start()
    rig.rest(20)
    rig.clock.step_wall(40 * DAY)
    for hours in range(26):
        assert rig.counted() == (expected("a", 5) if hours < 24 else rig.counted())
        rig.clock.advance(3600.0)
        rig.rest(10)
    assert rig.counted() == Counter()


def test_runs_of_minutes_with_days_between_them_prune_too(make_rig: Callable[..., Rig]) -> None:
    """As `logagent run --once` from cron: no run lasts for the day after which a clock is believed."""
    rig = make_rig(retention_days=30)
    rig.write("a.jsonl", natives("a", 0, 5))
    for _ in range(8):
        rig.start()
        rig.rest(60)
        rig.stop()
        rig.clock.step_wall(7 * DAY)
        rig.write("b.jsonl", native("another"))
    assert expected("a", 5) & rig.counted() == Counter()
