"""Generations: the rotated files of one log, named, counted, compressed and deleted.

A generation of `etl.jsonl` is `etl.20260102T030405000000Z.4711.jsonl`: the UTC microsecond and the process that
rotated it; its name sorts by age. Compressed it has an ending more.
"""

from __future__ import annotations

import fcntl
import os
import re
from datetime import UTC, datetime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bz2 import BZ2File
    from collections.abc import Callable
    from gzip import GzipFile
    from lzma import LZMAFile
    from typing import IO, Final, TypeAlias

    _Packed: TypeAlias = "BZ2File | GzipFile | LZMAFile"
    _Packer: TypeAlias = Callable[[IO[bytes]], _Packed]

COMPRESSIONS: Final = ("gz", "bz2", "xz")
_UNITS: Final = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_BINARY_UNITS: Final = {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}
_SIZE: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*")
_COPY_BYTES: Final = 256 * 1024


def size_bytes(setting: int | str) -> int:
    """A size in bytes, from a number or from text such as `10 MB` (decimal) or `10 MiB` (binary).

    Raises:
        ValueError: neither; durations such as `1 day` are not sizes.

    >>> size_bytes("10 MB"), size_bytes("1 KiB"), size_bytes(500)
    (10000000, 1024, 500)
    """
    match = _SIZE.fullmatch(str(setting))
    unit = {**_UNITS, **_BINARY_UNITS}.get(match[2].upper()) if match else None
    if match is None or unit is None or float(match[1]) <= 0:
        raise ValueError(f"{setting!r} is not a size: give bytes as a number, or text such as '10 MB' or '1 GiB'")
    return int(float(match[1]) * unit)


class Generations:
    """The rotated files beside one log file.

    Args:
        path: of the live file, ending in `.jsonl`.
        keep: how many to keep if a number, how many bytes of them in all if text (`1 GB`), None for all.
        compression: one of `gz`, `bz2`, `xz`, or None.
    """

    __slots__ = ("_directory", "_keep_bytes", "_keep_count", "_name", "_stem", "compression")

    def __init__(self, path: str, *, keep: int | str | None, compression: str | None) -> None:
        if compression is not None and compression not in COMPRESSIONS:
            raise ValueError(f"compression {compression!r} is not one of {', '.join(COMPRESSIONS)}")
        if isinstance(keep, int) and keep < 0:
            raise ValueError(f"retention {keep} is negative: give a number of files, a size such as '1 GB', or None")
        self._directory, file_name = os.path.split(path)
        self._stem = file_name.removesuffix(".jsonl")
        self._name = re.compile(
            re.escape(self._stem) + rf"\.\d{{8}}T\d{{12}}Z\.\d+\.jsonl(\.({'|'.join(COMPRESSIONS)}))?"
        )
        self._keep_count = keep if isinstance(keep, int) else None
        self._keep_bytes = size_bytes(keep) if isinstance(keep, str) else None
        self.compression = compression

    def new_path(self) -> str:
        """A path for the file that is rotated now, which no file has."""
        while True:
            stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
            path = os.path.join(self._directory, f"{self._stem}.{stamp}.{os.getpid()}.jsonl")
            if not os.path.lexists(path):
                return path

    def paths(self) -> list[str]:
        """All there are, oldest first."""
        names = sorted(name for name in os.listdir(self._directory) if self._name.fullmatch(name))
        return [os.path.join(self._directory, name) for name in names]

    def delete_old(self) -> None:
        """Delete the oldest ones beyond what is kept."""
        paths = self.paths()
        kept_bytes = 0
        for count, path in enumerate(reversed(paths)):
            size = _size(path)
            kept_bytes += size
            too_many = self._keep_count is not None and count >= self._keep_count
            if too_many or (self._keep_bytes is not None and kept_bytes > self._keep_bytes):
                kept_bytes -= size
                _remove(path)

    def compress_all(self) -> None:
        """Compress those that nobody writes to any more; the others have their turn at the next rotation.

        A writer holds a shared lock on the file it has open, so an exclusive one says that no line can come.
        """
        ending = f".{self.compression}"
        for path in self.paths():
            if path.endswith(".jsonl"):
                _compress_if_let_go(path, path + ending, _packer(ending))


def _compress_if_let_go(path: str, target: str, packed: _Packer) -> None:
    try:
        with open(path, "rb") as source:
            fcntl.flock(source, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _compress(source, target, packed)
            os.unlink(path)
    except OSError:  # still written to, taken by another process, deleted, or the disk is full: it stays as it is
        return


def _compress(source: IO[bytes], target: str, packed: _Packer) -> None:
    """Write the packed copy under a name that no pattern watches, and give it its own when it is whole.

    The original goes only after that, so a tailer finds the lines at every instant, at worst twice.
    """
    unfinished = os.path.join(os.path.dirname(target), f".{os.path.basename(target)}.part")
    mode = os.fstat(source.fileno()).st_mode & 0o777
    try:
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode), "wb") as out:
            with packed(out) as file:
                while block := source.read(_COPY_BYTES):
                    file.write(block)
            out.flush()
            os.fsync(out.fileno())  # power loss after the unlink: the packed copy is all there is then
        os.replace(unfinished, target)
    except OSError:
        _remove(unfinished)
        raise


def _packer(ending: str) -> _Packer:
    if ending == ".gz":
        from gzip import GzipFile

        return lambda out: GzipFile(fileobj=out, mode="wb", compresslevel=6)
    if ending == ".bz2":
        from bz2 import BZ2File

        return lambda out: BZ2File(out, "wb")
    from lzma import LZMAFile

    return lambda out: LZMAFile(out, "wb")


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:  # another process was there first
        return
