"""Fingerprints: which file this is, as a function of its first line. Pure: no I/O, no clock.

A file whose first line carries its own time is known by that line alone, so a copy, a rotated generation and a
compressed twin are one stream. Without such a time two files may begin alike by chance: then host, stem, birth
and the number of rewrites are hashed in too, rather a double than a loss.
"""

from __future__ import annotations

from typing import Final

import xxhash

BLANK_BYTES: Final = b" \t\r\0"
"""A line of nothing but these is blank: skipped, counted, never a record."""


def is_blank(line: bytes) -> bool:
    """True for a line (without its LF) that holds only spaces, tabs, CRs and NULs.

    >>> is_blank(b" \\t\\r"), is_blank(b"\\0\\0x")
    (True, False)
    """
    return not line.strip(BLANK_BYTES)


def content_hash(first_line: bytes) -> int:
    """xxh3-64 of a file's first non-blank line, raw, without its LF and its leading NUL bytes.

    >>> f"{content_hash(b'{}'):016x}"
    '1349cde127705c16'
    """
    return xxhash.xxh3_64_intdigest(first_line.lstrip(b"\0"))


timed_fingerprint = content_hash


def untimed_fingerprint(content: int, host: str, stem: str, birth: int, rewrites: int) -> int:
    """The fingerprint of a file whose first line has no time of its own.

    Args:
        content: `content_hash` of the first line.
        birth: birth time or inode generation, whatever the file system has; 0 where it has neither.
        rewrites: how often the daemon saw this very file begin again.
    """
    return xxhash.xxh3_64_intdigest(
        b"".join(
            (
                content.to_bytes(8, "big"),
                _path_bytes(host) + b"\0",
                _path_bytes(stem) + b"\0",
                (birth & 0xFFFF_FFFF_FFFF_FFFF).to_bytes(8, "big"),
                rewrites.to_bytes(8, "big"),
            )
        )
    )


def _path_bytes(text: str) -> bytes:
    """File names need not be text: the bytes that `os.fsdecode` made surrogates of come back as they were."""
    return text.encode("utf-8", "surrogateescape")
