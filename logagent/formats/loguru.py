"""Lines of loguru's `serialize=True`, as log lines. Pure: no I/O, no clock.

Of its record we keep what our own lines have. What loguru derives (elapsed, icon, the formatted `text`) goes;
process and thread names, module and logger name are not in our lines either.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from typing import Final

import msgspec

from logagent.formats import foreign
from logagent.formats.json_text import MAX_DEPTH, JsonObject, encode, is_too_deep, numbers_fit, parse_object, raw
from logagent.formats.native import DECODE_ERRORS, INT64_LIMIT
from logagent.formats.reading import LOGURU, Reading
from logagent.formats.record import EMPTY_OBJECT, UNKNOWN_EXECUTION, LogLine
from logagent.formats.timestamps import any_us, canonical_text, text_us, zoned_us
from logagent.formats.traceback_text import parse_traceback


class _File(msgspec.Struct, gc=False):
    path: str


class _Level(msgspec.Struct, gc=False):
    name: str
    no: int


class _Process(msgspec.Struct, gc=False):
    id: int


class _Time(msgspec.Struct, gc=False):
    repr: str
    timestamp: float


class _Exception(msgspec.Struct, gc=False):
    type: str | None
    value: str | None


class _Inner(msgspec.Struct, gc=False):
    message: str
    level: _Level
    time: _Time
    file: _File
    function: str
    line: int
    process: _Process
    exception: _Exception | None
    extra: msgspec.Raw


class _Serialized(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    text: str
    record: _Inner


DECODER: Final = msgspec.json.Decoder(_Serialized)
_DECODE: Final = DECODER.decode


def is_serialized(fields: JsonObject) -> bool:
    """True for an object that has loguru's two parts, in whatever state."""
    record = fields.get("record")
    return isinstance(record, dict) and "text" in fields and "time" in record and "message" in record


def read_good_run(script_name: str, contents: Sequence[bytes]) -> tuple[list[LogLine], list[int]]:
    """The lines in perfect order that raw lines begin with, and their own times; the next goes the long way."""
    lines: list[LogLine] = []
    times: list[int] = []
    for content in contents:
        good = read_good(script_name, content)
        if good is None:
            break
        lines.append(good[0])
        times.append(good[1])
    return lines, times


def read_good(script_name: str, raw_line: bytes) -> tuple[LogLine, int] | None:
    """A raw line in perfect order and its own time; None for any other, which has to go the long way.

    `script_name` is that of a line that has none bound.
    """
    try:
        found = _DECODE(raw_line)
    except DECODE_ERRORS:
        return None
    extra = bytes(found.record.extra)
    own_us = zoned_us(found.record.time.repr)
    if not own_us or (len(extra) >= 2 * MAX_DEPTH and is_too_deep(raw_line)):
        return None
    line = _line(found, extra, own_us, script_name)
    return (line, own_us) if line is not None else None


def read(content: bytes, naive: tzinfo) -> Reading | None:
    """The reading of a serialized line in good order; None for one to be taken apart, or of another format."""
    try:
        found = DECODER.decode(content)
    except DECODE_ERRORS:
        return None
    return _reading(found, naive)


def from_fields(fields: JsonObject, naive: tzinfo) -> Reading:
    """A serialized line, taken apart: what stands beside `text` and `record` is kept, and what is not as expected."""
    record = fields["record"]
    try:
        known = {"text": fields["text"], "record": {**record, "extra": raw(record.get("extra", {}))}}
        reading = _reading(msgspec.convert(known, _Serialized), naive)
    except (msgspec.ValidationError, OverflowError):
        reading = None
    if reading is None:
        return foreign.from_fields(fields, naive)
    beside = {name: value for name, value in fields.items() if name not in ("text", "record")}
    if beside and isinstance(reading.line, LogLine):
        extra = parse_object(bytes(reading.line.extra_data)) or {}
        reading.line = msgspec.structs.replace(reading.line, extra_data=raw({**beside, **extra}))
    return reading


def _reading(found: _Serialized, naive: tzinfo) -> Reading | None:
    time = found.record.time
    own_us = text_us(time.repr, naive) or any_us(time.timestamp)
    line = _line(found, bytes(found.record.extra), own_us)
    return Reading(line, own_us, LOGURU) if line is not None else None


def _line(found: _Serialized, extra: bytes, own_us: int, script_name: str = "") -> LogLine | None:
    """The log line of a decoded record; None where a field is not what its name promises."""
    record = found.record
    number, level, pid = record.line, record.level, record.process.id
    if extra[:1] != b"{" or not numbers_fit(extra) or not 0 <= number | level.no | pid < INT64_LIMIT:
        return None
    execution_id = UNKNOWN_EXECUTION
    tags: tuple[str, ...] = ()
    if b'"execution_id"' in extra or b'"script_name"' in extra or b'"tags"' in extra or b'"extra_data"' in extra:
        extra, execution_id, script_name, tags = _lift(extra, script_name)
    return LogLine(
        timestamp=canonical_text(own_us) if own_us else "",
        execution_id=execution_id,
        script_name=script_name,
        pid=pid,
        level=level.name,
        level_no=level.no,
        message=record.message,
        function_name=record.function,
        file_path=record.file.path,
        line_number=number,
        extra_data=EMPTY_OBJECT if extra == b"{}" else msgspec.Raw(extra),
        tags=tags,
        exception=_exception(record.exception, found.text) if record.exception else None,
    )


def _lift(extra: bytes, script_name: str) -> tuple[bytes, str, str, tuple[str, ...]]:
    """What was bound under our own names goes to our own fields, and a bound `extra_data` is merged."""
    rest = parse_object(extra) or {}
    names = [
        rest.pop(name) if isinstance(rest.get(name), str) and rest[name] else default
        for name, default in (("execution_id", UNKNOWN_EXECUTION), ("script_name", script_name))
    ]
    tags = rest.get("tags")
    if isinstance(tags, list) and all(isinstance(tag, str) for tag in tags):
        del rest["tags"]
    else:
        tags = []
    if isinstance(rest.get("extra_data"), dict):
        rest = {**rest.pop("extra_data"), **rest}
    return encode(rest), names[0], names[1], tuple(tags)


def _exception(given: _Exception, text: str) -> msgspec.Raw:
    """Type and value from the record; the traceback stands only in the formatted text."""
    parsed: JsonObject = parse_traceback(text) or {"traceback": None, "frames": []}
    return raw({**parsed, "type": given.type, "value": given.value})
