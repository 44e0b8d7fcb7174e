"""The questions' handle on the SQLite file: it cannot write, and sees what is committed at once."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, TypeVar

import apsw
import msgspec

from logagent.errors import BadQuery, QueryTimeout, StoreAbsent, StoreTooNew, StoreUnavailable
from logagent.formats.fold import LearningFold, ResolutionFold
from logagent.formats.record import Record
from logagent.store.derived import Memory, Relation, Step, Vector
from logagent.store.groups import ErrorInRun, ErrorSelection, ErrorTally, RunLine, SiteTally
from logagent.store.protocol import (
    Arrivals,
    EventPage,
    Overview,
    Room,
    Rows,
    RunPage,
    RunSummary,
    StoreIdentity,
    Tally,
    TallyBy,
    Total,
)
from logagent.store.selection import Direction, RunSelection, Selection
from logagent.store.sqlite import counting, derived, errors, run_lines, search
from logagent.store.sqlite import runs as run_rows
from logagent.store.sqlite.conditions import register_functions
from logagent.store.sqlite.connection import (
    close_quietly,
    fetched,
    file_identity,
    open_for_reading,
    translated,
)
from logagent.store.sqlite.export import exported
from logagent.store.sqlite.folding import learning_of, resolution_of
from logagent.store.sqlite.free_query import free_query
from logagent.store.sqlite.names import HASH_BIAS
from logagent.store.sqlite.neighbours import neighbours
from logagent.store.sqlite.plan import Plan, plan_of
from logagent.store.sqlite.rows import JOINED, SELECTED, record_of
from logagent.store.sqlite.schema import VERSION
from logagent.store.sqlite.tokens import Words
from logagent.store.text import storable

_BY_IDS: Final = f"SELECT {SELECTED} FROM json_each(?) j CROSS JOIN events e ON e.id = j.value {JOINED} ORDER BY j.key"
_T = TypeVar("_T")
_STEPS: Final = 20_000
"""SQLite's own instructions between two looks at whether to go on."""
_FIRST_WITH_DERIVED: Final = 2
_FIRST_WITH_ERRORS: Final = 3


TABLES: Final = (
    *("log_events", "script_runs", "agent_learnings", "level_counts"),
    *("log_causality", "log_embeddings", "agent_memories"),
)
"""What free SQL is told of."""


class SqliteReader:
    """See `logagent.store.protocol.Reader`. Any thread may call it, one at a time."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._db: apsw.Connection | None = None
        self._seen: tuple[Any, ...] = ()
        self._is_interrupted = False
        self._connection()

    @property
    def url(self) -> str:
        """`sqlite://` and the path; opens the same file again."""
        return "sqlite://" + self._path.replace("%", "%25")

    def identity(self) -> StoreIdentity:
        """Which store this is."""
        found = self._ask(lambda db: dict(fetched(db, "SELECT name, value FROM meta")))
        return StoreIdentity(found["store_id"], found["store_seq"])

    def overview(self) -> Overview:
        """Counts by level and status, and the time they span; from the tallies."""
        return self._ask(run_rows.overview)

    def room(self) -> Room | None:
        """No licence limits a file."""
        return None

    def events(self, selection: Selection, limit: int) -> EventPage:
        """Up to `limit` log events."""
        return self._ask(lambda db: _events(db, plan_of(db, Words(db), selection), limit))

    def ranked(self, selection: Selection, words: str, limit: int) -> EventPage:
        """The best matches of any of the words."""
        return self._ask(lambda db: _ranked(db, selection, words, limit))

    def count(self, selection: Selection, cap: int = 10_000) -> Total:
        """How many there are; exact beyond `cap` too where the tallies know."""
        return self._ask(lambda db: counting.count(db, selection, cap))

    def tally(self, selection: Selection, by: TallyBy, limit: int = 50) -> Sequence[Tally]:
        """Counts by value."""
        return self._ask(lambda db: counting.tally(db, selection, by, limit))

    def arrivals(self, selection: Selection, mark: str | None, limit: int) -> Arrivals:
        """What was stored since the mark, which is the id of the last event seen; ids are never given twice."""
        return self._ask(lambda db: _arrivals(db, selection, mark, limit))

    def events_by_hash(self, low: int, high: int, limit: int = 5) -> list[Record]:
        """Log events with a hash in that range, by the first 16 bits in the word index."""
        return self._ask(lambda db: _events_by_hash(db, low, high, limit))

    def event(self, key: str) -> Record | None:
        """The log event with that key."""
        found = self._ask(lambda db: _by_ids(db, [number for number in [derived.event_id(db, key)] if number]))
        return found[0] if found else None

    def around(self, record: Record, before: int, after: int) -> list[Record]:
        """The event and its neighbours in its run, else in its file."""
        return self._ask(lambda db: _by_ids(db, neighbours(db, record, before, after)))

    def runs(self, selection: RunSelection, limit: int) -> RunPage:
        """Up to `limit` runs, newest first."""
        return self._ask(lambda db: run_rows.page(db, selection, limit))

    def run(self, execution_id: str) -> RunSummary | None:
        """One run by its whole id."""
        return self._ask(lambda db: run_rows.one(db, execution_id))

    def run_ids(self, prefix: str = "", limit: int = 1_000) -> list[str]:
        """Known ids with that prefix, newest first."""
        return self._ask(lambda db: run_rows.ids(db, prefix, limit))

    def count_runs(self, selection: RunSelection) -> Total:
        """How many runs the selection holds."""
        return self._ask(lambda db: Total(run_rows.count(db, selection), True))

    def learnings(self, execution_id: str | None = None, limit: int = 100) -> list[LearningFold]:
        """Learnings, newest first."""
        where, values = ("WHERE execution_id = ?", (storable(execution_id),)) if execution_id is not None else ("", ())
        text = f"SELECT document FROM learnings {where} ORDER BY ts_us DESC, learning_id DESC LIMIT ?"
        return self._ask(lambda db: [learning_of(row[0]) for row in db.execute(text, (*values, limit))])

    def error_tallies(self, selection: ErrorSelection, limit: int = 1_000) -> Sequence[ErrorTally]:
        """Errors by script, from the roll-up."""
        return self._ask_counted(lambda db: errors.tallies(db, selection, limit))

    def errors_in_runs(self, selection: ErrorSelection, limit: int = 1_000) -> Sequence[ErrorInRun]:
        """Errors run by run, from the roll-up."""
        return self._ask_counted(lambda db: errors.in_runs(db, selection, limit))

    def error_events(self, fingerprint: str, execution_id: str | None = None, limit: int = 5) -> list[Record]:
        """Events of one error, the last stored first."""
        return self._ask_counted(lambda db: _by_ids(db, errors.events_of(db, fingerprint, execution_id, limit)))

    def resolutions(self) -> Mapping[str, ResolutionFold]:
        """What was last said of errors."""
        text = "SELECT document FROM resolutions"
        folds = self._ask_counted(lambda db: [resolution_of(row[0]) for row in db.execute(text)])
        return {fold.error_fingerprint: fold for fold in folds}

    def run_lines(self, execution_id: str, limit: int) -> Sequence[RunLine]:
        """Events of a run, with few columns."""
        return self._ask(lambda db: run_lines.lines(db, execution_id, limit))

    def site_tallies(self, execution_ids: Sequence[str]) -> Sequence[SiteTally]:
        """Counts by call site, from the roll-up."""
        return self._ask(lambda db: run_lines.sites(db, execution_ids))

    def relations(self, ids: Sequence[str], limit: int = 1_000) -> Sequence[Relation]:
        """Saved edges from or to any of those."""
        return self._ask_derived(lambda db: derived.relations(db, ids, limit), [])

    def walk(self, start: str, depth: int, limit: int) -> Sequence[Step]:
        """What relations lead to, one question a step."""
        return self._ask_derived(lambda db: derived.walk(db, start, depth, limit), [])

    def vector_models(self) -> Mapping[str, int]:
        """Models with how many vectors each has."""
        return self._ask_derived(derived.vector_models, {})

    def without_vector(self, selection: Selection, model: str, limit: int) -> Sequence[Record]:
        """Events that the model has not seen."""
        return self._ask_derived(lambda db: _without_vector(db, selection, model, limit), [])

    def nearest(self, selection: Selection, vector: Vector, limit: int) -> EventPage:
        """Events by cosine."""
        return self._ask_derived(lambda db: _nearest(db, selection, vector, limit), EventPage((), False, scores=()))

    def memories(self, memory_type: str | None = None, limit: int = 100) -> Sequence[Memory]:
        """Memories, newest first."""
        return self._ask_derived(lambda db: derived.memories(db, memory_type, limit), [])

    def export(self, selection: Selection) -> Iterator[Record]:
        """Records of every kind, page by page, each page a read of its own."""
        return exported(self._ask, selection)

    def tables(self) -> Mapping[str, Sequence[str]]:
        """The views and tables for free SQL, with their columns."""
        return {name: self._columns(name) for name in TABLES}

    def _columns(self, table: str) -> Sequence[str]:
        try:
            return self.free_query(f"SELECT * FROM {table} LIMIT 0").columns
        except BadQuery:
            return ()  # an older version made the store and no newer one has opened it to write

    def free_query(
        self,
        text: str,
        params: Sequence[Any] | Mapping[str, Any] = (),
        *,
        max_rows: int = 1_000,
        timeout_s: float = 5.0,
    ) -> Rows:
        """One read-only SQL statement, on a connection of its own."""
        self._connection()
        self._is_interrupted = False
        return free_query(
            self._path, text, params, max_rows=max_rows, timeout_s=timeout_s, is_stopped=lambda: self._is_interrupted
        )

    def interrupt(self) -> None:
        """Stop the statement that runs, and those of its question that follow."""
        self._is_interrupted = True
        db = self._db
        if db is not None:
            with suppress(apsw.Error):  # closed meanwhile: nothing is under way
                db.interrupt()

    def close(self) -> None:
        """Close the file."""
        db, self._db = self._db, None
        if db is not None:
            close_quietly(db)

    def _ask(self, question: Callable[[apsw.Connection], _T]) -> _T:
        """Answer within one snapshot.

        A connection that was opened while nobody wrote reads the bare file (see `open_for_reading`): if a writer
        came meanwhile, what it read may be torn, so it asks again.
        """
        self._is_interrupted = False
        for _ in range(2):
            db = self._connection()
            try:
                with translated(self._path):
                    answer = _in_snapshot(db, question)
            except QueryTimeout:
                raise
            except Exception:
                if self._is_current():
                    raise
                continue
            if self._is_current():
                return answer
        with translated(self._path):
            return _in_snapshot(self._connection(), question)

    def _ask_derived(self, question: Callable[[apsw.Connection], _T], without: _T) -> _T:
        """A file that no newer daemon has opened yet has nothing derived."""
        return self._ask(lambda db: question(db) if db.pragma("user_version") >= _FIRST_WITH_DERIVED else without)

    def _ask_counted(self, question: Callable[[apsw.Connection], _T]) -> _T:
        """A file that no newer daemon has opened yet has its errors uncounted: "none" would be a lie."""

        def counted(db: apsw.Connection) -> _T:
            if db.pragma("user_version") < _FIRST_WITH_ERRORS:
                raise StoreUnavailable(f"errors in {self._path} are not counted yet: `logagent init` does it, once")
            return question(db)

        return self._ask(counted)

    def _connection(self) -> apsw.Connection:
        if self._db is not None and not self._is_current():
            self.close()
        if self._db is None:
            self._seen = self._look()
            self._db = open_for_reading(self._path)
            with translated(self._path):
                self._check_version(self._db)
                register_functions(self._db)
                self._db.set_progress_handler(lambda: self._is_interrupted, _STEPS)
        return self._db

    def _is_current(self) -> bool:
        return self._db is not None and self._look() == self._seen

    def _look(self) -> tuple[Any, ...]:
        """What must not change under an open connection."""
        if os.path.exists(self._path + "-wal"):
            return (file_identity(self._path), True)
        try:
            found = os.stat(self._path)
        except OSError:
            return (None, False)
        return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)

    def _check_version(self, db: apsw.Connection) -> None:
        version = db.pragma("user_version")
        if 1 <= version <= VERSION:  # newer versions only add
            return
        self.close()
        if version > VERSION:
            raise StoreTooNew(f"{self._path} has schema {version}, this logagent knows {VERSION}: upgrade logagent")
        raise StoreAbsent(f"no store at {self._path} yet: `logagent run` or `logagent init` makes it")


def _in_snapshot(db: apsw.Connection, question: Callable[[apsw.Connection], _T]) -> _T:
    db.execute("BEGIN")
    try:
        return question(db)
    except apsw.InterruptError as error:
        raise QueryTimeout("the question was interrupted") from error
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


def _by_ids(db: apsw.Connection, ids: Sequence[int]) -> list[Record]:
    return [record_of(row) for row in db.execute(_BY_IDS, (json.dumps(ids),))]


def _events(db: apsw.Connection, plan: Plan, limit: int) -> EventPage:
    if plan.is_empty or limit <= 0:
        return EventPage((), False)
    if plan.match is None:
        ids, note = search.walked(db, plan, limit + 1), None
    else:
        ids, note = search.matched(db, plan, limit + 1)
    return EventPage(_by_ids(db, ids[:limit]), len(ids) > limit, note=note)


def _ranked(db: apsw.Connection, selection: Selection, text: str, limit: int) -> EventPage:
    words = Words(db)
    any_of = words.any_of(text)
    plan = plan_of(db, words, _newest_first(selection))
    if plan.is_empty or any_of is None or limit <= 0:
        return EventPage((), False, scores=())
    found, note = search.ranked(db, plan.matching(any_of), limit + 1)
    records = _by_ids(db, [number for number, _ in found[:limit]])
    return EventPage(records, len(found) > limit, [score for _, score in found[:limit]], note)


def _newest_first(selection: Selection) -> Selection:
    return msgspec.structs.replace(selection, after=None, direction=Direction.NEWEST_FIRST)


def _arrivals(db: apsw.Connection, selection: Selection, mark: str | None, limit: int) -> Arrivals:
    last_id = int(db.execute("SELECT value FROM meta WHERE name = 'last_id'").get)
    if mark is None:
        return Arrivals((), str(last_id))
    if not mark.isascii() or not mark.isdigit():
        raise BadQuery(f"{mark!r} is no mark of this store")
    plan = plan_of(db, Words(db), _newest_first(selection))
    if plan.is_empty or int(mark) > last_id:  # beyond the end: the store was made anew
        return Arrivals((), str(last_id))
    ids = search.arrived(db, plan, int(mark), limit)
    return Arrivals(_by_ids(db, ids), str(last_id) if len(ids) < limit else str(ids[-1]) if ids else mark)


def _events_by_hash(db: apsw.Connection, low: int, high: int, limit: int) -> list[Record]:
    marks = " OR ".join([f'"h{first}"' for first in range(low >> 48, (high >> 48) + 1)])
    rows = db.execute(
        "SELECT e.id FROM events_fts f CROSS JOIN events e ON e.id = f.rowid WHERE events_fts MATCH ?"
        " AND e.key_hash BETWEEN ? AND ? ORDER BY e.ts_us DESC, e.offset DESC, e.own DESC, e.key_hash DESC LIMIT ?",
        (f"marks : ({marks})", low - HASH_BIAS, high - HASH_BIAS, limit),
    )
    return _by_ids(db, [row[0] for row in rows])


def _without_vector(db: apsw.Connection, selection: Selection, model: str, limit: int) -> list[Record]:
    plan = plan_of(db, Words(db), _newest_first(selection))
    return [] if plan.is_empty or limit <= 0 else _by_ids(db, derived.without_vector(db, plan, model, limit))


def _nearest(db: apsw.Connection, selection: Selection, vector: Vector, limit: int) -> EventPage:
    plan = plan_of(db, Words(db), _newest_first(selection))
    if plan.is_empty or limit <= 0:
        return EventPage((), False, scores=())
    found, has_more, note = derived.nearest(db, plan, vector, limit)
    return EventPage(_by_ids(db, [number for number, _ in found]), has_more, [score for _, score in found], note)
