"""Retention: deleting events in small steps, and remembering what was deleted, so that a re-read stays out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

import apsw

from logagent.formats.record import Record
from logagent.store.expiry import IsExpired, concerned, expiry_test
from logagent.store.protocol import PruneCriteria, PruneResult
from logagent.store.sqlite.connection import fetched
from logagent.store.sqlite.errors import FORGET_CHOSEN
from logagent.store.sqlite.intake import HOUR_US
from logagent.store.sqlite.names import HASH_BIAS
from logagent.store.sqlite.schema import KEY, whole_periods
from logagent.store.text import original, storable

_CHOSEN: Final = "temp.chosen"


class PruneLog:
    """What was pruned, as `append` asks it; read again whenever it has changed."""

    def __init__(self) -> None:
        self._version = 0
        self._criteria: list[PruneCriteria] = []

    def check(self, db: apsw.Connection, records: Sequence[Record]) -> IsExpired | None:
        """A test for records that were pruned, or None where none of these can have been."""
        self._refresh(db)
        log = concerned(self._criteria, records)
        return expiry_test(log, _stored_ends(db, records)) if log else None

    def _refresh(self, db: apsw.Connection) -> None:
        version = db.execute("SELECT coalesce(max(id), 0) FROM prune_log").get
        if version != self._version:
            rows = db.execute("SELECT before_us, execution_ids, level_no FROM prune_log")
            self._criteria = [_criteria(*row) for row in rows]
            self._version = version


def _criteria(before_us: int | None, execution_ids: str | None, level_no: int | None) -> PruneCriteria:
    ids = None if execution_ids is None else tuple(map(original, json.loads(execution_ids)))
    return PruneCriteria(before_us=before_us, execution_ids=ids, level_no=level_no)


def _stored_ends(db: apsw.Connection, records: Sequence[Record]) -> dict[int, int]:
    fingerprints = {record.origin.fingerprint for record in records}
    rows = db.execute(
        "SELECT s.fingerprint, s.stored_end FROM json_each(?) j CROSS JOIN sources s ON s.fingerprint = j.value",
        (json.dumps([fingerprint - HASH_BIAS for fingerprint in fingerprints]),),
    )
    return {signed + HASH_BIAS: end for signed, end in rows}


def prune_step(db: apsw.Connection, criteria: PruneCriteria, limit: int, *, dry_run: bool) -> PruneResult:
    """Delete up to `limit` matching events, their words and their counts, inside the caller's transaction."""
    if criteria == PruneCriteria():
        return PruneResult(0, 0)
    matching, values = _matching(criteria)
    if dry_run:
        return PruneResult(db.execute(f"SELECT count(*) FROM events e WHERE {matching}", values).get, 0)
    _remember(db, criteria)
    db.execute("CREATE TEMP TABLE IF NOT EXISTS chosen (id INTEGER PRIMARY KEY)")
    db.execute(f"INSERT INTO {_CHOSEN} SELECT e.id FROM events e WHERE {matching} LIMIT ?", (*values, limit))
    deleted = db.changes()
    for statement in _DELETE:
        db.execute(statement)
    fetched(db, _GIVE_BACK)
    return PruneResult(deleted, deleted)


def _matching(criteria: PruneCriteria) -> tuple[str, tuple[Any, ...]]:
    conditions, values = [], list[Any]()
    if criteria.before_us is not None:
        conditions.append("e.ts_us < ? AND e.ingested_us < ?")
        values += [criteria.before_us, criteria.before_us]
    if criteria.execution_ids is not None:
        conditions.append("e.run_id IN (SELECT r.id FROM json_each(?) j JOIN runs r ON r.execution_id = j.value)")
        values.append(_ids_text(criteria.execution_ids))
    if criteria.level_no is not None:
        conditions.append("e.level_id IN (SELECT id FROM levels WHERE level_no = ?)")
        values.append(criteria.level_no)
    return " AND ".join(conditions), tuple(values)


def _ids_text(execution_ids: tuple[str, ...]) -> str:
    return json.dumps([storable(execution_id) for execution_id in sorted(set(execution_ids))])


def _remember(db: apsw.Connection, criteria: PruneCriteria) -> None:
    """Write the criteria to the log; a later cut-off replaces an earlier one that is otherwise the same."""
    ids = None if criteria.execution_ids is None else _ids_text(criteria.execution_ids)
    same = (ids, criteria.level_no, criteria.before_us is None)
    where = "execution_ids IS ? AND level_no IS ? AND (before_us IS NULL) = ?"
    known = fetched(db, f"SELECT id, before_us FROM prune_log WHERE {where}", same)
    if known and (criteria.before_us is None or known[0][1] >= criteria.before_us):
        return
    db.execute(
        "INSERT INTO prune_log (before_us, execution_ids, level_no) VALUES (?, ?, ?)",
        (criteria.before_us, ids, criteria.level_no),
    )
    db.executemany("DELETE FROM prune_log WHERE id = ?", [(number,) for number, _ in known])


# First and last of a tally stay as they were: bounds that hold what is left. `runs.pruned` says so.
_DELETE: Final = (
    "UPDATE runs SET pruned = 1 WHERE id IN (SELECT run_id FROM events WHERE id IN temp.chosen)",
    "UPDATE tallies SET count = count - gone.n FROM (SELECT run_id, site_id, level_id, count(*) AS n FROM events"
    " WHERE id IN temp.chosen GROUP BY 1, 2, 3) gone WHERE tallies.run_id = gone.run_id"
    " AND tallies.site_id = gone.site_id AND tallies.level_id = gone.level_id",
    "DELETE FROM tallies WHERE count = 0",
    f"UPDATE level_hours SET count = count - gone.n FROM (SELECT {whole_periods('ts_us', HOUR_US)} AS hour, level_id,"
    " count(*) AS n FROM events WHERE id IN temp.chosen GROUP BY 1, 2) gone"
    " WHERE level_hours.hour = gone.hour AND level_hours.level_id = gone.level_id",
    "DELETE FROM level_hours WHERE count = 0",
    "DELETE FROM events_fts WHERE rowid IN temp.chosen",
    "DELETE FROM event_embeddings WHERE event_id IN temp.chosen",
    "DELETE FROM log_embeddings WHERE event_id IN temp.chosen",
    *(
        f"DELETE FROM log_causality WHERE {end} IN (SELECT {KEY} FROM events e WHERE e.id IN temp.chosen)"
        " AND EXISTS (SELECT 1 FROM log_causality)"
        for end in ("from_log", "to_log")
    ),
    *FORGET_CHOSEN,
    "DELETE FROM events WHERE id IN temp.chosen",
    "DELETE FROM temp.chosen",
)

_GIVE_BACK: Final = "PRAGMA incremental_vacuum(250)"
"""Gives back a page with each row fetched: executed without fetching, it stops after the first.

A step of 2,000 events frees some 150 pages; each one given back is another one moved, so no more than needed.
"""
