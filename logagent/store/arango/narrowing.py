"""A selection as bind parameters: what our fixed queries take to give all of its events and few others. Pure.

A condition is any tree of and, or, not; the queries are fixed texts. So its conjunctive form goes in as data: clauses
that must all hold, each a list of atoms of which one must. An atom that AQL cannot decide exactly (words outside a
search, durations, big numbers) is taken for true; then `is_exact` says so, and what comes back is tested again here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import product
from typing import Any, Final

import msgspec

from logagent.errors import BadQuery
from logagent.formats.key import parse_key
from logagent.formats.record import UNKNOWN_EXECUTION
from logagent.store.matching import NUMBERS, check, tokens
from logagent.store.selection import (
    And,
    Compare,
    CompareExtra,
    Condition,
    Direction,
    Field,
    Has,
    Not,
    Operator,
    Or,
    Position,
    Scalar,
    Selection,
    TextMatch,
)
from logagent.store.text import storable

Atom = dict[str, Any]
Clause = list[Atom]
_MOST_CLAUSES: Final = 64
_MOST_DEEP: Final = 3
_LIMIT: Final = 1 << 63
_FAR: Final = 1 << 62
NEVER: Final = "\uffff"
"""Begins no word: stands where there are no words or prefixes, since a search takes no empty array."""
_NAMES: Final = {
    Field.LEVEL: "level_no",
    Field.LINE: "line_number",
    Field.PID: "pid",
    Field.SCRIPT: "script_name",
    Field.RUN: "execution_id",
    Field.FUNCTION: "function_name",
}


class Narrowed(msgspec.Struct, frozen=True):
    """What to bind.

    `words` must all stand in the message, and one of `any_word` or a word with one of `any_prefix`; `has_text` says
    whether there are any, so that the view is asked. `is_empty`: nothing can be found.
    """

    clauses: list[Clause]
    is_exact: bool
    is_empty: bool = False
    run: str | None = None
    level_low: int | None = None
    level_high: int | None = None
    from_us: int | None = None
    to_us: int | None = None
    words: tuple[str, ...] = ()
    any_word: tuple[str, ...] = ()
    any_prefix: tuple[str, ...] = ()

    @property
    def has_text(self) -> bool:
        """Whether words are asked for."""
        return bool(self.words or self.any_word or self.any_prefix)

    @property
    def bound(self) -> dict[str, Any]:
        """Bind parameters that every query over events takes."""
        return {
            "clauses": self.clauses,
            "run": self.run,
            "level_low": self.level_low,
            "level_high": self.level_high,
            "from_us": self.from_us,
            "to_us": self.to_us,
        }

    @property
    def bound_search(self) -> dict[str, Any]:
        """Bind parameters that every query over the view takes: ranges in a search have two ends."""
        has_any = bool(self.any_word or self.any_prefix)
        return {
            "clauses": self.clauses,
            "run": self.run,
            "level_low": _or_else(self.level_low, -_FAR),
            "level_high": _or_else(self.level_high, _FAR),
            "from_us": _or_else(self.from_us, -_FAR),
            "to_us": _or_else(self.to_us, _FAR),
            "has_words": bool(self.words),
            "words": self.words or (NEVER,),
            "has_any": has_any,
            "any_word": self.any_word or (NEVER,),
            "any_prefix": self.any_prefix or (NEVER,),
        }


def _or_else(number: int | None, otherwise: int) -> int:
    return otherwise if number is None else min(max(number, -_FAR), _FAR)


def narrowed(selection: Selection) -> Narrowed:
    """What to bind for a selection.

    Raises:
        BadQuery: a field is asked what it cannot answer, or the position is none.
    """
    check(selection.where)
    parts = list(_conjuncts(selection.where))
    texts = [part for part in parts if _is_text(part)]
    clauses, is_exact = _clauses(And(tuple(part for part in parts if not _is_text(part))), False)
    found = Narrowed(clauses, is_exact and not texts, is_empty=[] in clauses)
    return _timed(_with_words(_with_units(found), texts), selection)


def _timed(found: Narrowed, selection: Selection) -> Narrowed:
    from_us, to_us, after = selection.since_us, None, selection.after
    if selection.until_us is not None:
        to_us = selection.until_us - 1
    if after is not None:
        bound_place(after)
        if selection.direction is Direction.NEWEST_FIRST:
            to_us = after.ts_us if to_us is None else min(to_us, after.ts_us)
        else:
            from_us = after.ts_us if from_us is None else max(from_us, after.ts_us)
    return msgspec.structs.replace(found, from_us=from_us, to_us=to_us)


def bound_place(position: Position | None) -> dict[str, Any] | None:
    """A position as bound.

    Raises:
        BadQuery: its key is none.
    """
    if position is None:
        return None
    if parse_key(position.key) is None:
        raise BadQuery(f"{position.key!r} is no event key")
    return {"ts_us": position.ts_us, "offset": position.offset, "key": position.key}


def _conjuncts(condition: Condition) -> Iterable[Condition]:
    if isinstance(condition, And):
        for inner in condition.conditions:
            yield from _conjuncts(inner)
    else:
        yield condition


# ---- words ---------------------------------------------------------------------------------------------------


def _is_text(condition: Condition) -> bool:
    if isinstance(condition, Or):
        return bool(condition.conditions) and all(isinstance(part, TextMatch) for part in condition.conditions)
    return isinstance(condition, TextMatch)


def _with_words(found: Narrowed, texts: Sequence[Condition]) -> Narrowed:
    words: list[str] = []
    for text in texts:
        choices = [part for part in _choices(text) if tokens(part.text)]
        if not choices:
            return msgspec.structs.replace(found, is_empty=True)
        if len(choices) == 1 and not _open_end(choices[0]):
            words += tokens(choices[0].text)
        elif len(choices) == 1 and len(tokens(choices[0].text)) > 1:
            words += tokens(choices[0].text)[:-1]
        elif not (found.any_word or found.any_prefix):
            found = _with_any(found, choices)
    return msgspec.structs.replace(found, words=tuple(dict.fromkeys(words)))


def _choices(condition: Condition) -> list[TextMatch]:
    parts = condition.conditions if isinstance(condition, Or) else (condition,)
    return [part for part in parts if isinstance(part, TextMatch)]


def _open_end(match: TextMatch) -> bool:
    return match.form == "prefix"


def _with_any(found: Narrowed, choices: Sequence[TextMatch]) -> Narrowed:
    """Of each choice its longest word, or its beginning where it has no whole word."""
    any_word, any_prefix = [], []
    for choice in choices:
        whole = tokens(choice.text)[:-1] if _open_end(choice) else tokens(choice.text)
        if whole:
            any_word.append(max(whole, key=len))
        else:
            any_prefix.append(tokens(choice.text)[-1])
    return msgspec.structs.replace(found, any_word=tuple(any_word), any_prefix=tuple(any_prefix))


# ---- clauses -------------------------------------------------------------------------------------------------


def _clauses(condition: Condition, negated: bool) -> tuple[list[Clause], bool]:
    """The conjunctive form, and whether it says exactly the same."""
    match condition:
        case Not(inner):
            return _clauses(inner, not negated)
        case And(conditions) | Or(conditions):
            parts = [_clauses(each, negated) for each in conditions]
            is_exact = all(exact for _, exact in parts)
            if isinstance(condition, And) is not negated:
                return _bounded([clause for clauses, _ in parts for clause in clauses], is_exact)
            return _either([clauses for clauses, _ in parts], is_exact)
    atom = _atom(condition)
    if atom is None:
        return [], False
    if isinstance(atom, bool):
        return ([] if atom is not negated else [[]]), True
    if negated and atom["test"].startswith("extra"):
        return [], False  # the server holds some of these numbers less exactly than we do
    is_exact = not atom["test"].startswith("extra")
    return [[{**atom, "negate": negated is not atom.get("negate", False)}]], is_exact


def _either(parts: Sequence[list[Clause]], is_exact: bool) -> tuple[list[Clause], bool]:
    if math.prod(map(len, parts)) > _MOST_CLAUSES:
        return [], False
    return [[atom for clause in chosen for atom in clause] for chosen in product(*parts)], is_exact


def _bounded(clauses: list[Clause], is_exact: bool) -> tuple[list[Clause], bool]:
    return clauses[:_MOST_CLAUSES], is_exact and len(clauses) <= _MOST_CLAUSES


def _atom(condition: Condition) -> Atom | bool | None:
    """One comparison; a bool where it is always so, None where AQL cannot tell."""
    match condition:
        case Compare(field, op, value) if field in NUMBERS:
            return None if field is Field.DURATION else _number(_NAMES[field], op, value)
        case Compare(field, op, value):
            return _string(field, op, value)
        case CompareExtra(path, op, value):
            return _extra(path, op, value)
        case Has("run"):
            return {"test": "in", "field": "execution_id", "values": [UNKNOWN_EXECUTION], "negate": True}
        case Has(name) if not name.startswith("extra."):
            return {"test": "there", "field": name}
    return None


def _number(name: str, op: Operator, value: Scalar) -> Atom | bool:
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        return op == "!="
    low, high = _range("=" if op == "!=" else op, value)
    return {"test": "range", "field": name, "low": low, "high": high, "negate": op == "!="}


def _range(op: Operator, value: int | float) -> tuple[int, int]:
    """The whole numbers that compare so with `value`."""
    if isinstance(value, float) and math.isinf(value):
        value = int(math.copysign(_LIMIT * 2, value))
    low, high = -_LIMIT, _LIMIT - 1
    match op:
        case "=":
            low, high = math.ceil(value), math.floor(value)
        case "<":
            high = math.ceil(value) - 1
        case "<=":
            high = math.floor(value)
        case ">":
            low = math.floor(value) + 1
        case ">=":
            low = math.ceil(value)
    return _within_64_bits(low), _within_64_bits(high)


def _within_64_bits(number: int) -> int:
    return min(max(number, -_LIMIT), _LIMIT - 1)


def _string(field: Field, op: Operator, value: Scalar) -> Atom | bool:
    if not isinstance(value, str):
        return op == "!="
    text, negate = storable(value), op == "!="
    match field:
        case Field.TAG:
            return {"test": "tag", "value": text, "negate": negate}
        case Field.FILE:
            return {"test": "file", "value": text, "suffix": f"/{text}", "negate": negate}
        case Field.HOST:
            return {"test": "host", "value": text, "negate": negate}
        case _:
            return {"test": "in", "field": _NAMES[field], "values": [text], "negate": negate}


def _extra(path: tuple[str, ...], op: Operator, value: Scalar) -> Atom | None:
    if op == "!=" or not 0 < len(path) <= _MOST_DEEP or not _is_plain(*path, value):
        return None
    where = {"depth": len(path), "path": [*path, *[""] * (_MOST_DEEP - len(path))]}
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if op == "=":
        return {"test": "extra", **where, "values": [_near(value) if is_number else value]}
    if not is_number:
        return None
    low, high = (-1e308, _near(value)) if op in ("<", "<=") else (_near(value), 1e308)
    return {"test": "extra_range", **where, "low": low, "high": high}


def _is_plain(*values: Scalar) -> bool:
    """Whether the server holds such text as it is."""
    texts = [value for value in values if isinstance(value, str)]
    return all(storable(text) == text for text in texts)


def _near(value: Any) -> Any:
    if isinstance(value, int) and not -_LIMIT <= value < _LIMIT:
        value = float(value) if abs(value) < 1 << 1023 else math.copysign(1e308, value)
    return value if not isinstance(value, float) or math.isfinite(value) else math.copysign(1e308, value)


def _with_units(found: Narrowed) -> Narrowed:
    """Take run and level out of the clauses where they stand alone: indexes serve those."""
    rest: list[Clause] = []
    run, low, high, is_empty = None, None, None, found.is_empty
    for clause in found.clauses:
        atom = clause[0] if len(clause) == 1 and not clause[0]["negate"] else {}
        if atom.get("field") == "execution_id" and run in (None, atom["values"][0]):
            run = atom["values"][0]
        elif atom.get("field") == "level_no" and atom["test"] == "range":
            low = atom["low"] if low is None else max(low, atom["low"])
            high = atom["high"] if high is None else min(high, atom["high"])
        else:
            rest.append(clause)
    if low is not None and high is not None:
        is_empty = is_empty or low > high
    return msgspec.structs.replace(found, clauses=rest, run=run, level_low=low, level_high=high, is_empty=is_empty)
