"""Counts of a selection: on the server where its query is exact, else of the events that come back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Final

import msgspec

from logagent.formats.record import UNKNOWN_EXECUTION, LogLine, Record
from logagent.formats.times import utc_text
from logagent.store.arango.connection import Connection
from logagent.store.arango.finding import walk
from logagent.store.arango.narrowing import narrowed
from logagent.store.protocol import Tally, TallyBy, Total
from logagent.store.selection import Direction, Selection
from logagent.store.text import original


class _Tally(msgspec.Struct):
    value: str
    count: int
    first_us: int
    last_us: int


def count(connection: Connection, selection: Selection, cap: int) -> Total:
    """How many there are, counted up to `cap`."""
    selection = _everywhere(selection)
    narrow = narrowed(selection)
    if narrow.is_empty:
        return Total(0, True)
    if narrow.is_exact:
        found = connection.value("events_count", int, limit=cap + 1, **narrow.bound)
    else:
        found = sum(1 for _ in islice(walk(connection, selection, None), cap + 1))
    return Total(min(found, cap), found <= cap)


def _everywhere(selection: Selection) -> Selection:
    return msgspec.structs.replace(selection, after=None, direction=Direction.NEWEST_FIRST)


def tally(connection: Connection, selection: Selection, by: TallyBy, limit: int) -> Sequence[Tally]:
    """Counts by value, the most frequent first, equal ones by name; by hour or day the newest first."""
    selection = _everywhere(selection)
    narrow = narrowed(selection)
    if narrow.is_empty or limit <= 0:
        return []
    if narrow.is_exact:
        rows = connection.rows("events_tally", _Tally, by=str(by), limit=limit, **narrow.bound)
        return [Tally(original(row.value), row.count, row.first_us, row.last_us) for row in rows]
    return _counted_here(connection, selection, by, limit)


def _counted_here(connection: Connection, selection: Selection, by: TallyBy, limit: int) -> list[Tally]:
    seen: dict[str, list[int]] = {}
    for record in walk(connection, selection, None):
        value = _VALUES[by](record, record.line)  # type: ignore[arg-type]
        counted = seen.setdefault(value, [0, record.ts_us, record.ts_us])
        counted[0] += 1
        counted[1:] = [min(counted[1], record.ts_us), max(counted[2], record.ts_us)]
    tallies = [Tally(value, *counted) for value, counted in seen.items()]
    if by in (TallyBy.HOUR, TallyBy.DAY):
        tallies.sort(key=lambda each: each.value, reverse=True)
    else:
        tallies.sort(key=lambda each: (-each.count, each.value))
    return tallies[:limit]


_VALUES: Final[dict[TallyBy, Callable[[Record, LogLine], str]]] = {
    TallyBy.LEVEL: lambda _, line: line.level,
    TallyBy.SCRIPT: lambda _, line: line.script_name,
    TallyBy.RUN: lambda _, line: "" if line.execution_id == UNKNOWN_EXECUTION else line.execution_id,
    TallyBy.FUNCTION: lambda _, line: line.function_name or "",
    TallyBy.FILE: lambda _, line: line.file_path or "",
    TallyBy.HOST: lambda record, line: line.hostname if line.hostname is not None else record.origin.host,
    TallyBy.HOUR: lambda record, _: utc_text(record.ts_us)[:13],
    TallyBy.DAY: lambda record, _: utc_text(record.ts_us)[:10],
}
