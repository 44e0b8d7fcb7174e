"""How a selection is to be found: what the word index answers, what the rows must, and between which bounds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import apsw
import msgspec

from logagent.errors import BadQuery
from logagent.formats.key import parse_key
from logagent.store.selection import (
    And,
    Compare,
    Condition,
    Direction,
    Field,
    Not,
    Or,
    Position,
    Selection,
    TextMatch,
)
from logagent.store.sqlite.conditions import Sql, sql_of
from logagent.store.sqlite.names import HASH_BIAS
from logagent.store.sqlite.text import storable
from logagent.store.sqlite.tokens import Words

NOTHING: Final = "nothing"
POSITION: Final = "(e.ts_us, e.offset, e.own, e.key_hash)"
_SPARSE: Final = 20
"""Marks are looked up, rather than rows walked, where fewer than one event in so many carries them."""


class Plan(msgspec.Struct, frozen=True):
    """`match` is an FTS5 expression or None; `where` what rows must fulfil besides, in SQL over `events e`.

    Every match has an id from `first_id` to `last_id` and a time from `since_us` on, before `until_us`.
    """

    match: str | None
    where: Sql
    newest: bool
    first_id: int = 0
    last_id: int = (1 << 63) - 1
    since_us: int | None = None
    until_us: int | None = None
    is_empty: bool = False

    def matching(self, expression: str) -> Plan:
        """The same plan, narrowed by another FTS5 expression."""
        both = expression if self.match is None else f"({expression}) AND ({self.match})"
        return msgspec.structs.replace(self, match=both)


def plan_of(db: apsw.Connection, words: Words, selection: Selection) -> Plan:
    """The plan for a selection. Reads counts, never events."""
    parts = list(_conjuncts(selection.where))
    texts = [part for part in parts if _is_text(part)]
    positive = [part for part in texts if not isinstance(part, Not)]
    run_id = _named_run(db, parts)
    if run_id == 0:
        return Plan(None, ("0", ()), True, is_empty=True)
    match = _match(positive, [part for part in texts if isinstance(part, Not)], words) if positive else None
    if match == NOTHING:
        return Plan(None, ("0", ()), True, is_empty=True)
    rest = [part for part in parts if not positive or not _is_text(part)]
    bounds = _bounds(db, run_id)
    if bounds is None:
        return Plan(None, ("0", ()), True, is_empty=True)
    marks = _marks(db, parts, run_id, bounds, always=match is not None)
    match = " AND ".join(f"({part})" for part in [match, *marks] if part) or None
    return _with_window(selection, words, match, rest, bounds)


def _with_window(
    selection: Selection, words: Words, match: str | None, rest: list[Condition], bounds: tuple[int, ...]
) -> Plan:
    _, first_id, last_id, first_us, last_us = bounds
    text, values = sql_of(And(tuple(rest)), words)
    since_us, until_us = selection.since_us, selection.until_us
    newest = selection.direction is Direction.NEWEST_FIRST
    if selection.after is not None:
        text, values = (
            f"{text} AND {POSITION} {'<' if newest else '>'} (?, ?, ?, ?)",
            (*values, *place(selection.after)),
        )
        first_us, last_us = (
            (first_us, min(last_us, selection.after.ts_us))
            if newest
            else (max(first_us, selection.after.ts_us), last_us)
        )
    since_us = max(first_us, first_us if since_us is None else since_us)
    until_us = min(last_us + 1, last_us + 1 if until_us is None else until_us)
    text += " AND e.ts_us >= ? AND e.ts_us < ?"
    return Plan(match, (text, (*values, since_us, until_us)), newest, first_id, last_id, since_us, until_us)


def place(position: Position) -> tuple[int, int, int, int]:
    """A position as the unique index orders it.

    Raises:
        BadQuery: its key is none.
    """
    parts = parse_key(position.key)
    if parts is None:
        raise BadQuery(f"{position.key!r} is no event key")
    return position.ts_us, position.offset, 1 if parts.own_us else 0, parts.hash - HASH_BIAS


def _conjuncts(condition: Condition) -> Sequence[Condition]:
    if isinstance(condition, And):
        return [part for inner in condition.conditions for part in _conjuncts(inner)]
    return [condition]


def _is_text(condition: Condition) -> bool:
    match condition:
        case TextMatch():
            return True
        case Or(conditions):
            return bool(conditions) and all(isinstance(part, TextMatch) for part in conditions)
        case Not(inner):
            return isinstance(inner, TextMatch)
    return False


def _match(positive: Sequence[Condition], negative: Sequence[Condition], words: Words) -> str:
    found = [_alternatives(part, words) for part in positive]
    if NOTHING in found:
        return NOTHING
    text = " AND ".join(found)
    for part in negative:
        assert isinstance(part, Not) and isinstance(part.condition, TextMatch)
        quoted = words.quoted(part.condition)
        text = f"({text}) NOT {quoted}" if quoted else text
    return text


def _alternatives(condition: Condition, words: Words) -> str:
    choices = condition.conditions if isinstance(condition, Or) else (condition,)
    quoted = [words.quoted(part) for part in choices if isinstance(part, TextMatch)]
    return f"({' OR '.join(part for part in quoted if part)})" if any(quoted) else NOTHING


def _named_run(db: apsw.Connection, parts: list[Condition]) -> int | None:
    """The number of the one run asked for; None if none is named, 0 if it cannot be."""
    named = {p.value for p in parts if isinstance(p, Compare) and p.field is Field.RUN and p.op == "="}
    if not named:
        return None
    name = named.pop()
    if named or not isinstance(name, str):
        return 0
    found = db.execute("SELECT id FROM runs WHERE execution_id = ? AND id > 0", (storable(name),)).get
    return int(found or 0)


_EVERYWHERE: Final = (-1, 0, (1 << 63) - 1, -(1 << 62), 1 << 62)


def _bounds(db: apsw.Connection, run_id: int | None) -> tuple[int, ...] | None:
    """Count, first and last id, first and last time of a run's events; None where it has none."""
    if run_id is None:
        return _EVERYWHERE
    found: tuple[Any, ...] = db.execute(
        "SELECT sum(count), min(first_id), max(last_id), min(first_us), max(last_us) FROM tallies WHERE run_id = ?",
        (run_id,),
    ).get
    return None if found[0] is None else found


def _marks(
    db: apsw.Connection, parts: list[Condition], run_id: int | None, bounds: tuple[int, ...], *, always: bool
) -> list[str]:
    """Conditions on run and level as expressions over the second column of the word index, where that pays."""
    marks = []
    if run_id is not None and (always or bounds[0] * _SPARSE < bounds[2] - bounds[1]):
        marks.append(f'marks : "r{run_id}"')
    for part in parts:
        if isinstance(part, Compare) and part.field is Field.LEVEL:
            mark = _level_mark(db, part, always=always or bool(marks))
            marks += [mark] if mark else []
    return marks


def _level_mark(db: apsw.Connection, part: Compare, *, always: bool) -> str | None:
    if isinstance(part.value, bool) or not isinstance(part.value, int | float):
        return None
    counts = dict[int, list[int]]()
    for level_id, level_no, count in db.execute(
        "SELECT l.id, l.level_no, ifnull(sum(h.count), 0) FROM levels l LEFT JOIN level_hours h ON h.level_id = l.id"
        " GROUP BY 1"
    ):
        counts[level_id] = [level_no, count]
    compares = _COMPARES[part.op]
    ids = [level_id for level_id, (level_no, _) in counts.items() if compares(level_no, part.value)]
    matching = sum(counts[level_id][1] for level_id in ids)
    if not ids or not (always or matching * _SPARSE < sum(count for _, count in counts.values())):
        return None
    return "marks : (" + " OR ".join(f'"l{level_id}"' for level_id in ids) + ")"


_COMPARES: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
