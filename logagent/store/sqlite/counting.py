"""Counts of a selection: one number, or one for each value. From the tallies wherever they suffice."""

from __future__ import annotations

from typing import Any, Final

import apsw
import msgspec

from logagent.store.protocol import Tally, TallyBy, Total
from logagent.store.selection import And, Compare, Condition, Field, Selection
from logagent.store.sqlite.conditions import Sql, is_counted, sql_of
from logagent.store.sqlite.intake import HOUR_US
from logagent.store.sqlite.plan import plan_of
from logagent.store.sqlite.schema import whole_periods
from logagent.store.sqlite.tokens import Words
from logagent.store.text import original

_NAMED: Final = {
    TallyBy.LEVEL: ("e.level_id", "(SELECT name FROM levels WHERE id = g.value)"),
    TallyBy.SCRIPT: ("e.site_id", "(SELECT script FROM sites WHERE id = g.value)"),
    TallyBy.FUNCTION: ("e.site_id", "(SELECT ifnull(function, '') FROM sites WHERE id = g.value)"),
    TallyBy.FILE: ("e.site_id", "(SELECT ifnull(file, '') FROM sites WHERE id = g.value)"),
    TallyBy.RUN: ("e.run_id", "iif(g.value = 0, '', (SELECT execution_id FROM runs WHERE id = g.value))"),
    TallyBy.HOST: (
        "e.process_id << 31 | e.origin_id",
        "(SELECT coalesce(p.hostname, o.host) FROM processes p, origins o"
        " WHERE p.id = g.value >> 31 AND o.id = g.value & 2147483647)",
    ),
}
"""By what to group rows, and what each group is called; groups of one name are added up."""

_TIMED: Final = {TallyBy.HOUR: (1, "%Y-%m-%dT%H"), TallyBy.DAY: (24, "%Y-%m-%d")}

_OF_EVENTS: Final = "count(*) AS n, min(e.ts_us) AS first_us, max(e.ts_us) AS last_us"
_OF_TALLIES: Final = "sum(e.count) AS n, min(e.first_us) AS first_us, max(e.last_us) AS last_us"


def count(db: apsw.Connection, selection: Selection, cap: int) -> Total:
    """How many there are, counted up to `cap`; beyond it too where the tallies know."""
    words = Words(db)
    if _is_timeless(selection) and is_counted(selection.where):
        text, values = sql_of(selection.where, words)
        return Total(db.execute(f"SELECT ifnull(sum(count), 0) FROM tallies e WHERE {text}", values).get, True)
    source, values = _events(db, words, selection)
    found = db.execute(f"SELECT count(*) FROM (SELECT 1 FROM {source} LIMIT ?)", (*values, cap + 1)).get
    return Total(min(found, cap), found <= cap)


def tally(db: apsw.Connection, selection: Selection, by: TallyBy, limit: int) -> list[Tally]:
    """Counts by value, the most frequent first, equal ones by name; by hour or day the newest first."""
    grouped, values, name = _grouped(db, selection, by)
    rows = db.execute(
        f"SELECT name, sum(n), min(first_us), max(last_us) FROM (SELECT {name} AS name, n, first_us, last_us"
        f" FROM ({grouped}) g) GROUP BY name ORDER BY {'1' if by in _TIMED else '2'} DESC, 1 LIMIT ?",
        (*values, max(limit, 0)),
    )
    return [Tally(original(str(value)), *numbers) for value, *numbers in rows]


def _grouped(db: apsw.Connection, selection: Selection, by: TallyBy) -> tuple[str, tuple[Any, ...], str]:
    words = Words(db)
    timeless = _is_timeless(selection)
    if by in _TIMED:
        hours, form = _TIMED[by]
        value, name = (
            whole_periods("e.ts_us", hours * HOUR_US),
            f"strftime('{form}', g.value * {hours * 3600}, 'unixepoch')",
        )
        if timeless and _is_of_levels(selection.where):
            text, values = sql_of(selection.where, words)
            value = whole_periods("e.hour", hours)
            return f"SELECT {value} AS value, {_OF_TALLIES} FROM level_hours e WHERE {text} GROUP BY 1", values, name
    else:
        value, name = _NAMED[by]
        if timeless and by is not TallyBy.HOST and is_counted(selection.where):
            text, values = sql_of(selection.where, words)
            return f"SELECT {value} AS value, {_OF_TALLIES} FROM tallies e WHERE {text} GROUP BY 1", values, name
    source, values = _events(db, words, selection)
    return f"SELECT {value} AS value, {_OF_EVENTS} FROM {source} GROUP BY 1", values, name


def _is_timeless(selection: Selection) -> bool:
    return selection.since_us is None and selection.until_us is None


def _is_of_levels(condition: Condition) -> bool:
    parts = condition.conditions if isinstance(condition, And) else (condition,)
    return all(isinstance(part, Compare) and part.field is Field.LEVEL for part in parts)


def _events(db: apsw.Connection, words: Words, selection: Selection) -> Sql:
    """What follows FROM to have the selection's events as `e`."""
    plan = plan_of(db, words, msgspec.structs.replace(selection, after=None))
    text, values = plan.where
    if plan.match is None:
        return f"events e WHERE {text}", values
    return (
        "events_fts f CROSS JOIN events e ON e.id = f.rowid"
        f" WHERE events_fts MATCH ? AND f.rowid BETWEEN ? AND ? AND {text}",
        (plan.match, plan.first_id, plan.last_id, *values),
    )
