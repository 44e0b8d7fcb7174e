"""What a store promises: the one door between logagent and a database.

Two handles: a `Store` writes (the daemon's), a `Reader` only reads (the questions'). Both are synchronous and
may be used from one thread at a time; a store that speaks to a network keeps its event loop to itself.
`tests/store_contract.py` holds every implementation to the words of this file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, Protocol

import msgspec

from logagent.formats.fold import LearningFold, ResolutionFold, Run
from logagent.formats.record import Record
from logagent.formats.times import DAY_US
from logagent.store.derived import Memory, Relation, Step, Vector
from logagent.store.groups import ErrorInRun, ErrorSelection, ErrorTally, RunLine, SiteTally
from logagent.store.right_of_way import RightOfWay
from logagent.store.selection import RunSelection, Selection


class Batch(msgspec.Struct, frozen=True):
    """Records of any kind, sorted by (ts_us, offset, key); each carries its `ingested_us`."""

    records: Sequence[Record]
    right_of_way: RightOfWay = msgspec.field(default_factory=RightOfWay)
    """A store may take it for as long as it needs the interpreter; whoever gave it the batch then reads nothing."""


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """The store says: these are durable against a crash of ours, and this is what became of each.

    stored + duplicates + expired = records of the batch, where the store counts duplicates (None where it cannot).
    """

    stored: int
    duplicates: int | None
    expired: int = 0
    """Records that the prune log says were already pruned; they are not stored again."""


class StoreIdentity(msgspec.Struct, frozen=True):
    """`store_id`: random, made with the store or by `renew`. `store_seq`: how often it was marked, by any daemon."""

    store_id: str
    store_seq: int


class Holding(StrEnum):
    """What the store knows of one record."""

    STORED = "stored"
    EXPIRED = "expired"
    ABSENT = "absent"


class OpenRun(msgspec.Struct, frozen=True):
    """A managed run without an end line, as its start line told it; `fingerprint` is its file's."""

    execution_id: str
    hostname: str | None
    boot_id: str | None
    pid_namespace: str | int | None
    pid: int | None
    process_start: int | None
    fingerprint: int

    @classmethod
    def of(cls, run: Run, fingerprint: int) -> OpenRun:
        """A folded run as one that may have crashed."""
        return cls(
            run.execution_id,
            run.hostname,
            run.boot_id,
            run.pid_namespace,
            run.pid,
            run.process_start,
            fingerprint,
        )


MAX_DAYS: Final = 36_500
"""Of what a prune spares; more would reach before the beginning of times."""


class PruneCriteria(msgspec.Struct, frozen=True, kw_only=True):
    """Which events go. All criteria given must hold; none given prunes nothing.

    `before_us` compares with the later of event time and `ingested_us`. `level_no` means that level alone.
    """

    before_us: int | None = None
    execution_ids: tuple[str, ...] | None = None
    level_no: int | None = None

    @classmethod
    def as_of(
        cls,
        now_us: int,
        *,
        older_than_days: float | None = None,
        execution_ids: Sequence[str] | None = None,
        level_no: int | None = None,
    ) -> PruneCriteria:
        """What somebody asks for now: a level alone goes until now, or lines written later could be refused for it."""
        if level_no is not None and execution_ids is None and older_than_days is None:
            older_than_days = 0
        return cls(
            before_us=None if older_than_days is None else now_us - int(older_than_days * DAY_US),
            execution_ids=None if execution_ids is None else tuple(execution_ids),
            level_no=level_no,
        )


class PruneResult(msgspec.Struct, frozen=True):
    """`examined` events matched; `deleted` of them are gone (0 in a dry run)."""

    examined: int
    deleted: int


class Store(Protocol):
    """The daemon's handle.

    Every method raises `StoreUnavailable` (nothing of this call need have happened; do it again later, it is
    idempotent), `StoreAuthError` or `StoreCorrupt`.
    """

    @property
    def url(self) -> str:
        """Where the store is, without secrets."""
        ...

    def prepare(self) -> StoreIdentity:
        """Open, create or migrate the schema; idempotent. To be called again after any `StoreUnavailable`.

        Raises:
            StoreTooNew: the schema is newer than this program.
        """
        ...

    def repair(self) -> StoreIdentity:
        """The same, but look at everything that the schema names: make what is missing, change what differs.

        `prepare` goes by the version that the store has recorded, where looking at everything would take long.
        """
        ...

    def append(self, batch: Batch) -> Receipt:
        """Store what is not there yet, atomically for the embedded store; durable against our crash on return.

        Raises:
            RecordRejected: the store refuses a record (a number over 64 bits, a text too large, an `own_us` that is
                neither 0 nor `ts_us`); nothing of the batch is stored (embedded), or anything but it may be
                (ArangoDB): append the rest again.
        """
        ...

    def mark(self) -> StoreIdentity:
        """Raise the store's sequence by one, durably, and say what the store is then: a checkpoint carries both.

        All that was appended before survives power loss, too. The sequence is the store's, whoever raises it: a
        checkpoint that carries a higher one than the store has shows that the store was put back from an older copy.
        """
        ...

    def renew(self) -> str:
        """Give the store a new id, durably, and return it: it has less than checkpoints count on, whatever it marks."""
        ...

    def stored_end(self, fingerprint: int) -> int | None:
        """Greatest `offset + length` ever appended from the file with that fingerprint; None if there is none."""
        ...

    def account(self, records: Sequence[Record]) -> list[Holding]:
        """For each record, in order, what the store knows of it (by key; a folded line by its run's `keys`)."""
        ...

    def stored_lengths(self, records: Sequence[Record]) -> list[int | None]:
        """For each log event, in order, the bytes of what is stored under its key; None if nothing is."""
        ...

    def open_runs(self, hostname: str) -> list[OpenRun]:
        """Managed runs of that hostname with a start, without an end, not yet marked crashed."""
        ...

    def mark_crashed(self, execution_ids: Sequence[str], at_us: int) -> None:
        """Derive status `crashed` for those runs; an end line, stored or to come, wins over it."""
        ...

    def prune(self, criteria: PruneCriteria, *, limit: int = 5_000, dry_run: bool = False) -> PruneResult:
        """Delete at most `limit` matching log events, and remember the criteria in the prune log first.

        Call again until `deleted` is 0. The prune log makes `append` count what it matches as expired: all of a
        pruned run; with a cut-off, what is older, by its event time alone where its place in the file was stored
        before (it is read again, so it is ingested anew); of levels alone, only what was stored before. Runs,
        learnings and other folded lines stay. A dry run counts all that match and changes nothing.
        """
        ...

    def save_relations(self, relations: Sequence[Relation]) -> int:
        """Keep relations; how many are new. One that is there takes the new confidence, method and rationale.

        Pruning an event takes its relations along.
        """
        ...

    def save_vectors(self, vectors: Sequence[Vector]) -> int:
        """Keep vectors of stored events, one per event, the latest; how many, less those whose event is not there.

        Pruning an event takes its vector along.
        """
        ...

    def save_memories(self, memories: Sequence[Memory]) -> int:
        """Keep memories; how many are new. A memory that is there is replaced, but for its `created_us`."""
        ...

    def ping(self) -> None:
        """Cheap: can it be reached and written?"""
        ...

    def close(self) -> None:
        """Free everything; safe to call twice."""
        ...


class Total(msgspec.Struct, frozen=True):
    """How many there are. `exact` is false where counting stopped: then `value` is a lower bound."""

    value: int
    exact: bool


class EventPage(msgspec.Struct, frozen=True):
    """Some events in the order asked for; `has_more` says whether others follow.

    `note` is a sentence on a bound that cut the search (ranked within the newest 20,000 matches, ...), else None.
    """

    records: Sequence[Record]
    has_more: bool
    scores: Sequence[float] | None = None
    note: str | None = None


class RunSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A run with what its events say.

    `started_us` is the run's start, else its first event; what runs are sorted by. `levels` counts events by level
    name. `first_us`, `last_us`: first and last event, None without any.
    """

    run: Run
    started_us: int
    levels: Mapping[str, int]
    first_us: int | None
    last_us: int | None

    @property
    def total_events(self) -> int:
        """Events of the run that are stored now."""
        return sum(self.levels.values())


class RunPage(msgspec.Struct, frozen=True):
    """Some runs, newest first."""

    runs: Sequence[RunSummary]
    has_more: bool


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """What is there at all, cheap to ask."""

    events: Total
    runs: int
    runs_by_status: Mapping[str, int]
    levels: Mapping[str, int]
    scripts: Sequence[tuple[str, int]]
    """Script names with their number of runs, most runs first, at most 50."""
    first_us: int | None
    last_us: int | None


class TallyBy(StrEnum):
    """What events can be counted by. HOUR and DAY are UTC, as `2026-11-22T14` and `2026-11-22`."""

    LEVEL = "level"
    SCRIPT = "script"
    RUN = "run"
    FUNCTION = "function"
    FILE = "file"
    HOST = "host"
    HOUR = "hour"
    DAY = "day"


class Tally(msgspec.Struct, frozen=True):
    """How many events have that value; "" where they have none. `first_us`, `last_us`: their first and last.

    Once some of them were pruned, first and last may still be those of the pruned.
    """

    value: str
    count: int
    first_us: int
    last_us: int


class Arrivals(msgspec.Struct, frozen=True):
    """Events in the order in which they were stored; `mark` is where the next look goes on."""

    records: Sequence[Record]
    mark: str


class Rows(msgspec.Struct, frozen=True):
    """Answer of a free query; `truncated` says that the row cap came first."""

    columns: Sequence[str]
    rows: Sequence[tuple[Any, ...]]
    truncated: bool


class Room(msgspec.Struct, frozen=True):
    """How much a store may hold by its licence; `trouble` says what the server does about it, None while it is good."""

    used_bytes: int
    limit_bytes: int
    trouble: str | None = None

    @property
    def is_short(self) -> bool:
        """Whether it is time to do something about it."""
        return self.trouble is not None or self.used_bytes > 0.8 * self.limit_bytes

    def __str__(self) -> str:
        used, limit = self.used_bytes / 2**30, self.limit_bytes / 2**30
        share = 100 * self.used_bytes / self.limit_bytes
        return f"{used:.1f} of the {limit:.0f} GiB that the server's licence allows ({share:.0f} %)" + (
            f"; {self.trouble}" if self.trouble else ""
        )


class Reader(Protocol):
    """A handle that cannot write. Every method raises `StoreUnavailable` or `QueryTimeout`."""

    @property
    def url(self) -> str:
        """Where the store is, without secrets."""
        ...

    def identity(self) -> StoreIdentity:
        """Which store this is."""
        ...

    def overview(self) -> Overview:
        """Counts by level and status, and the time they span."""
        ...

    def room(self) -> Room | None:
        """How near the store is to a limit of its licence; None where there is none."""
        ...

    def events(self, selection: Selection, limit: int) -> EventPage:
        """Up to `limit` log events of the selection, in its direction."""
        ...

    def ranked(self, selection: Selection, words: str, limit: int) -> EventPage:
        """The best matches of any of `words` by BM25 among the selection, newest first on ties, with `scores`.

        Ranked within the newest 20,000 matches; `note` says so where that cut. `selection.after` is not used.
        """
        ...

    def count(self, selection: Selection, cap: int = 10_000) -> Total:
        """How many log events the selection holds, counted up to `cap` (direction and `after` do not matter)."""
        ...

    def tally(self, selection: Selection, by: TallyBy, limit: int = 50) -> Sequence[Tally]:
        """Events of the selection counted by one thing: the most frequent first, equal ones by name.

        HOUR and DAY the newest first. Exact, except that only `limit` values come back; direction and `after` do
        not matter.
        """
        ...

    def arrivals(self, selection: Selection, mark: str | None, limit: int) -> Arrivals:
        """Up to `limit` log events of the selection that were stored since `mark`, in order of arrival.

        Without a mark none, and the mark of now. An event that is old when it is stored arrives all the same;
        none comes twice. Direction and `after` do not matter.
        """
        ...

    def events_by_hash(self, low: int, high: int, limit: int = 5) -> list[Record]:
        """Log events whose hash lies in [low, high], newest first: what a shown id may mean."""
        ...

    def event(self, key: str) -> Record | None:
        """The log event with that key."""
        ...

    def around(self, record: Record, before: int, after: int) -> list[Record]:
        """The event with its neighbours in the same run (without a run: in its file), oldest first."""
        ...

    def runs(self, selection: RunSelection, limit: int) -> RunPage:
        """Up to `limit` runs, newest first."""
        ...

    def run(self, execution_id: str) -> RunSummary | None:
        """One run by its whole id."""
        ...

    def run_ids(self, prefix: str = "", limit: int = 1_000) -> list[str]:
        """Known execution ids with that prefix, newest first."""
        ...

    def count_runs(self, selection: RunSelection) -> Total:
        """How many runs the selection holds."""
        ...

    def learnings(self, execution_id: str | None = None, limit: int = 100) -> list[LearningFold]:
        """Learnings, newest first, of one run or of all."""
        ...

    def error_tallies(self, selection: ErrorSelection, limit: int = 1_000) -> Sequence[ErrorTally]:
        """Errors by fingerprint and script, the last seen first.

        An error is a log event with an exception or of level ERROR and above, or a run's end that failed; counted
        as events, or as ends where no event of that fingerprint is stored. One whose events were pruned may still
        be told of, with count 0: that it was in those runs is still true.
        """
        ...

    def errors_in_runs(self, selection: ErrorSelection, limit: int = 1_000) -> Sequence[ErrorInRun]:
        """Errors run by run: the latest started run's first, within a run the first seen first."""
        ...

    def error_events(self, fingerprint: str, execution_id: str | None = None, limit: int = 5) -> list[Record]:
        """Up to `limit` events of the error with that whole fingerprint, the last stored first."""
        ...

    def resolutions(self) -> Mapping[str, ResolutionFold]:
        """What was last said of errors, by fingerprint."""
        ...

    def run_lines(self, execution_id: str, limit: int) -> Sequence[RunLine]:
        """Up to `limit` log events of a run, oldest first, as far as templates look at them."""
        ...

    def site_tallies(self, execution_ids: Sequence[str]) -> Sequence[SiteTally]:
        """Events counted by run, call site and level; runs as asked, within a run by the first event.

        Once some of them were pruned, first and last may still be those of the pruned.
        """
        ...

    def relations(self, ids: Sequence[str], limit: int = 1_000) -> Sequence[Relation]:
        """Saved relations from or to any of those event keys and learning ids, by (from, to, relationship)."""
        ...

    def walk(self, start: str, depth: int, limit: int) -> Sequence[Step]:
        """Saved relations within `depth` steps of an event, in either direction: the first `limit`, each once.

        By (distance, from, to, relationship). Of a relation whose ends are equally far, `other` is where it leads to.
        """
        ...

    def vector_models(self) -> Mapping[str, int]:
        """Models that vectors were made with, and how many there are of each."""
        ...

    def without_vector(self, selection: Selection, model: str, limit: int) -> Sequence[Record]:
        """Up to `limit` log events of the selection that have no vector by that model, the last stored first.

        Direction and `after` do not matter.
        """
        ...

    def nearest(self, selection: Selection, vector: Vector, limit: int) -> EventPage:
        """The events of the selection whose vectors, of the same model, point most nearly where `vector` does.

        `scores` are cosines, newest first on ties; `vector.key` does not matter. Compared within the 20,000 last
        stored; `note` says so where that cut, and where an index may come between, which of the two it was. Vectors
        of another length match nothing. `selection.after` is not used.
        """
        ...

    def memories(self, memory_type: str | None = None, limit: int = 100) -> Sequence[Memory]:
        """Memories, newest first (by `created_us`, then id), of one type or of all."""
        ...

    def export(self, selection: Selection) -> Iterator[Record]:
        """Records of every kind in the selection's order, streamed; `where` applies to log events.

        Lines of other kinds are included where `where` is `EVERYTHING` or compares only script and run.
        """
        ...

    def tables(self) -> Mapping[str, Sequence[str]]:
        """What a free query may ask: tables with their columns, or collections with their attributes.

        A table that an older version has not made, and a collection without documents, may have none.
        """
        ...

    def free_query(
        self,
        text: str,
        params: Sequence[Any] | Mapping[str, Any] = (),
        *,
        max_rows: int = 1_000,
        timeout_s: float = 5.0,
    ) -> Rows:
        """Run one read-only statement in the store's own language.

        Raises:
            BadQuery: it does not parse, or names what is not there.
            NotPermitted: it would write, attach, load or read files.
            QueryTimeout: `timeout_s` came first; `partial` has the rows until then.
        """
        ...

    def interrupt(self) -> None:
        """Called from another thread: the question under way ends soon, as a `QueryTimeout`. Without one, nothing."""
        ...

    def close(self) -> None:
        """Free everything; safe to call twice."""
        ...
