"""Counts kept beside the events: per run, call site and level; per level and hour; per file; per stretch of rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import apsw

from logagent.store.sqlite.intake import Intake
from logagent.store.sqlite.schema import ZONE_ROWS

_TALLY: Final = """
INSERT INTO tallies (run_id, site_id, level_id, count, first_us, last_us, first_id, last_id)
VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count,
first_us = min(first_us, excluded.first_us), last_us = max(last_us, excluded.last_us),
first_id = min(first_id, excluded.first_id), last_id = max(last_id, excluded.last_id)"""
_HOUR: Final = (
    "INSERT INTO level_hours (hour, level_id, count, first_us, last_us) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT DO UPDATE SET count = count + excluded.count,"
    " first_us = min(first_us, excluded.first_us), last_us = max(last_us, excluded.last_us)"
)
_END: Final = (
    "INSERT INTO sources (fingerprint, stored_end) SELECT fingerprint, ?2 FROM origins WHERE id = ?1"
    " ON CONFLICT DO UPDATE SET stored_end = max(stored_end, excluded.stored_end)"
)
_ZONE: Final = (
    "INSERT INTO zones (id, first_us, last_us) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET"
    " first_us = min(first_us, excluded.first_us), last_us = max(last_us, excluded.last_us)"
)
# Equal times are settled by name, so that the order in which batches come does not matter.
_RUN: Final = """
UPDATE runs SET first_event_us = ?2, event_script = s.script FROM (SELECT script FROM sites WHERE id = ?3) s
WHERE runs.id = ?1 AND runs.id > 0 AND (first_event_us IS NULL OR first_event_us > ?2
    OR first_event_us = ?2 AND event_script > s.script)"""


def add(db: apsw.Connection, intake: Intake) -> None:
    """Count the new events of a batch."""
    tallies = intake.tallies.items()
    db.executemany(
        _TALLY,
        ((*key[1:], t.count, t.first_us, t.last_us, t.first_id, t.last_id) for key, t in tallies),
    )
    db.executemany(_HOUR, ((hour, level, t.count, t.first_us, t.last_us) for (hour, _, _, level), t in tallies))
    db.executemany(_RUN, ((run, t.first_us, site) for (_, run, site, _), t in tallies))
    db.executemany(_ZONE, _zones(intake.rows))


def add_ends(db: apsw.Connection, ends: dict[int, int]) -> None:
    """Remember how far the files of origin have been stored."""
    db.executemany(_END, ends.items())


def _zones(rows: list[tuple[Any, ...]]) -> Iterator[tuple[int, int, int]]:
    """Zone, first and last time of its new rows, which have consecutive ids and are in order of time."""
    start, first_id = 0, rows[0][0]
    while start < len(rows):
        zone = (first_id + start) // ZONE_ROWS
        end = min(len(rows), (zone + 1) * ZONE_ROWS - first_id)
        yield zone, rows[start][1], rows[end - 1][1]
        start = end
