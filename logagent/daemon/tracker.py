"""Which file is it, where to go on, when to let go, what is lost: the decisions. Pure: no I/O, no clock.

Inode numbers alone are worthless and names change hands; what counts is the identity the kernel gives one
incarnation, the fingerprint of its content and the marker before an offset.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from typing import Final

import msgspec

from logagent.daemon.checkpoint import NOTHING_STORED, FileEntry
from logagent.daemon.identity import FirstLine, Identity
from logagent.formats.fingerprint import untimed_fingerprint
from logagent.formats.lines import script_name_of
from logagent.formats.visible import visible

UNLINKED_QUIET_S: Final = 5.0
"""A deleted file is let go after this much quiet: a process that still has it open may go on writing."""

LOSS_GRACE_S: Final = 10.0
"""A file found gone may turn up under another name, or as a copy: judged after this and two full looks."""

KEEP_GONE_US: Final = 7 * 86_400 * 1_000_000
MAX_GONE: Final = 100_000


def fingerprint_of(first: FirstLine, identity: Identity, path: bytes, host: str, rewrites: int) -> int:
    """The fingerprint of a file with that first line: of content alone where the line has its own time."""
    if first.is_timed:
        return first.content_hash
    stem = script_name_of(os.fsdecode(path))
    return untimed_fingerprint(first.content_hash, host, stem, identity.birth, rewrites)


def latest_of(own: Iterable[FileEntry]) -> FileEntry | None:
    """Of one incarnation's entries the one that stands for its latest content; None if none does."""
    return max((entry for entry in own if entry.cut_at is None), key=lambda entry: entry.rewrites, default=None)


def rewrites_of(own: Iterable[FileEntry]) -> int:
    """How often that file has begun anew, if what it holds now is none of its entries' content."""
    return max(
        (entry.rewrites + (entry.fingerprint is not None or entry.cut_at is not None) for entry in own), default=0
    )


def is_cut(size: int, greatest_size: int, acknowledged: int) -> bool:
    """True if a file was seen longer than it is, and what is acknowledged may still stand.

    What was seen beyond is gone then, and no marker can tell. A file shorter than what is acknowledged is found
    rewritten when it is read.
    """
    return acknowledged <= size < greatest_size


def twins_of(first: FirstLine, path: bytes, *, is_packed: bool, entries: Iterable[FileEntry]) -> list[FileEntry]:
    """The entries whose place this file may take, furthest first, of those with its first line.

    The caller checks their markers.

    A packed twin, or (without own times) a copy made by a rotation, goes on where its original was. Any other file is
    read from its start, since keys make that harmless.
    """
    fitting = [entry for entry in entries if entry.fingerprint is not None and entry.cursor.offset > 0]
    if first.is_timed:
        fitting = fitting if is_packed else []
    else:
        fitting = [entry for entry in fitting if not entry.claimed and _is_rotation_of(path, entry.path)]
    return sorted(fitting, key=lambda entry: -entry.cursor.offset)


def _is_rotation_of(path: bytes, original: str) -> bool:
    here = printable(path)
    return here != original and rotation_of(here) == rotation_of(original)


def rotation_of(path: str) -> tuple[str, str]:
    """What the generations of one rotating file share: their directory, and the script that they are named for."""
    return os.path.dirname(path), script_name_of(path)


class LettingGo(msgspec.Struct, frozen=True):
    """What is known of a file that may be over; times in seconds."""

    is_unlinked: bool
    is_replaced: bool
    """It was renamed, and another file has its former name."""
    is_finished: bool
    """A packed file, unpacked to its trailer."""
    is_read_to_end: bool
    quiet_s: float

    @property
    def is_over(self) -> bool:
        """It will not be written to any more, as far as one can know."""
        return self.is_finished or self.is_unlinked or self.is_replaced


def is_quiet_enough(file: LettingGo, close_after_s: float) -> bool:
    """True once a file that is over has not grown for long enough: a process may still have it open."""
    if file.is_finished:
        return True
    return file.quiet_s >= (min(UNLINKED_QUIET_S, close_after_s) if file.is_unlinked else close_after_s)


def may_let_go(file: LettingGo, close_after_s: float) -> bool:
    """True once a file is over, quiet, and read to its end; never by a timer alone."""
    return file.is_over and file.is_read_to_end and is_quiet_enough(file, close_after_s)


class Loss(msgspec.Struct, frozen=True):
    """Bytes that cannot be had any more: `to_offset` is None where nobody knows how many."""

    path: str
    fingerprint: int
    from_offset: int
    to_offset: int | None
    reason: str


def lost_of(entry: FileEntry, others: Iterable[FileEntry], stored_end: int | None) -> tuple[int, int | None] | None:
    """The byte range that nothing holds any more: not this file's entry, no other of its content, not the store.

    `others` have its fingerprint; `stored_end` lies before the LF of the last line that the store has. Of a packed
    file nobody knows how far it would have gone: `None` for the end, unless its content was read whole.
    """
    others = [other for other in others if other is not entry]
    same = [other for other in others if _may_hold(other, entry)]
    stored = 0
    if stored_end is not None and stored_end > _stored_before(entry, others):
        stored = stored_end + 1
    reached = max([entry.cursor.offset, entry.cut_at or 0, stored, *(other.cursor.offset for other in same)])
    if entry.compression:
        is_whole = any(_is_witness(other, entry) for other in same)
        return None if is_whole or entry.is_finished else (reached, None)
    return (reached, entry.size) if reached < entry.size else None


def _is_witness(other: FileEntry, packed: FileEntry) -> bool:
    """True for a file that was read whole and reaches as far as what was seen of the packed one.

    A plain file whose loss was looked for is finished: nothing of it is waited for, which does not say it was read.
    """
    was_judged = other.is_finished and not other.compression
    return other.unread_bytes == 0 and not was_judged and other.cursor.offset >= packed.unpacked


def _may_hold(other: FileEntry, entry: FileEntry) -> bool:
    """False for what begins alike and was written later: a cut file goes on with other bytes at the same places."""
    if entry.cut_at is None:
        return other.identity != entry.identity or other.cut_at is None
    return other.identity != entry.identity and other.identity.birth <= entry.ctime_ns


def _stored_before(entry: FileEntry, others: Iterable[FileEntry]) -> float:
    """How far the store had what stood in that very file before; in these places it tells nothing of what came after.

    Where the store was not asked since, nothing of that was read.
    """
    former = [other for other in others if other.identity == entry.identity and _was_cut_before(other, entry)]
    return max((math.inf if other.stored_end is None else other.stored_end for other in former), default=NOTHING_STORED)


def _was_cut_before(other: FileEntry, entry: FileEntry) -> bool:
    if other.cut_at is None:
        return False
    return entry.cut_at is None or (other.rewrites, other.gone_us or 0) <= (entry.rewrites, entry.gone_us or 0)


def worth_keeping(gone: Iterable[FileEntry], present: set[int], now_us: int) -> list[FileEntry]:
    """The entries of files let go that stay: while their content is there, and 7 days; the newest 100,000 of them.

    And all that are not over: not looked for yet, as on a mount that is away, or gone with a loss to be judged.
    """
    kept = []
    over: list[tuple[int, FileEntry]] = []
    for entry in gone:
        if entry.gone_us is None or entry.unread_bytes:
            kept.append(entry)
        elif entry.fingerprint in present or now_us - entry.gone_us < KEEP_GONE_US:
            over.append((entry.gone_us, entry))
    over.sort(key=lambda each: each[0])
    return kept + [entry for _gone_us, entry in over[-MAX_GONE:]]


def printable(path: bytes) -> str:
    """A path for people and documents: what is not text, and what could steer a terminal, is shown with backslashes."""
    return visible(path.decode("utf-8", "backslashreplace"))
