"""The forecast: when unread bytes may be lost if nothing changes. Pure: no I/O, no clock."""

from __future__ import annotations

from logagent.formats.status import Forecast


def forecast_of(*, lag_bytes: int, growth_bytes_s: float, free_bytes: int | None, is_reading: bool) -> Forecast:
    """How long the disk can still buffer what is not read.

    While the store takes what comes, nothing threatens. In an outage the logs grow until the disk is full.

    >>> forecast_of(lag_bytes=10, growth_bytes_s=100.0, free_bytes=6_000, is_reading=False).seconds
    60.0
    """
    if is_reading or growth_bytes_s <= 0 or free_bytes is None:
        return Forecast(seconds=None, basis="")
    seconds = free_bytes / growth_bytes_s
    basis = f"{lag_bytes} bytes wait, growing by {growth_bytes_s:.0f} B/s, {free_bytes} bytes of disk are free"
    return Forecast(seconds=round(seconds, 1), basis=basis)
