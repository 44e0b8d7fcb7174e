"""The files followed: identified, gone on from where the checkpoint says, let go when they are over.

Takes what discovery saw and hands out the files that have something to read. Whatever is to be decided is decided
in `tracker`; `descriptors` holds them open, `gone` remembers those without a file.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TypeAlias

import msgspec

from logagent.daemon.checkpoint import Cursor, FileEntry
from logagent.daemon.descriptors import ANOTHER_FILE, Descriptors
from logagent.daemon.discovery import Look, Sighting
from logagent.daemon.file import File, Seen
from logagent.daemon.first_line import FirstLineScan
from logagent.daemon.gone import Gone
from logagent.daemon.identity import FileFacts, FirstLine, Identity
from logagent.daemon.marker import NO_MARKER, marker_before
from logagent.daemon.stream import Stream
from logagent.daemon.tail import Tail
from logagent.daemon.tracker import (
    LOSS_GRACE_S,
    LettingGo,
    fingerprint_of,
    is_cut,
    is_quiet_enough,
    latest_of,
    may_let_go,
    printable,
    rewrites_of,
    twins_of,
    worth_keeping,
)
from logagent.formats.lines import FileContext, script_name_of
from logagent.formats.record import Origin, Record

Names: TypeAlias = dict[bytes, tuple[int, int]]
"""Device and inode of each name in one look."""


class FollowRules(msgspec.Struct, frozen=True, kw_only=True):
    """How files are followed: from the settings, fixed while the daemon runs.

    `context` is every file's, but for its origin and script name. `start_at_end`: files that are there at the very
    first start are followed from their end on. `idle_after_s`: a file without growth for so long is closed, and
    looked at in the sweeps of idle files only.
    """

    host: str
    context: FileContext
    start_at_end: bool = False
    close_after_s: float = 60.0
    idle_after_s: float = 600.0
    max_open: int = 900


class Files:
    """All files followed, and the entries of those that are gone.

    Attributes:
        gone: entries without a file: let go, deleted, rewritten, or (at first) not seen yet since the start.
        descriptors: what holds the files open.
        cut: fingerprints of files found cut in place of which the store was not asked yet.
        full_looks: how many times everything was looked at without a file being missed for want of looking.
        has_begun_anew: a file was seen to begin anew, and the checkpoint does not say so yet.
    """

    def __init__(self, rules: FollowRules, entries: Iterable[FileEntry], *, is_first_start: bool) -> None:
        self.rules = rules
        self.gone = Gone(entries)
        self.cut = {entry.fingerprint for entry in self.gone if entry.cut_at is not None and entry.stored_end is None}
        self.descriptors = Descriptors(rules.max_open)
        self.full_looks = 0
        self.has_begun_anew = False
        self.unreadable: dict[bytes, str] = {}
        self._starts_at_end = rules.start_at_end and is_first_start
        self._by_inode: dict[tuple[int, int], File] = {}
        self._detached: list[File] = []
        self._with_first_line: dict[int, dict[int, File]] = {}
        self._busy: dict[int, File] = {}
        self._asked_at: dict[tuple[Identity, int | None], tuple[int, float]] = {}

    def __iter__(self) -> Iterator[File]:
        yield from self._by_inode.values()
        yield from self._detached

    def __len__(self) -> int:
        return len(self._by_inode) + len(self._detached)

    def apply(self, rules: FollowRules) -> None:
        """Follow by these rules from now on, files that are followed already included."""
        self.rules = rules
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
                self._update(file, file.tail, now, now_us)

    def _see(self, sighting: Sighting, look: Look, names: Names, now: float, now_us: int) -> None:
        file = self._by_inode.get((sighting.device, sighting.inode))
        is_touched = file is not None and file.ctime_ns != sighting.ctime_ns
        if file is not None and is_touched and not self.descriptors.open(file, sighting.path):
            if file.trouble != ANOTHER_FILE:
                self._moved_to(file, sighting.path, look, names)  # or it would be looked for under another's name
                file.seen = Seen(sighting.size, sighting.ctime_ns, now, now_us)
                self._busy[id(file)] = file
                return
            self._retire(file, now_us)  # its inode number was given to another file
            file = None
        if file is None:
            self._meet(sighting, look, now)
            return
        self._moved_to(file, sighting.path, look, names)
        if (sighting.size, sighting.ctime_ns) != (file.size, file.ctime_ns):
            self._changed(file, sighting.size, sighting.ctime_ns, now, now_us)

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
        file.grown_at = now
        self._by_inode[(sighting.device, sighting.inode)] = file
        if self._is_unchanged(file, sighting):
            return
        if self._starts_at_end:
            file.begin_at = file.size
            if file.compression:
                file.is_let_go = True  # it was written before the start: all of it is passed over
                return
        self._busy[id(file)] = file
        self.descriptors.open(file, sighting.path)

    def _is_unchanged(self, file: File, sighting: Sighting) -> bool:
        """Take a file up from the checkpoint without opening it: identity, size and ctime are as they were."""
        entry = next(iter(self.gone.with_inode(sighting.device, sighting.inode)[-1:]), None)
        if entry is None or entry.gone_us is not None or entry.unread_bytes:
            return False
        if (entry.size, entry.ctime_ns) != (sighting.size, sighting.ctime_ns):
            return False
        file.identity, file.rewrites, file.begun_at = entry.identity, entry.rewrites, entry.begun_at
        file.grown_at = float("-inf")
        if entry.fingerprint is None:
            file.is_let_go = True
        else:
            self._follow(file, _first_line(entry), entry.fingerprint, entry.cursor).is_exhausted = True
        self.gone.remove(entry)
        return True

    def _changed(self, file: File, size: int, ctime_ns: int, now: float, now_us: int) -> None:
        if size != file.size:
            file.grown_at = now
        acknowledged = file.stream.acknowledged.offset if file.stream else 0
        if not file.compression and (size < acknowledged or self._is_another(file, size)):
            self._begin_anew(file, size, ctime_ns, now_us)
        elif not file.compression and is_cut(size, file.greatest_size, acknowledged):
            self._keep_cut(file, size, ctime_ns, now_us)
        file.size, file.ctime_ns = size, ctime_ns
        file.greatest_size = max(file.greatest_size, size)
        file.was_read_whole = bool(file.compression) and (file.is_settled or file.is_let_go)
        file.is_let_go, file.seen = False, None
        if file.stream is not None:
            file.stream.look_again()
        self._busy[id(file)] = file

    def _is_another(self, file: File, size: int) -> bool:
        """True if what was read of it does not stand in it any more: looked at now, it may be cut again before a read."""
        if file.stream is None or file.tail is None:
            return False
        try:
            return not file.stream.is_same(file.tail, size)
        except OSError as error:
            file.trouble = error.strerror or type(error).__name__
            return False

    def _keep_cut(self, file: File, size: int, ctime_ns: int, now_us: int) -> None:
        """Remember what it had; of one whose beginning is not known nobody can say that any of it still stands."""
        cut_at = size if file.stream is not None else 0
        entry = msgspec.structs.replace(file.entry(), gone_us=now_us, ctime_ns=ctime_ns, cut_at=cut_at)
        self.gone.add(entry)
        self.cut.add(entry.fingerprint)
        file.greatest_size = size
        if file.stream is None:
            file.rewrites += 1
            file.scan = None

    def _update(self, file: File, tail: Tail, now: float, now_us: int) -> None:
        facts = self._facts(file, tail)
        if facts is None:
            return
        file.is_unlinked = facts.is_unlinked
        if (facts.size, facts.ctime_ns) != (file.size, file.ctime_ns):
            self._changed(file, facts.size, facts.ctime_ns, now, now_us)

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
        if directory in look.listed:
            return file.directory_device in (None, look.listed[directory])
        return look.is_full and not _is_under(printable(directory), map(printable, look.unreadable))

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
        if all(entry.gone_us is not None for entry in self.gone):
            return
        listed = {printable(path): device for path, device in look.listed.items()}
        unreadable = [printable(path) for path in look.unreadable]

        def is_gone(entry: FileEntry) -> bool:
            directory = os.path.dirname(entry.path)
            if directory in listed:
                return entry.directory_device in (None, listed[directory])
            return not _is_under(directory, unreadable)

        for entry in self.gone:
            if entry.gone_us is None and is_gone(entry) and not self._may_turn_out_as(entry):
                self.gone.replace(entry, msgspec.structs.replace(entry, gone_us=now_us))

    def _may_turn_out_as(self, entry: FileEntry) -> bool:
        """True while a file that could not be looked into yet may be the one of that entry."""
        file = self._by_inode.get((entry.identity.device, entry.identity.inode))
        is_open = file is not None and file.stream is None and file.identity.birth in (0, entry.identity.birth)
        return is_open and entry.cut_at is None

    def _retire(self, file: File, now_us: int) -> None:
        """It is over: keep its entry, free its descriptor."""
        self.descriptors.close(file)
        self._busy.pop(id(file), None)
        key = (file.identity.device, file.identity.inode)
        if self._by_inode.get(key) is file:
            del self._by_inode[key]
        if file in self._detached:
            self._detached.remove(file)
        if file.greatest_size and not self._is_entered(file):
            self.gone.add(msgspec.structs.replace(file.entry(), gone_us=now_us))
        self._unfollow(file)

    def _is_entered(self, file: File) -> bool:
        """True for a file that was never looked into while an entry may stand for it, which knows more."""
        entries = self.gone.with_inode(file.identity.device, file.identity.inode)
        return file.stream is None and any(
            entry.gone_us is None and entry.cut_at is None and file.identity.birth in (0, entry.identity.birth)
            for entry in entries
        )

    # ---- identifying ---------------------------------------------------------------------------------------

    def identify(self, file: File, *, is_over: bool) -> Stream | None:
        """The file's stream, once its first whole line is there; a file that is over needs no LF for that.

        Raises:
            OSError: it cannot be read now.
        """
        if file.stream is not None:
            return file.stream
        assert file.tail is not None
        for entry in self.gone.with_identity(file.identity):
            if entry.cut_at is None and (entry.fingerprint is None or _is_beheaded(file, entry)):
                self.gone.remove(entry)  # it was known only as there, or is known not to be there any more
                file.rewrites = max(file.rewrites, entry.rewrites)
                self._keep_cut_before(file, file.tail, entry)
        if file.scan is None:
            file.scan = FirstLineScan(
                max_line_bytes=self.rules.context.max_line_bytes, naive_timezone=self.rules.context.naive_timezone
            )
        first = file.scan.scan(file.tail, is_over=is_over)
        if first is None:
            return None
        file.scan = None
        return self._go_on(file, file.tail, first)

    def identify_new(self) -> None:
        """Know new files by their first line though nothing can be shipped: packed or copied, they are known again."""
        for file in self.busy():
            if file.stream is None and file.tail is not None:
                try:
                    self.identify(file, is_over=False)
                except OSError as error:
                    file.trouble = error.strerror or type(error).__name__

    def _keep_cut_before(self, file: File, tail: Tail, entry: FileEntry) -> None:
        """Remember what a file had that was cut while nobody looked; it counts as gone from the next full look on."""
        facts = tail.facts()
        is_beheaded = _is_beheaded(file, entry)
        if not file.compression and (is_beheaded or is_cut(facts.size, entry.size, entry.cursor.offset)):
            cut_at = 0 if is_beheaded or entry.fingerprint is None else facts.size
            self.gone.add(msgspec.structs.replace(entry, cut_at=cut_at, ctime_ns=facts.ctime_ns))
            self.cut.add(entry.fingerprint)

    def is_looking_on(self, file: File) -> bool:
        """True while its first line is further in than one look reads."""
        return file.scan is not None and file.scan.has_more

    def _go_on(self, file: File, tail: Tail, first: FirstLine) -> Stream:
        """Where to go on in a file whose first line is known: its own entry, a twin's, else the start."""
        entries = self.gone.with_identity(file.identity)
        own = latest_of(entries)
        if own is not None and own.fingerprint is not None:
            if own.content_hash == first.content_hash and _has_place(tail, own):
                self.gone.remove(own)
                self._keep_cut_before(file, tail, own)
                file.rewrites, file.begun_at = own.rewrites, own.begun_at
                return self._follow(file, first, own.fingerprint, own.cursor)
            self.gone.replace(own, msgspec.structs.replace(own, cut_at=0, ctime_ns=tail.facts().ctime_ns))
            self.cut.add(own.fingerprint)
        file.rewrites = max(file.rewrites, rewrites_of(entries))
        for twin in self._twins(file, first):
            assert twin.fingerprint is not None
            if _has_place(tail, twin):
                self._claim(twin)
                return self._follow(file, first, twin.fingerprint, twin.cursor)
        fingerprint = fingerprint_of(first, file.identity, file.home, self.rules.host, file.rewrites)
        cursor = _line_start(tail, file.begin_at or 0)
        file.begun_at = cursor.offset
        return self._follow(file, first, fingerprint, cursor)

    def _twins(self, file: File, first: FirstLine) -> list[FileEntry]:
        others = self.gone.with_first_line(first.content_hash)
        others += [other.entry() for other in self._beginning_with(first.content_hash)]
        return twins_of(first, file.path, is_packed=bool(file.compression), entries=others)

    def _beginning_with(self, content_hash: int) -> list[File]:
        """The files there are now with that first line."""
        return list(self._with_first_line.get(content_hash, {}).values())

    def _claim(self, twin: FileEntry) -> None:
        """Its place is taken: no other file may go on from it. (A file that is still there claims for itself.)"""
        if twin in self.gone and not twin.is_timed:
            self.gone.replace(twin, msgspec.structs.replace(twin, claimed=True))

    def _follow(self, file: File, first: FirstLine, fingerprint: int, cursor: Cursor) -> Stream:
        shown = printable(file.home)
        context = msgspec.structs.replace(
            self.rules.context,
            origin=Origin(self.rules.host, shown, fingerprint),
            script_name=script_name_of(shown),
        )
        file.stream = Stream(context, first, cursor)
        self._with_first_line.setdefault(first.content_hash, {})[id(file)] = file
        return file.stream

    def _unfollow(self, file: File) -> None:
        """What it was does not stand in it any more."""
        if file.stream is not None:
            content_hash = file.stream.first_line.content_hash
            del self._with_first_line[content_hash][id(file)]
            if not self._with_first_line[content_hash]:
                del self._with_first_line[content_hash]
        file.stream = None
        file.scan = None

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

    def fall_back(self) -> None:
        """Forget what was read and not acknowledged: it is read again."""
        for file in self:
            if file.stream is not None and not file.is_settled:
                file.stream.fall_back()
                self._busy[id(file)] = file

    def opened(self, file: File) -> Tail | None:
        """The file's tail, opened if need be; None (with `trouble` set) where that cannot be done now."""
        if not self.descriptors.open(file, file.path):
            return None
        if file.seen is not None:
            self._changed(file, file.seen.size, file.seen.ctime_ns, file.seen.now, file.seen.now_us)
        return file.tail

    def close(self, file: File) -> None:
        """Free its descriptor; it is opened again when there is more to read."""
        self.descriptors.close(file)

    def rewritten(self, file: File, facts: FileFacts, now: float, now_us: int) -> None:
        """Its content was found to be another when it was read."""
        self._begin_anew(file, facts.size, facts.ctime_ns, now_us)
        file.grown_at = now
        self._busy[id(file)] = file

    def _begin_anew(self, file: File, size: int, ctime_ns: int, now_us: int) -> None:
        """What it was is gone; of what it holds now nothing is known yet."""
        entry = msgspec.structs.replace(
            file.entry(), gone_us=now_us, ctime_ns=ctime_ns, cut_at=0, is_finished=file.was_read_whole
        )
        self.gone.add(entry)
        self.cut.add(entry.fingerprint)
        self._unfollow(file)
        self.has_begun_anew = True
        file.was_read_whole = False
        file.rewrites += 1
        file.begin_at, file.begun_at = None, 0
        file.size = file.greatest_size = size
        file.ctime_ns = ctime_ns

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
        if file.is_let_go or file.tail is None or file.tail.trouble is None:
            return False
        is_read = file.is_settled if file.stream is not None else not self.is_looking_on(file)
        return is_read and now - file.grown_at >= self.rules.close_after_s

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

    def stored_of_cut(self, stream: Stream, stored_end: int) -> None:
        """So much the store had of the files that were cut, before what `stream` holds now came after it."""
        self.cut.discard(stream.fingerprint)
        for entry in self.gone.with_first_line(stream.first_line.content_hash):
            if entry.fingerprint == stream.fingerprint and entry.cut_at is not None and entry.stored_end is None:
                self.gone.replace(entry, msgspec.structs.replace(entry, stored_end=stored_end))

    def copies_of(self, entry: FileEntry) -> list[File]:
        """The files there are now with the same content."""
        return [] if entry.fingerprint is None else self._with_fingerprint(entry.fingerprint, entry.content_hash)

    def has_copies(self, stream: Stream) -> bool:
        """True if other files are followed that begin with the same line and are one stream with this one."""
        return len(self._with_fingerprint(stream.fingerprint, stream.first_line.content_hash)) > 1

    def others_of(self, entry: FileEntry) -> list[FileEntry]:
        """What is known of the same content, of files there are and of others that are gone."""
        if entry.fingerprint is None:
            return []
        gone = [other for other in self.gone.with_first_line(entry.content_hash) if other is not entry]
        here = [copy.entry() for copy in self.copies_of(entry)]
        return here + [other for other in gone if other.fingerprint == entry.fingerprint]

    def _with_fingerprint(self, fingerprint: int, content_hash: int) -> list[File]:
        return [
            file
            for file in self._beginning_with(content_hash)
            if file.stream is not None and file.stream.fingerprint == fingerprint
        ]

    def is_read_to_end(self, fingerprint: int) -> bool:
        """True if every file there is with that content is read and acknowledged to its end."""
        return all(
            file.is_settled for file in self if file.stream is not None and file.stream.fingerprint == fingerprint
        )

    def raw_line(self, record: Record) -> bytes | None:
        """The record's bytes on disk, if its file is still followed and can be read, and they fit into memory."""
        if record.length > self.rules.context.max_line_bytes:
            return None
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
        here = [file.entry() for file in self if file.greatest_size]
        present = {entry.fingerprint for entry in here if entry.fingerprint is not None}
        kept = worth_keeping(self.gone, present, now_us)
        if len(kept) < len(self.gone):
            self.gone.keep(kept)
        return (*here, *kept)

    def start_over(self) -> None:
        """The store has lost what was acknowledged: every file from its start."""
        self.gone.replace_each(_from_its_start)
        self.cut = {entry.fingerprint for entry in self.gone if entry.cut_at is not None}
        for file in self:
            file.begin_at, file.begun_at = None, 0
            file.is_let_go = False
            if file.stream is not None:
                file.stream.acknowledge(Cursor())
                file.stream.fall_back()
            self._busy[id(file)] = file


def _is_due(file: File, now: float, idle_after_s: float) -> bool:
    """True if it should be asked for its size: the longer a file has been quiet, the more seldom; idle ones never.

    Wake-ups and full sweeps tell of it too, so asking 10,000 files every 2 s would buy little.
    """
    quiet_s = now - file.grown_at
    return file.is_unlinked or (quiet_s < idle_after_s and now - file.asked_at >= quiet_s / 10)


def _has_place(tail: Tail, entry: FileEntry) -> bool:
    """True if the file holds the entry's head, and its marker before the entry's offset."""
    marker = entry.cursor.marker
    if not entry.head.fits(tail.read(0, entry.head.length)):
        return False
    return marker.fits(tail.read(entry.cursor.offset - marker.length, marker.length))


def _is_beheaded(file: File, entry: FileEntry) -> bool:
    """True if the file has become shorter than the first line it had."""
    return not file.compression and file.size < entry.head.length


def _line_start(tail: Tail, at: int) -> Cursor:
    """The cursor behind the last whole line before `at`; at 0 where a MiB before holds none."""
    start = max(at - (1 << 20), 0)
    block = tail.read(start, at - start)
    end = block.rfind(b"\n") + 1
    return Cursor(start + end, marker_before(block, end)) if end else Cursor(0, NO_MARKER)


def _from_its_start(entry: FileEntry) -> FileEntry:
    return msgspec.structs.replace(entry, cursor=Cursor(), begun_at=0, is_finished=False, stored_end=None)


def _first_line(entry: FileEntry) -> FirstLine:
    return FirstLine(entry.content_hash, entry.is_timed, entry.head)


def _is_under(directory: str, parents: Iterable[str]) -> bool:
    return any(directory == parent or directory.startswith(parent.rstrip("/") + "/") for parent in parents)
