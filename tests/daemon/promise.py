"""The promise as a model: which lines are owed, which may be stored more than once, what came of each.

The rules, as design §2 and §5 state them:

1. *Owed* is every complete, non-blank line of a file that was on disk when discovery looked.
2. A line is *accounted for* if it is stored (or within the span of a folded record), dead-lettered, inside a byte range
   of the loss ledger, or was stored and then pruned.
3. Files with the same first line, that line having its own time, are one stream: the same bytes at the same offset are
   one line, however many copies hold them, and it is stored or dead-lettered once.
4. Without a time of its own in the first line, each incarnation of a file (each time it was cut or rewritten, too) may
   be a stream of its own: rather a double than a loss. Never twice from one stream, and never from more streams than
   there were incarnations that held the line; only a lost checkpoint makes the daemon count incarnations anew.
5. Nothing is stored that was not written. An unfinished last line may be stored once more, flagged `unterminated`.
6. When the daemon dies, what only its memory knew is owed no longer: a line stays owed if it is on disk at the next
   look, or if the checkpoint that the next daemon loads covers it. ("Files deleted while the checkpoint was lost too.")
7. Bytes that were seen but not read, and overwritten in place before discovery looked again, leave no trace in the
   file as far as it reaches again: lines that begin there are owed no longer, unless a line behind the cut had been
   stored. (A dead letter is written before the rest of its batch is stored. What was stored has a marker, and what
   lies beyond the end was seen to go.) So do bytes that a checkpoint knows as unread, if a daemon that died before it
   could save that saw them go.
8. After a prune, a log event that is older than its cut-off, or has no time of its own, counts as pruned, too, if other
   bytes stood in its place in a file that begins alike and the store has come as far. (The prune log knows places.)
9. A line that is gone from its file is owed no longer if another file, with the same first line and that having its own
   time, held other bytes in its place and was read: they are one stream, and the store is asked how far it has it. If
   those were blank lines, which no store has, the ledger still tells of the rest of the line.
10. Lines that were written over others in place, so that the file is as long as before or longer, are owed once it was
    opened again: until then it looks as if it had been renamed or appended to. The ledger tells of what lies beyond
    its former size. (Without a free descriptor.)
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import zstandard

from logagent.daemon.checkpoint import Checkpoint, FileEntry, decode_checkpoint
from logagent.daemon.facts import facts_of
from logagent.daemon.identity import Identity
from logagent.errors import CheckpointCorrupt
from logagent.formats.fingerprint import content_hash, is_blank, untimed_fingerprint
from logagent.formats.key import hash_prefix, line_hash
from logagent.formats.lines import own_time_us, script_name_of
from logagent.formats.record import Flag, Record
from tests.daemon.rig import HERE

TOKEN = re.compile(r"w\d+;")
MAX_LINE_BYTES = 2048


class Line(NamedTuple):
    """A complete line: where it stands in the stream of files that begin with `first`."""

    first: bytes
    offset: int
    raw: bytes

    @property
    def end(self) -> int:
        return self.offset + len(self.raw)

    def is_rival(self, other: Line) -> bool:
        """True if they cannot both stand in one file."""
        is_apart = other.end <= self.offset or self.end <= other.offset
        return other != self and other.first == self.first and not is_apart

    @property
    def token(self) -> str:
        found = TOKEN.search(self.raw.decode())
        return found.group() if found else ""


class Incarnation(NamedTuple):
    """One content of one file: the same file counts anew each time it was cut or rewritten."""

    identity: Identity
    rewrites: int


class Found(NamedTuple):
    """What became of some bytes: a stored record, a dead letter, a record that was pruned."""

    fingerprint: int
    offset: int
    end: int
    hash: int | None
    flags: int
    text: str

    def holds(self, line: Line, fingerprints: set[int]) -> bool:
        """True if that line is what is here, or a part of it."""
        if self.fingerprint not in fingerprints:
            return False
        if self.offset == line.offset and self.hash is not None:
            return self.hash == _hash(self.fingerprint, line)
        return self.offset <= line.offset < self.end and line.token in self.text


@cache
def _hash(fingerprint: int, line: Line) -> int:
    return line_hash(hash_prefix(fingerprint), line.offset, line.raw)


class OnDisk(NamedTuple):
    """A log file as it is now; `is_whole` is false for a packed file that is still being written.

    What can be read of such a file may be stored, should it stay like that; it is not owed.
    """

    path: Path
    identity: Identity
    content: bytes
    size: int
    is_whole: bool

    @property
    def first(self) -> bytes | None:
        """The first line that is not blank, finished or not."""
        return next((line for line in self.content.split(b"\n") if not is_blank(line)), None)

    def lines(self) -> Iterator[Line]:
        """The complete lines that are not blank."""
        first, offset = self.first or b"", 0
        for raw in self.content.split(b"\n")[:-1]:
            if not is_blank(raw):
                yield Line(first, offset, raw)
            offset += len(raw) + 1

    def blank_ends(self) -> Iterator[int]:
        """Where blank lines end."""
        offset = 0
        for raw in self.content.split(b"\n")[:-1]:
            offset += len(raw) + 1
            if is_blank(raw):
                yield offset

    def tail(self) -> Line | None:
        """The unfinished last line."""
        start = self.content.rfind(b"\n") + 1
        rest = self.content[start:]
        return None if is_blank(rest) else Line(self.first or b"", start, rest)


def files_in(directory: Path) -> list[OnDisk]:
    """All log files there are now, unpacked."""
    found = []
    for path in sorted(directory.iterdir()):
        with path.open("rb") as file:
            facts, data = facts_of(file.fileno()), file.read()
        content, is_whole = _unpacked(path, data)
        found.append(OnDisk(path, facts.identity, content, len(data), is_whole))
    return found


def _unpacked(path: Path, data: bytes) -> tuple[bytes, bool]:
    """What can be read of a file, and whether that is all of it."""
    if path.suffix not in (".gz", ".zst"):
        return data, True
    decoder = zlib.decompressobj(31) if path.suffix == ".gz" else zstandard.ZstdDecompressor().decompressobj()
    return decoder.decompress(data), decoder.eof


@cache
def is_timed(first: bytes) -> bool:
    """True if files that begin with this line are known by it alone."""
    return own_time_us(first[:MAX_LINE_BYTES]) != 0


class Promise:
    """Sees what discovery sees, and judges what the daemon made of it."""

    def __init__(self, logs: Path, state: Path) -> None:
        self._logs = logs
        self._state = state
        self.owed: dict[Line, set[Path]] = defaultdict(set)
        self.holders: dict[Line, set[Incarnation]] = defaultdict(set)
        self._tails: dict[Line, set[Incarnation]] = defaultdict(set)
        self._blank_ends: dict[tuple[bytes, int], set[Identity]] = defaultdict(set)
        self._births: dict[bytes, set[tuple[str, int]]] = defaultdict(set)
        self._rewrites: dict[Identity, int] = defaultdict(int)
        self._sizes: dict[Incarnation, int] = {}
        self._names: dict[Identity, set[Path]] = defaultdict(set)
        self._seen_in: dict[Line, dict[Identity, int]] = defaultdict(dict)
        self._cut_since_seen: dict[Identity, set[Line]] = defaultdict(set)
        self._overwritten: list[set[Line]] = []
        self.expired: list[Found] = []
        self.is_checkpoint_lost = False
        self.pruned_before_us = 0

    # ---- what is owed ------------------------------------------------------------------------------------------

    def will_be_cut(self, path: Path) -> None:
        """The test is about to cut or rewrite this file: from now on it is another incarnation."""
        file = next(file for file in files_in(self._logs) if file.path == path)
        self._note(file)
        self._look_for_overwritten(file)
        self._rewrites[file.identity] += 1
        self._cut_since_seen[file.identity] |= set(file.lines())

    def will_be_deleted(self, path: Path) -> None:
        """The test is about to delete this file: a descriptor may hold it as it is now."""
        file = next(file for file in files_in(self._logs) if file.path == path)
        self._note(file)
        self._look_for_overwritten(file)

    def written(self) -> None:
        """Take note of what is on disk: it may be stored from now on, if something reads it."""
        for file in files_in(self._logs):
            self._note(file)

    def seen(self, now_us: int) -> None:
        """Discovery looks now: what is on disk is owed from now on."""
        for file in files_in(self._logs):
            self._note(file)
            self._look_for_overwritten(file)
            self._cut_since_seen.pop(file.identity, None)
            if file.is_whole:
                for line in file.lines():
                    self.owed[line].add(file.path)
                    self._seen_in[line].setdefault(file.identity, now_us)

    def _look_for_overwritten(self, file: OnDisk) -> None:
        """Rule 7: what was cut since the last look, as far as the file reaches again."""
        cut = self._cut_since_seen[file.identity] - set(file.lines())
        reached = {line for line in cut if line.offset < file.size}
        self._cut_since_seen[file.identity] -= reached
        self._overwritten.append(reached)

    def _note(self, file: OnDisk) -> None:
        self._names[file.identity].add(file.path)
        if file.first is None:
            return
        self._births[file.first].add((script_name_of(str(file.path)), file.identity.birth))
        incarnation = Incarnation(file.identity, self._rewrites[file.identity])
        self._sizes[incarnation] = file.size
        for line in file.lines():
            self.holders[line].add(incarnation)
        for end in file.blank_ends():
            self._blank_ends[file.first, end].add(file.identity)
        tail = file.tail()
        if tail is not None:
            self._tails[tail].add(incarnation)

    def restarted(self, found: Sequence[Found]) -> None:
        """A daemon is about to load the checkpoint: what neither it nor the store knows of is owed no longer."""
        checkpoint = self.checkpoint()
        entries = checkpoint.files if checkpoint else ()
        ledger = self.ledger()
        kept = {
            line: paths
            for line, paths in self.owed.items()
            if self._is_known(line, entries) or self._is_accounted(line, found, ledger)
        }
        self.owed = defaultdict(set, kept)
        on_disk = {file.identity: file for file in files_in(self._logs)}
        for entry in entries:
            file = on_disk.get(entry.identity)
            if file is not None and entry.cut_at is None and _is_at(file, entry):
                known = {line for line in kept if self._is_known(line, [entry])}
                self._overwritten.append({line for line in known - set(file.lines()) if line.offset < file.size})

    def _is_known(self, line: Line, entries: Iterable[FileEntry]) -> bool:
        """True if one of the entries covers it; what was cut off before the line was seen does not."""
        return any(
            entry.identity in self._seen_in[line]
            and (entry.cut_at is None or self._seen_in[line][entry.identity] <= (entry.gone_us or 0))
            and entry.fingerprint in (None, *self.fingerprints(line.first))
            and (entry.compression is not None or line.end <= entry.size)
            for entry in entries
        )

    def checkpoint(self) -> Checkpoint | None:
        """The newest whole generation on disk."""
        for name in ("checkpoint.json", "checkpoint.previous.json"):
            with contextlib.suppress(OSError, CheckpointCorrupt):
                return decode_checkpoint((self._state / name).read_bytes())
        return None

    # ---- what came of it ---------------------------------------------------------------------------------------

    def fingerprints(self, first: bytes) -> set[int]:
        """What files that begin with this line may be known by."""
        content = content_hash(first)
        if is_timed(first):
            return {content}
        rewrites = max(self._rewrites.values(), default=0)
        return {
            untimed_fingerprint(content, HERE.hostname, stem, birth, count)
            for stem, birth in self._births[first]
            for count in range(rewrites + 2)
        }

    def ledger(self) -> list[dict[str, Any]]:
        """The rows of the loss ledger."""
        return _rows(self._state / "losses.jsonl")

    def dead_letters(self) -> list[Found]:
        """The dead letters by key."""
        letters = {row["key"]: row for row in _rows(self._state / "dead_letter.jsonl")}
        return [
            Found(
                int(row["fingerprint"], 16),
                row["offset"],
                row["offset"] + row["length"],
                int(key[-16:], 16),
                0,
                row["line"],  # of a refused record all its lines
            )
            for key, row in letters.items()
        ]

    def _is_accounted(self, line: Line, found: Iterable[Found], ledger: Iterable[dict[str, Any]]) -> bool:
        return self._is_found(line, found) or self._is_lost(line, ledger)

    def _is_found(self, line: Line, found: Iterable[Found]) -> bool:
        """True if it was read: it is stored, dead-lettered, or was pruned."""
        fingerprints = self.fingerprints(line.first)
        return any(one.holds(line, fingerprints) for one in (*found, *self.expired))

    def _is_lost(self, line: Line, ledger: Iterable[dict[str, Any]], *, beyond: int = 0) -> bool:
        """True if rows of the ledger, taken together, hold all of its bytes, or those beyond an offset of its file.

        Bytes that nobody read have no fingerprint that anybody knows: then the row names the file by its path, with the
        fingerprint 0 or that of what the file held before. It may be a name that the file was given after they were cut
        off: a daemon that starts then knows no other.
        """
        fingerprints, reached = self.fingerprints(line.first), max(line.offset, beyond)
        paths = self.owed.get(line, set()).union(*(self._names[held.identity] for held in self.holders[line]))
        for row in sorted(ledger, key=lambda row: int(row["from"])):
            is_its_file = int(row["fingerprint"], 16) in fingerprints or Path(row["file"]) in paths
            if is_its_file and row["from"] <= reached:
                reached = max(reached, line.end if row["to"] is None else row["to"])
        return reached >= line.end

    def judge(self, records: Sequence[Record]) -> list[str]:
        """What breaks the promise, a sentence each."""
        in_store = stored(records)
        found = [*in_store, *self.dead_letters()]
        ledger = self.ledger()
        unread = {line for line in self.owed if not self._is_found(line, found)}
        unstored = {line for line in self.owed if not self._is_found(line, in_store)}
        lost = {line for line in unread if not self._is_lost(line, ledger)}
        for lines in self._overwritten:
            of_this_file_alone = {line for line in lines & self.owed.keys() if len(self.holders[line]) == 1}
            if of_this_file_alone <= unstored:
                lost -= lines
        on_disk = {line for file in files_in(self._logs) for line in file.lines()}
        lost = {
            line
            for line in lost
            if not self._counts_as_pruned(line, found)
            and (
                line in on_disk or not (self._is_hidden_by_another(line, found) or self._was_written_over(line, ledger))
            )
        }
        return [
            *(f"lost: {line}" for line in lost),
            *self._doubles(found),
            *(f"stored but not written: {one}" for one in found if not self._was_written(one)),
            *self._false_alarms(found, ledger),
        ]

    def _counts_as_pruned(self, line: Line, found: Sequence[Found]) -> bool:
        """Rule 8."""
        is_event = b"run_start" not in line.raw  # what the prune log refuses; other records always stay
        if not is_event or own_time_us(line.raw) >= self.pruned_before_us:
            return False
        if not any(map(line.is_rival, self.holders)):
            return False
        fingerprints = self.fingerprints(line.first)
        return any(one.fingerprint in fingerprints and line.offset < one.end for one in (*found, *self.expired))

    def _is_hidden_by_another(self, line: Line, found: Sequence[Found]) -> bool:
        """Rule 9."""
        here = {incarnation.identity for incarnation in self.holders[line]}
        everything = {**self.holders, **self._tails}
        there = {held.identity for rival in filter(line.is_rival, everything) for held in everything[rival]}
        fingerprints = self.fingerprints(line.first)
        is_reached = any(one.fingerprint in fingerprints and line.offset < one.end for one in (*found, *self.expired))
        is_told_from_behind_blanks = any(
            int(row["fingerprint"], 16) in fingerprints
            and line.offset < row["from"] < line.end <= (row["to"] or 0)
            and self._blank_ends[line.first, row["from"]] - here
            for row in self.ledger()
        )
        return is_timed(line.first) and ((is_reached and bool(there - here)) or is_told_from_behind_blanks)

    def _was_written_over(self, line: Line, ledger: Sequence[dict[str, Any]]) -> bool:
        """Rule 10."""
        return all(
            any(
                former <= self._sizes[held] and self._is_lost(line, ledger, beyond=former)
                for former in self._former_sizes(held)
            )
            for held in self.holders[line]
        )

    def _former_sizes(self, incarnation: Incarnation) -> list[int]:
        former = (Incarnation(incarnation.identity, n) for n in range(incarnation.rewrites))
        return [self._sizes[each] for each in former if each in self._sizes]

    def _doubles(self, found: Sequence[Found]) -> Iterator[str]:
        whole = [one for one in found if not one.flags & Flag.UNTERMINATED]
        for line, incarnations in self.holders.items():
            fingerprints = self.fingerprints(line.first)
            here = [one for one in whole if one.holds(line, fingerprints)]
            streams = {one.fingerprint for one in here}
            if len(here) > len(streams):
                yield f"twice from one stream: {line}: {here}"
            if len(streams) > len(incarnations) and not self.is_checkpoint_lost:
                yield f"from {len(streams)} streams, though only {len(incarnations)} files held it: {line}: {here}"

    def _was_written(self, one: Found) -> bool:
        written = [line for line in (*self.holders, *self._tails) if one.holds(line, self.fingerprints(line.first))]
        return any(line.offset == one.offset for line in written) and (
            {token for line in written for token in TOKEN.findall(line.raw.decode())} >= set(TOKEN.findall(one.text))
        )

    def _false_alarms(self, found: Sequence[Found], ledger: Sequence[dict[str, Any]]) -> Iterator[str]:
        for row in ledger:
            if row["to"] is None:
                continue  # nobody knows how far
            if row["from"] >= row["to"]:
                yield f"a loss of nothing: {row}"

    def ahead(self, records: Sequence[Record]) -> list[str]:
        """What the checkpoint calls acknowledged and is nowhere, of the files as they are on disk now."""
        checkpoint = self.checkpoint()
        if checkpoint is None:
            return []
        found = [*stored(records), *self.dead_letters()]
        ledger = self.ledger()
        on_disk = {file.identity: file for file in files_in(self._logs)}
        return [
            f"acknowledged at {entry.cursor.offset} but nowhere: {line}"
            for entry in checkpoint.files
            if entry.gone_us is None and entry.identity in on_disk and _is_at(on_disk[entry.identity], entry)
            for line in on_disk[entry.identity].lines()
            if line.end < entry.cursor.offset
            and not self._is_accounted(line, found, ledger)
            and not self._counts_as_pruned(line, found)
        ]


def _is_at(file: OnDisk, entry: FileEntry) -> bool:
    """True if the file still holds what the entry's marker and head say."""
    marker, at = entry.cursor.marker, entry.cursor.offset
    return marker.fits(file.content[at - marker.length : at]) and entry.head.fits(file.content[: entry.head.length])


def stored(records: Iterable[Record]) -> list[Found]:
    """The records as the model looks at them."""
    return [
        Found(
            record.origin.fingerprint,
            record.offset,
            record.offset + record.length,
            record.hash,
            record.flags,
            msgspec.json.encode(record.line).decode(),
        )
        for record in records
    ]


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(row) for row in path.read_text().splitlines()] if os.path.exists(path) else []
