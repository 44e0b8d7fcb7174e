"""How files are followed. Pure."""

from __future__ import annotations

import msgspec

from logagent.formats.lines import FileContext


class FollowRules(msgspec.Struct, frozen=True, kw_only=True):
    """How files are followed: from the settings, replaced when these are loaded again.

    `context` is every file's, but for its origin and script name. `start_at_end`: files that are there at the very
    first start are followed from their end on. `idle_after_s`: a file without growth for so long is closed, and
    looked at in the sweeps of idle files only.
    """

    host: str
    context: FileContext
    start_at_end: bool = False
    close_after_s: float = 60.0
    idle_after_s: float = 600.0
    max_open: int = 900
