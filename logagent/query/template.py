"""Templates: messages less what varies in them, to count alike ones together. Pure: no I/O, no clock.

A template comes from the call in the author's source, with the names that stand there, or from masks. Its identity
is function plus text, not the line, since lines move between versions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, Final

import msgspec

from logagent.formats.masks import mask_parts, masked

__all__ = ["Group", "Template", "grouped", "mask_template", "masked"]

_LONGEST_MATCHED: Final = 4_000


class Template(msgspec.Struct, frozen=True, dict=True):
    """Constant parts and the names of the fields between them: one more constant than fields."""

    constants: tuple[str, ...]
    fields: tuple[str, ...]

    @cached_property
    def text(self) -> str:
        """As people read it.

        >>> Template(("loaded ", " rows"), ("n",)).text
        'loaded {n} rows'
        """
        named = [f"{{{name}}}{constant}" for name, constant in zip(self.fields, self.constants[1:], strict=True)]
        return self.constants[0] + "".join(named)

    def values_in(self, message: str) -> tuple[str, ...] | None:
        """What stands in the message for each field; None if the message was not made from this template.

        Each constant is looked for once, from left to right: no message can make that slow.

        >>> Template(("loaded ", " of ", ""), ("n", "total")).values_in("loaded 3 of 7")
        ('3', '7')
        """
        first, *between = self.constants
        if not message.startswith(first):
            return None
        if not between:
            return () if message == first else None
        text, at, values = message[:_LONGEST_MATCHED], len(first), []
        for constant in between[:-1]:
            end = text.find(constant, at) if constant else at
            if end < 0:
                return None
            values.append(text[at:end])
            at = end + len(constant)
        if not message.endswith(between[-1]) or len(message) - len(between[-1]) < at:
            return None
        return (*values, message[at : len(message) - len(between[-1])])


def mask_template(message: str) -> tuple[Template, tuple[str, ...]]:
    """The template that masks make of a message, and the values they cover.

    >>> mask_template("loaded 42 rows")[0].text
    'loaded {n} rows'
    """
    constants, kinds, values = mask_parts(message)
    return Template(constants, kinds), values


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
