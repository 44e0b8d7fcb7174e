"""One daemon per state directory: an exclusive lock that a crash frees by itself. Thin I/O."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from typing import Final

from logagent.errors import StateLocked

LOCK: Final = "daemon.lock"


class StateLock:
    """Holds the state directory until `release`, or until the process ends however it ends."""

    def __init__(self, directory: str) -> None:
        """Take the lock.

        Raises:
            StateLocked: another daemon has it; the text names its pid.
            OSError: the directory cannot be used.
        """
        self._fd = _open(os.path.join(directory, LOCK))
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.pread(self._fd, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._fd)
            raise StateLocked(
                f"a daemon (pid {pid}) already works on {directory}: stop it, or give another --state-dir"
            ) from None
        with contextlib.suppress(OSError):  # full or read-only: the pid is only told to people, the lock holds
            os.ftruncate(self._fd, os.pwrite(self._fd, b"%d\n" % os.getpid(), 0))

    def release(self) -> None:
        """Free it; safe to call twice."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _open(path: str) -> int:
    """The lock file; one that a read-only file system holds can be locked all the same."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno != errno.EROFS:
            raise
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
