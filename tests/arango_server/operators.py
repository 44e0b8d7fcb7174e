"""AQL's operators on values. Each takes the running query first, for its warnings."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, Final

from .errors import Unsupported
from .functions.numbers import finite
from .functions.texts import is_like, matches_regex
from .values import Value, compare, equal, to_number

Operator = Callable[[Any, Value, Value], Value]


def _double(value: Value) -> float:
    return float(to_number(value))


def add(_: Any, left: Value, right: Value) -> Value:
    """All arithmetic is in doubles."""
    return finite(_double(left) + _double(right))


def subtract(_: Any, left: Value, right: Value) -> Value:
    return finite(_double(left) - _double(right))


def multiply(_: Any, left: Value, right: Value) -> Value:
    return finite(_double(left) * _double(right))


def divide(query: Any, left: Value, right: Value) -> Value:
    """By zero null with a warning."""
    one, other = _double(left), _double(right)
    if other == 0:
        query.warn(1562, "in operator /: division by zero")
        return None
    return finite(one / other)


def modulo(query: Any, left: Value, right: Value) -> Value:
    """The sign of the left operand, as in C; by zero null with a warning."""
    one, other = _double(left), _double(right)
    if other == 0:
        query.warn(1562, "in operator %: division by zero")
        return None
    return finite(math.fmod(one, other))


def is_in(_: Any, left: Value, right: Value) -> bool:
    return isinstance(right, list) and any(equal(left, element) for element in right)


def is_not_in(_: Any, left: Value, right: Value) -> bool:
    return isinstance(right, list) and not any(equal(left, element) for element in right)


def not_like(_: Any, left: Value, right: Value) -> bool:
    return not is_like(left, right)


def not_regex(query: Any, left: Value, right: Value) -> Value:
    matched = matches_regex(query, left, right)
    return None if matched is None else not matched


COMPARISONS: Final[dict[str, Operator]] = {
    "==": lambda _, left, right: equal(left, right),
    "!=": lambda _, left, right: not equal(left, right),
    "<": lambda _, left, right: compare(left, right) < 0,
    "<=": lambda _, left, right: compare(left, right) <= 0,
    ">": lambda _, left, right: compare(left, right) > 0,
    ">=": lambda _, left, right: compare(left, right) >= 0,
    "=~": matches_regex,
    "!~": not_regex,
    "IN": is_in,
    "NOT IN": is_not_in,
}
ARITHMETIC: Final[dict[str, Operator]] = {"+": add, "-": subtract, "*": multiply, "/": divide, "%": modulo}


def normal_operator(text: str) -> str:
    """`not   in` as `NOT IN`."""
    return re.sub(r"\s+", " ", text.strip()).upper()


def quantified(query: Any, quantifier: str, operator: str, left: Value, right: Value) -> bool:
    """`left ALL|ANY|NONE operator right`: false where an operand that must be an array is none."""
    if not isinstance(left, list) or (operator in ("IN", "NOT IN") and not isinstance(right, list)):
        return False
    compare_one = COMPARISONS[operator]
    results = (bool(compare_one(query, element, right)) for element in left)
    if quantifier == "ALL":
        return all(results)
    return any(results) if quantifier == "ANY" else not any(results)


def at_least(query: Any, count: Value, operator: str, left: Value, right: Value) -> bool:
    """`left AT LEAST (count) operator right`."""
    if not isinstance(left, list) or (operator in ("IN", "NOT IN") and not isinstance(right, list)):
        return False
    needed = int(to_number(count))
    if needed < 1 or not left:
        raise Unsupported("AT LEAST of less than one, or of an empty array")
    return sum(bool(COMPARISONS[operator](query, element, right)) for element in left) >= needed
