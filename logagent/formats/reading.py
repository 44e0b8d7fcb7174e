"""Readings: what one line says by itself, without the lines around it. Pure: no I/O, no clock."""

from __future__ import annotations

from typing import Final

import msgspec

from logagent.formats.record import Line

NATIVE: Final = "native"
LOGURU: Final = "loguru"
JSON: Final = "json"
LOGFMT: Final = "logfmt"
TEXT: Final = "text"

BAD_JSON: Final = "bad_json"
TOO_DEEP: Final = "too_deep"
BINARY: Final = "binary"
BAD_RECORD: Final = "bad_record"


class Reading(msgspec.Struct, gc=False):
    """A line that can be stored.

    Attributes:
        own_us: the line's own time, 0 if it has none that a key can hold.
        parser: which format this is, as remembered for its file.
        opens: the lines of text that follow may belong to it.
    """

    line: Line
    own_us: int
    parser: str
    flags: int = 0
    opens: bool = False


class Refusal(msgspec.Struct, gc=False):
    """A line that is dead-lettered, and why."""

    reason: str
    detail: str
    own_us: int = 0
