"""Storing: which records a declared rule leaves out, and what that rule is called. Pure: no I/O, no clock.

A rule speaks of log lines that name a level; runs, learnings and lines without a level are always stored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

import msgspec

from logagent.formats.levels import LEVEL_NUMBERS
from logagent.formats.record import Flag, LogLine, Record

_BELOW: Final = "below "
_NO_LEVEL: Final = int(Flag.NO_LEVEL)


class StoringRules(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored of a file's log lines; the default is everything.

    Attributes:
        min_level: name of the least level that is stored; None stores all.
        min_level_by_script: the same for single scripts, instead of `min_level`.
        always_keep_tags: a line with one of these is stored as it is, whatever its level.
        folds_repeats: lines that say the same one after another become one (`repeats`).
    """

    min_level: str | None = None
    min_level_by_script: dict[str, str] = {}
    always_keep_tags: frozenset[str] = frozenset()
    folds_repeats: bool = False

    def keeps_by_tag(self, line: LogLine) -> bool:
        """True for a line that no rule may touch."""
        return bool(line.tags) and not self.always_keep_tags.isdisjoint(line.tags)


def sift(records: Iterable[Record], rules: StoringRules) -> tuple[list[Record], Counter[str]]:
    """The records to store, and how many each rule leaves out."""
    kept: list[Record] = []
    left_out: Counter[str] = Counter()
    for record in records:
        rule = rule_against(record, rules)
        if rule is None:
            kept.append(record)
        else:
            left_out[rule] += 1
    return kept, left_out


def rule_against(record: Record, rules: StoringRules) -> str | None:
    """The rule that leaves this record out, or None.

    >>> from logagent.formats.record import Origin
    >>> debug = Record(0, 0, 0, 0, 0, Origin("", "", 0), LogLine("", level="DEBUG", level_no=10))
    >>> rule_against(debug, StoringRules(min_level="INFO"))
    'below INFO'
    """
    line = record.line
    if not isinstance(line, LogLine):
        return None
    least = rules.min_level_by_script.get(line.script_name, rules.min_level)
    if least is None or not _is_below(record, line, least) or rules.keeps_by_tag(line):
        return None
    return _BELOW + least


def may_leave_out(rule: str, record: Record) -> bool:
    """True if a rule of that name, whoever declared it and when, can have left out this record."""
    least = rule.removeprefix(_BELOW)
    return least in LEVEL_NUMBERS and isinstance(record.line, LogLine) and _is_below(record, record.line, least)


def fewest_first(rules: Iterable[str]) -> list[str]:
    """Names of rules, ordered by how many lines each can have left out: what `below INFO` can, `below ERROR` can too.

    >>> fewest_first(["below ERROR", "repeats", "below INFO"])
    ['repeats', 'below INFO', 'below ERROR']
    """
    return sorted(rules, key=lambda rule: LEVEL_NUMBERS.get(rule.removeprefix(_BELOW), 0))


def _is_below(record: Record, line: LogLine, least: str) -> bool:
    return line.level_no < LEVEL_NUMBERS[least] and not record.flags & _NO_LEVEL
