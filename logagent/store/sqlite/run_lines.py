"""The lines of runs as templates look at them: few columns, or only counts by call site."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

import apsw

from logagent.formats.key import key_text
from logagent.store.groups import RunLine, SiteTally
from logagent.store.sqlite.names import HASH_BIAS
from logagent.store.text import original, original_or_none, storable

_COLUMNS: Final = "e.ts_us, e.own, e.offset, e.key_hash, l.name, s.function, s.file, s.line, e.message"
_LINES: Final = f"""
SELECT {_COLUMNS} FROM events e JOIN levels l ON l.id = e.level_id JOIN sites s ON s.id = e.site_id
WHERE e.run_id = ?1 AND e.ts_us BETWEEN ?2 AND ?3 ORDER BY e.ts_us, e.offset, e.own, e.key_hash LIMIT ?4"""
_SPAN: Final = (
    "SELECT r.id, min(t.first_us), max(t.last_us) FROM runs r JOIN tallies t ON t.run_id = r.id"
    " WHERE r.id > 0 AND r.execution_id = ?"
)
_SITES: Final = """
SELECT r.execution_id, l.name, s.function, s.file, s.line, t.count, t.first_us, t.last_us, t.first_id, t.last_id
FROM json_each(?) j CROSS JOIN runs r ON r.execution_id = j.value JOIN tallies t ON t.run_id = r.id
JOIN levels l ON l.id = t.level_id JOIN sites s ON s.id = t.site_id
WHERE r.id > 0 ORDER BY j.key, t.first_us, t.first_id, t.level_id"""
_SAMPLES: Final = (
    f"SELECT e.id, {_COLUMNS} FROM json_each(?) j CROSS JOIN events e ON e.id = j.value"
    " JOIN levels l ON l.id = e.level_id JOIN sites s ON s.id = e.site_id"
)


def lines(db: apsw.Connection, execution_id: str, limit: int) -> list[RunLine]:
    """Up to `limit` events of a run, oldest first."""
    run_id, first_us, last_us = db.execute(_SPAN, (storable(execution_id),)).get
    if run_id is None:
        return []
    return [_line(row) for row in db.execute(_LINES, (run_id, first_us, last_us, limit))]


def _line(row: tuple[Any, ...]) -> RunLine:
    ts_us, own, offset, signed, level, function, file, line, message = row
    return RunLine(
        ts_us,
        key_text(ts_us if own else 0, offset, signed + HASH_BIAS),
        original(level),
        original_or_none(function),
        original_or_none(file),
        line,
        original(message),
    )


def sites(db: apsw.Connection, execution_ids: Sequence[str]) -> list[SiteTally]:
    """Counts by run, call site and level, in the order of `execution_ids` and of the first event."""
    ids = json.dumps([storable(each) for each in execution_ids])
    rows = db.execute(_SITES, (ids,)).fetchall()
    wanted = json.dumps(sorted({number for row in rows for number in row[8:]}))
    samples = {row[0]: _line(row[1:]) for row in db.execute(_SAMPLES, (wanted,))}
    return [_site(row, samples) for row in rows]


def _site(row: tuple[Any, ...], samples: dict[int, RunLine]) -> SiteTally:
    execution_id, level, function, file, line, count, first_us, last_us, first_id, last_id = row
    return SiteTally(
        original(execution_id),
        original(level),
        original_or_none(function),
        original_or_none(file),
        line,
        count,
        first_us,
        last_us,
        samples.get(first_id),
        samples.get(last_id),
    )
