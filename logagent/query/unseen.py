"""Unseen ends: runs that have ended in the log files and not yet in the store, waited for as long as it usually takes.

Whoever asks why a run failed asks as soon as it has. Its end is on disk by then, and in the store a flush interval
later: until then `@last-failed` would be another run, and a gate would pass.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Final

import msgspec

from logagent.formats.fold import RUNNING
from logagent.formats.status import Status
from logagent.formats.times import SECOND_US, micros
from logagent.query.wording import is_plain_name
from logagent.store.protocol import Reader

PATIENCE_S: Final = 4.0
"""Twice the usual flush interval: what takes longer is said instead of waited for."""
_LOOK_EVERY_S: Final = 0.1
_RECENT_US: Final = 10 * SECOND_US
_MOST_FILES: Final = 10_000
_MOST_ENDS: Final = 20
_TAIL_BYTES: Final = 256 * 1024
_MARK: Final = b'"kind":"run_end"'


class _End(msgspec.Struct):
    timestamp: str
    execution_id: str


_DECODER: Final = msgspec.json.Decoder(_End)


def wait_for_ends(reader: Reader, status: Status | None, sleep: Callable[[float], None] = time.sleep) -> list[str]:
    """Wait until the store knows of the runs that have ended by now; returns a sentence if it does not.

    Args:
        status: of the daemon that fills the store; without one nobody knows which files are its.
        sleep: how to wait.
    """
    if status is None:
        return []
    now_us = time.time_ns() // 1_000
    told_us = _micros(status.updated_at) or now_us
    unseen = _unseen(reader, _ends(status.watched, min(told_us, now_us - _RECENT_US)))
    is_at_work = status.state in ("ok", "degraded") and not status.is_stale(now_us)
    looks = int(PATIENCE_S / _LOOK_EVERY_S) if is_at_work else 0
    while unseen and looks:
        sleep(_LOOK_EVERY_S)
        looks -= 1
        unseen = _unseen(reader, unseen)
    if not unseen:
        return []
    plain = next((end.execution_id for end in unseen if is_plain_name(end.execution_id)), "its id is no plain name")
    return [f"not in this answer: {len(unseen)} run(s) that ended and are not stored yet, the latest {plain}"]


def _unseen(reader: Reader, ends: list[_End]) -> list[_End]:
    return [end for end in ends if (run := reader.run(end.execution_id)) is None or run.run.status == RUNNING]


def _ends(directories: Sequence[str], since_us: int) -> list[_End]:
    """Ends of runs since then in files that grew since then, the latest first."""
    found = []
    for path in islice(_files(directories), _MOST_FILES):
        try:
            state = os.stat(path)
            has_grown = stat.S_ISREG(state.st_mode) and state.st_mtime_ns // 1_000 >= since_us
            tail = _tail(path, state.st_size) if has_grown else b""
        except OSError:
            continue
        found += [end for line in tail.split(b"\n")[:-1] if _MARK in line and (end := _end(line, since_us))]
    return sorted(found, key=lambda end: end.timestamp, reverse=True)[:_MOST_ENDS]


def _tail(path: str, size: int) -> bytes:
    with open(path, "rb") as file:
        file.seek(max(0, size - _TAIL_BYTES))
        return file.read(_TAIL_BYTES)


def _files(directories: Sequence[str]) -> Iterator[str]:
    for top in directories:
        for directory, _, names in os.walk(top):
            yield from (os.path.join(directory, name) for name in names if name.endswith(".jsonl"))


def _end(line: bytes, since_us: int) -> _End | None:
    try:
        end = _DECODER.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    ended_us = _micros(end.timestamp)
    return end if ended_us is not None and ended_us >= since_us else None


def _micros(text: str) -> int | None:
    try:
        return micros(datetime.fromisoformat(text))
    except ValueError:
        return None
