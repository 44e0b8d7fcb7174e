"""The files followed: identified, gone on from where the checkpoint says, let go when they are over.

Takes what discovery saw and hands out the files that have something to read. Whatever is to be decided is decided
in `tracker`; `descriptors` holds them open, `gone` remembers those without a file.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import AnyStr, TypeAlias

import msgspec

from logagent.daemon.checkpoint import FileEntry
from logagent.daemon.descriptors import ANOTHER_FILE, Descriptors
from logagent.daemon.discovery import Look, Sighting
from logagent.daemon.facts import identity_at
from logagent.daemon.file import File
from logagent.daemon.follow_rules import FollowRules
from logagent.daemon.identity import FileFacts, Identity
from logagent.daemon.recognition import Recognition
from logagent.daemon.tail import Tail
from logagent.daemon.tracker import (
    LOSS_GRACE_S,
    is_cut,
    printable,
    rotation_of,
    worth_keeping,
)
from logagent.formats.key import hash_prefix, line_hash
from logagent.formats.record import Record

Names: TypeAlias = dict[bytes, tuple[int, int]]
"""Device and inode of each name in one look."""


class Files:
    """All files followed, and the entries of those that are gone.

    Attributes:
        recognition: what they are known by.
        gone: entries without a file: let go, deleted, rewritten, or (at first) not seen yet since the start.
        descriptors: what holds the files open.
        full_looks: how many times everything was looked at without a file being missed for want of looking.
        unreadable: what the last full look could not look at, and why.
        away: the directories that are now on another file system than their files were seen on, and how many those are.
    """

    def __init__(self, rules: FollowRules, entries: Iterable[FileEntry], *, is_first_start: bool) -> None:
        self.rules = rules
        self.recognition = Recognition(rules, entries)
        self.gone = self.recognition.gone
        self.descriptors = Descriptors(rules.max_open)
        self.full_looks = 0
        self.unreadable: dict[bytes, str] = {}
        self.away: dict[str, int] = {}
        self._starts_at_end = rules.start_at_end and is_first_start
        self._by_inode: dict[tuple[int, int], File] = {}
        self._detached: list[File] = []
        self._busy: dict[int, File] = {}
        self._asked_at: dict[tuple[Identity, int | None], tuple[int, float]] = {}

    def __iter__(self) -> Iterator[File]:
        yield from self._by_inode.values()
        yield from self._detached

    def __len__(self) -> int:
        return len(self._by_inode) + len(self._detached)

    def apply(self, rules: FollowRules) -> None:
        """Follow by these rules from now on, files that are followed already included."""
        self.rules = self.recognition.rules = rules
        for file in self:
            if file.stream is not None:
                file.stream.apply(rules.context)

    # ---- what was seen -------------------------------------------------------------------------------------

    def take(self, look: Look, now: float, now_us: int) -> None:
        """Take in what a look found; opens new files at once, reads no further than their first line."""
        names = {sighting.path: (sighting.device, sighting.inode) for sighting in look.sightings}
        for sighting in look.sightings:
            self._see(sighting, look, names, now, now_us)
        if look.listed or look.is_full:
            for file in self._missed(look, set(names.values())):
                self._miss(file, now_us)
        if look.is_full:
            self.unreadable = dict(look.unreadable)
            self._starts_at_end = False
            self.full_looks += not look.unreadable
            self._mark_gone(look, now_us)

    def refresh(self, now: float, now_us: int) -> None:
        """Ask the open files that were active lately for their size; try those in trouble again."""
        for file in list(self):
            if file.trouble is not None and not file.is_let_go:
                self._busy[id(file)] = file
            if file.tail is not None and _is_due(file, now, self.rules.idle_after_s):
                file.asked_at = now
                if not self._is_as_seen(file, file.tail):
                    self._update(file, file.tail, now, now_us)

    def _see(self, sighting: Sighting, look: Look, names: Names, now: float, now_us: int) -> None:
        file = self._by_inode.get((sighting.device, sighting.inode))
        is_touched = file is not None and file.ctime_ns != sighting.ctime_ns
        if file is not None and is_touched and not self.descriptors.open(file, sighting.path):
            if file.trouble != ANOTHER_FILE:
                file.see(sighting.size, sighting.ctime_ns, now, now_us)
                self._moved_to(file, sighting.path, look, names)  # or it would be looked for under another's name
                self._busy[id(file)] = file
                return
            if file.seen is not None and not _identity_of(sighting).birth:  # that may have been the other one
                file.path, file.seen = file.seen.changes[0].former_path, None
            self._retire(file, now_us)  # its inode number was given to another file
            file = None
        if file is None:
            self._meet(sighting, look, now)
            return
        if (sighting.size, sighting.ctime_ns) != (file.size, file.ctime_ns):
            size, ctime_ns = self._size_now(file, sighting)
            self._changed(file, size, ctime_ns, now, now_us)  # what is lost was seen by its old name
        self._moved_to(file, sighting.path, look, names)

    def _size_now(self, file: File, sighting: Sighting) -> tuple[int, int]:
        """Its size and ctime: those of the sighting, unless it was cut since; then it was still whole when it was seen.

        What is read of it now would else be taken for as long as that, and the rest of it for lost.
        """
        facts = self._facts(file, file.tail) if file.tail is not None and file.seen is None else None
        if facts is None or not facts.size < sighting.size >= file.size:
            return sighting.size, sighting.ctime_ns
        file.greatest_size = max(file.greatest_size, sighting.size)
        return facts.size, facts.ctime_ns

    def _moved_to(self, file: File, path: bytes, look: Look, names: Names) -> None:
        """Its name, where its former one does not lead to it any more (else it is a link, an alias)."""
        file.is_missing = False
        if file.directory_device is None and path == file.path:  # it was found by a wake-up, its directory not listed
            file.directory_device = look.listed.get(os.path.dirname(path))
        if path != file.path and names.get(file.path) != (file.identity.device, file.identity.inode):
            file.path = path
            file.directory_device = look.listed.get(os.path.dirname(path), file.directory_device)

    def _meet(self, sighting: Sighting, look: Look, now: float) -> None:
        """A file that is not followed yet."""
        directory_device = look.listed.get(os.path.dirname(sighting.path))
        file = File(sighting, _identity_of(sighting), directory_device)
        file.grown_at = now
        self._by_inode[(sighting.device, sighting.inode)] = file
        if self.recognition.take_up(file, sighting):
            return
        if self._starts_at_end:
            file.begin_at = file.size
            if file.compression:
                file.is_let_go = True  # it was written before the start: all of it is passed over
                return
        self._busy[id(file)] = file
        self.descriptors.open(file, sighting.path)

    def _changed(self, file: File, size: int, ctime_ns: int, now: float, now_us: int) -> None:
        seen, file.seen = file.seen, None
        if seen is not None:
            path = file.path
            for change in seen.changes:
                file.path = change.former_path
                self._changed(file, change.size, ctime_ns, seen.now, seen.now_us)
            file.path = path
        if size != file.size:
            file.grown_at = now
        acknowledged = file.stream.acknowledged.offset if file.stream else 0
        if not file.compression and (size < acknowledged or not self.recognition.still_stands(file, size)):
            self.recognition.begin_anew(file, size, ctime_ns, now_us)
        elif not file.compression and is_cut(size, file.greatest_size, acknowledged):
            self.recognition.keep_cut(file, size, ctime_ns, now_us)
        file.size, file.ctime_ns = size, ctime_ns
        file.greatest_size = max(file.greatest_size, size)
        file.least_size = min(file.least_size, size)
        file.was_read_whole = bool(file.compression) and file.is_settled
        file.is_let_go = False
        if file.stream is not None:
            file.stream.look_again()
        self._busy[id(file)] = file

    def _update(self, file: File, tail: Tail, now: float, now_us: int) -> None:
        facts = self._facts(file, tail)
        if facts is None:
            return
        file.is_unlinked = facts.is_unlinked
        if (facts.size, facts.ctime_ns) != (file.size, file.ctime_ns):
            self._changed(file, facts.size, facts.ctime_ns, now, now_us)

    def _is_as_seen(self, file: File, tail: Tail) -> bool:
        """True for a file with a name in which nothing changed: the quick way out for nearly all."""
        try:
            return not file.is_unlinked and tail.is_as_seen(file.size, file.ctime_ns)
        except OSError:
            return False  # its facts are asked for next, and say why not

    def _facts(self, file: File, tail: Tail) -> FileFacts | None:
        """What its file system says of it; None (with `trouble` set) where it does not answer."""
        try:
            return tail.facts()
        except OSError as error:
            file.trouble = error.strerror or type(error).__name__
            return None

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
        is_listed = directory in look.listed
        if not is_listed and (not look.is_full or _is_under(printable(directory), map(printable, look.unreadable))):
            return False
        return not _is_away(file.directory_device, directory, look.listed)

    def _miss(self, file: File, now_us: int) -> None:
        """Its name is gone: deleted, or renamed to where we do not look."""
        if file.tail is None:
            self._retire(file, now_us)
            return
        facts = self._facts(file, file.tail)
        if facts is None:
            return
        file.is_missing = True
        file.is_unlinked = facts.is_unlinked
        self._busy[id(file)] = file
        self._by_inode.pop((file.identity.device, file.identity.inode), None)
        self._detached.append(file)

    def _mark_gone(self, look: Look, now_us: int) -> None:
        """After a full look, an entry of the checkpoint that no file was found for is gone."""
        self.away = dict(Counter(self._away(look)))
        if all(entry.gone_us is not None for entry in self.gone):
            return
        listed = {printable(path): device for path, device in look.listed.items()}
        unreadable = [printable(path) for path in look.unreadable]

        for entry in self.gone:
            directory = os.path.dirname(entry.path)
            if entry.gone_us is not None or (directory not in listed and _is_under(directory, unreadable)):
                continue
            if _is_away(entry.directory_device, directory, listed):
                self.away[directory] = self.away.get(directory, 0) + 1
            elif not self._may_turn_out_as(entry):
                self.gone.replace(entry, msgspec.structs.replace(entry, gone_us=now_us))

    def _away(self, look: Look) -> Iterator[str]:
        """The directories of the files that are followed and are on a file system that is not there now."""
        for file in self._by_inode.values():
            directory = os.path.dirname(file.path)
            device = file.directory_device
            if look.listed.get(directory) != device and _is_away(device, directory, look.listed):
                yield printable(directory)

    def _may_turn_out_as(self, entry: FileEntry) -> bool:
        """True while a file that could not be looked into yet may be the one of that entry."""
        file = self._by_inode.get((entry.identity.device, entry.identity.inode))
        is_open = file is not None and file.stream is None and file.identity.birth in (0, entry.identity.birth)
        return is_open and entry.cut_at is None

    def _retire(self, file: File, now_us: int) -> None:
        """It is over: keep its entry, free its descriptor."""
        self._take_seen(file)
        self.descriptors.close(file)
        self._busy.pop(id(file), None)
        key = (file.identity.device, file.identity.inode)
        if self._by_inode.get(key) is file:
            del self._by_inode[key]
        if file in self._detached:
            self._detached.remove(file)
        known = self.recognition.entry_of(file)
        if known is not None and known.size < file.greatest_size:
            self.gone.replace(known, msgspec.structs.replace(known, size=file.greatest_size, is_finished=False))
        elif known is None and file.greatest_size:
            entry = file.entry() if file.compression else file.marked_entry()  # how far a packed one was, nobody knows
            self.gone.add(msgspec.structs.replace(entry, gone_us=now_us))
        self.recognition.forget(file)

    # ---- reading and letting go ----------------------------------------------------------------------------

    def identify_new(self) -> None:
        """Know new files by their first line though nothing can be shipped: packed or copied, they are known again."""
        for file in self.busy():
            if file.stream is None and file.tail is not None:
                try:
                    self.recognition.identify(file, is_over=False)
                    file.tail.forget()
                except OSError as error:
                    file.trouble = error.strerror or type(error).__name__

    def busy(self) -> list[File]:
        """The files that have something to read, to identify or to be let go, in the order they became so."""
        return list(self._busy.values())

    def rest(self, file: File) -> None:
        """Nothing more to do for this file until it is seen to change."""
        self._busy.pop(id(file), None)

    def to_back(self, file: File) -> None:
        """It had its turn: the others come first."""
        self._busy[id(file)] = self._busy.pop(id(file))

    def fall_back(self) -> None:
        """Forget what was read since the store's last mark: it is read again."""
        for file in self:
            if file.stream is not None and (file.stream.marked is not None or not file.is_settled):
                file.is_let_go = False
                file.stream.fall_back()
                self._busy[id(file)] = file

    def opened(self, file: File) -> Tail | None:
        """The file's tail, opened if need be; None (with `trouble` set) where that cannot be done now."""
        if not self.descriptors.open(file, file.path):
            return None
        self._take_seen(file)
        return file.tail

    def _take_seen(self, file: File) -> None:
        """Take in what was seen while it could not be opened."""
        if (seen := file.seen) is not None:
            self._changed(file, seen.size, seen.ctime_ns, seen.now, seen.now_us)

    def close(self, file: File) -> None:
        """Free its descriptor; it is opened again when there is more to read."""
        self.descriptors.close(file)

    def rewritten(self, file: File, facts: FileFacts, now: float, now_us: int) -> None:
        """Its content was found to be another when it was read."""
        self.recognition.begin_anew(file, facts.size, facts.ctime_ns, now_us)
        file.grown_at = now
        self._busy[id(file)] = file

    def over_budget(self, max_deleted_bytes: int) -> list[File]:
        """The deleted files to give up, oldest first, so that unread deleted bytes come back within the budget."""
        deleted = sorted((file for file in self if file.is_unlinked and file.lag), key=lambda file: file.grown_at)
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
        file.cut_size = file.size if file.compression else None
        file.trouble = None
        self.rest(file)
        if file.is_missing or file.is_unlinked:
            self._retire(file, now_us)
        else:
            self.descriptors.close(file)

    # ---- what is lost --------------------------------------------------------------------------------------

    def to_judge(self, now: float) -> list[FileEntry]:
        """The entries of files gone with unread bytes, after a grace and two full looks for where they may be."""
        due = []
        for entry in self.gone:
            if entry.gone_us is None or entry.unread_bytes == 0:
                continue
            looks, asked_at = self._asked_at.setdefault((entry.identity, entry.fingerprint), (self.full_looks, now))
            if self.full_looks >= looks + 2 and now - asked_at >= LOSS_GRACE_S:
                due.append(entry)
        return due

    def judged(self, entry: FileEntry) -> None:
        """Its loss is in the ledger, or there is none."""
        self._asked_at.pop((entry.identity, entry.fingerprint), None)
        self.gone.replace(entry, msgspec.structs.replace(entry, size=entry.cursor.offset, is_finished=True))

    def is_read_to_end(self, fingerprint: int) -> bool:
        """True if every file there is with that content, and every rotation of it, is acknowledged to its end."""
        names = {file.rotation for file in self if file.stream and file.stream.fingerprint == fingerprint}
        names |= {rotation_of(entry.path) for entry in self.gone if entry.fingerprint == fingerprint}
        return all(file.is_read for file in self if file.rotation in names)

    def raw_line(self, record: Record) -> bytes | None:
        """The record's bytes on disk, if a file that is followed has them still, and they fit into memory.

        Files that begin alike may go on with other bytes.
        """
        if record.length > self.rules.context.max_line_bytes:
            return None
        prefix = hash_prefix(record.origin.fingerprint)
        for file in self:
            if file.stream is None or file.stream.fingerprint != record.origin.fingerprint or file.tail is None:
                continue
            try:
                raw = file.tail.read(record.offset, record.length)
            except OSError:
                continue
            first_line = raw.partition(b"\n")[0]
            if len(raw) == record.length and line_hash(prefix, record.offset, first_line) == record.hash:
                return raw
        return None

    # ---- for the checkpoint --------------------------------------------------------------------------------

    def entries(self, now_us: int) -> tuple[FileEntry, ...]:
        """What the checkpoint keeps: of the files there are, as far as the store was marked, and of those gone."""
        here = [file.marked_entry() for file in self if file.most_seen]
        present = {entry.fingerprint for entry in here if entry.fingerprint is not None}
        kept = worth_keeping(self.gone, present, now_us)
        if len(kept) < len(self.gone):
            self.gone.keep(kept)
        return (*here, *kept)

    def start_over(self) -> None:
        """The store has lost what was acknowledged: every file from its start."""
        self.recognition.start_over()
        for file in self:
            file.begin_at, file.begun_at = None, 0
            file.is_let_go = False
            if file.stream is not None:
                file.stream.start_over()
            self._busy[id(file)] = file


def _identity_of(sighting: Sighting) -> Identity:
    """What was seen; its birth time is 0 where only a descriptor would tell, or the name is another file's by now."""
    found = identity_at(sighting.path)
    seen = Identity(sighting.device, sighting.inode, 0)
    if found is None or (found.device, found.inode) != (seen.device, seen.inode) or found.birth > sighting.ctime_ns:
        return seen
    return found


def _is_due(file: File, now: float, idle_after_s: float) -> bool:
    """True if it should be asked for its size: the longer a file has been quiet, the more seldom; idle ones never.

    Wake-ups and full sweeps tell of it too, so asking 10,000 files every 2 s would buy little.
    """
    quiet_s = now - file.grown_at
    return file.is_unlinked or (quiet_s < idle_after_s and now - file.asked_at >= quiet_s / 10)


def _is_under(directory: str, parents: Iterable[str]) -> bool:
    return any(directory == parent or directory.startswith(parent.rstrip("/") + "/") for parent in parents)


def _is_away(device: int | None, directory: AnyStr, listed: Mapping[AnyStr, int]) -> bool:
    """True if the directory that was on that device, or the nearest above it that there is, is on another one now.

    Its mount is away: what was in it could not be looked for.
    """
    while directory not in listed and directory != os.path.dirname(directory):
        directory = os.path.dirname(directory)
    return device is not None and listed.get(directory, device) != device
