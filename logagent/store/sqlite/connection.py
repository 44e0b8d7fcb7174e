"""Opening the file, and saying in our words what SQLite says in its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final
from urllib.parse import quote

import apsw

from logagent.errors import RecordRejected, StoreAbsent, StoreCorrupt, StoreError, StoreUnavailable
from logagent.store.sqlite.schema import FILE_PRAGMAS

BUSY_MS: Final = 2_000
"""How long to wait for another process's lock before the daemon backs off."""

_WRITER_PRAGMAS: Final = (
    "PRAGMA synchronous = NORMAL",
    "PRAGMA cache_size = -16384",
    "PRAGMA wal_autocheckpoint = 2000",
    "PRAGMA journal_size_limit = 67108864",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA recursive_triggers = OFF",
)

FileIdentity = tuple[int, int]


def file_identity(path: str) -> FileIdentity | None:
    """Device and inode of what is at `path` now; None if nothing is."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def open_for_writing(path: str) -> tuple[apsw.Connection, FileIdentity | None]:
    """A tuned connection to the file, made with its directory if missing (file 0600), and the file's identity."""
    _make_file(path)
    before = file_identity(path)
    with translated(path):
        db = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            _tune(db)
        except BaseException:
            db.close()
            raise
    return db, before


def _make_file(path: str) -> None:
    try:
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StoreUnavailable(f"cannot open {path}: {error.strerror}") from error


def _tune(db: apsw.Connection) -> None:
    db.set_busy_timeout(BUSY_MS)
    for pragma in FILE_PRAGMAS:
        db.execute(pragma)
    db.pragma("journal_mode", "wal")
    for pragma in _WRITER_PRAGMAS:
        db.execute(pragma)


def open_for_reading(path: str) -> apsw.Connection:
    """A connection that cannot write and leaves no file behind.

    Without a -wal file nobody writes just now; then SQLite is told not to look for one, since it would make
    -wal and -shm, or fail where it may not. `wal_appeared` says when such a connection has to be left.
    """
    if file_identity(path) is None:
        raise StoreAbsent(f"no store at {path}: it is made when `logagent run` first runs")
    immutable = "" if os.path.exists(path + "-wal") else "&immutable=1"
    uri = f"file:{quote(os.path.abspath(path), errors='surrogateescape')}?mode=ro{immutable}"
    with translated(path):
        db = apsw.Connection(uri, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
        db.set_busy_timeout(BUSY_MS)
        db.execute("PRAGMA query_only = ON")
        db.execute("PRAGMA cache_size = -16384")
        db.execute("PRAGMA temp_store = MEMORY")
        return db


@contextmanager
def translated(path: str) -> Iterator[None]:
    """Raise our errors for SQLite's; `path` is named in their text."""
    try:
        yield
    except apsw.Error as error:
        raise translation(error, path) from error
    except MemoryError as error:
        raise StoreUnavailable(f"{path}: out of memory") from error


def translation(error: apsw.Error, path: str) -> StoreError:
    """Our error for one of SQLite's."""
    said = str(error)
    if isinstance(error, apsw.CorruptError | apsw.NotADBError):
        return StoreCorrupt(f"{path} is damaged ({said}): move it away; what the log files hold is read again")
    if isinstance(error, apsw.TooBigError):
        return RecordRejected(f"SQLite refuses the record: {said}", number=apsw.SQLITE_TOOBIG)
    for kind, sentence in _SENTENCES:
        if isinstance(error, kind):
            return StoreUnavailable(f"{path}: {sentence} ({said})")
    return StoreUnavailable(f"{path}: {said}")


_SENTENCES: Final[tuple[tuple[type[apsw.Error], str], ...]] = (
    (apsw.BusyError, f"another process has held its lock for {BUSY_MS / 1000:g} s"),
    (apsw.LockedError, "it is locked"),
    (apsw.FullError, "the disk is full"),
    (apsw.ReadOnlyError, "it is read-only"),
    (apsw.CantOpenError, "it cannot be opened"),
    (apsw.PermissionsError, "permission is refused"),
    (apsw.IOError, "reading or writing failed"),
)


def fetched(db: apsw.Connection, text: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """All rows of a statement, typed as what they are: whatever the columns hold."""
    return list(db.execute(text, values))


def close_quietly(db: apsw.Connection) -> None:
    """Close a connection that may be broken: what it could say has been said."""
    with suppress(apsw.Error):
        db.close()
