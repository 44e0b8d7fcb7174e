"""A file: one incarnation of a log file as last seen. Pure: no I/O, no clock."""

from __future__ import annotations

import msgspec

from logagent.daemon.checkpoint import FileEntry
from logagent.daemon.discovery import Sighting
from logagent.daemon.first_line import FirstLineScan
from logagent.daemon.identity import Identity
from logagent.daemon.patterns import compression_of
from logagent.daemon.stream import Stream
from logagent.daemon.tail import Tail
from logagent.daemon.tracker import LettingGo, is_quiet_enough, may_let_go, printable, rotation_of


class Change(msgspec.Struct, frozen=True):
    """A size that a file was seen to have, and the name it had before: what it lost by then was seen under that."""

    size: int
    former_path: bytes


class Seen(msgspec.Struct, frozen=True):
    """What the file's name was seen to lead to, and when last, while it could not be opened to see if that is still it.

    `changes`: of several such looks those at which it began to grow or to shrink, and the last.
    """

    changes: tuple[Change, ...]
    ctime_ns: int
    now: float
    now_us: int

    @property
    def size(self) -> int:
        """As last seen."""
        return self.changes[-1].size


class File:
    """One incarnation of a file, as last seen; `stream` once its first whole line was found.

    Attributes:
        path, home: its name now, and the one it was first seen under.
        size, greatest_size, ctime_ns: as last seen. `least_size`: since it was met, or began anew.
        directory_device: device of the directory it was seen in.
        grown_at: when (monotonic) it last changed its size. `asked_at`: when its descriptor was last asked.
        tail: open, or None while it needs no descriptor.
        scan: while its first whole line is looked for.
        begin_at: bytes it had at a first start that begins at the end; None where it is read from its start.
        begun_at: the offset at which reading it began then; 0 where it is read from its start.
        is_unlinked: no name is left. `is_missing`: its name is gone from where we look.
        is_let_go: it is over; nothing is done until it grows.
        cut_size: size of a packed file when it was let go, or last known before the start; None once it is read on.
        was_read_whole: a packed file that was read to its end before it changed.
        seen: what it may have become while it could not be opened, or None.
        trouble: why it cannot be read now, or None.
    """

    def __init__(self, sighting: Sighting, identity: Identity, directory_device: int | None) -> None:
        self.path = sighting.path
        self.home = sighting.path
        self.identity = identity
        self.compression = compression_of(sighting.path)
        self.size = sighting.size
        self.greatest_size = sighting.size
        self.least_size = sighting.size
        self.ctime_ns = sighting.ctime_ns
        self.directory_device = directory_device
        self.grown_at = 0.0
        self.asked_at = float("-inf")
        self.tail: Tail | None = None
        self.scan: FirstLineScan | None = None
        self.stream: Stream | None = None
        self.rewrites = 0
        self.begin_at: int | None = None
        self.begun_at = 0
        self.is_unlinked = False
        self.is_missing = False
        self.is_let_go = False
        self.cut_size: int | None = None
        self.was_read_whole = False
        self.seen: Seen | None = None
        self.trouble: str | None = None

    def see(self, size: int, ctime_ns: int, now: float, now_us: int) -> None:
        """Keep what was seen of it while it could not be opened, as long as it has its former name."""
        changes, change = self.seen.changes if self.seen else (), Change(size, self.path)
        if changes:
            before = (self.size, *(each.size for each in changes))[-2]
            if min(before, size) <= changes[-1].size <= max(before, size):  # it went on the same way
                changes, change = changes[:-1], Change(size, changes[-1].former_path)
        self.seen = Seen((*changes, change), ctime_ns, now, now_us)

    @property
    def most_seen(self) -> int:
        """The greatest size seen, also while it could not be opened."""
        return (
            max(self.greatest_size, *(change.size for change in self.seen.changes)) if self.seen else self.greatest_size
        )

    @property
    def is_settled(self) -> bool:
        """Nothing of it waits: it is over, or read and acknowledged as far as there are whole lines."""
        stream = self.stream
        if self.is_let_go or stream is None:
            return self.is_let_go
        return stream.is_exhausted and not stream.is_held and stream.acknowledged == stream.read

    @property
    def is_idle(self) -> bool:
        """Nothing is lost if its descriptor is freed until it grows: it has a name, and waits for nothing of ours."""
        return not (self.is_unlinked or self.is_missing) and (self.is_settled or self._is_without_line)

    @property
    def is_read(self) -> bool:
        """As far as it can be read, all of it is acknowledged; a last line without its end may wait."""
        if self.is_let_go or self.most_seen == 0:
            return True
        return self.trouble is None and (self.is_settled or self._is_without_line)

    @property
    def _is_without_line(self) -> bool:
        """It was looked into and has no whole line."""
        return self.stream is None and self.scan is not None and not self.scan.has_more

    @property
    def rotation(self) -> tuple[str, str]:
        """What the files that it was or will be rotated to share with it."""
        return rotation_of(printable(self.path))

    @property
    def lag(self) -> int:
        """Bytes on disk that are not acknowledged; of a packed file its packed size until it is read."""
        if self.compression:
            return 0 if self.is_settled else self.size
        size = self.size if self.seen is None else self.seen.size
        if self.stream is None:
            return size
        return max(size - self.stream.acknowledged.offset, 0)

    @property
    def pending_bytes(self) -> int:
        """Length of its last line, as long as that has no LF."""
        if self.stream is not None:
            return self.stream.pending_bytes
        return self.size if self._is_without_line and not self.compression else 0

    @property
    def is_looking_on(self) -> bool:
        """True while its first line is further in than one look reads."""
        return self.scan is not None and self.scan.has_more

    @property
    def is_leaving(self) -> bool:
        """True while the file waits to be let go."""
        return not self.is_let_go and self._letting_go(0.0).is_over

    def is_quiet(self, now: float, close_after_s: float) -> bool:
        """True once a file that is over may be taken as it is."""
        return is_quiet_enough(self._letting_go(now), close_after_s)

    def may_be_let_go(self, now: float, close_after_s: float) -> bool:
        """True once the file is over and read to its end, or over and without any line."""
        if self.is_let_go or self.tail is None:
            return False
        return may_let_go(self._letting_go(now), close_after_s)

    def is_cut_short(self, now: float, close_after_s: float) -> bool:
        """True for a packed file that could not be read to its end and has not grown for long."""
        if self.is_let_go or self.tail is None or self.tail.trouble is None:
            return False
        is_read = self.is_settled if self.stream is not None else not self.is_looking_on
        return is_read and now - self.grown_at >= close_after_s

    def _letting_go(self, now: float) -> LettingGo:
        return LettingGo(
            is_unlinked=self.is_unlinked,
            is_replaced=self.is_missing or self.path != self.home,
            is_finished=self.tail is not None and self.tail.is_finished,
            is_read_to_end=self.stream is None or self.is_settled,
            quiet_s=now - self.grown_at,
        )

    def marked_entry(self) -> FileEntry:
        """What the checkpoint keeps of it: what the store has since its last mark, power loss may take."""
        entry = self.entry()
        if self.stream is None or self.stream.marked is None:
            return entry
        return msgspec.structs.replace(entry, cursor=self.stream.marked, is_finished=False)

    def entry(self) -> FileEntry:
        """What is known of it."""
        entry = FileEntry(
            path=printable(self.path),
            identity=self.identity,
            compression=self.compression,
            rewrites=self.rewrites,
            begun_at=self.begun_at,
            size=self.most_seen,
            ctime_ns=self.ctime_ns,
            directory_device=self.directory_device,
            is_finished=bool(self.compression) and self.is_settled,
        )
        stream = self.stream
        if stream is None:
            return entry
        return msgspec.structs.replace(
            entry,
            fingerprint=stream.fingerprint,
            content_hash=stream.first_line.content_hash,
            is_timed=stream.first_line.is_timed,
            head=stream.first_line.head,
            cursor=stream.acknowledged,
        )
