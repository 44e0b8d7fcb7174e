"""BM25 over a few texts in memory: learnings and memories, too few for an index of their own.

Pure: no I/O, no clock.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from math import log
from typing import Final

_WORD: Final = re.compile(r"[^\W_]+")
_SATURATION: Final = 1.2
_LENGTH_SHARE: Final = 0.75


def words_of(text: str) -> list[str]:
    """The text's words, letter case aside.

    >>> words_of("Batch_7 failed!")
    ['batch', '7', 'failed']
    """
    return _WORD.findall(text.casefold())


def best_matches(query: str, texts: Sequence[str]) -> list[tuple[int, float]]:
    """(index, score) of the texts with any of the query's words, best first, the earlier text first on ties.

    >>> [index for index, _ in best_matches("refused clients", ["rows loaded", "db refused", "clients refused"])]
    [2, 1]
    """
    wanted = set(words_of(query))
    counts = [Counter(words_of(text)) for text in texts]
    mean = sum(sum(count.values()) for count in counts) / max(len(counts), 1) or 1.0
    within = {word: sum(word in count for count in counts) for word in wanted}
    scores = [sum(_share(count, word, within[word], len(texts), mean) for word in wanted) for count in counts]
    found = [(index, score) for index, score in enumerate(scores) if score > 0]
    return sorted(found, key=lambda each: -each[1])


def _share(count: Counter[str], word: str, within: int, of: int, mean: float) -> float:
    times = count[word]
    if not times:
        return 0.0
    length = 1 - _LENGTH_SHARE + _LENGTH_SHARE * sum(count.values()) / mean
    return log(1 + (of - within + 0.5) / (within + 0.5)) * times * (_SATURATION + 1) / (times + _SATURATION * length)
