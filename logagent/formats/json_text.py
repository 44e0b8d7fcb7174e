"""JSON of any sort into plain values and back, whatever state it is in. Pure: no I/O, no clock.

The fast path never comes here: it passes nested JSON through as raw bytes. This is for lines that have to be
taken apart: foreign ones, those with a secret, and those whose JSON other readers would stumble over.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final, TypeAlias

import msgspec
import orjson

JsonObject: TypeAlias = dict[str, Any]

MAX_DEPTH: Final = 100
_MAX_INT_DIGITS: Final = 300
"""Longer integers become text: beyond some 308 digits readers that take them for floats refuse the whole object."""

_ZEROES: Final = bytes.maketrans(b"123456789E", b"000000000e")
_LONG_NUMBER: Final = b"0" * _MAX_INT_DIGITS

_STRING: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_NOT_BRACKET: Final = bytes(set(range(256)) - set(b"[]{}"))


def is_too_deep(content: bytes) -> bool:
    """True if objects and arrays nest more than `MAX_DEPTH` levels; a line with few brackets costs two counts."""
    if content.count(b"{") + content.count(b"[") <= MAX_DEPTH:
        return False
    depth = 0
    for bracket in _STRING.sub(b"", content).translate(None, _NOT_BRACKET):
        depth += 1 if bracket in b"{[" else -1
        if depth > MAX_DEPTH:
            return True
    return False


def numbers_fit(content: bytes) -> bool:
    """False if a number in the JSON text `content` is too large for a float, such as 1e999: readers refuse it whole.

    Only what may be an exponent, and very long numbers, are worth a proper look; those are found by plain search.
    """
    if no_large_exponent(content):
        return True
    try:
        orjson.loads(content)
    except orjson.JSONDecodeError:
        return False
    return True


def no_large_exponent(content: bytes) -> bool:
    """True if nothing in `content`, of any number of lines, even looks like such a number."""
    digits = content.translate(_ZEROES)
    return b"0e" not in digits and (len(digits) < _MAX_INT_DIGITS or _LONG_NUMBER not in digits)


def parse_object(content: bytes) -> JsonObject | None:
    """The JSON object that `content` is, or None."""
    found = parse_value(content)
    return found if isinstance(found, dict) else None


def parse_value(content: bytes) -> Any:
    """The value that `content` is, None if no JSON; of duplicate keys the last wins, NaN and Infinity become text."""
    try:
        return msgspec.json.decode(content) if numbers_fit(content) else _parse_leniently(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _parse_leniently(content)


def _parse_leniently(content: bytes) -> Any:
    """What Python's own reader takes beyond the standard; half surrogate pairs, which no text can hold, become `?`."""
    try:
        found = json.loads(
            content.decode("utf-8", "replace"), parse_constant=str, parse_int=_integer, parse_float=_float
        )
        return msgspec.json.decode(encode(found))
    except (ValueError, RecursionError, msgspec.MsgspecError):
        return None


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= _MAX_INT_DIGITS else digits


def _float(digits: str) -> float | str:
    number = float(digits)
    return number if math.isfinite(number) else digits


def encode(value: Any) -> bytes:
    """`value` as compact UTF-8 JSON; half surrogate pairs become `?`."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "replace")


def raw(value: Any) -> msgspec.Raw:
    """`value` as raw JSON, to be carried in a line."""
    return msgspec.Raw(encode(value))
