"""One batch on its way in: which events are new, their rows, and what they add to the counts.

Nothing here writes events; `writer` does, with what this has gathered.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, Final

import msgspec

from logagent.errors import RecordRejected
from logagent.formats.error_fingerprint import ERROR_LEVEL
from logagent.formats.record import EMPTY_OBJECT, LogLine, Origin, Record
from logagent.formats.repeats import line_told
from logagent.formats.times import SECOND_US, utc_text
from logagent.store.matching import MAX_SEARCHED_BYTES
from logagent.store.sqlite.errors import ErrorEvent
from logagent.store.sqlite.names import HASH_BIAS, Names
from logagent.store.sqlite.rows import split_message, tags_column
from logagent.store.text import storable

HOUR_US: Final = 3_600_000_000
BAD_TIME: Final = 1
"""`RecordRejected.number` where own time and event time contradict each other."""

_TIME: Final = attrgetter("ts_us")

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
        self._groups: dict[Any, Group] = {}
        self._places: dict[Origin, list[int]] = {}
        """Of each file of origin, its number and how far it is taken in."""
        self.groups: list[tuple[int, Group]] = []
        """With the hour that each lies in."""
        self.rows: list[tuple[Any, ...]] = []
        self.ends: dict[Origin, int] = {}
        self.embeddings: list[tuple[int, Any]] = []
        self.errors: list[ErrorEvent] = []
        """What tells of an error."""
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
        logs = [record for record in records if type(record.line) is LogLine]
        if len(logs) < len(records):
            self.folded = [record for record in records if type(record.line) is not LogLine]
        hashes = {record.hash for record in logs}  # what is there already are mostly neighbours of the batch
        if is_expired is not None or len(hashes) < len(logs) or not hashes.isdisjoint(hash_ for _, _, hash_ in taken):
            logs = self._without_known(logs, taken, is_expired)
        start = 0
        while start < len(logs):
            hour = logs[start].ts_us // HOUR_US
            end = bisect_left(logs, (hour + 1) * HOUR_US, start, key=_TIME)
            self._add(logs[start:end], records)
            self.groups += [(hour, group) for group in self._groups.values()]
            self._groups = {}
            start = end

    def _without_known(
        self, logs: list[Record], taken: set[Identity], is_expired: Callable[[Record], bool] | None
    ) -> list[Record]:
        new = []
        for record in logs:
            identity = (record.own_us, record.offset, record.hash)
            if identity in taken:
                self.duplicates += 1
            elif is_expired is not None and is_expired(record):
                self.expired += 1
            else:
                taken.add(identity)
                new.append(record)
        return new

    def _add(self, records: list[Record], batch: Sequence[Record]) -> None:
        """Make the rows of one hour. A fifth of the append is spent here, hence one long loop and few look-ups."""
        names, places, groups, last_id = self._names, self._places, self._groups, self.last_id
        get_place, get_group, add = places.get, groups.get, self.rows.append
        second_us, next_second_us, usual_timestamp = 0, -1 << 63, ""
        for record in records:
            line: LogLine = record.line  # type: ignore[assignment]
            ts_us, origin = record.ts_us, record.origin
            own = 1 if record.own_us == ts_us and ts_us else own_bit(record, batch)
            if ts_us >= next_second_us:
                second_us = ts_us - ts_us % SECOND_US
                next_second_us, usual_timestamp = second_us + SECOND_US, utc_text(second_us)[:20] + "%06dZ"
            timestamp: str | None = line.timestamp
            if timestamp == usual_timestamp % (ts_us - second_us):
                timestamp = None
            key = (line.execution_id, line.function_name, line.line_number, line.level, line.level_no,
                   line.script_name, line.file_path, line.pid, line.hostname)  # fmt: skip
            group = get_group(key)
            last_id += 1
            if group is None:
                group = groups[key] = Group(names, line)
                group.first_id, group.first_us = last_id, ts_us
            group.count += 1
            group.last_id = last_id
            group.last_us = ts_us
            offset, length = record.offset, record.length
            place = get_place(origin) or places.setdefault(origin, [names.origin(origin), -1])
            if offset + length > place[1]:
                place[1] = offset + length
            message, odd = line.message, None
            is_usual = message.isascii() and len(message) <= MAX_SEARCHED_BYTES
            if not is_usual or line.v != 1 or record.continuation_of is not None:
                message, odd = split_message(record, line)
            extra_data: msgspec.Raw | None = line.extra_data
            if extra_data is EMPTY_OBJECT or extra_data == EMPTY_OBJECT:
                extra_data = None
            if line.embeddings is not None:
                self.embeddings.append((last_id, line.embeddings))
            if line.level_no >= ERROR_LEVEL or line.exception is not None:
                self.errors.append(ErrorEvent(last_id, ts_us, group.run, *line_told(record, line)))
            add((
                last_id, ts_us, offset, own, record.hash - HASH_BIAS, length,
                place[0], group.run, group.site, group.process, group.level,
                record.time_source, record.flags, record.ingested_us,
                timestamp and storable(timestamp), message, extra_data,
                tags_column(line.tags) if line.tags else None, line.exception, odd,
            ))  # fmt: skip
        self.last_id = last_id
        self.ends = {origin: end for origin, (_, end) in places.items()}


def own_bit(record: Record, batch: Sequence[Record]) -> int:
    """1 for a record whose key holds its time, 0 for one whose key holds none.

    Raises:
        RecordRejected: the key holds another time than the record.
    """
    if record.own_us and record.own_us != record.ts_us:
        index = next(at for at, other in enumerate(batch) if other is record)
        raise RecordRejected(
            f"record {record.key} has the event time {record.ts_us} us, its key another", number=BAD_TIME, index=index
        )
    return 1 if record.own_us else 0
