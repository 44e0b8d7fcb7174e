"""Expectations: what usually happens and has not: messages that are late, runs that take long, scripts gone silent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import Any, Final

from logagent.formats.fold import RUNNING, SUCCESS
from logagent.formats.levels import LEVEL_NUMBERS
from logagent.query.baseline import band_of
from logagent.query.documents import run_item
from logagent.query.item import Page
from logagent.query.run_templates import Identity, TemplateReader
from logagent.query.wording import command, is_plain_name
from logagent.store.protocol import Reader, RunSummary
from logagent.store.selection import RunSelection

_MOST_RUNS: Final = 60
_FEWEST_RUNS: Final = 5
_USUAL_SHARE: Final = 0.9
_GRACE: Final = 1.1
_GRACE_S: Final = 1.0
_MOST_LATE: Final = 5
_SILENT: Final = 2.0
_FEWEST_GAPS: Final = 3
_LEAST_GAP_S: Final = 60.0
_REGULAR: Final = 4.0
"""Runs by hand or in a loop come in bursts, and what follows is no silence; those of a schedule lie apart, alike."""


def overdue(reader: Reader, script: str | None = None, now_us: int = 0) -> Page:
    """What is late: running runs against the usual band of their script, and scripts that have not run as usual.

    Returns:
        Items {what: "running" or "silent", script_name, elapsed, usual, is_overdue, run, late: messages that nine in
        ten good runs had by then and this one has not}, what is overdue first.

    >>> [(each.what, each.script_name, each.is_overdue) for each in overdue(reader, now_us=1_795_348_900_000_000)]
    [('running', 'report', False)]
    """
    running = reader.runs(RunSelection(script=script, status=(RUNNING,)), _MOST_RUNS).runs
    items = [_running(reader, each, now_us) for each in running]
    names = [script] if script else [name for name, _ in reader.overview().scripts]
    busy = {each.run.script_name for each in running}
    items += [found for name in names if name not in busy and (found := _silence(reader, name, now_us))]
    items.sort(key=lambda item: not item["is_overdue"])
    hints = [command("show", item["run"]) for item in items[:1] if is_plain_name(item["run"])]
    return Page("overdue", items, hints=hints or ["no run is running, and no script that ran regularly is silent"])


def _running(reader: Reader, summary: RunSummary, now_us: int) -> dict[str, Any]:
    good = _good_runs(reader, summary)
    band = band_of([each.run for each in good])
    elapsed = (now_us - summary.started_us) / 1e6
    late = late_messages(reader, TemplateReader(reader), summary, now_us)
    return {
        "what": "running",
        "script_name": summary.run.script_name,
        "run": summary.run.execution_id,
        "elapsed": round(elapsed, 3),
        "usual": band.document() if band else None,
        "is_overdue": bool(late) or (band is not None and elapsed > band.high * _GRACE + _GRACE_S),
        "late": late,
        "last_event": run_item(summary).get("last_event"),
    }


def _silence(reader: Reader, script: str, now_us: int) -> dict[str, Any] | None:
    """A script that runs by a schedule, whose last run began longer ago than twice its longest usual gap."""
    runs = reader.runs(RunSelection(script=script), _MOST_RUNS).runs
    gaps = sorted((later.started_us - earlier.started_us) / 1e6 for later, earlier in pairwise(runs))
    if len(gaps) < _FEWEST_GAPS:
        return None
    elapsed, longest = (now_us - runs[0].started_us) / 1e6, gaps[int(len(gaps) * _USUAL_SHARE)]
    usual = median(gaps)
    if elapsed <= _SILENT * longest or usual < _LEAST_GAP_S or longest > _REGULAR * usual:
        return None
    return {
        "what": "silent",
        "script_name": script,
        "run": runs[0].run.execution_id,
        "elapsed": round(elapsed, 3),
        "usual": {"low": gaps[0], "high": longest, "runs": len(runs)},
        "is_overdue": True,
        "late": [],
    }


def late_messages(
    reader: Reader, templates: TemplateReader, summary: RunSummary, now_us: int | None
) -> list[dict[str, Any]]:
    """Messages that nine in ten good runs of the script had by now and this run has not, the first due first.

    Returns:
        Items {level, text, function, by: seconds, runs, of}: it came by then in so many of so many runs.
    """
    good = _good_runs(reader, summary)
    if len(good) < _FEWEST_RUNS or now_us is None:
        return []
    elapsed = (now_us - summary.started_us) / 1e6
    usual = _first_seen(reader, templates, good)
    here = _first_seen(reader, templates, [summary])
    late = [
        _late(identity, seen, len(good))
        for identity, seen in usual.items()
        if identity not in here
        and len(seen) >= _USUAL_SHARE * len(good)
        and elapsed > max(seen) * _GRACE + _GRACE_S
        and LEVEL_NUMBERS.get(identity[1], 20) < LEVEL_NUMBERS["WARNING"]
    ]
    return sorted(late, key=lambda item: item["by"])[:_MOST_LATE]


def _late(identity: Identity, seen: Sequence[float], of: int) -> dict[str, Any]:
    function, level, text = identity
    said = {"by": round(max(seen), 3), "usually": round(median(seen), 3), "runs": len(seen), "of": of}
    return {"level": level, "function": function or None, "text": text, **said}


def _good_runs(reader: Reader, summary: RunSummary) -> Sequence[RunSummary]:
    after = (summary.started_us, summary.run.execution_id)
    return reader.runs(RunSelection(script=summary.run.script_name, status=(SUCCESS,), after=after), _MOST_RUNS).runs


def _first_seen(reader: Reader, templates: TemplateReader, runs: Sequence[RunSummary]) -> dict[Identity, list[float]]:
    """By template, seconds from each run's start to its first; from the roll-up, so of the first at each call site."""
    started = {each.run.execution_id: each.started_us for each in runs}
    first: dict[tuple[Identity, str], int] = {}
    for tally in reader.site_tallies(list(started)):
        if tally.first is None:
            continue
        text = templates.template_of(tally.first)[0].text
        key = ((tally.function or "", tally.level, text), tally.execution_id)
        first[key] = min(first.get(key, tally.first_us), tally.first_us)
    seen: defaultdict[Identity, list[float]] = defaultdict(list)
    for (identity, execution_id), first_us in first.items():
        seen[identity].append((first_us - started[execution_id]) / 1e6)
    return seen
