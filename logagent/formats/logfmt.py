"""Logfmt lines: `key=value key="quoted value"`, read by the same aliases as foreign JSON. Pure: no I/O, no clock."""

from __future__ import annotations

import re
from datetime import tzinfo
from typing import Final

from logagent.formats import foreign
from logagent.formats.json_text import JsonObject
from logagent.formats.reading import LOGFMT, Reading

_PAIR: Final = re.compile(r'([A-Za-z_@][\w.@/-]{0,127})=(?:"([^"\\]*(?:\\.[^"\\]*)*)"|([^\s"=]*))(?:\s+|\Z)', re.ASCII)
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED: Final = {"n": "\n", "t": "\t", "r": "\r"}
_TELLING: Final = frozenset({"level", "lvl", "severity", "msg", "message", "time", "ts", "timestamp"})
"""A line is logfmt if it is pairs from end to end and one of them bears such a name; `a=1 b=2` alone is a message."""

_MIN_PAIRS: Final = 2


def read(text: str, naive: tzinfo) -> Reading | None:
    """The reading of a logfmt line, or None if `text` is none."""
    fields = _pairs(text)
    if fields is None:
        return None
    if not any(name in fields for name in foreign.ALIASES["message"]):
        fields["message"] = text
    reading = foreign.from_fields(fields, naive)
    reading.parser = LOGFMT
    return reading


def _pairs(text: str) -> JsonObject | None:
    fields: JsonObject = {}
    position = 0
    while position < len(text):
        found = _PAIR.match(text, position)
        if not found:
            return None
        name, quoted, bare = found.groups()
        fields[name] = bare if quoted is None else _ESCAPE.sub(_unescape, quoted)
        position = found.end()
    return fields if len(fields) >= _MIN_PAIRS and not _TELLING.isdisjoint(fields) else None


def _unescape(found: re.Match[str]) -> str:
    return _ESCAPED.get(found.group(1), found.group(1))
