"""The daemon's handle on ArangoDB: each call may be made again, whatever became of it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any, Final

import msgspec

from logagent.errors import RecordRejected, StoreUnavailable
from logagent.formats.fold import run_key
from logagent.formats.record import LogLine, Record
from logagent.store.arango import derived_writes, folding
from logagent.store.arango.access import Access
from logagent.store.arango.connection import Connection
from logagent.store.arango.documents import EventEncoder, embeddings_of
from logagent.store.arango.errors import NotReady
from logagent.store.arango.folded import run_of
from logagent.store.arango.insert import insert, insert_objects
from logagent.store.arango.intake import Intake, place_of
from logagent.store.arango.prune_log import PruneLog, bound_criteria
from logagent.store.arango.schema import EMBEDDINGS, ERRORS, EVENTS, LINES, PATIENCE_MS
from logagent.store.arango.setup import meta_of, set_up, set_up_again
from logagent.store.arango.sightings import ErrorsSeen
from logagent.store.arango.vector_index import VectorIndex
from logagent.store.derived import Memory, Relation, Vector
from logagent.store.protocol import Batch, Holding, OpenRun, PruneCriteria, PruneResult, Receipt, StoreIdentity
from logagent.store.text import storable

_MOST_KNOWN: Final = 20_000
"""Runs whose first event this handle remembers to have told."""
BUILDING_S: Final = 3600.0
"""A new index or view of a hundred million events is not filled within the time-out of an answer."""


class _Begun(msgspec.Struct):
    number: int
    prune_version: int


class _Open(msgspec.Struct):
    fold: str
    fingerprint: str


class _Length(msgspec.Struct):
    key: str
    length: int


class ArangoStore:
    """See `logagent.store.protocol.Store`. Any thread may call it, one at a time."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._connection: Connection | None = None
        self._encoder = EventEncoder()
        self._is_incomplete = False
        self._begin_anew()

    def _begin_anew(self) -> None:
        """What is known of a store is not known of the one that may have taken its place."""
        self._errors = ErrorsSeen()
        self._runs: dict[str, int] = {}

    @property
    def url(self) -> str:
        """Where the store is, without secrets."""
        return self._access.url

    def prepare(self) -> StoreIdentity:
        """Log in, and make or migrate the schema; all of it is looked at where something was missing before."""
        return self._opened(set_up_again if self._is_incomplete else set_up, self._access)

    def repair(self) -> StoreIdentity:
        """Log in, and bring everything to what the schema says, however long it takes to fill an index."""
        with closing(Connection(self._access, too_long=StoreUnavailable)) as connection:
            meta_of(connection)  # a server that does not answer is told soon
        patient = self._access._replace(timeout_s=max(self._access.timeout_s, BUILDING_S))
        return self._opened(set_up_again, patient)

    def _opened(self, make: Callable[[Connection], StoreIdentity], access: Access) -> StoreIdentity:
        self.close()
        self._begin_anew()
        connection = Connection(access, too_long=StoreUnavailable)
        try:
            identity = make(connection)
            self._prune_log = PruneLog(connection)
            self._prune_log.refresh()
        except BaseException:
            connection.close()
            raise
        self._connection, self._is_incomplete = connection, False
        self._vector_index = VectorIndex(connection)
        return identity

    def append(self, batch: Batch) -> Receipt:
        """Store what is not there; how much of it was there is not known."""
        try:
            return self._appended(self._open(), batch)
        except NotReady:
            self._is_incomplete = True
            raise

    def _appended(self, connection: Connection, batch: Batch) -> Receipt:
        records, begun = batch.records, self._begun(connection)
        self._prune_log.refresh(begun.prune_version)
        intake = Intake(begun.number, self._encoder, self._errors)
        try:
            is_expired = self._prune_log.check([r for r in records if type(r.line) is LogLine])
            with batch.right_of_way.taken():
                intake.take(records, is_expired)
                body = intake.body()
            self._store(connection, intake, body, records)
        except RecordRejected:
            connection.execute("batch_end", number=begun.number, sources=[], runs=[])
            raise
        self._end(connection, begun.number, intake)
        return Receipt(stored=len(records) - intake.expired, duplicates=None, expired=intake.expired)

    def _begun(self, connection: Connection) -> _Begun:
        try:
            return connection.value("batch_begin", _Begun, patience_ms=PATIENCE_MS)
        except RecordRejected as error:
            raise StoreUnavailable(f"{self.url}: {error}") from error  # no record was in it

    def _store(self, connection: Connection, intake: Intake, body: bytearray, records: Sequence[Record]) -> None:
        if intake.events:
            with _placed(intake.events, records):
                insert(connection, EVENTS, body, len(intake.events))
        if intake.with_embeddings:
            with _placed(intake.with_embeddings, records):
                insert_objects(connection, EMBEDDINGS, embeddings_of(intake.with_embeddings))
        if intake.folded:
            with _placed(intake.folded, records):
                folding.keep(connection, intake.folded)
        if seen := self._errors.sightings():
            self._tell_errors(connection, seen)

    def _tell_errors(self, connection: Connection, seen: list[dict[str, Any]]) -> None:
        """Many records may tell of one error: which of a refused one did is found by halving the batch."""
        try:
            insert_objects(connection, ERRORS, self._errors.new_shapes())
            connection.execute("errors_seen", seen=seen)
        except RecordRejected as error:
            raise RecordRejected(str(error), number=error.number) from error
        self._errors.told()

    def _end(self, connection: Connection, number: int, intake: Intake) -> None:
        """A run's first event hardly ever changes, so it is told once."""
        runs = [run for run in intake.runs() if run["first_us"] < self._runs.get(run["_key"], 1 << 62)]
        connection.execute("batch_end", number=number, sources=intake.sources(), runs=runs)
        if len(self._runs) > _MOST_KNOWN:
            self._runs.clear()
        self._runs.update({run["_key"]: run["first_us"] for run in runs})

    def mark(self) -> StoreIdentity:
        """Raise the mark, synced to disk, and with it all that was written before. A lost reply raises it twice."""
        return self._open().value("meta_mark", StoreIdentity)

    def renew(self) -> str:
        """A new id, synced to disk."""
        return self._open().value("meta_renew", str, store_id=secrets.token_hex(16))

    def stored_end(self, fingerprint: int) -> int | None:
        """How far that file has been appended."""
        rows = self._open().rows("sources_of", dict[str, Any], fingerprints=["%016x" % fingerprint])
        return rows[0]["stored_end"] if rows else None

    def stored_lengths(self, records: Sequence[Record]) -> list[int | None]:
        """The bytes of what has the same keys."""
        found = self._open().rows("lengths_of", _Length, keys=[record.key for record in records])
        lengths = {each.key: each.length for each in found}
        return [lengths.get(record.key) for record in records]

    def account(self, records: Sequence[Record]) -> list[Holding]:
        """Stored, expired or absent, for each."""
        logs = [record for record in records if type(record.line) is LogLine]
        known = self._there(EVENTS, logs) | self._there(LINES, [r for r in records if type(r.line) is not LogLine])
        self._prune_log.refresh()
        is_expired = self._prune_log.check(logs)
        return [
            Holding.STORED
            if record.key in known
            else Holding.EXPIRED
            if is_expired is not None and type(record.line) is LogLine and is_expired(record)
            else Holding.ABSENT
            for record in records
        ]

    def _there(self, collection: str, records: Sequence[Record]) -> set[str]:
        if not records:
            return set()
        bound: dict[str, Any] = {"keys": [record.key for record in records], "@collection": collection}
        return set(self._open().rows("keys_there", str, **bound))

    def open_runs(self, hostname: str) -> list[OpenRun]:
        """Managed runs of the host that nobody has ended."""
        found = self._open().rows("runs_open", _Open, hostname=storable(hostname))
        return [OpenRun.of(run_of("", each.fold, None), int(each.fingerprint, 16)) for each in found]

    def mark_crashed(self, execution_ids: Sequence[str], at_us: int) -> None:
        """Say of those runs that are still open that they crashed."""
        self._open().execute("runs_crashed", keys=[run_key(each) for each in execution_ids], at_us=at_us)

    def prune(self, criteria: PruneCriteria, *, limit: int = 5_000, dry_run: bool = False) -> PruneResult:
        """One step: what hangs on events goes before them, so that a crash leaves nothing that hangs on none."""
        connection = self._open()
        if criteria == PruneCriteria():
            return PruneResult(0, 0)
        bound = bound_criteria(criteria)
        if dry_run:
            return PruneResult(connection.value("prune_count", int, **bound), 0)
        self._prune_log.remember(criteria)
        keys = connection.rows("prune_choose", str, limit=limit, **bound)
        if keys:
            connection.execute("prune_edges", keys=keys)
            vectors = [*keys, *(f"{key}.line" for key in keys)]
            connection.execute("prune_keys", keys=vectors, **{"@collection": EMBEDDINGS})
            connection.execute("prune_keys", keys=keys, **{"@collection": EVENTS})
        return PruneResult(len(keys), len(keys))

    def save_relations(self, relations: Sequence[Relation]) -> int:
        """Keep relations as edges; how many are new."""
        return derived_writes.save_relations(self._open(), relations)

    def save_vectors(self, vectors: Sequence[Vector]) -> int:
        """Keep vectors of the events that are there, and an index of them once it pays."""
        connection = self._open()
        self._vector_index.make_way({len(vector.values) for vector in vectors})
        saved = derived_writes.save_vectors(connection, vectors)
        self._vector_index.follow(saved)
        return saved

    def save_memories(self, memories: Sequence[Memory]) -> int:
        """Keep memories; how many are new."""
        return derived_writes.save_memories(self._open(), memories)

    def ping(self) -> None:
        """Ask whether it is there and may be written to: a write that changes nothing."""
        self._open().execute("ping")

    def close(self) -> None:
        """Log out."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _open(self) -> Connection:
        if self._connection is None:
            raise StoreUnavailable(f"{self.url} is not open: prepare() comes first")
        return self._connection


@contextmanager
def _placed(sent: Sequence[Record], records: Sequence[Record]) -> Iterator[None]:
    """The server counts what was sent to it; its refusal is told by the place in the batch."""
    try:
        yield
    except RecordRejected as error:
        if error.index is None:
            raise
        raise RecordRejected(str(error), number=error.number, index=place_of(sent[error.index], records)) from error
