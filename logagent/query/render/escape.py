"""JSON that is harmless to show: no control character reaches a terminal or an agent as itself.

Pure: no I/O, no clock.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

_UNSAFE_JSON: Final = re.compile("[\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff]")
_UNSAFE_TAGS: Final = re.compile("[\U000e0000-\U000e007f]")


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
