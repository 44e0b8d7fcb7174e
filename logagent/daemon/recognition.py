"""Recognition: which content stands in a file, and where to go on in it: its own entry's place, a twin's, the start.

What is to be decided is decided in `tracker`. Reads files no further than their first line and before a marker.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from logagent.daemon.checkpoint import Cursor, FileEntry
from logagent.daemon.discovery import Sighting
from logagent.daemon.file import File
from logagent.daemon.first_line import FirstLineScan
from logagent.daemon.follow_rules import FollowRules
from logagent.daemon.gone import Gone
from logagent.daemon.identity import FirstLine
from logagent.daemon.marker import NO_MARKER, marker_before
from logagent.daemon.stream import Stream
from logagent.daemon.tail import Tail
from logagent.daemon.tracker import fingerprint_of, is_cut, latest_of, printable, rewrites_of, twins_of
from logagent.formats.lines import script_name_of
from logagent.formats.record import Origin


class Recognition:
    """Knows files by their content, also those that are gone.

    Attributes:
        rules: how files are followed; may be replaced.
        gone: entries without a file: let go, deleted, rewritten, or (at first) not seen yet since the start.
        cut: fingerprints of files found cut in place of which the store was not asked yet.
        has_news: a file was seen to begin anew or to be cut, or goes on in another's place, and the checkpoint does not
            say so yet.
    """

    def __init__(self, rules: FollowRules, entries: Iterable[FileEntry]) -> None:
        self.rules = rules
        self.gone = Gone(entries)
        self.cut = {entry.fingerprint for entry in self.gone if entry.cut_at is not None and entry.stored_end is None}
        self.has_news = False
        self._with_first_line: dict[int, dict[int, File]] = {}
        self._shared: dict[int, None] = {}

    # ---- what a file is ------------------------------------------------------------------------------------

    def take_up(self, file: File, sighting: Sighting) -> bool:
        """Take a file up from the checkpoint without opening it; False where size or ctime are not as they were."""
        entry = next(iter(self.gone.with_inode(sighting.device, sighting.inode)[-1:]), None)
        if entry is None or entry.gone_us is not None or entry.unread_bytes:
            return False
        if (entry.size, entry.ctime_ns) != (sighting.size, sighting.ctime_ns):
            return False
        if file.identity.birth not in (0, entry.identity.birth):
            return False
        file.identity = entry.identity
        _know_as(file, entry)
        file.grown_at = float("-inf")
        if entry.fingerprint is None:
            file.is_let_go = True
        else:
            self._follow(file, _first_line(entry), entry.fingerprint, entry.cursor).is_exhausted = True
        self.gone.remove(entry)
        return True

    def identify(self, file: File, *, is_over: bool) -> Stream | None:
        """The file's stream, once its first whole line is there; a file that is over needs no LF for that.

        Raises:
            OSError: it cannot be read now.
        """
        stream = file.stream or self._identified(file, is_over=is_over)
        if stream is None or file.cut_size in (None, file.size):
            return stream
        file.cut_size = None
        return self._moved_to_twin(file, stream)

    def _identified(self, file: File, *, is_over: bool) -> Stream | None:
        assert file.tail is not None
        for entry in self.gone.with_identity(file.identity):
            if entry.cut_at is None and (entry.fingerprint is None or _is_beheaded(file, file.tail, entry)):
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

    def _keep_cut_before(self, file: File, tail: Tail, entry: FileEntry) -> None:
        """Remember what a file had that was cut while nobody looked; it counts as gone from the next full look on."""
        facts = tail.facts()
        size = min(file.least_size, facts.size)
        is_beheaded = _is_beheaded(file, tail, entry)
        if not file.compression and (is_beheaded or is_cut(size, entry.size, entry.cursor.offset)):
            cut_at = 0 if is_beheaded or entry.fingerprint is None else size
            self.gone.add(msgspec.structs.replace(entry, cut_at=cut_at, ctime_ns=facts.ctime_ns))
            self.cut.add(entry.fingerprint)

    def _go_on(self, file: File, tail: Tail, first: FirstLine) -> Stream:
        """Where to go on in a file whose first line is known: its own entry, a twin's, else the start."""
        entries = self.gone.with_identity(file.identity)
        own = latest_of(entries)
        if own is not None and own.fingerprint is not None:
            was_cut_below = not file.compression and file.least_size < own.cursor.offset
            if own.content_hash == first.content_hash and not was_cut_below and _has_place(tail, own):
                self.gone.remove(own)
                self._keep_cut_before(file, tail, own)
                _know_as(file, own)
                return self._follow(file, first, own.fingerprint, own.cursor)
            self.gone.replace(own, msgspec.structs.replace(own, cut_at=0, ctime_ns=tail.facts().ctime_ns))
            self.cut.add(own.fingerprint)
        file.rewrites = max(file.rewrites, rewrites_of(entries))
        for twin in self._twins(file, first):
            assert twin.fingerprint is not None
            if _has_place(tail, twin):
                self._claim(twin)
                self.has_news |= not twin.is_timed  # after a crash it might be another that goes on in its place
                return self._follow(file, first, twin.fingerprint, twin.cursor, marked=self._marked(twin))
        fingerprint = fingerprint_of(first, file.identity, file.home, self.rules.host, file.rewrites)
        cursor = _line_start(tail, file.begin_at or 0)
        file.begun_at = cursor.offset
        return self._follow(file, first, fingerprint, cursor)

    def _moved_to_twin(self, file: File, stream: Stream) -> Stream:
        """A packed file goes on behind what it was cut at: its original may have been read, to other records, since."""
        assert file.tail is not None
        for twin in self._twins(file, stream.first_line):
            is_further = twin.fingerprint == stream.fingerprint and twin.cursor.offset > stream.read.offset
            if is_further and _has_place(file.tail, twin):
                return self._follow(file, stream.first_line, stream.fingerprint, twin.cursor, marked=self._marked(twin))
        return stream

    def _twins(self, file: File, first: FirstLine) -> list[FileEntry]:
        others = self.gone.with_first_line(first.content_hash)
        others += [other.entry() for other in self._beginning_with(first.content_hash)]
        return twins_of(first, file.path, is_packed=bool(file.compression), entries=others)

    def _beginning_with(self, content_hash: int) -> list[File]:
        """The files there are now with that first line."""
        return list(self._with_first_line.get(content_hash, {}).values())

    def _marked(self, twin: FileEntry) -> Cursor | None:
        """Where the store's last mark was, if that file has gone on since: who takes its place knows no better."""
        streams = [file.stream for file in self._beginning_with(twin.content_hash)]
        return next((stream.marked for stream in streams if stream and stream.acknowledged is twin.cursor), None)

    def _claim(self, twin: FileEntry) -> None:
        """Its place is taken: no other file may go on from it. (A file that is still there claims for itself.)"""
        if twin in self.gone and not twin.is_timed:
            self.gone.replace(twin, msgspec.structs.replace(twin, claimed=True))

    def _follow(
        self, file: File, first: FirstLine, fingerprint: int, cursor: Cursor, *, marked: Cursor | None = None
    ) -> Stream:
        shown = printable(file.home)
        context = msgspec.structs.replace(
            self.rules.context,
            origin=Origin(self.rules.host, shown, fingerprint),
            script_name=script_name_of(shown),
        )
        file.stream = Stream(context, first, cursor)
        file.stream.marked = marked
        alike = self._with_first_line.setdefault(first.content_hash, {})
        alike[id(file)] = file
        if len(alike) > 1:
            self._shared[first.content_hash] = None
        return file.stream

    # ---- what a file is not any more -----------------------------------------------------------------------

    def still_stands(self, file: File, size: int) -> bool:
        """False if what was read does not stand in it any more: looked at now, it may be cut again before a read."""
        if file.stream is None or file.tail is None:
            return True
        try:
            return file.stream.is_same(file.tail, size)
        except OSError as error:
            file.trouble = error.strerror or type(error).__name__
            return True

    def begin_anew(self, file: File, size: int, ctime_ns: int, now_us: int) -> None:
        """What it was is gone; of what it holds now nothing is known yet."""
        entry = msgspec.structs.replace(
            file.entry(), gone_us=now_us, ctime_ns=ctime_ns, cut_at=0, is_finished=file.was_read_whole
        )
        self.gone.add(entry)
        self.cut.add(entry.fingerprint)
        self.forget(file)
        self.has_news = True
        file.was_read_whole = False
        file.rewrites += 1
        file.begin_at, file.begun_at = None, 0
        file.size = file.greatest_size = file.least_size = size
        file.ctime_ns = ctime_ns

    def keep_cut(self, file: File, size: int, ctime_ns: int, now_us: int) -> None:
        """Remember what it had; of one whose beginning is not known nobody can say that any of it still stands."""
        cut_at = size if file.stream is not None else 0
        entry = msgspec.structs.replace(file.entry(), gone_us=now_us, ctime_ns=ctime_ns, cut_at=cut_at)
        self.gone.add(entry)
        self.cut.add(entry.fingerprint)
        self.has_news = True
        file.greatest_size = size
        if file.stream is None:
            file.rewrites += 1
            file.scan = None

    def forget(self, file: File) -> None:
        """What it was does not stand in it any more."""
        if file.stream is not None:
            content_hash = file.stream.first_line.content_hash
            alike = self._with_first_line[content_hash]
            del alike[id(file)]
            if len(alike) < 2:
                self._shared.pop(content_hash, None)
            if not alike:
                del self._with_first_line[content_hash]
        file.stream = None
        file.scan = None

    def entry_of(self, file: File) -> FileEntry | None:
        """The entry that may stand for a file which was never looked into, and knows more of it but for its size."""
        if file.stream is not None:
            return None
        for entry in self.gone.with_inode(file.identity.device, file.identity.inode):
            if entry.gone_us is None and entry.cut_at is None and file.identity.birth in (0, entry.identity.birth):
                return entry
        return None

    def start_over(self) -> None:
        """The store has lost what was acknowledged: every entry begins at its file's start."""
        self.gone.replace_each(_from_its_start)
        self.cut = {entry.fingerprint for entry in self.gone if entry.cut_at is not None}

    # ---- what else holds the same content ------------------------------------------------------------------

    def stored_of_cut(self, stream: Stream, stored_end: int) -> None:
        """So much the store had of the files that were cut, before what `stream` holds now came after it."""
        self.cut.discard(stream.fingerprint)
        for entry in self.gone.with_first_line(stream.first_line.content_hash):
            if entry.fingerprint == stream.fingerprint and entry.cut_at is not None and entry.stored_end is None:
                self.gone.replace(entry, msgspec.structs.replace(entry, stored_end=stored_end))

    def copies_of(self, entry: FileEntry) -> list[File]:
        """The files there are now with the same content."""
        return [] if entry.fingerprint is None else self._with_fingerprint(entry.fingerprint, entry.content_hash)

    def one_stream(self) -> Iterator[list[File]]:
        """The files there are now that are one record stream, the one known first before the others."""
        for content_hash in self._shared:
            alike: dict[int, list[File]] = {}
            for file in self._beginning_with(content_hash):
                if file.stream is not None:
                    alike.setdefault(file.stream.fingerprint, []).append(file)
            yield from (files for files in alike.values() if len(files) > 1)

    def has_copies(self, stream: Stream) -> bool:
        """True if other files are followed that begin with the same line and are one stream with this one."""
        return len(self._with_fingerprint(stream.fingerprint, stream.first_line.content_hash)) > 1

    def was_read_further(self, stream: Stream) -> bool:
        """True if another file with the same content was read beyond where this one stands."""
        known = self._entries_of(stream.fingerprint, stream.first_line.content_hash)
        return any(entry.cursor.offset > stream.read.offset for entry in known)

    def others_of(self, entry: FileEntry) -> list[FileEntry]:
        """What is known of the same content, of files there are and of others that are gone."""
        if entry.fingerprint is None:
            return []
        return [other for other in self._entries_of(entry.fingerprint, entry.content_hash) if other is not entry]

    def _entries_of(self, fingerprint: int, content_hash: int) -> list[FileEntry]:
        """Of the files there are with that content, then of those gone."""
        here = [file.entry() for file in self._with_fingerprint(fingerprint, content_hash)]
        gone = self.gone.with_first_line(content_hash)
        return here + [entry for entry in gone if entry.fingerprint == fingerprint]

    def _with_fingerprint(self, fingerprint: int, content_hash: int) -> list[File]:
        return [
            file
            for file in self._beginning_with(content_hash)
            if file.stream is not None and file.stream.fingerprint == fingerprint
        ]


def _know_as(file: File, entry: FileEntry) -> None:
    """Its entry knows what no look at it would tell."""
    file.rewrites, file.begun_at = entry.rewrites, entry.begun_at
    file.cut_size = entry.size if file.compression else None
    file.unpacked = entry.unpacked


def _has_place(tail: Tail, entry: FileEntry) -> bool:
    """True if the file holds the entry's head, and its marker before the entry's offset."""
    marker = entry.cursor.marker
    if not entry.head.fits(tail.read(0, entry.head.length)):
        return False
    return marker.fits(tail.read(entry.cursor.offset - marker.length, marker.length))


def _is_beheaded(file: File, tail: Tail, entry: FileEntry) -> bool:
    """True if the first line that the file had does not stand in it any more."""
    if file.compression:
        return False
    return file.least_size < entry.head.length or not entry.head.fits(tail.read(0, entry.head.length))


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
