"""Scenarios: a real process at its own pace: how soon a line is found, and how soon it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from logagent.errors import StoreUnavailable
from logagent.store import open_reader
from logagent.store.selection import Direction, Selection
from tests.daemon.rig import expected, native, natives

ROOT = str(Path(__file__).parent.parent.parent)
PATIENCE_S = 30.0


class Live:
    """`logagent run` on logs/, its own log among the logs it reads."""

    def __init__(self, base: Path, *, flush_s: float = 0.5) -> None:
        self.logs, self.state = base / "logs", base / "state"
        self.logs.mkdir(exist_ok=True)
        self.own_log = self.logs / "daemon.log"
        with self.own_log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "logagent", "run", "--watch", str(self.logs), "--state-dir", str(self.state)],
                env={**os.environ, "PYTHONPATH": ROOT, "LOG_FLUSH_INTERVAL": str(flush_s)},
                cwd=ROOT,
                stderr=log,
            )
        self.until(self.is_up)

    def is_up(self) -> bool:
        """It has written a status of its own."""
        status = self.state / "status.json"
        return status.exists() and json.loads(status.read_text())["pid"] == self.process.pid

    def messages(self) -> Counter[str]:
        try:
            with closing(open_reader(f"sqlite://{self.state}/logs.db")) as reader:
                records = list(reader.export(Selection(direction=Direction.OLDEST_FIRST)))
        except StoreUnavailable:
            return Counter()
        return Counter(r.line.message for r in records if not r.origin.file.endswith("daemon.log"))  # type: ignore[union-attr]

    def until(self, holds: Callable[[], bool]) -> float:
        """Seconds until it holds; it has to within the test's patience."""
        began = time.monotonic()
        while not holds():
            assert time.monotonic() - began < PATIENCE_S, "it did not come to hold"
            assert self.process.poll() is None, "the daemon ended"
            threading.Event().wait(0.02)
        return time.monotonic() - began

    def terminate(self) -> float:
        """SIGTERM; seconds until it ended, which it has to with 0."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(PATIENCE_S) == 0
        return time.monotonic() - began


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """One daemon for the whole module."""
    daemon = Live(tmp_path_factory.mktemp("live"))
    yield daemon
    daemon.process.kill()
    daemon.process.wait()


def soonest(attempt: Callable[[int], float]) -> float:
    """The best of a few attempts: the machine may be busy with something else."""
    return min(attempt(n) for n in range(3))


def test_appended_lines_are_stored_within_two_seconds(live: Live) -> None:
    path = live.logs / "a.jsonl"
    append(path, 0, 1000)
    live.until(lambda: live.messages()["a-999"] == 1)

    def attempt(n: int) -> float:
        append(path, 1000 + n, 1)
        return live.until(lambda: live.messages()[f"a-{1000 + n}"] == 1)

    assert soonest(attempt) < 2.0


def test_a_new_file_is_found_within_two_seconds(live: Live) -> None:
    def attempt(n: int) -> float:
        (live.logs / f"new{n}.jsonl").write_text(native(f"new-{n}"))
        return live.until(lambda: live.messages()[f"new-{n}"] == 1)

    assert soonest(attempt) < 2.0


def test_files_in_new_nested_directories_are_found_within_two_seconds(live: Live) -> None:
    def attempt(n: int) -> float:
        deep = live.logs / f"one{n}" / "two" / "three"
        deep.mkdir(parents=True)
        for m in range(20):
            (deep / f"{m}.jsonl").write_text(native(f"nested-{n}-{m}", m))
        return live.until(lambda: sum(live.messages()[f"nested-{n}-{m}"] for m in range(20)) == 20)

    assert soonest(attempt) < 2.0


def test_the_daemons_own_log_among_what_it_reads_feeds_nothing(live: Live) -> None:
    """Reading a line makes no line: its log stands still while everything in it is read."""
    size = live.own_log.stat().st_size
    assert size > 0
    (live.logs / "b.jsonl").write_text(natives("b", 0, 500))
    live.until(lambda: live.messages()["b-499"] == 1)
    assert live.own_log.stat().st_size == size


def test_sigterm_in_the_middle_of_a_stream_loses_and_doubles_nothing(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "a.jsonl"
    for run in range(3):
        daemon = Live(tmp_path)
        for n in range(20):
            append(path, 1100 * run + 50 * n, 50)
        daemon.until(lambda found=daemon.messages: bool(found()))  # type: ignore[misc]
        assert daemon.terminate() < 5.0
        append(path, 1100 * run + 1000, 100)
    daemon = Live(tmp_path)
    daemon.until(lambda: daemon.messages().total() >= 3300)
    daemon.terminate()
    assert daemon.messages() == expected("a", 3300)


def append(path: Path, first: int, count: int) -> None:
    with path.open("a") as file:
        file.write(natives("a", first, count))


def test_a_checkpoint_of_a_newer_version_ends_with_exit_code_2_and_a_clear_text(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.json").write_text('{"v": 99}')
    ran = subprocess.run(
        [sys.executable, "-m", "logagent", "run", "--watch", str(tmp_path), "--state-dir", str(tmp_path)],
        env={**os.environ, "PYTHONPATH": ROOT},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (ran.returncode, "run the newer logagent" in ran.stderr) == (2, True), ran.stderr
