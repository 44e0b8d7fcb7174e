"""Runs as their rows and tallies tell them, and the overview."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

import apsw
import msgspec

from logagent.store.protocol import Overview, RunPage, RunSummary, Total
from logagent.store.selection import RunSelection
from logagent.store.sqlite.folding import run_of
from logagent.store.text import original, storable

_MAX_SCRIPTS: Final = 50
_COLUMNS: Final = "r.id, r.execution_id, r.document, r.script_name, r.started_us, r.pruned"
_NEWEST: Final = "ORDER BY r.started_us DESC, r.execution_id DESC"
_TALLIES: Final = """
SELECT t.run_id, l.name, sum(t.count), min(t.first_us), max(t.last_us) FROM json_each(?) j
CROSS JOIN tallies t ON t.run_id = j.value JOIN levels l ON l.id = t.level_id GROUP BY 1, 2"""
_LEFT: Final = "SELECT min(ts_us), max(ts_us) FROM events WHERE run_id = ? AND ts_us BETWEEN ? AND ?"


def page(db: apsw.Connection, selection: RunSelection, limit: int) -> RunPage:
    """Up to `limit` runs, newest first."""
    where, values = _where(selection)
    if limit <= 0:
        return RunPage((), False)
    rows = db.execute(f"SELECT {_COLUMNS} FROM runs r WHERE {where} {_NEWEST} LIMIT ?", (*values, limit + 1)).fetchall()
    return RunPage(_summaries(db, rows[:limit]), len(rows) > limit)


def one(db: apsw.Connection, execution_id: str) -> RunSummary | None:
    """One run by its whole id."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM runs r WHERE r.id > 0 AND r.execution_id = ?", (storable(execution_id),)
    ).fetchall()
    return next(iter(_summaries(db, rows)), None)


def ids(db: apsw.Connection, prefix: str, limit: int) -> list[str]:
    """Execution ids with that prefix, newest first."""
    where, values = _where(RunSelection(id_prefix=prefix or None))
    rows = db.execute(f"SELECT r.execution_id FROM runs r WHERE {where} {_NEWEST} LIMIT ?", (*values, limit))
    return [original(row[0]) for row in rows]


def count(db: apsw.Connection, selection: RunSelection) -> int:
    """How many runs the selection holds."""
    where, values = _where(msgspec.structs.replace(selection, after=None))
    return int(db.execute(f"SELECT count(*) FROM runs r WHERE {where}", values).get)


def _where(selection: RunSelection) -> tuple[str, tuple[Any, ...]]:
    parts: list[tuple[str, tuple[Any, ...]]] = [("r.id > 0", ())]
    if selection.script is not None:
        parts.append(("r.script_name = ?", (storable(selection.script),)))
    if selection.status:
        parts.append(("r.status IN (SELECT value FROM json_each(?))", (json.dumps(selection.status),)))
    if selection.id_prefix:
        prefix = storable(selection.id_prefix)
        parts.append(("r.execution_id >= ? AND r.execution_id < ?", (prefix, prefix + "\U0010ffff")))
    if selection.since_us is not None:
        parts.append(("r.started_us >= ?", (selection.since_us,)))
    if selection.until_us is not None:
        parts.append(("r.started_us < ?", (selection.until_us,)))
    if selection.after is not None:
        started_us, execution_id = selection.after
        parts.append(("(r.started_us, r.execution_id) < (?, ?)", (started_us, storable(execution_id))))
    return " AND ".join(text for text, _ in parts), tuple(value for _, values in parts for value in values)


def _summaries(db: apsw.Connection, rows: Iterable[tuple[Any, ...]]) -> list[RunSummary]:
    rows = list(rows)
    tallies: dict[int, list[tuple[Any, ...]]] = {row[0]: [] for row in rows}
    for run_id, *tally in db.execute(_TALLIES, (json.dumps(list(tallies)),)):
        tallies[run_id].append(tuple(tally))
    return [_summary(db, row, tallies[row[0]]) for row in rows]


def _summary(db: apsw.Connection, row: tuple[Any, ...], tallies: list[tuple[Any, ...]]) -> RunSummary:
    run_id, execution_id, document, script_name, started_us, was_pruned = row
    run = run_of(execution_id, document)
    if not run.script_name:
        run = msgspec.structs.replace(run, script_name=original(script_name))
    first_us, last_us = min((t[2] for t in tallies), default=None), max((t[3] for t in tallies), default=None)
    if was_pruned and tallies:
        first_us, last_us = db.execute(_LEFT, (run_id, first_us, last_us)).get
    levels = {original(name): total for name, total, _, _ in tallies}
    return RunSummary(run=run, started_us=started_us or 0, levels=levels, first_us=first_us, last_us=last_us)


def overview(db: apsw.Connection) -> Overview:
    """What there is at all: from counts and the ends of the order, without looking at events."""
    levels = _counts(db, "SELECT l.name, sum(h.count) FROM level_hours h JOIN levels l ON l.id = h.level_id GROUP BY 1")
    statuses = _counts(db, "SELECT status, count(*) FROM runs WHERE id > 0 GROUP BY 1")
    scripts = _counts(
        db,
        f"SELECT script_name, count(*) FROM runs WHERE id > 0 GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {_MAX_SCRIPTS}",
    )
    return Overview(
        events=Total(sum(levels.values()), True),
        runs=sum(statuses.values()),
        runs_by_status=statuses,
        levels=levels,
        scripts=list(scripts.items()),
        first_us=db.execute("SELECT min(ts_us) FROM events").get,
        last_us=db.execute("SELECT max(ts_us) FROM events").get,
    )


def _counts(db: apsw.Connection, text: str) -> dict[str, int]:
    return {original(str(name)): int(total or 0) for name, total in db.execute(text)}
