"""The budget of an answer to an agent, and the ways on from it. Pure: no I/O, no clock."""

from __future__ import annotations

from typing import Final

import msgspec

CHARACTERS_PER_TOKEN: Final = 2.4
"""Measured on log text; 4, as for prose, would overrun."""
MIN_TOKENS: Final = 200
DEFAULT_TOKENS: Final = 2_000


class Ways(msgspec.Struct, frozen=True):
    """Complete commands that lead on from an answer; None where there is none.

    `next` gives the following page, `more` the same answer in full.
    """

    next: str | None = None
    more: str | None = None
