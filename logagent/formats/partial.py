"""The head of a JSON object that was cut off, closed so that it parses. Pure: no I/O, no clock."""

from __future__ import annotations

import re
from typing import Final

from logagent.formats.json_text import MAX_DEPTH

_TOKEN: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*("?)|[{}\[\],:]|[^\s"{}\[\],:]+', re.DOTALL)
_HALF_UNICODE: Final = re.compile(rb"(?:u[0-9a-fA-F]{0,3})?")
_CLOSER: Final = {b"{": b"}", b"[": b"]"}


def close_json(head: bytes) -> bytes | None:
    """`head` up to its last whole value (or within its last text), with what was open closed; None if no JSON.

    >>> close_json(b'{"a": [1, {"b": "long te')
    b'{"a": [1, {"b": "long te"}]}'
    >>> close_json(b'{"a": 1, "b')
    b'{"a": 1}'
    """
    closers: list[bytes] = []
    safe, closing = 0, b""
    is_value = True
    for found in _TOKEN.finditer(head):
        token = found.group()
        mark = token[:1]
        if mark in b"{[":
            closers.append(_CLOSER[mark])
            if len(closers) > MAX_DEPTH:
                return None
            is_value = mark == b"["
        elif mark in b"}]":
            if not closers or closers.pop() != mark or not closers:
                return None  # never opened, or the object ended and the line went on
        elif mark == b":":
            is_value = True
            continue
        elif mark == b",":
            is_value = bool(closers) and closers[-1] == b"]"
            continue
        elif mark == b'"' and not found.group(1):
            return _close_text(head, closers) if is_value else head[:safe] + closing
        elif not is_value or found.end() == len(head):
            continue  # a key says nothing without its value, and a number at the cut may go on
        safe, closing = found.end(), b"".join(reversed(closers))
    return head[:safe] + closing


def _close_text(head: bytes, closers: list[bytes]) -> bytes:
    """The text that the cut went through ends before an escape that it broke."""
    whole = head[: len(head) - _half_escape_bytes(head)]
    return whole + b'"' + b"".join(reversed(closers))


def _half_escape_bytes(head: bytes) -> int:
    """How many bytes of a broken escape stand at the end: an odd backslash, and up to four of `uXXXX`."""
    for after in range(min(5, len(head))):
        stem = head[: len(head) - after]
        backslashes = len(stem) - len(stem.rstrip(b"\\"))
        if backslashes % 2 and _HALF_UNICODE.fullmatch(head, len(stem)):
            return after + 1
    return 0
