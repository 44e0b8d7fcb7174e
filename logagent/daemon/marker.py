"""Markers: a few bytes that tell whether a file is still the one that was read. Pure: no I/O, no clock."""

from __future__ import annotations

from typing import Final

import msgspec
import xxhash

MARKER_BYTES: Final = 4096
"""As much of a line as a marker looks at: its last 4 KiB before an offset, the first 4 KiB of a file's head."""


class Marker(msgspec.Struct, frozen=True):
    """xxh3-64 of `length` bytes: those before an offset, or those at the head of a file."""

    length: int = 0
    hash: int = xxhash.xxh3_64_intdigest(b"")

    def fits(self, found: bytes) -> bool:
        """True if these are the bytes that were marked."""
        return len(found) == self.length and xxhash.xxh3_64_intdigest(found) == self.hash


NO_MARKER: Final = Marker()
"""What stands before offset 0: nothing; fits only nothing."""


def marker_of(marked: bytes) -> Marker:
    """The marker of exactly these bytes."""
    return Marker(len(marked), xxhash.xxh3_64_intdigest(marked))


def marker_before(block: bytes, end: int) -> Marker:
    """The marker of the last line in `block[:end]`, or of its last 4 KiB.

    The block begins at a line's start and `end` stands behind a line's LF (or behind a last line without one).
    """
    start = max(block.rfind(b"\n", 0, max(end - 1, 0)) + 1, end - MARKER_BYTES)
    return marker_of(block[start:end])
