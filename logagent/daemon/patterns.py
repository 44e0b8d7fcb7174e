"""Patterns: which paths below a watched directory are log files. Pure: no I/O, no clock.

Paths are bytes, since file names need not be text. A pattern also covers the forms a rotation leaves behind:
`app.log` matches `**/*.log`, and so do `app.log.1`, `app.log-20261122` and `app.log.2.gz`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

COMPRESSIONS: Final = ("gz", "zst", "bz2", "xz")

_ROTATED: Final = rb"(?:[.-][0-9][0-9._TZ-]*)?"
_COMPRESSED: Final = rb"(?:\.(?:" + b"|".join(name.encode() for name in COMPRESSIONS) + rb"))?"
_TOKENS: Final = re.compile(rb"\*\*/|\*\*|\*|\?|\[!?\]?[^]]*\]|.", re.DOTALL)
_GLOB: Final = {b"**/": rb"(?:[^/]+/)*", b"**": rb".*", b"*": rb"[^/]*", b"?": rb"[^/]"}


def compression_of(path: bytes) -> str | None:
    """The compression a file name promises, or None for plain text.

    >>> compression_of(b"app.log.2.gz")
    'gz'
    """
    suffix = path.rpartition(b".")[2].decode("ascii", "replace").lower()
    return suffix if suffix in COMPRESSIONS else None


class Patterns:
    """Include and exclude globs over paths relative to a watched directory; exclude wins.

    >>> patterns = Patterns(["**/*.log"], ["**/debug*"])
    >>> patterns.matches(b"web/app.log"), patterns.matches(b"web/debug.log"), patterns.matches(b"app.log.1.gz")
    (True, False, True)
    """

    def __init__(self, include: Sequence[str], exclude: Sequence[str] = ()) -> None:
        self._include = _any_of([_regex(glob) + _ROTATED + _COMPRESSED for glob in include])
        self._exclude = _any_of([_regex(glob) for glob in exclude])

    def matches(self, relative: bytes) -> bool:
        """True if that path, relative to its watched directory, is to be read."""
        return bool(self._include.match(relative)) and not self._exclude.match(relative)


def _any_of(regexes: list[bytes]) -> re.Pattern[bytes]:
    alternatives = b"|".join(b"(?:" + regex + b")" for regex in regexes) or rb"(?!)"
    return re.compile(b"(?:" + alternatives + rb")\Z", re.DOTALL)


def _regex(glob: str) -> bytes:
    return b"".join(_token_regex(token) for token in _TOKENS.findall(glob.encode()))


def _token_regex(token: bytes) -> bytes:
    if token in _GLOB:
        return _GLOB[token]
    if len(token) > 2 and token.startswith(b"["):
        body = token[1:-1].replace(b"\\", b"\\\\")
        return b"[^/" + body[1:] + b"]" if body.startswith(b"!") else b"[" + body + b"]"
    return re.escape(token)
