"""Relations, vectors and memories: what is kept beside the records, written and read again."""

from __future__ import annotations

import heapq
import json
from array import array
from collections.abc import Callable, Iterator, Sequence
from math import sqrt
from operator import mul
from typing import Any, Final

import apsw
import msgspec

from logagent.formats.key import parse_key
from logagent.store.derived import Memory, Relation, Step, Vector
from logagent.store.sqlite.connection import fetched
from logagent.store.sqlite.names import HASH_BIAS
from logagent.store.sqlite.plan import MAX_MATCHES, Plan
from logagent.store.text import original, storable

_SAVE_RELATION: Final = (
    "INSERT INTO log_causality VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
    " confidence = excluded.confidence, method = excluded.method, rationale = excluded.rationale"
)
_SAVE_VECTOR: Final = "INSERT OR REPLACE INTO log_embeddings VALUES (?, ?, ?, ?)"
_SAVE_MEMORY: Final = (
    "INSERT INTO agent_memories VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
    " memory_type = excluded.memory_type, content = excluded.content, metadata = excluded.metadata"
)
_COLUMNS: Final = "from_log, to_log, relationship, confidence, method, rationale"
_RELATIONS: Final = (
    f"SELECT {_COLUMNS} FROM log_causality WHERE from_log IN (SELECT value FROM json_each(?1)) UNION"
    f" SELECT {_COLUMNS} FROM log_causality WHERE to_log IN (SELECT value FROM json_each(?1))"
    " ORDER BY from_log, to_log, relationship LIMIT ?2"
)


def save_relations(db: apsw.Connection, relations: Sequence[Relation]) -> int:
    """Insert or renew; how many are new."""
    rows = [_texts(msgspec.structs.astuple(each)) for each in relations]
    return _added(db, "log_causality", lambda: db.executemany(_SAVE_RELATION, rows))


def save_vectors(db: apsw.Connection, vectors: Sequence[Vector]) -> int:
    """Insert or replace those whose event is there."""
    rows = [(event_id(db, each.key), each) for each in vectors]
    there = [(number, storable(v.model), len(v.values), _packed(v.values)) for number, v in rows if number is not None]
    db.executemany(_SAVE_VECTOR, there)
    return len(there)


def save_memories(db: apsw.Connection, memories: Sequence[Memory]) -> int:
    """Insert or replace; how many are new."""
    rows = [_memory_row(each) for each in memories]
    return _added(db, "agent_memories", lambda: db.executemany(_SAVE_MEMORY, rows))


def _added(db: apsw.Connection, table: str, change: Callable[[], object]) -> int:
    before: int = db.execute(f"SELECT count(*) FROM {table}").get
    change()
    after: int = db.execute(f"SELECT count(*) FROM {table}").get
    return after - before


def _texts(values: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(storable(value) if isinstance(value, str) else value for value in values)


def _originals(values: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(original(value) if isinstance(value, str) else value for value in values)


def _memory_row(memory: Memory) -> tuple[Any, ...]:
    return (
        *_texts((memory.memory_id, memory.memory_type, memory.content)),
        bytes(memory.metadata),
        memory.created_us,
    )


def _packed(values: Sequence[float]) -> bytes:
    """Four bytes a number, at unit length, so that a product of two is their cosine."""
    length = sqrt(sum(value * value for value in values)) or 1.0
    return array("f", [value / length for value in values]).tobytes()


def event_id(db: apsw.Connection, key: str) -> int | None:
    """The row of the event with that key; None if there is none."""
    parts = parse_key(key)
    if parts is None:
        return None
    place, where = (parts.offset, parts.hash - HASH_BIAS), "own = 0 AND offset = ? AND key_hash = ?"
    if parts.own_us:
        place, where = (parts.own_us, *place), "ts_us = ? AND offset = ? AND own = 1 AND key_hash = ?"  # type: ignore[assignment]
    found: int | None = db.execute(f"SELECT id FROM events WHERE {where}", place).get
    return found


def relations(db: apsw.Connection, ids: Sequence[str], limit: int) -> list[Relation]:
    """Edges from or to any of those."""
    rows = fetched(db, _RELATIONS, (json.dumps([storable(each) for each in ids]), limit))
    return [Relation(*_originals(row)) for row in rows]


def walk(db: apsw.Connection, start: str, depth: int, limit: int) -> list[Step]:
    """Edges breadth first, each once."""
    steps: dict[tuple[str, str, str], Step] = {}
    reached, near = {start}, {start}
    for distance in range(1, depth + 1):
        further: set[str] = set()
        for each in relations(db, sorted(near), -1):
            other = each.to_log if each.from_log in near else each.from_log
            steps.setdefault((each.from_log, each.to_log, each.relationship), Step(distance, other, each))
            further |= {each.from_log, each.to_log} - reached
        reached |= further
        near = further
        if not near or len(steps) >= limit:
            break
    return list(steps.values())[: max(limit, 0)]


def vector_models(db: apsw.Connection) -> dict[str, int]:
    """Models with how many vectors each has."""
    rows = db.execute("SELECT model, count(*) FROM log_embeddings GROUP BY model ORDER BY model")
    return {original(model): count for model, count in rows}


def without_vector(db: apsw.Connection, plan: Plan, model: str, limit: int) -> list[int]:
    """Ids of events that the model has not seen, the last stored first.

    Walks the ids down: by the index of the order it would find and sort all there are (measured, 20 times as long).
    """
    text, values = _where(plan)
    rows = db.execute(
        f"SELECT e.id FROM events e NOT INDEXED WHERE {text} AND NOT EXISTS"
        " (SELECT 1 FROM log_embeddings v WHERE v.event_id = e.id AND v.model = ?) ORDER BY e.id DESC LIMIT ?",
        (*values, storable(model), limit),
    )
    return [row[0] for row in rows]


def nearest(
    db: apsw.Connection, plan: Plan, vector: Vector, limit: int
) -> tuple[list[tuple[int, float]], bool, str | None]:
    """(id, cosine) of the best, whether there are more, and a note where not all were compared."""
    text, values = _where(plan)
    rows = db.execute(
        "SELECT e.id, e.ts_us, e.offset, e.own, e.key_hash, v.vector FROM log_embeddings v"
        f" CROSS JOIN events e ON e.id = v.event_id WHERE v.model = ? AND v.dimension = ? AND {text}"
        " ORDER BY v.event_id DESC LIMIT ?",
        (storable(vector.model), len(vector.values), *values, MAX_MATCHES + 1),
    )
    wanted = array("f", _packed(vector.values))
    compared = 0

    def scored() -> Iterator[tuple[Any, ...]]:
        nonlocal compared
        for compared, (number, *place, packed) in enumerate(rows, 1):
            if compared <= MAX_MATCHES:
                yield sum(map(mul, wanted, array("f", packed))), *place, number

    best = heapq.nlargest(limit, scored())
    note = f"compared with the {MAX_MATCHES:,} vectors last stored" if compared > MAX_MATCHES else None
    return [(each[-1], each[0]) for each in best], compared > limit, note


def _where(plan: Plan) -> tuple[str, tuple[Any, ...]]:
    text, values = plan.where
    if plan.match is None:
        return text, values
    return f"e.id IN (SELECT rowid FROM events_fts WHERE events_fts MATCH ?) AND {text}", (plan.match, *values)


def memories(db: apsw.Connection, memory_type: str | None, limit: int) -> list[Memory]:
    """The newest, of one type or of all."""
    where, values = ("", ()) if memory_type is None else ("WHERE memory_type = ?", (storable(memory_type),))
    rows = db.execute(
        f"SELECT memory_id, memory_type, content, metadata, created_us FROM agent_memories {where}"
        " ORDER BY created_us DESC, memory_id DESC LIMIT ?",
        (*values, limit),
    )
    return [
        Memory(original(memory_id), original(memory_type), original(content), msgspec.Raw(body), created_us)
        for memory_id, memory_type, content, body, created_us in rows
    ]
