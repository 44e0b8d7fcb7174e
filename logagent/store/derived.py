"""What is derived from records and kept beside them: relations, vectors, memories. Pure: no I/O, no clock."""

from __future__ import annotations

import msgspec

from logagent.formats.record import EMPTY_OBJECT


class Relation(msgspec.Struct, frozen=True):
    """One log event, by key, to another or to a learning, by id: an edge of `log_causality`.

    `method` names what found it, `rationale` says in a sentence what that saw. From, to and relationship together
    make it one: saved again it is the same edge.
    """

    from_log: str
    to_log: str
    relationship: str
    confidence: float
    method: str
    rationale: str = ""


class Step(msgspec.Struct, frozen=True):
    """A relation met on a walk: `distance` of them from the start; `other` is its further end."""

    distance: int
    other: str
    relation: Relation


class Vector(msgspec.Struct, frozen=True):
    """An event's message as a point, by the `model` named: a document of `log_embeddings`. Kept at unit length."""

    key: str
    model: str
    values: tuple[float, ...]


class Memory(msgspec.Struct, frozen=True):
    """Something to remember; the same `memory_id` saved again replaces what was there."""

    memory_id: str
    memory_type: str
    content: str
    metadata: msgspec.Raw = EMPTY_OBJECT
    created_us: int = 0
