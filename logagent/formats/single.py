"""A single line, whatever its format, to a reading or a refusal: the table of formats. Pure: no I/O, no clock.

What a line says depends on its bytes alone, never on its neighbours or on how a file was cut into blocks.
"""

from __future__ import annotations

from datetime import tzinfo
from typing import Final

from logagent.formats import foreign, logfmt, loguru, native, text
from logagent.formats.fingerprint import BLANK_BYTES
from logagent.formats.json_text import MAX_DEPTH, is_too_deep, parse_object
from logagent.formats.partial import close_json
from logagent.formats.reading import BAD_JSON, BINARY, TOO_DEEP, Reading, Refusal
from logagent.formats.record import Flag

_BOM: Final = b"\xef\xbb\xbf"
_CONTROL: Final = bytes(set(range(32)) - set(b"\t\r\n\x1b") | {0x7F})
_BINARY_SHARE: Final = 0.3


def read_line(line: bytes, naive: tzinfo) -> Reading | Refusal:
    """What a whole raw line (without its LF) says."""
    content, flags = clean(line)
    if content[:1] != b"{":
        return _binary(line) or _flagged(_read_text(content, naive), flags)
    reading = read_json(content, naive)
    if isinstance(reading, Refusal):
        return (_binary(line) or reading) if reading.reason == BAD_JSON else reading
    return _flagged(reading, flags)


def read_head(head: bytes, naive: tzinfo) -> Reading | Refusal:
    """What can be told of a line from its head alone: JSON is closed where it was cut, never refused for it."""
    content, flags = clean(_whole_characters(head))
    if content[:1] != b"{":
        return _binary(head) or _flagged(_read_text(content, naive), flags)
    closed = close_json(content)
    reading = read_json(closed, naive) if closed is not None else None
    if reading is None or isinstance(reading, Refusal):
        reading = text.read(content.decode(), naive)
        reading.opens = False
    return _flagged(reading, flags)


def text_of(line: bytes) -> tuple[str, int]:
    """A raw line as text, and the flag for bytes that were not UTF-8."""
    bare = _bare(line)
    try:
        return bare.decode(), 0
    except UnicodeDecodeError:
        return bare.decode("utf-8", "replace"), Flag.BAD_UTF8


def clean(line: bytes) -> tuple[bytes, int]:
    """The line as UTF-8 without NULs at its ends, CR and BOM, and the flag for bytes that were not UTF-8."""
    content = line.strip(BLANK_BYTES).removeprefix(_BOM).lstrip(b" \t") if _is_json(line) else _bare(line)
    try:
        content.decode()
    except UnicodeDecodeError:
        return content.decode("utf-8", "replace").encode(), Flag.BAD_UTF8
    return content, 0


def _is_json(line: bytes) -> bool:
    return line.lstrip(BLANK_BYTES + _BOM)[:1] == b"{"


def _bare(line: bytes) -> bytes:
    """Text keeps its indentation: only NULs, the CR and the BOM go."""
    return line.strip(b"\0").removesuffix(b"\r").removeprefix(_BOM)


def _whole_characters(head: bytes) -> bytes:
    """`head` without the part of a UTF-8 character at its end."""
    for back in range(1, min(4, len(head)) + 1):
        byte = head[-back]
        if byte < 0x80:
            return head
        if byte >= 0xC0:
            wanted = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return head if back >= wanted else head[:-back]
    return head


def read_json(content: bytes, naive: tzinfo) -> Reading | Refusal:
    """A line that starts with `{`: native, loguru's or foreign, else refused."""
    if is_too_deep(content):
        return Refusal(TOO_DEEP, f"objects and arrays nest more than {MAX_DEPTH} levels")
    reading = _by_decoders(content, naive)
    if reading is not None:
        return reading
    fields = parse_object(content)
    if fields is None:
        return Refusal(BAD_JSON, "starts with { but is no JSON object")
    if native.is_native(fields):
        return native.from_fields(fields, naive)
    if loguru.is_serialized(fields):
        return loguru.from_fields(fields, naive)
    return foreign.from_fields(fields, naive)


def _by_decoders(content: bytes, naive: tzinfo) -> Reading | None:
    return native.read(content) or loguru.read(content, naive)


def _read_text(content: bytes, naive: tzinfo) -> Reading:
    decoded = content.decode()
    return logfmt.read(decoded, naive) or text.read(decoded, naive)


def _binary(line: bytes) -> Refusal | None:
    controls = len(line) - len(line.translate(None, _CONTROL))
    if controls <= len(line) * _BINARY_SHARE:
        return None
    return Refusal(BINARY, f"{controls} of {len(line)} bytes are control characters")


def _flagged(reading: Reading, flags: int) -> Reading:
    reading.flags |= flags
    return reading
