"""Templates: messages with what varies masked, to count alike ones together. Pure: no I/O, no clock.

Numbers, ids, paths and quoted values are masked by what they look like; words never are, so "VM started" and
"VM stopped" stay apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

_VARIES: Final = re.compile(
    r"""(?P<url>\b[a-z][a-z0-9+.\-]{1,20}://[^\s"'<>]+)"""
    r"""|(?P<str>"[^"\n]{0,2000}"|(?<![\w])'[^'\n]{0,2000}'(?![\w]))"""
    r"""|(?P<id>\b(?:[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}|0x[0-9a-fA-F]+"""
    r"""|(?=[0-9a-fA-F]*[0-9])[0-9a-fA-F]{8,64})\b)"""
    r"""|(?P<path>(?<![\w])(?:~|\.{1,2})?(?:/[\w.@+\-]+){2,}/?|\b[A-Za-z]:\\[^\s"']+)"""
    r"""|(?P<n>[0-9]+(?:[.:,][0-9]+)*)"""
)
_LONGEST: Final = 4_000


class Group(msgspec.Struct):
    """Events of one template: how many, the highest level, the newest event's document."""

    text: str
    level: str
    count: int
    newest: Mapping[str, Any]


def masked(message: str) -> str:
    """The message with `{n}`, `{id}`, `{path}`, `{url}`, `{str}` for what varies.

    >>> masked("Write batch 37 to /var/db/a.db failed for 'ann', retrying in 1.5s")
    'Write batch {n} to {path} failed for {str}, retrying in {n}s'
    """
    return _VARIES.sub(lambda found: "{" + str(found.lastgroup) + "}", message[:_LONGEST])


def grouped(events: Iterable[Mapping[str, Any]]) -> list[Group]:
    """The events by level and template, most frequent first; `newest` is the first seen of each."""
    groups: dict[tuple[str, str], Group] = {}
    for event in events:
        level, text = str(event.get("level", "")), masked(str(event.get("message", "")))
        known = groups.get((level, text))
        if known is None:
            groups[level, text] = Group(text, level, 1, event)
        else:
            known.count += 1
    return sorted(groups.values(), key=lambda group: -group.count)
