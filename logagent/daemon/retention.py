"""Retention: old events go in small steps between turns, so that shipping never waits long. Thin I/O."""

from __future__ import annotations

from typing import Final

from logagent.formats.times import DAY_US
from logagent.store.protocol import PruneCriteria, Store

STEP_EVENTS: Final = 2_000
"""Deleted at a time; one step measured under 100 ms, so a new line waits no longer for it than for a flush."""

DAY_S: Final = 86_400.0
IDLE_EVERY_S: Final = 600.0
BUSY_EVERY_S: Final = 0.2
"""Between steps while there is more to delete: at most 10,000 events a second; the rest of the time is for turns."""


class Retention:
    """Prunes what is older than `days`; 0 keeps everything for ever.

    What is pruned does not come back, so a clock that was set forward is not believed before it has stood for a day:
    until then time goes on from where it was believed last (in the run before, at a start) as the monotonic clock does.

    Attributes:
        believed_us: what the clock said when it was believed last; None if it never was.
        doubt: why the clock is not believed, or None.
    """

    def __init__(self, days: int, *, believed_us: int | None = None) -> None:
        self.days = days
        self.doubt: str | None = None
        self.believed_us = believed_us
        self._believed_at: float | None = None
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
        before_us = (self._time_us(now, now_us) - self.days * DAY_US) // hour_us * hour_us
        deleted = store.prune(PruneCriteria(before_us=before_us), limit=STEP_EVENTS).deleted
        self._due_at = now + (BUSY_EVERY_S if deleted else IDLE_EVERY_S)
        return deleted

    def _time_us(self, now: float, now_us: int) -> int:
        """The wall clock, as far as it is believed."""
        if self.believed_us is None:
            self.believed_us = now_us
        if self._believed_at is None:
            self._believed_at = now
        passed_s = now - self._believed_at
        expected_us = self.believed_us + int(passed_s * 1e6)
        if now_us > expected_us + DAY_US and passed_s < DAY_S:
            days = (now_us - expected_us) / DAY_US
            self.doubt = f"the clock is {days:.0f} days ahead of the time that went by: pruning believes it after a day"
            return expected_us
        self.believed_us, self._believed_at, self.doubt = now_us, now, None
        return now_us
