"""The lines found in a file that is read for a second time: each with the key that it would be stored under.

Thin I/O: reads through a tail, in pieces of bounded size.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

import msgspec

from logagent.daemon.checkpoint import Cursor
from logagent.daemon.identity import FirstLine
from logagent.daemon.stream import Block, Hole, LongLine, Rewritten, Stream
from logagent.daemon.tail import Tail
from logagent.formats.lines import FileContext, Parsed, ParserState, parse_block, parse_cut, parse_unterminated
from logagent.formats.record import Flag, LogLine, Record, Reject

NO_TIME: Final = 0
"""The time observed of a line that has none: older than anything, so that it may count as pruned by age."""


class Found(msgspec.Struct, frozen=True):
    """One record, or one line that makes none (`is_refused`; the record then only carries its key)."""

    record: Record
    lines: int = 1
    is_refused: bool = False


class Piece(msgspec.Struct, frozen=True):
    """What some bytes of a file gave; `data` stands at `offset`."""

    context: FileContext
    offset: int
    data: bytes
    found: list[Found]
    skipped: Counter[str]

    @property
    def lines(self) -> int:
        """Lines that should be somewhere."""
        return sum(found.lines for found in self.found)

    def rest_of(self, record: Record, stored_to: int) -> Piece | None:
        """The lines of a folded record from the byte `stored_to` on, as the record that goes on with it."""
        end = record.offset + record.length
        if stored_to >= end:
            return None
        start = stored_to + 1  # behind the LF that ends what is stored
        data = self.data[start - self.offset : end + 1 - self.offset]
        state = ParserState(last_key=record.key)
        parsed = parse_block(data, start, self.context, state, now_us=NO_TIME, final=True)
        return piece_of(self.context, start, data, parsed)


def piece_of(context: FileContext, offset: int, data: bytes, parsed: Parsed) -> Piece:
    """What was parsed, by offset."""
    found = [Found(record, _lines(record, data, offset)) for record in parsed.records]
    found += [Found(_stand_in(reject), is_refused=True) for reject in parsed.rejects]
    found.sort(key=lambda one: one.record.offset)
    skipped = Counter({"blank": parsed.blank_lines, "nul": 1 if parsed.nul_bytes else 0})
    return Piece(context, offset, data, found, +skipped)


def _lines(record: Record, data: bytes, offset: int) -> int:
    if not record.flags & Flag.FOLDED:
        return 1
    start = record.offset - offset
    return data.count(b"\n", start, start + record.length) + 1


def _stand_in(reject: Reject) -> Record:
    """A record with the key of a line that makes none."""
    return Record(
        reject.own_us, reject.own_us, reject.offset, reject.hash, reject.length, reject.origin, LogLine(timestamp="")
    )


class LineReader:
    """Reads one file from its start, as the daemon would.

    Attributes:
        end: where reading has got to.
        pending_bytes: length of the last line, if it has no LF.
        has_changed: the file was written anew meanwhile; nothing more comes.
    """

    def __init__(self, context: FileContext, first_line: FirstLine, tail: Tail) -> None:
        self._tail = tail
        self._stream = Stream(context, first_line, Cursor())
        self.has_changed = False

    @property
    def is_packed(self) -> bool:
        return self._tail.is_packed

    @property
    def end(self) -> int:
        return self._stream.read.offset

    @property
    def pending_bytes(self) -> int:
        return self._stream.pending_bytes if self._stream.is_exhausted else 0

    def whole(self) -> Iterator[Piece]:
        """Everything that was there when this began, an unterminated last line included."""
        size = None if self.is_packed else self._tail.facts().size
        yield from self.until(size)
        if self._stream.is_exhausted and not self.has_changed:
            last = self._stream.last_piece(self._tail)
            if last is not None:
                yield self._unterminated(last)

    def until(self, end: int | None) -> Iterator[Piece]:
        """The lines from where reading has got to, up to at least `end` (None: all there is)."""
        stream = self._stream
        stream.look_again()
        is_final = False
        while end is None or stream.read.offset < end:
            piece = stream.next_piece(self._tail)
            if isinstance(piece, Rewritten):
                self.has_changed = True
                return
            if piece is not None:
                yield self._read(piece, is_final=is_final)
            is_final = stream.is_held  # nothing follows it now: take the open record as it is
            if is_final:
                stream.look_again()
            elif stream.is_exhausted:
                return

    def last_lines(self, cursor: Cursor, size: int) -> Piece | None:
        """The lines in the last `size` bytes before a cursor, from the first that cannot belong to one before it."""
        start = cursor.offset - size
        data = self._tail.read(start, size)
        data = data[: data.rfind(b"\n") + 1]
        begin = data.find(b"\n") + 1
        state = ParserState(parser=cursor.parser.parser, version=cursor.parser.version)
        context = self._stream.context
        parsed = parse_block(data[begin:], start + begin, context, state, now_us=NO_TIME, final=True)
        piece = piece_of(context, start + begin, data[begin:], parsed)
        first = next((n for n, found in enumerate(piece.found) if found.record.own_us), None)
        if first is None:
            return None
        offset = piece.found[first].record.offset
        return Piece(context, offset, data[offset - start :], piece.found[first:], piece.skipped)

    def _read(self, piece: Block | LongLine | Hole, *, is_final: bool) -> Piece:
        stream, context = self._stream, self._stream.context
        state = stream.read.parser
        match piece:
            case Block():
                parsed = parse_block(
                    piece.data, piece.offset, context, state, now_us=NO_TIME, final=is_final or piece.is_final
                )
                stream.advance(piece, parsed.consumed, parsed.state)
                return piece_of(context, piece.offset, piece.data, parsed)
            case LongLine():
                parsed = _cut(piece, context, state)
                stream.jump(piece, parsed.state)
                return piece_of(context, piece.offset, b"", parsed)
            case Hole():
                skipped = Counter() if stream.is_in_hole(piece.offset) else Counter(nul=1)
                stream.jump(piece, state)
                return Piece(context, piece.offset, b"", [], skipped)

    def _unterminated(self, piece: Block | LongLine) -> Piece:
        context, state = self._stream.context, self._stream.read.parser
        if isinstance(piece, LongLine):
            return piece_of(context, piece.offset, b"", _cut(piece, context, state))
        parsed = parse_unterminated(piece.data, piece.offset, context, state, now_us=NO_TIME)
        return piece_of(context, piece.offset, piece.data, parsed)


def _cut(line: LongLine, context: FileContext, state: ParserState) -> Parsed:
    return parse_cut(line.head, line.length, line.hash, line.offset, context, state, now_us=NO_TIME)
