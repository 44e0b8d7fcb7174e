"""Arrays: building, cutting, sets."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ..errors import Unsupported
from ..functions.registry import MANY, aql, invalid_argument, warn_in
from ..values import equal, identity, sort_key, to_number, to_string, truth

EXPECTING_ARRAYS = frozenset(
    {"POSITION", "INTERLEAVE", "COUNT_DISTINCT", "UNIQUE", "SORTED_UNIQUE", "INTERSECTION", "OUTERSECTION", "FLATTEN"}
    | {"FIRST", "LAST", "NTH"}
)
"""Functions that warn of a missing array by a number of its own."""


def _array(context: Any, name: str, value: Any) -> list[Any] | None:
    if isinstance(value, list):
        return value
    if name in EXPECTING_ARRAYS:
        warn_in(context, name, 1563)
    else:
        invalid_argument(context, name)
    return None


def distinct(elements: list[Any]) -> list[Any]:
    """Each value once, at its first place."""
    found: dict[Any, Any] = {}
    for element in elements:
        found.setdefault(identity(element), element)
    return list(found.values())


@aql(1, 1, "LENGTH", "COUNT")
def length(_: Any, args: list[Any]) -> int:
    value = args[0]
    if isinstance(value, (list, dict, str)):
        return len(value)
    if value is None:
        return 0
    return int(value) if isinstance(value, bool) else len(to_string(value))


@aql(2, 3)
def append(context: Any, args: list[Any]) -> list[Any] | None:
    first, more = args[:2]
    unique = len(args) > 2 and truth(args[2])
    if first is None and (more is None or isinstance(more, list)):
        if unique and more and len(distinct(more)) < len(more):
            raise Unsupported("APPEND of what comes twice to null")
        return more or None
    if not isinstance(first, list):
        raise Unsupported("APPEND to something else than an array")
    if unique and more in (None, []) and len(distinct(first)) < len(first):
        raise Unsupported("APPEND of nothing to what has an element twice")
    joined = [*first, *(more if isinstance(more, list) else [] if more is None else [more])]
    return distinct(joined) if unique else joined


@aql(2, 3)
def push(context: Any, args: list[Any]) -> list[Any] | None:
    if args[0] is None:
        return [args[1]]
    array = _array(context, "PUSH", args[0])
    if array is None:
        return None
    unique = len(args) > 2 and truth(args[2])
    return array if unique and any(equal(args[1], element) for element in array) else [*array, args[1]]


@aql(2, 3)
def unshift(context: Any, args: list[Any]) -> list[Any] | None:
    if args[0] is None:
        return [args[1]]
    array = _array(context, "UNSHIFT", args[0])
    if array is None:
        return None
    unique = len(args) > 2 and truth(args[2])
    return array if unique and any(equal(args[1], element) for element in array) else [args[1], *array]


@aql(1)
def pop(context: Any, args: list[Any]) -> list[Any] | None:
    if args[0] is None:
        return None
    array = _array(context, "POP", args[0])
    return None if array is None else array[:-1]


@aql(1)
def shift(context: Any, args: list[Any]) -> list[Any] | None:
    if args[0] is None:
        return None
    array = _array(context, "SHIFT", args[0])
    return None if array is None else array[1:]


@aql(1)
def first(context: Any, args: list[Any]) -> Any:
    array = _array(context, "FIRST", args[0])
    return array[0] if array else None


@aql(1)
def last(context: Any, args: list[Any]) -> Any:
    array = _array(context, "LAST", args[0])
    return array[-1] if array else None


@aql(2)
def nth(context: Any, args: list[Any]) -> Any:
    array = _array(context, "NTH", args[0])
    position = int(to_number(args[1]))
    return array[position] if array is not None and 0 <= position < len(array) else None


@aql(2, 3, "POSITION", "CONTAINS_ARRAY")
def position(context: Any, args: list[Any]) -> Any:
    array = _array(context, "POSITION", args[0])
    if array is None:
        return None
    found = next((at for at, element in enumerate(array) if equal(element, args[1])), -1)
    return found if len(args) > 2 and truth(args[2]) else found >= 0


@aql(2, 3)
def slice_(context: Any, args: list[Any]) -> list[Any] | None:
    array = _array(context, "SLICE", args[0])
    if array is None:
        return None
    start = int(to_number(args[1]))
    start = max(len(array) + start, 0) if start < 0 else start
    if len(args) < 3 or args[2] is None:
        return array[start:]
    count = int(to_number(args[2]))
    end = start + count if count >= 0 else len(array) + count
    return array[start : max(end, start)]


@aql(1, 2)
def flatten(context: Any, args: list[Any]) -> list[Any] | None:
    array = _array(context, "FLATTEN", args[0])
    if array is None:
        return None
    depth = int(to_number(args[1])) if len(args) > 1 else 1
    return _flatten(array, max(depth, 1))


def _flatten(array: list[Any], depth: int) -> list[Any]:
    out: list[Any] = []
    for element in array:
        if isinstance(element, list) and depth > 0:
            out.extend(_flatten(element, depth - 1))
        else:
            out.append(element)
    return out


@aql(1)
def unique(context: Any, args: list[Any]) -> list[Any] | None:
    array = _array(context, "UNIQUE", args[0])
    return None if array is None else distinct(array)


@aql(1)
def sorted_unique(context: Any, args: list[Any]) -> list[Any] | None:
    array = _array(context, "SORTED_UNIQUE", args[0])
    return None if array is None else sorted(distinct(array), key=sort_key)


@aql(1, 1, "COUNT_DISTINCT", "COUNT_UNIQUE")
def count_distinct(context: Any, args: list[Any]) -> int | None:
    array = _array(context, "COUNT_DISTINCT", args[0])
    return None if array is None else len(distinct(array))


@aql(2, MANY)
def union(context: Any, args: list[Any]) -> list[Any] | None:
    out: list[Any] = []
    for value in args:
        array = _array(context, "UNION", value)
        if array is None:
            return None
        out.extend(array)
    return out


MOST_IN_ORDER = 10


def in_hash_order(elements: list[Any], inserted: int) -> list[Any]:
    """The server walks its hash table: for few elements the last one that went in comes first.

    Documented as no particular order; the more went in, the likelier it depends on their hashes.
    """
    if len(elements) > 1 and inserted > MOST_IN_ORDER:
        raise Unsupported(f"the order of a set of more than {MOST_IN_ORDER} elements")
    return elements[::-1]


@aql(2, MANY)
def union_distinct(context: Any, args: list[Any]) -> list[Any] | None:
    joined = union(context, args)
    found = None if joined is None else distinct(joined)
    if found is not None and len(found) > 1:
        raise Unsupported("the order of UNION_DISTINCT; UNIQUE(UNION()) has one")
    return found


def _arrays(context: Any, name: str, args: list[Any]) -> list[list[Any]] | None:
    arrays = [_array(context, name, value) for value in args]
    return None if None in arrays else arrays  # type: ignore[return-value]


@aql(2, MANY)
def intersection(context: Any, args: list[Any]) -> list[Any] | None:
    arrays = _arrays(context, "INTERSECTION", args)
    if arrays is None:
        return None
    first, others = distinct(arrays[0]), [set(map(identity, array)) for array in arrays[1:]]
    return in_hash_order([e for e in first if all(identity(e) in other for other in others)], len(first))


@aql(2, MANY)
def outersection(context: Any, args: list[Any]) -> list[Any] | None:
    """What comes once in all, so that an element twice in one array is not in it."""
    arrays = _arrays(context, "OUTERSECTION", args)
    if arrays is None:
        return None
    every = [element for array in arrays for element in array]
    counts = Counter(map(identity, every))
    return in_hash_order([element for element in every if counts[identity(element)] == 1], len(counts))


@aql(2, MANY)
def minus(context: Any, args: list[Any]) -> list[Any] | None:
    for value in args:
        if _array(context, "MINUS", value) is None:
            return None
    away, base = {identity(element) for value in args[1:] for element in value}, distinct(args[0])
    return in_hash_order([element for element in base if identity(element) not in away], len(base))


@aql(2)
def jaccard(context: Any, args: list[Any]) -> Any:
    one, other = (_array(context, "JACCARD", value) for value in args)
    if one is None or other is None:
        return None
    left, right = ({identity(element) for element in array} for array in (one, other))
    return len(left & right) / len(left | right) if left | right else 1


@aql(2)
def remove_nth(context: Any, args: list[Any]) -> list[Any] | None:
    if args[0] is None:
        return []
    array = _array(context, "REMOVE_NTH", args[0])
    if array is None:
        return None
    number = to_number(args[1])
    if number != int(number):
        raise Unsupported("REMOVE_NTH at a fraction")
    at = len(array) + int(number) if number < 0 else int(number)
    return [element for position, element in enumerate(array) if position != at]


@aql(3, 4)
def replace_nth(context: Any, args: list[Any]) -> list[Any] | None:
    array = _array(context, "REPLACE_NTH", args[0])
    if array is None:
        return None
    at = int(to_number(args[1]))
    at = max(len(array) + at, 0) if at < 0 else at
    if args[1] is None or (at > len(array) and len(args) < 4):
        raise Unsupported("REPLACE_NTH that fails: the server ends the query")
    out = [*array, *([args[3]] * (at - len(array)) if len(args) > 3 else [])]
    return [*out[:at], args[2], *out[at + 1 :]]


@aql(2, 3)
def remove_value(context: Any, args: list[Any]) -> list[Any] | None:
    if args[0] is None:
        return []
    array = _array(context, "REMOVE_VALUE", args[0])
    if array is None:
        return None
    limit = int(to_number(args[2])) if len(args) > 2 and args[2] is not None else -1
    out: list[Any] = []
    for element in array:
        if limit != 0 and equal(element, args[1]):
            limit -= 1
        else:
            out.append(element)
    return out


@aql(2)
def remove_values(context: Any, args: list[Any]) -> list[Any] | None:
    if args[1] is None:
        return args[0]
    if args[0] is None:
        return []
    array, away = (_array(context, "REMOVE_VALUES", value) for value in args)
    if array is None or away is None:
        return None
    gone = {identity(element) for element in away}
    return [element for element in array if identity(element) not in gone]


@aql(2, MANY)
def interleave(context: Any, args: list[Any]) -> list[Any] | None:
    arrays = [_array(context, "INTERLEAVE", value) for value in args]
    if any(array is None for array in arrays):
        return None
    longest = max(len(array or []) for array in arrays)
    return [array[at] for at in range(longest) for array in arrays if array is not None and at < len(array)]


@aql(2)
def zip_(context: Any, args: list[Any]) -> dict[str, Any] | None:
    keys, found = args
    if not isinstance(keys, list) or not isinstance(found, list) or len(keys) != len(found):
        invalid_argument(context, "ZIP")
        return None
    zipped: dict[str, Any] = {}
    for key, value in zip(keys, found, strict=True):
        zipped.setdefault(to_string(key), value)
    return zipped
