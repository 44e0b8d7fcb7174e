"""Runs that ended on disk and not yet in the store: waited for, or told of, so that no answer is of another run."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from query_build import Story, append, filled
from query_process import ask

from logagent.formats.status import DaemonState, Status, StoreStatus, encode_status
from logagent.formats.times import SECOND_US, utc_text
from logagent.query.mcp.tools import Tools
from logagent.query.sources import Place
from logagent.query.unseen import PATIENCE_S, wait_for_ends
from logagent.store import open_reader


class Unstored:
    """A store that knows of a run's start; its end is in a log file."""

    def __init__(self, directory: Path, *, state: DaemonState = "ok", ended_ago_s: float = 1.0) -> None:
        now_us = time.time_ns() // 1_000
        self.story = Story(start_us=now_us - 60 * SECOND_US)
        self.story.start("etl_1")
        self.url = filled(directory, self.story.records)
        (directory / "logs").mkdir()
        ended = utc_text(now_us - int(ended_ago_s * SECOND_US))
        end = {"v": 1, "kind": "run_end", "timestamp": ended, "execution_id": "etl_1", "script_name": "etl"}
        line = json.dumps(end | {"status": "failed", "error": "KeyError: 'total'"}, separators=(",", ":"))
        os.mkfifo(directory / "logs/waits-for-a-writer.jsonl")
        (directory / "logs/etl.jsonl").write_text("text of another program\n{broken\n" + line + "\n")
        store = StoreStatus(url=self.url)
        watched = (str(directory / "logs"),)
        self.status = Status(
            pid=1,
            started_at="",
            updated_at=utc_text(now_us - SECOND_US // 2),
            state=state,
            store=store,
            watched=watched,
        )
        (directory / "status.json").write_bytes(encode_status(self.status))
        self.slept_s = 0.0

    def sleep(self, seconds: float) -> None:
        """The daemon stores the end meanwhile, half a second later."""
        self.slept_s += seconds
        if round(self.slept_s, 1) == 0.5:
            self.story.end("etl_1", "failed", error="KeyError: 'total'")
            append(self.url, self.story.records)


def test_an_end_that_is_on_disk_is_waited_for(tmp_path: Path) -> None:
    """Until the store has it, and no longer; the second question waits for nothing."""
    there = Unstored(tmp_path)
    reader = open_reader(there.url)
    assert wait_for_ends(reader, there.status, there.sleep) == []
    assert round(there.slept_s, 1) == 0.5
    assert wait_for_ends(reader, there.status, there.sleep) == []
    assert round(there.slept_s, 1) == 0.5
    reader.close()


@pytest.mark.parametrize(("state", "slept_s"), [("ok", PATIENCE_S), ("stopped", 0), ("outage", 0)])
def test_an_end_that_does_not_arrive_is_told_of(tmp_path: Path, state: DaemonState, slept_s: float) -> None:
    """Waiting has an end; where nobody is at work there is none."""
    there = Unstored(tmp_path, state=state)
    reader = open_reader(there.url)
    slept: list[float] = []
    (said,) = wait_for_ends(reader, there.status, slept.append)
    assert "1 run(s) that ended and are not stored yet, the latest etl_1" in said
    assert sum(slept) == pytest.approx(slept_s)
    reader.close()


def test_what_ended_long_ago_is_not_waited_for(tmp_path: Path) -> None:
    """It was stored, and pruned since, or was never to be stored."""
    there = Unstored(tmp_path, ended_ago_s=3_600)
    reader = open_reader(there.url)
    assert wait_for_ends(reader, there.status, there.sleep) == [] and there.slept_s == 0
    assert wait_for_ends(reader, None, there.sleep) == []
    reader.close()


def test_a_gate_does_not_pass_while_a_run_that_ended_is_unknown(tmp_path: Path) -> None:
    """It fails closed, and says why; so does an answer over MCP say what it does not know."""
    there = Unstored(tmp_path, state="stopped")
    ended = ask("--store", there.url, "-o", "json", "errors", "--fail-if-new")
    assert ended.code == 1 and ended.document["items"] == []
    assert "not stored yet, the latest etl_1" in ended.document["hints"][0]
    tools = Tools(Place(there.url, str(tmp_path)), allow_write=False)
    assert "not in this answer" in tools.call("list_runs", {}).text
    tools.close()
