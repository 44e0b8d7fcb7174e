"""Lines of loguru's `serialize=True`, as log lines. Pure: no I/O, no clock.

Of its record we keep what our own lines have. What loguru derives (elapsed, icon, the formatted `text`) goes;
process and thread names, module and logger name are not in our lines either.
"""

from __future__ import annotations

from datetime import tzinfo
from typing import Any, Final

import msgspec

from logagent.formats import foreign
from logagent.formats.json_text import JsonObject, encode, parse_object, raw
from logagent.formats.native import DECODE_ERRORS
from logagent.formats.reading import LOGURU, Reading
from logagent.formats.record import EMPTY_OBJECT, UNKNOWN_EXECUTION, LogLine
from logagent.formats.times import utc_text
from logagent.formats.timestamps import any_us, text_us
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
_LIFTED: Final = ("execution_id", "script_name", "tags", "extra_data")
_LIFTED_BYTES: Final = tuple(f'"{name}"'.encode() for name in _LIFTED)
_INT64: Final = range(-(2**63), 2**63)


def is_serialized(fields: JsonObject) -> bool:
    """True for an object that has loguru's two parts, in whatever state."""
    record = fields.get("record")
    return isinstance(record, dict) and "text" in fields and "time" in record and "message" in record


def read(content: bytes, naive: tzinfo) -> Reading | None:
    """The reading of a serialized line in good order; None for one to be taken apart, or of another format."""
    try:
        found = DECODER.decode(content)
    except DECODE_ERRORS:
        return None
    return _reading(found, naive)


def from_fields(fields: JsonObject, naive: tzinfo) -> Reading:
    """A serialized line, taken apart: what stands beside `text` and `record` is kept, and what is not as expected."""
    beside = {name: value for name, value in fields.items() if name not in ("text", "record")}
    try:
        known = {"text": fields["text"], "record": _with_raw_extra(fields["record"])}
        found = msgspec.convert(known, _Serialized)
        reading = _reading(found, naive)
    except (msgspec.ValidationError, OverflowError):
        reading = None
    if reading is None:
        return foreign.from_fields(fields, naive)
    if beside and isinstance(reading.line, LogLine):
        extra = parse_object(bytes(reading.line.extra_data)) or {}
        reading.line = msgspec.structs.replace(reading.line, extra_data=raw({**beside, **extra}))
    return reading


def _with_raw_extra(record: JsonObject) -> JsonObject:
    return {**record, "extra": raw(record.get("extra", {}))}


def _reading(found: _Serialized, naive: tzinfo) -> Reading | None:
    record = found.record
    extra = bytes(record.extra)
    numbers_fit = record.line in _INT64 and record.level.no in _INT64 and record.process.id in _INT64
    if extra[:1] != b"{" or not numbers_fit:
        return None
    own_us = text_us(record.time.repr, naive) or any_us(record.time.timestamp)
    lifted: JsonObject = {}
    if any(name in extra for name in _LIFTED_BYTES):
        extra, lifted = _lift(extra)
    line = LogLine(
        timestamp=utc_text(own_us) if own_us else "",
        execution_id=lifted.get("execution_id", UNKNOWN_EXECUTION),
        script_name=lifted.get("script_name", ""),
        pid=record.process.id,
        level=record.level.name,
        level_no=record.level.no,
        message=record.message,
        function_name=record.function,
        file_path=record.file.path,
        line_number=record.line,
        extra_data=msgspec.Raw(extra) if extra != b"{}" else EMPTY_OBJECT,
        tags=lifted.get("tags", ()),
        exception=_exception(record.exception, found.text) if record.exception else None,
    )
    return Reading(line, own_us, LOGURU)


def _lift(extra: bytes) -> tuple[bytes, JsonObject]:
    """What was bound under our own names goes to our own fields, and a bound `extra_data` is merged."""
    rest = parse_object(extra) or {}
    lifted: JsonObject = {}
    for name in ("execution_id", "script_name"):
        if isinstance(rest.get(name), str) and rest[name]:
            lifted[name] = rest.pop(name)
    tags = rest.get("tags")
    if isinstance(tags, list) and all(isinstance(tag, str) for tag in tags):
        lifted["tags"] = tuple(rest.pop("tags"))
    if isinstance(rest.get("extra_data"), dict):
        rest = {**rest.pop("extra_data"), **rest}
    return encode(rest), lifted


def _exception(given: _Exception, text: str) -> msgspec.Raw:
    """Type and value from the record; the traceback stands only in the formatted text."""
    parsed: dict[str, Any] = parse_traceback(text) or {"traceback": None, "frames": []}
    return raw({**parsed, "type": given.type, "value": given.value})
