"""Faults that an earlier draft of this system really had, one test each."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from query_build import NOON_US, Story, append, filled, usual_story

from logagent.errors import BadQuery, LogagentError, NotFound
from logagent.formats.times import SECOND_US
from logagent.query import AgentLogManager, SyncAgentLogManager, get_log_manager

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR_US = 3_600 * SECOND_US


def test_a_filter_is_applied_before_the_limit(tmp_path: Path) -> None:
    """The one event that passes is found behind a thousand newer ones that do not, by words and without."""
    story = Story()
    story.log("timeout at first", "ERROR", run="etl_1")
    for number in range(1_000):
        story.log(f"timeout {number}", run="other_1", script="other")
    with SyncAgentLogManager(filled(tmp_path, story.records)) as log:
        for text in ("timeout", "*", ""):
            for passed in ({"execution_id": "etl_1"}, {"level": "ERROR"}):
                (found,) = log.search_logs(text, limit=1, **passed)
                assert found.message == "timeout at first"
        (found,) = log.search_bm25_logs("timeout", {"script_name": "etl"}, limit=1)
        assert found.execution_id == "etl_1"
        (found,) = log.search("timeout script:etl", limit=1)
        assert found.execution_id == "etl_1"


@pytest.mark.parametrize("argument", [{"run": "etl_1"}, {"levels": "ERROR"}, {"time_range": {"from": NOON}}])
def test_no_filter_is_ignored_in_silence(tmp_path: Path, argument: dict[str, object]) -> None:
    """An argument that is not known is an error, wherever it stands."""
    with SyncAgentLogManager(filled(tmp_path, usual_story().records)) as log:
        with pytest.raises((BadQuery, TypeError)):
            log.search_logs("refused", **argument)  # type: ignore[arg-type]
        with pytest.raises(BadQuery):
            log.search_bm25_logs("refused", argument)


def test_times_are_compared_as_times_whatever_their_zone(tmp_path: Path) -> None:
    """The same window in three zones holds the same events."""
    story = Story()
    for hour in range(-3, 4):
        story.log(f"hour {hour}", at_us=NOON_US + hour * HOUR_US)
    with SyncAgentLogManager(filled(tmp_path, story.records)) as log:
        for zone in (UTC, ZoneInfo("America/New_York"), ZoneInfo("Asia/Kolkata")):
            start = (NOON - timedelta(hours=1)).astimezone(zone)
            page = log.search_logs("hour", time_range={"start": start, "end": NOON.astimezone(zone)})
            assert [event.message for event in page] == ["hour -1"]


def test_a_prune_in_new_york_deletes_what_it_does_in_greenwich(tmp_path: Path) -> None:
    """Not the five hours of its zone too."""
    now_us = time.time_ns() // 1_000
    left = []
    for zone in ("UTC", "America/New_York"):
        story = Story()
        for hours in (20, 23, 25, 30):
            story.log(f"{hours} hours old", at_us=now_us - hours * HOUR_US)
        directory = tmp_path / zone.replace("/", "-")
        directory.mkdir()
        url = filled(directory, story.records)
        code = (
            "from logagent.query import SyncAgentLogManager\n"
            f"with SyncAgentLogManager({url!r}) as log:\n"
            "    log.prune_logs(older_than_days=1)\n"
            "    print([event.message for event in log.search_logs('*')])\n"
        )
        ended = subprocess.run(
            [sys.executable, "-c", code], env={"TZ": zone}, capture_output=True, text=True, check=True
        )
        left.append(ended.stdout.strip())
    assert left == ["['20 hours old', '23 hours old']"] * 2


def test_an_average_leaves_running_and_crashed_runs_out(tmp_path: Path) -> None:
    """Only runs that ended have a duration; the others are counted beside them."""
    story = Story()
    for number, seconds in enumerate((2.0, 4.0)):
        story.start(f"etl_{number}")
        story.end(f"etl_{number}", duration_seconds=seconds)
    story.start("etl_9")
    with SyncAgentLogManager(filled(tmp_path, story.records)) as log:
        found = log.analyze_historical_performance("etl", lookback_days=3_660)
    assert (found.avg_duration, found.total_runs, found.running_runs) == (3.0, 3, 1)
    assert [each.seconds for each in found.recent] == [None, 4.0, 2.0]


def test_outliers_stand_far_outside_of_the_middle_half(tmp_path: Path) -> None:
    """One run that took a hundred times as long; few runs have none."""
    story = Story()
    for number in range(12):
        story.start(f"etl_{number}")
        story.end(f"etl_{number}", duration_seconds=500.0 if number == 5 else 5.0 + number / 10)
    with SyncAgentLogManager(filled(tmp_path, story.records)) as log:
        found = log.analyze_historical_performance("etl", lookback_days=3_660)
    assert [each.execution_id for each in found.outliers] == ["etl_5"]
    assert found.usual == (5.1, 6.1)


def test_a_manager_whose_first_connect_failed_is_no_dead_singleton(tmp_path: Path) -> None:
    """The same object answers once there is a store."""
    url = f"sqlite://{tmp_path}/logs.db"

    async def ask_before_and_after() -> tuple[bool, int]:
        before = await get_log_manager(url)
        with pytest.raises(LogagentError):
            await before.active_runs()
        append(url, usual_story().records)
        after = await get_log_manager(url)
        found = await after.active_runs()
        await after.close()
        return before is after, len(found)

    assert asyncio.run(ask_before_and_after()) == (True, 1)


def test_a_failure_is_an_exception_never_a_dictionary(tmp_path: Path) -> None:
    """Of every question that names a run."""

    async def every_question() -> list[type[BaseException]]:
        async with AgentLogManager(filled(tmp_path, usual_story().records)) as log:
            asked = [
                log.get_execution_summary("nobody"),
                log.find_execution_errors("nobody"),
                log.build_execution_graph("nobody"),
                log.extract_log_relationships("nobody"),
                log.create_execution_memory("nobody"),
                log.analyze_historical_performance("nobody"),
                log.get_latest_response("nobody"),
                log.related("#00000000"),
            ]
            return [type(each) for each in await asyncio.gather(*asked, return_exceptions=True)]

    assert set(asyncio.run(every_question())) == {NotFound}


def test_a_long_id_matches_whole(tmp_path: Path) -> None:
    """An id of a thousand characters is the same id everywhere, and another is another."""
    long = "etl_" + "x" * 1_000
    story = Story()
    for run in (long + "1", long + "2"):
        story.start(run)
        story.log(f"in {run[-1]}", "ERROR", run=run)
        story.end(run, "failed")
    with SyncAgentLogManager(filled(tmp_path, story.records)) as log:
        assert log.get_execution_summary(long + "2").errors[0].message == "in 2"
        assert [event.message for event in log.search_logs("in", execution_id=long + "1")] == ["in 1"]
        assert log.build_execution_graph(long + "1").metadata.total_logs == 1
        with pytest.raises(BadQuery):
            log.get_execution_summary(long)


def test_questions_log_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Neither to the console nor into a file beside the store."""
    url = filled(tmp_path, usual_story().records)
    before = sorted(path.name for path in tmp_path.iterdir())
    with SyncAgentLogManager(url) as log:
        log.search_logs("refused")
        log.get_execution_summary("@last-failed")
        log.build_execution_graph("@last-failed")
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert capfd.readouterr() == ("", "")


def test_lists_are_bounded_and_say_so(tmp_path: Path) -> None:
    """A limit beyond the greatest is refused rather than cut."""
    with SyncAgentLogManager(filled(tmp_path, usual_story().records)) as log:
        for ask in (log.search, log.search_logs, log.search_bm25_logs, log.hybrid_search):
            with pytest.raises(BadQuery):
                ask("x", limit=1_000_000) if ask != log.hybrid_search else ask("x", "bm25", limit=1_000_000)
        page = log.search(limit=2)
        assert page.truncated and page.total.value == 4 and page.next
