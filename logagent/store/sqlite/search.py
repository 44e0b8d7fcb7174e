"""Finding events: by walking the order, or by words through the word index and the zones."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

import apsw

from logagent.store.sqlite.plan import MAX_MATCHES, Plan
from logagent.store.sqlite.schema import ZONE_ROWS

_TRIES: Final = (500, 5_000)
"""So many matches are looked at first: most pages need no more."""
_CHUNK: Final = 256
_ORDER: Final = {True: "ORDER BY e.ts_us DESC, e.offset DESC, e.own DESC, e.key_hash DESC",
                 False: "ORDER BY e.ts_us, e.offset, e.own, e.key_hash"}  # fmt: skip

Zones = dict[int, tuple[int, int]]
"""First and last time of the events of each stretch of arrivals."""

Place = tuple[int, int, int, int, int]
"""ts_us, offset, own, key_hash, id: sorts as events do."""


def walked(db: apsw.Connection, plan: Plan, limit: int) -> list[int]:
    """Ids of up to `limit` events in order, by the index that holds the order."""
    text, values = plan.where
    found = db.execute(f"SELECT e.id FROM events e WHERE {text} {_ORDER[plan.newest]} LIMIT ?", (*values, limit))
    return [row[0] for row in found]


def matched(db: apsw.Connection, plan: Plan, limit: int) -> tuple[list[int], str | None]:
    """Ids of up to `limit` events in order by words, and a note where the search was cut.

    The word index knows arrival, not time. Zones tell which stretch of arrivals can hold what times: so few rows
    need be looked at, and it is known when those that were left out cannot matter.
    """
    zones = _zones(db, plan)
    if not zones:
        return [], None
    for most in _TRIES:
        ids = _matches(db, plan, zones, most + 1)
        found = _in_order(db, plan, ids, zones, limit)
        if len(ids) <= most:
            return [place[-1] for place in found], None
        if len(found) == limit:
            more = _within_reach(db, plan, found[-1][0], ids[-1], zones)
            if len(more) <= MAX_MATCHES:
                return [place[-1] for place in _in_order(db, plan, [*{*ids, *more}], zones, limit)], None
    return _among_the_first(db, plan, zones, limit)


def _among_the_first(db: apsw.Connection, plan: Plan, zones: Zones, limit: int) -> tuple[list[int], str | None]:
    ids = _matches(db, plan, zones, MAX_MATCHES + 1)
    found = [place[-1] for place in _in_order(db, plan, ids[:MAX_MATCHES], zones, limit)]
    if len(ids) <= MAX_MATCHES:
        return found, None
    which = "newest" if plan.newest else "oldest"
    return found, f"searched within the {which} {MAX_MATCHES:,} matches by arrival"


def _zones(db: apsw.Connection, plan: Plan) -> Zones:
    rows = db.execute(
        "SELECT id, first_us, last_us FROM zones WHERE last_us >= ? AND first_us < ? AND id BETWEEN ? AND ?",
        (plan.since_us, plan.until_us, plan.first_id // ZONE_ROWS, plan.last_id // ZONE_ROWS),
    )
    return {zone: (first_us, last_us) for zone, first_us, last_us in rows}


def _matches(db: apsw.Connection, plan: Plan, zones: Iterable[int], most: int) -> list[int]:
    """Up to `most` ids by words within those zones, in order of arrival, the last first for the newest."""
    found: list[int] = []
    for first, last in sorted(_stretches(sorted(zones)), reverse=plan.newest):
        bounds = max(plan.first_id, first * ZONE_ROWS), min(plan.last_id, (last + 1) * ZONE_ROWS - 1)
        order = "DESC" if plan.newest else "ASC"
        rows = db.execute(
            f"SELECT rowid FROM events_fts WHERE events_fts MATCH ? AND rowid BETWEEN ? AND ? ORDER BY rowid {order}"
            " LIMIT ?",
            (plan.match, *bounds, most - len(found)),
        )
        found += [row[0] for row in rows]
        if len(found) >= most:
            break
    return found


def _in_order(db: apsw.Connection, plan: Plan, ids: list[int], zones: Zones, limit: int) -> list[Place]:
    found: list[Place] = []
    for chunk, edge_us in _chunks(plan, ids, zones):
        if len(found) >= limit and _beats(plan, found[limit - 1][0], edge_us):
            break
        found += _places(db, plan, chunk)
        found.sort(reverse=plan.newest)
        del found[limit:]
    return found


def _beats(plan: Plan, ts_us: int, edge_us: int) -> bool:
    return ts_us > edge_us if plan.newest else ts_us < edge_us


def _chunks(plan: Plan, ids: list[int], zones: Zones) -> Iterator[tuple[list[int], int]]:
    """Ids by zone, the zones that reach furthest first, each chunk with how far its first zone reaches."""
    by_zone: dict[int, list[int]] = {}
    for number in ids:
        by_zone.setdefault(number // ZONE_ROWS, []).append(number)
    reach = {zone: _edge(plan, zones[zone]) for zone in by_zone if zone in zones}
    chunk: list[int] = []
    edge_us = 0
    for zone in sorted(reach, key=reach.__getitem__, reverse=plan.newest):
        edge_us = edge_us if chunk else reach[zone]
        chunk += by_zone[zone]
        if len(chunk) >= _CHUNK:
            yield chunk, edge_us
            chunk = []
    if chunk:
        yield chunk, edge_us


def _edge(plan: Plan, zone: tuple[int, int]) -> int:
    return zone[1] if plan.newest else zone[0]


def _places(db: apsw.Connection, plan: Plan, ids: list[int]) -> list[Any]:
    text, values = plan.where
    return db.execute(
        "SELECT e.ts_us, e.offset, e.own, e.key_hash, e.id FROM json_each(?) j CROSS JOIN events e ON e.id = j.value"
        f" WHERE {text}",
        (json.dumps(ids), *values),
    ).fetchall()


def _within_reach(db: apsw.Connection, plan: Plan, last_us: int, left_out: int, zones: Zones) -> list[int]:
    """Matches from the id `left_out` on that can belong on a page which now ends at `last_us`.

    More than `MAX_MATCHES` of them means: too many to look at.
    """
    border = left_out // ZONE_ROWS
    beyond = {number: zone for number, zone in zones.items() if (number < border if plan.newest else number > border)}
    beyond[border] = _part_of_zone(db, plan, left_out)
    within = [number for number, zone in beyond.items() if not _beats(plan, last_us, _edge(plan, zone))]
    return _matches(db, plan, within, MAX_MATCHES + 1)


def _stretches(numbers: list[int]) -> list[tuple[int, int]]:
    """First and last of each run of consecutive numbers.

    >>> _stretches([1, 2, 5])
    [(1, 2), (5, 5)]
    """
    found: list[tuple[int, int]] = []
    for number in numbers:
        first = found.pop()[0] if found and found[-1][1] == number - 1 else number
        found.append((first, number))
    return found


def _part_of_zone(db: apsw.Connection, plan: Plan, left_out: int) -> tuple[int, int]:
    """First and last time of the events in the zone of that id, from it on."""
    first_id = left_out - left_out % ZONE_ROWS
    part = (first_id, left_out) if plan.newest else (left_out, first_id + ZONE_ROWS - 1)
    found: tuple[int, int] = db.execute("SELECT min(ts_us), max(ts_us) FROM events WHERE id BETWEEN ? AND ?", part).get
    return found


def arrived(db: apsw.Connection, plan: Plan, mark: int, limit: int) -> list[int]:
    """Ids of up to `limit` events that came after the id `mark`, in order of arrival."""
    text, values = plan.where
    source, bounds = "events e", "e.id > ? AND e.id <= ?"
    if plan.match is not None:
        source, bounds = "events_fts f CROSS JOIN events e ON e.id = f.rowid", "f.rowid > ? AND f.rowid <= ?"
        text, values = f"events_fts MATCH ? AND {text}", (plan.match, *values)
    rows = db.execute(
        f"SELECT e.id FROM {source} WHERE {bounds} AND {text} ORDER BY 1 LIMIT ?", (mark, plan.last_id, *values, limit)
    )
    return [row[0] for row in rows]


def ranked(db: apsw.Connection, plan: Plan, limit: int) -> tuple[list[tuple[int, float]], str | None]:
    """(id, score) of the best matches by BM25 within the newest `MAX_MATCHES`, newest first on ties."""
    zones = _zones(db, plan)
    if not zones:
        return [], None
    ids = _matches(db, plan, zones, MAX_MATCHES + 1)
    first_id = ids[MAX_MATCHES - 1] if len(ids) > MAX_MATCHES else plan.first_id
    text, values = plan.where
    rows = db.execute(
        "SELECT e.id, -f.score FROM (SELECT rowid AS id, bm25(events_fts, 1.0, 0.0) AS score FROM events_fts"
        " WHERE events_fts MATCH ? AND rowid BETWEEN ? AND ?) f CROSS JOIN events e ON e.id = f.id"
        f" WHERE {text} ORDER BY f.score, e.ts_us DESC, e.offset DESC, e.own DESC, e.key_hash DESC LIMIT ?",
        (plan.match, first_id, plan.last_id, *values, limit),
    )
    note = f"ranked within the newest {MAX_MATCHES:,} matches by arrival" if len(ids) > MAX_MATCHES else None
    return [(number, score) for number, score in rows], note
