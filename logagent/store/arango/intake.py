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
    """Sorts out a batch."""

    def __init__(self, arrival: int, encoder: EventEncoder, errors: ErrorsSeen) -> None:
        self._arrival = arrival
        self._encoder = encoder
        self._errors = errors
        self._runs: dict[str, tuple[int, str]] = {}
        self._files: dict[int, _FileSeen] = {}
        self._made: dict[int, EventDocument] = {}
        self.events: Sequence[Record] = []
        self.folded: Sequence[Record] = []
        self.with_embeddings: list[Record] = []
        self.expired = 0

    def take(self, records: Sequence[Record], is_expired: IsExpired | None) -> None:
        """Take a whole batch."""
        self._errors.begin()
        self._choose(records, is_expired)
        self._see_files([*self.events, *self.folded])
        lines: list[Any] = [record.line for record in self.events]
        self._see_runs(lines)
        for record in self.folded:
            self._errors.see_end(record)
        for place, line in enumerate(lines):
            if line.level_no >= ERROR_LEVEL or line.exception is not None or line.embeddings is not None:
                self._make(place, self.events[place], line)
        self._see_numbers(records, lines)

    def _choose(self, records: Sequence[Record], is_expired: IsExpired | None) -> None:
        """Log lines, less those that were pruned, and lines of other kinds."""
        contradictory = [n for n, record in enumerate(records) if record.own_us != record.ts_us and record.own_us]
        if contradictory:
            raise _contradiction(records[contradictory[0]], contradictory[0])
        is_log = [type(record.line) is LogLine for record in records]
        if is_expired is None and all(is_log):  # as nearly always
            self.events = records
            return
        self.folded = [record for record, is_event in zip(records, is_log, strict=True) if not is_event]
        logs = [record for record, is_event in zip(records, is_log, strict=True) if is_event]
        self.events = [record for record in logs if is_expired is None or not is_expired(record)]
        self.expired = len(logs) - len(self.events)

    def _see_files(self, records: Sequence[Record]) -> None:
        """By the identity of their origins: hashing the texts of one for every record would cost more."""
        files = self._files
        for record in records:
            end = record.offset + record.length
            file = files.get(id(record.origin))
            if file is None:
                file = files[id(record.origin)] = _FileSeen(record.origin)
            if end > file.end:
                file.end = end

    def _see_runs(self, lines: Sequence[LogLine]) -> None:
        runs = self._runs
        for record, line in zip(self.events, lines, strict=True):
            first = runs.get(line.execution_id)
            if first is None or (record.ts_us <= first[0] and (record.ts_us, line.script_name) < first):
                runs[line.execution_id] = (record.ts_us, line.script_name)

    def _make(self, place: int, record: Record, line: LogLine) -> None:
        """Make an event's document, of which more is to be said than its line does."""
        error, lines = "", 1
        if line.level_no >= ERROR_LEVEL or line.exception is not None:
            error, lines = self._errors.see(record, line)
        if line.embeddings is not None:
            self.with_embeddings.append(record)
        self._made[place] = self._document(record, line, error, lines)

    def _document(self, record: Record, line: LogLine, error: str = "", lines: int = 1) -> EventDocument:
        texts = self._files[id(record.origin)].texts
        return self._encoder.document(record, line, texts, self._arrival, error, lines)

    def _see_numbers(self, records: Sequence[Record], lines: Sequence[Any]) -> None:
        """Refuse what does not fit; an array looks at all of them at once."""
        try:
            array("q", [line.level_no for line in lines])
            array("q", [line.pid or 0 for line in lines])
            array("q", [line.line_number or 0 for line in lines])
        except OverflowError:
            for record, line in zip(self.events, lines, strict=True):
                if not all(-_LIMIT <= (n or 0) < _LIMIT for n in (line.level_no, line.pid, line.line_number)):
                    raise _too_great(record, place_of(record, records)) from None

    def body(self) -> bytearray:
        """The event documents as one array of JSON."""
        texts = {origin_id: file.texts for origin_id, file in self._files.items()}
        return BodyEncoder(self._arrival, texts, self._document).array(self.events, self._made)

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


def place_of(record: Record, records: Sequence[Record]) -> int:
    """Which of a batch it is: this very one, not one that is equal."""
    return next(place for place, each in enumerate(records) if each is record)


def _too_great(record: Record, index: int) -> RecordRejected:
    """ArangoDB would keep a greater number less exactly, and say nothing."""
    text = f"a number of record {record.key} does not fit 64 bits"
    return RecordRejected(text, number=BAD_NUMBER, index=index)


def _contradiction(record: Record, index: int) -> RecordRejected:
    text = f"record {record.key} has the event time {record.ts_us} us, its key another"
    return RecordRejected(text, number=BAD_TIME, index=index)
