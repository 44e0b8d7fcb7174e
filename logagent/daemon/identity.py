"""What a file is known by. Pure: no I/O, no clock."""

from __future__ import annotations

import msgspec

from logagent.daemon.marker import Marker


class Identity(msgspec.Struct, frozen=True):
    """One incarnation of a file on this machine; `birth` is nanoseconds or an inode generation, 0 if unknown."""

    device: int
    inode: int
    birth: int


class FileFacts(msgspec.Struct, frozen=True):
    """What `fstat` and `statx` say of an open regular file; sizes in bytes, times in nanoseconds."""

    identity: Identity
    size: int
    links: int
    ctime_ns: int

    @property
    def is_unlinked(self) -> bool:
        """No name is left: only our descriptor (and perhaps a writer's) holds it."""
        return self.links == 0


class NotRegular(OSError):
    """The descriptor is a FIFO, a device, a directory or a socket: nothing to tail."""


class FirstLine(msgspec.Struct, frozen=True):
    """The first line that is not blank.

    `content_hash`: xxh3-64 of its raw bytes, leading NULs and the LF left out. `is_timed`: it has a time of its own.
    `head`: marks the file's bytes up to its end, 4 KiB at most.
    """

    content_hash: int
    is_timed: bool
    head: Marker
