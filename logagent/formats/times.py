"""Times: RFC 3339 text and integer microseconds. Pure: no I/O, no clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
SECOND_US: Final = 1_000_000
DAY_US: Final = 86_400 * SECOND_US


def utc_text(ts_us: int) -> str:
    """RFC 3339 in UTC with six fraction digits and `Z`.

    >>> utc_text(0)
    '1970-01-01T00:00:00.000000Z'
    """
    return (EPOCH + timedelta(microseconds=ts_us)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def micros(moment: datetime) -> int:
    """Microseconds since 1970 of an aware datetime.

    Raises:
        ValueError: the datetime is naive.

    >>> micros(datetime(1970, 1, 2, tzinfo=UTC))
    86400000000
    """
    if moment.tzinfo is None:
        raise ValueError(f"naive datetime {moment!r}: give it a zone, as in .replace(tzinfo=timezone.utc)")
    return (moment - EPOCH) // timedelta(microseconds=1)
