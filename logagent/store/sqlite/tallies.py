"""Counts kept beside the events: per run, call site and level; per level and hour; per file; per stretch of rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import apsw

from logagent.formats.record import Origin
from logagent.store.sqlite.intake import Group, Intake
from logagent.store.sqlite.names import HASH_BIAS
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
    "INSERT INTO sources (fingerprint, stored_end) VALUES (?, ?)"
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
    groups = intake.groups
    db.executemany(
        _TALLY,
        ((g.run, g.site, g.level, g.count, g.first_us, g.last_us, g.first_id, g.last_id) for _, g in groups),
    )
    db.executemany(_HOUR, ((hour, g.level, g.count, g.first_us, g.last_us) for hour, g in groups))
    db.executemany(_RUN, _first_of_runs(groups))
    db.executemany(_ZONE, _zones(intake.rows))


def _first_of_runs(groups: list[tuple[int, Group]]) -> list[tuple[int, int, int]]:
    """Run, time and call site of each run's first events: more than one where times are equal."""
    first_us: dict[int, int] = {}
    for _, group in groups:  # they begin in order of time
        first_us.setdefault(group.run, group.first_us)
    return [(g.run, g.first_us, g.site) for _, g in groups if g.first_us == first_us[g.run]]


def add_ends(db: apsw.Connection, ends: dict[Origin, int]) -> None:
    """Remember how far the files of origin have been stored."""
    db.executemany(_END, ((origin.fingerprint - HASH_BIAS, end) for origin, end in ends.items()))


def _zones(rows: list[tuple[Any, ...]]) -> Iterator[tuple[int, int, int]]:
    """Zone, first and last time of its new rows, which have consecutive ids and are in order of time."""
    start, first_id = 0, rows[0][0]
    while start < len(rows):
        zone = (first_id + start) // ZONE_ROWS
        end = min(len(rows), (zone + 1) * ZONE_ROWS - first_id)
        yield zone, rows[start][1], rows[end - 1][1]
        start = end
