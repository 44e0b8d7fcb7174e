"""Foreign JSON lines: structlog, stdlib formatters, pino, bunyan, ECS, OTLP, and any other object, by one table of
aliases. Pure: no I/O, no clock.

A field is taken from the first alias that is there with a value of a usable type; a dotted alias is looked up as one
name first (`"log.level"`), then as a path. What no alias takes goes to `extra_data`, so nothing vanishes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import tzinfo
from functools import partial
from typing import Any, Final, TypeVar

from logagent.formats.json_text import JsonObject, encode, raw
from logagent.formats.levels import DEFAULT_LEVEL, named_level, otlp_level, pino_level, python_level
from logagent.formats.otlp import flatten
from logagent.formats.reading import JSON, Reading
from logagent.formats.record import EMPTY_OBJECT, UNKNOWN_EXECUTION, Flag, LogLine
from logagent.formats.timestamps import any_us, canonical_text
from logagent.formats.traceback_text import exception_of

ALIASES: Final[dict[str, tuple[str, ...]]] = {
    "time": (
        "timestamp",
        "@timestamp",
        "time",
        "ts",
        "asctime",
        "datetime",
        "timeUnixNano",
        "observedTimeUnixNano",
        "created",
        "date",
    ),
    "message": ("message", "msg", "event", "body", "log", "short_message", "@message", "text"),
    "execution_id": ("execution_id", "run_id"),
    "script_name": ("script_name", "script"),
    "function_name": (
        "function_name",
        "funcName",
        "func_name",
        "function",
        "func",
        "log.origin.function",
        "code.function",
        "code.function.name",
    ),
    "file_path": (
        "file_path",
        "pathname",
        "filename",
        "file",
        "log.origin.file.name",
        "code.filepath",
        "code.file.path",
    ),
    "line_number": (
        "line_number",
        "lineno",
        "line",
        "log.origin.file.line",
        "code.lineno",
        "code.line.number",
    ),
    "pid": ("pid", "process.pid", "process"),
    "hostname": ("hostname", "host.hostname", "host.name", "host"),
    "tags": ("tags",),
    "exception": (
        "exception",
        "exc_info",
        "exc_text",
        "err",
        "error",
        "error.stack_trace",
        "stack_trace",
        "exception.stacktrace",
    ),
}

LEVEL_ALIASES: Final[tuple[tuple[str, Callable[[int], tuple[str, int]]], ...]] = (
    ("level", pino_level),
    ("levelname", python_level),
    ("log.level", pino_level),
    ("severityText", otlp_level),
    ("severity_text", otlp_level),
    ("severity", otlp_level),
    ("severityNumber", otlp_level),
    ("severity_number", otlp_level),
    ("lvl", pino_level),
    ("log_level", pino_level),
    ("loglevel", pino_level),
    ("level_no", python_level),
    ("levelno", python_level),
)
"""Where a level may stand, and whose scale a number there is of."""

_DOTTED: Final = [alias for aliases in ALIASES.values() for alias in aliases] + [alias for alias, _ in LEVEL_ALIASES]
_PATHS: Final = {alias: tuple(alias.split(".")) for alias in _DOTTED if "." in alias}

T = TypeVar("T")
_INT64: Final = range(-(2**63), 2**63)


class _Fields:
    """The fields of one object, taken out one by one; what is left becomes `extra_data`."""

    def __init__(self, fields: JsonObject) -> None:
        self.rest = dict(fields)

    def take(self, aliases: tuple[str, ...], usable: Callable[[Any], T | None]) -> T | None:
        """The first alias's value that is usable, taken out; None where none is."""
        for alias in aliases:
            if alias in self.rest:
                value = usable(self.rest[alias])
                if value is not None:
                    del self.rest[alias]
                    return value
            elif alias in _PATHS:
                value = self._take_nested(_PATHS[alias], usable)
                if value is not None:
                    return value
        return None

    def _take_nested(self, path: tuple[str, ...], usable: Callable[[Any], T | None]) -> T | None:
        found: Any = self.rest
        for step in path:
            if not isinstance(found, dict) or step not in found:
                return None
            found = found[step]
        value = usable(found)
        if value is not None:
            self.rest = _without(self.rest, path)
        return value


def _without(fields: JsonObject, path: Sequence[str]) -> JsonObject:
    """A copy less what stands at the end of `path`, and less the objects that this leaves empty."""
    name, *deeper = path
    left = {key: value for key, value in fields.items() if key != name}
    if deeper and (inner := _without(fields[name], deeper)):
        left[name] = inner
    return left


def from_fields(fields: JsonObject, naive: tzinfo) -> Reading:
    """The log line that a JSON object of any make is."""
    known = _Fields(flatten(fields))
    own_us = known.take(ALIASES["time"], lambda value: any_us(value, naive) or None) or 0
    level, flags = _level(known)
    exception = known.take(ALIASES["exception"], exception_of)
    message = known.take(ALIASES["message"], _text)
    line = LogLine(
        timestamp=canonical_text(own_us) if own_us else "",
        execution_id=known.take(ALIASES["execution_id"], _name) or UNKNOWN_EXECUTION,
        script_name=known.take(ALIASES["script_name"], _name) or "",
        pid=known.take(ALIASES["pid"], _integer),
        hostname=known.take(ALIASES["hostname"], _name),
        level=level[0],
        level_no=level[1],
        message=encode(fields).decode() if message is None else message,
        function_name=known.take(ALIASES["function_name"], _name),
        file_path=known.take(ALIASES["file_path"], _name),
        line_number=known.take(ALIASES["line_number"], _integer),
        tags=known.take(ALIASES["tags"], _names) or (),
        exception=exception,
        extra_data=raw(known.rest) if known.rest else EMPTY_OBJECT,
    )
    return Reading(line, own_us, JSON, flags)


def _level(known: _Fields) -> tuple[tuple[str, int], int]:
    for alias, scale in LEVEL_ALIASES:
        if alias in known.rest or alias in _PATHS:
            found = known.take((alias,), partial(_as_level, scale))
            if found is not None:
                return found, 0
    return DEFAULT_LEVEL, Flag.NO_LEVEL


def _as_level(scale: Callable[[int], tuple[str, int]], value: Any) -> tuple[str, int] | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return scale(value)
    if isinstance(value, str) and value.strip():
        return scale(int(value)) if _SMALL_NUMBER.fullmatch(value) else named_level(value)
    return None


_SMALL_NUMBER: Final = re.compile(r"\d{1,3}", re.ASCII)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _name(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _integer(value: Any) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value in _INT64 else None


def _names(value: Any) -> tuple[str, ...] | None:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    return None
