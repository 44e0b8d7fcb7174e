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
from logagent.store.sqlite.connection import fetched
from logagent.store.sqlite.names import HASH_BIAS
from logagent.store.sqlite.tokens import Words
from logagent.store.text import storable

NOTHING: Final = "nothing"
POSITION: Final = "(e.ts_us, e.offset, e.own, e.key_hash)"
MAX_MATCHES: Final = 20_000
"""How many matches a text search looks at; beyond it takes the newest by arrival, and says so."""
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


_NONE: Final = Plan(None, ("0", ()), newest=True, is_empty=True)


class Bounds(msgspec.Struct, frozen=True):
    """Between what ids and times all events of a selection lie; `count` of them at most, as far as is known."""

    run_id: int | None = None
    count: int = 1 << 62
    first_id: int = 0
    last_id: int = 1 << 62
    first_us: int = -(1 << 62)
    last_us: int = 1 << 62


def plan_of(db: apsw.Connection, words: Words, selection: Selection) -> Plan:
    """The plan for a selection. Reads counts, never events."""
    parts = list(_conjuncts(selection.where))
    match = _text_match(parts, words)
    bounds = _bounds(db, parts)
    if match == NOTHING or bounds is None:
        return _NONE
    marks = _marks(db, parts, bounds, has_text=match is not None)
    if NOTHING in marks:
        return _NONE
    rest = parts if match is None else [part for part in parts if not _is_text(part)]
    match = " AND ".join(f"({part})" for part in [match, *marks] if part) or None
    return _bounded(selection, match, sql_of(And(tuple(rest)), words), bounds)


def _bounded(selection: Selection, match: str | None, rest: Sql, bounds: Bounds) -> Plan:
    text, values = rest
    first_us, last_us, after = bounds.first_us, bounds.last_us, selection.after
    newest = selection.direction is Direction.NEWEST_FIRST
    if after is not None:
        text += f" AND {POSITION} {'<' if newest else '>'} (?, ?, ?, ?)"
        values = (*values, *place(after))
        first_us = first_us if newest else max(first_us, after.ts_us)
        last_us = min(last_us, after.ts_us) if newest else last_us
    since_us = first_us if selection.since_us is None else max(first_us, selection.since_us)
    until_us = last_us + 1 if selection.until_us is None else min(last_us + 1, selection.until_us)
    where = f"{text} AND e.ts_us >= ? AND e.ts_us < ?", (*values, since_us, until_us)
    return Plan(match, where, newest, bounds.first_id, bounds.last_id, since_us, until_us)


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
    if isinstance(condition, Or):
        return bool(condition.conditions) and all(isinstance(part, TextMatch) for part in condition.conditions)
    return isinstance(condition, TextMatch) or _is_unwanted(condition)


def _is_unwanted(condition: Condition) -> bool:
    return isinstance(condition, Not) and isinstance(condition.condition, TextMatch)


def _text_match(parts: Sequence[Condition], words: Words) -> str | None:
    """The conditions on text as one FTS5 expression; None unless a word is asked for, `NOTHING` if none can match."""
    texts = [part for part in parts if _is_text(part)]
    positive = [_alternatives(part, words) for part in texts if not isinstance(part, Not)]
    if not positive or NOTHING in positive:
        return NOTHING if positive else None
    match = " AND ".join(positive)
    for part in texts:
        unwanted = _unwanted(part, words)
        match = f"({match}) NOT {unwanted}" if unwanted else match
    return match


def _unwanted(condition: Condition, words: Words) -> str | None:
    if isinstance(condition, Not) and isinstance(condition.condition, TextMatch):
        return words.quoted(condition.condition)
    return None


def _alternatives(condition: Condition, words: Words) -> str:
    choices = condition.conditions if isinstance(condition, Or) else (condition,)
    quoted = [words.quoted(part) for part in choices if isinstance(part, TextMatch)]
    return f"({' OR '.join(part for part in quoted if part)})" if any(quoted) else NOTHING


def _bounds(db: apsw.Connection, parts: Sequence[Condition]) -> Bounds | None:
    """Those of the one run asked for; all there are if none is, None where nothing can be found."""
    named = {part.value for part in parts if isinstance(part, Compare) and part.field is Field.RUN and part.op == "="}
    if not named:
        return Bounds()
    name = named.pop()
    if named or not isinstance(name, str):
        return None
    found = db.execute(
        "SELECT run_id, sum(count), min(first_id), max(last_id), min(first_us), max(last_us) FROM tallies"
        " WHERE run_id = (SELECT id FROM runs WHERE execution_id = ?) HAVING count(*) > 0",
        (storable(name),),
    ).get
    return found and Bounds(*found)


def _marks(db: apsw.Connection, parts: Sequence[Condition], bounds: Bounds, *, has_text: bool) -> list[str]:
    """Run and levels as expressions over the second column of the word index, where that is cheaper than walking.

    Without words they are used only where so few events carry them that nothing has to be cut.
    """
    marks = []
    if bounds.run_id is not None and (has_text or _is_sparse(bounds.count, bounds.last_id - bounds.first_id)):
        marks.append(f'marks : "r{bounds.run_id}"')
    for part in parts:
        if isinstance(part, Compare) and part.field is Field.LEVEL:
            mark = _level_mark(db, part, has_match=has_text or bool(marks))
            marks += [mark] if mark else []
    return marks


def _is_sparse(count: int, among: int) -> bool:
    return count <= MAX_MATCHES and count * _SPARSE < among


def _level_mark(db: apsw.Connection, part: Compare, *, has_match: bool) -> str | None:
    if isinstance(part.value, bool) or not isinstance(part.value, int | float):
        return None
    levels = fetched(db, _LEVELS)
    compares = _COMPARES[part.op]
    ids = [level_id for level_id, level_no, count in levels if count and compares(level_no, part.value)]
    if not ids:
        return NOTHING
    total = sum(count for _, _, count in levels)
    if has_match or _is_sparse(sum(count for level_id, _, count in levels if level_id in ids), total):
        return "marks : (" + " OR ".join(f'"l{level_id}"' for level_id in ids) + ")"
    return None


_LEVELS: Final = (
    "SELECT l.id, l.level_no, ifnull(sum(h.count), 0) FROM levels l LEFT JOIN level_hours h ON h.level_id = l.id"
    " GROUP BY 1"
)
_COMPARES: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
