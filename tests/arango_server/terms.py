"""Terms of a view's documents and BM25 over them, computed once per document, attribute and analyzer."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any, NamedTuple

from .views import View, field_values

Path = tuple[str, ...]


class Entry(NamedTuple):
    """One document as the view has it."""

    collection: str
    document: dict[str, Any]


class Statistics(NamedTuple):
    """Of one attribute under one analyzer: in how many documents, how long on average, in how many each term."""

    documents: int
    average: float
    counts: Counter[str]


class Terms:
    """What one query sees of a view."""

    def __init__(self, view: View, entries: list[Entry]) -> None:
        self.view = view
        self.entries = entries
        self._statistics: dict[tuple[Path, str], Statistics] = {}

    def of(self, entry: Entry, path: Path, analyzer: str) -> list[str]:
        """The attribute's terms; none where it is not indexed with that analyzer."""
        analyzer = self.view.own_analyzer(path, analyzer)
        # A revision stands for one content for ever, so the view keeps what was computed for it.
        key = (entry.document["_rev"], path, analyzer)
        found = self.view.terms.get(key)
        if found is None:
            found = self.view.terms[key] = self._compute(entry, path, analyzer)
        return found

    def _compute(self, entry: Entry, path: Path, analyzer: str) -> list[str]:
        if analyzer not in self.view.analyzers(entry.collection, path):
            return []
        made = self.view.database.analyzer(analyzer)
        strings = [value for value in field_values(entry.document, path) if isinstance(value, str)]
        return [token.text for text in strings for token in made.tokens(text, strict=False)]

    def plain(self, entry: Entry, path: Path) -> list[Any]:
        """The attribute's numbers, booleans and nulls, which no analyzer touches."""
        if not self.view.analyzers(entry.collection, path):
            return []
        return [value for value in field_values(entry.document, path) if not isinstance(value, (str, list, dict))]

    def is_present(self, entry: Entry, path: Path) -> bool:
        """Is the attribute there and indexed?"""
        return bool(self.view.analyzers(entry.collection, path)) and bool(field_values(entry.document, path))

    def statistics(self, path: Path, analyzer: str) -> Statistics:
        """Over all documents that the view sees."""
        analyzer = self.view.own_analyzer(path, analyzer)
        found = self._statistics.get((path, analyzer))
        if found is None:
            lengths, counts = [], Counter[str]()
            for entry in self.entries:
                terms = self.of(entry, path, analyzer)
                if terms:
                    lengths.append(len(terms))
                    counts.update(set(terms))
            average = sum(lengths) / len(lengths) if lengths else 1.0
            found = self._statistics[path, analyzer] = Statistics(len(lengths), average, counts)
        return found

    def rarity(self, path: Path, analyzer: str, term: str) -> float:
        """BM25's inverse document frequency."""
        numbers = self.statistics(path, analyzer)
        count = numbers.counts[term]
        return math.log1p((numbers.documents - count + 0.5) / (count + 0.5))

    def score(
        self, entry: Entry, path: Path, analyzer: str, frequency: float, rarity: float, k: float, b: float
    ) -> float:
        """BM25 of something that occurs so often in the attribute."""
        if frequency == 0:
            return 0.0
        numbers = self.statistics(path, analyzer)
        own = self.view.own_analyzer(path, analyzer)
        has_norm = "norm" in self.view.database.analyzer(own).features
        length = len(self.of(entry, path, analyzer)) / numbers.average if has_norm else 1.0
        return rarity * (k + 1) * frequency / (frequency + k * (1 - b + b * length))

    def term_score(self, entry: Entry, path: Path, analyzer: str, term: str, k: float, b: float) -> float:
        """BM25 of one term."""
        frequency = self.of(entry, path, analyzer).count(term)
        return self.score(entry, path, analyzer, frequency, self.rarity(path, analyzer, term), k, b)
