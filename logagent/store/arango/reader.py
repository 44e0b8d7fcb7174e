"""The questions' handle on ArangoDB; its user need not be allowed to write, and no query of it does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from logagent.errors import StoreAbsent
from logagent.formats.fold import LearningFold, ResolutionFold
from logagent.formats.key import parse_key
from logagent.formats.record import UNKNOWN_EXECUTION, LogLine, Record
from logagent.store.arango import arriving, counting, derived_reads, error_reads, finding, licence, run_lines, runs
from logagent.store.arango.access import Access
from logagent.store.arango.connection import Connection
from logagent.store.arango.documents import EVENT_ATTRIBUTES
from logagent.store.arango.free_query import free_query
from logagent.store.arango.narrowing import bound_place
from logagent.store.arango.schema import COLLECTIONS, EVENTS, META, SOURCES
from logagent.store.arango.setup import meta_of
from logagent.store.derived import Memory, Relation, Step, Vector
from logagent.store.groups import ErrorInRun, ErrorSelection, ErrorTally, RunLine, SiteTally
from logagent.store.matching import tokens
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
from logagent.store.selection import Direction, Position, RunSelection, Selection
from logagent.store.text import decode, storable, storable_or_none

_INTERNAL: Final = frozenset({META, SOURCES})
_LOOKED_AT: Final = 100
"""Documents of one collection, events apart, hardly differ in their attributes."""


class ArangoReader:
    """See `logagent.store.protocol.Reader`. Any thread may call it, one at a time."""

    def __init__(self, access: Access) -> None:
        self._connection = Connection(access)
        try:
            self.identity()
        except BaseException:
            self.close()
            raise

    @property
    def url(self) -> str:
        """Where the store is, without secrets."""
        return self._connection.url

    def identity(self) -> StoreIdentity:
        """Which store this is."""
        meta = meta_of(self._connection)
        if meta is None:
            raise StoreAbsent(f"no store at {self.url} yet: `logagent run` or `logagent init` makes it")
        return meta.identity

    def overview(self) -> Overview:
        """Counts by level and status, and the time they span."""
        return runs.overview(self._connection)

    def room(self) -> Room | None:
        """What of the licence's limit is used; of the whole server, not of this database alone."""
        return licence.room(self._connection)

    def events(self, selection: Selection, limit: int) -> EventPage:
        """Up to `limit` log events."""
        if limit <= 0:
            return EventPage([], False)
        records, has_more = finding.first_of(self._connection, selection, limit)
        return EventPage(records, has_more)

    def ranked(self, selection: Selection, words: str, limit: int) -> EventPage:
        """The best matches of any of the words by BM25 over all of them; as of the last commit of the view."""
        wanted = list(dict.fromkeys(tokens(words)))
        selection = msgspec.structs.replace(selection, after=None, direction=Direction.NEWEST_FIRST)
        if not wanted or limit <= 0:
            return EventPage([], False, scores=())
        best, has_more = finding.ranked(self._connection, selection, wanted, limit)
        return EventPage([record for record, _ in best], has_more, [score for _, score in best])

    def count(self, selection: Selection, cap: int = 10_000) -> Total:
        """How many there are."""
        return counting.count(self._connection, selection, cap)

    def tally(self, selection: Selection, by: TallyBy, limit: int = 50) -> Sequence[Tally]:
        """Counts by value."""
        return counting.tally(self._connection, selection, by, limit)

    def arrivals(self, selection: Selection, mark: str | None, limit: int) -> Arrivals:
        """What was stored since the mark."""
        return arriving.arrivals(self._connection, selection, mark, limit)

    def events_by_hash(self, low: int, high: int, limit: int = 5) -> list[Record]:
        """Log events with a hash in that range."""
        bound = {"low": "%016x" % low, "high": "%016x" % high, "limit": max(limit, 0)}
        return [each.record for each in finding.asked(self._connection, "events_by_hash", **bound)]

    def event(self, key: str) -> Record | None:
        """The log event with that key."""
        if parse_key(key) is None:
            return None
        found = finding.asked(self._connection, "events_by_key", keys=[key])
        return found[0].record if found else None

    def around(self, record: Record, before: int, after: int) -> list[Record]:
        """The event and its neighbours in its run, else in its file."""
        there = self.event(record.key)
        bound = self._neighbourhood(record)
        older = self._beside("events_newest", bound | {"to_us": record.ts_us}, before)
        newer = self._beside("events_oldest", bound | {"from_us": record.ts_us}, after)
        return [*reversed(older), *([there] if there else []), *newer]

    def _neighbourhood(self, record: Record) -> dict[str, Any]:
        assert isinstance(record.line, LogLine)
        in_file = record.line.execution_id == UNKNOWN_EXECUTION
        fingerprint = "%016x" % record.origin.fingerprint
        clause = [{"test": "in", "field": "fingerprint", "values": [fingerprint], "negate": False}]
        return {
            "run": None if in_file else storable(record.line.execution_id),
            "clauses": [clause] if in_file else [],
            "after": bound_place(Position(record.ts_us, record.offset, record.key)),
            **dict.fromkeys(("level_low", "level_high", "from_us", "to_us")),
        }

    def _beside(self, name: str, bound: Mapping[str, Any], limit: int) -> list[Record]:
        if limit <= 0:
            return []
        return [each.record for each in finding.asked(self._connection, name, limit=limit, **bound)]

    def runs(self, selection: RunSelection, limit: int) -> RunPage:
        """Up to `limit` runs, newest first."""
        return runs.page(self._connection, selection, limit)

    def run(self, execution_id: str) -> RunSummary | None:
        """One run by its whole id."""
        return runs.one(self._connection, execution_id)

    def run_ids(self, prefix: str = "", limit: int = 1_000) -> list[str]:
        """Known ids with that prefix, newest first."""
        return runs.ids(self._connection, prefix, limit)

    def count_runs(self, selection: RunSelection) -> Total:
        """How many runs the selection holds."""
        return runs.count(self._connection, selection)

    def learnings(self, execution_id: str | None = None, limit: int = 100) -> list[LearningFold]:
        """Learnings, newest first."""
        bound = {"execution_id": storable_or_none(execution_id), "limit": max(limit, 0)}
        return [decode(fold.encode(), LearningFold) for fold in self._connection.rows("learnings", str, **bound)]

    def error_tallies(self, selection: ErrorSelection, limit: int = 1_000) -> Sequence[ErrorTally]:
        """Errors by script."""
        return error_reads.tallies(self._connection, selection, limit)

    def errors_in_runs(self, selection: ErrorSelection, limit: int = 1_000) -> Sequence[ErrorInRun]:
        """Errors run by run."""
        return error_reads.in_runs(self._connection, selection, limit)

    def error_events(self, fingerprint: str, execution_id: str | None = None, limit: int = 5) -> list[Record]:
        """Events of one error, the last stored first."""
        bound = {
            "fingerprint": fingerprint,
            "execution_id": storable_or_none(execution_id),
            "limit": max(limit, 0),
        }
        return [each.record for each in finding.asked(self._connection, "errors_events", **bound)]

    def resolutions(self) -> Mapping[str, ResolutionFold]:
        """What was last said of errors."""
        folds = [decode(fold.encode(), ResolutionFold) for fold in self._connection.rows("resolutions", str)]
        return {fold.error_fingerprint: fold for fold in folds}

    def run_lines(self, execution_id: str, limit: int) -> Sequence[RunLine]:
        """Events of a run, with few attributes."""
        return run_lines.lines(self._connection, execution_id, limit)

    def site_tallies(self, execution_ids: Sequence[str]) -> Sequence[SiteTally]:
        """Counts by call site."""
        return run_lines.sites(self._connection, execution_ids)

    def relations(self, ids: Sequence[str], limit: int = 1_000) -> Sequence[Relation]:
        """Saved edges from or to any of those."""
        return derived_reads.relations(self._connection, ids, limit)

    def walk(self, start: str, depth: int, limit: int) -> Sequence[Step]:
        """What relations lead to, by a traversal of the graph."""
        return derived_reads.walk(self._connection, start, depth, limit)

    def vector_models(self) -> Mapping[str, int]:
        """Models with how many vectors each has."""
        return derived_reads.vector_models(self._connection)

    def without_vector(self, selection: Selection, model: str, limit: int) -> Sequence[Record]:
        """Events that the model has not seen."""
        return derived_reads.without_vector(self._connection, selection, model, limit)

    def nearest(self, selection: Selection, vector: Vector, limit: int) -> EventPage:
        """Events by cosine; `note` says where the vector index gave an approximate answer."""
        return derived_reads.nearest(self._connection, selection, vector, limit)

    def memories(self, memory_type: str | None = None, limit: int = 100) -> Sequence[Memory]:
        """Memories, newest first."""
        return derived_reads.memories(self._connection, memory_type, limit)

    def export(self, selection: Selection) -> Iterator[Record]:
        """Records of every kind, page by page."""
        return finding.exported(self._connection, selection)

    def tables(self) -> Mapping[str, Sequence[str]]:
        """The collections for free AQL, with the attributes of events and those that others' documents have."""
        names = (each.name for each in COLLECTIONS if each.name not in _INTERNAL)
        return {name: EVENT_ATTRIBUTES if name == EVENTS else self._attributes(name) for name in names}

    def _attributes(self, collection: str) -> Sequence[str]:
        bound: dict[str, Any] = {"@collection": collection, "limit": _LOOKED_AT}
        return self._connection.rows("attributes_of", str, **bound)

    def free_query(
        self,
        text: str,
        params: Sequence[Any] | Mapping[str, Any] = (),
        *,
        max_rows: int = 1_000,
        timeout_s: float = 5.0,
    ) -> Rows:
        """One read-only AQL query."""
        return free_query(self._connection, text, params, max_rows=max_rows, timeout_s=timeout_s)

    def interrupt(self) -> None:
        """Give up what is under way; the server ends it at its deadline."""
        self._connection.interrupt()

    def close(self) -> None:
        """Log out."""
        self._connection.close()
