"""Backoff: how long to wait before the next try. Pure: no I/O, no clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

FIRST_S: Final = 0.5


class Backoff:
    """Doubles from half a second to `most_s`, for ever; `random` (0 to 1) takes up to a quarter off, so daemons spread.

    >>> backoff = Backoff(random=lambda: 0.0)
    >>> [backoff.next_s() for _ in range(8)]
    [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    """

    def __init__(self, *, most_s: float = 30.0, random: Callable[[], float]) -> None:
        self._most_s = most_s
        self._random = random
        self._wait_s = FIRST_S

    def next_s(self) -> float:
        """Seconds to wait now."""
        wait = self._wait_s * (1 - self._random() / 4)
        self._wait_s = min(self._wait_s * 2, self._most_s)
        return wait

    def reset(self) -> None:
        """It went well: start small the next time."""
        self._wait_s = FIRST_S
