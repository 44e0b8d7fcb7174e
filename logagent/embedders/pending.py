"""Gives vectors to the events that have none by this model yet: the one step of `logagent embed` and the daemon."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from logagent.embedders.protocol import Embedder
from logagent.formats.record import LogLine, Record
from logagent.store.derived import Vector
from logagent.store.protocol import Reader, Store
from logagent.store.selection import Selection

LOOK_EVENTS: Final = 10_000
"""Events looked up at once: each look walks over what has a vector already."""
_STEP_EVENTS: Final = 256
_LONGEST: Final = 4_000
"""Characters of a message that are looked at: models read a few hundred words."""


def embed_pending(
    store: Store, reader: Reader, embedder: Embedder, selection: Selection | None = None, limit: int = LOOK_EVENTS
) -> int:
    """Embed up to `limit` events, the last stored first; how many got a vector, 0 when none is left.

    Each 256 are saved at once, and alike messages among them embedded once.

    Raises:
        EmbedderUnavailable, StoreUnavailable: what was saved until then stays; do it again later.
    """
    records = reader.without_vector(selection or Selection(), embedder.name, limit)
    return sum(_embed(store, embedder, records[at : at + _STEP_EVENTS]) for at in range(0, len(records), _STEP_EVENTS))


def _embed(store: Store, embedder: Embedder, records: Sequence[Record]) -> int:
    texts = list(dict.fromkeys(map(_text, records)))
    vectors = dict(zip(texts, map(tuple, embedder.embed(texts)), strict=True))
    return store.save_vectors([Vector(each.key, embedder.name, vectors[_text(each)]) for each in records])


def _text(record: Record) -> str:
    assert isinstance(record.line, LogLine)
    return record.line.message[:_LONGEST]
