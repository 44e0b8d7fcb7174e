"""The loss ledger: every byte range that was seen and could not be had, with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from logagent.daemon.faults import Faults
from logagent.daemon.journal import Journal
from logagent.daemon.tracker import Loss
from logagent.formats.times import utc_text

LEDGER: Final = "losses.jsonl"
_ENCODE: Final = msgspec.json.Encoder().encode


class LossLedger:
    """Appends to `losses.jsonl`; `lost_bytes` counts what this process wrote there."""

    def __init__(self, journal: Journal, faults: Faults) -> None:
        self._journal = journal
        self._faults = faults
        self.lost_bytes = 0

    def write(self, losses: Sequence[Loss], now_us: int) -> None:
        """Write and sync.

        Raises:
            OSError: it could not be written; try again.
        """
        self._faults("before_ledger_write")
        self._journal.append(b"".join(_ENCODE(ledger_row(loss, now_us)) + b"\n" for loss in losses))
        self._faults("after_ledger_fsync")
        self.lost_bytes += sum((loss.to_offset or loss.from_offset) - loss.from_offset for loss in losses)


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
