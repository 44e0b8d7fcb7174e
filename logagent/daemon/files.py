"""The files followed: opened, identified, gone on from where the checkpoint says, let go when they are over.

Takes what discovery saw, holds the descriptors, and hands out the files that have something to read. Whatever is
to be decided is decided in `tracker`.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias

import msgspec

from logagent.daemon.checkpoint import Cursor, FileEntry
from logagent.daemon.discovery import Look, Sighting
from logagent.daemon.first_line import FirstLineScan
from logagent.daemon.identity import FileFacts, FirstLine, Identity
from logagent.daemon.marker import NO_MARKER, marker_before
from logagent.daemon.patterns import compression_of
from logagent.daemon.stream import Stream
from logagent.daemon.tail import Tail, open_tail
from logagent.daemon.tracker import (
    ACTIVE_S,
    LOSS_GRACE_S,
    LettingGo,
    fingerprint_of,
    is_quiet_enough,
    latest_of,
    may_let_go,
    printable,
    twins_of,
    worth_keeping,
)
from logagent.formats.lines import FileContext, script_name_of
from logagent.formats.record import Origin, Record

SHORTAGE: Final = frozenset({errno.EMFILE, errno.ENFILE})
Names: TypeAlias = dict[bytes, tuple[int, int]]
"""Device and inode of each name in one look."""

ANOTHER_FILE: Final = "another file has its name"
NO_DESCRIPTOR: Final = "no file descriptor is free"


class FollowRules(msgspec.Struct, frozen=True, kw_only=True):
    """How files are followed: from the settings, fixed while the daemon runs.

    `context` is every file's, but for its origin and script name. `start_at_end`: files that are there at the very
    first start are followed from their end on.
    """

    host: str
    context: FileContext
    start_at_end: bool = False
    close_after_s: float = 60.0
    max_open: int = 900


class File:
    """One incarnation of a file, as last seen; `stream` once its first whole line was found."""

    def __init__(self, sighting: Sighting, identity: Identity, directory_device: int | None) -> None:
        self.path = sighting.path
        self.home = sighting.path
        self.identity = identity
        self.compression = compression_of(sighting.path)
        self.size = sighting.size
        self.greatest_size = sighting.size
        self.ctime_ns = sighting.ctime_ns
        self.directory_device = directory_device
        self.grown_at = 0.0
        self.tail: Tail | None = None
        self.scan: FirstLineScan | None = None
        self.stream: Stream | None = None
        self.rewrites = 0
        self.is_unlinked = False
        self.is_missing = False
        self.is_let_go = False
        self.is_late = False
        self.trouble: str | None = None

    @property
    def is_settled(self) -> bool:
        """Nothing of it waits: read and acknowledged as far as there are whole lines."""
        stream = self.stream
        if stream is None:
            return False
        return stream.is_exhausted and not stream.is_held and stream.acknowledged == stream.read

    @property
    def lag(self) -> int:
        """Bytes on disk that are not acknowledged; of a packed file its packed size until it is read."""
        if self.stream is None:
            return self.size
        if self.compression:
            return 0 if self.is_settled else self.size
        return max(self.size - self.stream.acknowledged.offset, 0)

    def entry(self) -> FileEntry:
        """What the checkpoint keeps of it."""
        common = {
            "path": printable(self.path),
            "identity": self.identity,
            "compression": self.compression,
            "rewrites": self.rewrites,
            "size": self.greatest_size,
            "ctime_ns": self.ctime_ns,
            "directory_device": self.directory_device,
        }
        stream = self.stream
        if stream is None:
            return FileEntry(**common)  # type: ignore[arg-type]
        return FileEntry(
            **common,  # type: ignore[arg-type]
            fingerprint=stream.fingerprint,
            content_hash=stream.first_line.content_hash,
            is_timed=stream.first_line.is_timed,
            head=stream.first_line.head,
            cursor=stream.acknowledged,
            is_finished=bool(self.compression) and self.is_settled,
        )


class Files:
    """All files followed, and the entries of those that are gone.

    Attributes:
        gone: entries without a file: let go, deleted, rewritten, or (at first) not seen yet since the start.
        full_looks: how many times everything was looked at without a file being missed for want of looking.
    """

    def __init__(self, rules: FollowRules, entries: Iterable[FileEntry], *, is_first_start: bool) -> None:
        self.rules = rules
        self._replace_gone(entries)
        self.full_looks = 0
        self.unreadable: dict[bytes, str] = {}
        self._starts_at_end = rules.start_at_end and is_first_start
        self._by_inode: dict[tuple[int, int], File] = {}
        self._detached: list[File] = []
        self._busy: dict[int, File] = {}
        self._open_count = 0
        self._asked_at: dict[tuple[Identity, int | None], int] = {}

    def __iter__(self) -> Iterator[File]:
        yield from self._by_inode.values()
        yield from self._detached

    def __len__(self) -> int:
        return len(self._by_inode) + len(self._detached)

    # ---- what was seen -------------------------------------------------------------------------------------

    def take(self, look: Look, now: float, now_us: int) -> None:
        """Take in what a look found; opens new files at once, reads no further than their first line."""
        names = {sighting.path: (sighting.device, sighting.inode) for sighting in look.sightings}
        for sighting in look.sightings:
            self._see(sighting, look, names, now, now_us)
        for file in self._missed(look, set(names.values())):
            self._miss(file, now_us)
        if look.is_full:
            self.unreadable = dict(look.unreadable)
            self._starts_at_end = False
            self.full_looks += not look.unreadable
            self._mark_gone(look, now_us)

    def refresh(self, now: float) -> None:
        """Ask the open files that were active lately for their size; try those in trouble again."""
        for file in list(self):
            if file.trouble is not None and not file.is_let_go:
                self._busy[id(file)] = file
            if file.tail is not None and now - file.grown_at < ACTIVE_S:
                self._update(file, file.tail.facts(), now)

    def _see(self, sighting: Sighting, look: Look, names: Names, now: float, now_us: int) -> None:
        file = self._by_inode.get((sighting.device, sighting.inode))
        is_touched = file is not None and file.ctime_ns != sighting.ctime_ns
        if file is not None and is_touched and not self._open(file, sighting.path):
            if file.trouble != ANOTHER_FILE:
                return
            self._retire(file, now_us)  # its inode number was given to another file
            file = None
        if file is None:
            self._meet(sighting, look, now)
            return
        self._moved_to(file, sighting.path, look, names)
        if (sighting.size, sighting.ctime_ns) != (file.size, file.ctime_ns):
            self._changed(file, sighting.size, sighting.ctime_ns, now)

    def _moved_to(self, file: File, path: bytes, look: Look, names: Names) -> None:
        """Its name, where its former one does not lead to it any more (else it is a link, an alias)."""
        file.is_missing = False
        if path != file.path and names.get(file.path) != (file.identity.device, file.identity.inode):
            file.path = path
            file.directory_device = look.listed.get(os.path.dirname(path), file.directory_device)

    def _meet(self, sighting: Sighting, look: Look, now: float) -> None:
        """A file that is not followed yet."""
        directory_device = look.listed.get(os.path.dirname(sighting.path))
        file = File(sighting, Identity(sighting.device, sighting.inode, 0), directory_device)
        file.is_late = not self._starts_at_end
        file.grown_at = now
        if self._is_unchanged(file, sighting):
            return
        self._by_inode[(sighting.device, sighting.inode)] = file
        self._busy[id(file)] = file
        self._open(file, sighting.path)

    def _is_unchanged(self, file: File, sighting: Sighting) -> bool:
        """Take a file up from the checkpoint without opening it: identity, size and ctime are as they were."""
        entry = self._gone_by_inode.get((sighting.device, sighting.inode))
        if entry is None or entry.gone_us is not None or entry.fingerprint is None or entry not in self.gone:
            return False
        if (entry.size, entry.ctime_ns) != (sighting.size, sighting.ctime_ns) or entry.unread_bytes:
            return False
        file.identity, file.rewrites = entry.identity, entry.rewrites
        file.grown_at = float("-inf")
        file.stream = self._stream(file, _first_line(entry), entry.fingerprint, entry.cursor)
        file.stream.is_exhausted = True
        self.gone.remove(entry)
        self._by_inode[(sighting.device, sighting.inode)] = file
        return True

    def _changed(self, file: File, size: int, ctime_ns: int, now: float) -> None:
        if size != file.size:
            file.grown_at = now
        file.size, file.ctime_ns = size, ctime_ns
        file.greatest_size = max(file.greatest_size, size)
        file.is_let_go = False
        if file.stream is not None:
            file.stream.look_again()
        self._busy[id(file)] = file

    def _update(self, file: File, facts: FileFacts, now: float) -> None:
        file.is_unlinked = facts.is_unlinked
        if (facts.size, facts.ctime_ns) != (file.size, file.ctime_ns):
            self._changed(file, facts.size, facts.ctime_ns, now)

    # ---- what was not seen any more ------------------------------------------------------------------------

    def _missed(self, look: Look, seen: set[tuple[int, int]]) -> list[File]:
        """The files that should have been seen, where the directory could be listed and is the same one."""
        return [
            file
            for inode, file in self._by_inode.items()
            if inode not in seen and not file.is_missing and self._was_looked_for(file, look)
        ]

    def _was_looked_for(self, file: File, look: Look) -> bool:
        directory = os.path.dirname(file.path)
        if directory in look.listed:
            return file.directory_device in (None, look.listed[directory])
        return look.is_full and not _is_under(printable(directory), map(printable, look.unreadable))

    def _miss(self, file: File, now_us: int) -> None:
        """Its name is gone: deleted, or renamed to where we do not look."""
        if file.tail is None:
            self._retire(file, now_us)
            return
        file.is_missing = True
        file.is_unlinked = file.tail.facts().is_unlinked
        self._busy[id(file)] = file
        self._by_inode.pop((file.identity.device, file.identity.inode), None)
        self._detached.append(file)

    def _mark_gone(self, look: Look, now_us: int) -> None:
        """After a full look, an entry of the checkpoint that no file was found for is gone."""
        if all(entry.gone_us is not None for entry in self.gone):
            return
        listed = {printable(path): device for path, device in look.listed.items()}
        unreadable = [printable(path) for path in look.unreadable]

        def is_gone(entry: FileEntry) -> bool:
            directory = os.path.dirname(entry.path)
            if directory in listed:
                return entry.directory_device in (None, listed[directory])
            return not _is_under(directory, unreadable)

        self._replace_gone(
            msgspec.structs.replace(entry, gone_us=now_us) if entry.gone_us is None and is_gone(entry) else entry
            for entry in self.gone
        )

    def _replace_gone(self, entries: Iterable[FileEntry]) -> None:
        self.gone = list(entries)
        self._gone_by_inode = {(entry.identity.device, entry.identity.inode): entry for entry in self.gone}

    def _retire(self, file: File, now_us: int) -> None:
        """It is over: keep its entry, free its descriptor."""
        self.close(file)
        self._busy.pop(id(file), None)
        key = (file.identity.device, file.identity.inode)
        if self._by_inode.get(key) is file:
            del self._by_inode[key]
        if file in self._detached:
            self._detached.remove(file)
        if file.size:
            self._keep_gone(msgspec.structs.replace(file.entry(), gone_us=now_us))

    def _keep_gone(self, entry: FileEntry) -> None:
        self.gone.append(entry)
        self._gone_by_inode[(entry.identity.device, entry.identity.inode)] = entry

    # ---- opening and identifying ---------------------------------------------------------------------------

    def _open(self, file: File, path: bytes) -> bool:
        """Open a file; False (with `trouble` set) where that cannot be done now, or it is not that file any more."""
        if file.tail is not None:
            return True
        if self._open_count >= self.rules.max_open and not self._close_idlest():
            file.trouble = NO_DESCRIPTOR
            return False
        try:
            tail = open_tail(path, file.compression)
            identity = tail.facts().identity
        except OSError as error:
            file.trouble = NO_DESCRIPTOR if error.errno in SHORTAGE else error.strerror or type(error).__name__
            return False
        if file.stream is not None and identity != file.identity:
            tail.close()
            file.trouble = ANOTHER_FILE
            return False
        self._open_count += 1
        file.identity, file.trouble, file.tail = identity, None, tail
        return True

    def close(self, file: File) -> None:
        """Free its descriptor; it is opened again when it grows."""
        if file.tail is not None:
            file.tail.close()
            file.tail = None
            self._open_count -= 1

    def _close_idlest(self) -> bool:
        """Free the descriptor of the settled file that has not grown for longest."""
        idle = [f for f in self._by_inode.values() if f.tail is not None and f.is_settled and not f.is_unlinked]
        if not idle:
            return False
        self.close(min(idle, key=lambda file: file.grown_at))
        return True

    def close_idle(self, now: float) -> None:
        """Free the descriptors of files that are settled and have not grown for ten minutes."""
        for file in list(self._by_inode.values()):
            if file.tail is not None and file.is_settled and now - file.grown_at > ACTIVE_S:
                self.close(file)

    def identify(self, file: File, *, is_over: bool) -> Stream | None:
        """The file's stream, once its first whole line is there; a file that is over needs no LF for that.

        Raises:
            OSError: it cannot be read now.
        """
        if file.stream is not None:
            return file.stream
        assert file.tail is not None
        if file.scan is None:
            file.scan = FirstLineScan(
                max_line_bytes=self.rules.context.max_line_bytes, naive_timezone=self.rules.context.naive_timezone
            )
        first = file.scan.scan(file.tail, is_over=is_over)
        if first is None:
            return None
        file.scan = None
        file.stream = self._go_on(file, file.tail, first)
        return file.stream

    def _go_on(self, file: File, tail: Tail, first: FirstLine) -> Stream:
        """Where to go on in a file whose first line is known: its own entry, a twin's, else the start."""
        own = latest_of(file.identity, self.gone)
        if own is not None:
            file.rewrites = max(file.rewrites, own.rewrites)
            if own.fingerprint is not None and own.content_hash == first.content_hash and _has_place(tail, own):
                self.gone.remove(own)
                return self._stream(file, first, own.fingerprint, own.cursor)
            if own.fingerprint is not None:
                file.rewrites = own.rewrites + 1
        for twin in self._twins(file, first):
            assert twin.fingerprint is not None
            if _has_place(tail, twin):
                self._claim(twin)
                return self._stream(file, first, twin.fingerprint, twin.cursor)
        fingerprint = fingerprint_of(first, file.identity, file.home, self.rules.host, file.rewrites)
        return self._stream(file, first, fingerprint, Cursor() if file.is_late else _end_of(tail))

    def _twins(self, file: File, first: FirstLine) -> list[FileEntry]:
        others = [*self.gone, *(other.entry() for other in self if other is not file and other.stream is not None)]
        return twins_of(first, file.path, is_packed=bool(file.compression), entries=others)

    def _claim(self, twin: FileEntry) -> None:
        """Its place is taken: no other file may go on from it. (A file that is still there claims for itself.)"""
        if twin in self.gone and not twin.is_timed:
            self.gone[self.gone.index(twin)] = msgspec.structs.replace(twin, claimed=True)

    def _stream(self, file: File, first: FirstLine, fingerprint: int, cursor: Cursor) -> Stream:
        shown = printable(file.home)
        context = msgspec.structs.replace(
            self.rules.context,
            origin=Origin(self.rules.host, shown, fingerprint),
            script_name=script_name_of(shown),
        )
        return Stream(context, first, cursor)

    # ---- reading and letting go ----------------------------------------------------------------------------

    def busy(self) -> list[File]:
        """The files that have something to read, to identify or to be let go, in the order they became so."""
        return list(self._busy.values())

    def rest(self, file: File) -> None:
        """Nothing more to do for this file until it is seen to change."""
        self._busy.pop(id(file), None)

    def to_back(self, file: File) -> None:
        """It had its turn: the others come first."""
        self._busy[id(file)] = self._busy.pop(id(file))

    def wake_all(self) -> None:
        """Look at every file again: after an outage, or when everything is to be read once more."""
        for file in self:
            if file.stream is not None:
                file.stream.fall_back()
            self._busy[id(file)] = file

    def opened(self, file: File) -> Tail | None:
        """The file's tail, opened if need be; None (with `trouble` set) where that cannot be done now."""
        return file.tail if self._open(file, file.path) else None

    def rewritten(self, file: File, facts: FileFacts, now: float, now_us: int) -> None:
        """Its content is another: what it was is gone, and it begins anew."""
        self._keep_gone(msgspec.structs.replace(file.entry(), gone_us=now_us))
        file.stream = None
        file.scan = None
        file.rewrites += 1
        file.is_late = True
        file.size = file.greatest_size = facts.size
        file.ctime_ns = facts.ctime_ns
        file.grown_at = now
        self._busy[id(file)] = file

    def may_let_go(self, file: File, now: float) -> bool:
        """True once the file is over and read to its end, or over and without any line."""
        if file.is_let_go or file.tail is None:
            return False
        return may_let_go(self._letting_go(file, now), self.rules.close_after_s)

    def is_leaving(self, file: File) -> bool:
        """True while the file waits to be let go."""
        return not file.is_let_go and self._letting_go(file, 0.0).is_over

    def is_quiet(self, file: File, now: float) -> bool:
        """True once a file that is over may be taken as it is."""
        return is_quiet_enough(self._letting_go(file, now), self.rules.close_after_s)

    def _letting_go(self, file: File, now: float) -> LettingGo:
        return LettingGo(
            is_unlinked=file.is_unlinked,
            is_replaced=file.is_missing or file.path != file.home,
            is_finished=file.tail is not None and file.tail.is_finished,
            is_read_to_end=file.stream is None or file.is_settled,
            quiet_s=now - file.grown_at,
        )

    def is_cut_short(self, file: File, now: float) -> bool:
        """True for a packed file that could not be read to its end and has not grown for long."""
        if file.is_let_go or file.tail is None or file.tail.trouble is None or not file.is_settled:
            return False
        return now - file.grown_at >= self.rules.close_after_s

    def over_budget(self, max_deleted_bytes: int) -> list[File]:
        """The deleted files to give up, oldest first, so that unread deleted bytes come back within the budget."""
        deleted = sorted((file for file in self if file.is_unlinked), key=lambda file: file.grown_at)
        surplus = sum(file.lag for file in deleted) - max_deleted_bytes
        given_up = []
        for file in deleted:
            if surplus <= 0:
                break
            surplus -= file.lag
            given_up.append(file)
        return given_up

    def give_up(self, file: File, now_us: int) -> None:
        """Stop holding a deleted file that was not read to its end; what it had is judged as lost."""
        self._retire(file, now_us)

    def let_go(self, file: File, now_us: int) -> None:
        """It is over. Where its name is still there it is known, closed, and taken up again should it grow."""
        file.is_let_go = True
        self.rest(file)
        if file.is_missing or file.is_unlinked:
            self._retire(file, now_us)
        else:
            self.close(file)

    # ---- what is lost --------------------------------------------------------------------------------------

    def to_judge(self, now_us: int) -> list[FileEntry]:
        """The entries of files gone with unread bytes, after a grace and two full looks for where they may be."""
        due = []
        for entry in self.gone:
            if entry.gone_us is None or entry.unread_bytes == 0:
                continue
            first_asked = self._asked_at.setdefault((entry.identity, entry.fingerprint), self.full_looks)
            if self.full_looks >= first_asked + 2 and now_us - entry.gone_us >= LOSS_GRACE_S * 1e6:
                due.append(entry)
        return due

    def judged(self, entry: FileEntry) -> None:
        """Its loss is in the ledger, or there is none."""
        self._asked_at.pop((entry.identity, entry.fingerprint), None)
        settled = msgspec.structs.replace(entry, size=entry.cursor.offset, is_finished=True)
        self._replace_gone(settled if other is entry else other for other in self.gone)

    def copies_of(self, entry: FileEntry) -> list[File]:
        """The files there are now with the same content."""
        return [file for file in self if file.stream is not None and file.stream.fingerprint == entry.fingerprint]

    def is_read_to_end(self, fingerprint: int) -> bool:
        """True if every file there is with that content is read and acknowledged to its end."""
        return all(
            file.is_settled for file in self if file.stream is not None and file.stream.fingerprint == fingerprint
        )

    def raw_line(self, record: Record) -> bytes | None:
        """The record's bytes on disk, if its file is still followed and can be read."""
        for file in self:
            if file.stream is not None and file.stream.fingerprint == record.origin.fingerprint and file.tail:
                try:
                    return file.tail.read(record.offset, record.length)
                except OSError:
                    return None
        return None

    # ---- for the checkpoint --------------------------------------------------------------------------------

    def entries(self, now_us: int) -> tuple[FileEntry, ...]:
        """What the checkpoint keeps: of the files there are, and of those that are gone."""
        here = [file.entry() for file in self]
        present = {entry.fingerprint for entry in here if entry.fingerprint is not None}
        self.gone = worth_keeping(self.gone, present, now_us)
        return (*here, *self.gone)

    def start_over(self) -> None:
        """The store has lost what was acknowledged: every file from its start."""
        self._replace_gone(msgspec.structs.replace(entry, cursor=Cursor(), is_finished=False) for entry in self.gone)
        for file in self:
            if file.stream is not None:
                file.stream.acknowledge(Cursor())
            file.is_let_go = False
        self.wake_all()


def _has_place(tail: Tail, entry: FileEntry) -> bool:
    """True if the file holds the entry's head, and its marker before the entry's offset."""
    marker = entry.cursor.marker
    if not entry.head.fits(tail.read(0, entry.head.length)):
        return False
    return marker.fits(tail.read(entry.cursor.offset - marker.length, marker.length))


def _end_of(tail: Tail) -> Cursor:
    """The cursor behind a file's last whole line."""
    size = tail.facts().size
    start = max(size - (1 << 20), 0)
    block = tail.read(start, size - start)
    end = block.rfind(b"\n") + 1
    return Cursor(start + end, marker_before(block, end)) if end else Cursor(0, NO_MARKER)


def _first_line(entry: FileEntry) -> FirstLine:
    return FirstLine(entry.content_hash, entry.is_timed, entry.head)


def _is_under(directory: str, parents: Iterable[str]) -> bool:
    return any(directory == parent or directory.startswith(parent.rstrip("/") + "/") for parent in parents)
