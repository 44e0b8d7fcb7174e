"""Lines that are folded: kept first, then what they fold into is made anew from all that are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from logagent.formats.fold import fold_learning, fold_resolution, fold_run
from logagent.formats.record import Learning, LearningEvent, Record, Resolution, RunEnd, RunStart
from logagent.store.arango.connection import Connection
from logagent.store.arango.folded import (
    LEARNING_KINDS,
    RESOLUTION_KINDS,
    RUN_KINDS,
    LineDocument,
    has_run,
    learning_document,
    line_document,
    line_record,
    resolution_document,
    run_document,
    subject_of,
)
from logagent.store.arango.insert import insert
from logagent.store.arango.schema import LEARNINGS, LINES, RESOLUTIONS
from logagent.store.text import storable


def keep(connection: Connection, records: Sequence[Record]) -> None:
    """Keep lines and bring what they fold into up to date; doing it again changes nothing."""
    insert(connection, LINES, msgspec.json.encode([line_document(record) for record in records]), len(records))
    _refold_runs(connection, [each for each in _subjects(records, RunStart | RunEnd) if has_run(each)])
    _refold(connection, LEARNINGS, LEARNING_KINDS, _subjects(records, Learning | LearningEvent), _learning)
    _refold(connection, RESOLUTIONS, RESOLUTION_KINDS, _subjects(records, Resolution), _resolution)


def _subjects(records: Iterable[Record], kinds: Any) -> list[str]:
    return list(dict.fromkeys(subject_of(r.line) for r in records if isinstance(r.line, kinds)))


def _lines_of(connection: Connection, subjects: Sequence[str], kinds: Sequence[str]) -> dict[str, list[Record]]:
    bound = [storable(each) for each in subjects]
    lines: dict[str, list[Record]] = {subject: [] for subject in subjects}
    for document in connection.rows("lines_of", LineDocument, subjects=bound, kinds=kinds):
        record = line_record(document)
        lines[subject_of(record.line)].append(record)
    return lines


def _refold_runs(connection: Connection, ids: Sequence[str]) -> None:
    if ids:
        lines = _lines_of(connection, ids, RUN_KINDS)
        runs = [run_document(fold_run(each, lines[each]), lines[each]) for each in ids]
        connection.execute("runs_fold", runs=runs)


def _refold(
    connection: Connection,
    collection: str,
    kinds: Sequence[str],
    subjects: Sequence[str],
    fold: Callable[[Sequence[Record]], dict[str, Any] | None],
) -> None:
    if not subjects:
        return
    lines = _lines_of(connection, subjects, kinds)
    folds = [found for each in subjects if (found := fold(lines[each])) is not None]
    connection.execute("folds_replace", folds=folds, **{"@collection": collection})


def _learning(lines: Sequence[Record]) -> dict[str, Any] | None:
    found = fold_learning(lines)
    return None if found is None else learning_document(found)


def _resolution(lines: Sequence[Record]) -> dict[str, Any] | None:
    found = fold_resolution(lines)
    return None if found is None else resolution_document(found)
