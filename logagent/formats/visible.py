"""Visible text: untrusted text made harmless to show, so that no control character reaches a terminal as itself.

Pure: no I/O, no clock.
"""

from __future__ import annotations

import re
from typing import Final

_UNSAFE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # C0, DEL, C1: escape sequences begin with one of them
    "\xad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff"  # invisible, or turn text around
    "\u2028\u2029"  # end a line in some readers
    "\ud800-\udfff"  # lone surrogates cannot be encoded
    "\U000e0000-\U000e0fff]"  # tags and selectors of variants: text that only a model sees
)
_NAMED: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


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
