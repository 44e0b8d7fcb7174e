"""The shape of `status.json`: how the daemon is, for everybody who asks. Pure: no I/O, no clock.

The daemon writes it on change (at most each second, at least every ten), questions and the monitor read it.
Times are RFC 3339 text in UTC. A reader takes fields that it does not know in its stride, so a newer daemon
can say more; `v` changes only when a field here changes its meaning.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal, TypeAlias

import msgspec

from logagent.formats.times import SECOND_US, micros

STATUS_FILE: Final = "status.json"
"""Its name in the daemon's state directory."""
STATUS_VERSION: Final = 1
MAX_LISTED_FILES: Final = 100
STALE_AFTER_S: Final = 30
"""Three writes missed: a status older than this speaks of a daemon that is gone or stuck."""

DaemonState: TypeAlias = Literal["ok", "degraded", "outage", "stopped"]
"""`stopped` is a daemon's last word: it ended as it was told to, and nothing reads until one is started."""


class StoreStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The store as the daemon sees it. `url` is without secrets; `since` is when `state` began."""

    url: str
    id: str | None = None
    state: Literal["ok", "outage"] = "ok"
    since: str | None = None
    last_error: str | None = None


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """Since the daemon started: lines, but for `redacted`, `lost_bytes` and `unknown_ends`.

    `duplicates`: stored already; None, and then among `stored`, where the store does not count them. `expired`: read
    again after they were pruned. `redacted`: secrets masked. `unknown_ends`: losses of which nobody knows how many
    bytes they were. `skipped` is what declared rules left out, `by_rule` each.
    """

    read: int = 0
    stored: int = 0
    duplicates: int | None = 0
    expired: int = 0
    dead_letters: int = 0
    redacted: int = 0
    lost_bytes: int = 0
    unknown_ends: int = 0
    skipped: int = 0
    by_rule: dict[str, int] = {}


def stored_told(totals: Totals) -> str:
    """What was stored, and what was there, for people.

    >>> stored_told(Totals(stored=3)), stored_told(Totals(stored=3, duplicates=None))
    ('3 stored, 0 already there', '3 stored or already there')
    """
    there = " or already there" if totals.duplicates is None else f", {totals.duplicates} already there"
    return f"{totals.stored} stored{there}"


def losses_told(totals: Totals) -> str:
    """What was lost, for people; empty if nothing was.

    >>> losses_told(Totals(lost_bytes=7, unknown_ends=1)), losses_told(Totals())
    ('7 bytes lost, 1 loss of unknown size', '')
    """
    told = [f"{totals.lost_bytes} bytes lost"] if totals.lost_bytes else []
    if totals.unknown_ends:
        told.append(f"{totals.unknown_ends} loss{'es' if totals.unknown_ends > 1 else ''} of unknown size")
    return ", ".join(told)


class FileStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One followed file. `lag` is bytes on disk not yet acknowledged, `pending_bytes` an unfinished last line."""

    path: str
    size: int
    offset: int
    lag: int
    pending_bytes: int = 0
    state: str = "ok"
    reason: str | None = None


class Copies(msgspec.Struct, frozen=True, kw_only=True):
    """Files that are one record stream: their records are stored once, under `path`, which was seen first."""

    path: str
    aliases: tuple[str, ...]


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """`seconds` until unread bytes may be lost if nothing changes, None if nothing threatens; `basis` says why."""

    seconds: float | None = None
    basis: str = ""


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The whole document; `alerts` are those raised now, a sentence each.

    `files` lists at most `MAX_LISTED_FILES`, greatest lag first, of `files_total`; `copies` as many of `copies_total`.
    """

    v: int = STATUS_VERSION
    pid: int
    started_at: str
    updated_at: str
    state: DaemonState
    reasons: tuple[str, ...] = ()
    alerts: tuple[str, ...] = ()
    store: StoreStatus
    watched: tuple[str, ...] = ()
    """The directories whose files are read."""
    totals: Totals = Totals()
    rate_lines_s: float = 0.0
    lag_bytes: int = 0
    files_total: int = 0
    files: tuple[FileStatus, ...] = ()
    copies_total: int = 0
    copies: tuple[Copies, ...] = ()
    forecast: Forecast = Forecast()

    def age_s(self, now_us: int) -> float:
        """Seconds since it was written; for ever where it does not say when."""
        try:
            return (now_us - micros(datetime.fromisoformat(self.updated_at))) / SECOND_US
        except ValueError:
            return float("inf")

    def is_stale(self, now_us: int) -> bool:
        """True if its daemon should have written again since."""
        return self.age_s(now_us) > STALE_AFTER_S


_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(Status)


def encode_status(status: Status) -> bytes:
    r"""The bytes of `status.json`, ending in a newline.

    File names need not be text: whoever fills `path` replaces what is not (`os.fsencode(p).decode("utf-8",
    "backslashreplace")`), else this raises UnicodeEncodeError.

    >>> status = Status(pid=1, started_at="", updated_at="", state="ok", store=StoreStatus(url="sqlite:///a.db"))
    >>> decode_status(encode_status(status)) == status
    True
    """
    return _ENCODER.encode(status) + b"\n"


def decode_status(data: bytes) -> Status | None:
    """The status in those bytes, or None where they hold none: empty, cut, or no status at all."""
    try:
        return _DECODER.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
