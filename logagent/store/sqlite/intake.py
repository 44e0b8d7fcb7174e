"""One batch on its way in: which events are new, their rows, and what they add to the counts.

Nothing here writes events; `writer` does, with what this has gathered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from logagent.errors import RecordRejected
from logagent.formats.error_fingerprint import ERROR_LEVEL
from logagent.formats.record import EMPTY_OBJECT, LogLine, Origin, Record
from logagent.formats.times import SECOND_US, utc_text
from logagent.store.sqlite.names import HASH_BIAS, Names
from logagent.store.sqlite.rows import is_unusual, split_message, tags_column
from logagent.store.text import storable

HOUR_US: Final = 3_600_000_000
BAD_TIME: Final = 1
"""`RecordRejected.number` where own time and event time contradict each other."""

Identity = tuple[int, int, int]
"""(own_us, offset, hash): the parts of a key."""


class Group:
    """The new events of a batch that share run, call site, process, level and hour."""

    __slots__ = ("count", "first_id", "first_us", "last_id", "last_us", "level", "process", "run", "site")

    def __init__(self, names: Names, line: LogLine) -> None:
        self.run, self.site = names.run_of(line), names.site_of(line)
        self.process, self.level = names.process_of(line), names.level_of(line)
        self.count = 0
        self.first_id = self.last_id = 0
        self.first_us = self.last_us = 0


class Intake:
    """Takes records in order of time; afterwards `rows`, `groups`, `ends` and `folded` say what to write.

    New events are numbered on from `last_id`.
    """

    def __init__(self, names: Names, last_id: int) -> None:
        self.last_id = last_id
        self._names = names
        self._second_us, self._usual_timestamp = -1 << 63, ""
        self._groups: dict[Any, Group] = {}
        self._hour_end = -1 << 63
        self.groups: list[tuple[int, Group]] = []
        """With the hour that each lies in."""
        self.rows: list[tuple[Any, ...]] = []
        self.ends: dict[Origin, int] = {}
        self.embeddings: list[tuple[int, Any]] = []
        self.errors: list[tuple[int, int, int, LogLine]] = []
        """Id, time, run and line of each event that tells of an error."""
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
        self._end_hour()

    def _add(self, index: int, record: Record, line: LogLine) -> None:
        """Make one row. A third of the whole append is spent here, hence one long function and few look-ups."""
        ts_us, offset, length, origin = record.ts_us, record.offset, record.length, record.origin
        own = 1 if record.own_us == ts_us and ts_us else own_bit(index, record)
        if ts_us >= self._hour_end:
            self._begin_hour(ts_us)
        if not 0 <= ts_us - self._second_us < SECOND_US:
            self._begin_second(ts_us)
        timestamp: str | None = line.timestamp
        if timestamp == self._usual_timestamp % (ts_us - self._second_us):
            timestamp = None
        key = (line.execution_id, line.function_name, line.line_number, line.level, line.level_no, line.script_name,
               line.file_path, line.pid, line.hostname)  # fmt: skip
        group = self._groups.get(key)
        self.last_id = last_id = self.last_id + 1
        if group is None:
            group = self._groups[key] = Group(self._names, line)
            group.first_id, group.first_us = last_id, ts_us
        group.count += 1
        group.last_id = last_id
        group.last_us = ts_us
        end = offset + length
        if end > self.ends.get(origin, -1):
            self.ends[origin] = end
        message, odd = line.message, None
        if line.v != 1 or record.continuation_of is not None or is_unusual(message):
            message, odd = split_message(record, line)
        extra_data: msgspec.Raw | None = line.extra_data
        if extra_data is EMPTY_OBJECT or extra_data == EMPTY_OBJECT:
            extra_data = None
        if line.embeddings is not None:
            self.embeddings.append((last_id, line.embeddings))
        if line.level_no >= ERROR_LEVEL or line.exception is not None:
            self.errors.append((last_id, ts_us, group.run, line))
        self.rows.append((
            last_id, ts_us, offset, own, record.hash - HASH_BIAS, length,
            self._names.origins.get(origin) or self._names.origin(origin),
            group.run, group.site, group.process, group.level,
            record.time_source, record.flags, record.ingested_us,
            timestamp and storable(timestamp), message, extra_data,
            tags_column(line.tags) if line.tags else None, line.exception, odd,
        ))  # fmt: skip

    def _begin_second(self, ts_us: int) -> None:
        self._second_us = ts_us - ts_us % SECOND_US
        self._usual_timestamp = utc_text(self._second_us)[:20] + "%06dZ"

    def _begin_hour(self, ts_us: int) -> None:
        self._end_hour()
        self._hour_end = (ts_us // HOUR_US + 1) * HOUR_US

    def _end_hour(self) -> None:
        hour = self._hour_end // HOUR_US - 1
        self.groups += [(hour, group) for group in self._groups.values()]
        self._groups = {}


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
