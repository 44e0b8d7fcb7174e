"""Facts: what the kernel says of an open file, birth time included. Thin I/O.

Inode numbers are reused at once by some file systems; the birth time (statx) tells the incarnations apart. Where
a file system has none, the inode generation does; where there is neither, 0 stands for both and only fingerprint
and marker protect.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import stat
import struct
import sys
from typing import Final

from logagent.daemon.identity import FileFacts, Identity, NotRegular

_STATX_BTIME: Final = 0x800
_STATX_BASIC: Final = 0x7FF
_AT_EMPTY_PATH: Final = 0x1000
_AT_FDCWD: Final = -100
_FS_IOC_GETVERSION: Final = 0x80087601


def facts_of(fd: int) -> FileFacts:
    """The facts of an open descriptor.

    Raises:
        NotRegular: it is no regular file.
        OSError: the file system did not answer.
    """
    seen = os.fstat(fd)
    if not stat.S_ISREG(seen.st_mode):
        raise NotRegular(errno.EINVAL, "not a regular file")
    return _facts(seen, Identity(seen.st_dev, seen.st_ino, birth_of(fd)))


def facts_again(fd: int, identity: Identity) -> FileFacts:
    """The facts of a descriptor whose identity is known: it never changes, and its birth time is dear to ask for.

    Raises:
        OSError: the file system did not answer.
    """
    return _facts(os.fstat(fd), identity)


def is_as_seen(fd: int, size: int, ctime_ns: int) -> bool:
    """True if the file has still a name, this size and this ctime: what is asked of thousands of files at rest.

    Raises:
        OSError: the file system did not answer.
    """
    seen = os.fstat(fd)
    return seen.st_size == size and seen.st_ctime_ns == ctime_ns and seen.st_nlink > 0


def _facts(seen: os.stat_result, identity: Identity) -> FileFacts:
    return FileFacts(identity, seen.st_size, seen.st_nlink, seen.st_ctime_ns)


def birth_of(fd: int) -> int:
    """Birth time in nanoseconds, else the inode's generation, else 0."""
    return _statx_birth_ns(fd) or _generation(fd)


def birth_at(path: bytes) -> int:
    """Birth time in nanoseconds of what a name leads to, without a descriptor; 0 where only one would tell."""
    return 0 if _statx is None else _asked_birth_ns(_AT_FDCWD, path, 0)


class _Timestamp(ctypes.Structure):
    _fields_ = (("sec", ctypes.c_int64), ("nsec", ctypes.c_uint32), ("reserved", ctypes.c_int32))


class _Statx(ctypes.Structure):
    """The head of the kernel's struct statx; `rest` covers what we do not read (256 bytes in all)."""

    _fields_ = (
        ("mask", ctypes.c_uint32),
        ("blksize", ctypes.c_uint32),
        ("attributes", ctypes.c_uint64),
        ("nlink_to_blocks", ctypes.c_uint8 * 40),
        ("attributes_mask", ctypes.c_uint64),
        ("atime", _Timestamp),
        ("btime", _Timestamp),
        ("rest", ctypes.c_uint8 * 160),
    )


def _load_statx() -> ctypes._NamedFuncPointer | None:
    if not sys.platform.startswith("linux"):
        return None
    try:
        return ctypes.CDLL(None, use_errno=True).statx
    except (OSError, AttributeError):
        return None


_statx: Final = _load_statx()


def _statx_birth_ns(fd: int) -> int:
    if _statx is None:
        return int(getattr(os.fstat(fd), "st_birthtime", 0) * 1_000_000_000)
    return _asked_birth_ns(fd, b"", _AT_EMPTY_PATH)


def _asked_birth_ns(fd: int, path: bytes, flags: int) -> int:
    assert _statx is not None
    answer = _Statx()
    if _statx(fd, path, flags, _STATX_BASIC | _STATX_BTIME, ctypes.byref(answer)) != 0:
        return 0
    if not answer.mask & _STATX_BTIME:
        return 0
    return int(answer.btime.sec) * 1_000_000_000 + int(answer.btime.nsec)


def _generation(fd: int) -> int:
    try:
        return int(struct.unpack("<I", fcntl.ioctl(fd, _FS_IOC_GETVERSION, b"\0" * 8)[:4])[0])
    except OSError:
        return 0
