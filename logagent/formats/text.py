"""Lines of plain text: loguru's default format, and any other line as a message. Pure: no I/O, no clock.

A head line of loguru's default format opens a record; which lines after it go on with it is decided in `folding`.
"""

from __future__ import annotations

import re
from datetime import tzinfo
from typing import Final

from logagent.formats.json_text import raw
from logagent.formats.levels import DEFAULT_LEVEL, LEVEL_NUMBERS, named_level
from logagent.formats.reading import TEXT, Reading
from logagent.formats.record import Flag, LogLine
from logagent.formats.timestamps import canonical_text, text_us

_TIME: Final = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?: ?(?:Z|[+-]\d\d:?\d\d))?"
_HEAD: Final = re.compile(
    rf"({_TIME}) {{0,4}}\| {{0,4}}(\w{{1,32}}) {{0,16}}\| ([^\s:]{{0,256}}):([^\s:]{{1,256}}):(\d{{1,9}}) - (.*)",
    re.DOTALL,
)
_TIMED: Final = re.compile(rf"\s{{0,8}}[\[(]?({_TIME})(?=[\s\]),|:;-]|\Z)", re.ASCII)
_LEVEL_WORDS: Final = "|".join((*LEVEL_NUMBERS, "WARN", "FATAL"))
_LEVEL_AFTER_TIME: Final = re.compile(rf"\b({_LEVEL_WORDS})\b")
_LEVEL_AT_START: Final = re.compile(rf"[\[<(]?({_LEVEL_WORDS})(?=[\])>:\s|])")
_LEVEL_WITHIN: Final = 100
"""Characters after the time in which a level is looked for: beyond it a word such as ERROR is part of the message."""

_COLOUR: Final = re.compile(r"\x1b\[[0-9;]{0,32}m")


def read(text: str, naive: tzinfo) -> Reading:
    """The reading of any line of text."""
    plain = _COLOUR.sub("", text) if "\x1b" in text else text
    head = _HEAD.match(plain)
    return _head_reading(head, naive) if head else _message_reading(text, plain, naive)


def message_line(text: str, own_us: int = 0, level: tuple[str, int] = DEFAULT_LEVEL) -> LogLine:
    """A line of text that is nothing but a message; without a time its timestamp is still to be filled in."""
    timestamp = canonical_text(own_us) if own_us else ""
    return LogLine(timestamp=timestamp, level=level[0], level_no=level[1], message=text)


def _head_reading(head: re.Match[str], naive: tzinfo) -> Reading:
    time, level, name, function, number, message = head.groups()
    own_us = text_us(time, naive)
    level_name, level_no = named_level(level)
    extra = {"name": name} if own_us else {"name": name, "timestamp": time}
    line = LogLine(
        timestamp=canonical_text(own_us) if own_us else "",
        level=level_name,
        level_no=level_no,
        message=message,
        function_name=function,
        line_number=int(number),
        extra_data=raw(extra),
    )
    return Reading(line, own_us, TEXT, 0, True)


def _message_reading(text: str, plain: str, naive: tzinfo) -> Reading:
    timed = _TIMED.match(plain)
    own_us = text_us(timed.group(1), naive) if timed else 0
    if timed and own_us:
        found = _LEVEL_AFTER_TIME.search(plain, timed.end(), timed.end() + _LEVEL_WITHIN)
    else:
        found = _LEVEL_AT_START.match(plain)
    level = named_level(found.group(1)) if found else DEFAULT_LEVEL
    return Reading(message_line(text, own_us, level), own_us, TEXT, 0 if found else Flag.NO_LEVEL)
