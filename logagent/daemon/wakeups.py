"""Wake-ups: hints that something changed below the watched directories. Never more than hints: the sweep decides.

On Linux inotify is read directly (bytes for names, visible overflow, no cost at idle), elsewhere watchfiles is; where
neither can be had there is only the sweep, and `trouble` says so.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import select
import struct
import sys
import threading
from collections.abc import Iterable
from typing import Any, Final, Protocol

import msgspec

_IN_MODIFY: Final = 0x2
_IN_ATTRIB: Final = 0x4
_IN_MOVED_FROM: Final = 0x40
_IN_MOVED_TO: Final = 0x80
_IN_CREATE: Final = 0x100
_IN_DELETE: Final = 0x200
_IN_Q_OVERFLOW: Final = 0x4000
_IN_IGNORED: Final = 0x8000
_IN_ONLYDIR: Final = 0x0100_0000
_MASK: Final = _IN_MODIFY | _IN_ATTRIB | _IN_MOVED_FROM | _IN_MOVED_TO | _IN_CREATE | _IN_DELETE | _IN_ONLYDIR
_EVENT: Final = struct.Struct("iIII")
_READ_BYTES: Final = 256 * 1024


class Hint(msgspec.Struct, frozen=True):
    """What may have changed: these paths; or, after an overflow, anything."""

    paths: frozenset[bytes] = frozenset()
    is_everything: bool = False


NOTHING: Final = Hint()


class Wakeups(Protocol):
    """Waits for changes."""

    trouble: str | None
    """Why wake-ups cannot be relied on, so that everything is swept often; None while they are healthy."""

    def watch(self, directories: Iterable[bytes]) -> list[bytes]:
        """Watch exactly these directories from now on; those that were not watched before."""
        ...

    def wait(self, timeout_s: float) -> Hint:
        """Wait until something changes, `interrupt` is called or the time is over; what changed."""
        ...

    def interrupt(self) -> None:
        """End a `wait` now; safe in a signal handler."""
        ...

    def close(self) -> None:
        """Stop watching; safe to call twice."""
        ...


def open_wakeups(roots: Iterable[bytes]) -> Wakeups:
    """The best there is on this system."""
    platform: str = sys.platform
    if platform.startswith("linux"):
        with contextlib.suppress(OSError, AttributeError):
            return InotifyWakeups()
        return NoWakeups("no inotify instance is free: new lines are found by sweeping")
    return WatchfilesWakeups(roots)


class _Interrupt:
    """A pipe that ends a poll from a signal handler."""

    def __init__(self) -> None:
        self.reading, self._writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def set(self) -> None:
        with contextlib.suppress(OSError):
            os.write(self._writing, b"!")

    def clear(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self.reading, 512)

    def close(self) -> None:
        for fd in (self.reading, self._writing):
            os.close(fd)


class NoWakeups:
    """Only waits; somebody else has to sweep."""

    def __init__(self, trouble: str) -> None:
        self.trouble: str | None = trouble
        self._interrupt = _Interrupt()
        self._is_closed = False

    def watch(self, directories: Iterable[bytes]) -> list[bytes]:  # noqa: ARG002
        """Nothing is watched."""
        return []

    def wait(self, timeout_s: float) -> Hint:
        select.select([self._interrupt.reading], [], [], timeout_s)
        self._interrupt.clear()
        return NOTHING

    def interrupt(self) -> None:
        self._interrupt.set()

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._interrupt.close()


class InotifyWakeups:
    """inotify, read directly; `libc` has its three calls and sets errno as the C library does."""

    def __init__(self, libc: Any = None) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True) if libc is None else libc
        self._fd = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1")
        self._interrupt = _Interrupt()
        self._directory_of: dict[int, bytes] = {}
        self._watch_of: dict[bytes, int] = {}
        self.trouble: str | None = None
        self._poll = select.poll()
        self._poll.register(self._fd, select.POLLIN)
        self._poll.register(self._interrupt.reading, select.POLLIN)

    def watch(self, directories: Iterable[bytes]) -> list[bytes]:
        wanted = set(directories)
        self.trouble = None
        for directory in set(self._watch_of) - wanted:
            watch = self._watch_of.pop(directory)
            if self._directory_of.get(watch) == directory:  # else it was renamed: the watch is another name's now
                del self._directory_of[watch]
                self._libc.inotify_rm_watch(self._fd, watch)
        new = wanted - set(self._watch_of)
        for directory in new:
            self._add(directory)
        return [directory for directory in new if directory in self._watch_of]

    def _add(self, directory: bytes) -> None:
        watch = self._libc.inotify_add_watch(self._fd, directory, ctypes.c_uint32(_MASK))
        if watch >= 0:
            self._directory_of[watch] = directory
            self._watch_of[directory] = watch
            return
        number = ctypes.get_errno()
        if number == errno.ENOSPC:
            self.trouble = "the limit of inotify watches is reached: new lines are found by sweeping"
        elif number != errno.ENOENT:
            self.trouble = f"a directory cannot be watched ({os.strerror(number)}): new lines are found by sweeping"

    def _forget(self, watch: int) -> None:
        directory = self._directory_of.pop(watch, None)
        if directory is not None and self._watch_of.get(directory) == watch:
            del self._watch_of[directory]

    def wait(self, timeout_s: float) -> Hint:
        self._poll.poll(max(timeout_s, 0) * 1000)
        self._interrupt.clear()
        paths: set[bytes] = set()
        is_everything = False
        try:
            events = os.read(self._fd, _READ_BYTES)
        except BlockingIOError:
            return NOTHING
        at = 0
        while at < len(events):
            watch, mask, _cookie, length = _EVENT.unpack_from(events, at)
            name = events[at + _EVENT.size : at + _EVENT.size + length].rstrip(b"\0")
            at += _EVENT.size + length
            directory = self._directory_of.get(watch)
            if mask & _IN_Q_OVERFLOW:
                is_everything = True
            elif mask & _IN_IGNORED:
                self._forget(watch)
            elif directory is not None and name:
                paths.add(os.path.join(directory, name))
        return Hint(frozenset(paths), is_everything)

    def interrupt(self) -> None:
        self._interrupt.set()

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
            self._interrupt.close()


class WatchfilesWakeups:
    """The watchfiles library in a thread: it hides overflow and dies on odd names, so it starts again by itself."""

    def __init__(self, roots: Iterable[bytes], *, retry_s: float = 5.0) -> None:
        self._roots = [os.fsdecode(root) for root in roots]
        self._retry_s = retry_s
        self._interrupt = _Interrupt()
        self._stop = threading.Event()
        self._changed: set[bytes] = set()
        self._is_everything = False
        self.trouble: str | None = None
        self._thread = threading.Thread(target=self._run, name="wakeups", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            present = self._present()
            missing = [root for root in self._roots if root not in present]
            self.trouble = f"{missing[0]!a} is not there to be watched: it is found by sweeping" if missing else None
            try:
                self._watch_while_these_are_there(present)
            except (OSError, RuntimeError, ValueError, UnicodeError) as error:
                self.trouble = f"watching for changes fails ({error}): new lines are found by sweeping"
                self._is_everything = True
                self._interrupt.set()
            self._stop.wait(self._retry_s)

    def _watch_while_these_are_there(self, present: list[str]) -> None:
        from watchfiles import watch

        if not present:
            return
        for changes in watch(
            *present, stop_event=self._stop, debounce=100, step=50, rust_timeout=1000, yield_on_timeout=True
        ):
            if changes:
                self._changed.update(os.fsencode(path) for _change, path in changes)
                self._interrupt.set()
            if self._present() != present:
                return

    def _present(self) -> list[str]:
        return [root for root in self._roots if os.path.isdir(root)]

    def watch(self, directories: Iterable[bytes]) -> list[bytes]:  # noqa: ARG002
        """The library watches the roots with all below them."""
        return []

    def wait(self, timeout_s: float) -> Hint:
        select.select([self._interrupt.reading], [], [], timeout_s)
        self._interrupt.clear()
        changed, self._changed = self._changed, set()
        is_everything, self._is_everything = self._is_everything, False
        return Hint(frozenset(changed), is_everything)

    def interrupt(self) -> None:
        self._interrupt.set()

    def close(self) -> None:
        if not self._stop.is_set():
            self._stop.set()
            self._thread.join(timeout=3)
            self._interrupt.close()
