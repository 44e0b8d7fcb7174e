"""Errors by fingerprint, over scripts and run by run, from their sightings and the events that are still there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from logagent.formats.error_fingerprint import ErrorShape
from logagent.store.arango.connection import Connection
from logagent.store.groups import ErrorInRun, ErrorSelection, ErrorTally
from logagent.store.text import decode, original, storable, storable_or_none


class _Seen(msgspec.Struct):
    fingerprint: str
    execution_id: str
    script_name: str
    started_us: int
    status: str
    shape: str
    events: int
    ends: int
    first_us: int
    last_us: int
    first_key: str | None
    last_key: str | None

    @property
    def count(self) -> int:
        """Events, or the ends that told of it where none is there."""
        return max(self.events, self.ends)

    @property
    def start(self) -> tuple[int, str]:
        """What tells the earlier run from the later one."""
        return self.started_us, self.execution_id


def _seen(connection: Connection, selection: ErrorSelection) -> list[_Seen]:
    return connection.rows("errors_in_runs", _Seen, **_bound(selection))


def _bound(selection: ErrorSelection) -> dict[str, Any]:
    file = selection.file
    return {
        "fingerprint": selection.fingerprint or None,
        "execution_id": storable_or_none(selection.execution_id),
        "script": storable_or_none(selection.script),
        "suffix": None if file is None else "/" + storable(file.lstrip("/")),
    }


def tallies(connection: Connection, selection: ErrorSelection, limit: int) -> list[ErrorTally]:
    """Errors by script, the last seen first."""
    grouped: dict[tuple[str, str], list[_Seen]] = {}
    for seen in _seen(connection, selection):
        grouped.setdefault((seen.fingerprint, seen.script_name), []).append(seen)
    found = [_tally(each) for each in grouped.values()]
    since_us = selection.since_us
    found = [each for each in found if since_us is None or each.last_us >= since_us]
    found.sort(key=lambda each: (-each.last_us, each.fingerprint, each.script_name))
    return found[: max(limit, 0)]


def _tally(seen: Sequence[_Seen]) -> ErrorTally:
    first, last = min(seen, key=lambda each: each.start), max(seen, key=lambda each: each.start)
    latest = max(seen, key=lambda each: (each.last_key is not None, each.last_us))
    return ErrorTally(
        fingerprint=first.fingerprint,
        script_name=original(first.script_name),
        shape=_shape(first),
        runs=sum(bool(each.execution_id) for each in seen),
        count=sum(each.count for each in seen),
        first_us=min(each.first_us for each in seen),
        last_us=max(each.last_us for each in seen),
        first_run=original(first.execution_id),
        first_started_us=first.started_us,
        last_run=original(last.execution_id),
        last_started_us=last.started_us,
        sample=latest.last_key,
        is_end=not any(each.events for each in seen),
    )


def _shape(seen: _Seen) -> ErrorShape:
    return decode(seen.shape.encode(), ErrorShape)


def in_runs(connection: Connection, selection: ErrorSelection, limit: int) -> list[ErrorInRun]:
    """Errors run by run: of the latest started run first, in a run by their first event."""
    since_us = selection.since_us
    found = [each for each in _seen(connection, selection) if since_us is None or each.last_us >= since_us]
    found.sort(key=lambda each: (each.first_us, each.fingerprint))
    found.sort(key=lambda each: each.start, reverse=True)
    return [_in_run(each) for each in found[: max(limit, 0)]]


def _in_run(seen: _Seen) -> ErrorInRun:
    return ErrorInRun(
        fingerprint=seen.fingerprint,
        execution_id=original(seen.execution_id),
        script_name=original(seen.script_name),
        started_us=seen.started_us,
        status=original(seen.status),
        shape=_shape(seen),
        count=seen.count,
        first_us=seen.first_us,
        last_us=seen.last_us,
        first_key=seen.first_key,
    )
