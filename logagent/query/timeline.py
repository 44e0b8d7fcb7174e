"""A run's time line: its events in equal stretches of time, each with how many, how bad, and what it said first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from logagent.formats.record import LogLine, Record
from logagent.formats.times import SECOND_US, utc_text
from logagent.query.item import Page
from logagent.query.references import run_id_of
from logagent.query.render.charts import bar
from logagent.store.protocol import Reader
from logagent.store.selection import Compare, Direction, Field, Selection

_MOST_EVENTS: Final = 5_000
_STRETCHES: Final = 24


def timeline(reader: Reader, reference: str) -> Page:
    """Up to 24 stretches: {at, after_seconds, events, level, id, message, chart}; of the run's first 5,000 events.

    `level`, `id` and `message` are of the worst event of the stretch, the first of them.

    Raises:
        NotFound: no such run.

    >>> [(each.events, each.level) for each in timeline(reader, "etl_2")]
    [(1, 'WARNING'), (1, 'ERROR')]
    """
    execution_id = run_id_of(reader, reference)
    selection = Selection(where=Compare(Field.RUN, "=", execution_id), direction=Direction.OLDEST_FIRST)
    page = reader.events(selection, _MOST_EVENTS)
    stretches = _stretches(page.records)
    most = max(map(len, stretches), default=0)
    start_us = page.records[0].ts_us if page.records else 0
    items = [_item(records, start_us, most) for records in stretches]
    hints = [f"of the run's first {_MOST_EVENTS:,} events; there are more"] if page.has_more else []
    return Page("stretch", items, truncated=page.has_more, hints=hints)


def _stretches(records: Sequence[Record]) -> list[list[Record]]:
    """The events by equal stretches of time; those without any are left out."""
    if not records:
        return []
    start_us = records[0].ts_us
    length_us = max((records[-1].ts_us - start_us) // _STRETCHES + 1, 1)
    found: dict[int, list[Record]] = {}
    for record in records:
        found.setdefault((record.ts_us - start_us) // length_us, []).append(record)
    return list(found.values())


def _item(records: Sequence[Record], start_us: int, most: int) -> dict[str, Any]:
    worst = max(records, key=_level_no)
    line = worst.line
    assert isinstance(line, LogLine)
    return {
        "at": utc_text(records[0].ts_us),
        "after_seconds": round((records[0].ts_us - start_us) / SECOND_US, 3),
        "events": len(records),
        "chart": bar(len(records), most, 20),
        "level": line.level,
        "id": worst.short_id,
        "message": line.message,
    }


def _level_no(record: Record) -> int:
    return record.line.level_no if isinstance(record.line, LogLine) else 0
