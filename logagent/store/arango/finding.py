"""Finding log events: pages of what a fixed query gives, tested here again where the query cannot be exact.

Each page goes on after the last document of the one before, so that what is left out here never ends a search early.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final

import msgspec

from logagent.formats.record import LogLine, Record
from logagent.store.arango.connection import Connection
from logagent.store.arango.documents import EventDocument, documents_in, record_of
from logagent.store.arango.folded import LineDocument, line_record
from logagent.store.arango.narrowing import Narrowed, bound_place, narrowed
from logagent.store.matching import asks_for_durations, holds, holds_for_all_kinds
from logagent.store.selection import Condition, Direction, Position, Selection
from logagent.store.text import original, storable

PAGE_ROWS: Final = 2_000
_FIRST_ROWS: Final = 200
"""So many are looked at first where a query gives more than is wanted."""


class _Embeddings(msgspec.Struct):
    key: str
    text: str


class _Duration(msgspec.Struct):
    execution_id: str
    seconds: float


class Found(msgspec.Struct, frozen=True):
    """A document and its record."""

    document: EventDocument
    record: Record


def records_in(connection: Connection, rows: msgspec.Raw) -> list[Found]:
    """Documents of an answer with their records, whole with the embeddings that few have."""
    documents = documents_in(rows)
    with_more = [document.key for document in documents if document.has_embeddings]
    texts: dict[str, str] = {}
    if with_more:
        texts = {each.key: each.text for each in connection.rows("embeddings_of", _Embeddings, keys=with_more)}
    return [Found(each, record_of(each, _raw(texts.get(each.key)))) for each in documents]


def _raw(text: str | None) -> msgspec.Raw | None:
    return None if text is None else msgspec.Raw(text.encode())


def asked(connection: Connection, name: str, **bound: Any) -> list[Found]:
    """The log events that a query gives."""
    rows: msgspec.Raw = connection.decoded(name, msgspec.Raw, bound)
    return records_in(connection, rows)


class Filter:
    """Tests documents against a condition; knows the durations of the runs it has seen."""

    def __init__(self, connection: Connection, condition: Condition, *, is_needed: bool) -> None:
        self._connection = connection
        self._condition = condition
        self._is_needed = is_needed
        self._asks_for_durations = asks_for_durations(condition)
        self._durations: dict[str, float] = {}
        self._known: set[str] = set()

    def __call__(self, found: Sequence[Found]) -> list[Found]:
        """Those for which it holds."""
        if not self._is_needed:
            return list(found)
        if self._asks_for_durations:
            self._look_up(found)
        return [each for each in found if holds(self._condition, each.record, self._durations)]

    def _look_up(self, found: Sequence[Found]) -> None:
        ids = {each.record.line.execution_id for each in found if isinstance(each.record.line, LogLine)} - self._known
        if ids:
            bound = [storable(each) for each in sorted(ids)]
            rows = self._connection.rows("durations", _Duration, ids=bound)
            self._durations.update({original(row.execution_id): row.seconds for row in rows})
            self._known |= ids


def walk(connection: Connection, selection: Selection, wanted: int | None) -> Iterator[Record]:
    """Records of a selection in its order; `wanted` says how many will be taken, None that all will."""
    narrow = narrowed(selection)
    if narrow.is_empty:
        return
    test = Filter(connection, selection.where, is_needed=not narrow.is_exact)
    name = _query(narrow, selection.direction)
    size = PAGE_ROWS if wanted is None else min(PAGE_ROWS, wanted if narrow.is_exact else max(wanted, _FIRST_ROWS))
    while True:
        bound = narrow.bound_search if narrow.has_text else narrow.bound
        found = asked(connection, name, after=bound_place(selection.after), limit=size, **bound)
        yield from (each.record for each in test(found))
        if len(found) < size:
            return
        selection = _going_on(selection, found[-1].record)
        narrow, size = narrowed(selection), min(size * 2, PAGE_ROWS)


def _query(narrow: Narrowed, direction: Direction) -> str:
    source = "search" if narrow.has_text else "events"
    return f"{source}_{'newest' if direction is Direction.NEWEST_FIRST else 'oldest'}"


def _going_on(selection: Selection, last: Record) -> Selection:
    return msgspec.structs.replace(selection, after=Position(last.ts_us, last.offset, last.key))


def first_of(connection: Connection, selection: Selection, limit: int) -> tuple[list[Record], bool]:
    """Up to `limit` records, and whether there are more."""
    found: list[Record] = []
    for record in walk(connection, selection, limit + 1):
        if len(found) == limit:
            return found, True
        found.append(record)
    return found, False


def best_of(
    connection: Connection, name: str, selection: Selection, narrow: Narrowed, limit: int, bound: Mapping[str, Any]
) -> tuple[list[tuple[Record, float]], bool]:
    """Up to `limit` records with their scores from a query that sorts by score, and whether there are more."""
    test = Filter(connection, selection.where, is_needed=not narrow.is_exact)
    best: list[tuple[Record, float]] = []
    size, skip = max(limit + 1, _FIRST_ROWS), 0
    while not narrow.is_empty:
        rows = connection.rows(name, _Scored, skip=skip, limit=size, **bound)
        events = records_in(connection, msgspec.Raw(b"[" + b",".join(bytes(row.event) for row in rows) + b"]"))
        scores = {each.document.key: row.score for each, row in zip(events, rows, strict=True)}
        best += [(each.record, scores[each.document.key]) for each in test(events)]
        if len(best) > limit or len(rows) < size:
            break
        skip += size
    return best[:limit], len(best) > limit


def ranked(
    connection: Connection, selection: Selection, words: Sequence[str], limit: int
) -> tuple[list[tuple[Record, float]], bool]:
    """The best matches of any of the words among the selection, by BM25."""
    narrow = narrowed(selection)
    return best_of(connection, "search_ranked", selection, narrow, limit, {"ranked": words, **narrow.bound_search})


class _Scored(msgspec.Struct):
    score: float
    event: msgspec.Raw


# ---- lines of every kind -------------------------------------------------------------------------------------


def exported(connection: Connection, selection: Selection) -> Iterator[Record]:
    """Log events and, where the selection allows, lines of all other kinds, merged into one order."""
    streams = [walk(connection, selection, None)]
    if holds_for_all_kinds(selection.where):
        streams.append(_lines(connection, selection))
    newest = selection.direction is Direction.NEWEST_FIRST
    return heapq.merge(*streams, key=attrgetter("order"), reverse=newest)


def _lines(connection: Connection, selection: Selection) -> Iterator[Record]:
    name = "lines_newest" if selection.direction is Direction.NEWEST_FIRST else "lines_oldest"
    while True:
        narrow = narrowed(selection)
        if narrow.is_empty:
            return
        found = connection.rows(
            name, LineDocument, from_us=narrow.from_us, to_us=narrow.to_us, after=bound_place(selection.after),
            clauses=_with_run(narrow), limit=PAGE_ROWS,
        )  # fmt: skip
        records = [line_record(document) for document in found]
        yield from records
        if len(found) < PAGE_ROWS:
            return
        selection = _going_on(selection, records[-1])


def _with_run(narrow: Narrowed) -> list[list[dict[str, Any]]]:
    if narrow.run is None:
        return narrow.clauses
    return [*narrow.clauses, [{"test": "in", "field": "execution_id", "values": [narrow.run], "negate": False}]]
