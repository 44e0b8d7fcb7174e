"""Events counted by one thing: from the tallies where they know, else from the events themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import apsw
import msgspec

from logagent.store.protocol import Tally, TallyBy
from logagent.store.selection import Direction, Selection
from logagent.store.sqlite.conditions import is_counted, sql_of
from logagent.store.sqlite.plan import plan_of
from logagent.store.sqlite.text import original
from logagent.store.sqlite.tokens import Words

# What is grouped in the inner query is a number; only the groups get their names looked up.
_GROUPS: Final = {
    TallyBy.LEVEL: ("e.level_id", "(SELECT name FROM levels WHERE id = g.number)"),
    TallyBy.SCRIPT: ("e.site_id", "(SELECT script FROM sites WHERE id = g.number)"),
    TallyBy.FUNCTION: ("e.site_id", "(SELECT function FROM sites WHERE id = g.number)"),
    TallyBy.FILE: ("e.site_id", "(SELECT file FROM sites WHERE id = g.number)"),
    TallyBy.RUN: ("e.run_id", "(SELECT execution_id FROM runs WHERE id = g.number AND id > 0)"),
    TallyBy.HOST: (
        "(e.process_id << 32 | e.origin_id)",
        "(SELECT coalesce(p.hostname, o.host) FROM processes p, origins o"
        " WHERE p.id = g.number >> 32 AND o.id = g.number & 4294967295)",
    ),
    TallyBy.HOUR: ("e.ts_us / 3600000000", "strftime('%Y-%m-%dT%H', g.number * 3600, 'unixepoch')"),
    TallyBy.DAY: ("e.ts_us / 86400000000", "strftime('%Y-%m-%d', g.number * 86400, 'unixepoch')"),
}
_BY_TIME: Final = frozenset({TallyBy.HOUR, TallyBy.DAY})
_NOT_TALLIED: Final = _BY_TIME | {TallyBy.HOST}


def tally(db: apsw.Connection, selection: Selection, by: TallyBy, limit: int) -> Sequence[Tally]:
    """See `Reader.tally`."""
    if limit <= 0:
        return ()
    source, values = _source(db, selection, by)
    name = _GROUPS[by][1]
    order = "1 DESC" if by in _BY_TIME else "2 DESC, 1"
    rows = db.execute(
        f"SELECT ifnull({name}, ''), sum(g.count), min(g.first_us), max(g.last_us) FROM ({source}) g"
        f" GROUP BY 1 ORDER BY {order} LIMIT ?",
        (*values, limit),
    )
    return [Tally(original(value), count, first, last) for value, count, first, last in rows]


def _source(db: apsw.Connection, selection: Selection, by: TallyBy) -> tuple[str, tuple[Any, ...]]:
    """SQL for number, count, first and last time of each group, and its values."""
    number = _GROUPS[by][0]
    has_window = selection.since_us is not None or selection.until_us is not None
    if by not in _NOT_TALLIED and not has_window and is_counted(selection.where):
        where, values = sql_of(selection.where, Words(db))
        counted = "sum(e.count) AS count, min(e.first_us) AS first_us, max(e.last_us) AS last_us"
        return f"SELECT {number} AS number, {counted} FROM tallies e WHERE {where} GROUP BY 1", values
    return _from_events(db, selection, number)


def _from_events(db: apsw.Connection, selection: Selection, number: str) -> tuple[str, tuple[Any, ...]]:
    everything = msgspec.structs.replace(selection, after=None, direction=Direction.NEWEST_FIRST)
    plan = plan_of(db, Words(db), everything)
    counted = "count(*) AS count, min(e.ts_us) AS first_us, max(e.ts_us) AS last_us"
    head = f"SELECT {number} AS number, {counted} FROM"
    where, values = plan.where
    if plan.is_empty:
        return f"{head} events e WHERE 0 GROUP BY 1", ()
    if plan.match is None:
        return f"{head} events e WHERE {where} GROUP BY 1", values
    return (
        f"{head} events_fts f CROSS JOIN events e ON e.id = f.rowid"
        f" WHERE events_fts MATCH ? AND f.rowid BETWEEN ? AND ? AND {where} GROUP BY 1",
        (plan.match, plan.first_id, plan.last_id, *values),
    )
