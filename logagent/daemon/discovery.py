"""Discovery: which log files the watched directories hold now, by scandir and stat.

Looks, and remembers only directories. A directory that could not be read is reported as such, so that nobody
takes its files for deleted.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from logagent.daemon.patterns import Patterns

RACY_NS: Final = 2_000_000_000
"""A directory changed this recently is listed again: its mtime may not move for the next change."""

MAX_DEPTH: Final = 64


class Sighting(msgspec.Struct, frozen=True, gc=False):
    """A path that matches, with what stat says of the file it leads to."""

    path: bytes
    device: int
    inode: int
    size: int
    ctime_ns: int


class Look(msgspec.Struct):
    """What one look found.

    `listed`: directories that could be read whole, with their device. `unreadable`: what could not be looked at, with
    the reason. `is_full`: every watched directory was gone through.
    """

    sightings: list[Sighting] = []
    listed: dict[bytes, int] = {}
    unreadable: dict[bytes, str] = {}
    is_full: bool = False


class _Walk(msgspec.Struct, frozen=True):
    """One way through the tree below `root`; `only_new` does not enter directories that are known already."""

    look: Look
    root: bytes
    entered: set[tuple[int, int]]
    only_new: bool = False


class Discovery:
    """Looks through the watched directories.

    Files directly in a `skip` directory (the daemon's own state) are never reported. `outside_links`: symbolic links
    may lead out of the watched directories.
    """

    def __init__(
        self,
        roots: Sequence[bytes],
        patterns: Patterns,
        *,
        skip: Iterable[bytes] = (),
        outside_links: bool = False,
        clock_ns: Callable[[], int],
    ) -> None:
        self.roots = _outermost(os.path.abspath(root) for root in roots)
        self._real_roots = [os.path.realpath(root) for root in self.roots]
        self._patterns = patterns
        self._skip = {form(path) for path in skip for form in (os.path.abspath, os.path.realpath)}
        self._outside_links = outside_links
        self._clock_ns = clock_ns
        self._mtimes: dict[bytes, int] = {}

    @property
    def directories(self) -> Iterable[bytes]:
        """The directories known from the last full look: what wake-ups should watch."""
        return self._mtimes.keys()

    def sweep(self) -> Look:
        """Go through everything."""
        look = Look(is_full=True)
        self._mtimes.clear()
        entered: set[tuple[int, int]] = set()
        for root in self.roots:
            self._enter(root, _Walk(look, root, entered), 0)
        return look

    def glance(self) -> Look:
        """List again only the directories whose own mtime moved: finds new, renamed and deleted files cheaply."""
        look = Look()
        for directory, known_mtime in list(self._mtimes.items()):
            try:
                if os.stat(directory).st_mtime_ns == known_mtime:
                    continue
            except OSError as error:
                look.unreadable[directory] = _reason(error)
                continue
            root = self._root_of(directory)
            if root is not None:
                self._enter(directory, _Walk(look, root, set(), only_new=True), _depth(directory, root))
        return look

    def look_at(self, paths: Iterable[bytes]) -> Look:
        """Look at just these paths (from wake-ups), files or directories; what is not there any more is passed over."""
        look = Look()
        for path in paths:
            root = self._root_of(path)
            if root is None:
                continue
            try:
                self._entry(path, _Walk(look, root, set()), _depth(path, root))
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                look.unreadable[path] = _reason(error)
        return look

    def _root_of(self, path: bytes) -> bytes | None:
        return next((root for root in self.roots if _is_below(path, root)), None)

    def _enter(self, directory: bytes, walk: _Walk, depth: int) -> None:
        try:
            seen = os.stat(directory)
            if (seen.st_dev, seen.st_ino) in walk.entered or depth > MAX_DEPTH:
                return  # a loop of links, or the same directory by two ways
            walk.entered.add((seen.st_dev, seen.st_ino))
            with os.scandir(directory) as entries:
                paths = [entry.path for entry in entries]
        except OSError as error:
            walk.look.unreadable[directory] = _reason(error)
            return
        is_racy = self._clock_ns() - seen.st_mtime_ns < RACY_NS
        self._mtimes[directory] = 0 if is_racy else seen.st_mtime_ns
        walk.look.listed[directory] = seen.st_dev
        for path in paths:
            try:
                self._entry(path, walk, depth + 1)
            except FileNotFoundError:
                continue  # gone between scandir and stat
            except OSError as error:
                walk.look.unreadable[path] = _reason(error)

    def _entry(self, path: bytes, walk: _Walk, depth: int) -> None:
        seen = os.lstat(path)
        if stat.S_ISLNK(seen.st_mode):
            if not self._may_follow(path):
                return
            seen = os.stat(path)
        if stat.S_ISDIR(seen.st_mode):
            if not (walk.only_new and path in self._mtimes):
                self._enter(path, walk, depth)
        elif stat.S_ISREG(seen.st_mode) and self._is_wanted(path, walk.root):
            walk.look.sightings.append(Sighting(path, seen.st_dev, seen.st_ino, seen.st_size, seen.st_ctime_ns))

    def _is_wanted(self, path: bytes, root: bytes) -> bool:
        relative = path[len(root.rstrip(b"/")) + 1 :]
        return self._patterns.matches(relative) and os.path.dirname(path) not in self._skip

    def _may_follow(self, link: bytes) -> bool:
        target = os.path.realpath(link)
        return self._outside_links or any(_is_below(target, root) for root in self._real_roots)


def _outermost(roots: Iterable[bytes]) -> list[bytes]:
    """Each directory once, none below another: what two patterns lead to is read once."""
    ordered = sorted(set(roots), key=len)
    kept: list[bytes] = []
    for root in ordered:
        if not any(_is_below(root, other) for other in kept):
            kept.append(root)
    return kept


def _is_below(path: bytes, directory: bytes) -> bool:
    return path == directory or path.startswith(directory.rstrip(b"/") + b"/")


def _depth(path: bytes, root: bytes) -> int:
    return path.count(b"/") - root.count(b"/")


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__
