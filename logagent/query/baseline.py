"""Baselines: the run to compare a run with, and how long such runs usually take."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from logagent.formats.fold import SUCCESS, Run
from logagent.query.history import percentile
from logagent.store.protocol import Reader, RunSummary
from logagent.store.selection import RunSelection

_MOST_RUNS: Final = 100
_FEWEST_FOR_BAND: Final = 3


class Band(msgspec.Struct, frozen=True):
    """What good runs of a script take, in seconds: nine in ten of `runs` lie between."""

    low: float
    high: float
    runs: int

    def document(self) -> dict[str, Any]:
        """As answers show it."""
        return {"low": self.low, "high": self.high, "runs": self.runs}


class Baseline(msgspec.Struct, frozen=True):
    """The good run before a run, and whether it had the same arguments; None where there is none."""

    run: RunSummary | None
    same_arguments: bool
    band: Band | None


def baseline_of(reader: Reader, summary: RunSummary) -> Baseline:
    """The last good run of the same script with the same arguments before this one, else of the same script."""
    before = RunSelection(
        script=summary.run.script_name, status=(SUCCESS,), after=(summary.started_us, summary.run.execution_id)
    )
    good = reader.runs(before, _MOST_RUNS).runs
    same = next((each for each in good if arguments(each.run) == arguments(summary.run)), None)
    return Baseline(same or next(iter(good), None), same is not None, band_of([each.run for each in good]))


def arguments(run: Run) -> tuple[str, ...]:
    """What the run was started with, less the program's own name."""
    return run.argv[1:]


def band_of(runs: list[Run]) -> Band | None:
    """The band of some runs' durations; None for fewer than three."""
    taken = sorted(run.duration_seconds for run in runs if run.duration_seconds is not None)
    if len(taken) < _FEWEST_FOR_BAND:
        return None
    return Band(percentile(taken, 5), percentile(taken, 95), len(taken))
