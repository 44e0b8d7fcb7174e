"""Whether a condition holds for a log event, in plain Python: what every store's own language has to agree with.

Pure: no I/O, no clock.
"""

from __future__ import annotations

import json
import math
import operator
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec
import orjson

from logagent.errors import BadQuery
from logagent.formats.record import EMPTY_OBJECT, UNKNOWN_EXECUTION, LogLine, Record
from logagent.store.selection import (
    And,
    Compare,
    CompareExtra,
    Condition,
    Field,
    Has,
    Not,
    Operator,
    Or,
    Scalar,
    TextMatch,
)

MAX_SEARCHED_BYTES: Final = 65_536
"""The part of a message that is searched."""
MAX_EXCEPTION_CHARACTERS: Final = 16_384
"""Of an exception's type and text as much is searched."""
NUMBERS: Final = frozenset({Field.LEVEL, Field.LINE, Field.PID, Field.DURATION})
HAS: Final = frozenset({"exception", "tags", "extra_data", "run"})
Durations = Mapping[str, float]
"""Seconds by execution id, of runs that have a duration."""


class _Exception(msgspec.Struct):
    type: Any = None
    value: Any = None


_EXCEPTION: Final = msgspec.json.Decoder(_Exception)
_WORDS: Final = re.compile(r"[^\W_]+")
_GREAT_NUMBER: Final = re.compile(rb"[0-9]{18}|[0-9][eE]|NaN|Infinity")
ABSENT: Final = object()
_OPERATORS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def tokens(text: str) -> list[str]:
    """The words of a text: runs of letters and digits, lower-cased, without accents.

    >>> tokens("Café: load_rows(10)")
    ['cafe', 'load', 'rows', '10']
    """
    if not text.isascii():
        text = "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn")
    return _WORDS.findall(text.lower())


def check(condition: Condition) -> None:
    """Say what cannot be asked, before anything is looked at.

    Raises:
        BadQuery: a field is asked what it cannot answer.
    """
    match condition:
        case And(conditions) | Or(conditions):
            for each in conditions:
                check(each)
        case Not(inner):
            check(inner)
        case Compare(field, op, _) if field not in NUMBERS and op not in ("=", "!="):
            raise BadQuery(f"{field} is text: only = and != compare it, not {op}")
        case Has(name) if name not in HAS and not (name.startswith("extra.") and len(name) > len("extra.")):
            raise BadQuery(f"has:{name} is not known: exception, tags, extra_data, run, extra.<name>")


def asks_for_durations(condition: Condition) -> bool:
    """Whether the durations of runs are needed to tell."""
    match condition:
        case And(conditions) | Or(conditions):
            return any(map(asks_for_durations, conditions))
        case Not(inner):
            return asks_for_durations(inner)
        case Compare(field):
            return field is Field.DURATION
    return False


def holds_for_all_kinds(condition: Condition) -> bool:
    """Whether lines of every kind can be asked this: nothing, or their script and run alone."""
    match condition:
        case And(conditions) | Or(conditions):
            return all(map(holds_for_all_kinds, conditions))
        case Not(inner):
            return holds_for_all_kinds(inner)
        case Compare(field):
            return field in (Field.SCRIPT, Field.RUN)
    return False


def holds(condition: Condition, record: Record, durations: Durations) -> bool:
    """Whether a condition that passes `check` holds for a log event."""
    line = record.line
    assert isinstance(line, LogLine)
    match condition:
        case And(conditions):
            return all(holds(each, record, durations) for each in conditions)
        case Or(conditions):
            return any(holds(each, record, durations) for each in conditions)
        case Not(inner):
            return not holds(inner, record, durations)
        case TextMatch():
            return _has_text(line, condition)
        case Compare(field, op, value) if field in NUMBERS:
            return _compare_number(_number(field, line, durations), field, op, value)
        case Compare(field, op, value):
            return (isinstance(value, str) and _is(field, value, record, line)) is (op == "=")
        case CompareExtra(path, op, value):
            return compare_extra(value_at(bytes(line.extra_data), path), op, value)
        case Has(name):
            return _has(name, line)


def exception_text(exception: msgspec.Raw | None) -> str:
    """What of an exception is searched, behind the message: its type and its text, not the whole traceback.

    >>> exception_text(msgspec.Raw(b'{"type": "ConnectionError", "value": "refused", "frames": []}'))
    'ConnectionError: refused'
    """
    if exception is None:
        return ""
    try:
        told = _EXCEPTION.decode(exception)
    except (msgspec.DecodeError, UnicodeError):
        return ""
    parts = [part[:MAX_EXCEPTION_CHARACTERS] for part in (told.type, told.value) if isinstance(part, str)]
    return ": ".join(parts)


def _has_text(line: LogLine, wanted: TextMatch) -> bool:
    words = tuple(tokens(wanted.text))
    if not words:
        return False
    there = tokens(_searched(line.message)) + tokens(exception_text(line.exception))
    last = words[-1]
    for start in range(len(there) - len(words) + 1):
        end = start + len(words) - 1
        is_last = there[end].startswith(last) if wanted.form == "prefix" else there[end] == last
        if is_last and tuple(there[start:end]) == words[:-1]:
            return True
    return False


def _searched(message: str) -> str:
    if len(message) * 4 <= MAX_SEARCHED_BYTES:
        return message
    return message.encode("utf-8", "replace")[:MAX_SEARCHED_BYTES].decode("utf-8", "ignore")


def _number(field: Field, line: LogLine, durations: Durations) -> float | None:
    match field:
        case Field.LEVEL:
            return line.level_no
        case Field.LINE:
            return line.line_number
        case Field.PID:
            return line.pid
        case _:
            return durations.get(line.execution_id)


def _compare_number(found: float | None, field: Field, op: Operator, value: Scalar) -> bool:
    if field is Field.DURATION and found is None:
        return False
    if not _is_number(value) or found is None:
        return op == "!=" and field is not Field.DURATION
    return _OPERATORS[op](found, value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)


def _is(field: Field, value: str, record: Record, line: LogLine) -> bool:
    match field:
        case Field.TAG:
            return value in line.tags
        case Field.FILE:
            return line.file_path is not None and (line.file_path == value or line.file_path.endswith("/" + value))
        case Field.HOST:
            return value == (line.hostname if line.hostname is not None else record.origin.host)
        case Field.SCRIPT:
            return line.script_name == value
        case Field.FUNCTION:
            return line.function_name == value
        case _:
            return line.execution_id == value


def value_at(extra_data: bytes, path: Sequence[str]) -> Any:
    """What stands at the end of the path of keys, or `ABSENT`."""
    found = _parsed(extra_data)
    for key in path:
        found = found.get(key, ABSENT) if isinstance(found, dict) else ABSENT
    return found


@lru_cache(maxsize=64)
def _parsed(text: bytes) -> Any:
    if _GREAT_NUMBER.search(text):
        return json.loads(text)  # which keeps it whole; orjson would make a float of it
    return orjson.loads(text)


def compare_extra(found: Any, op: Operator, value: Scalar) -> bool:
    """Whether a value inside `extra_data` compares so; values of different sorts are only ever unequal."""
    if _sort(found) != _sort(value):
        return op == "!="
    if op in ("=", "!="):
        return _OPERATORS[op](found, value)
    return _sort(found) in ("number", str) and _OPERATORS[op](found, value)


def _sort(value: Any) -> Any:
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value)


def _has(name: str, line: LogLine) -> bool:
    match name:
        case "exception":
            return line.exception is not None
        case "tags":
            return bool(line.tags)
        case "extra_data":
            return line.extra_data != EMPTY_OBJECT
        case "run":
            return line.execution_id != UNKNOWN_EXECUTION
        case _:
            return value_at(bytes(line.extra_data), tuple(name.split(".")[1:])) is not ABSENT
