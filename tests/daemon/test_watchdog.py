"""The watchdog over a real socket: fed by the loop that turns, not by a turn that hangs."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from logagent.daemon.notify import Notifier
from logagent.daemon.report import sentence_of
from logagent.daemon.service import SILENCE_S
from logagent.formats.status import Status, StoreStatus, Totals
from tests.daemon.rig import Rig, expected, natives

WITHIN_S = 20.0
SILENT_FOR_S = 0.5


class Manager:
    """Listens as systemd does."""

    def __init__(self, listening: socket.socket) -> None:
        self._socket = listening

    def hears(self, start: str) -> str:
        """The next assignment that starts like this; fails if none comes."""
        deadline = time.monotonic() + WITHIN_S
        while time.monotonic() < deadline:
            for assignment in self._socket.recv(4096).decode().split("\n"):
                if assignment.startswith(start):
                    return assignment
        raise AssertionError(f"nothing like {start} within {WITHIN_S} s")

    def hears_while(self, start: str, push: Callable[[], None]) -> str:
        """The next assignment that starts like this, with a push after each other one."""
        deadline = time.monotonic() + WITHIN_S
        while not (told := self.hears("")).startswith(start):
            assert time.monotonic() < deadline, f"nothing like {start}, but {told}"
            push()
        return told

    def falls_silent(self) -> bool:
        """True once nothing has come for a while; False if the words never end."""
        deadline = time.monotonic() + WITHIN_S
        self._socket.settimeout(SILENT_FOR_S)
        try:
            while time.monotonic() < deadline:
                self._socket.recv(4096)
        except TimeoutError:
            return True
        finally:
            self._socket.settimeout(WITHIN_S)
        return False


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(WITHIN_S)
        yield Manager(listening)


class Gate:
    """Lets through, until it is shut: then whoever comes waits, until it is opened."""

    def __init__(self) -> None:
        self._is_open = threading.Event()
        self._is_open.set()
        self.shut = self._is_open.clear
        self.open = self._is_open.set

    def __call__(self, _what: object) -> None:
        assert self._is_open.wait(WITHIN_S)


@contextmanager
def running(rig: Rig, tmp_path: Path, gate: Gate) -> Iterator[None]:
    """The daemon's loop in a thread of its own, told of the manager's socket."""
    daemon = rig.running
    daemon._notifier = Notifier.from_environment({"NOTIFY_SOCKET": str(tmp_path / "notify")})
    loop = threading.Thread(target=daemon.run)
    loop.start()
    try:
        yield
    finally:
        gate.open()
        daemon.stop()
        loop.join(WITHIN_S)
        rig.kill()


def test_a_turn_that_hangs_feeds_nothing(make_rig: Callable[..., Rig], manager: Manager, tmp_path: Path) -> None:
    gate = Gate()
    rig = make_rig(faults=lambda point: gate(point) if point == "before_read" else None)
    rig.start()
    with running(rig, tmp_path, gate):
        manager.hears("WATCHDOG=1")
        gate.shut()
        assert manager.falls_silent()
        gate.open()
        manager.hears("WATCHDOG=1")


def test_a_store_that_hangs_is_told_as_an_outage_and_the_watchdog_is_fed(
    rig: Rig, manager: Manager, tmp_path: Path
) -> None:
    gate = Gate()
    rig.start()
    assert rig.store is not None
    rig.store.before = gate
    gate.shut()
    rig.write("a.jsonl", natives("a", 0, 300))
    with running(rig, tmp_path, gate):
        told = manager.hears_while("STATUS=outage", lambda: rig.clock.advance(SILENCE_S / 10))
        assert "the store has not answered for" in told
        manager.hears("WATCHDOG=1")
        gate.open()
        manager.hears_while("STATUS=ok: 300 stored", lambda: rig.clock.advance(1))
    assert rig.counted() == expected("a", 300)


def test_the_status_line_is_a_sentence_for_people() -> None:
    status = Status(
        pid=1,
        started_at="",
        updated_at="",
        state="degraded",
        reasons=("/logs/a.jsonl: Permission denied",),
        store=StoreStatus(url="sqlite:///x"),
        totals=Totals(stored=12_000, dead_letters=3, lost_bytes=1_500),
        rate_lines_s=42.4,
        lag_bytes=3_000_000,
        files_total=7,
    )
    assert sentence_of(status) == (
        "degraded: 12000 stored, 42 lines/s, 7 files, 3.0 MB behind, 3 dead letters, 1.5 kB lost; "
        "/logs/a.jsonl: Permission denied"
    )
