"""Lines of runs, learnings and errors as documents, and what they fold into. Pure: no I/O, no clock.

A line's own document holds it as text, exactly; a fold's document holds the fold so, beside attributes for AQL.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from logagent.formats.fold import CRASHED, LearningFold, ResolutionFold, Run, run_key
from logagent.formats.record import (
    EMPTY_OBJECT,
    LINE_TYPES,
    UNKNOWN_EXECUTION,
    Learning,
    LearningEvent,
    Line,
    Origin,
    Record,
    Resolution,
    RunEnd,
    RunStart,
    kind_of,
)
from logagent.formats.times import utc_text
from logagent.store.arango.documents import sanitised
from logagent.store.text import decode, encode, original, original_or_none, storable, storable_or_none

RUN_KINDS: Final = ("run_start", "run_end")
LEARNING_KINDS: Final = ("learning", "learning_event")
RESOLUTION_KINDS: Final = ("resolution",)


class LineDocument(msgspec.Struct, omit_defaults=True):
    """A document of `log_lines`."""

    key: str = msgspec.field(name="_key")
    ts_us: int
    offset: int
    length: int
    host: str
    file: str
    fingerprint: str
    ingested_us: int
    kind: str
    subject: str
    execution_id: str
    script_name: str
    body: str
    time_source: int = 0
    flags: int = 0
    continuation_of: str | None = None


def subject_of(line: Line) -> str:
    """What a line is folded under: its run, its learning, or the error it speaks of."""
    match line:
        case Learning() | LearningEvent():
            return line.learning_id
        case Resolution():
            return line.error_fingerprint
        case _:
            return line.execution_id


def line_document(record: Record) -> LineDocument:
    """The document of a line that is folded."""
    line, origin = record.line, record.origin
    return LineDocument(
        record.key, record.ts_us, record.offset, record.length, storable(origin.host), storable(origin.file),
        "%016x" % origin.fingerprint, record.ingested_us, kind_of(line), storable(subject_of(line)),
        storable(line.execution_id), storable(line.script_name), encode(line).decode(), record.time_source,
        record.flags, storable_or_none(record.continuation_of),
    )  # fmt: skip


def line_record(document: LineDocument) -> Record:
    """The record that such a document holds."""
    origin = Origin(original(document.host), original(document.file), int(document.fingerprint, 16))
    key = document.key
    return Record(
        document.ts_us, int(key[:14], 16), document.offset, int(key[28:], 16), document.length, origin,
        decode(document.body.encode(), LINE_TYPES[document.kind]), document.time_source, document.flags,
        document.ingested_us, original_or_none(document.continuation_of),
    )  # fmt: skip


def run_document(run: Run, lines: Sequence[Record]) -> dict[str, Any]:
    """What `runs_fold` takes: a run folded from those lines, but for what others say of it."""
    starts = sorted((each for each in lines if isinstance(each.line, RunStart)), key=lambda each: each.order)
    started_us = run.start_us if run.start_us is not None else run.end_us
    return {
        "_key": run_key(run.execution_id),
        "execution_id": storable(run.execution_id),
        "script_name": storable(run.script_name),
        "told_script": storable(run.script_name),
        "status": storable(run.status),
        "is_ended": any(isinstance(each.line, RunEnd) for each in lines),
        "start_us": run.start_us,
        "end_us": run.end_us,
        "started_us": started_us,
        "start_time": time_text(started_us),
        "end_time": time_text(run.end_us),
        "duration_seconds": run.duration_seconds,
        "pid": run.pid,
        "hostname": storable_or_none(run.hostname),
        "metadata": plain(run.metadata),
        "error": storable_or_none(run.error),
        "argv": [storable(each) for each in run.argv],
        "cwd": storable_or_none(run.cwd),
        "git_commit": storable_or_none(run.git_commit),
        "parent_execution_id": storable_or_none(run.parent_execution_id),
        "managed": run.managed,
        "fingerprint": "%016x" % starts[0].origin.fingerprint if starts else None,
        "lines": len(run.keys),
        "fold": encode(run).decode(),
    }


def learning_document(learning: LearningFold) -> dict[str, Any]:
    """What `folds_replace` takes of a learning."""
    return {
        "_key": learning_key(learning.learning_id),
        "learning_id": storable(learning.learning_id),
        "timestamp": time_text(learning.ts_us),
        "ts_us": learning.ts_us,
        "learning": storable(learning.learning),
        "execution_id": storable(learning.execution_id),
        "script_name": storable(learning.script_name),
        "function_name": storable_or_none(learning.function_name),
        "context": plain(learning.context),
        "confidence": learning.confidence,
        "evidence": [storable(each) for each in learning.evidence],
        "status": learning.status,
        "confirmed": learning.confirmed,
        "refuted": learning.refuted,
        "lines": len(learning.keys),
        "fold": encode(learning).decode(),
    }


def learning_key(learning_id: str) -> str:
    """The key of a learning's document: an id is any text, a key is not."""
    return run_key(learning_id)


def resolution_document(resolution: ResolutionFold) -> dict[str, Any]:
    """What `folds_replace` takes of a resolution."""
    return {
        "_key": run_key(resolution.error_fingerprint),
        "error_fingerprint": storable(resolution.error_fingerprint),
        "action": storable(resolution.action),
        "lines": len(resolution.keys),
        "fold": encode(resolution).decode(),
    }


def run_of(execution_id: str, fold: str | None, crashed_us: int | None) -> Run:
    """The run that a document holds; without a fold only log lines speak of it. A real end beats a crash."""
    run = Run(execution_id=original(execution_id)) if fold is None else decode(fold.encode(), Run)
    if crashed_us is None or run.end_us is not None:
        return run
    return msgspec.structs.replace(run, status=CRASHED, end_us=crashed_us)


def has_run(execution_id: str) -> bool:
    """Whether an execution id names a run."""
    return execution_id != UNKNOWN_EXECUTION


def time_text(ts_us: int | None) -> str | None:
    """A time in the one shape that AQL's own functions give back."""
    return None if ts_us is None else utc_text(ts_us)[:23] + "Z"


def plain(raw: msgspec.Raw) -> Any:
    """Nested JSON as values that ArangoDB takes; the fold has it exactly."""
    if raw == EMPTY_OBJECT:
        return {}
    found = json.loads(sanitised(bytes(raw)))
    return found if isinstance(found, dict) else {"value": found}
