"""Numbers, statistics over arrays, and vectors."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

from ..errors import Unsupported
from ..functions.registry import FUNCTIONS, Function, aql, invalid_argument
from ..values import compare, integer_or_float, rank, sort_key, to_number


def checked(context: Any, number: int | float) -> int | float | None:
    """A result as AQL has it: not a number and infinity are null with a warning."""
    if isinstance(number, int):
        return integer_or_float(number)
    if math.isfinite(number):
        return number
    context.warn(1504, "number out of range")
    return None


def _plain(name: str, compute: Callable[[float], float]) -> None:
    def call(_: Any, args: list[Any]) -> float | None:
        try:
            result = compute(float(to_number(args[0])))
        except (ValueError, OverflowError):
            return None
        return result if math.isfinite(result) else None

    FUNCTIONS[name] = Function(name, 1, 1, call)


for _name, _compute in {
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


@aql(1)
def abs_(_: Any, args: list[Any]) -> int | float:
    return abs(to_number(args[0]))


@aql(2)
def pow_(_: Any, args: list[Any]) -> float | None:
    try:
        result = math.pow(to_number(args[0]), to_number(args[1]))
    except (ValueError, OverflowError):
        return None
    return result if math.isfinite(result) else None


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
    if len(args) == 2:
        return integer_range(start, end)
    step = to_number(args[2])
    if step == 0 or ((start < end) != (step > 0) and start != end):
        invalid_argument(context, "RANGE")
        return None
    if any(isinstance(n, float) for n in (start, end, step)):
        raise Unsupported("RANGE with fractions")
    return list(range(int(start), int(end) + (1 if step > 0 else -1), int(step)))


def integer_range(start: int | float, end: int | float) -> list[int]:
    """`start..end`, both cut to integers, downwards where start is greater."""
    low, high = int(start), int(end)
    if abs(high - low) > 5_000_000:
        raise Unsupported("a range of more than 5,000,000 numbers")
    return list(range(low, high + 1)) if low <= high else list(range(low, high - 1, -1))


def _numbers(context: Any, name: str, value: Any) -> list[int | float] | None:
    # null elements do not count; anything else that is no number makes the result null.
    if not isinstance(value, list):
        invalid_argument(context, name)
        return None
    found = [element for element in value if element is not None]
    if any(rank(element) != 2 for element in found):
        context.warn(1504, "number out of range") if name == "" else invalid_argument(context, name)
        return None
    return found


@aql(1)
def sum_(context: Any, args: list[Any]) -> Any:
    found = _numbers(context, "SUM", args[0])
    return None if found is None else checked(context, float_sum(found))


def float_sum(numbers: list[int | float]) -> float:
    """Sum as the server does it: doubles, in order."""
    total = 0.0
    for number in numbers:
        total += number
    return total


@aql(1)
def product(context: Any, args: list[Any]) -> Any:
    found = _numbers(context, "PRODUCT", args[0])
    return None if found is None else checked(context, math.prod((float(n) for n in found), start=1.0))


@aql(1, 1, "AVERAGE", "AVG")
def average(context: Any, args: list[Any]) -> Any:
    found = _numbers(context, "AVERAGE", args[0])
    return checked(context, float_sum(found) / len(found)) if found else None


@aql(1)
def min_(context: Any, args: list[Any]) -> Any:
    return _extreme(context, "MIN", args[0], -1)


@aql(1)
def max_(context: Any, args: list[Any]) -> Any:
    return _extreme(context, "MAX", args[0], 1)


def _extreme(context: Any, name: str, value: Any, sign: int) -> Any:
    if not isinstance(value, list):
        invalid_argument(context, name)
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
    return float(found[middle]) if len(found) % 2 else (found[middle - 1] + found[middle]) / 2


@aql(2, 3)
def percentile(context: Any, args: list[Any]) -> Any:
    found = _numbers(context, "PERCENTILE", args[0])
    percent = args[1]
    if rank(percent) != 2 or not 0 < percent <= 100:
        invalid_argument(context, "PERCENTILE")
        return None
    method = args[2] if len(args) > 2 else "rank"
    if method not in ("rank", "interpolation"):
        invalid_argument(context, "PERCENTILE")
        return None
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
    if place >= len(found):
        return found[-1]
    if place <= 0 or lower < 1:
        return None
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


def _bits(context: Any, name: str, args: list[Any]) -> list[int] | None:
    numbers = args[0] if len(args) == 1 and isinstance(args[0], list) else args
    found = [n for n in numbers if n is not None]
    whole = all(rank(n) == 2 and n == int(n) and 0 <= n <= 0xFFFFFFFF for n in found)
    if not whole:
        invalid_argument(context, name)
        return None
    return [int(n) for n in found]


@aql(1, 2)
def bit_and(context: Any, args: list[Any]) -> int | None:
    found = _bits(context, "BIT_AND", args)
    if not found:
        return None
    result = found[0]
    for number in found[1:]:
        result &= number
    return result


@aql(1, 2)
def bit_or(context: Any, args: list[Any]) -> int | None:
    found = _bits(context, "BIT_OR", args)
    if not found:
        return None
    result = 0
    for number in found:
        result |= number
    return result


@aql(1, 2)
def bit_xor(context: Any, args: list[Any]) -> int | None:
    found = _bits(context, "BIT_XOR", args)
    if not found:
        return None
    result = 0
    for number in found:
        result ^= number
    return result


@aql(1)
def bit_popcount(context: Any, args: list[Any]) -> int | None:
    found = _bits(context, "BIT_POPCOUNT", args)
    return found[0].bit_count() if found else None


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
        invalid_argument(context, "SORTED")
        return None
    return sorted(args[0], key=sort_key)
