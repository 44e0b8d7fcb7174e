"""A daemon at work: a locked store, how soon a line is seen, how much memory a backlog takes."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing

import pytest

from logagent.store import open_reader
from tests.e2e.processes import REPOSITORY, Place, native, numbered, wait_for

MB = 1_000_000
LOCKED_S = 20.0
LOCK = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1], timeout=20); db.execute('BEGIN EXCLUSIVE'); print('locked', flush=True); sys.stdin.read()"  # noqa: E501


def outage_shows(place: Place) -> bool:
    """What `logagent status` says of it, to a person."""
    told = subprocess.run(
        [sys.executable, "-m", "logagent", "status", "--state-dir", str(place.state)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    return told.returncode == 1 and told.stdout.startswith("outage")


@pytest.mark.timeout(180)
def test_a_store_locked_by_another_process_costs_no_line(place: Place) -> None:
    """Offsets pause, the daemon lives and says so, and all is shipped afterwards."""
    with place.daemon() as daemon, place.writer("w", 5_000, seconds=LOCKED_S, rotation="200 KB") as writer:
        wait_for(lambda: place.stored() > 0, 20, "it ships")
        with subprocess.Popen(
            [sys.executable, "-c", LOCK, str(place.state / "logs.db")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as lock:
            assert lock.stdin is not None
            assert lock.stdout is not None
            assert lock.stdout.readline() == b"locked\n"
            unlock_at = time.monotonic() + LOCKED_S
            wait_for(lambda: outage_shows(place), 40, "`logagent status` shows the outage")
            paused = sum(file.offset for file in place.status().files)
            wait_for(lambda: time.monotonic() > unlock_at, LOCKED_S + 1, "twenty seconds have gone by")
            status = place.status()
            assert status is not None
            assert (daemon.is_alive, status.state) == (True, "outage")
            assert sum(file.offset for file in status.files) <= paused
        assert writer.ends(60) == 0
        wait_for(lambda: place.stored() >= 5_000, 60, "all lines are stored")
    assert place.messages() == numbered("w", 5_000)
    assert place.rows("losses.jsonl") == []


@pytest.mark.parametrize("flush_interval_s", [0.2, 1.0])
def test_a_written_line_is_found_within_the_flush_interval_and_half_a_second(
    place: Place, flush_interval_s: float
) -> None:
    """Wake-ups find it at once, also in a file that is new."""
    with place.daemon(LOGAGENT_FLUSH_INTERVAL_S=str(flush_interval_s), LOGAGENT_SWEEP_INTERVAL_S="2.0"):
        place.seed("first.jsonl", 1, prefix="first")
        wait_for(lambda: place.stored() == 1, 20, "the daemon runs")
        with closing(open_reader(place.store_url)) as reader:
            for count, name in enumerate(("first.jsonl", "second.jsonl", "first.jsonl"), 2):
                began = time.monotonic()
                place.seed(name, 1, prefix=f"line {count}")
                wait_for(lambda count=count: reader.overview().events.value >= count, 20, "the line is found")
                assert time.monotonic() - began <= flush_interval_s + 0.5


def drain(place: Place, total_bytes: int) -> tuple[int, float]:
    """Drain so many bytes of lines; the most memory it took, and the seconds."""
    line_count, filler = total_bytes // 500, "x" * 330
    with (place.logs / "a.jsonl").open("wb") as file:
        file.writelines(native(f"{n} {filler}", n) for n in range(line_count))
    return drain_what_is_there(place, line_count)


def drain_what_is_there(place: Place, line_count: int) -> tuple[int, float]:
    """Drain the files that are there; the most memory it took, and the seconds."""
    began, most = time.monotonic(), 0
    with place.daemon("--once") as daemon:
        while daemon.is_alive:
            most = max(most, daemon.most_resident_bytes())
            time.sleep(0.1)  # a sample, not a wait
        assert daemon.ends(1) == 0
    assert place.stored() == line_count
    return most, time.monotonic() - began


@pytest.mark.timeout(300)
def test_draining_200_mb_takes_less_than_100_mb_of_memory(place: Place, figure: Callable[[str], None]) -> None:
    """Memory is flat whatever the backlog."""
    most, seconds = drain(place, 200 * MB)
    figure(f"200 MB drained in {seconds:.0f} s with at most {most / MB:.0f} MB of memory")
    assert most < 100 * MB


@pytest.mark.timeout(300)
def test_draining_400_compressed_files_takes_less_than_100_mb_of_memory(place: Place) -> None:
    """All of them are open, since they may be written anew; what was unpacked of them is not kept."""
    filler = "x" * 3000
    for name in range(400):
        lines = b"".join(native(f"{name} {n} {filler}", n) for n in range(100))
        (place.logs / f"{name}.jsonl.gz").write_bytes(gzip.compress(lines, 1))
    most, _ = drain_what_is_there(place, 40_000)
    assert most < 100 * MB


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_draining_1_gb_takes_less_than_100_mb_of_memory(place: Place, figure: Callable[[str], None]) -> None:
    """The same for a backlog five times as long."""
    most, seconds = drain(place, 1000 * MB)
    figure(f"1 GB drained in {seconds:.0f} s with at most {most / MB:.0f} MB of memory; {os.cpu_count()} cores")
    assert most < 100 * MB
