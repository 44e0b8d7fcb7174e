"""Batches: what is gathered for one append, and when it is closed. Pure: no I/O, no clock."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter
from typing import Final

import msgspec

from logagent.daemon.checkpoint import Cursor
from logagent.daemon.stream import Stream
from logagent.formats.record import Record, Reject
from logagent.store.protocol import Batch

_TIME: Final = attrgetter("ts_us")


class BatchLimits(msgspec.Struct, frozen=True):
    """When a batch is closed: at so many bytes; without a backlog at so many records, or when the oldest is so old."""

    max_bytes: int = 4 * 1024 * 1024
    records: int = 200
    age_s: float = 2.0


class OpenBatch:
    """Records, rejects and how far each stream is read with them.

    The cursors are acknowledged only when all of it is stored or dead-lettered; if that fails, all is forgotten.
    """

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.rejects: list[Reject] = []
        self.skipped = 0
        self.bytes = 0
        self.opened_at: float | None = None
        self.cursors: dict[Stream, Cursor] = {}

    def __bool__(self) -> bool:
        return bool(self.cursors)

    @property
    def lines(self) -> int:
        """Lines read: stored, rejected or skipped by rule."""
        return len(self.records) + len(self.rejects) + self.skipped

    def add(self, records: Iterable[Record], rejects: Iterable[Reject], skipped: int) -> None:
        """Take in what was read of one stream; `moved` says how far that is."""
        self.records += records
        self.rejects += rejects
        self.skipped += skipped

    def moved(self, stream: Stream, start: int, cursor: Cursor, now: float) -> None:
        """This stream is now read from `start` up to that cursor."""
        self.bytes += cursor.offset - start
        self.cursors[stream] = cursor
        if self.opened_at is None:
            self.opened_at = now

    def is_full(self, limits: BatchLimits) -> bool:
        """No more should be read into it; a little early, since blocks end where lines do, short of their size."""
        return self.bytes >= limits.max_bytes - limits.max_bytes // 64

    def is_due(self, limits: BatchLimits, now: float, *, has_backlog: bool) -> bool:
        """True if it should be shipped now."""
        if not self or self.opened_at is None:
            return False
        if self.is_full(limits) or now - self.opened_at >= limits.age_s:
            return True
        return not has_backlog and len(self.records) >= limits.records

    def sorted(self, now_us: int) -> Batch:
        """The records, ingested now, in the order stores like best (they append faster when times ascend)."""
        for record in self.records:
            msgspec.structs.force_setattr(record, "ingested_us", now_us)  # nobody else has them yet; a copy costs more
        return Batch(sorted(self.records, key=_TIME))
