"""Runs with what their events say, and the overview."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from logagent.formats.fold import run_key
from logagent.store.arango.connection import Connection
from logagent.store.arango.folded import run_of
from logagent.store.protocol import Overview, RunPage, RunSummary, Total
from logagent.store.selection import RunSelection
from logagent.store.text import original, storable, storable_or_none


class _Run(msgspec.Struct):
    execution_id: str
    script_name: str
    started_us: int | None = None
    crashed_us: int | None = None
    fold: str | None = None


class _Level(msgspec.Struct):
    execution_id: str
    level: str
    count: int
    first_us: int
    last_us: int


class _Named(msgspec.Struct):
    name: str
    total: int


class _Overview(msgspec.Struct):
    levels: list[_Named]
    statuses: list[_Named]
    scripts: list[_Named]
    first_us: int | None
    last_us: int | None


def page(connection: Connection, selection: RunSelection, limit: int) -> RunPage:
    """Up to `limit` runs, newest first."""
    if limit <= 0:
        return RunPage((), False)
    rows = connection.rows("runs_page", _Run, limit=limit + 1, after=_after(selection), **_bound(selection))
    return RunPage(_summaries(connection, rows[:limit]), len(rows) > limit)


def one(connection: Connection, execution_id: str) -> RunSummary | None:
    """One run by its whole id."""
    rows = connection.rows("runs_one", _Run, key=run_key(execution_id))
    return next(iter(_summaries(connection, rows)), None)


def ids(connection: Connection, prefix: str, limit: int) -> list[str]:
    """Execution ids with that prefix, newest first."""
    selection = RunSelection(id_prefix=prefix or None)
    rows = connection.rows("runs_page", _Run, limit=max(limit, 0), after=None, **_bound(selection))
    return [original(row.execution_id) for row in rows]


def count(connection: Connection, selection: RunSelection) -> Total:
    """How many runs the selection holds."""
    return Total(connection.value("runs_count", int, **_bound(selection)), True)


def _bound(selection: RunSelection) -> dict[str, Any]:
    return {
        "script": storable_or_none(selection.script),
        "status": [storable(each) for each in selection.status],
        "prefix": storable_or_none(selection.id_prefix or None),
        "since_us": selection.since_us,
        "until_us": selection.until_us,
    }


def _after(selection: RunSelection) -> dict[str, Any] | None:
    if selection.after is None:
        return None
    started_us, execution_id = selection.after
    return {"started_us": started_us, "execution_id": storable(execution_id)}


def _summaries(connection: Connection, rows: Sequence[_Run]) -> list[RunSummary]:
    if not rows:
        return []
    levels: dict[str, list[_Level]] = {row.execution_id: [] for row in rows}
    for level in connection.rows("runs_levels", _Level, ids=list(levels)):
        levels[level.execution_id].append(level)
    return [_summary(row, levels[row.execution_id]) for row in rows]


def _summary(row: _Run, levels: Sequence[_Level]) -> RunSummary:
    run = run_of(row.execution_id, row.fold, row.crashed_us)
    if not run.script_name:
        run = msgspec.structs.replace(run, script_name=original(row.script_name))
    return RunSummary(
        run=run,
        started_us=row.started_us or 0,
        levels={original(each.level): each.count for each in levels},
        first_us=min((each.first_us for each in levels), default=None),
        last_us=max((each.last_us for each in levels), default=None),
    )


def overview(connection: Connection) -> Overview:
    """What there is at all."""
    found = connection.value("overview", _Overview)
    levels, statuses, scripts = (_counts(each) for each in (found.levels, found.statuses, found.scripts))
    return Overview(
        events=Total(sum(levels.values()), True),
        runs=sum(statuses.values()),
        runs_by_status=statuses,
        levels=levels,
        scripts=list(scripts.items()),
        first_us=found.first_us,
        last_us=found.last_us,
    )


def _counts(rows: Sequence[_Named]) -> dict[str, int]:
    return {original(row.name): row.total for row in rows}
