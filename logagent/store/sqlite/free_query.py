"""Free SQL by agents and people: one statement, read-only, with a deadline and a row cap."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import apsw

from logagent.errors import BadQuery, NotPermitted, QueryError, QueryTimeout
from logagent.store.protocol import Rows
from logagent.store.sqlite.connection import close_quietly, open_for_reading, translation

_ALLOWED: Final = frozenset({apsw.SQLITE_SELECT, apsw.SQLITE_READ, apsw.SQLITE_RECURSIVE})
_FORBIDDEN_FUNCTIONS: Final = frozenset({"load_extension", "fts3_tokenizer", "fts5", "writefile", "readfile", "edit"})
_LIMITS: Final = {
    apsw.SQLITE_LIMIT_LENGTH: 64 << 20,
    apsw.SQLITE_LIMIT_SQL_LENGTH: 1 << 20,
    apsw.SQLITE_LIMIT_EXPR_DEPTH: 200,
    apsw.SQLITE_LIMIT_COMPOUND_SELECT: 50,
    apsw.SQLITE_LIMIT_ATTACHED: 0,
    apsw.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 1_000,
    apsw.SQLITE_LIMIT_WORKER_THREADS: 0,
}
_STEPS: Final = 2_000
"""SQLite's own instructions between two looks at the clock: some tens of microseconds."""


def free_query(
    path: str,
    text: str,
    params: Sequence[Any] | Mapping[str, Any],
    *,
    max_rows: int,
    timeout_s: float,
    is_stopped: Callable[[], bool] = lambda: False,
) -> Rows:
    """Run one statement; see `Reader.free_query`. `is_stopped` is asked now and then whether to give up."""
    db = open_for_reading(path)
    try:
        deadline = time.monotonic() + timeout_s
        _fence(db, lambda: time.monotonic() > deadline or is_stopped())
        return _answer(db, text, params, max_rows, timeout_s)
    except apsw.Error as error:
        raise _translated(error, path) from error
    finally:
        close_quietly(db)


def _fence(db: apsw.Connection, is_over: Callable[[], bool]) -> None:
    for limit, value in _LIMITS.items():
        db.limit(limit, value)
    db.set_progress_handler(is_over, _STEPS)
    db.authorizer = _authorize


def _authorize(action: int, _first: str | None, second: str | None, _db: str | None, _view: str | None) -> int:
    if action == apsw.SQLITE_FUNCTION:
        is_allowed = (second or "").lower() not in _FORBIDDEN_FUNCTIONS
    else:
        is_allowed = action in _ALLOWED
    return apsw.SQLITE_OK if is_allowed else apsw.SQLITE_DENY


class _Watch:
    """Sees each statement before it runs: takes the columns of the first, refuses a second."""

    def __init__(self) -> None:
        self.columns: tuple[str, ...] | None = None

    def __call__(self, cursor: apsw.Cursor, _text: str, _values: Any) -> bool:
        if self.columns is not None:
            raise BadQuery("one statement at a time")
        self.columns = tuple(column[0] for column in cursor.get_description())
        return True


def _answer(
    db: apsw.Connection, text: str, params: Sequence[Any] | Mapping[str, Any], max_rows: int, timeout_s: float
) -> Rows:
    rows: list[tuple[Any, ...]] = []
    watch = _Watch()
    cursor = db.cursor()
    cursor.exec_trace = watch
    try:
        cursor.execute(text, params if isinstance(params, Mapping) else tuple(params))
        for row in cursor:
            if len(rows) == max_rows:
                return Rows(watch.columns or (), rows, True)
            rows.append(row)
    except apsw.InterruptError as error:
        partial = Rows(watch.columns or (), rows, True)
        raise QueryTimeout(f"not done after {timeout_s:g} s, with {len(rows)} rows", partial=partial) from error
    except (apsw.BindingsError, TypeError, OverflowError) as error:
        raise BadQuery(f"the parameters do not fit the statement: {error}") from error
    except UnicodeError as error:
        raise BadQuery(f"a value is not UTF-8; select hex() of it: {error}") from error
    return Rows(watch.columns or (), rows, False)


_FORBIDDEN: Final = re.compile("not authorized|cannot modify")
_ASKED_WRONGLY: Final = (
    apsw.SQLError,
    apsw.TooBigError,
    apsw.ConstraintError,
    apsw.MismatchError,
    apsw.RangeError,
)


def _translated(error: apsw.Error, path: str) -> QueryError | Exception:
    said = str(error)
    if isinstance(error, apsw.AuthError | apsw.ReadOnlyError | apsw.PermissionsError) or _FORBIDDEN.search(said):
        return NotPermitted(f"only reading is allowed here: {said}")
    if isinstance(error, _ASKED_WRONGLY):
        position = getattr(error, "error_offset", -1)
        return BadQuery(f"SQL: {said}", position=position if position >= 0 else None)
    return translation(error, path)
