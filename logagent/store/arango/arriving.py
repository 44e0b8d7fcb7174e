"""Log events in the order in which they were stored: by the number of their batch, within it by their order.

A batch is numbered before it is stored, and numbers of batches that are under way are known; so nobody is told of a
number while one before it may still come.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from logagent.errors import BadQuery
from logagent.formats.record import Record
from logagent.store.arango.connection import Connection
from logagent.store.arango.finding import Filter, Found, asked
from logagent.store.arango.narrowing import bound_place, narrowed
from logagent.store.arango.schema import PATIENCE_MS
from logagent.store.protocol import Arrivals
from logagent.store.selection import Position, Selection

_ROWS: Final = 1_000
_MOST_UNDER_WAY: Final = 1_000
"""Batches at once. A mark so far ahead of what is stored is of a store that was made anew since."""


class Mark(NamedTuple):
    """All of the batches up to `number` was seen; of the one numbered so only up to `place` where there is one."""

    number: int
    place: Position | None = None

    @property
    def text(self) -> str:
        """As callers keep it."""
        if self.place is None:
            return str(self.number)
        return f"{self.number}:{self.place.ts_us}:{self.place.offset}:{self.place.key}"


def mark_of(text: str) -> Mark:
    """A mark as it was given out.

    Raises:
        BadQuery: it was not.
    """
    number, *place = text.split(":")
    try:
        if not place:
            return Mark(_whole(number))
        ts_us, offset, key = place
        return Mark(_whole(number), Position(int(ts_us), int(offset), key))
    except ValueError as error:
        raise BadQuery(f"{text!r} is no mark of this store") from error


def _whole(digits: str) -> int:
    if not digits.isascii() or not digits.isdigit():
        raise ValueError(digits)
    return int(digits)


def arrivals(connection: Connection, selection: Selection, text: str | None, limit: int) -> Arrivals:
    """Up to `limit` events of the selection since the mark."""
    last = connection.value("arrival_mark", int, patience_ms=PATIENCE_MS)
    if text is None:
        return Arrivals((), str(last))
    mark = mark_of(text)
    if mark.number > last:
        return Arrivals((), text if mark.number - last < _MOST_UNDER_WAY else str(last))
    return _since(connection, selection, mark, last, limit)


def _since(connection: Connection, selection: Selection, mark: Mark, last: int, limit: int) -> Arrivals:
    narrow = narrowed(selection)
    test = Filter(connection, selection.where, is_needed=not narrow.is_exact)
    records: list[Record] = []
    while not narrow.is_empty:
        found = asked(
            connection, "events_arrived", first=mark.number, last=last, after=bound_place(mark.place), limit=_ROWS,
            **narrow.bound,
        )  # fmt: skip
        for each in test(found):
            if len(records) == limit:
                return Arrivals(records, mark.text)
            records.append(each.record)
            mark = _after(each)
        if len(found) < _ROWS:
            break
        mark = _after(found[-1])
    return Arrivals(records, str(last))


def _after(found: Found) -> Mark:
    record = found.record
    return Mark(found.document.arrival, Position(record.ts_us, record.offset, record.key))
