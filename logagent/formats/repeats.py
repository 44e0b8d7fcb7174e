"""Repeats: log lines of one file that say the same one after another, as two records. Pure: no I/O, no clock.

The first of such a group is stored as it is, at once. The others become one record, which is the last one's (its key,
time and offset), so that reading them again, however they are grouped then, only makes what is there already. A line
says the same if all but its time is the same. Any other line, a blank one too, ends a group.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec
import xxhash

from logagent.formats.record import Flag, LogLine, Record, TimeSource
from logagent.formats.storing import StoringRules

REPEATS: Final = "repeats"
"""The rule's name where lines left out are counted."""

MAX_LINES: Final = 1_000
MAX_SPAN_US: Final = 60_000_000
_HARMLESS: Final = int(Flag.REDACTED | Flag.NO_LEVEL | Flag.TIME_SUSPECT)
_PREFIX: Final = "message repeated "
_OWN: Final = TimeSource.OWN.value


class Said(msgspec.Struct, frozen=True):
    """What the last line said, that the next may say again: in the checkpoint, as part of `ParserState`.

    `digest` is over all but its time; `end` is its byte behind its LF.
    """

    digest: int
    end: int
    key: str
    own_us: int


class _Told(msgspec.Struct):
    """What a folded record says of its group: `first_key` is the line before, `last_key` the record's own."""

    repeated: int
    first_key: str
    last_key: str


class Folded(msgspec.Struct, frozen=True):
    """What folding gave.

    Attributes:
        records: what to store.
        said: for the lines to come.
        left_out: lines that have no record of their own.
        held_at: where a group begins that the next line may belong to; nothing from there on is settled, so ask again
            with the bytes before it. None if there is none.
    """

    records: list[Record]
    said: Said | None
    left_out: int
    held_at: int | None = None


class _Group:
    """A line and those that say it again: as many, from there, to that record."""

    def __init__(self, said: Said, line: LogLine | None) -> None:
        self.said = said
        self.line = line
        self.lines = 0
        self.start = self.end = said.end
        self.last: Record | None = None


class Repeats:
    """Folds the records of one block; `rules` says which lines are left alone."""

    def __init__(self, rules: StoringRules, said: Said | None, *, stored_end: int | None, max_bytes: int) -> None:
        """`stored_end`: no group begins before this byte and ends behind it. `max_bytes` bounds a group too."""
        self._rules = rules
        self._group = _Group(said, None) if said else None
        self._stored_end = stored_end
        self._max_bytes = max_bytes
        self._records: list[Record] = []
        self._left_out = 0

    def fold(self, records: Iterable[Record], *, tip: int, final: bool) -> Folded:
        """Fold these; `tip` is where what is settled by now ends, `final` says that nothing will follow soon."""
        for record in records:
            self._take(record)
        group = self._group
        if group is not None and group.lines and group.end == tip and not final:
            return Folded([], None, 0, group.start)
        self._close()
        is_over = final or group is None or group.lines > 0
        return Folded(self._records, None if is_over or group is None else group.said, self._left_out)

    def _take(self, record: Record) -> None:
        group = self._group
        if group is not None and self._goes_on(group, record):
            group.last = record
            group.lines += 1
            group.end = _end(record)
            return
        self._close()
        self._records.append(record)
        self._group = _Group(_said(record), record.line) if self._may_fold(record) else None  # type: ignore[arg-type]

    def _goes_on(self, group: _Group, record: Record) -> bool:
        if record.offset != group.end or not self._fits(group, record) or not self._may_fold(record):
            return False
        line = record.line
        if group.line is not None and group.line.message != line.message:  # type: ignore[union-attr]
            return False
        return digest_of(line) == group.said.digest  # type: ignore[arg-type]

    def _fits(self, group: _Group, record: Record) -> bool:
        if self._stored_end is not None and group.start < self._stored_end < record.offset + record.length:
            return False
        is_near = abs(record.own_us - group.said.own_us) <= MAX_SPAN_US
        return is_near and group.lines < MAX_LINES and _end(record) - group.start <= self._max_bytes

    def _may_fold(self, record: Record) -> bool:
        return may_fold(record) and not self._rules.keeps_by_tag(record.line)  # type: ignore[arg-type]

    def _close(self) -> None:
        group = self._group
        self._group = None
        if group is None or group.last is None:
            return
        self._records.append(group.last if group.lines == 1 else _folded(group.last, group))
        self._left_out += group.lines - 1


def may_fold(record: Record) -> bool:
    """True for a log line that says nothing but what its fields say: no exception, no other line's text or time."""
    line = record.line
    return (
        type(line) is LogLine
        and line.exception is None
        and line.embeddings is None
        and record.time_source == _OWN
        and record.continuation_of is None
        and not record.flags & ~_HARMLESS
    )


def digest_of(line: LogLine) -> int:
    """What a line says, its time aside (63 bits: as much as every reader of JSON takes for a number)."""
    return xxhash.xxh3_64_intdigest(msgspec.json.encode(msgspec.structs.replace(line, timestamp=""))) >> 1


def lines_told(record: Record) -> int:
    """How many lines a stored record stands for.

    Only one that names its own key is believed: no line can hold its own, which is made from it.
    """
    line = record.line
    if not isinstance(line, LogLine) or not line.message.startswith(_PREFIX):
        return 1
    try:
        told = msgspec.json.decode(line.extra_data, type=_Told)
    except msgspec.MsgspecError:
        return 1
    return told.repeated if told.last_key == record.key and 1 <= told.repeated <= MAX_LINES else 1


def line_told(record: Record, line: LogLine) -> tuple[LogLine, int]:
    """The line as it was written, and how often: of a record that stands for repeats, what was repeated."""
    if not line.message.startswith(_PREFIX):
        return line, 1
    lines = lines_told(record)
    said = line.message.removeprefix(_said_times(lines))
    return (line, 1) if said == line.message else (msgspec.structs.replace(line, message=said), lines)


def _folded(last: Record, group: _Group) -> Record:
    line = last.line
    assert isinstance(line, LogLine)
    told = _Told(group.lines, group.said.key, last.key)
    message = _said_times(group.lines) + line.message
    extra_data = msgspec.Raw(msgspec.json.encode(told))
    return msgspec.structs.replace(last, line=msgspec.structs.replace(line, message=message, extra_data=extra_data))


def _said_times(lines: int) -> str:
    return f"{_PREFIX}{lines} times: "


def _said(record: Record) -> Said:
    assert isinstance(record.line, LogLine)
    return Said(digest_of(record.line), _end(record), record.key, record.own_us)


def _end(record: Record) -> int:
    return record.offset + record.length + 1
