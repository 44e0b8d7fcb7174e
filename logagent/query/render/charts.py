"""Pictures in block characters: bars, sparklines, bands of durations. Pure: no I/O, no clock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"
_HEIGHTS: Final = "▁▂▃▄▅▆▇█"


def bar(value: float, most: float, width: int = 30) -> str:
    """A bar as long as `value` is of `most`; anything above nothing shows.

    >>> bar(5, 10, 4), bar(0, 10, 4), bar(0.001, 10, 4)
    ('██', '', '▏')
    """
    if value <= 0 or most <= 0:
        return ""
    eighths = max(1, round(min(value / most, 1.0) * width * 8))
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def sparkline(values: Sequence[float | None]) -> str:
    """A column for each value, from nothing to the greatest; a point where there is none.

    >>> sparkline([0, 2, None, 4])
    '▁▅·█'
    """
    most = max((value for value in values if value is not None), default=0)
    return "".join(_column(value, most) for value in values)


def _column(value: float | None, most: float) -> str:
    if value is None:
        return "·"
    return _HEIGHTS[round(max(value, 0) / most * (len(_HEIGHTS) - 1))] if most > 0 else _HEIGHTS[0]


def band(ordered: Sequence[float], width: int = 40) -> str:
    """Where ordered values lie: from least to greatest ─, the middle half ▒, the median █.

    >>> band([1, 2, 3, 4, 5], 9)
    '├─▒▒█▒▒─┤'
    """
    if not ordered or ordered[0] == ordered[-1]:
        return "█" if ordered else ""
    low, high = ordered[0], ordered[-1]

    def place(percent: int) -> int:
        value = ordered[(len(ordered) - 1) * percent // 100]
        return round((value - low) / (high - low) * (width - 1))

    first, median, last = place(25), place(50), place(75)
    cells = ["▒" if first <= at <= last else "─" for at in range(width)]
    cells[0], cells[-1] = "├", "┤"
    cells[median] = "█"
    return "".join(cells)
