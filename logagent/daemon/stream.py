"""A stream: one followed file, with how far it is read and how far the store has acknowledged it.

Bytes come in through its tail; whole lines go out as blocks. The read cursor runs ahead of the acknowledged one
and falls back to it on any failure; both move only by `advance` and `acknowledge`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final, TypeAlias

import msgspec

from logagent.daemon.checkpoint import Cursor
from logagent.daemon.identity import FileFacts, FirstLine
from logagent.daemon.marker import MARKER_BYTES, Marker, marker_before, marker_of
from logagent.daemon.tail import Tail
from logagent.formats.key import StreamedHash, hash_prefix
from logagent.formats.lines import FileContext, ParserState

BLOCK_BYTES: Final = 256 * 1024
"""Read and parsed at a time; larger blocks measured 15 to 60 % slower per line."""

SCAN_BYTES: Final = 8 * 1024 * 1024
"""How much of an overlong line is hashed in one go before other files get their turn."""


NOTHING_LEFT_OUT: Final[Mapping[str, int]] = {}


class Block(msgspec.Struct, frozen=True):
    """Whole lines from `offset` on, each ending in LF; unterminated if the file is let go without its last LF.

    `is_final`: what follows is too long for any record to go on there.
    """

    offset: int
    data: bytes
    is_final: bool = False
    is_unterminated: bool = False


class LongLine(msgspec.Struct, frozen=True):
    """A line over the limit: its head, and length and hash of all of it; `end` is behind its LF, if it has one."""

    offset: int
    head: bytes
    length: int
    hash: int
    end: int
    marker: Marker
    is_unterminated: bool = False


class Hole(msgspec.Struct, frozen=True):
    """A run of NUL bytes where a line should begin: skipped and counted."""

    offset: int
    end: int
    marker: Marker


class Rewritten(msgspec.Struct, frozen=True):
    """The file is no longer the one that was read: truncated, or written anew in place."""

    facts: FileFacts


Piece: TypeAlias = Block | LongLine | Hole | Rewritten


class _LineScan(msgspec.Struct):
    """An overlong line while its end is not found yet: `last` are its last bytes before `scanned`."""

    start: int
    scanned: int
    head: bytes
    hash: StreamedHash
    last: bytes = b""


class Stream:
    """One followed file.

    Attributes:
        context: what parsing needs to know of the file, its fingerprint included; fixed.
        first_line: what it is known by; fixed.
        read, acknowledged: the two cursors.
        marked: where the acknowledged one was at the store's last mark, if it moved since: as far as power loss leaves
            the store, too.
        pending_bytes: length of an unfinished last line, as of the last read.
        is_at_end: the last read reached the (present) end of the file.
        is_exhausted: the last read brought nothing more; `look_again` when there may be more.
        is_held: an open record of several lines waits at the end for what may still belong to it.
        stored_end: where the store's knowledge of it ends, once asked for (`knows_stored_end`): it may be further than
            what is acknowledged, after a crash or a lost reply.
    """

    def __init__(self, context: FileContext, first_line: FirstLine, cursor: Cursor) -> None:
        self.context = context
        self.first_line = first_line
        self.read = cursor
        self.acknowledged = cursor
        self.marked: Cursor | None = None
        self.pending_bytes = 0
        self.is_exhausted = False
        self.is_held = False
        self.knows_stored_end = False
        self.stored_end: int | None = None
        self.is_at_end = False
        self._hole_end = -1
        self._scan: _LineScan | None = None
        self._block_bytes = BLOCK_BYTES

    @property
    def fingerprint(self) -> int:
        """The file's fingerprint (64 bits, unsigned)."""
        return self.context.origin.fingerprint

    def apply(self, context: FileContext) -> None:
        """Parse by this context from now on, but for what belongs to this file alone."""
        own = self.context
        self.context = msgspec.structs.replace(context, origin=own.origin, script_name=own.script_name)

    def next_piece(self, tail: Tail) -> Piece | None:
        """What stands behind the read cursor: whole lines, an overlong line, a hole; None if nothing is complete.

        Whether the file is still the same is looked at after the bytes were read, so bytes of a rewritten file are
        never taken for this stream's.

        Raises:
            OSError: it cannot be read now.
        """
        if self.read.unended is not None and tail.read(self.read.offset, 1):
            self.read = self.acknowledged = self.read.unended
        piece = self._scan_on(tail) if self._scan else self._lines(tail, self._block_bytes)
        facts = tail.facts()
        if not self.is_same(tail, facts.size):
            return Rewritten(facts)
        self.is_exhausted = piece is None and self.is_at_end
        return piece

    def last_piece(self, tail: Tail) -> Block | LongLine | None:
        """The last line, without LF, of a file that is let go; None if it has none."""
        start, limit = self.read.offset, self.context.max_line_bytes
        if self._scan is None:
            body = tail.read(start, limit + 1)
            if not body or b"\n" in body:
                return None
            if len(body) <= limit:
                return Block(start, body, is_final=True, is_unterminated=True)
            self._scan = self._new_scan(start, body[:limit])
        while (line := self._scan_on(tail)) is None and not self.is_at_end:
            pass
        return line or self._long_line(self._scan, self._scan.scanned, terminator=b"")

    def advance(
        self, block: Block, consumed: int, parser: ParserState, left_out: Mapping[str, int] = NOTHING_LEFT_OUT
    ) -> Cursor:
        """Move the read cursor over the first `consumed` bytes of the block just handed out."""
        self.is_held = consumed < len(block.data) and self.is_at_end
        self.is_exhausted = self.is_held
        self._block_bytes = BLOCK_BYTES if consumed else 2 * self._block_bytes
        if consumed:
            self.read = Cursor(
                block.offset + consumed,
                marker_before(block.data, consumed),
                parser,
                self._sum(left_out),
                unended=self.read if block.is_unterminated else None,
            )
        return self.read

    def jump(
        self, piece: LongLine | Hole, parser: ParserState, left_out: Mapping[str, int] = NOTHING_LEFT_OUT
    ) -> Cursor:
        """Move the read cursor behind an overlong line or a hole."""
        self._scan = None
        self._hole_end = piece.end if isinstance(piece, Hole) else -1
        is_unended = isinstance(piece, LongLine) and piece.is_unterminated
        unended = self.read if is_unended else None
        self.read = Cursor(piece.end, piece.marker, parser, self._sum(left_out), unended)
        return self.read

    def _sum(self, left_out: Mapping[str, int]) -> dict[str, int]:
        """All lines left out so far, with these."""
        known = self.read.left_out
        return dict(Counter(known) + Counter(left_out)) if left_out else known

    def is_in_hole(self, offset: int) -> bool:
        """True where NULs at that offset go on a run that was counted already."""
        return offset == self._hole_end

    def acknowledge(self, cursor: Cursor) -> None:
        """The store has everything before this cursor."""
        self.marked = self.marked or self.acknowledged
        self.acknowledged = cursor

    def start_over(self) -> None:
        """The store has nothing of it any more."""
        self.acknowledged, self.marked = Cursor(), None
        self.fall_back()

    def fall_back(self) -> None:
        """Forget what was read since the store's last mark; the store may have it all the same, but for power loss."""
        self.acknowledged, self.marked = self.marked or self.acknowledged, None
        self.read = self.acknowledged
        self.knows_stored_end = False
        self._scan = None
        self.look_again()

    def look_again(self) -> None:
        """There may be more to read."""
        self.is_exhausted = False
        self.is_held = False

    def _lines(self, tail: Tail, size: int) -> Block | LongLine | Hole | None:
        start = self.read.offset
        body = tail.read(start, size)
        end = body.rfind(b"\n") + 1
        self.pending_bytes = len(body) - end
        self.is_at_end = len(body) < size
        if end:
            return Block(start, body[:end], is_final=self.pending_bytes > self.context.max_line_bytes)
        if len(body) < size:
            return None
        nul_bytes = len(body) - len(body.lstrip(b"\0"))
        if nul_bytes:
            return Hole(start, start + nul_bytes, marker_of(body[max(nul_bytes - MARKER_BYTES, 0) : nul_bytes]))
        limit = self.context.max_line_bytes
        if size <= limit:
            return self._lines(tail, limit + 1)
        self._scan = self._new_scan(start, body[:limit])
        return self._scan_on(tail)

    def _new_scan(self, start: int, head: bytes) -> _LineScan:
        return _LineScan(start, start, head, StreamedHash(hash_prefix(self.fingerprint), start))

    def _scan_on(self, tail: Tail) -> LongLine | None:
        scan = self._scan
        assert scan is not None
        for _ in range(SCAN_BYTES // BLOCK_BYTES):
            data = tail.read(scan.scanned, BLOCK_BYTES)
            line, terminator, _rest = data.partition(b"\n")
            scan.hash.update(line)
            scan.last = (scan.last + line)[-MARKER_BYTES:]
            scan.scanned += len(line)
            self.pending_bytes = scan.scanned - scan.start
            if terminator:
                return self._long_line(scan, scan.scanned + 1, terminator)
            self.is_at_end = len(data) < BLOCK_BYTES
            if self.is_at_end:
                return None
        return None

    def _long_line(self, scan: _LineScan, end: int, terminator: bytes) -> LongLine:
        return LongLine(
            scan.start,
            scan.head,
            scan.scanned - scan.start,
            scan.hash.value(),
            end,
            marker_of((scan.last + terminator)[-MARKER_BYTES:]),
            is_unterminated=not terminator,
        )

    def is_same(self, tail: Tail, size: int) -> bool:
        """True if what was read still stands in the file, which is `size` bytes long.

        Raises:
            OSError: it cannot be read now.
        """
        if tail.is_packed and self._scan is not None:
            return True  # looking back from within an overlong line would unpack all of it again
        marker = self.read.marker
        before = tail.read(self.read.offset - marker.length, marker.length)
        if tail.is_packed:
            is_shorter = len(before) < marker.length and not tail.is_finished
            return is_shorter or marker.fits(before)  # a packer that began again may not have come as far yet
        return size >= self.read.offset and marker.fits(before) and self._head_fits(tail)

    def _head_fits(self, tail: Tail) -> bool:
        head = self.first_line.head
        return head.fits(tail.read(0, head.length))
