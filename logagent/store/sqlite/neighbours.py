"""An event's neighbours in its run, or, without a run, in its file."""

from __future__ import annotations

from typing import Any

import apsw

from logagent.formats.record import UNKNOWN_EXECUTION, LogLine, Record
from logagent.store.selection import Position
from logagent.store.sqlite.names import HASH_BIAS
from logagent.store.sqlite.plan import POSITION, place
from logagent.store.text import storable


def neighbours(db: apsw.Connection, record: Record, before: int, after: int) -> list[int]:
    """Ids of up to `before` events, the event, up to `after` events, oldest first."""
    group, values = _group(db, record)
    here = place(Position(record.ts_us, record.offset, record.key))
    wanted = f"SELECT e.id FROM events e WHERE {group} AND {POSITION}"
    older = db.execute(
        f"{wanted} < (?, ?, ?, ?) ORDER BY e.ts_us DESC, e.offset DESC, e.own DESC, e.key_hash DESC LIMIT ?",
        (*values, *here, max(before, 0)),
    ).fetchall()
    newer = db.execute(
        f"{wanted} >= (?, ?, ?, ?) ORDER BY e.ts_us, e.offset, e.own, e.key_hash LIMIT ?",
        (*values, *here, max(after, 0) + 1),
    ).fetchall()
    return [row[0] for row in [*reversed(older), *newer]]


def _group(db: apsw.Connection, record: Record) -> tuple[str, tuple[Any, ...]]:
    assert isinstance(record.line, LogLine)
    execution_id = record.line.execution_id
    if execution_id == UNKNOWN_EXECUTION:
        fingerprint = record.origin.fingerprint - HASH_BIAS
        return "e.origin_id IN (SELECT id FROM origins WHERE fingerprint = ?)", (fingerprint,)
    bounds = db.execute(
        "SELECT r.id, min(t.first_us), max(t.last_us) FROM runs r JOIN tallies t ON t.run_id = r.id"
        " WHERE r.execution_id = ?",
        (storable(execution_id),),
    ).get
    return "e.run_id = ? AND e.ts_us BETWEEN ? AND ?", bounds
