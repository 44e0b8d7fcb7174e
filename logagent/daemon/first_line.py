"""First lines: what a file is known by, found however far in and however long its first line is. Thin I/O."""

from __future__ import annotations

from datetime import tzinfo
from typing import Final

import xxhash

from logagent.daemon.identity import FirstLine
from logagent.daemon.marker import MARKER_BYTES, marker_of
from logagent.daemon.tail import Tail
from logagent.formats.lines import own_time_us

_READ_BYTES: Final = 64 * 1024
_SCAN_BYTES: Final = 8 * 1024 * 1024
_BLANK: Final = b"\0 \t\r\n"


class FirstLineScan:
    """Looks for the first whole line; keeps its place, so that a huge or late one is not read twice.

    `has_more`: the last look ended because it had read its share, not because there was nothing more.
    """

    def __init__(self, *, max_line_bytes: int, naive_timezone: tzinfo) -> None:
        self._max_line_bytes = max_line_bytes
        self._naive_timezone = naive_timezone
        self.start_over()

    def start_over(self) -> None:
        """The file was truncated or written anew: what was seen of it does not count."""
        self._at = 0
        self._before = b""
        self.has_more = True
        self._line: bytes | None = None
        self._hash = xxhash.xxh3_64()

    def scan(self, tail: Tail, *, is_over: bool = False) -> FirstLine | None:
        """Go on looking; None if there is no whole line yet, or this look has read enough.

        With `is_over`, nothing more will be written: the end of the file ends the line, too.

        Raises:
            OSError: it cannot be read now.
        """
        if not tail.is_packed and tail.read(self._at - len(self._before), len(self._before)) != self._before:
            self.start_over()
        first = self._look(tail, is_over=is_over)
        if first is None:
            start = max(self._at - MARKER_BYTES, 0)
            self._before = tail.read(start, self._at - start)
        return first

    def _look(self, tail: Tail, *, is_over: bool) -> FirstLine | None:
        self.has_more = False
        for _ in range(_SCAN_BYTES // _READ_BYTES):
            data = tail.read(self._at, _READ_BYTES)
            is_last = len(data) < _READ_BYTES
            end = self._take(data, is_last=is_last, is_over=is_over)
            if end is not None:
                return self._first_line(tail, end)
            if is_last:
                return None
        self.has_more = True
        return None

    def _take(self, data: bytes, *, is_last: bool, is_over: bool) -> int | None:
        """Take the next bytes in; the offset behind the first line once it is whole."""
        if self._line is None:
            data = self._skip_blank(data)
            if len(data) < _READ_BYTES and not data.strip(_BLANK):
                return None
        line, terminator, _rest = data.partition(b"\n")
        if not terminator and is_last and not is_over:
            return None  # its last bytes may not be there yet: take them all together, or not at all
        self._hash.update(line)
        held = self._line or b""
        self._line = held + line[: max(self._max_line_bytes - len(held), 0)]
        self._at += len(line) + len(terminator)
        return self._at if terminator or is_last else None

    def _skip_blank(self, data: bytes) -> bytes:
        """Move over blank lines and leading NULs; what remains begins with the line looked for."""
        text_at = len(data) - len(data.lstrip(_BLANK))
        line_at = data.rfind(b"\n", 0, text_at) + 1
        line_at += len(data[line_at:]) - len(data[line_at:].lstrip(b"\0"))
        self._at += line_at
        return data[line_at:]

    def _first_line(self, tail: Tail, end: int) -> FirstLine:
        is_timed = own_time_us(self._line or b"", self._naive_timezone) != 0
        return FirstLine(self._hash.intdigest(), is_timed, marker_of(tail.read(0, min(end, MARKER_BYTES))))
