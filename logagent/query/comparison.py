"""Comparisons of the query language: `level>=warning`, `extra.user=42`. Pure: no I/O, no clock."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable
from typing import Final, cast

from logagent.errors import BadQuery
from logagent.formats.levels import LEVEL_NUMBERS, named_level
from logagent.store.selection import And, Compare, CompareExtra, Condition, Field, Has, Operator, Or, Scalar

_ALIASES: Final = {
    "script_name": "script",
    "execution_id": "run",
    "function_name": "function",
    "file_path": "file",
    "line_number": "line",
    "tags": "tag",
    "hostname": "host",
}
_HAVABLE: Final = ("exception", "tags", "extra_data", "run")


def comparison(name: str, op: str, text: str, *, quoted: bool = False) -> Condition:
    """The condition behind `name op text`; `:` means `=`.

    Raises:
        BadQuery: with a position counted from the start of `name`.

    >>> comparison("level", ">=", "warn")
    Compare(field=<Field.LEVEL: 'level'>, op='>=', value=30)
    """
    operator = cast(Operator, "=" if op == ":" else op)
    value_at = len(name) + len(op)
    if name == "has":
        return _has(operator, text, value_at)
    if name.startswith(("extra.", "extra_data.")):
        return _extra(name, operator, text, quoted=quoted)
    return _field(_known(name, op), operator, text, value_at)


def level_number(text: str) -> int:
    """The number of a level's name, or of a number.

    Raises:
        BadQuery: no such level.

    >>> level_number("warn")
    30
    """
    if re.fullmatch(r"[0-9]{1,5}", text):
        return int(text)
    name, number = named_level(text)
    if name in LEVEL_NUMBERS:
        return number
    known = ", ".join(LEVEL_NUMBERS)
    raise BadQuery(f"no level {text!r}{_nearest(name, LEVEL_NUMBERS)}; levels: {known}, or a number", position=0)


def seconds(text: str) -> float:
    """Seconds in `250ms`, `2s`, `1m30s`, `1.5h`, or a bare number of seconds.

    Raises:
        BadQuery: no duration.

    >>> seconds("1m30s")
    90.0
    """
    parts = _DURATION_PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise BadQuery(f"{text!r} is no duration; write 250ms, 2s, 1m30s, 1.5h", position=0)
    return sum(float(number) * _UNIT_SECONDS[unit] for number, unit in parts)


_DURATION_PART: Final = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)(ms|s|m|h|d|$)")
_UNIT_SECONDS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "": 1}


def _known(name: str, op: str) -> Field:
    known = _ALIASES.get(name, name)
    if known in set(Field):
        return Field(known)
    said = f"no field {name!r}{_nearest(name, (*Field, *_ALIASES, 'has'))}"
    ways = f'for a bound value write extra.{name}{op}...; to search the text, quote it: "{name}{op}..."'
    raise BadQuery(f"{said}; {ways}", position=0)


def _nearest(name: str, names: Iterable[str]) -> str:
    found = difflib.get_close_matches(name, list(names), n=1)
    return f" (nearest: {found[0]})" if found else ""


_WHOLE_TEXT: Final = frozenset({Field.SCRIPT, Field.RUN, Field.FUNCTION, Field.FILE, Field.TAG, Field.HOST})


def _field(field: Field, op: Operator, text: str, value_at: int) -> Condition:
    if field in _WHOLE_TEXT:
        if op not in ("=", "!="):
            raise BadQuery(f"{field} compares whole names: use {field}:name or {field}!=name", position=len(field))
        return Compare(field, op, text)
    convert = _NUMBERS[field]
    try:
        return Compare(field, op, convert(text))
    except BadQuery as wrong:
        raise BadQuery(str(wrong), position=value_at) from None


def _whole_number(text: str) -> int:
    if re.fullmatch(r"-?[0-9]{1,18}", text):
        return int(text)
    raise BadQuery(f"{text!r} is no whole number", position=0)


_NUMBERS: Final[dict[Field, Callable[[str], Scalar]]] = {
    Field.LEVEL: level_number,
    Field.DURATION: seconds,
    Field.LINE: _whole_number,
    Field.PID: _whole_number,
}


def _has(op: Operator, text: str, value_at: int) -> Condition:
    if op != "=":
        raise BadQuery("has takes a colon: has:exception; exclude with -has:exception", position=3)
    if text in _HAVABLE or _is_extra_path(text):
        return Has(text.replace("extra_data.", "extra.", 1))
    raise BadQuery(f"has:{text} is none of has:{', has:'.join(_HAVABLE)}, has:extra.<name>", position=value_at)


def _is_extra_path(text: str) -> bool:
    return text.startswith(("extra.", "extra_data.")) and all(text.split("."))


def _extra(name: str, op: Operator, text: str, *, quoted: bool) -> Condition:
    path = tuple(name.split(".")[1:])
    if not all(path):
        raise BadQuery(f"{name!r} has an empty part", position=0)
    if quoted:
        return CompareExtra(path, op, text)
    value = _scalar(text)
    if not isinstance(value, int | float) or op not in ("=", "!="):
        return CompareExtra(path, op, value)
    # Whoever types extra.user=42 does not know whether the script bound a number or text: both count.
    both = (CompareExtra(path, op, value), CompareExtra(path, op, text))
    return Or(both) if op == "=" else And(both)


_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(\.[0-9]{1,17})?(?:[eE][+-]?[0-9]{1,2})?\Z")
_CONSTANTS: Final[dict[str, Scalar]] = {"true": True, "false": False, "null": None}


def _scalar(text: str) -> Scalar:
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if not _NUMBER.match(text):
        return text
    return float(text) if set(text) & set(".eE") else int(text)
