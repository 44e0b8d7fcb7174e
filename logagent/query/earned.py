"""Learnings by what they have earned: how often one was applied, and whether the next run of its script passed.

A learning begins with the confidence it was given. Each time it is applied (`learn confirm`) the next run of the
script that ends is the outcome. The confidence is the Beta-smoothed share of outcomes that were good, with the given
confidence as what was thought before, worth two outcomes; a refutation is a bad outcome.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from logagent.formats.fold import CRASHED, FAILED, SUCCESS, LearningFold
from logagent.formats.record import UNKNOWN_EXECUTION
from logagent.query.documents import learning_item
from logagent.store.protocol import Reader
from logagent.store.selection import RunSelection

PRIOR_WEIGHT: Final = 2.0
ALIKE: Final = 0.8
"""Share of words in common from which two learnings are one, if they agree on every number and negation."""
_MOST: Final = 1_000
_MOST_RUNS: Final = 1_000
_GONE: Final = ("refuted", "retired")
_WORD: Final = re.compile(r"[^\W\d_]+|\d+(?:\.\d+)?")
_FILLERS: Final = frozenset(
    {
        "a",
        "an",
        "the",
        "is",
        "are",
        "be",
        "to",
        "of",
        "in",
        "on",
        "at",
        "and",
        "or",
        "for",
        "with",
        "it",
        "this",
        "that",
    }
)
_NEGATIONS: Final = frozenset(
    {
        "no",
        "not",
        "never",
        "without",
        "don",
        "above",
        "below",
        "under",
        "over",
        "more",
        "less",
        "fewer",
        "before",
        "after",
    }
)


class Earned(msgspec.Struct, frozen=True):
    """A learning with its record; `twins` are the ids of near-duplicates that were merged into it."""

    learning: LearningFold
    confidence: float
    applied: int
    passed: int
    twins: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """The learning's item with its earned confidence; `stated` is what its writer gave it."""
        item = learning_item(self.learning)
        return {
            **item,
            "confidence": round(self.confidence, 3),
            "stated": self.learning.confidence,
            "applied": self.applied,
            "passed": self.passed,
            "merged": list(self.twins),
        }


def earned_confidence(stated: float, applied: int, passed: int, refuted: int = 0) -> float:
    """The Beta-smoothed share of good outcomes.

    >>> earned_confidence(0.5, applied=3, passed=3), earned_confidence(0.8, applied=0, passed=0)
    (0.8, 0.8)
    """
    return (PRIOR_WEIGHT * stated + passed) / (PRIOR_WEIGHT + applied + refuted)


def earned_learnings(
    reader: Reader, learnings: Iterable[LearningFold] | None = None, *, gone_too: bool = False
) -> list[Earned]:
    """Learnings that stand, near-duplicates merged, the best earned first."""
    given = reader.learnings(limit=_MOST) if learnings is None else learnings
    standing = [each for each in given if gone_too or each.status not in _GONE]
    outcomes = _Outcomes(reader)
    merged = [_earned(group, outcomes) for group in _groups(standing, outcomes)]
    return sorted(merged, key=lambda each: (-each.confidence, -each.applied, -each.learning.ts_us))


class _Outcomes:
    """How the runs of a script ended, in order; each script asked for once."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._ended: dict[str, list[tuple[int, bool]]] = {}
        self._scripts: dict[str, str] = {}

    def script_of(self, learning: LearningFold) -> str:
        """The script that a learning is about: of the run it was learnt in, else of the first of its evidence."""
        if learning.learning_id not in self._scripts:
            self._scripts[learning.learning_id] = self._script(learning)
        return self._scripts[learning.learning_id]

    def _script(self, learning: LearningFold) -> str:
        if learning.execution_id != UNKNOWN_EXECUTION:
            return learning.script_name
        for name in learning.evidence:
            record = self._reader.event(name)
            if record is not None:
                return record.line.script_name
            run = self._reader.run(name)
            if run is not None:
                return run.run.script_name
        return ""

    def after(self, script: str, ts_us: int) -> bool | None:
        """Whether the first run that began after then passed; None where none has ended yet."""
        if script not in self._ended:
            selection = RunSelection(script=script or None, status=(SUCCESS, FAILED, CRASHED))
            runs = self._reader.runs(selection, _MOST_RUNS).runs
            self._ended[script] = [(each.started_us, each.run.status == SUCCESS) for each in reversed(runs)]
        return next((passed for started_us, passed in self._ended[script] if started_us > ts_us), None)


def _earned(group: Sequence[LearningFold], outcomes: _Outcomes) -> Earned:
    best = max(group, key=lambda each: (len(each.applied_us), each.confidence, each.ts_us))
    applied = sorted(ts_us for each in group for ts_us in each.applied_us)
    found = [outcomes.after(outcomes.script_of(best), ts_us) for ts_us in applied]
    known = [passed for passed in found if passed is not None]
    refuted = sum(each.refuted for each in group)
    confidence = earned_confidence(best.confidence, len(known), sum(known), refuted)
    twins = tuple(learning_item(each)["id"] for each in group if each is not best)
    return Earned(best, confidence, len(applied), sum(known), twins)


def _groups(learnings: Sequence[LearningFold], outcomes: _Outcomes) -> list[list[LearningFold]]:
    groups: list[list[LearningFold]] = []
    for each in learnings:
        home = next((group for group in groups if _are_one(group[0], each, outcomes)), None)
        if home is None:
            groups.append([each])
        else:
            home.append(each)
    return groups


def _are_one(one: LearningFold, other: LearningFold, outcomes: _Outcomes) -> bool:
    return are_alike(one.learning, other.learning) and outcomes.script_of(one) == outcomes.script_of(other)


def are_alike(one: str, other: str) -> bool:
    """True for texts that say the same in nearly the same words.

    >>> are_alike("Keep workers below 16", "keep the workers below 16!")
    True
    >>> are_alike("Keep workers below 16", "Keep workers below 24")
    False
    """
    first, second = _words(one), _words(other)
    if _decisive(first) != _decisive(second):
        return False
    return len(first & second) >= ALIKE * max(len(first | second), 1)


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text.casefold())) - _FILLERS


def _decisive(words: frozenset[str]) -> frozenset[str]:
    """What turns a sentence into its opposite or another: numbers and negations."""
    return frozenset(word for word in words if word in _NEGATIONS or word[0].isdigit())


def shared_words(one: str, other: str) -> float:
    """Share of the first text's words that the other has too, from 0 to 1."""
    first = _words(one)
    return len(first & _words(other)) / len(first) if first else 0.0


def about_runs(earned: Iterable[Earned], execution_ids: Iterable[str], keys: Iterable[str] = ()) -> list[Earned]:
    """Those learnt in one of the runs, or that name a run or an event of them as evidence."""
    runs, events = set(execution_ids), set(keys)
    return [
        each
        for each in earned
        if each.learning.execution_id in runs or any(name in runs or name in events for name in each.learning.evidence)
    ]
