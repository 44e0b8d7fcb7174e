"""One batch on its way in: its documents, and what it says of files, runs and errors. Pure: no I/O, no clock."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any, Final

from logagent.errors import RecordRejected
from logagent.formats.error_fingerprint import ERROR_LEVEL
from logagent.formats.fold import run_key
from logagent.formats.record import LogLine, Origin, Record
from logagent.store.arango.body import BodyEncoder
from logagent.store.arango.documents import EventDocument, EventEncoder, origin_texts
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
    """Sorts out a batch. `places` says for each of its events which record of the batch it is."""

    def __init__(self, arrival: int, encoder: EventEncoder, errors: ErrorsSeen) -> None:
        self._arrival = arrival
        self._encoder = encoder
        self._errors = errors
        self._runs: dict[str, tuple[int, str]] = {}
        self._files: dict[int, _FileSeen] = {}
        self._made: dict[int, EventDocument] = {}
        self.events: list[Record] = []
        self.places: list[int] = []
        self.folded: list[Record] = []
        self.with_embeddings: list[Record] = []
        self.expired = 0

    def take(self, records: Sequence[Record], is_expired: IsExpired | None) -> None:
        """Take a whole batch."""
        self._errors.begin()
        events, places, runs = self.events, self.places, self._runs
        for index, record in enumerate(records):
            ts_us, line = record.ts_us, record.line
            if record.own_us != ts_us and record.own_us:
                raise _contradiction(record, index)
            if type(line) is not LogLine:
                self.folded.append(record)
                self._errors.see_end(record)
                self._file_of(record)
                continue
            if is_expired is not None and is_expired(record):
                self.expired += 1
                continue
            self._file_of(record)
            if line.level_no >= ERROR_LEVEL or line.exception is not None or line.embeddings is not None:
                self._make(record, line)
            events.append(record)
            places.append(index)
            first = runs.get(line.execution_id)
            if first is None or (ts_us <= first[0] and (ts_us, line.script_name) < first):
                runs[line.execution_id] = (ts_us, line.script_name)
        self._see_numbers(records)

    def _make(self, record: Record, line: LogLine) -> None:
        """Make the next event's document, of which more is to be said than its line does."""
        error, lines = "", 1
        if line.level_no >= ERROR_LEVEL or line.exception is not None:
            error, lines = self._errors.see(record, line)
        if line.embeddings is not None:
            self.with_embeddings.append(record)
        self._made[len(self.events)] = self._document(record, line, error, lines)

    def _document(self, record: Record, line: LogLine, error: str = "", lines: int = 1) -> EventDocument:
        texts = self._files[id(record.origin)].texts
        return self._encoder.document(record, line, texts, self._arrival, error, lines)

    def _see_numbers(self, records: Sequence[Record]) -> None:
        """Refuse what does not fit; an array looks at all of them at once."""
        lines: list[Any] = [record.line for record in self.events]
        try:
            array("q", [line.level_no for line in lines])
            array("q", [line.pid or 0 for line in lines])
            array("q", [line.line_number or 0 for line in lines])
        except OverflowError:
            for place, line in zip(self.places, lines, strict=True):
                if not all(-_LIMIT <= (n or 0) < _LIMIT for n in (line.level_no, line.pid, line.line_number)):
                    raise _too_great(records[place], place) from None

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
        return BodyEncoder(self._arrival, self._document).array(self.events, self._made)

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
