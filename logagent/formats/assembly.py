"""Assembly: readings of single lines, in file order, to records and rejects. Pure: no I/O, no clock.

What only the lines around a line can tell is decided here: the time it inherits, and whether it goes on with the record
before it (`folding`, design §4). One table decides that:

| the line | after a line of text that opens a record | else |
|---|---|---|
| opens a record (loguru's head line) | closes that one, opens its own | opens its own |
| JSON, or has its own time | closes that one, stands alone | stands alone |
| other text, or `{` that is no JSON | folded while it fits, else a continuation | stands alone, or is rejected |
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from logagent.formats.context import PARSER_VERSION, FileContext, Parsed, ParserState
from logagent.formats.fingerprint import is_blank
from logagent.formats.identity import MAX_IDENTITY_BYTES, cut_identity
from logagent.formats.key import hash_prefix, line_hash
from logagent.formats.reading import BAD_JSON, LOGFMT, TEXT, Reading, Refusal
from logagent.formats.record import Flag, Line, LogLine, Record, Reject, TimeSource
from logagent.formats.redaction import searchable
from logagent.formats.runs import read_run, reader_for, redact_run
from logagent.formats.single import read_head, read_line, text_of
from logagent.formats.text import message_line
from logagent.formats.times import DAY_US, utc_text
from logagent.formats.traceback_text import exception_in


class Place(msgspec.Struct, frozen=True, gc=False):
    """Where a line stands: its first byte after NULs, its length, its hash; `at` is where those NULs begin."""

    at: int
    offset: int
    length: int
    hash: int


class _Open(msgspec.Struct):
    """A record of text that the next line may go on with."""

    place: Place
    reading: Reading
    texts: list[str]
    end: int
    continuation_of: str | None = None
    blank_lines: int = 0
    blank_nuls: int = 0


class Assembly:
    """Takes lines one by one; `parsed` says what came of them."""

    def __init__(self, context: FileContext, state: ParserState, *, now_us: int, stored_end: int | None = None) -> None:
        self._context = context
        self._state = state
        self._now_us = now_us
        self._stored_end = stored_end
        self._prefix = hash_prefix(context.origin.fingerprint)
        self._records: list[Record] = []
        self._rejects: list[Reject] = []
        self._blank_lines = self._nul_bytes = self._redacted = self._folded = 0
        self._is_in_key = False
        self._open: _Open | None = None

    def take_line(self, raw: bytes, at: int, flags: int = 0) -> None:
        """The next whole line (without its LF), whose first byte is the file's byte `at`."""
        if is_blank(raw):
            self._take_blank(raw)
            return
        line = raw.lstrip(b"\0")
        offset = at + len(raw) - len(line)
        place = Place(at, offset, len(line), line_hash(self._prefix, offset, line))
        limit = self._context.max_line_bytes
        if len(line) > limit:
            self.take_cut(line[:limit], place, flags)
        else:
            self._take(line, place, read_line(line, self._context.naive_timezone), flags)

    def take_run(self, lines: Sequence[bytes], start: int, at: int) -> int:
        """As many good lines from `start` on as there are, the fast way; says how many. All of `lines` are UTF-8."""
        fast = reader_for(self._state.parser, self._context.script_name)
        if fast is None or self._open is not None:
            return 0
        parser, reader = fast
        records = read_run(lines, start, at, reader, self._context, self._now_us)
        if records:
            if self._context.redaction is not None:
                self._redacted += redact_run(records, self._context.redaction)
            self._records += records
            self._remember(parser, records[-1].ts_us, None)
        return len(records)

    def take_cut(self, head: bytes, place: Place, flags: int = 0) -> None:
        """A line too long to hold, by its head; `place` tells its whole length and hash."""
        self._take(head, place, read_head(head, self._context.naive_timezone), flags | Flag.CUT)

    def close(self) -> None:
        """No line will go on with the record that is open."""
        held = self._open
        if held is None:
            return
        self._open = None
        self._blank_lines += held.blank_lines
        self._nul_bytes += held.blank_nuls
        reading = held.reading
        if len(held.texts) > 1:
            reading.flags |= Flag.FOLDED
            self._folded += 1
        if isinstance(reading.line, LogLine):
            reading.line = _with_text(reading.line, "\n".join(held.texts))
        self._emit(held.place, reading, held.end - held.place.offset, held.continuation_of)

    def parsed(self, offset: int, end: int) -> Parsed:
        """What came of the lines between `offset` and `end`."""
        return Parsed(
            records=self._records,
            rejects=self._rejects,
            consumed=(self._open.place.at if self._open else end) - offset,
            blank_lines=self._blank_lines,
            nul_bytes=self._nul_bytes,
            redacted=self._redacted,
            state=self._state,
            folded=self._folded,
        )

    def _take_blank(self, raw: bytes) -> None:
        if self._open:
            self._open.blank_lines += 1
            self._open.blank_nuls += raw.count(b"\0")
        else:
            self._blank_lines += 1
            self._nul_bytes += raw.count(b"\0")

    def _take(self, line: bytes, place: Place, reading: Reading | Refusal, flags: int) -> None:
        if self._goes_on(reading):
            self._go_on(line, place, flags)
            return
        self.close()
        if isinstance(reading, Refusal):
            self._reject(line, place, reading)
            return
        reading.flags |= flags
        if reading.opens and isinstance(reading.line, LogLine):
            self._open = _Open(place, reading, [reading.line.message], place.offset + place.length)
        else:
            self._emit(place, reading, place.length, None)

    def _goes_on(self, reading: Reading | Refusal) -> bool:
        """True for a line that belongs to the record of text before it."""
        if self._open is None and self._state.last_key is None:
            return False
        if isinstance(reading, Refusal):
            return reading.reason == BAD_JSON
        return reading.parser in (TEXT, LOGFMT) and not reading.opens and not reading.own_us

    def _go_on(self, line: bytes, place: Place, flags: int) -> None:
        """Fold the line into the open record; where that would grow too long or cross what is stored, begin another."""
        text, decoding_flags = text_of(line)
        flags |= decoding_flags
        end = place.offset + place.length
        held = self._open
        if held and self._fits(held, end):
            held.texts += [""] * held.blank_lines + [text]
            held.end = end
            held.reading.flags |= flags
            held.blank_lines = held.blank_nuls = 0
            return
        self.close()
        reading = Reading(message_line(text), 0, TEXT, flags | Flag.NO_LEVEL, True)
        self._open = _Open(place, reading, [text], end, self._state.last_key)

    def _fits(self, held: _Open, end: int) -> bool:
        if self._stored_end is not None and held.place.offset < self._stored_end < end:
            return False
        return end - held.place.offset <= self._context.max_line_bytes

    def _emit(self, place: Place, reading: Reading, length: int, continuation_of: str | None) -> None:
        self._nul_bytes += place.offset - place.at
        ts_us, source = self._time(reading.own_us)
        line, flags = self._complete(reading, ts_us, length)
        record = Record(
            ts_us=ts_us,
            own_us=reading.own_us,
            offset=place.offset,
            hash=place.hash,
            length=length,
            origin=self._context.origin,
            line=line,
            time_source=source,
            flags=flags,
            ingested_us=self._now_us,
            continuation_of=continuation_of,
        )
        self._records.append(record)
        last_key = (continuation_of or record.key) if reading.opens else None
        self._remember(reading.parser, None if source == TimeSource.OBSERVED else ts_us, last_key)

    def _complete(self, reading: Reading, ts_us: int, length: int) -> tuple[Line, int]:
        """The line with what the file knows of it and without its secrets, and its flags."""
        line, flags = reading.line, reading.flags
        if not line.timestamp:
            line = msgspec.structs.replace(line, timestamp=utc_text(ts_us))
        if not line.script_name:
            line = msgspec.structs.replace(line, script_name=self._context.script_name)
        if length > MAX_IDENTITY_BYTES:
            line, is_cut = cut_identity(line)
            flags |= Flag.CUT if is_cut else 0
        if reading.own_us > self._now_us + DAY_US:
            flags |= Flag.TIME_SUSPECT
        line, secrets = self._without_secrets(line, reading.parser)
        return line, int(flags | (Flag.REDACTED if secrets else 0))

    def _without_secrets(self, line: Line, parser: str) -> tuple[Line, int]:
        redaction, count, self._is_in_key = self._context.redaction, 0, False
        if redaction is None:
            return line, 0
        if parser == TEXT and isinstance(line, LogLine):
            text, count, self._is_in_key = redaction.redact_key_line(line.message, is_in_key=self._state.is_in_key)
            line = msgspec.structs.replace(line, message=text) if count else line
        if redaction.literals_in(searchable(line)):
            line, others = redaction.redact_line(line)
            count += others
        self._redacted += count
        return line, count

    def _time(self, own_us: int) -> tuple[int, TimeSource]:
        if own_us:
            return own_us, TimeSource.OWN
        if self._state.last_us is not None:
            return self._state.last_us, TimeSource.INHERITED
        return self._now_us, TimeSource.OBSERVED

    def _reject(self, line: bytes, place: Place, refusal: Refusal) -> None:
        self._nul_bytes += place.offset - place.at
        self._rejects.append(
            Reject(
                reason=refusal.reason,
                detail=refusal.detail,
                offset=place.offset,
                hash=place.hash,
                length=place.length,
                origin=self._context.origin,
                raw=line,
                own_us=refusal.own_us,
            )
        )
        self._state = msgspec.structs.replace(self._state, last_key=None)

    def _remember(self, parser: str, last_us: int | None, last_key: str | None) -> None:
        known = self._state
        self._state = ParserState(
            parser=known.parser or parser,
            version=known.version or PARSER_VERSION,
            last_us=known.last_us if last_us is None else last_us,
            last_key=last_key,
            is_in_key=self._is_in_key,
        )
        self._is_in_key = False


def _with_text(line: LogLine, text: str) -> LogLine:
    """The line with its whole text as message, and the exception that this text tells of."""
    exception = line.exception or exception_in(text)
    return msgspec.structs.replace(line, message=text, exception=exception)
