"""Makes untrusted text harmless to show: no control character reaches a terminal or an agent as itself.

Pure: no I/O, no clock.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

_UNSAFE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # C0, DEL, C1: escape sequences begin with one of them
    "\xad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff"  # invisible, or turn text around
    "\u2028\u2029"  # end a line in some readers
    "\ud800-\udfff"  # lone surrogates cannot be encoded
    "\U000e0000-\U000e007f]"  # tags: text that only a model sees
)
_NAMED: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_UNSAFE_JSON: Final = re.compile("[\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff]")
_UNSAFE_TAGS: Final = re.compile("[\U000e0000-\U000e007f]")


def visible(text: str) -> str:
    r"""The text on one line, control characters as `\n`, `\x1b`, `\u202e`.

    >>> visible("red \x1b[31mtext\n")
    'red \\x1b[31mtext\\n'
    """
    return _UNSAFE.sub(_escaped, text)


def visible_lines(text: str) -> list[str]:
    """The lines of a traceback or another text that is shown as several, each visible."""
    return [visible(line) for line in text.split("\n")]


def _escaped(found: re.Match[str]) -> str:
    character = found.group()
    if character in _NAMED:
        return _NAMED[character]
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def json_text(value: Any) -> str:
    r"""Compact JSON of a value; what could steer a terminal stands as `\u....`, so a parser gets it back.

    >>> json_text({"a": "\x9b31m"})
    '{"a":"\\u009b31m"}'
    """
    try:
        encoded = msgspec.json.encode(value).decode("utf-8", "replace")
    except UnicodeEncodeError:
        encoded = _with_surrogates(value)
    escaped = _UNSAFE_JSON.sub(lambda found: f"\\u{ord(found.group()):04x}", encoded)
    return _UNSAFE_TAGS.sub(_surrogate_pair, escaped)


def _with_surrogates(value: Any) -> str:
    """Half surrogate pairs come from JSON that had them escaped, and leave the same way."""
    import json

    return json.dumps(msgspec.to_builtins(value), separators=(",", ":"))


def _surrogate_pair(found: re.Match[str]) -> str:
    code = ord(found.group()) - 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
