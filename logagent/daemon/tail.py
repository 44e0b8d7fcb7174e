"""Tails: the bytes of one open file at any offset, plain or unpacked. Thin I/O; decides nothing about offsets."""

from __future__ import annotations

import os
from typing import Final, Protocol

from logagent.daemon.facts import facts_again, facts_of, is_as_seen
from logagent.daemon.identity import FileFacts, Identity
from logagent.daemon.marker import MARKER_BYTES
from logagent.daemon.unpack import PIECE_BYTES, Damaged, Unpacker

_OPEN_FLAGS: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
"""Non-blocking, so that a FIFO which took a log file's name cannot hang the daemon."""


class Tail(Protocol):
    """An open file as a stream of bytes."""

    is_packed: bool
    """True where offsets count unpacked bytes."""
    unpacked: int
    """How much of a packed file was ever unpacked here, bytes of its stream; 0 of a plain one."""

    def facts(self) -> FileFacts:
        """What the file system says of it now."""
        ...

    def is_as_seen(self, size: int, ctime_ns: int) -> bool:
        """True if it has still a name, this size and this ctime."""
        ...

    def read(self, start: int, size: int) -> bytes:
        """Up to `size` bytes from `start`; fewer only at the (present) end.

        Raises:
            OSError: the file system could not read.
        """
        ...

    def forget(self) -> None:
        """Free what is held of what was unpacked: hundreds of packed files may wait while the store is away."""
        ...

    @property
    def is_finished(self) -> bool:
        """True if nothing can follow what was read (a packed file whose trailer was reached)."""
        ...

    @property
    def trouble(self) -> str | None:
        """Why no more can be read though there should be (a cut or damaged packed file)."""
        ...

    def close(self) -> None:
        """Let go of the descriptor; safe to call twice."""
        ...


def open_tail(path: bytes, compression: str | None) -> tuple[Tail, FileFacts]:
    """Open a file for tailing; what the file system says of it comes with it.

    Raises:
        OSError: it cannot be opened, or is no regular file (`NotRegular`).
    """
    fd = os.open(path, _OPEN_FLAGS)
    try:
        facts = facts_of(fd)
    except OSError:
        os.close(fd)
        raise
    return (PackedTail(fd, facts.identity, compression) if compression else PlainTail(fd, facts.identity)), facts


class PlainTail:
    """A growing file, read by `pread`."""

    is_packed = False
    unpacked = 0
    is_finished = False
    trouble = None

    def __init__(self, fd: int, identity: Identity) -> None:
        self._fd = fd
        self._identity = identity

    def facts(self) -> FileFacts:
        return facts_again(self._fd, self._identity)

    def is_as_seen(self, size: int, ctime_ns: int) -> bool:
        return is_as_seen(self._fd, size, ctime_ns)

    def read(self, start: int, size: int) -> bytes:
        return os.pread(self._fd, size, start)

    def forget(self) -> None:
        pass

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class PackedTail:
    """A compressed file, read as the stream it unpacks to.

    Going forward is cheap; going back to before the last 4 KiB handed out unpacks from the start again, and so does a
    file that was cut when its end was reached and is now written anew.
    """

    is_packed = True

    def __init__(self, fd: int, identity: Identity, compression: str) -> None:
        self._fd = fd
        self._identity = identity
        self._compression = compression
        self.unpacked = 0
        self._rewind()

    def _rewind(self) -> None:
        self._unpacker = Unpacker(self._compression)
        self._packed_at = 0
        self._last_piece = b""
        self._start = 0  # offset of the buffer's first byte in the unpacked stream
        self._buffer = bytearray()
        self._at_end = False
        self._damage: str | None = None

    @property
    def is_finished(self) -> bool:
        return self._at_end and self._unpacker.is_complete and self._packed_at > 0 and self._damage is None

    @property
    def trouble(self) -> str | None:
        if self._damage is not None:
            return f"damaged {self._compression} stream: {self._damage}"
        if self._at_end and self._packed_at and not self.is_finished:
            return f"{self._compression} stream without its end"
        return None

    def facts(self) -> FileFacts:
        return facts_again(self._fd, self._identity)

    def is_as_seen(self, size: int, ctime_ns: int) -> bool:
        return is_as_seen(self._fd, size, ctime_ns)

    def read(self, start: int, size: int) -> bytes:
        if start < self._start or (self._at_end and self._is_written_anew()):
            self._rewind()
        while self._start + len(self._buffer) < start + size and self._unpack_more():
            self._forget_before(start)
        self._forget_before(start)
        skip = start - self._start
        return bytes(self._buffer[skip : skip + size])

    def forget(self) -> None:
        self._rewind()

    def _unpack_more(self) -> bool:
        """Unpack one more piece; False at the end of what there is."""
        piece = b"" if self._damage is not None else os.pread(self._fd, PIECE_BYTES, self._packed_at)
        self._at_end = not piece
        try:
            self._buffer += self._unpacker.feed(piece)
        except Damaged as error:
            self._damage = str(error)
            self._at_end = True
        self.unpacked = max(self.unpacked, self._start + len(self._buffer))
        self._packed_at += len(piece)
        self._last_piece = piece or self._last_piece
        return not self._at_end

    def _is_written_anew(self) -> bool:
        """True if what was unpacked last is not there any more: a packer that was interrupted began again."""
        last = self._last_piece
        return os.pread(self._fd, len(last), self._packed_at - len(last)) != last

    def _forget_before(self, start: int) -> None:
        surplus = min(start - MARKER_BYTES - self._start, len(self._buffer))
        if surplus > 0:
            self._buffer = self._buffer[surplus:]  # deleting in place keeps the memory: hundreds of files are open
            self._start += surplus

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
