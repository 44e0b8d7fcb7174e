"""Outages: times in which nothing can be shipped. When to try again, and what the log is told of it."""

from __future__ import annotations

from typing import Final

import msgspec

from logagent.daemon.backoff import Backoff
from logagent.daemon.surroundings import Clock, Log
from logagent.errors import StateUnavailable
from logagent.formats.times import SECOND_US, utc_text

LOG_EVERY_S: Final = 60.0


class Outage(msgspec.Struct):
    """Nothing can be shipped: since when (monotonic seconds, and as text), why, and when that was last said.

    `is_stores`: the store is away, else what has to be written before it is asked cannot be.
    """

    since: float
    began: str
    error: str
    said_at: float
    is_stores: bool = True


class Outages:
    """The outage there is, if there is one.

    Attributes:
        current: that outage, or None.
        last_error: the store's last error, also when it is back.
        store_since: since when the store answers.
    """

    def __init__(self, backoff: Backoff, clock: Clock, log: Log) -> None:
        self.current: Outage | None = None
        self.last_error: str | None = None
        self.store_since = utc_text(clock.now_us())
        self._backoff = backoff
        self._clock = clock
        self._log = log
        self._retry_at = clock.monotonic()

    @property
    def lasted_s(self) -> float:
        """Seconds since the outage began; 0 without one."""
        return self._clock.monotonic() - self.current.since if self.current else 0.0

    @property
    def retry_in_s(self) -> float:
        """Seconds until it is time to try again; 0 without an outage."""
        return max(self._retry_at - self._clock.monotonic(), 0.0) if self.current else 0.0

    def fail(self, error: Exception) -> None:
        """Nothing came through: begin an outage or go on with it, and wait longer than the time before."""
        self._retry_at = self._clock.monotonic() + self._backoff.next_s()
        self._begin(str(error) or type(error).__name__, is_stores=not isinstance(error, StateUnavailable))

    def fall_silent(self, waited_s: float) -> None:
        """The store has not answered for so long; it may be waited for all the same."""
        self._begin(f"the store has not answered for {waited_s:.0f} s", is_stores=True, ago_s=waited_s)
        self.tell()

    def tell(self) -> None:
        """Say once a minute that it goes on."""
        now = self._clock.monotonic()
        if self.current is not None and now - self.current.said_at >= LOG_EVERY_S:
            self.current.said_at = now
            self._log.error(f"outage for {self.lasted_s:.0f} s: {self.current.error}")

    def end(self) -> None:
        """Something came through."""
        outage, lasted_s = self.current, self.lasted_s
        if outage is None:
            return
        self.current = None
        self._log.warning(f"outage over after {lasted_s:.1f} s: shipping what waited")
        if outage.is_stores:
            self.store_since = utc_text(self._clock.now_us())
        self._backoff.reset()

    def _begin(self, text: str, *, is_stores: bool, ago_s: float = 0.0) -> None:
        if self.current is None:
            now = self._clock.monotonic()
            began = utc_text(self._clock.now_us() - int(ago_s * SECOND_US))
            self.current = Outage(now - ago_s, began, text, said_at=now)
            self._log.error(f"outage: {text}; offsets stay, nothing is lost, trying again")
        self.current.error, self.current.is_stores = text, is_stores
        if is_stores:
            self.last_error = text
