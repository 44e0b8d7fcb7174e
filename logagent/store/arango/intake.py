"""One batch on its way in: its documents, and what it says of files, runs and errors. Pure: no I/O, no clock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from logagent.errors import RecordRejected
from logagent.formats.error_fingerprint import ERROR_LEVEL
from logagent.formats.fold import run_key
from logagent.formats.record import LogLine, Origin, Record
from logagent.store.arango.documents import EventDocument, EventEncoder, encoded, origin_texts
from logagent.store.arango.folded import has_run, time_text
from logagent.store.arango.sightings import ErrorsSeen
from logagent.store.expiry import IsExpired
from logagent.store.text import storable

_LIMIT: Final = 1 << 63
BAD_TIME: Final = 1
"""`RecordRejected.number` where own time and event time contradict each other."""
BAD_NUMBER: Final = 20
"""`RecordRejected.number` where a number does not fit 64 bits."""


class _FileSeen:
    """A file that the batch has records of: what their documents say of it, and how far they reach."""

    __slots__ = ("end", "origin", "texts")

    def __init__(self, origin: Origin) -> None:
        self.origin = origin  # kept, so that nothing else gets its id
        self.texts = origin_texts(origin)
        self.end = 0


class Intake:
    """Sorts out a batch. `places` says for each event document which record of the batch it is."""

    def __init__(self, arrival: int, encoder: EventEncoder, errors: ErrorsSeen) -> None:
        self._arrival = arrival
        self._encoder = encoder
        self._errors = errors
        self._runs: dict[str, tuple[int, str]] = {}
        self._files: dict[int, _FileSeen] = {}
        self.events: list[EventDocument] = []
        self.places: list[int] = []
        self.folded: list[Record] = []
        self.with_embeddings: list[Record] = []
        self.expired = 0

    def take(self, records: Sequence[Record], is_expired: IsExpired | None) -> None:
        """Take a whole batch."""
        self._errors.begin()
        for index, record in enumerate(records):
            if record.own_us != record.ts_us and record.own_us:
                raise _contradiction(record, index)
            line = record.line
            if type(line) is not LogLine:
                self.folded.append(record)
                self._errors.see_end(record)
                self._file_of(record)
            elif is_expired is not None and is_expired(record):
                self.expired += 1
            else:
                self._add(index, record, line)

    def _add(self, index: int, record: Record, line: LogLine) -> None:
        level_no = line.level_no
        if not (-_LIMIT <= (line.pid or 0) < _LIMIT and -_LIMIT <= (line.line_number or 0) < _LIMIT):
            raise _too_great(record, index)
        if not -_LIMIT <= level_no < _LIMIT:
            raise _too_great(record, index)
        error, lines = "", 1
        if level_no >= ERROR_LEVEL or line.exception is not None:
            error, lines = self._errors.see(record, line)
        file = self._file_of(record)
        self.events.append(self._encoder.document(record, line, file.texts, self._arrival, error, lines))
        self.places.append(index)
        if line.embeddings is not None:
            self.with_embeddings.append(record)
        first = self._runs.get(line.execution_id)
        if first is None or (record.ts_us <= first[0] and (record.ts_us, line.script_name) < first):
            self._runs[line.execution_id] = (record.ts_us, line.script_name)

    def _file_of(self, record: Record) -> _FileSeen:
        """The record's file, by the identity of its origin: hashing its texts for every record would cost more."""
        origin = record.origin
        file = self._files.get(id(origin))
        if file is None:
            file = self._files[id(origin)] = _FileSeen(origin)
        end = record.offset + record.length
        if end > file.end:
            file.end = end
        return file

    def body(self) -> bytes:
        """The event documents as one array of JSON."""
        return encoded(self.events)

    def sources(self) -> list[dict[str, Any]]:
        """How far the batch's files are stored with it."""
        ends: dict[int, int] = {}
        for file in self._files.values():
            fingerprint = file.origin.fingerprint
            ends[fingerprint] = max(file.end, ends.get(fingerprint, 0))
        return [{"_key": "%016x" % fingerprint, "stored_end": end} for fingerprint, end in ends.items()]

    def runs(self) -> list[dict[str, Any]]:
        """First event of each run that the batch's events speak of."""
        return [
            {
                "_key": run_key(execution_id),
                "execution_id": storable(execution_id),
                "script_name": storable(script),
                "first_us": first_us,
                "start_time": time_text(first_us),
            }
            for execution_id, (first_us, script) in self._runs.items()
            if has_run(execution_id)
        ]


def _too_great(record: Record, index: int) -> RecordRejected:
    """ArangoDB would keep a greater number less exactly, and say nothing."""
    text = f"a number of record {record.key} does not fit 64 bits"
    return RecordRejected(text, number=BAD_NUMBER, index=index)


def _contradiction(record: Record, index: int) -> RecordRejected:
    text = f"record {record.key} has the event time {record.ts_us} us, its key another"
    return RecordRejected(text, number=BAD_TIME, index=index)
