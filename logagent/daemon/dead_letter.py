"""Dead letters: the lines that cannot be stored, kept whole with the reason."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from logagent.daemon.faults import Faults
from logagent.daemon.journal import Journal
from logagent.daemon.losses import LossLedger
from logagent.daemon.tracker import Loss
from logagent.formats.record import Reject
from logagent.formats.times import utc_text

DEAD_LETTERS: Final = "dead_letter.jsonl"
MAX_KEYS: Final = 200_000
"""Keys remembered, so that a line read again is not written again; readers drop doubles by key anyway."""

_ENCODE: Final = msgspec.json.Encoder().encode


class DeadLetters:
    """Appends rejects to `dead_letter.jsonl`; beyond `max_bytes` the loss ledger says which bytes were not kept.

    `trouble`: said while they are full, else None.
    """

    def __init__(
        self,
        journal: Journal,
        faults: Faults,
        ledger: LossLedger,
        *,
        max_bytes: int,
    ) -> None:
        self._journal = journal
        self._faults = faults
        self._ledger = ledger
        self._max_bytes = max_bytes
        self.trouble: str | None = None
        self._keys = dict.fromkeys(key for line in journal.last_lines() if (key := _key_of(line)))

    def write(self, rejects: Sequence[Reject], now_us: int) -> int:
        """Write and sync those that are not there yet; how many were new.

        Raises:
            OSError: not all could be written; try again with the same, none is doubled for a reader.
        """
        new = {reject.key: reject for reject in rejects if reject.key not in self._keys}
        if not new:
            return 0
        self._faults("before_dead_letter")
        lines = b"".join(_ENCODE(dead_letter(reject, now_us)) + b"\n" for reject in new.values())
        if self._journal.size + len(lines) > self._max_bytes:
            self.trouble = f"dead letters are full ({self._max_bytes} bytes): of further ones only the ledger tells"
            self._ledger.write([_not_kept(reject) for reject in new.values()], now_us)
        else:
            self.trouble = None
            self._journal.append(lines, before_sync=lambda: self._faults("after_dead_letter_write"))
            self._faults("after_dead_letter_fsync")
        self._keys.update(dict.fromkeys(new))
        while len(self._keys) > MAX_KEYS:
            del self._keys[next(iter(self._keys))]
        return len(new)


def _not_kept(reject: Reject) -> Loss:
    end = reject.offset + reject.length
    reason = f"dead letters are full: {reject.reason}"
    return Loss(reject.origin.file, reject.origin.fingerprint, reject.offset, end, reason)


def dead_letter(reject: Reject, now_us: int) -> dict[str, Any]:
    """The document of one dead letter; `line` is text where it is UTF-8, else base64."""
    encoding, line = _text_of(reject.raw)
    return {
        "v": 1,
        "key": reject.key,
        "time": utc_text(now_us),
        "reason": reject.reason,
        "detail": reject.detail,
        "file": reject.origin.file,
        "fingerprint": f"{reject.origin.fingerprint:016x}",
        "offset": reject.offset,
        "length": reject.length,
        "encoding": encoding,
        "line": line,
    }


def _text_of(raw: bytes) -> tuple[str, str]:
    try:
        return "utf-8", raw.decode()
    except UnicodeDecodeError:
        return "base64", base64.b64encode(raw).decode()


class _Keyed(msgspec.Struct):
    key: str = ""


_KEYED: Final = msgspec.json.Decoder(_Keyed)


def _key_of(line: bytes) -> str:
    try:
        return _KEYED.decode(line).key
    except (msgspec.MsgspecError, UnicodeError):
        return ""
