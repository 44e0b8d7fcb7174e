"""Retention: old events go in small steps between turns, so that shipping never waits long. Thin I/O."""

from __future__ import annotations

from typing import Final

from logagent.formats.times import DAY_US
from logagent.store.protocol import PruneCriteria, Store

STEP_EVENTS: Final = 2_000
"""Deleted at a time; one step measured under 100 ms, so a new line waits no longer for it than for a flush."""

IDLE_EVERY_S: Final = 600.0
BUSY_EVERY_S: Final = 0.2
"""Between steps while there is more to delete: at most 10,000 events a second; the rest of the time is for turns."""


class Retention:
    """Prunes what is older than `days`; 0 keeps everything for ever."""

    def __init__(self, days: int) -> None:
        self.days = days
        self.deleted = 0
        self._due_at = float("-inf")

    def is_due(self, now: float) -> bool:
        """True if a step should be made now (monotonic seconds)."""
        return self.days > 0 and now >= self._due_at

    def wait_s(self, now: float) -> float | None:
        """Seconds until a step is due; None if none ever is."""
        return max(self._due_at - now, 0.0) if self.days > 0 else None

    def step(self, store: Store, now: float, now_us: int) -> int:
        """Delete one step's events; how many went.

        The cut-off moves by whole hours: every step would else write another line into the store's prune log.

        Raises:
            StoreUnavailable: nothing was deleted; try again later.
        """
        hour_us = DAY_US // 24
        before_us = (now_us - self.days * DAY_US) // hour_us * hour_us
        deleted = store.prune(PruneCriteria(before_us=before_us), limit=STEP_EVENTS).deleted
        self.deleted += deleted
        self._due_at = now + (BUSY_EVERY_S if deleted else IDLE_EVERY_S)
        return deleted
