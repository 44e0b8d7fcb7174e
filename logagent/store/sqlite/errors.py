"""Errors by fingerprint: which events tell of which, and a roll-up per run that outlives them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import apsw
import msgspec

from logagent.formats.error_fingerprint import ErrorShape, OwnFrame, error_shape
from logagent.formats.key import key_text
from logagent.formats.record import Line, LogLine, Record, RunEnd
from logagent.store.groups import ErrorInRun, ErrorSelection, ErrorTally
from logagent.store.sqlite.names import HASH_BIAS, Names
from logagent.store.text import decode, encode, original, storable

SCHEMA: Final = """
CREATE TABLE errors (id INTEGER PRIMARY KEY, fingerprint TEXT NOT NULL UNIQUE, document BLOB NOT NULL) STRICT;
CREATE TABLE event_errors (
    event_id INTEGER PRIMARY KEY, error_id INTEGER NOT NULL, lines INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE INDEX event_errors_by_error ON event_errors (error_id, event_id);
CREATE TABLE run_errors (
    error_id INTEGER NOT NULL, run_id INTEGER NOT NULL, script TEXT NOT NULL,
    count INTEGER NOT NULL, ends INTEGER NOT NULL, first_us INTEGER NOT NULL, last_us INTEGER NOT NULL,
    first_id INTEGER, last_id INTEGER, PRIMARY KEY (error_id, run_id, script)
) STRICT, WITHOUT ROWID;
CREATE INDEX run_errors_by_run ON run_errors (run_id);
CREATE TABLE resolutions (error_fingerprint TEXT PRIMARY KEY, document BLOB NOT NULL) STRICT, WITHOUT ROWID;
"""
# `lines` is 1 but for events that stand for repeated lines. `run_errors` has `count` lines, counted down by prunes, and
# `ends` of runs, which stay; a row stays at 0 and 0, since that the error was in that run is still true. `script` is ''
# but for events without a run, whose run says no script.

FORGET_CHOSEN: Final = (
    "UPDATE run_errors SET count = run_errors.count - gone.n FROM (SELECT x.error_id, e.run_id,"
    " iif(e.run_id = 0, s.script, '') AS script, sum(x.lines) AS n FROM events e"
    " JOIN event_errors x ON x.event_id = e.id JOIN sites s ON s.id = e.site_id"
    " WHERE e.id IN temp.chosen GROUP BY 1, 2, 3) gone WHERE run_errors.error_id = gone.error_id"
    " AND run_errors.run_id = gone.run_id AND run_errors.script = gone.script",
    "DELETE FROM event_errors WHERE event_id IN temp.chosen",
)

_KEEP: Final = "INSERT INTO event_errors (event_id, error_id, lines) VALUES (?, ?, ?)"
_COUNT: Final = """
INSERT INTO run_errors (error_id, run_id, script, count, ends, first_us, last_us, first_id, last_id)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7, ?7) ON CONFLICT DO UPDATE SET
first_id = iif(first_id IS NULL OR excluded.first_us < first_us, ifnull(excluded.first_id, first_id), first_id),
last_id = iif(last_id IS NULL OR excluded.last_us >= last_us, ifnull(excluded.last_id, last_id), last_id),
count = count + excluded.count, ends = ends + excluded.ends,
first_us = min(first_us, excluded.first_us), last_us = max(last_us, excluded.last_us)"""
_ROWS: Final = """
FROM run_errors x JOIN errors e ON e.id = x.error_id JOIN runs r ON r.id = x.run_id"""
_SCRIPT: Final = "iif(r.id = 0, x.script, r.script_name)"
_STARTED: Final = "coalesce(r.started_us, x.first_us)"
_BY_SCRIPT: Final = f"""
SELECT e.fingerprint, e.document, {_SCRIPT} AS of_script, count(nullif(x.run_id, 0)), sum(max(x.count, x.ends)),
    min(x.first_us), max(x.last_us), min(printf('%020d', {_STARTED}) || iif(r.id, r.execution_id, '')),
    max(printf('%020d', {_STARTED}) || iif(r.id, r.execution_id, '')), max(x.last_id), sum(x.count) = 0
{_ROWS}"""
_IN_RUNS: Final = f"""
SELECT e.fingerprint, iif(r.id, r.execution_id, ''), {_SCRIPT}, {_STARTED} AS started, r.status, e.document,
    max(x.count, x.ends), x.first_us, x.last_us, x.first_id
{_ROWS}"""


class ErrorEvent(NamedTuple):
    """A log event that tells of an error, as often as it was logged; `line` is what was logged each time."""

    event_id: int
    ts_us: int
    run_id: int
    line: LogLine
    lines: int = 1


class ErrorCounter:
    """Counts errors of one batch, inside its transaction; knows each error once."""

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db
        self._numbers: dict[str, int] = {}
        self._seen: dict[tuple[Any, ...], int] = {}

    def add_events(self, found: Iterable[ErrorEvent]) -> None:
        """Count log events."""
        for event_id, ts_us, run_id, line, lines in found:
            number = self._number_of(line)
            self._db.execute(_KEEP, (event_id, number, lines))
            script = "" if run_id else storable(line.script_name)
            self._db.execute(_COUNT, (number, run_id, script, lines, 0, ts_us, event_id))

    def add_ends(self, names: Names, records: Iterable[Record]) -> None:
        """Count runs that ended in an error."""
        for record in records:
            line = record.line
            if isinstance(line, RunEnd) and (shape := error_shape(line)) is not None:
                run_id = names.run(line.execution_id)
                script = "" if run_id else storable(line.script_name)
                self._db.execute(_COUNT, (self._number(shape), run_id, script, 0, 1, record.ts_us, None))

    def _number_of(self, line: LogLine) -> int:
        """The error's number; a storm of one error is taken apart once."""
        said = line.message if line.exception is None else bytes(line.exception)
        key = (said, line.file_path, line.function_name)
        number = self._seen.get(key)
        if number is None:
            number = self._seen[key] = self._number(_shape(line))
        return number

    def _number(self, shape: ErrorShape) -> int:
        fingerprint = shape.fingerprint
        if fingerprint not in self._numbers:
            self._db.execute("INSERT OR IGNORE INTO errors (fingerprint, document) VALUES (?, ?)",
                             (fingerprint, encode(_storable(shape))))  # fmt: skip
            number = self._db.execute("SELECT id FROM errors WHERE fingerprint = ?", (fingerprint,)).get
            self._numbers[fingerprint] = int(number)
        return self._numbers[fingerprint]


def _shape(line: Line) -> ErrorShape:
    shape = error_shape(line)
    assert shape is not None
    return shape


def _storable(shape: ErrorShape) -> ErrorShape:
    """Without half surrogate pairs, which only ever come from file names that are no text."""
    return ErrorShape(
        tuple(map(storable, shape.types)),
        tuple(map(_storable_frame, shape.frames)),
        storable(shape.template),
        tuple(map(_storable_frame, shape.site)),
    )


def _storable_frame(frame: OwnFrame) -> OwnFrame:
    return OwnFrame(storable(frame.file), storable(frame.function), frame.line)


def count_lines(db: apsw.Connection) -> None:
    """Version 4: an event may stand for several lines; those of before count as one each."""
    if not any(row[1] == "lines" for row in db.execute("PRAGMA table_info(event_errors)")):
        db.execute("ALTER TABLE event_errors ADD COLUMN lines INTEGER NOT NULL DEFAULT 1")


def tallies(db: apsw.Connection, selection: ErrorSelection, limit: int) -> list[ErrorTally]:
    """Errors by script, the last seen first."""
    where, values = _where(db, selection)
    since = "" if selection.since_us is None else " HAVING max(x.last_us) >= ?"
    values = values if selection.since_us is None else (*values, selection.since_us)
    order = "ORDER BY 7 DESC, 1, 3"
    rows = _fetched(
        db, f"{_BY_SCRIPT} WHERE {where} GROUP BY x.error_id, of_script{since} {order} LIMIT ?", (*values, limit)
    )
    keys = _keys(db, [row[9] for row in rows])
    return [_tally(row, keys) for row in rows]


def _tally(row: tuple[Any, ...], keys: dict[int, str]) -> ErrorTally:
    fingerprint, document, script, runs, count, first_us, last_us, first, last, last_id, is_end = row
    return ErrorTally(
        fingerprint=fingerprint,
        script_name=original(script),
        shape=decode(document, ErrorShape),
        runs=runs,
        count=count,
        first_us=first_us,
        last_us=last_us,
        first_run=original(first[20:]),
        first_started_us=int(first[:20]),
        last_run=original(last[20:]),
        last_started_us=int(last[:20]),
        sample=keys.get(last_id),
        is_end=bool(is_end),
    )


def in_runs(db: apsw.Connection, selection: ErrorSelection, limit: int) -> list[ErrorInRun]:
    """Errors run by run: of the latest started run first, in a run by their first event."""
    where, values = _where(db, selection)
    since = "" if selection.since_us is None else " AND x.last_us >= ?"
    values = values if selection.since_us is None else (*values, selection.since_us)
    order = "ORDER BY started DESC, 2 DESC, x.first_us, 1"
    rows = _fetched(db, f"{_IN_RUNS} WHERE {where}{since} {order} LIMIT ?", (*values, limit))
    keys = _keys(db, [row[9] for row in rows])
    return [_in_run(row, keys) for row in rows]


def _in_run(row: tuple[Any, ...], keys: dict[int, str]) -> ErrorInRun:
    fingerprint, execution_id, script, started_us, status, document, count, first_us, last_us, first_id = row
    return ErrorInRun(
        fingerprint=fingerprint,
        execution_id=original(execution_id),
        script_name=original(script),
        started_us=started_us,
        status=status,
        shape=decode(document, ErrorShape),
        count=count,
        first_us=first_us,
        last_us=last_us,
        first_key=keys.get(first_id),
    )


def _where(db: apsw.Connection, selection: ErrorSelection) -> tuple[str, tuple[Any, ...]]:
    parts: list[tuple[str, tuple[Any, ...]]] = [("1", ())]
    if selection.execution_id is not None:
        parts.append(("r.id > 0 AND r.execution_id = ?", (storable(selection.execution_id),)))
    if selection.script is not None:
        parts.append((f"{_SCRIPT} = ?", (storable(selection.script),)))
    if selection.fingerprint is not None:
        bounds = (selection.fingerprint, selection.fingerprint + "\U0010ffff")
        parts.append(("e.fingerprint >= ? AND e.fingerprint < ?", bounds))
    if selection.file is not None:
        parts.append(("x.error_id IN (SELECT value FROM json_each(?))", (json.dumps(_in_file(db, selection.file)),)))
    return " AND ".join(text for text, _ in parts), tuple(value for _, values in parts for value in values)


def _in_file(db: apsw.Connection, file: str) -> list[int]:
    """Errors that the file has a part in; there are few errors, whatever the number of events."""
    rows = db.execute("SELECT id, document FROM errors")
    return [number for number, document in rows if _touches(decode(document, ErrorShape), file.lstrip("/"))]


def _touches(shape: ErrorShape, file: str) -> bool:
    return any(f"/{frame.file}".endswith(f"/{file}") for frame in (*shape.frames, *shape.site))


def events_of(db: apsw.Connection, fingerprint: str, execution_id: str | None, limit: int) -> list[int]:
    """Ids of the newest events of an error, of one run or of all."""
    run = "" if execution_id is None else " AND v.run_id = (SELECT id FROM runs WHERE execution_id = ?3)"
    values = (fingerprint, limit) if execution_id is None else (fingerprint, limit, storable(execution_id))
    rows = db.execute(
        "SELECT v.id FROM errors e JOIN event_errors x ON x.error_id = e.id JOIN events v ON v.id = x.event_id"
        f" WHERE e.fingerprint = ?1{run} ORDER BY v.id DESC LIMIT ?2",
        values,
    )
    return [row[0] for row in rows]


def _keys(db: apsw.Connection, ids: Sequence[int | None]) -> dict[int, str]:
    rows = db.execute(
        "SELECT v.id, v.ts_us * v.own, v.offset, v.key_hash FROM json_each(?) j CROSS JOIN events v ON v.id = j.value",
        (json.dumps([each for each in ids if each is not None]),),
    )
    return {number: key_text(own_us, offset, signed + HASH_BIAS) for number, own_us, offset, signed in rows}


def stored_errors(db: apsw.Connection) -> Iterator[ErrorEvent]:
    """What `add_events` takes, of the events stored before errors were counted."""
    rows = _fetched(
        db,
        "SELECT v.id, v.ts_us, v.run_id, v.message, v.exception, l.level_no, s.script, s.file, s.function, s.line"
        " FROM events v JOIN levels l ON l.id = v.level_id JOIN sites s ON s.id = v.site_id"
        " WHERE l.level_no >= 40 OR v.exception IS NOT NULL",
    )
    for event_id, ts_us, run_id, message, exception, level_no, script, file, function, line in rows:
        said = {"message": message, "level_no": level_no, "script_name": original(script), "line_number": line}
        yield ErrorEvent(event_id, ts_us, run_id, _log_line(exception, file, function, said))


def _log_line(exception: bytes | None, file: str | None, function: str | None, said: dict[str, Any]) -> LogLine:
    raw = None if exception is None else msgspec.Raw(exception)
    return LogLine("", exception=raw, file_path=file, function_name=function, **said)


def _fetched(db: apsw.Connection, text: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """As `connection.fetched`, which stands above the schema that this belongs to."""
    return list(db.execute(text, values))
