"""AQL's operators on values. Each takes the running query first, for its warnings."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, Final

from .errors import Unsupported
from .functions.numbers import checked
from .functions.texts import is_like, matches_regex
from .values import Value, compare, equal, integer_or_float, to_number

Operator = Callable[[Any, Value, Value], Value]


def add(query: Any, left: Value, right: Value) -> Value:
    """Integers stay integers unless they overflow."""
    one, other = to_number(left), to_number(right)
    if isinstance(one, int) and isinstance(other, int):
        return integer_or_float(one + other)
    return checked(query, one + other)


def subtract(query: Any, left: Value, right: Value) -> Value:
    one, other = to_number(left), to_number(right)
    if isinstance(one, int) and isinstance(other, int):
        return integer_or_float(one - other)
    return checked(query, one - other)


def multiply(query: Any, left: Value, right: Value) -> Value:
    one, other = to_number(left), to_number(right)
    if isinstance(one, int) and isinstance(other, int):
        return integer_or_float(one * other)
    return checked(query, one * other)


def divide(query: Any, left: Value, right: Value) -> Value:
    """Always floating; by zero null with a warning."""
    other = to_number(right)
    if other == 0:
        query.warn(1562, "division by zero")
        return None
    return checked(query, to_number(left) / other)


def modulo(query: Any, left: Value, right: Value) -> Value:
    """The sign of the left operand, as in C; by zero null with a warning."""
    one, other = to_number(left), to_number(right)
    if other == 0:
        query.warn(1562, "division by zero")
        return None
    if isinstance(one, int) and isinstance(other, int):
        return int(math.fmod(one, other)) if abs(one) < 2**53 and abs(other) < 2**53 else _refuse_modulo()
    return checked(query, math.fmod(one, other))


def _refuse_modulo() -> int:
    raise Unsupported("modulo of integers beyond 2^53")


def is_in(_: Any, left: Value, right: Value) -> bool:
    return isinstance(right, list) and any(equal(left, element) for element in right)


def is_not_in(_: Any, left: Value, right: Value) -> bool:
    if not isinstance(right, list):
        raise Unsupported("NOT IN with something else than an array")
    return not any(equal(left, element) for element in right)


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
    if needed < 1:
        raise Unsupported("AT LEAST of less than one")
    return sum(bool(COMPARISONS[operator](query, element, right)) for element in left) >= needed
