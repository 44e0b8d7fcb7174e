"""An append-only file that several processes share: whole lines, its own rotation, and no error for the caller.

Every line is one `write` on an `O_APPEND` descriptor, so lines of several processes never mix. The path is
asked for before a line, as somebody may have deleted it, and each millisecond it is compared with the descriptor:
another process may have rotated the file, and a line that follows into the rotated one is found there.
"""

from __future__ import annotations

import errno
import fcntl
import os
import sys
import threading
from time import monotonic

from logagent.formats.writer import now_stamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from logagent.formats.generations import Generations

FILE_MODE: Final = 0o660
"""Less the umask. A drop directory is shared by a group; nobody else has to read logs."""
DIRECTORY_MODE: Final = 0o770
WARNING_PAUSE_S: Final = 60.0
"""A disk that is full and not full by turns warns once a minute, not at every turn."""
PATH_CHECK_S: Final = 0.001
"""Not at every line: `stat` between two writes doubles the time of both, as the kernel then keeps finer times."""
BURST_S: Final = 0.000_02
"""Nobody deletes the file between two lines that are this close, so a burst is spared the question."""
_FLAGS: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY


_pid = os.getpid()
"""Kept up to date by a hook at fork: asking the system costs more than all else that `append` does in Python."""


class Outage:
    """Lines that could not be written: how many, since when and why."""

    __slots__ = ("dropped", "reason", "since")

    def __init__(self, reason: str) -> None:
        self.dropped = 0
        self.reason = reason
        self.since = now_stamp()


class Appender:
    """One log file.

    Args:
        path: ends in `.jsonl`; it and its directory are made when needed, again if they vanish.
        max_bytes: rotate before a line that would make the file longer; None never rotates.
        generations: what becomes of rotated files.
        notice: makes the line that tells of an outage once it is over.
    """

    __slots__ = (
        "_compressing",
        "_fd",
        "_file",
        "_generations",
        "_lock",
        "_max_bytes",
        "_notice",
        "_outage",
        "_path_check_due_s",
        "_pid",
        "_size",
        "_torn",
        "_warned_s",
        "_written_s",
        "path",
    )

    def __init__(
        self, path: str, *, max_bytes: int | None, generations: Generations, notice: Callable[[Outage], bytes]
    ) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._generations = generations
        self._notice = notice
        self._warned_s: float | None = None
        self._pid = _pid
        # Re-entrant: a signal's handler or a finaliser that runs inside `append` may log a line itself.
        self._lock = threading.RLock()
        self._fd: int | None = None
        self._file = (0, 0)
        self._size = 0
        self._written_s = 0.0
        self._path_check_due_s = 0.0
        self._torn = False
        self._outage: Outage | None = None
        self._compressing: threading.Thread | None = None

    def append(self, line: bytes) -> None:
        """Write one line, which ends in LF. Never raises: what cannot be written is counted and told of later."""
        if self._pid != _pid:
            self._go_on_after_fork()
        with self._lock:
            try:
                if self._outage:
                    self._write(self._notice(self._outage))
                    self._outage = None
                self._write(line)
            except OSError as error:
                self._drop(error)

    @property
    def outage_reason(self) -> str | None:
        """Why the last line was not written; None if it was."""
        return self._outage.reason if self._outage else None

    def close(self) -> None:
        """Let the file go; a later line opens it again."""
        if self._pid != _pid:
            self._go_on_after_fork()
        with self._lock:
            self._close()
            compressing, self._compressing = self._compressing, None
        if compressing:
            compressing.join()

    def _write(self, line: bytes) -> None:
        try:
            self._write_at(self._fd_at_path(len(line)), line)
        except OSError as error:
            if error.errno not in (errno.EBADF, errno.ESTALE):
                raise
            self._fd = None  # closed behind our back, as daemons do with all descriptors; the number is not ours
            self._write_at(self._fd_at_path(len(line)), line)

    def _write_at(self, fd: int, line: bytes) -> None:
        if self._torn:
            line = b"\n" + line
        written = os.write(fd, line)
        self._written_s = monotonic()
        self._size += written
        self._torn = written != len(line)
        if self._torn:
            # What follows, from us or from others, must not become part of the torn line.
            os.write(fd, b"\n")
            self._torn = False
            raise OSError(errno.ENOSPC, f"only {written} of {len(line)} bytes were written")

    def _fd_at_path(self, more_bytes: int) -> int:
        """A descriptor of what stands at the path, with room for `more_bytes`."""
        fd = self._fd
        if fd is None or not self._is_path_good():
            return self._open()
        if self._max_bytes is not None and self._size and self._size + more_bytes > self._max_bytes:
            return self._rotate(fd)
        return fd

    def _is_path_good(self) -> bool:
        now = monotonic()
        if now >= self._path_check_due_s:
            self._path_check_due_s = now + PATH_CHECK_S
            return self._is_at_path(self._file)
        return now < self._written_s + BURST_S or os.access(self.path, os.F_OK)

    def _open(self) -> int:
        """Open the path, with a shared lock that keeps the file from being compressed while we write to it."""
        self._close()
        while True:
            fd = self._open_or_make_directory()
            try:
                opened = os.fstat(fd)
                self._file = opened.st_dev, opened.st_ino
                _lock_if_supported(fd)
                if self._is_at_path(self._file):
                    break
            except BaseException:
                os.close(fd)
                raise
            os.close(fd)  # rotated between open and lock
        self._fd = fd
        self._path_check_due_s = monotonic() + PATH_CHECK_S
        self._torn = opened.st_size > 0 and not _ends_in_newline(self.path)
        return fd

    def _open_or_make_directory(self) -> int:
        try:
            return os.open(self.path, _FLAGS, FILE_MODE)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(self.path), DIRECTORY_MODE, exist_ok=True)
            return os.open(self.path, _FLAGS, FILE_MODE)

    def _is_at_path(self, file: tuple[int, int]) -> bool:
        try:
            at_path = os.stat(self.path)
        except FileNotFoundError:
            return False
        self._size = at_path.st_size  # with what other processes wrote
        return (at_path.st_dev, at_path.st_ino) == file

    def _close(self) -> None:
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)

    def _rotate(self, fd: int) -> int:
        """Give the file its generation's name and begin a new one; where that fails, go on with the long one."""
        if not self._rename_under_lock():
            return fd
        if self._generations.compression and not (self._compressing and self._compressing.is_alive()):
            self._close()
            self._compressing = _start(self._generations.compress_all)
        return self._open()

    def _rename_under_lock(self) -> bool:
        """True if the path is free for a new file. Never waits: whoever has the lock is rotating."""
        directory, name = os.path.split(self.path)
        try:
            lock = os.open(os.path.join(directory, f".{name}.lock"), os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        except OSError:
            return False
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if self._is_at_path(self._file):  # else another process rotated just now
                os.rename(self.path, self._generations.new_path())
                self._generations.delete_old()
        except OSError:
            return False
        finally:
            os.close(lock)
        return True

    def _drop(self, error: OSError) -> None:
        reason = error.strerror or type(error).__name__
        if self._outage is None:
            self._outage = Outage(reason)
        self._outage.dropped += 1
        now = monotonic()
        if self._outage.dropped == 1 and (self._warned_s is None or now - self._warned_s > WARNING_PAUSE_S):
            self._warned_s = now
            _warn(
                f"logagent: cannot write {self.path}: {reason}. Log lines are dropped and counted until it works again."
            )

    def _go_on_after_fork(self) -> None:
        """In a forked child the outage is the parent's to tell of, and the lock may be held by a thread not here."""
        self._pid = _pid
        self._lock = threading.RLock()
        self._outage = None
        self._compressing = None
        if self._fd is not None and not self._is_our_file(self._fd):
            self._fd = None  # the child has closed all descriptors, and may use the number for something else

    def _is_our_file(self, fd: int) -> bool:
        try:
            found = os.fstat(fd)
        except OSError:
            return False
        return (found.st_dev, found.st_ino) == self._file


def _lock_if_supported(fd: int) -> None:
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:  # a file system without locks; or rotated and being compressed, which the caller looks for next
        return


def _ends_in_newline(path: str) -> bool:
    """False after a writer was killed, or the disk was full, in the middle of a line.

    Looked at more than once: a long line of a process that is writing now becomes visible page by page. Taken for
    torn all the same it costs an empty line, which readers skip.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return True
    try:
        return any(_last_byte(fd) in (b"", b"\n") for _ in range(3))
    finally:
        os.close(fd)


def _last_byte(fd: int) -> bytes:
    size = os.fstat(fd).st_size
    return os.pread(fd, 1, size - 1) if size else b""


def _start(work: Callable[[], None]) -> threading.Thread | None:
    """Beside the script: compressing 10 MB takes a good part of a second."""
    thread = threading.Thread(target=work, name="logagent-compress", daemon=True)
    try:
        thread.start()
    except RuntimeError:  # the interpreter is going down; the next rotation compresses
        return None
    return thread


def _warn(text: str) -> None:
    try:
        sys.stderr.write(text + "\n")
    except Exception:  # noqa: BLE001 - stderr may be None, closed, or the host's own object
        return


def _note_pid() -> None:
    global _pid
    _pid = os.getpid()


os.register_at_fork(after_in_child=_note_pid)
