"""Keys: a record's identity as a function of its file's bytes. Pure: no I/O, no clock.

A key is `<own time in us, 14 hex>-<offset, 12 hex>-<hash, 16 hex>`; the hash is xxh3-64, seed 0, over the
file's fingerprint (8 bytes, big-endian), the line's offset (8 bytes, big-endian) and the raw line without its
LF. The same key in every store makes a re-read harmless: inserts ignore what is there.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

import xxhash

from logagent.errors import BadQuery

MAX_TIME_US: Final = 3_818_448_000_000_000
"""2091-01-01T00:00:00Z: own times lie in [1970, 2091)."""

MIN_SHORT_HEX: Final = 8


class KeyParts(NamedTuple):
    """A key taken apart; `own_us` is 0 for a line without a time of its own."""

    own_us: int
    offset: int
    hash: int


def hash_prefix(fingerprint: int) -> bytes:
    """The eight bytes that stand before offset and line in every hash of this file."""
    return fingerprint.to_bytes(8, "big")


def line_hash(prefix: bytes, offset: int, line: bytes) -> int:
    """xxh3-64 of one raw line (without its LF) of the file with that `hash_prefix`.

    >>> f"{line_hash(hash_prefix(1), 0, b'{}'):016x}"
    '22b9b02aa39c00c7'
    """
    return xxhash.xxh3_64_intdigest(prefix + offset.to_bytes(8, "big") + line)


class StreamedHash:
    """The same hash for a line too long to hold: feed it in pieces of any size."""

    def __init__(self, prefix: bytes, offset: int) -> None:
        self._state = xxhash.xxh3_64(prefix + offset.to_bytes(8, "big"))

    def update(self, piece: bytes) -> None:
        """Take the next bytes of the line."""
        self._state.update(piece)

    def value(self) -> int:
        """The hash of all bytes so far (unsigned 64 bits)."""
        return self._state.intdigest()


def hash_hex(line_hash_value: int) -> str:
    """The 16 hex digits that end a key."""
    return "%016x" % line_hash_value


def key_text(own_us: int, offset: int, line_hash_value: int) -> str:
    """The key as written everywhere.

    >>> key_text(0, 17, 255)
    '00000000000000-000000000011-00000000000000ff'
    """
    return "%014x-%012x-%016x" % (own_us, offset, line_hash_value)


_KEY: Final = re.compile(r"([0-9a-f]{14})-([0-9a-f]{12})-([0-9a-f]{16})\Z")
_SHORT: Final = re.compile(r"#?([0-9a-f]{8,16})\Z")


def parse_key(text: str) -> KeyParts | None:
    """The parts of a whole key, or None if `text` is not one."""
    found = _KEY.match(text)
    return KeyParts(*(int(part, 16) for part in found.groups())) if found else None


def hash_range(text: str) -> tuple[int, int]:
    """The lowest and highest hash that a shown id (`#9be2c41f`, `9be2c41f07`) stands for.

    Raises:
        BadQuery: fewer than 8 or more than 16 hex digits, or other characters.
    """
    found = _SHORT.match(text.lower())
    if not found:
        raise BadQuery(f"{text!r} is no event id: # and at least {MIN_SHORT_HEX} hex digits, or a whole key")
    digits = found.group(1)
    return int(digits.ljust(16, "0"), 16), int(digits.ljust(16, "f"), 16)
