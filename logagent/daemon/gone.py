"""Gone: the entries that no file stands for, findable by what a file is known by. Pure: no I/O, no clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias, TypeVar

from logagent.daemon.checkpoint import FileEntry
from logagent.daemon.identity import Identity

_Key = TypeVar("_Key")
_Index: TypeAlias = dict[int, FileEntry]
"""Entries by `id`: two may be equal, and none is looked for among all."""


class Gone:
    """Entries of files let go, deleted or rewritten; at first all of the checkpoint's, until their files are seen."""

    def __init__(self, entries: Iterable[FileEntry]) -> None:
        self.keep(entries)

    def keep(self, entries: Iterable[FileEntry]) -> None:
        """These from now on, and no others."""
        self._all: _Index = {}
        self._by_inode: dict[tuple[int, int], _Index] = {}
        self._by_content: dict[int, _Index] = {}
        for entry in entries:
            self.add(entry)

    def __iter__(self) -> Iterator[FileEntry]:
        return iter(tuple(self._all.values()))

    def __len__(self) -> int:
        return len(self._all)

    def __contains__(self, entry: FileEntry) -> bool:
        return id(entry) in self._all

    def add(self, entry: FileEntry) -> None:
        """Take it in."""
        self._all[id(entry)] = entry
        self._by_inode.setdefault(_inode(entry), {})[id(entry)] = entry
        if entry.fingerprint is not None:
            self._by_content.setdefault(entry.content_hash, {})[id(entry)] = entry

    def remove(self, entry: FileEntry) -> None:
        """A file stands for it again."""
        del self._all[id(entry)]
        _drop(self._by_inode, _inode(entry), entry)
        if entry.fingerprint is not None:
            _drop(self._by_content, entry.content_hash, entry)

    def replace(self, entry: FileEntry, by: FileEntry) -> None:
        """More is known of it now."""
        self.remove(entry)
        self.add(by)

    def replace_each(self, change: Callable[[FileEntry], FileEntry]) -> None:
        """More is known of all of them now."""
        self.keep([change(entry) for entry in self])

    def with_inode(self, device: int, inode: int) -> list[FileEntry]:
        """Those whose file had that inode number, oldest first."""
        return list(self._by_inode.get((device, inode), {}).values())

    def with_identity(self, identity: Identity) -> list[FileEntry]:
        """Those of that very incarnation, oldest first."""
        return [entry for entry in self.with_inode(identity.device, identity.inode) if entry.identity == identity]

    def with_first_line(self, content_hash: int) -> list[FileEntry]:
        """Those whose file began with that line."""
        return list(self._by_content.get(content_hash, {}).values())


def _inode(entry: FileEntry) -> tuple[int, int]:
    return (entry.identity.device, entry.identity.inode)


def _drop(index: dict[_Key, _Index], key: _Key, entry: FileEntry) -> None:
    found = index[key]
    del found[id(entry)]
    if not found:
        del index[key]
