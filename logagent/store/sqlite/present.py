"""Which records of a batch the store holds already."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

import apsw

from logagent.formats.record import Record
from logagent.store.sqlite.connection import fetched
from logagent.store.sqlite.intake import Identity
from logagent.store.sqlite.names import HASH_BIAS

_RANGE: Final = "SELECT ts_us, offset, key_hash FROM {table} WHERE ts_us BETWEEN ? AND ? AND own = 1 LIMIT ?"
_LISTED: Final = (
    "SELECT t.ts_us, t.offset, t.key_hash FROM json_each(?) j CROSS JOIN {table} t"
    " ON t.ts_us = j.value ->> 0 AND t.offset = j.value ->> 1 AND t.own = 1 AND t.key_hash = j.value ->> 2"
)
_TIMELESS: Final = (
    "SELECT 0, t.offset, t.key_hash FROM json_each(?) j CROSS JOIN {table} t"
    " ON t.own = 0 AND t.offset = j.value ->> 0 AND t.key_hash = j.value ->> 1"
)
_TIMED_LENGTH: Final = "SELECT length FROM events WHERE ts_us = ? AND offset = ? AND own = 1 AND key_hash = ?"
_TIMELESS_LENGTH: Final = "SELECT length FROM events WHERE own = 0 AND offset = ? AND key_hash = ?"


def present(db: apsw.Connection, records: Sequence[Record], table: str = "events") -> set[Identity]:
    """Identities of what is there; holds at least those of `records`, maybe neighbours too.

    One range select costs next to nothing where a batch is new, which it nearly always is. Where the range holds
    far more than the batch (old lines read late), each record is looked up instead, at about 3 us.
    """
    if not records:
        return set()
    most = 4 * len(records) + 1_000
    times = [r.ts_us for r in records]
    first, last = min(times), max(times)
    found = fetched(db, _RANGE.format(table=table), (first, last, most))
    if len(found) == most:
        own = [(r.ts_us, r.offset, r.hash - HASH_BIAS) for r in records if r.own_us]
        found = fetched(db, _LISTED.format(table=table), (json.dumps(own),))
    timeless = [(r.offset, r.hash - HASH_BIAS) for r in records if not r.own_us]
    if timeless:
        found += fetched(db, _TIMELESS.format(table=table), (json.dumps(timeless),))
    return {(own_us, offset, signed + HASH_BIAS) for own_us, offset, signed in found}


def lengths(db: apsw.Connection, records: Sequence[Record]) -> list[int | None]:
    """For each event the bytes of what is stored under its key; None if nothing is."""
    return [
        db.execute(_TIMED_LENGTH, (r.ts_us, r.offset, r.hash - HASH_BIAS)).get
        if r.own_us
        else db.execute(_TIMELESS_LENGTH, (r.offset, r.hash - HASH_BIAS)).get
        for r in records
    ]
