"""Folds: what the lines of one run, or of one learning, say together. Pure: no I/O, no clock.

A fold does not depend on the order of its lines, so a start that is read after its end, a line that is read
twice and a daemon that was down for a day all come to the same document.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec
import xxhash

from logagent.formats.record import (
    EMPTY_OBJECT,
    UNKNOWN_EXECUTION,
    Learning,
    LearningEvent,
    Record,
    Resolution,
    RunEnd,
    RunStart,
)

RUNNING: Final = "running"
SUCCESS: Final = "success"
FAILED: Final = "failed"
CRASHED: Final = "crashed"
UNKNOWN: Final = "unknown"
"""Only log lines carry this run's id: nobody said that it began or ended."""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A run as its start and end lines tell it.

    Attributes:
        status: running, success, failed, crashed, or unknown for a run that only log lines speak of.
        start_us, end_us: microseconds since 1970; None where no line says so.
        duration_seconds: from the end line (monotonic clock), else end less start, else None.
        keys: keys of the lines folded in, sorted.
    """

    execution_id: str
    script_name: str = ""
    status: str = UNKNOWN
    start_us: int | None = None
    end_us: int | None = None
    duration_seconds: float | None = None
    pid: int | None = None
    hostname: str | None = None
    metadata: msgspec.Raw = EMPTY_OBJECT
    argv: tuple[str, ...] = ()
    cwd: str | None = None
    python: str | None = None
    git_commit: str | None = None
    parent_execution_id: str | None = None
    managed: bool = False
    boot_id: str | None = None
    pid_namespace: str | int | None = None
    process_start: int | None = None
    error: str | None = None
    exception: msgspec.Raw | None = None
    extra_data: msgspec.Raw = EMPTY_OBJECT
    keys: tuple[str, ...] = ()


def run_key(execution_id: str) -> str:
    """The key of a run's document: xxh3-128 of its execution id, 32 hex digits.

    >>> run_key("etl_20261122_140311_9f3c01ab")
    '4a320dcda25ce516043853168e17442a'
    """
    return xxhash.xxh3_128_hexdigest(execution_id.encode("utf-8", "surrogatepass"))


def fold_run(execution_id: str, lines: Iterable[Record], crashed_us: int | None = None) -> Run:
    """Fold the start and end lines of one run; other kinds of line are passed over.

    The earliest start and the latest end count. `crashed_us` is when the daemon found the run's process gone;
    a real end beats it.
    """
    known = {record.key: record for record in lines if isinstance(record.line, RunStart | RunEnd)}
    ordered = sorted(known.values(), key=lambda record: record.order)
    starts = [(record, record.line) for record in ordered if isinstance(record.line, RunStart)]
    ends = [(record, record.line) for record in ordered if isinstance(record.line, RunEnd)]
    run = Run(execution_id=execution_id, keys=tuple(sorted(known)))
    if starts:
        run = _with_start(run, *starts[0])
    if ends:
        return _with_end(run, *ends[-1])
    if crashed_us is not None:
        return msgspec.structs.replace(run, status=CRASHED, end_us=crashed_us)
    return run


def _with_start(run: Run, record: Record, line: RunStart) -> Run:
    return msgspec.structs.replace(
        run,
        status=RUNNING,
        start_us=record.ts_us,
        script_name=line.script_name,
        pid=line.pid,
        hostname=line.hostname,
        metadata=line.metadata,
        argv=line.argv,
        cwd=line.cwd,
        python=line.python,
        git_commit=line.git_commit,
        parent_execution_id=line.parent_execution_id,
        managed=line.managed,
        boot_id=line.boot_id,
        pid_namespace=line.pid_namespace,
        process_start=line.process_start,
        extra_data=line.extra_data,
    )


def _with_end(run: Run, record: Record, line: RunEnd) -> Run:
    duration = line.duration_seconds
    if duration is None and run.start_us is not None:
        duration = (record.ts_us - run.start_us) / 1e6
    return msgspec.structs.replace(
        run,
        status=line.status,
        end_us=record.ts_us,
        duration_seconds=duration,
        script_name=run.script_name or line.script_name,
        pid=run.pid if run.pid is not None else line.pid,
        hostname=run.hostname or line.hostname,
        error=line.error,
        exception=line.exception,
    )


class LearningFold(msgspec.Struct, frozen=True, kw_only=True):
    """A learning and what became of it; `status` is active, confirmed, refuted or retired (the latest word)."""

    learning_id: str
    learning: str
    ts_us: int
    execution_id: str
    script_name: str
    function_name: str | None
    context: msgspec.Raw
    confidence: float
    evidence: tuple[str, ...]
    status: str = "active"
    confirmed: int = 0
    refuted: int = 0
    applied_us: tuple[int, ...] = ()
    """When it was applied: at each `confirm` and `apply`."""
    refuted_us: tuple[int, ...] = ()
    keys: tuple[str, ...] = ()


_LEARNING_STATUS: Final = {"confirm": "confirmed", "refute": "refuted", "retire": "retired"}


def fold_learning(lines: Iterable[Record]) -> LearningFold | None:
    """Fold the lines of one learning; None if the learning's own line is not among them (yet)."""
    known = {record.key: record for record in lines if isinstance(record.line, Learning | LearningEvent)}
    ordered = sorted(known.values(), key=lambda record: record.order)
    told = next(((r, r.line) for r in ordered if isinstance(r.line, Learning)), None)
    if told is None:
        return None
    record, line = told
    later = [(r.ts_us, r.line.action) for r in ordered if isinstance(r.line, LearningEvent)]
    actions = [action for _, action in later if action in _LEARNING_STATUS]
    return LearningFold(
        learning_id=line.learning_id,
        learning=line.learning,
        ts_us=record.ts_us,
        execution_id=line.execution_id,
        script_name=line.script_name,
        function_name=line.function_name,
        context=line.context,
        confidence=line.confidence,
        evidence=line.evidence,
        status=_LEARNING_STATUS.get(actions[-1], "active") if actions else "active",
        confirmed=actions.count("confirm"),
        refuted=actions.count("refute"),
        applied_us=tuple(ts_us for ts_us, action in later if action in ("confirm", "apply")),
        refuted_us=tuple(ts_us for ts_us, action in later if action == "refute"),
        keys=tuple(sorted(known)),
    )


class ResolutionFold(msgspec.Struct, frozen=True, kw_only=True):
    """What was last said of an error: `action` resolve or reopen, `by` what, when and in which run.

    Whether it came back since is not in its lines: that is for its events to say (`error_state`).
    """

    error_fingerprint: str
    action: str
    ts_us: int
    by: str | None = None
    execution_id: str = UNKNOWN_EXECUTION
    keys: tuple[str, ...] = ()


def fold_resolution(lines: Iterable[Record]) -> ResolutionFold | None:
    """Fold the resolutions of one error: the latest word counts; None without any."""
    known = {record.key: record for record in lines if isinstance(record.line, Resolution)}
    if not known:
        return None
    latest = max(known.values(), key=lambda record: record.order)
    line = latest.line
    assert isinstance(line, Resolution)
    return ResolutionFold(
        error_fingerprint=line.error_fingerprint,
        action=line.action,
        ts_us=latest.ts_us,
        by=line.by,
        execution_id=line.execution_id,
        keys=tuple(sorted(known)),
    )


OPEN: Final = "open"
RESOLVED: Final = "resolved"
REGRESSED: Final = "regressed"
"""Resolved, and seen again since: it has reopened by itself."""


def error_state(resolution: ResolutionFold | None, last_us: int) -> str:
    """An error's state, given what was said of it and when it was last seen.

    >>> error_state(ResolutionFold(error_fingerprint="e1", action="resolve", ts_us=10), last_us=11)
    'regressed'
    """
    if resolution is None or resolution.action != "resolve":
        return OPEN
    return REGRESSED if last_us > resolution.ts_us else RESOLVED
