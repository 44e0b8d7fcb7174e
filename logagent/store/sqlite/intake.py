"""One batch on its way in: which events are new, their rows, and what they add to the counts.

Nothing here writes events; `writer` does, with what this has gathered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from logagent.errors import RecordRejected
from logagent.formats.record import EMPTY_OBJECT, LogLine, Record
from logagent.store.sqlite.names import HASH_BIAS, Names
from logagent.store.sqlite.rows import MAX_SEARCHED_BYTES, TimestampForm, split_message, tags_column

HOUR_US: Final = 3_600_000_000
BAD_TIME: Final = 1
"""`RecordRejected.number` where own time and event time contradict each other."""

Identity = tuple[int, int, int]
"""(own_us, offset, hash): the parts of a key."""


class Tally:
    """New events of one run, call site, level and hour in this batch."""

    __slots__ = ("count", "first_id", "first_us", "last_id", "last_us")

    def __init__(self, event_id: int, ts_us: int) -> None:
        self.count = 0
        self.first_id = self.last_id = event_id
        self.first_us = self.last_us = ts_us


class Intake:
    """Takes records in order of time; afterwards `rows`, `tallies`, `ends` and `folded` say what to write.

    New events are numbered on from `last_id`.
    """

    def __init__(self, names: Names, last_id: int) -> None:
        self.last_id = last_id
        self._names = names
        self._timestamps = TimestampForm()
        self._hour, self._hour_end = 0, -1
        self.rows: list[tuple[Any, ...]] = []
        self.tallies: dict[tuple[int, int, int, int], Tally] = {}
        """By (hour, run, site, level)."""
        self.ends: dict[int, int] = {}
        """Greatest end by origin."""
        self.embeddings: list[tuple[int, Any]] = []
        self.folded: list[Record] = []
        self.duplicates = 0
        self.expired = 0

    def take(
        self,
        records: Sequence[Record],
        taken: set[Identity],
        is_expired: Callable[[Record], bool] | None,
    ) -> None:
        """Sort out a batch; `taken` holds the identities that are stored already."""
        for index, record in enumerate(records):
            line = record.line
            if type(line) is not LogLine:
                self.folded.append(record)
                continue
            identity = (record.own_us, record.offset, record.hash)
            if identity in taken:
                self.duplicates += 1
            elif is_expired is not None and is_expired(record):
                self.expired += 1
            else:
                taken.add(identity)
                self._add(index, record, line)

    def _add(self, index: int, record: Record, line: LogLine) -> None:
        names = self._names
        ts_us = record.ts_us
        own = 1
        if record.own_us != ts_us or not ts_us:
            own = own_bit(index, record)
        origin = names.origins.get(record.origin) or names.origin(record.origin)
        run = names.runs.get(line.execution_id)
        if run is None:
            run = names.run(line.execution_id)
        key = (line.script_name, line.file_path, line.function_name, line.line_number)
        site = names.sites.get(key) or names.site(line)
        process = names.processes.get((line.hostname, line.pid)) or names.process(line)
        level = names.levels.get((line.level, line.level_no)) or names.level(line)
        if ts_us >= self._hour_end:
            self._hour = ts_us // HOUR_US
            self._hour_end = (self._hour + 1) * HOUR_US
        self._count(record, (self._hour, run, site, level), origin)
        message, odd = line.message, None
        if (
            not message.isascii()
            or len(message) > MAX_SEARCHED_BYTES
            or line.v != 1
            or record.continuation_of is not None
        ):
            message, odd = split_message(record, line)
        if line.embeddings is not None:
            self.embeddings.append((self.last_id, line.embeddings))
        extra_data: msgspec.Raw | None = line.extra_data
        if extra_data is EMPTY_OBJECT or extra_data == EMPTY_OBJECT:
            extra_data = None
        self.rows.append((
            self.last_id, ts_us, record.offset, own, record.hash - HASH_BIAS, record.length,
            origin, run, site, process, level, record.time_source, record.flags, record.ingested_us,
            self._timestamps.unusual(line.timestamp, ts_us), message, extra_data,
            tags_column(line.tags) if line.tags else None, line.exception, odd,
        ))  # fmt: skip

    def _count(self, record: Record, key: tuple[int, int, int, int], origin: int) -> None:
        ts_us = record.ts_us
        self.last_id += 1
        tally = self.tallies.get(key)
        if tally is None:
            tally = self.tallies[key] = Tally(self.last_id, ts_us)
        tally.count += 1
        tally.last_id = self.last_id
        tally.last_us = ts_us
        end = record.offset + record.length
        if end > self.ends.get(origin, -1):
            self.ends[origin] = end


def own_bit(index: int, record: Record) -> int:
    """1 for a record whose key holds its time, 0 for one whose key holds none.

    Raises:
        RecordRejected: the key holds another time than the record.
    """
    if record.own_us and record.own_us != record.ts_us:
        raise RecordRejected(
            f"record {record.key} has the event time {record.ts_us} us, its key another", number=BAD_TIME, index=index
        )
    return 1 if record.own_us else 0
