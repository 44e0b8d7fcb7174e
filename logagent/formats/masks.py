"""Masks: a message with what varies in it replaced by what kind of thing it is. Pure: no I/O, no clock.

Numbers, ids, paths and quoted values are masked by what they look like; words never are, so "VM started" and
"VM stopped" stay apart.
"""

from __future__ import annotations

import re
from typing import Final

_VARIES: Final = re.compile(
    r"""(?P<url>\b[a-z][a-z0-9+.\-]{1,20}://[^\s"'<>]+)"""
    r"""|(?P<str>"[^"\n]{0,2000}"|(?<![\w])'[^'\n]{0,2000}'(?![\w]))"""
    r"""|(?P<id>\b(?:[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}|0x[0-9a-fA-F]+"""
    r"""|(?=[0-9a-fA-F]*[0-9])[0-9a-fA-F]{8,64})\b)"""
    r"""|(?P<path>(?<![\w])(?:~|\.{1,2})?(?:/[\w.@+\-]+){2,}/?|\b[A-Za-z]:\\[^\s"']+)"""
    r"""|(?P<n>[0-9]+(?:[.:,][0-9]+)*)"""
)
_LONGEST: Final = 4_000


def masked(message: str) -> str:
    """The message with `{n}`, `{id}`, `{path}`, `{url}`, `{str}` for what varies; of a long one its beginning.

    >>> masked("Write batch 37 to /var/db/a.db failed for 'ann', retrying in 1.5s")
    'Write batch {n} to {path} failed for {str}, retrying in {n}s'
    """
    return _VARIES.sub(lambda found: "{" + str(found.lastgroup) + "}", message[:_LONGEST])


def mask_parts(message: str) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """What stays, the kinds of what varies between it, and the values there.

    >>> mask_parts("loaded 42 rows")
    (('loaded ', ' rows'), ('n',), ('42',))
    """
    text = message[:_LONGEST]
    found = list(_VARIES.finditer(text))
    starts, ends = [0, *(each.end() for each in found)], [*(each.start() for each in found), len(text)]
    return (
        tuple(text[start:end] for start, end in zip(starts, ends, strict=True)),
        tuple(str(each.lastgroup) for each in found),
        tuple(each.group() for each in found),
    )
