"""The daemon's handle on the SQLite file: each call one transaction."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from operator import attrgetter
from typing import Any, Final

import apsw

from logagent.errors import RecordRejected, StoreError, StoreUnavailable
from logagent.formats.fold import RUNNING
from logagent.formats.record import LogLine, Record
from logagent.store.derived import Memory, Relation, Vector
from logagent.store.protocol import Batch, Holding, OpenRun, PruneCriteria, PruneResult, Receipt, StoreIdentity
from logagent.store.sqlite import derived, folding, tallies
from logagent.store.sqlite.connection import (
    FileIdentity,
    close_quietly,
    fetched,
    file_identity,
    open_for_writing,
    translated,
)
from logagent.store.sqlite.errors import ErrorCounter
from logagent.store.sqlite.intake import Identity, Intake, own_bit
from logagent.store.sqlite.names import HASH_BIAS, Names
from logagent.store.sqlite.present import lengths, present
from logagent.store.sqlite.prune import PruneLog, prune_step
from logagent.store.sqlite.rows import INSERT, INSERT_MANY, ROWS_AT_ONCE
from logagent.store.sqlite.schema import migrate
from logagent.store.text import storable

_TIME: Final = attrgetter("ts_us")
_INDEX_WORDS: Final = (
    "INSERT INTO events_fts (rowid, message, marks)"
    " SELECT id, message, marks FROM events_searched WHERE id BETWEEN ? AND ?"
)
_OPEN_RUNS: Final = (
    "SELECT execution_id, document, fingerprint FROM runs"
    " WHERE hostname = ? AND managed = 1 AND status = 'running' AND start_us IS NOT NULL ORDER BY started_us, id"
)


class SqliteStore:
    """See `logagent.store.protocol.Store`. Any thread may call it, one at a time."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._db: apsw.Connection | None = None
        self._file: FileIdentity | None = None
        self._companions: dict[str, FileIdentity | None] = {}
        self._names: Names | None = None
        self._prune_log = PruneLog()

    @property
    def url(self) -> str:
        """`sqlite://` and the path; opens the same file again."""
        return "sqlite://" + self._path.replace("%", "%25")

    def prepare(self) -> StoreIdentity:
        """Open the file that is at the path now, make or migrate its schema."""
        self.close()
        db, self._file = open_for_writing(self._path)
        self._db, self._names = db, Names(db)
        self._prune_log = PruneLog()
        try:
            with self._transaction():
                migrate(db)
                found = dict(fetched(db, "SELECT name, value FROM meta"))
        except BaseException:
            self.close()
            raise
        self._companions = {name: file_identity(self._path + name) for name in ("-wal", "-shm")}
        return StoreIdentity(found["store_id"], found["store_seq"])

    def repair(self) -> StoreIdentity:
        """The same: what a file has was made in one transaction with its version."""
        return self.prepare()

    def append(self, batch: Batch) -> Receipt:
        """Store what is new of the batch."""
        records = sorted(batch.records, key=_TIME)  # tallies and zones rely on it; a sorted batch costs nothing
        with self._transaction() as db:
            with batch.right_of_way.taken():
                names = self._names_now()
                intake = self._sorted_out(db, names, records)
                if intake.rows:
                    _write_events(db, intake)
                kept = _write_folded(db, names, intake)
                tallies.add_ends(db, intake.ends)
            if intake.rows:  # like the commit one call into SQLite, beside which the next batch is read
                db.execute(_INDEX_WORDS, (intake.rows[0][0], intake.last_id))
        stored = len(intake.rows) + kept
        return Receipt(stored=stored, duplicates=len(records) - stored - intake.expired, expired=intake.expired)

    def _sorted_out(self, db: apsw.Connection, names: Names, records: list[Record]) -> Intake:
        names.trim()
        intake = Intake(names, db.execute("SELECT value FROM meta WHERE name = 'last_id'").get)
        logs = [record for record in records if type(record.line) is LogLine]
        try:
            intake.take(records, present(db, logs), self._prune_log.check(db, logs))
        except OverflowError as error:
            raise RecordRejected(
                f"a number in a record does not fit 64 bits: {error}", number=apsw.SQLITE_MISMATCH
            ) from error
        return intake

    def mark(self) -> StoreIdentity:
        """Raise the mark; the commit is synced, and with it all commits before it in the log."""
        store_id = "(SELECT value FROM meta WHERE name = 'store_id')"
        raised = f"UPDATE meta SET value = value + 1 WHERE name = 'store_seq' RETURNING {store_id}, value"
        return StoreIdentity(*self._synced(raised))

    def renew(self) -> str:
        """A new id, synced."""
        new = (secrets.token_hex(16),)
        return str(self._synced("UPDATE meta SET value = ? WHERE name = 'store_id' RETURNING value", new))

    def _synced(self, statement: str, values: tuple[str, ...] = ()) -> Any:
        """Run a statement that power loss must not undo; the one row that it returns."""
        db = self._open()
        with translated(self._path):
            db.execute("PRAGMA synchronous = FULL")
        try:
            with self._transaction():
                return db.execute(statement, values).get
        finally:
            if self._db is not None:
                self._db.execute("PRAGMA synchronous = NORMAL")

    def stored_end(self, fingerprint: int) -> int | None:
        """How far that file has been appended."""
        with translated(self._path):
            found = self._open().execute(
                "SELECT stored_end FROM sources WHERE fingerprint = ?", (fingerprint - HASH_BIAS,)
            )
            end: int | None = found.get
        return end

    def stored_lengths(self, records: Sequence[Record]) -> list[int | None]:
        """The bytes of what has the same keys."""
        with translated(self._path):
            return lengths(self._open(), records)

    def account(self, records: Sequence[Record]) -> list[Holding]:
        """Stored, expired or absent, for each."""
        logs = [record for record in records if type(record.line) is LogLine]
        folded = [record for record in records if type(record.line) is not LogLine]
        with translated(self._path):
            db = self._open()
            known = present(db, logs) | present(db, folded, "folded_lines")
            is_expired = self._prune_log.check(db, logs)
        return [
            Holding.STORED
            if _identity(record) in known
            else Holding.EXPIRED
            if is_expired is not None and type(record.line) is LogLine and is_expired(record)
            else Holding.ABSENT
            for record in records
        ]

    def open_runs(self, hostname: str) -> list[OpenRun]:
        """Managed runs of the host that nobody has ended."""
        with translated(self._path):
            rows = fetched(self._open(), _OPEN_RUNS, (storable(hostname),))
        return [OpenRun.of(folding.run_of(run, fold), fingerprint + HASH_BIAS) for run, fold, fingerprint in rows]

    def mark_crashed(self, execution_ids: Sequence[str], at_us: int) -> None:
        """Fold the crash into those runs that are still open."""
        with self._transaction() as db:
            for execution_id in execution_ids:
                changed = db.execute(
                    "UPDATE runs SET crashed_us = ? WHERE execution_id = ? AND crashed_us IS NULL AND status = ?"
                    " RETURNING id",
                    (at_us, storable(execution_id), RUNNING),
                ).get
                if changed is not None:
                    folding.refold_run(db, changed, execution_id)

    def prune(self, criteria: PruneCriteria, *, limit: int = 5_000, dry_run: bool = False) -> PruneResult:
        """One step of a prune; the log of prunes is written with the first."""
        with self._transaction() as db:
            return prune_step(db, criteria, limit, dry_run=dry_run)

    def save_relations(self, relations: Sequence[Relation]) -> int:
        """Keep relations; how many are new."""
        with self._transaction() as db:
            return derived.save_relations(db, relations)

    def save_vectors(self, vectors: Sequence[Vector]) -> int:
        """Keep vectors of the events that are there."""
        with self._transaction() as db:
            return derived.save_vectors(db, vectors)

    def save_memories(self, memories: Sequence[Memory]) -> int:
        """Keep memories; how many are new."""
        with self._transaction() as db:
            return derived.save_memories(db, memories)

    def ping(self) -> None:
        """Take and release the write lock."""
        with self._transaction():
            pass

    def close(self) -> None:
        """Close the file; the last to close writes the log back into it."""
        db, self._db, self._names = self._db, None, None
        if db is not None:
            close_quietly(db)

    def _open(self) -> apsw.Connection:
        if self._db is None:
            raise StoreUnavailable(f"{self._path} is not open: prepare() comes first")
        return self._db

    def _names_now(self) -> Names:
        assert self._names is not None
        return self._names

    @contextmanager
    def _transaction(self) -> Iterator[apsw.Connection]:
        db = self._open()
        try:
            with translated(self._path):
                db.execute("BEGIN IMMEDIATE")
                self._check_file()
                yield db
                db.execute("COMMIT")
        except BaseException as error:
            self._undo(db, error)
            raise

    def _undo(self, db: apsw.Connection, error: BaseException) -> None:
        if self._names is not None:
            self._names.forget()
        if self._db is None:
            return
        try:
            if db.in_transaction:
                db.execute("ROLLBACK")
        except apsw.Error:
            self.close()
        if isinstance(error, StoreError) and not isinstance(error, StoreUnavailable | RecordRejected):
            self.close()

    def _check_file(self) -> None:
        """Rows must not go into a file that nobody will find: deleted, replaced, or its log deleted."""
        found = file_identity(self._path)
        if found == self._file and found is not None and os.path.exists(self._path + "-wal"):
            return
        self.close()
        if found != self._file:
            self._remove_companions()
        raise StoreUnavailable(f"{self._path} was deleted or replaced while it was open")

    def _remove_companions(self) -> None:
        """Take our log away from a file that is not ours: SQLite would write it into that file (tried: it does)."""
        for name, identity in self._companions.items():
            if identity is not None and file_identity(self._path + name) == identity:
                with suppress(OSError):
                    os.unlink(self._path + name)


def _identity(record: Record) -> Identity:
    return (record.own_us, record.offset, record.hash)


def _write_events(db: apsw.Connection, intake: Intake) -> None:
    whole = len(intake.rows) // ROWS_AT_ONCE * ROWS_AT_ONCE
    for start in range(0, whole, ROWS_AT_ONCE):
        db.execute(INSERT_MANY, tuple(chain.from_iterable(intake.rows[start : start + ROWS_AT_ONCE])))
    db.executemany(INSERT, intake.rows[whole:])
    tallies.add(db, intake)
    if intake.errors:
        ErrorCounter(db).add_events(intake.errors)
    if intake.embeddings:
        db.executemany("INSERT INTO event_embeddings VALUES (?, ?)", intake.embeddings)
    db.execute("UPDATE meta SET value = ? WHERE name = 'last_id'", (intake.last_id,))


def _write_folded(db: apsw.Connection, names: Names, intake: Intake) -> int:
    """Keep and fold the new ones among the lines of other kinds; how many those are."""
    new: dict[Identity, Record] = {}
    known = present(db, intake.folded, "folded_lines")
    for record in intake.folded:
        own_bit(record, intake.folded)
        if _identity(record) not in known:
            new.setdefault(_identity(record), record)
    folding.keep(db, names, new.values())
    ErrorCounter(db).add_ends(names, new.values())
    folding.refold(db, names, list(new.values()))
    for record in new.values():
        intake.ends[record.origin] = max(intake.ends.get(record.origin, 0), record.offset + record.length)
    return len(new)
