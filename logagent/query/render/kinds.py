"""Which lines each kind of item has. Pure: no I/O, no clock."""

from __future__ import annotations

from typing import Final

from logagent.query.render.findings import FINDINGS
from logagent.query.render.lines import Fields
from logagent.query.render.lines import item_lines as plain_lines
from logagent.query.render.looks import LOOKS

AS_LINES: Final = frozenset({"execution", "overview", "detail", "performance", *FINDINGS, *LOOKS})
"""Kinds that are no rows of a table."""
WITHOUT_HEAD: Final = frozenset({"why", "difference", "detail", "overview", "performance"})
"""Kinds of one item each that say themselves what they are."""


def item_lines(kind: str, item: Fields, limit: int) -> list[str]:
    """The lines of one item, each of its long texts at most `limit` characters.

    >>> item_lines("row", {"a": 1}, 100)
    ['a=1']
    """
    own = FINDINGS.get(kind) or LOOKS.get(kind)
    return own(item, limit) if own else plain_lines(kind, item, limit)
