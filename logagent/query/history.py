"""A script over its runs: how often it passed, how long it took, how its errors moved."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from logagent.errors import BadQuery, NotFound
from logagent.formats.fold import CRASHED, FAILED, RUNNING, SUCCESS
from logagent.formats.times import DAY_US, utc_text
from logagent.query.item import Item
from logagent.store.protocol import Reader, RunSummary
from logagent.store.selection import RunSelection

_MOST_RUNS: Final = 10_000
_ERRORS: Final = ("ERROR", "CRITICAL")
_RECENT: Final = 60
_FEWEST_FOR_OUTLIERS: Final = 8
_LISTED_OUTLIERS: Final = 5


def performance(reader: Reader, script_name: str, lookback_days: int, now_us: int) -> Item:
    """How a script did in the last days.

    Returns:
        {script_name, total_runs, successful_runs, failed_runs, crashed_runs, running_runs, avg_duration, p50, p95
        (seconds, of ended runs; None without any), usual (p10 and p90), outliers (ended runs far outside the middle
        half), error_trend: [{time, errors}] by UTC day, recent: [{execution_id, status, seconds}] newest first,
        truncated: only the newest 10,000 runs were looked at}.

    Raises:
        NotFound: no run of that script is stored at all.

    >>> performance(reader, "etl", 10_000, 1_800_000_000_000_000).avg_duration
    6.25
    """
    if lookback_days < 1:
        raise BadQuery(f"lookback_days is {lookback_days}; at least 1")
    since_us = max(0, now_us - lookback_days * DAY_US)
    page = reader.runs(RunSelection(script=script_name, since_us=since_us), _MOST_RUNS)
    if not page.runs:
        _check_script(reader, script_name)
    statuses = Counter(each.run.status for each in page.runs)
    return Item(
        {
            "script_name": script_name,
            "lookback_days": lookback_days,
            "total_runs": len(page.runs),
            "successful_runs": statuses[SUCCESS],
            "failed_runs": statuses[FAILED],
            "crashed_runs": statuses[CRASHED],
            "running_runs": statuses[RUNNING],
            **_durations(page.runs),
            "outliers": _outliers(page.runs),
            "error_trend": _trend(page.runs),
            "recent": [_taken(each) for each in page.runs[:_RECENT]],
            "truncated": page.has_more,
        }
    )


def _check_script(reader: Reader, script_name: str) -> None:
    if reader.runs(RunSelection(script=script_name), 1).runs:
        return
    scripts = [name for name, _ in reader.overview().scripts]
    closest = tuple(difflib.get_close_matches(script_name, scripts, cutoff=0.4))
    raise NotFound(f"no run of script {script_name!r}", closest=closest)


def _seconds(summary: RunSummary) -> float | None:
    """Of a run that ended by itself: a running or crashed one has no duration that means anything."""
    return summary.run.duration_seconds if summary.run.status in (SUCCESS, FAILED) else None


def _taken(summary: RunSummary) -> dict[str, Any]:
    return {
        "execution_id": summary.run.execution_id,
        "status": summary.run.status,
        "seconds": _seconds(summary),
    }


def _durations(runs: Sequence[RunSummary]) -> dict[str, Any]:
    taken = sorted(seconds for seconds in map(_seconds, runs) if seconds is not None)
    if not taken:
        return {"avg_duration": None, "p50": None, "p95": None, "usual": None}
    return {
        "avg_duration": sum(taken) / len(taken),
        "p50": percentile(taken, 50),
        "p95": percentile(taken, 95),
        "usual": [percentile(taken, 10), percentile(taken, 90)],
    }


def _outliers(runs: Sequence[RunSummary]) -> list[dict[str, Any]]:
    """Runs beyond one and a half times the middle half on either side, the newest first; few runs have none."""
    taken = sorted(seconds for seconds in map(_seconds, runs) if seconds is not None)
    if len(taken) < _FEWEST_FOR_OUTLIERS:
        return []
    low, high = percentile(taken, 25), percentile(taken, 75)
    reach = 1.5 * (high - low)
    found = [each for each in map(_taken, runs) if each["seconds"] is not None]
    return [each for each in found if not low - reach <= each["seconds"] <= high + reach][:_LISTED_OUTLIERS]


def percentile(ordered: Sequence[float], percent: int) -> float:
    """The value that so many per cent of the ordered values do not exceed (nearest rank).

    >>> percentile([1, 2, 3, 4], 50), percentile([1, 2, 3, 4], 95)
    (2, 4)
    """
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def _trend(runs: Sequence[RunSummary]) -> list[dict[str, Any]]:
    by_day: Counter[str] = Counter()
    for each in runs:
        by_day[utc_text(each.started_us)[:10]] += sum(each.levels.get(name, 0) for name in _ERRORS)
    return [{"time": day, "errors": count} for day, count in sorted(by_day.items())]
