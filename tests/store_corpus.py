"""Records to fill stores with, and the plain-Python reading of a selection that every store has to agree with."""

from __future__ import annotations

import json
import operator
import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from logagent.formats.key import hash_prefix, line_hash
from logagent.formats.record import (
    UNKNOWN_EXECUTION,
    Learning,
    LearningEvent,
    Line,
    LogLine,
    Origin,
    Record,
    RunEnd,
    RunStart,
    TimeSource,
)
from logagent.formats.times import utc_text
from logagent.store.selection import (
    And,
    Compare,
    CompareExtra,
    Condition,
    Direction,
    Field,
    Has,
    Not,
    Or,
    Selection,
    TextMatch,
)

START_US = 1_790_000_000_000_000
FILE = Origin("box", "/srv/logs/etl.jsonl", 0xF123456789ABCDEF)
LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}


def record(line: Line, ts_us: int, offset: int, *, origin: Origin = FILE, own: bool = True, **more: Any) -> Record:
    """A record of that line; its hash is that of its offset and its run, so that another time makes no other."""
    raw = f"{offset} {getattr(line, 'execution_id', '')}".encode("utf-8", "surrogatepass")
    return Record(
        ts_us=ts_us,
        own_us=ts_us if own else 0,
        offset=offset,
        hash=line_hash(hash_prefix(origin.fingerprint), offset, raw),
        length=99,
        origin=origin,
        line=line,
        time_source=TimeSource.OWN if own else TimeSource.INHERITED,
        **{"ingested_us": START_US + 10**9, **more},
    )


def event(
    number: int, message: str = "loaded rows", *, at_us: int | None = None, own: bool = True, **said: Any
) -> Record:
    """The log event at offset 100 * number, a second after the one before."""
    ts_us = START_US + number * 1_000_000 if at_us is None else at_us
    more = {name: said.pop(name) for name in ("origin", "flags", "ingested_us", "continuation_of") if name in said}
    if "level" in said:
        said.setdefault("level_no", LEVELS.get(said["level"], 20))
    line = LogLine(utc_text(ts_us), message=message, **{"execution_id": "run-a", "script_name": "etl", **said})
    return record(line, ts_us, number * 100, own=own, **more)


def run_start(number: int, execution_id: str = "run-a", **said: Any) -> Record:
    """A run's start line."""
    ts_us = START_US + number * 1_000_000
    said = {"script_name": "etl", "managed": True, "hostname": "box", "pid": 7, **said}
    return record(RunStart(utc_text(ts_us), execution_id, **said), ts_us, number * 100 + 1)


def run_end(number: int, execution_id: str = "run-a", **said: Any) -> Record:
    """A run's end line."""
    ts_us = START_US + number * 1_000_000
    return record(RunEnd(utc_text(ts_us), execution_id, **{"script_name": "etl", **said}), ts_us, number * 100 + 2)


def learning(number: int, learning_id: str = "lrn_" + "a" * 32, **said: Any) -> Record:
    """Something learnt."""
    ts_us = START_US + number * 1_000_000
    line = Learning(utc_text(ts_us), learning_id, "batches of 100", **{"execution_id": "run-a", **said})
    return record(line, ts_us, number * 100 + 3)


def learning_event(number: int, action: str, learning_id: str = "lrn_" + "a" * 32) -> Record:
    """What became of a learning."""
    ts_us = START_US + number * 1_000_000
    return record(LearningEvent(utc_text(ts_us), learning_id, action), ts_us, number * 100 + 4)


def in_order(records: Iterable[Record]) -> list[Record]:
    """As a batch has to be."""
    return sorted(records, key=lambda r: r.order)


def selected(
    records: Iterable[Record], selection: Selection, durations: dict[str, float] | None = None
) -> list[Record]:
    """The log events of a selection, in its order."""
    newest = selection.direction is Direction.NEWEST_FIRST
    found = [r for r in records if _is_selected(r, selection, durations or {})]
    return sorted(found, key=lambda r: r.order, reverse=newest)


def _is_selected(r: Record, selection: Selection, durations: dict[str, float]) -> bool:
    if not isinstance(r.line, LogLine):
        return False
    if selection.since_us is not None and r.ts_us < selection.since_us:
        return False
    if selection.until_us is not None and r.ts_us >= selection.until_us:
        return False
    if selection.after is not None:
        after = (selection.after.ts_us, selection.after.offset, selection.after.key)
        if not (r.order < after if selection.direction is Direction.NEWEST_FIRST else r.order > after):
            return False
    return holds(selection.where, r, durations)


def holds(condition: Condition, r: Record, durations: dict[str, float]) -> bool:
    """Whether a condition holds for a log event."""
    line = r.line
    assert isinstance(line, LogLine)
    match condition:
        case And(conditions):
            return all(holds(c, r, durations) for c in conditions)
        case Or(conditions):
            return any(holds(c, r, durations) for c in conditions)
        case Not(inner):
            return not holds(inner, r, durations)
        case TextMatch(text, form):
            return has_text(searched(line), text, form)
        case Compare(field, op, value):
            return _field_compares(field, op, value, r, line, durations)
        case CompareExtra(path, op, value):
            return _extra_compares(_at(line, path), op, value)
        case Has(name):
            return _has(name, line)


def tokens(text: str) -> list[str]:
    """The tokens of a text: runs of letters, digits and private use, lower-cased, without accents."""
    plain = "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn").lower()
    return re.findall(r"[^\W_]+", plain)


def searched(line: LogLine) -> str:
    """The message, and behind it type and text of the exception."""
    fault = json.loads(bytes(line.exception)) if line.exception is not None else {}
    return f"{line.message}\n{fault.get('type', '')}: {fault.get('value', '')}"


def has_text(message: str, text: str, form: str) -> bool:
    """Whether the tokens of `text` stand in the message in sequence; of a prefix, the last one begins a token."""
    wanted, there = tokens(text), tokens(message)
    size = len(wanted)
    for start in range(len(there) - size + 1) if wanted else ():
        part = there[start : start + size]
        if part[:-1] == wanted[:-1] and (
            part[-1].startswith(wanted[-1]) if form == "prefix" else part[-1] == wanted[-1]
        ):
            return True
    return False


_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _field_compares(field: Field, op: str, value: Any, r: Record, line: LogLine, durations: dict[str, float]) -> bool:
    if field is Field.DURATION:
        duration = durations.get(line.execution_id)
        return duration is not None and _OPERATORS[op](duration, value)
    if field is Field.TAG:
        return (value in line.tags) == (op == "=")
    if field is Field.FILE:
        file = line.file_path
        found = file is not None and (file == value or file.endswith("/" + value))
        return found == (op == "=")
    there = {
        Field.LEVEL: line.level_no,
        Field.SCRIPT: line.script_name,
        Field.RUN: line.execution_id,
        Field.FUNCTION: line.function_name,
        Field.LINE: line.line_number,
        Field.HOST: line.hostname if line.hostname is not None else r.origin.host,
        Field.PID: line.pid,
    }[field]
    if op == "!=":
        return bool(there != value)
    return there is not None and _OPERATORS[op](there, value)


_ABSENT = object()


def _at(line: LogLine, path: tuple[str, ...]) -> Any:
    found: Any = json.loads(bytes(line.extra_data))
    for key in path:
        found = found.get(key, _ABSENT) if isinstance(found, dict) else _ABSENT
    return found


def _sort(value: Any) -> Any:
    return float if isinstance(value, int | float) and not isinstance(value, bool) else type(value)


def _extra_compares(found: Any, op: str, value: Any) -> bool:
    if _sort(found) is not _sort(value):
        return op == "!="
    if op in ("=", "!="):
        return _OPERATORS[op](found, value)
    return isinstance(found, str | int | float) and not isinstance(found, bool) and _OPERATORS[op](found, value)


def _has(name: str, line: LogLine) -> bool:
    if name.startswith("extra."):
        return _at(line, tuple(name.split(".")[1:])) is not _ABSENT
    return {
        "exception": line.exception is not None,
        "tags": bool(line.tags),
        "extra_data": line.extra_data != msgspec.Raw(b"{}"),
        "run": line.execution_id != UNKNOWN_EXECUTION,
    }[name]
