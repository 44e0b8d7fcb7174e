"""Tracebacks as text: Python's own and loguru's decorated ones, as an exception object. Pure: no I/O, no clock."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from logagent.formats.json_text import JsonObject, raw

START: Final = "Traceback (most recent call last):"
_FRAME: Final = re.compile(r'^[ \t>]{0,16}File "([^"\n]{1,4096})", line (\d{1,9}), in ([^\n]{1,512})$', re.MULTILINE)
_LAST_LINE: Final = re.compile(r"^([A-Za-z_][\w.]{0,255})(?:: ?([^\n]*))?$", re.MULTILINE)
MAX_FRAMES: Final = 1000


def parse_traceback(text: str) -> JsonObject | None:
    """`{type, value, traceback, frames}` of the traceback in `text`, or None if there is none.

    Of chained exceptions the last counts, as Python prints the one that was raised last.
    """
    start = text.find(START)
    if start < 0:
        return None
    traceback = text[start:].rstrip()
    last = traceback[traceback.rfind(START) :]
    kind, value = _type_and_value(last)
    return {"type": kind, "value": value, "traceback": traceback, "frames": frames_of(last)}


def frames_of(traceback: str) -> list[JsonObject]:
    """File, line and function of every frame, in the order printed."""
    found = list(_FRAME.finditer(traceback))[:MAX_FRAMES]
    return [{"file": m.group(1), "line": int(m.group(2)), "function": m.group(3)} for m in found]


def _type_and_value(traceback: str) -> tuple[str | None, str]:
    """The last line at the margin that reads `Type: text`, and what follows it (texts have several lines)."""
    for found in _LAST_LINE.finditer(traceback):
        return found.group(1), traceback[found.start(2) :] if found.group(2) is not None else ""
    return None, ""


def exception_in(text: str) -> msgspec.Raw | None:
    """The exception that a text tells of by its traceback, or None."""
    found = parse_traceback(text)
    return raw(found) if found else None


def exception_of(value: Any) -> msgspec.Raw | None:
    """An exception as foreign lines carry it (a traceback's text, or an object), in our form; None if it is none."""
    if isinstance(value, str):
        return raw(parse_traceback(value) or {"type": None, "value": value}) if value else None
    if isinstance(value, dict) and value:
        return raw(_from_object(value))
    return None


_OBJECT_ALIASES: Final = {
    "type": ("type", "exc_type", "name", "class", "code"),
    "value": ("value", "exc_value", "message", "msg"),
    "traceback": ("traceback", "stack_trace", "stack", "stacktrace"),
}


def _from_object(given: JsonObject) -> JsonObject:
    """An error object of pino, bunyan, ECS or another, its fields by our names and the others as they are."""
    rest = dict(given)
    ours: JsonObject = {}
    for name, aliases in _OBJECT_ALIASES.items():
        found = next((alias for alias in aliases if isinstance(rest.get(alias), str)), None)
        if found:
            ours[name] = rest.pop(found)
    if "traceback" in ours and "frames" not in rest:
        ours["frames"] = frames_of(ours["traceback"])
    return {**ours, **rest}
