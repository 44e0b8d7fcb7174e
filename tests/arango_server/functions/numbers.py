"""Numbers, statistics over arrays, and vectors."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

from ..errors import Unsupported
from ..functions.registry import FUNCTIONS, Function, aql, invalid_argument, warn_in
from ..values import compare, rank, sort_key, to_number


def finite(number: float) -> int | float | None:
    """A double as AQL gives it back: infinity and what is no number are null. Whole ones are kept as integers."""
    if not math.isfinite(number):
        return None
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def _plain(name: str, compute: Callable[[float], float]) -> None:
    def call(_: Any, args: list[Any]) -> float | None:
        try:
            return finite(compute(float(to_number(args[0]))))
        except (ValueError, OverflowError):
            return None

    FUNCTIONS[name] = Function(name, 1, 1, call)


for _name, _compute in {
    "ABS": abs,
    "CEIL": lambda x: float(math.ceil(x)),
    "FLOOR": lambda x: float(math.floor(x)),
    "ROUND": lambda x: float(math.floor(x + 0.5)),
    "SQRT": math.sqrt,
    "EXP": math.exp,
    "EXP2": lambda x: 2.0**x,
    "LOG": math.log,
    "LOG2": math.log2,
    "LOG10": math.log10,
    "SIN": math.sin,
    "COS": math.cos,
    "TAN": math.tan,
    "ASIN": math.asin,
    "ACOS": math.acos,
    "ATAN": math.atan,
    "DEGREES": lambda x: x * (180 / math.pi),
    "RADIANS": lambda x: x * (math.pi / 180),
}.items():
    _plain(_name, _compute)


@aql(2)
def pow_(_: Any, args: list[Any]) -> float | None:
    try:
        return finite(math.pow(to_number(args[0]), to_number(args[1])))
    except (ValueError, OverflowError):
        return None


@aql(2)
def atan2(_: Any, args: list[Any]) -> float:
    return math.atan2(to_number(args[0]), to_number(args[1]))


@aql(0)
def pi(_: Any, args: list[Any]) -> float:
    return math.pi


@aql(0)
def rand(_: Any, args: list[Any]) -> float:
    return random.random()


@aql(2, 3)
def range_(context: Any, args: list[Any]) -> list[int | float] | None:
    start, end = to_number(args[0]), to_number(args[1])
    if len(args) == 2 or args[2] is None:
        return integer_range(start, end)
    step = to_number(args[2])
    if step == 0 or (start < end and step < 0) or (start > end and step > 0):
        invalid_argument(context, "RANGE")
        return None
    if abs(end - start) > 100_000 * abs(step):
        raise Unsupported("a range of more than 100,000 numbers")
    found, number = [], float(start)
    while number <= end if step > 0 else number >= end:
        found.append(finite(number))
        number += step
    return found  # type: ignore[return-value]


def integer_range(start: int | float, end: int | float) -> list[int]:
    """`start..end`, both cut to integers, downwards where start is greater."""
    low, high = int(start), int(end)
    if abs(high - low) > 5_000_000:
        raise Unsupported("a range of more than 5,000,000 numbers")
    return list(range(low, high + 1)) if low <= high else list(range(low, high - 1, -1))


def _numbers(context: Any, name: str, value: Any) -> list[int | float] | None:
    # null elements do not count; anything else that is no number makes the result null.
    if not isinstance(value, list):
        warn_in(context, name, 1563)
        return None
    found = [element for element in value if element is not None]
    if any(rank(element) != 2 for element in found):
        if name not in ("SUM", "PRODUCT"):
            warn_in(context, name, 1563 if name == "AVERAGE" else 1561)
        return None
    return found


@aql(1)
def sum_(context: Any, args: list[Any]) -> Any:
    found = _numbers(context, "SUM", args[0])
    return None if found is None else finite(float_sum(found))


def float_sum(numbers: list[int | float]) -> float:
    """Sum as the server does it: doubles, in order."""
    total = 0.0
    for number in numbers:
        total += number
    return total


@aql(1)
def product(context: Any, args: list[Any]) -> Any:
    found = _numbers(context, "PRODUCT", args[0])
    return None if found is None else finite(math.prod((float(n) for n in found), start=1.0))


@aql(1, 1, "AVERAGE", "AVG")
def average(context: Any, args: list[Any]) -> Any:
    found = _numbers(context, "AVERAGE", args[0])
    return finite(float_sum(found) / len(found)) if found else None


@aql(1)
def min_(context: Any, args: list[Any]) -> Any:
    return _extreme(context, "MIN", args[0], -1)


@aql(1)
def max_(context: Any, args: list[Any]) -> Any:
    return _extreme(context, "MAX", args[0], 1)


def _extreme(context: Any, name: str, value: Any, sign: int) -> Any:
    if not isinstance(value, list):
        warn_in(context, name, 1563)
        return None
    best = None
    for element in value:
        if element is not None and (best is None or compare(element, best) == sign):
            best = element
    return best


@aql(1)
def median(context: Any, args: list[Any]) -> Any:
    found = _numbers(context, "MEDIAN", args[0])
    if not found:
        return None
    found = sorted(found)
    middle = len(found) // 2
    return finite(float(found[middle])) if len(found) % 2 else finite((found[middle - 1] + found[middle]) / 2)


@aql(2, 3)
def percentile(context: Any, args: list[Any]) -> Any:
    """As of 3.12.6; before, it was null for 0 and for what lies below the first element."""
    percent, method = args[1], args[2] if len(args) > 2 else "rank"
    if not isinstance(args[0], list):
        warn_in(context, "PERCENTILE", 1563)
        return None
    if rank(percent) != 2 or not 0 <= percent <= 100 or method not in ("rank", "interpolation"):
        invalid_argument(context, "PERCENTILE")
        return None
    found = _numbers(context, "PERCENTILE", args[0])
    if not found:
        return None
    found = sorted(found)
    if len(found) == 1:
        return found[0]
    if method == "rank":
        position = math.ceil(percent * len(found) / 100)
        return found[min(max(position, 1), len(found)) - 1]
    place = percent * (len(found) + 1) / 100
    lower = math.floor(place)
    if lower >= len(found):
        return found[-1]
    if lower <= 0:
        return found[0]
    return (place - lower) * (found[lower] - found[lower - 1]) + found[lower - 1]


def _variance(found: list[int | float], sample: bool) -> float:
    count, mean, squares = 0, 0.0, 0.0
    for number in found:
        count += 1
        delta = number - mean
        mean += delta / count
        squares += delta * (number - mean)
    return squares / (count - 1 if sample else count)


@aql(1, 1, "VARIANCE_POPULATION", "VARIANCE")
def variance_population(context: Any, args: list[Any]) -> Any:
    found = _numbers(context, "VARIANCE_POPULATION", args[0])
    return _variance(found, False) if found else None


@aql(1)
def variance_sample(context: Any, args: list[Any]) -> Any:
    found = _numbers(context, "VARIANCE_SAMPLE", args[0])
    return _variance(found, True) if found and len(found) > 1 else None


@aql(1, 1, "STDDEV_POPULATION", "STDDEV")
def stddev_population(context: Any, args: list[Any]) -> Any:
    found = _numbers(context, "STDDEV_POPULATION", args[0])
    return math.sqrt(_variance(found, False)) if found else None


@aql(1)
def stddev_sample(context: Any, args: list[Any]) -> Any:
    found = _numbers(context, "STDDEV_SAMPLE", args[0])
    return math.sqrt(_variance(found, True)) if found and len(found) > 1 else None


def _vectors(context: Any, name: str, args: list[Any]) -> tuple[list[float], list[float]] | None:
    one, other = args
    plain = all(isinstance(v, list) and v and all(rank(e) == 2 for e in v) for v in (one, other))
    if not plain:
        if any(isinstance(v, list) and any(isinstance(e, list) for e in v) for v in (one, other)):
            raise Unsupported(f"{name} of matrices")
        invalid_argument(context, name)
        return None
    if len(one) != len(other):
        invalid_argument(context, name)
        return None
    return one, other


@aql(2)
def cosine_similarity(context: Any, args: list[Any]) -> Any:
    vectors = _vectors(context, "COSINE_SIMILARITY", args)
    return None if vectors is None else cosine(context, *vectors)


def cosine(context: Any, one: list[float], other: list[float]) -> float | None:
    """Cosine of the angle between two vectors of the same length; null with a warning for a null vector."""
    product_ = math.fsum(a * b for a, b in zip(one, other, strict=True))
    lengths = math.sqrt(math.fsum(a * a for a in one)) * math.sqrt(math.fsum(b * b for b in other))
    if lengths == 0:
        invalid_argument(context, "COSINE_SIMILARITY")
        return None
    return max(-1.0, min(1.0, product_ / lengths))


@aql(2)
def l1_distance(context: Any, args: list[Any]) -> Any:
    vectors = _vectors(context, "L1_DISTANCE", args)
    return None if vectors is None else float_sum([abs(a - b) for a, b in zip(*vectors, strict=True)])


@aql(2)
def l2_distance(context: Any, args: list[Any]) -> Any:
    vectors = _vectors(context, "L2_DISTANCE", args)
    return None if vectors is None else math.sqrt(float_sum([(a - b) ** 2 for a, b in zip(*vectors, strict=True)]))


@aql(1)
def minhash_count(context: Any, args: list[Any]) -> int | None:
    if rank(args[0]) != 2 or not args[0] > 0:
        invalid_argument(context, "MINHASH_COUNT")
        return None
    return math.ceil(round(1 / (args[0] * args[0]), 9))


@aql(1)
def minhash_error(context: Any, args: list[Any]) -> float | None:
    if rank(args[0]) != 2 or not args[0] > 0:
        invalid_argument(context, "MINHASH_ERROR")
        return None
    return 1 / math.sqrt(args[0])


@aql(1)
def sorted_(context: Any, args: list[Any]) -> list[Any] | None:
    if not isinstance(args[0], list):
        warn_in(context, "SORTED", 1563)
        return None
    return sorted(args[0], key=sort_key)
