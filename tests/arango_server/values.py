"""AQL's values: their order, truth, casts and text. Pure: no I/O, no clock.

A value is None, bool, int, float, str, list or dict. An int is an integer of at most 64 bits; what overflows
becomes a float. A float stays a float even if it is whole: ArangoDB prints it in its own way (`number_text`).
"""

from __future__ import annotations

import math
import re
from functools import cmp_to_key
from typing import Any, Final

import orjson

from .errors import Unsupported

Value = Any
MAX_INT: Final = 2**63 - 1
MIN_INT: Final = -(2**63)


def rank(value: Value) -> int:
    """Place of the value's type in null < bool < number < string < array < object."""
    if value is None:
        return 0
    if isinstance(value, bool):
        return 1
    if isinstance(value, (int, float)):
        return 2
    if isinstance(value, str):
        return 3
    return 4 if isinstance(value, list) else 5


def type_name(value: Value) -> str:
    """What TYPENAME says."""
    return ("null", "bool", "number", "string", "array", "object")[rank(value)]


IGNORED: Final = re.compile("[\x00-\x08\x0e-\x1f\x7f]")
"""Control characters that a collation passes over."""


def compare_strings(left: str, right: str) -> int:
    """Order by the server's collation, which we know for ASCII only: there it is the code points' order."""
    if left == right:
        return 0
    if IGNORED.search(left) or IGNORED.search(right):
        raise Unsupported("collation of strings with control characters")
    for one, other in zip(left, right, strict=False):
        if one != other:
            if one > "\x7f" or other > "\x7f":
                raise Unsupported(f"collation of strings that first differ outside ASCII: {one!r}, {other!r}")
            return -1 if one < other else 1
    return -1 if len(left) < len(right) else 1


def compare_bytes(left: str, right: str) -> int:
    """Order by code points, as search ranges have it and as groups may have it."""
    return (left > right) - (left < right)


def compare(left: Value, right: Value, strings: Any = compare_strings) -> int:
    """-1, 0 or 1; never raises for types, any two values have an order."""
    left_rank, right_rank = rank(left), rank(right)
    if left_rank != right_rank:
        return -1 if left_rank < right_rank else 1
    match left_rank:
        case 0:
            return 0
        case 1 | 2:
            return (left > right) - (left < right)
        case 3:
            return int(strings(left, right))
        case 4:
            return _compare_arrays(left, right, strings)
        case _:
            return _compare_objects(left, right, strings)


def _compare_arrays(left: list[Value], right: list[Value], strings: Any) -> int:
    # A missing element counts as null.
    for position in range(max(len(left), len(right))):
        one = left[position] if position < len(left) else None
        other = right[position] if position < len(right) else None
        if order := compare(one, other, strings):
            return order
    if len(left) != len(right):
        raise Unsupported("comparing arrays of which the longer one ends in null")
    return 0


def _compare_objects(left: dict[str, Value], right: dict[str, Value], strings: Any) -> int:
    for name in sorted(left.keys() | right.keys()):
        if order := compare(left.get(name), right.get(name), strings):
            return order
    return 0


def equal(left: Value, right: Value) -> bool:
    """Equality as `==` has it; strings by bytes."""
    if isinstance(left, (str, int, float)) and type(left) is type(right):
        return bool(left == right)
    return compare(left, right, compare_bytes) == 0


sort_key = cmp_to_key(compare)


def identity(value: Value) -> Any:
    """A hashable that is equal exactly for equal values: for groups, DISTINCT, UNIQUE, joins of sets."""
    if isinstance(value, list):
        return ("array", tuple(identity(element) for element in value))
    if isinstance(value, dict):
        return ("object", frozenset((k, identity(v)) for k, v in value.items() if v is not None))
    if isinstance(value, bool):
        return ("bool", value)
    return value


def truth(value: Value) -> bool:
    """Truth as conditions have it: null, false, 0 and "" are false, arrays and objects always true."""
    if isinstance(value, (list, dict)):
        return True
    return bool(value)


ODD_NUMBER: Final = re.compile(r"[\s\x08]|[+-]?(0x|inf|nan)", re.IGNORECASE)
"""What C reads as a number, and perhaps the server with it."""


def number_from_text(text: str) -> int | float:
    """What a string is as a number: 0 unless all of it is one."""
    text = text.strip(" \t\r\n\f")
    if ODD_NUMBER.match(text):
        raise Unsupported(f"{text!r} as a number")
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text):
        return 0
    if re.fullmatch(r"[+-]?\d+", text):
        return integer_or_float(int(text))
    number = float(text)
    return number if math.isfinite(number) else 0


def integer_or_float(number: int) -> int | float:
    """An integer that fits 64 bits stays one."""
    return number if MIN_INT <= number <= MAX_INT else float(number)


def to_number(value: Value) -> int | float:
    """TO_NUMBER, never null: null, {} and [] are 0, an array of one is its element."""
    if value is None:
        return 0
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, str):
        return number_from_text(value)
    if isinstance(value, list):
        return to_number(value[0]) if len(value) == 1 else 0
    return 0


def number_text(number: float) -> str:
    """A number as the server prints it: shortest digits, whole floats without fraction, large ones with exponent."""
    if isinstance(number, int):
        return str(number)
    if not math.isfinite(number):
        return "null"
    if number == 0:
        return "-0" if math.copysign(1, number) < 0 else "0"
    mantissa, _, exponent = f"{number!r}".lstrip("-").partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = whole + fraction
    power = int(exponent or 0) - len(fraction)
    stripped = digits.lstrip("0")
    digits = stripped.rstrip("0")
    power += len(stripped) - len(digits)
    sign = "-" if number < 0 else ""
    return sign + _place_digits(digits, power)


def _place_digits(digits: str, power: int) -> str:
    # The rule of the printing routine that the server uses: when to write zeros and when an exponent.
    count = len(digits)
    scientific = power + count - 1
    if power >= 0 and abs(scientific) < count + 7:
        return digits + "0" * power
    if power < 0 and (power > -7 or abs(scientific) < 4):
        point = count + power
        if point <= 0:
            return "0." + "0" * -point + digits
        return digits[:point] + "." + digits[point:]
    fraction = "." + digits[1:] if count > 1 else ""
    return f"{digits[0]}{fraction}e{'-' if scientific < 0 else '+'}{abs(scientific)}"


def _odd_float(value: Value) -> bool:
    if isinstance(value, float):
        return value.is_integer() or "e" in repr(value) or not math.isfinite(value)
    if isinstance(value, dict):
        return any(_odd_float(element) for element in value.values())
    if isinstance(value, (list, tuple)):
        return any(_odd_float(element) for element in value)
    return False


def to_json(value: Value) -> str:
    """JSON as the server writes it: compact, UTF-8 unescaped, attributes in their order, numbers in its way."""
    if not _odd_float(value):
        try:
            return orjson.dumps(value).decode()
        except TypeError:
            pass  # an integer of more than 64 bits is written by the slow way below
    if isinstance(value, float):
        return number_text(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{orjson.dumps(k).decode()}:{to_json(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(to_json(element) for element in value) + "]"
    return str(value)


def to_string(value: Value) -> str:
    """TO_STRING: null is empty, compound values are JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return number_text(value)
    if _has_unordered_names(value):
        raise Unsupported("an object as text whose attributes are not in the order of their names")
    return to_json(value)


def _has_unordered_names(value: Value) -> bool:
    # In which order the server writes them here is not recorded.
    if isinstance(value, dict):
        return list(value) != sorted(value) or any(_has_unordered_names(element) for element in value.values())
    return isinstance(value, list) and any(_has_unordered_names(element) for element in value)


def to_array(value: Value) -> list[Value]:
    """TO_ARRAY: null is empty, an object its values, anything else an array of one."""
    if value is None:
        return []
    if isinstance(value, list):
        return value
    return list(value.values()) if isinstance(value, dict) else [value]


def attribute(value: Value, name: str) -> Value:
    """`value.name`; null where there is none."""
    return value.get(name) if isinstance(value, dict) else None


def attribute_path(value: Value, path: list[str]) -> Value:
    """`value.a.b.c`; null where there is none."""
    for name in path:
        value = attribute(value, name)
    return value


def element(value: Value, position: Value) -> Value:
    """`value[position]`: an array's element (negative from its end) or an object's attribute; else null."""
    if isinstance(position, bool) or not isinstance(position, (str, int, float)):
        return None
    if isinstance(value, dict):
        return value.get(position if isinstance(position, str) else str(int(position)))
    if not isinstance(value, list):
        return None
    if isinstance(position, str) and not re.fullmatch(r"-?\d+", position):
        if re.match(r"\s*[+-]?\d", position):
            raise Unsupported("an array's element by a text that only begins with a number")
        return None
    number = int(position)
    return value[number] if -len(value) <= number < len(value) else None
