"""Bits of numbers of at most 32 of them."""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import reduce
from typing import Any, Final

from ..functions.registry import FUNCTIONS, Function, aql, invalid_argument
from ..values import rank

MOST_BITS: Final = 32


def _number(value: Any) -> int | None:
    """A number of 32 bits, cut to a whole one; None for anything else."""
    return int(value) if rank(value) == 2 and 0 <= value < 1 << MOST_BITS else None


def _width(value: Any) -> int | None:
    found = _number(value)
    return found if found is not None and found <= MOST_BITS else None


def _folding(name: str, combine: Callable[[int, int], int]) -> None:
    def call(context: Any, args: list[Any]) -> int | None:
        """Of two numbers, or of those of an array, where null does not count."""
        if len(args) == 1 and not isinstance(args[0], list):
            invalid_argument(context, name)
            return None
        numbers = [_number(n) for n in (args if len(args) == 2 else args[0]) if n is not None or len(args) == 2]
        if None in numbers:
            invalid_argument(context, name)
            return None
        return reduce(combine, numbers) if numbers else None  # type: ignore[arg-type]

    FUNCTIONS[name] = Function(name, 1, 2, call)


_folding("BIT_AND", operator.and_)
_folding("BIT_OR", operator.or_)
_folding("BIT_XOR", operator.xor)


@aql(1)
def bit_popcount(context: Any, args: list[Any]) -> int | None:
    found = _number(args[0])
    if found is None:
        invalid_argument(context, "BIT_POPCOUNT")
        return None
    return found.bit_count()


@aql(2)
def bit_negate(context: Any, args: list[Any]) -> int | None:
    number, width = _number(args[0]), _width(args[1])
    if number is None or width is None:
        invalid_argument(context, "BIT_NEGATE")
        return None
    return ~number & ((1 << width) - 1)


@aql(2)
def bit_test(context: Any, args: list[Any]) -> bool | None:
    number, index = _number(args[0]), _width(args[1])
    if number is None or index is None or index == MOST_BITS:
        invalid_argument(context, "BIT_TEST")
        return None
    return bool(number >> index & 1)


def _shifting(name: str, move: Callable[[int, int], int]) -> None:
    def call(context: Any, args: list[Any]) -> int | None:
        number, by, width = _number(args[0]), _width(args[1]), _width(args[2])
        if number is None or by is None or width is None:
            invalid_argument(context, name)
            return None
        return move(number, by) & ((1 << width) - 1)

    FUNCTIONS[name] = Function(name, 3, 3, call)


_shifting("BIT_SHIFT_LEFT", operator.lshift)
_shifting("BIT_SHIFT_RIGHT", operator.rshift)


@aql(1)
def bit_construct(context: Any, args: list[Any]) -> int | None:
    places = [_number(place) for place in args[0]] if isinstance(args[0], list) else [None]
    if any(place is None or place >= MOST_BITS for place in places):
        invalid_argument(context, "BIT_CONSTRUCT")
        return None
    return sum({1 << place for place in places if place is not None})


@aql(1)
def bit_deconstruct(context: Any, args: list[Any]) -> list[int] | None:
    number = _number(args[0])
    if number is None:
        invalid_argument(context, "BIT_DECONSTRUCT")
        return None
    return [place for place in range(MOST_BITS) if number >> place & 1]


@aql(2)
def bit_to_string(context: Any, args: list[Any]) -> str | None:
    number, width = _number(args[0]), _width(args[1])
    if number is None or width is None:
        invalid_argument(context, "BIT_TO_STRING")
        return None
    return "".join(str(number >> place & 1) for place in reversed(range(width)))


@aql(1)
def bit_from_string(context: Any, args: list[Any]) -> int | None:
    text = args[0]
    if not isinstance(text, str) or len(text) > MOST_BITS or set(text) - {"0", "1"}:
        invalid_argument(context, "BIT_FROM_STRING")
        return None
    return int(text or "0", 2)
