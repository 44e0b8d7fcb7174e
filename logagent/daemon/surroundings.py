"""Surroundings: what comes in from outside, so that tests can turn it by hand: the clocks and the daemon's own log."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Both clocks."""

    def now_us(self) -> int:
        """Wall clock, microseconds since 1970."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now_us(self) -> int:
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        return time.monotonic()


class Log(Protocol):
    """What the daemon says about itself; loguru's logger is one."""

    def info(self, message: str, /) -> None: ...
    def warning(self, message: str, /) -> None: ...
    def error(self, message: str, /) -> None: ...
