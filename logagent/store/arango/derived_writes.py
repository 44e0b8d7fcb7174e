"""Relations, vectors and memories: what is kept beside the records, on its way in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from logagent.formats.fold import run_key
from logagent.formats.key import parse_key
from logagent.store.arango.connection import Connection
from logagent.store.arango.folded import learning_key, plain
from logagent.store.arango.schema import EVENTS, LEARNINGS
from logagent.store.derived import Memory, Relation, Vector
from logagent.store.text import storable


def save_relations(connection: Connection, relations: Sequence[Relation]) -> int:
    """Insert or renew; how many are new."""
    edges = {edge["_key"]: edge for edge in map(_edge, relations)}
    return sum(connection.rows("relations_save", int, edges=list(edges.values())))


def _edge(relation: Relation) -> dict[str, Any]:
    ends = (relation.from_log, relation.to_log, relation.relationship)
    return {
        "_key": run_key("\0".join(ends)),
        "_from": _vertex(relation.from_log),
        "_to": _vertex(relation.to_log),
        "from_log": storable(relation.from_log),
        "to_log": storable(relation.to_log),
        "relationship": storable(relation.relationship),
        "confidence": relation.confidence,
        "method": storable(relation.method),
        "rationale": storable(relation.rationale),
    }


def _vertex(end: str) -> str:
    """An event by its key, anything else is a learning."""
    return f"{EVENTS}/{end}" if parse_key(end) is not None else f"{LEARNINGS}/{learning_key(end)}"


def save_vectors(connection: Connection, vectors: Sequence[Vector]) -> int:
    """Insert or replace those whose event is there; how many those are."""
    bound = [{"key": v.key, "model": storable(v.model), "vector": v.values} for v in vectors if parse_key(v.key)]
    return sum(connection.rows("vectors_save", int, vectors=bound))


def save_memories(connection: Connection, memories: Sequence[Memory]) -> int:
    """Insert or replace, less the time of what is there; how many are new."""
    bound = {each.memory_id: _memory(each) for each in memories}
    return sum(connection.rows("memories_save", int, memories=list(bound.values())))


def _memory(memory: Memory) -> dict[str, Any]:
    return {
        "_key": run_key(memory.memory_id),
        "memory_id": storable(memory.memory_id),
        "memory_type": storable(memory.memory_type),
        "content": storable(memory.content),
        "metadata": plain(memory.metadata),
        "metadata_text": bytes(memory.metadata).decode(),
        "created_us": memory.created_us,
    }
