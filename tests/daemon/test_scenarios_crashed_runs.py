"""Scenarios: runs without an end, and which of them may be called crashed."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import socket
from collections.abc import Callable
from typing import Any

import pytest

from logagent.daemon.crashed import CrashedRuns, Here
from logagent.daemon.processes import here, is_alive
from logagent.formats.times import utc_text
from logagent.store import open_reader
from logagent.store.protocol import OpenRun
from tests.daemon.rig import HERE, START_US, Rig, native, natives

DEAD_PID = 4_194_304 + 7
"""Greater than any pid that Linux gives."""


def run_start(run_id: str = "run_1", **fields: Any) -> str:
    """The line of a managed run on the rig's own host, boot and pid namespace, whose process is gone."""
    line = {
        "v": 1,
        "kind": "run_start",
        "timestamp": utc_text(START_US),
        "execution_id": run_id,
        "script_name": "script",
        "pid": DEAD_PID,
        "hostname": HERE.hostname,
        "start_time": utc_text(START_US),
        "metadata": {},
        "managed": True,
        "boot_id": HERE.boot_id,
        "pid_namespace": HERE.pid_namespace,
        "process_start": 1,
        **fields,
    }
    return json.dumps(line) + "\n"


def run_end(run_id: str = "run_1", status: str = "success") -> str:
    line = {
        "v": 1,
        "kind": "run_end",
        "timestamp": utc_text(START_US + 5_000_000),
        "execution_id": run_id,
        "script_name": "script",
        "end_time": utc_text(START_US + 5_000_000),
        "status": status,
        "duration_seconds": 5.0,
    }
    return json.dumps(line) + "\n"


def status_of(rig: Rig, run_id: str = "run_1") -> str:
    with contextlib.closing(open_reader(rig.store_url)) as reader:
        summary = reader.run(run_id)
    assert summary is not None
    return str(summary.run.status)


def test_a_managed_run_whose_process_is_gone_becomes_crashed_after_ten_seconds(rig: Rig) -> None:
    rig.write("a.jsonl", run_start() + native("working", 1))
    rig.start()
    rig.settle(1)
    assert status_of(rig) == "running"
    rig.rest(40)
    assert status_of(rig) == "crashed"


@pytest.mark.parametrize(("lines", "status"), [(run_start(), "crashed"), (run_start() + run_end(), "success")])
def test_a_daemon_that_runs_once_calls_what_is_gone_crashed(rig: Rig, lines: str, status: str) -> None:
    """Nobody will be there in ten seconds; what the process wrote as its last is read first."""
    rig.write("a.jsonl", lines)
    rig.start()
    assert rig.running.drain(60.0, lambda done, total: None).outcome == "done"
    rig.running.close()
    rig.daemon = None
    assert status_of(rig) == status


def test_a_real_end_that_comes_later_wins_over_crashed(rig: Rig) -> None:
    rig.write("a.jsonl", run_start())
    rig.start()
    rig.rest(60)
    rig.write("a.jsonl", run_end())
    rig.rest(30)
    assert status_of(rig) == "success"


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"hostname": "another"}, id="another host"),
        pytest.param({"boot_id": "another"}, id="another boot"),
        pytest.param({"pid_namespace": "pid:[2]"}, id="another pid namespace"),
        pytest.param({"managed": False}, id="no end was promised"),
        pytest.param({"process_start": None}, id="start ticks unknown"),
        pytest.param({"pid": None}, id="pid unknown"),
        pytest.param({"boot_id": None}, id="boot unknown"),
    ],
)
def test_a_run_of_which_too_little_is_known_is_never_called_crashed(rig: Rig, fields: dict[str, Any]) -> None:
    rig.write("a.jsonl", run_start(**fields))
    rig.start()
    rig.rest(120)
    assert status_of(rig) != "crashed"


def test_a_run_whose_process_is_alive_is_not_crashed(rig: Rig) -> None:
    with open("/proc/self/stat") as file:
        ticks = int(file.read().rpartition(")")[2].split()[19])
    rig.write("a.jsonl", run_start(pid=os.getpid(), process_start=ticks))
    rig.start()
    rig.rest(120)
    assert status_of(rig) == "running"


def test_a_pid_that_another_process_has_now_is_no_life_sign(rig: Rig) -> None:
    rig.write("a.jsonl", run_start(pid=os.getpid(), process_start=1))
    rig.start()
    rig.rest(60)
    assert status_of(rig) == "crashed"


def test_a_run_whose_file_is_not_read_to_its_end_is_not_crashed(make_rig: Callable[..., Rig]) -> None:
    """The end line may stand in what is still to be read."""
    rig = make_rig(max_batch_bytes=2000, quantum_bytes=2000)
    rig.write("a.jsonl", run_start())
    rig.start()
    rig.settle()
    rig.take_store_away()
    rig.write("a.jsonl", "".join(native(f"m-{n}", n) for n in range(50)) + run_end(status="failed"))
    rig.rest(120)
    assert status_of(rig) == "running"
    rig.bring_store_back()
    rig.rest(120)
    assert status_of(rig) == "failed"


def test_a_run_whose_end_may_stand_in_another_generation_that_is_not_read_is_not_crashed(rig: Rig) -> None:
    rig.write("script.jsonl", run_start())
    packed = gzip.compress((natives("a", 0, 500) + run_end()).encode())
    generation = rig.write("script.20261122T150000Z.7.jsonl.gz", packed[: len(packed) // 2])
    rig.start()
    rig.rest(40)
    assert status_of(rig) == "running"
    generation.write_bytes(packed)
    rig.rest(40)
    assert status_of(rig) == "success"


def test_a_run_is_crashed_whatever_waits_in_files_of_other_names(rig: Rig) -> None:
    rig.write("script.jsonl", run_start())
    rig.write("script.20261122T150000Z.7.jsonl", native("torn", 1)[:20])
    rig.write("script.20261122T150000Z.8.jsonl", "")
    rig.write("other.jsonl.gz", gzip.compress(natives("a", 0, 500).encode())[:100])
    rig.start()
    rig.rest(40)
    assert status_of(rig) == "crashed"


def test_a_process_that_cannot_be_seen_is_not_taken_for_gone() -> None:
    run = OpenRun("r", HERE.hostname, HERE.boot_id, HERE.pid_namespace, 5, 1, 1)
    runs = CrashedRuns(HERE, lambda pid, ticks: None)
    assert [runs.find([run], lambda _: True, now) for now in (0.0, 100.0)] == [[], []]


def test_a_process_must_be_gone_for_ten_seconds_without_a_break() -> None:
    alive = iter([False, True, False, False, False])
    run = OpenRun("r", HERE.hostname, HERE.boot_id, HERE.pid_namespace, 5, 1, 1)
    runs = CrashedRuns(HERE, lambda pid, ticks: next(alive))
    found = [runs.find([run], lambda _: True, now) for now in (0.0, 9.0, 18.0, 27.0, 28.0)]
    assert found == [[], [], [], [], ["r"]]


def test_a_daemon_that_knows_not_where_it_is_calls_nothing_crashed() -> None:
    run = OpenRun("r", "testhost", None, None, 5, 1, 1)
    runs = CrashedRuns(Here("testhost", None, None), lambda pid, ticks: False)
    assert [runs.find([run], lambda _: True, now) for now in (0.0, 100.0)] == [[], []]


def test_this_machine_knows_its_host_and_which_processes_live() -> None:
    assert here().hostname == socket.gethostname()
    assert is_alive(DEAD_PID, 1) is False
    assert is_alive(os.getpid(), 1) is False
