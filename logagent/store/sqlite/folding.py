"""Lines of runs and learnings: kept whole, and folded anew into their documents whenever one is added."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import apsw

from logagent.formats.fold import LearningFold, ResolutionFold, Run, fold_learning, fold_resolution, fold_run
from logagent.formats.record import (
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
from logagent.store.sqlite.names import HASH_BIAS, Names
from logagent.store.text import decode, encode, original, original_or_none, storable, storable_or_none

_KEEP: Final = (
    "INSERT INTO folded_lines (ts_us, offset, own, key_hash, length, origin_id, time_source, flags, ingested_us,"
    " continuation_of, kind, subject, body) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)"
)
SELECTED: Final = (
    "SELECT f.ts_us, f.offset, f.own, f.key_hash, f.length, o.host, o.file, o.fingerprint, f.time_source, f.flags,"
    " f.ingested_us, f.continuation_of, f.kind, f.body FROM folded_lines f JOIN origins o ON o.id = f.origin_id"
)
_OF_RUN: Final = SELECTED + " WHERE f.subject = ? AND f.kind IN ('run_start', 'run_end')"
_OF_LEARNING: Final = SELECTED + " WHERE f.subject = ? AND f.kind IN ('learning', 'learning_event')"
_OF_ERROR: Final = SELECTED + " WHERE f.subject = ? AND f.kind = 'resolution'"


def subject_of(line: Line) -> str:
    """What a line is folded under: its run, its learning, or the error it speaks of."""
    match line:
        case Learning() | LearningEvent():
            return line.learning_id
        case Resolution():
            return line.error_fingerprint
        case _:
            return line.execution_id


def folded_record(row: tuple[Any, ...]) -> Record:
    """The record that a row of `SELECTED` holds."""
    ts_us, offset, own, key_hash, length, host, file, fingerprint = row[:8]
    time_source, flags, ingested_us, continuation_of, kind, body = row[8:]
    origin = Origin(original(host), original(file), fingerprint + HASH_BIAS)
    line = decode(body, LINE_TYPES[kind])
    return Record(
        ts_us,
        ts_us if own else 0,
        offset,
        key_hash + HASH_BIAS,
        length,
        origin,
        line,
        time_source,
        flags,
        ingested_us,
        original_or_none(continuation_of),
    )


def keep(db: apsw.Connection, names: Names, records: Iterable[Record]) -> None:
    """Store lines that are not there yet."""
    db.executemany(_KEEP, (_row(names, record) for record in records))


def _row(names: Names, record: Record) -> tuple[Any, ...]:
    return (
        record.ts_us,
        record.offset,
        1 if record.own_us else 0,
        record.hash - HASH_BIAS,
        record.length,
        names.origin(record.origin),
        record.time_source,
        record.flags,
        record.ingested_us,
        storable_or_none(record.continuation_of),
        kind_of(record.line),
        storable(subject_of(record.line)),
        encode(record.line),
    )


def refold(db: apsw.Connection, names: Names, records: Sequence[Record]) -> None:
    """Bring the documents of all runs and learnings that these lines speak of up to date."""
    for execution_id in _subjects(records, RunStart | RunEnd):
        if execution_id != UNKNOWN_EXECUTION:
            refold_run(db, names.run(execution_id), execution_id)
    for learning_id in _subjects(records, Learning | LearningEvent):
        refold_learning(db, learning_id)
    refold_resolutions(db, records)


def _subjects(records: Sequence[Record], kinds: Any) -> Iterator[str]:
    return iter(dict.fromkeys(subject_of(r.line) for r in records if isinstance(r.line, kinds)))


def refold_run(db: apsw.Connection, run_id: int, execution_id: str) -> None:
    """Fold a run's lines and its crash mark into its row."""
    lines = [folded_record(row) for row in db.execute(_OF_RUN, (storable(execution_id),))]
    crashed_us = db.execute("SELECT crashed_us FROM runs WHERE id = ?", (run_id,)).get
    run = fold_run(execution_id, lines, crashed_us)
    starts = [line for line in lines if isinstance(line.line, RunStart)]
    fingerprint = min(starts, key=lambda r: r.order).origin.fingerprint - HASH_BIAS if starts else None
    db.execute(
        "UPDATE runs SET told_script = ?, status = ?, start_us = ?, end_us = ?, duration_seconds = ?, hostname = ?,"
        " managed = ?, fingerprint = ?, document = ? WHERE id = ?",
        (
            storable(run.script_name),
            storable(run.status),
            run.start_us,
            run.end_us,
            run.duration_seconds,
            storable_or_none(run.hostname),
            int(run.managed),
            fingerprint,
            encode(run),
            run_id,
        ),
    )


def refold_learning(db: apsw.Connection, learning_id: str) -> None:
    """Fold a learning's lines into its row."""
    lines = [folded_record(row) for row in db.execute(_OF_LEARNING, (storable(learning_id),))]
    learning = fold_learning(lines)
    if learning is None:
        return
    db.execute(
        "INSERT INTO learnings (learning_id, ts_us, execution_id, confidence, status, document)"
        " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (learning_id) DO UPDATE SET ts_us = excluded.ts_us,"
        " execution_id = excluded.execution_id, confidence = excluded.confidence, status = excluded.status,"
        " document = excluded.document",
        (
            storable(learning_id),
            learning.ts_us,
            storable(learning.execution_id),
            learning.confidence,
            learning.status,
            encode(learning),
        ),
    )


def refold_resolutions(db: apsw.Connection, records: Sequence[Record]) -> None:
    """Bring what was last said of each error that these lines speak of up to date."""
    for fingerprint in _subjects(records, Resolution):
        folded = fold_resolution(folded_record(row) for row in db.execute(_OF_ERROR, (storable(fingerprint),)))
        if folded is not None:
            row = (storable(fingerprint), encode(folded))
            db.execute("INSERT OR REPLACE INTO resolutions VALUES (?, ?)", row)


def resolution_of(document: bytes) -> ResolutionFold:
    """What a row of `resolutions` holds."""
    return decode(document, ResolutionFold)


def run_of(execution_id: str, document: bytes | None) -> Run:
    """The run that a row of `runs` holds; without a document only log lines speak of it."""
    return Run(execution_id=original(execution_id)) if document is None else decode(document, Run)


def learning_of(document: bytes) -> LearningFold:
    """The learning that a row of `learnings` holds."""
    return decode(document, LearningFold)
