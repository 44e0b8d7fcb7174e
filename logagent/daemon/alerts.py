"""Alerts: which conditions a person should hear of, each raised once and cleared once. Pure: no I/O, no clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec


class AlertLimits(msgspec.Struct, frozen=True, kw_only=True):
    """When to raise; units in the names."""

    failure_percent: float = 10.0
    outage_s: float = 300.0
    lag_bytes: int = 1000 * 1_000_000
    memory_bytes: int = 300 * 1_000_000


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """The daemon at one moment; counts since its start, `outage_s` of the present outage (0 without one)."""

    lines: int = 0
    dead_letters: int = 0
    lost_bytes: int = 0
    unknown_ends: int = 0
    outage_s: float = 0.0
    lag_bytes: int = 0
    memory_bytes: int = 0


class AlertChange(msgspec.Struct, frozen=True):
    """An alert was raised, or cleared; `text` is one sentence for people."""

    name: str
    is_raised: bool
    text: str


Condition = Callable[[Sample, Sample, AlertLimits], str | None]
"""Before, now, limits: the sentence to raise with, or None if all is well."""


def _failures(before: Sample, now: Sample, limits: AlertLimits) -> str | None:
    if now.outage_s > 0:
        share = 100.0  # a store that cannot be reached counts as failing
    else:
        lines = now.lines - before.lines
        share = 100.0 * (now.dead_letters - before.dead_letters) / lines if lines > 0 else 0.0
    if share <= limits.failure_percent:
        return None
    return f"{share:.0f} % of the last interval's records failed (limit {limits.failure_percent:.0f} %)"


def _outage(_before: Sample, now: Sample, limits: AlertLimits) -> str | None:
    if now.outage_s <= limits.outage_s:
        return None
    return f"the store has been away for {now.outage_s:.0f} s (limit {limits.outage_s:.0f} s); offsets stay"


def _lag(_before: Sample, now: Sample, limits: AlertLimits) -> str | None:
    if now.lag_bytes <= limits.lag_bytes:
        return None
    return f"{now.lag_bytes} bytes are not shipped yet (limit {limits.lag_bytes}); nothing is deleted for it"


def _losses(before: Sample, now: Sample, _limits: AlertLimits) -> str | None:
    lost, unknown = now.lost_bytes - before.lost_bytes, now.unknown_ends - before.unknown_ends
    more = f", and {unknown} times nobody knows how many" if unknown else ""
    return f"{lost} bytes were lost{more}; see `logagent losses`" if lost + unknown > 0 else None


def _dead_letters(before: Sample, now: Sample, _limits: AlertLimits) -> str | None:
    new = now.dead_letters - before.dead_letters
    return f"{new} lines could not be stored; see `logagent rejects list`" if new > 0 else None


def _memory(_before: Sample, now: Sample, limits: AlertLimits) -> str | None:
    if now.memory_bytes <= limits.memory_bytes:
        return None
    return f"the daemon uses {now.memory_bytes // 1_000_000} MB of memory (limit {limits.memory_bytes // 1_000_000} MB)"


CONDITIONS: Final[dict[str, Condition]] = {
    "failures": _failures,
    "outage": _outage,
    "lag": _lag,
    "losses": _losses,
    "dead_letters": _dead_letters,
    "memory": _memory,
}


class Alerts:
    """Compares each sample with the one an interval before."""

    def __init__(self, limits: AlertLimits) -> None:
        self.limits = limits
        self.raised: dict[str, str] = {}
        self._before = Sample()

    def check(self, now: Sample) -> list[AlertChange]:
        """What was raised or cleared since the last check."""
        changes = []
        for name, condition in CONDITIONS.items():
            text = condition(self._before, now, self.limits)
            if text is not None and name not in self.raised:
                changes.append(AlertChange(name, True, text))
                self.raised[name] = text
            elif text is None and name in self.raised:
                changes.append(AlertChange(name, False, f"over: {self.raised.pop(name)}"))
        self._before = now
        return changes
