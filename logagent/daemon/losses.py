"""The loss ledger: every byte range that was seen and could not be had, with the reason."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec

from logagent.daemon.faults import Faults
from logagent.daemon.journal import Journal, rows_of
from logagent.daemon.tracker import Loss
from logagent.formats.times import utc_text

LEDGER: Final = "losses.jsonl"
_ENCODE: Final = msgspec.json.Encoder().encode


class LossLedger:
    """Appends to `losses.jsonl`; `lost_bytes` and `unknown_ends` count what this process wrote there."""

    def __init__(self, journal: Journal, faults: Faults) -> None:
        self._journal = journal
        self._faults = faults
        self.lost_bytes = self.unknown_ends = 0

    def write(self, losses: Sequence[Loss], now_us: int) -> None:
        """Write and sync.

        Raises:
            OSError: it could not be written; try again.
        """
        self._faults("before_ledger_write")
        rows = b"".join(_ENCODE(ledger_row(loss, now_us)) + b"\n" for loss in losses)
        self._journal.append(rows, before_sync=lambda: self._faults("after_ledger_write"))
        self._faults("after_ledger_fsync")
        ends = [(loss.from_offset, loss.to_offset) for loss in losses]
        self.lost_bytes += sum(end - start for start, end in ends if end is not None)
        self.unknown_ends += sum(end is None for _start, end in ends)


def ledger_row(loss: Loss, now_us: int) -> dict[str, Any]:
    """The document of one loss: bytes `from` (included) to `to` (not included; null where unknown)."""
    return {
        "v": 1,
        "time": utc_text(now_us),
        "file": loss.path,
        "fingerprint": f"{loss.fingerprint:016x}",
        "from": loss.from_offset,
        "to": loss.to_offset,
        "reason": loss.reason,
    }


class LossRow(msgspec.Struct, frozen=True):
    """One row as it stands in the ledger; `to_offset` is None where nobody knows how many bytes there were."""

    file: str
    from_offset: int = msgspec.field(name="from")
    reason: str
    time: str = ""
    fingerprint: str = "0" * 16
    to_offset: int | None = msgspec.field(name="to", default=None)


_ROWS: Final = msgspec.json.Decoder(LossRow)


def read_ledger(state_dir: str) -> Iterator[LossRow]:
    """The rows, oldest first; a line torn by a crash is passed over, and a row written twice comes twice.

    Raises:
        StateUnavailable: the ledger is there and cannot be read.
    """
    return rows_of(os.path.join(state_dir, LEDGER), _ROWS)


class LostRanges:
    """Which bytes of one file are lost, whatever order and however often the ledger names them.

    `open_from`: everything from there on is lost, nobody knows how much that is.
    """

    def __init__(self) -> None:
        self.open_from: int | None = None
        self._ranges: list[tuple[int, int]] = []
        self._is_merged = True

    def add(self, start: int, end: int | None) -> None:
        """Bytes from `start` to before `end`; None where nobody knows the end."""
        if end is not None:
            self._ranges.append((start, end))
            self._is_merged = False
        else:
            self.open_from = start if self.open_from is None else min(self.open_from, start)

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """The ranges in order, none touching another."""
        if not self._is_merged:
            self._ranges = _merged(self._ranges)
            self._is_merged = True
        return self._ranges

    @property
    def known_bytes(self) -> int:
        """Bytes lost, as far as anybody knows how many."""
        return sum(end - start for start, end in self.ranges)

    def __contains__(self, offset: int) -> bool:
        if self.open_from is not None and offset >= self.open_from:
            return True
        at = bisect_right(self.ranges, offset, key=_start)
        return at > 0 and offset < self.ranges[at - 1][1]


def _start(span: tuple[int, int]) -> int:
    return span[0]


def _merged(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def lost_by_file(rows: Iterable[LossRow]) -> dict[tuple[str, str], LostRanges]:
    """What is lost of each file, by path and fingerprint."""
    lost: dict[tuple[str, str], LostRanges] = {}
    for row in rows:
        lost.setdefault((row.file, row.fingerprint), LostRanges()).add(row.from_offset, row.to_offset)
    return lost
