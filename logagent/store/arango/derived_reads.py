"""Relations, vectors and memories: what is kept beside the records, read again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from logagent.formats.key import parse_key
from logagent.formats.record import Record
from logagent.store.arango.connection import Connection
from logagent.store.arango.finding import Filter, Found, asked, best_of
from logagent.store.arango.narrowing import narrowed
from logagent.store.arango.schema import EVENTS
from logagent.store.arango.vector_index import MAX_COMPARED, ready
from logagent.store.derived import Memory, Relation, Step, Vector
from logagent.store.protocol import EventPage
from logagent.store.selection import EVERYTHING, Selection
from logagent.store.text import original, storable, storable_or_none

_ROWS: Final = 1_000


class _Edge(msgspec.Struct):
    from_log: str
    to_log: str
    relationship: str
    confidence: float
    method: str
    rationale: str


class _Step(msgspec.Struct):
    distance: int
    other: str
    edge: _Edge


class _Model(msgspec.Struct):
    model: str
    total: int


class _Memory(msgspec.Struct):
    memory_id: str
    memory_type: str
    content: str
    metadata_text: str
    created_us: int


def relations(connection: Connection, ids: Sequence[str], limit: int) -> list[Relation]:
    """Edges from or to any of those."""
    rows = connection.rows("relations_of", _Edge, ids=[storable(each) for each in ids], limit=max(limit, 0))
    return [_relation(row) for row in rows]


def _relation(edge: _Edge) -> Relation:
    return Relation(
        original(edge.from_log), original(edge.to_log), original(edge.relationship), edge.confidence,
        original(edge.method), original(edge.rationale),
    )  # fmt: skip


def walk(connection: Connection, start: str, depth: int, limit: int) -> list[Step]:
    """Edges by a traversal of the graph, breadth first, over at most so many events and learnings."""
    if depth < 1 or parse_key(start) is None:
        return []
    bound = {"start": f"{EVENTS}/{start}", "last": depth - 1, "most": MAX_COMPARED, "limit": max(limit, 0)}
    rows = connection.rows("relations_walk", _Step, **bound)
    return [Step(row.distance, original(row.other), _relation(row.edge)) for row in rows]


def vector_models(connection: Connection) -> dict[str, int]:
    """Models with how many vectors each has."""
    return {original(row.model): row.total for row in connection.rows("vectors_models", _Model)}


def without_vector(connection: Connection, selection: Selection, model: str, limit: int) -> list[Record]:
    """Events that the model has not seen, the last stored first."""
    narrow = narrowed(msgspec.structs.replace(selection, after=None))
    test = Filter(connection, selection.where, is_needed=not narrow.is_exact)
    records: list[Record] = []
    before: dict[str, Any] | None = None
    while not narrow.is_empty and len(records) < limit:
        bound = {**narrow.bound, "model": storable(model), "before": before, "limit": _ROWS}
        found = asked(connection, "events_without_vector", **bound)
        records += [each.record for each in test(found)]
        if len(found) < _ROWS:
            break
        before = _place(found[-1])
    return records[: max(limit, 0)]


def _place(found: Found) -> dict[str, Any]:
    document = found.document
    return {
        "arrival": document.arrival,
        "ts_us": document.ts_us,
        "offset": document.offset,
        "key": document.key,
    }


def nearest(connection: Connection, selection: Selection, vector: Vector, limit: int) -> EventPage:
    """Events by cosine: by the vector index where there is one and nothing else is asked, else compared one by one."""
    selection = msgspec.structs.replace(selection, after=None)
    if limit <= 0:
        return EventPage([], False, scores=())
    narrow = narrowed(selection)
    bound: dict[str, Any] = {"model": storable(vector.model), "vector": vector.values, **narrow.bound}
    if _is_everything(selection) and ready(connection, len(vector.values)):
        bound["most"] = 4 * limit + 50
        best, has_more = best_of(connection, "vectors_near", selection, narrow, limit, bound)
        note = "found by the vector index, which is approximate"
    else:
        bound |= {"dimension": len(vector.values), "most": MAX_COMPARED}
        best, has_more = best_of(connection, "vectors_nearest", selection, narrow, limit, bound)
        note = _note(connection, vector)
    return EventPage([record for record, _ in best], has_more, [score for _, score in best], note)


def _is_everything(selection: Selection) -> bool:
    return selection == Selection(direction=selection.direction) and selection.where == EVERYTHING


def _note(connection: Connection, vector: Vector) -> str:
    bound = {"model": storable(vector.model), "dimension": len(vector.values)}
    total = sum(connection.rows("vectors_count", int, limit=MAX_COMPARED + 1, **bound))
    among = f"the {MAX_COMPARED:,} vectors last stored" if total > MAX_COMPARED else "every vector"
    return f"compared exactly with {among}"


def memories(connection: Connection, memory_type: str | None, limit: int) -> list[Memory]:
    """The newest, of one type or of all."""
    rows = connection.rows("memories", _Memory, memory_type=storable_or_none(memory_type), limit=max(limit, 0))
    return [
        Memory(
            original(row.memory_id), original(row.memory_type), original(row.content),
            msgspec.Raw(row.metadata_text.encode()), row.created_us,
        )
        for row in rows
    ]  # fmt: skip
