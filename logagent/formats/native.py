"""Native lines: what our own sink writes, as line structs. Pure: no I/O, no clock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from typing import Any, Final

import msgspec

from logagent.formats.json_text import MAX_DEPTH, JsonObject, encode, is_too_deep, no_large_exponent, numbers_fit, raw
from logagent.formats.optional_raw import as_declared, twin_of
from logagent.formats.reading import BAD_RECORD, NATIVE, Reading, Refusal
from logagent.formats.record import EMPTY_OBJECT, LINE_TYPES, Line, LogLine, RunEnd
from logagent.formats.times import utc_text
from logagent.formats.timestamps import canonical_run_us, canonical_us, text_us

DECODER: Final[msgspec.json.Decoder[Line]] = msgspec.json.Decoder(Line)
DECODE_ERRORS: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""All that a decoder raises on a line that is not what it decodes."""

_DECODE: Final = DECODER.decode
INT64_LIMIT: Final = 2**63
_INTEGERS: Final = ("v", "pid", "level_no", "line_number", "process_start")
_OBJECTS: Final = ("extra_data", "metadata", "context")
_RAW_OR_NONE: Final = ("exception", "embeddings")
_OBJECTS_DECODER: Final = msgspec.json.Decoder(twin_of(LogLine) | twin_of(RunEnd))


def read_good_run(contents: Sequence[bytes]) -> tuple[list[LogLine], list[int]]:
    """The log lines in perfect order that raw lines begin with, and their own times; the next goes the long way.

    As fast as can be, since nearly all lines come through here: what is looked at in C for all of them at once costs
    a third of the same for each (measured).
    """
    lines: list[LogLine] = []
    add, decode = lines.append, _DECODE
    for content in contents:
        line: Line | None
        try:
            line = decode(content)
        except DECODE_ERRORS:
            line = _good_with_objects(content)
        if type(line) is not LogLine:
            break
        add(line)
    times = canonical_run_us([line.timestamp for line in lines])
    count = min(len(times), _good_objects([line.extra_data for line in lines], contents))
    return lines[:count], times[:count]


def _good_with_objects(content: bytes) -> Line | None:
    line = _decoded_with_objects(content)
    return line if line is not None and is_sound(line, content) and not is_too_deep(content) else None


def _good_objects(objects: list[msgspec.Raw], contents: Sequence[bytes]) -> int:
    """How many of `objects` are JSON objects that everybody can read, up to the first that is not."""
    together = b"\n".join([b"", *objects])  # a raw line holds no LF
    each = together.split(b"\n")[1:]
    are_objects = together.count(b"\n{") == len(each) and no_large_exponent(together)
    if are_objects and max(map(len, each), default=0) < 2 * MAX_DEPTH:
        return len(objects)
    for index, content in enumerate(each):
        if content[:1] != b"{" or not numbers_fit(content):
            return index
        if len(content) >= 2 * MAX_DEPTH and is_too_deep(contents[index]):
            return index
    return len(objects)


def read(content: bytes) -> Reading | None:
    """The reading of a native line in good order; None for one that has to be taken apart, or is another format."""
    line: Line | None
    try:
        line = DECODER.decode(content)
    except DECODE_ERRORS:
        line = _decoded_with_objects(content)
    if line is None:
        return None
    own_us = canonical_us(line.timestamp)
    return Reading(line, own_us, NATIVE) if own_us and is_sound(line, content) else None


def is_sound(line: Line, content: bytes) -> bool:
    """True if the raw fields of a line decoded from `content` are what their names promise, its numbers in bounds."""
    for name in _OBJECTS:
        value = getattr(line, name, EMPTY_OBJECT)
        if value is not EMPTY_OBJECT and bytes(value)[:1] != b"{":
            return False
    return numbers_fit(content) and not _problem(line)


def _decoded_with_objects(content: bytes) -> Line | None:
    """A line that has an exception or embeddings, None for what is no native line in good order even so."""
    if b'"exception"' not in content and b'"embeddings"' not in content:
        return None
    try:
        found = _OBJECTS_DECODER.decode(content)
    except DECODE_ERRORS:
        return None
    return as_declared(LogLine, found) if isinstance(found, LogLine) else as_declared(RunEnd, found)


def is_native(fields: JsonObject) -> bool:
    """True for an object that claims to be one of our lines: a kind of ours, and a version beside it."""
    kind = fields.get("kind")
    return isinstance(kind, str) and kind in LINE_TYPES and "v" in fields


def from_fields(fields: JsonObject, naive: tzinfo) -> Reading | Refusal:
    """A native line, taken apart: unknown fields go to `extra_data`, null is absent, the impossible is refused."""
    shape = LINE_TYPES[fields["kind"]]
    given = fields.get("timestamp")
    own_us = text_us(given, naive) if isinstance(given, str) else 0
    try:
        known = _known_fields(fields, shape, own_us)
        raws = {name: raw(known.pop(name)) for name in _RAW_OR_NONE if name in known}
        line = DECODER.decode(encode({"kind": fields["kind"], **known}))
        line = msgspec.structs.replace(line, **raws)
    except msgspec.MsgspecError as error:
        return Refusal(BAD_RECORD, str(error), own_us)
    problem = _problem(line)
    return Refusal(BAD_RECORD, problem, own_us) if problem else Reading(line, own_us, NATIVE)


def _known_fields(fields: JsonObject, shape: type[Line], own_us: int) -> JsonObject:
    """The fields that `shape` has, with all others in `extra_data` and the time in its one form."""
    names = shape.__struct_fields__
    known = {name: value for name, value in fields.items() if name in names and value is not None}
    extra = {name: value for name, value in fields.items() if name not in names and name != "kind"}
    for name in _OBJECTS:
        if name in known and not isinstance(known[name], dict):
            extra[name] = known.pop(name)
    if own_us:
        known["timestamp"] = utc_text(own_us)
    elif isinstance(known.get("timestamp"), str):
        extra["timestamp"] = known["timestamp"]
        known["timestamp"] = ""
    if extra:
        known["extra_data"] = {**known.get("extra_data", {}), **extra}
    return known


def _problem(line: Line) -> str:
    """What makes a line of the right shape impossible, or nothing."""
    if not has_sound_numbers(line):
        return "a number is larger than 64 bits"
    if not line.execution_id and type(line).__struct_config__.tag in ("run_start", "run_end"):
        return "a run without an execution_id"
    return ""


def has_sound_numbers(line: Line) -> bool:
    """False if an integer field is larger than any store can hold."""
    values: list[Any] = [getattr(line, name, None) for name in _INTEGERS]
    return all(-INT64_LIMIT <= (value or 0) < INT64_LIMIT for value in values)
