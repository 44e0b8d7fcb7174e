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


def identity_at(path: bytes) -> Identity | None:
    """What a name leads to, without a descriptor; None where only one would tell: no birth times, nothing there."""
    answer = None if _statx is None else _asked(_AT_FDCWD, path, 0)
    if answer is None:
        return None
    return Identity(os.makedev(answer.dev_major, answer.dev_minor), answer.inode, _birth_ns(answer))


class _Timestamp(ctypes.Structure):
    _fields_ = (("sec", ctypes.c_int64), ("nsec", ctypes.c_uint32), ("reserved", ctypes.c_int32))


class _Statx(ctypes.Structure):
    """The head of the kernel's struct statx; `rest` covers what we do not read (256 bytes in all)."""

    _fields_ = (
        ("mask", ctypes.c_uint32),
        ("blksize", ctypes.c_uint32),
        ("attributes", ctypes.c_uint64),
        ("nlink_to_mode", ctypes.c_uint8 * 16),
        ("inode", ctypes.c_uint64),
        ("size_and_blocks", ctypes.c_uint64 * 2),
        ("attributes_mask", ctypes.c_uint64),
        ("atime", _Timestamp),
        ("btime", _Timestamp),
        ("ctime_and_mtime", _Timestamp * 2),
        ("rdev", ctypes.c_uint32 * 2),
        ("dev_major", ctypes.c_uint32),
        ("dev_minor", ctypes.c_uint32),
        ("rest", ctypes.c_uint8 * 112),
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
    answer = _asked(fd, b"", _AT_EMPTY_PATH)
    return 0 if answer is None else _birth_ns(answer)


def _asked(fd: int, path: bytes, flags: int) -> _Statx | None:
    """The kernel's answer, if there is one that holds a birth time."""
    assert _statx is not None
    answer = _Statx()
    is_answered = _statx(fd, path, flags, _STATX_BASIC | _STATX_BTIME, ctypes.byref(answer)) == 0
    return answer if is_answered and answer.mask & _STATX_BTIME else None


def _birth_ns(answer: _Statx) -> int:
    return int(answer.btime.sec) * 1_000_000_000 + int(answer.btime.nsec)


def _generation(fd: int) -> int:
    try:
        return int(struct.unpack("<I", fcntl.ioctl(fd, _FS_IOC_GETVERSION, b"\0" * 8)[:4])[0])
    except OSError:
        return 0
