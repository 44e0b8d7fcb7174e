"""Verification: what became of each line, from what the store, the checkpoint and the state files say of it.

Pure: no I/O, no clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

import msgspec

from logagent.daemon.losses import LostRanges
from logagent.store.protocol import Holding

MAX_EXAMPLES: Final = 10
"""Unexplained lines told of one file; all are counted."""


class Verdict(StrEnum):
    """What became of one line."""

    STORED = "stored"
    DEAD_LETTER = "dead_letter"
    WAITING = "waiting"
    """Not acknowledged yet: the daemon will read it."""
    START_AT_END = "start_at_end"
    """It stood there before the first start of a daemon that was told to begin at the end."""
    EXPIRED = "expired"
    LOST = "lost"
    UNEXPLAINED = "unexplained"
    """The daemon will not read it again, and it is nowhere: this must not happen."""


class Known(msgspec.Struct, frozen=True):
    """What is known of one file besides the store.

    `acknowledged`: the daemon goes on from there and reads nothing before it again. `begun_at`: it began there.
    `left_out`: so many lines before it were left out by each rule, whichever rules held when they were read.
    """

    acknowledged: int
    begun_at: int
    letters: set[int]
    lost: LostRanges
    left_out: Mapping[str, int] = {}


def verdict_of(offset: int, line_hash: int, holding: Holding, known: Known) -> Verdict:
    """What became of the line at that offset.

    Where it is beats why it is not: a line that is stored is stored, whatever else is said of it.
    """
    if holding is Holding.STORED:
        return Verdict.STORED
    if line_hash in known.letters:
        return Verdict.DEAD_LETTER
    if offset < known.begun_at:
        return Verdict.START_AT_END
    if offset in known.lost:
        return Verdict.LOST
    if offset >= known.acknowledged:
        return Verdict.WAITING
    return Verdict.EXPIRED if holding is Holding.EXPIRED else Verdict.UNEXPLAINED


class Example(msgspec.Struct, frozen=True):
    """An unexplained line; `head` are its first bytes as text."""

    file: str
    offset: int
    key: str
    head: str


class FileReport(msgspec.Struct):
    """One file.

    Attributes:
        lines: how many lines came to each verdict; a folded record counts all its lines.
        skipped: by rule: blank lines, lines with NUL bytes before or between them, lines below a least level (those
            that are nowhere, as many as the daemon counted). A line folded into another's record counts as stored.
        waiting_bytes: not acknowledged, the unfinished last line included.
        pending_bytes: the last line, as long as it has no LF.
        not_checked_bytes: acknowledged, and taken on trust.
        trouble: why it could not be looked at (whole), else None.
        has_changed: it was written anew while it was being looked at.
    """

    path: str
    fingerprint: str | None = None
    size: int = 0
    acknowledged: int = 0
    lines: Counter[Verdict] = msgspec.field(default_factory=Counter)
    skipped: Counter[str] = msgspec.field(default_factory=Counter)
    waiting_bytes: int = 0
    pending_bytes: int = 0
    not_checked_bytes: int = 0
    trouble: str | None = None
    has_changed: bool = False
    examples: list[Example] = []

    @property
    def is_doubtful(self) -> bool:
        """It has to be looked at again before anything is said of it."""
        return self.has_changed or self.lines[Verdict.UNEXPLAINED] > 0

    def count(self, verdict: Verdict, lines: int) -> None:
        """So many more lines came to that."""
        self.lines[verdict] += lines

    def example(self, offset: int, key: str, head: bytes) -> None:
        """Tell of an unexplained line."""
        if len(self.examples) < MAX_EXAMPLES:
            self.examples.append(Example(self.path, offset, key, head.decode("utf-8", "backslashreplace")))


class Report(msgspec.Struct):
    """All files, and what could not be looked at; `notes` are sentences that bear on all of it."""

    is_deep: bool
    files: list[FileReport]
    could_not_look: dict[str, str] = {}
    notes: list[str] = []

    @property
    def lines(self) -> dict[Verdict, int]:
        """How many lines came to each verdict, every verdict named."""
        return {verdict: sum(file.lines[verdict] for file in self.files) for verdict in Verdict}

    @property
    def skipped(self) -> dict[str, int]:
        """How many lines each rule left out."""
        total: Counter[str] = Counter()
        for file in self.files:
            total.update(file.skipped)
        return dict(total)

    @property
    def examples(self) -> list[Example]:
        """Unexplained lines, at most ten of each file."""
        return [example for file in self.files for example in file.examples]

    @property
    def unexplained(self) -> int:
        """How many lines are nowhere."""
        return self.lines[Verdict.UNEXPLAINED]

    @property
    def is_sound(self) -> bool:
        """True if nothing is unexplained, as far as was looked."""
        return self.unexplained == 0

    def sum_of(self, name: str) -> int:
        """The sum of one of the files' byte counts."""
        return sum(getattr(file, name) for file in self.files)


def worst_first(files: Iterable[FileReport]) -> list[FileReport]:
    """Unexplained first, then in trouble, then by what waits."""
    return sorted(
        files,
        key=lambda file: (-file.lines[Verdict.UNEXPLAINED], file.trouble is None, -file.waiting_bytes, file.path),
    )
