"""Descriptors: the files held open, within a limit. Thin I/O.

Held first are deleted files that are not read, then what is not acknowledged; a file that waits for nothing of ours
gives its descriptor up when another needs one, and gets it back when it grows.
"""

from __future__ import annotations

import errno
from typing import Final

from logagent.daemon.facts import identity_at
from logagent.daemon.file import File
from logagent.daemon.identity import FileFacts
from logagent.daemon.patterns import compression_of
from logagent.daemon.tail import Tail, open_tail

SHORTAGE: Final = frozenset({errno.EMFILE, errno.ENFILE})
ANOTHER_FILE: Final = "another file has its name"
NO_DESCRIPTOR: Final = "no file descriptor is free"


class Descriptors:
    """Opens and closes files' tails."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: dict[int, File] = {}
        self._is_none_idle = False

    def open(self, file: File, path: bytes) -> bool:
        """Open a file; False (with its `trouble` set) where that cannot be done now, or its name is another's."""
        if file.tail is not None:
            return True
        if len(self._open) >= self._most and not self._close_idlest():
            file.trouble = _trouble_without_descriptor(file, path)
            return False
        tail = self._tail(file, path)
        if tail is None:
            return False
        self._open[id(file)] = file
        file.trouble, file.tail = None, tail
        return True

    def _tail(self, file: File, path: bytes) -> Tail | None:
        try:
            tail, facts = open_tail(path, file.compression)
        except OSError as error:
            if error.errno in SHORTAGE and self._close_idlest():
                return self._tail(file, path)
            if error.errno in SHORTAGE:
                file.trouble = _trouble_without_descriptor(file, path)
            else:
                file.trouble = error.strerror or type(error).__name__
            return None
        if not _is_same(facts, file, path):
            tail.close()
            file.trouble = ANOTHER_FILE
            return None
        file.identity = facts.identity
        return tail

    def close(self, file: File) -> None:
        """Free its descriptor; it is opened again when it grows."""
        if file.tail is not None:
            file.unpacked = file.most_unpacked
            file.tail.close()
            file.tail = None
            del self._open[id(file)]
            self._is_none_idle = False

    def some_may_be_idle(self) -> None:
        """Something was read or acknowledged: look again for a descriptor to free."""
        self._is_none_idle = False

    def close_idle(self, now: float, idle_after_s: float) -> None:
        """Free the descriptors of files that wait for nothing and have not grown for so long."""
        for file in list(self._open.values()):
            if file.is_idle and now - file.grown_at > idle_after_s:
                self.close(file)

    def _close_idlest(self) -> bool:
        """Free the descriptor of the idle file that has not grown for longest; those with an unfinished line last."""
        if self._is_none_idle:
            return False
        idle = [file for file in self._open.values() if file.is_idle]
        if not idle:
            self._is_none_idle = True
            return False
        self.close(min(idle, key=lambda file: (bool(file.lag), file.grown_at)))
        return True


def _trouble_without_descriptor(file: File, path: bytes) -> str:
    """What is wrong with a file that cannot be opened; that its name is another's can be told all the same."""
    found = identity_at(path) if file.identity.birth else None
    return ANOTHER_FILE if found not in (None, file.identity) else NO_DESCRIPTOR


def _is_same(found: FileFacts, file: File, path: bytes) -> bool:
    """True if it is that file. One that was only seen by name so far is another if it was born since, or is packed."""
    if file.identity.birth:
        return found.identity == file.identity
    if (found.identity.device, found.identity.inode) != (file.identity.device, file.identity.inode):
        return False
    is_born_since = file.ctime_ns < found.identity.birth <= found.ctime_ns
    return not is_born_since and compression_of(path) == file.compression
