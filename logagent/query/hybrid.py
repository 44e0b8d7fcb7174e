"""Search by words, by meaning or by both: the built-in HybridSearch over a store and whatever embedder there is."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from logagent.errors import BadQuery
from logagent.query.bm25 import best_matches
from logagent.query.documents import event_item, learning_item
from logagent.query.events import EventQuestion, check_limit, search
from logagent.query.item import Page
from logagent.query.memory import memory_item
from logagent.query.plain_search import question_of
from logagent.query.plug_ins import Embedder
from logagent.query.references import RunNames
from logagent.store.derived import Vector
from logagent.store.protocol import Reader, Total
from logagent.store.selection import Selection

MODES: Final = ("bm25", "vector", "hybrid")
COLLECTIONS: Final = ("log_events", "agent_learnings", "agent_memories")
_DAMPING: Final = 60
"""Of reciprocal-rank fusion, as its authors measured it: how little the first places weigh more than the next."""
_LIST: Final = 100
"""Matches of each kind that are fused, at least."""
_LOOKED_AT: Final = 10_000


class StoreSearch:
    """The built-in HybridSearch: BM25, vectors by the embedder, or both fused by reciprocal rank."""

    def __init__(self, reader: Reader, embedder: Embedder | None = None) -> None:
        self._reader = reader
        self._embedder = embedder

    def search(
        self,
        query: str,
        search_type: str = "bm25",
        collection: str = "log_events",
        limit: int = 50,
        filters: Mapping[str, Any] | None = None,
    ) -> Page:
        """The best matches, best first, each with `score` and `found_by` (its rank in each list).

        `hybrid` without any vectors is BM25, and says so. Filters hold for each list alike.

        Raises:
            BadQuery: no embedder is configured for the mode, or there is no such mode, collection or filter.
        """
        _known("search_type", search_type, MODES)
        _known("collection", collection, COLLECTIONS)
        check_limit(limit)
        if search_type != "bm25":
            self._check_vectors(search_type, collection)
        if collection != "log_events":
            return self._small(query, collection, limit, filters or {})
        return self._events(query, search_type, limit, filters or {})

    def _check_vectors(self, mode: str, collection: str) -> None:
        if collection != "log_events":
            raise BadQuery(f"{collection} has no vectors: search it by bm25")
        if self._embedder is None:
            fix = "set embedder in the settings ($LOGAGENT_EMBEDDER), then run: logagent embed"
            raise BadQuery(f"search_type {mode!r} is not configured: no embedder; {fix}")

    def _events(self, query: str, mode: str, limit: int, filters: Mapping[str, Any]) -> Page:
        lists: dict[str, Sequence[Mapping[str, Any]]] = {}
        notes: list[str] = []
        question = question_of(query, filters, limit=max(limit, _LIST) if mode == "hybrid" else limit)
        if mode in ("bm25", "hybrid"):
            page = search(self._reader, question)
            lists["bm25"], notes = page.items, list(page.hints)
            if mode == "bm25":
                return page.with_hints([*notes, "searched by bm25"])
        by_meaning = self._by_meaning(query, question, notes)
        if by_meaning is not None:
            lists[f"vector {self._name}"] = by_meaning
        said = f"searched by {mode if by_meaning is not None else 'bm25 alone'} ({' and '.join(lists) or 'nothing'})"
        items = fused(lists)
        total = Total(len(items), False) if len(items) > limit else None
        return Page("event", items[:limit], total=total, truncated=len(items) > limit, hints=[said, *notes])

    @property
    def _name(self) -> str:
        assert self._embedder is not None
        return self._embedder.name

    def _by_meaning(self, query: str, question: EventQuestion, notes: list[str]) -> list[dict[str, Any]] | None:
        """The events whose vectors are nearest; None where the model has none."""
        assert self._embedder is not None
        models = self._reader.vector_models()
        if not models.get(self._name):
            others = f" (there are some by {', '.join(models)})" if models else ""
            notes.append(f"no event has a vector by {self._name} yet{others}: logagent embed")
            return None
        (point,) = self._embedder.embed([query])
        selection = Selection(
            where=RunNames(self._reader).in_condition(question.where),
            since_us=question.window.since_us,
            until_us=question.window.until_us,
        )
        found = self._reader.nearest(selection, Vector("", self._name, tuple(point)), question.limit)
        if found.note:
            notes.append(found.note)
        scores = found.scores or ()
        return [event_item(record) | {"score": score} for record, score in zip(found.records, scores, strict=True)]

    def _small(self, query: str, collection: str, limit: int, filters: Mapping[str, Any]) -> Page:
        kind, text, items = _SMALL[collection](self._reader)
        names = sorted({name for item in items for name in item})
        for name in filters:
            _known("filter", name, names)
        kept = [item for item in items if all(item.get(name) == value for name, value in filters.items())]
        matches = best_matches(query, [str(item[text]) for item in kept])
        found = [kept[index] | {"score": score} for index, score in matches]
        total = Total(len(found), True)
        return Page(kind, found[:limit], total=total, truncated=len(found) > limit, hints=["searched by bm25"])


def _learnings(reader: Reader) -> tuple[str, str, list[dict[str, Any]]]:
    return "learning", "learning", [learning_item(each) for each in reader.learnings(limit=_LOOKED_AT)]


def _memories(reader: Reader) -> tuple[str, str, list[dict[str, Any]]]:
    return "memory", "content", [memory_item(each) for each in reader.memories(limit=_LOOKED_AT)]


_SMALL: Final[dict[str, Callable[[Reader], tuple[str, str, list[dict[str, Any]]]]]] = {
    "agent_learnings": _learnings,
    "agent_memories": _memories,
}


def fused(lists: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Events of several ranked lists as one, by the sum of 1 / (60 + rank); a list that is absent adds nothing.

    >>> ab, ba = [{"key": "a"}, {"key": "b"}], [{"key": "b"}, {"key": "c"}]
    >>> [(item["key"], item["found_by"]) for item in fused({"bm25": ab, "vector": ba})]
    [('b', {'bm25': 2, 'vector': 1}), ('a', {'bm25': 1}), ('c', {'vector': 2})]
    """
    found: dict[str, dict[str, Any]] = {}
    for name, items in lists.items():
        for rank, item in enumerate(items, 1):
            known = found.setdefault(item["key"], {**item, "score": 0.0, "found_by": {}})
            known["score"] += 1 / (_DAMPING + rank)
            known["found_by"][name] = rank
    return sorted(found.values(), key=lambda item: -item["score"])


def _known(what: str, given: str, names: Sequence[str]) -> None:
    if given not in names:
        near = difflib.get_close_matches(given, names, n=1)
        said = f"; nearest: {near[0]}" if near else ""
        raise BadQuery(f"no {what} {given!r}{said} (there are {', '.join(names)})")
