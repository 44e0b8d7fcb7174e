"""Events in the order in which they were stored: what following looks at."""

from __future__ import annotations

from typing import Any

import apsw
import msgspec

from logagent.store.selection import Direction, Selection
from logagent.store.sqlite.plan import Plan, plan_of
from logagent.store.sqlite.tokens import Words


def arrived(db: apsw.Connection, selection: Selection, mark: str | None, limit: int) -> tuple[list[int], str]:
    """Ids of the selection's events stored since the mark, at most `limit`, and the next mark; a mark is an id.

    Pruning the newest events lets their ids be given again; then the mark falls back to the newest there is.
    """
    newest = int(db.execute("SELECT ifnull(max(id), 0) FROM events").get)
    if mark is None or int(mark) >= newest:
        return [], str(newest)
    anywhere = msgspec.structs.replace(selection, after=None, direction=Direction.OLDEST_FIRST)
    plan = plan_of(db, Words(db), anywhere)
    if plan.is_empty or limit <= 0:
        return [], str(newest) if plan.is_empty else mark
    text, values = _query(plan)
    ids = [row[0] for row in db.execute(text, (*values, int(mark), limit))]
    return ids, str(ids[-1] if len(ids) == limit else newest)


def _query(plan: Plan) -> tuple[str, tuple[Any, ...]]:
    where, values = plan.where
    if plan.match is None:
        return f"SELECT e.id FROM events e WHERE {where} AND e.id > ? ORDER BY e.id LIMIT ?", values
    return (
        "SELECT e.id FROM events_fts f CROSS JOIN events e ON e.id = f.rowid"
        f" WHERE events_fts MATCH ? AND {where} AND f.rowid > ? ORDER BY f.rowid LIMIT ?",
        (plan.match, *values),
    )
