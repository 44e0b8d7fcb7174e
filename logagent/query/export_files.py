"""Exports into files that other programs open: SQLite and Parquet, one row per record, nested values as JSON.

A file appears under its name only when it is whole.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from itertools import islice
from typing import Any, Final

from logagent.errors import BadQuery
from logagent.query.documents import plain
from logagent.query.render.escape import json_text

_NUMBERS: Final = {
    **dict.fromkeys(("v", "level_no", "line_number", "pid", "ts_us", "offset", "length"), "INTEGER"),
    **dict.fromkeys(("duration_seconds", "confidence"), "REAL"),
}
COLUMNS: Final = (
    *("v", "kind", "timestamp", "execution_id", "script_name", "pid", "hostname", "level", "level_no", "message"),
    *("function_name", "file_path", "line_number", "extra_data", "tags", "exception", "embeddings", "start_time"),
    *("metadata", "argv", "cwd", "python", "git_commit", "parent_execution_id", "managed", "boot_id"),
    *("pid_namespace", "process_start", "end_time", "status", "duration_seconds", "error", "learning_id", "learning"),
    *("context", "confidence", "evidence", "action", "reason", "error_fingerprint", "by", "key", "ts_us"),
    *("time_source", "host", "file", "fingerprint", "offset", "length", "ingested_at", "flags", "continuation_of"),
)
"""The fields of every kind of record, in the order of the format."""
_ROWS: Final = 5_000

Documents = Iterable[Mapping[str, Any]]


def export_file(path: str, documents: Documents) -> int:
    """Write the records to a new file of the form that its name ends in; how many there were.

    Raises:
        BadQuery: the name tells no form, the file is there already or cannot be written, or pyarrow is missing.
    """
    write = _WRITERS.get(os.path.splitext(path)[1].lower())
    if write is None:
        raise BadQuery(f"--to {path!r} tells no form: its name ends in {', '.join(_WRITERS)}")
    if os.path.exists(path):
        raise BadQuery(f"{path} is there already: remove it, or give another name")
    unfinished = path + ".unfinished"
    try:
        count = write(unfinished, documents)
        os.replace(unfinished, path)
    except (OSError, sqlite3.Error) as error:
        raise BadQuery(f"{path} cannot be written: {error}") from error
    finally:
        if os.path.exists(unfinished):
            os.unlink(unfinished)
    return count


def _sqlite(path: str, documents: Documents) -> int:
    """A table `records`; made whole in one transaction, since nobody reads it before."""
    if os.path.exists(path):
        os.unlink(path)  # of an export that was cut off
    columns = ", ".join(f'"{name}" {_NUMBERS.get(name, "TEXT")}' for name in COLUMNS)
    db = sqlite3.connect(path)
    try:
        db.execute("PRAGMA journal_mode = OFF")
        db.execute(f"CREATE TABLE records ({columns})")
        insert = f"INSERT INTO records VALUES ({', '.join('?' * len(COLUMNS))})"
        count = 0
        for rows in _batches(documents):
            db.executemany(insert, rows)
            count += len(rows)
        db.execute("CREATE INDEX records_by_time ON records (ts_us)")
        db.commit()
    finally:
        db.close()
    return count


def _parquet(path: str, documents: Documents) -> int:
    try:
        arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError as error:
        raise BadQuery("Parquet needs pyarrow: install it beside logagent") from error
    types = {"INTEGER": arrow.int64(), "REAL": arrow.float64()}
    schema = arrow.schema([(name, types.get(_NUMBERS.get(name, ""), arrow.string())) for name in COLUMNS])
    count = 0
    with parquet.ParquetWriter(path, schema) as writer:
        for rows in _batches(documents):
            columns = [arrow.array(values, type=field.type) for values, field in zip(zip(*rows), schema)]  # noqa: B905
            writer.write_table(arrow.Table.from_arrays(columns, schema=schema))
            count += len(rows)
    return count


def _batches(documents: Documents) -> Iterator[list[tuple[Any, ...]]]:
    rows = map(_row, documents)
    while batch := list(islice(rows, _ROWS)):
        yield batch


def _row(document: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(_cell(name, document.get(name)) for name in COLUMNS)


def _cell(name: str, value: Any) -> Any:
    """Numbers in columns of numbers, text as it is but for halves of surrogate pairs, the rest as JSON."""
    value = plain(value)
    if name in _NUMBERS or value is None:
        return value
    text = value if isinstance(value, str) else json_text(value)
    return text.encode("utf-8", "backslashreplace").decode()


_WRITERS: Final[dict[str, Callable[[str, Documents], int]]] = {
    ".sqlite": _sqlite,
    ".db": _sqlite,
    ".parquet": _parquet,
}
