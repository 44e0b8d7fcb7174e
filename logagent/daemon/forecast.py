"""The forecast: when unread bytes may be lost if nothing changes. Pure: no I/O, no clock."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from logagent.formats.status import Forecast

STEADY_S: Final = 60.0
"""While the store takes what comes, only a growth that lasts as long threatens: every burst is behind for a moment."""


class Room(msgspec.Struct, frozen=True):
    """What waits, and how much more of it there is room for; `what` names the room. In bytes."""

    waiting: int
    left: int
    what: str


class _Least(msgspec.Struct, frozen=True):
    """When as little waited as this for the last time (monotonic seconds)."""

    at: float
    waiting: int


class Forecaster:
    """Remembers since when what waits has been growing, for each room."""

    def __init__(self) -> None:
        self._least: dict[str, _Least] = {}

    def forecast(self, rooms: Iterable[Room], now: float, *, is_reading: bool) -> Forecast:
        """How long the room that is filled first lasts, if what waits goes on growing as it has (monotonic `now`).

        >>> forecaster = Forecaster()
        >>> forecaster.forecast([Room(0, 6_000, "disk")], 0.0, is_reading=False).seconds
        >>> forecaster.forecast([Room(1_000, 5_000, "disk")], 10.0, is_reading=False).seconds
        50.0
        """
        soonest = Forecast()
        for room in rooms:
            growth = self._growth(room, now, is_reading=is_reading)
            seconds = round(room.left / growth, 1) if growth > 0 else None
            if seconds is not None and (soonest.seconds is None or seconds < soonest.seconds):
                basis = f"{room.waiting} bytes wait, growing by {growth:.0f} B/s, {room.left} bytes {room.what}"
                soonest = Forecast(seconds=seconds, basis=basis)
        return soonest

    def _growth(self, room: Room, now: float, *, is_reading: bool) -> float:
        """Bytes a second since what waits was at its least."""
        least = self._least.get(room.what)
        if least is None or room.waiting <= least.waiting:
            least = self._least[room.what] = _Least(now, room.waiting)
        lasted = now - least.at
        if lasted <= 0 or (is_reading and lasted < STEADY_S):
            return 0.0
        return (room.waiting - least.waiting) / lasted
