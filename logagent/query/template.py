"""Templates: messages with what varies masked, to count alike ones together. Pure: no I/O, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from logagent.formats.masks import masked

__all__ = ["Group", "grouped", "masked"]


class Group(msgspec.Struct):
    """Events of one template: how many, the highest level, the newest event's document."""

    text: str
    level: str
    count: int
    newest: Mapping[str, Any]


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
