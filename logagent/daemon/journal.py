"""Journals: files of JSON lines that only grow and are synced before anything relies on them. Thin I/O."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

import msgspec

from logagent.errors import StateUnavailable

Row = TypeVar("Row")

_TAIL_BYTES: Final = 8 * 1024 * 1024


def _nothing() -> None:
    """No fault point stands before this journal's sync."""


class Journal:
    """One append-only file, readable by its owner alone."""

    def __init__(self, path: str) -> None:
        self.path = path

    @property
    def size(self) -> int:
        """Bytes now; 0 if there is no such file yet."""
        try:
            return os.stat(self.path).st_size
        except FileNotFoundError:
            return 0

    def append(self, lines: bytes, *, before_sync: Callable[[], None] = _nothing) -> None:
        """Append whole lines and sync them; a line torn by a crash before is closed first.

        Raises:
            OSError: not all could be written and synced; what was is harmless, readers drop torn lines and doubles.
        """
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            size = os.fstat(fd).st_size
            if size and os.pread(fd, 1, size - 1) != b"\n":
                lines = b"\n" + lines
            view = memoryview(lines)
            while view:
                view = view[os.write(fd, view) :]
            before_sync()
            os.fsync(fd)  # survives power loss: the offsets that rely on these lines are saved only later
        finally:
            os.close(fd)

    def last_lines(self) -> list[bytes]:
        """The whole lines in the last 8 MiB; none if there is no such file."""
        try:
            with open(self.path, "rb") as file:
                size = file.seek(0, os.SEEK_END)
                start = file.seek(max(size - _TAIL_BYTES, 0))
                lines = file.read().split(b"\n")
        except FileNotFoundError:
            return []
        return lines[1 if start else 0 : -1]


def rows_of(path: str, decoder: msgspec.json.Decoder[Row]) -> Iterator[Row]:
    """The rows of a journal, oldest first; lines that are none (torn by a crash, not whole yet) are passed over.

    Raises:
        StateUnavailable: the journal is there and cannot be read.
    """
    try:
        with open(path, "rb") as file:
            for line in file:
                try:
                    yield decoder.decode(line)
                except (msgspec.MsgspecError, UnicodeError):
                    continue
    except FileNotFoundError:
        return
    except OSError as error:
        raise StateUnavailable(f"{path} cannot be read: {error.strerror}") from error
