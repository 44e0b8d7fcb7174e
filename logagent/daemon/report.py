"""The report: what the daemon says of itself in `status.json`. Thin I/O."""

from __future__ import annotations

import contextlib
import heapq
import os
import shutil
from typing import Final

import msgspec

from logagent.daemon.discovery import Discovery
from logagent.daemon.file import File
from logagent.daemon.files import Files
from logagent.daemon.forecast import forecast_of
from logagent.daemon.shipper import Shipper
from logagent.daemon.surroundings import Clock
from logagent.daemon.tracker import printable
from logagent.daemon.wakeups import Wakeups
from logagent.formats.status import (
    MAX_LISTED_FILES,
    FileStatus,
    Status,
    StoreStatus,
    Totals,
    encode_status,
)
from logagent.formats.times import utc_text

STATUS: Final = "status.json"
_TEMPORARY: Final = "status.json.new"
STATUS_EVERY_S: Final = 1.0
STATUS_AT_LEAST_EVERY_S: Final = 10.0
SHOWN_TROUBLES: Final = 20


def file_status(file: File) -> FileStatus:
    """One file's line."""
    stream = file.stream
    return FileStatus(
        path=printable(file.path),
        size=file.size,
        offset=stream.acknowledged.offset if stream else 0,
        lag=file.lag,
        pending_bytes=stream.pending_bytes if stream else file.size,
        state=_state(file),
        reason=file.trouble,
    )


def _state(file: File) -> str:
    if file.trouble:
        return "trouble"
    if file.is_unlinked:
        return "deleted"
    if file.stream is None:
        return "no complete line yet"
    return "ok" if file.is_settled else "reading"


def files_behind(files: Files) -> list[File]:
    """The files that are behind, in trouble or unfinished: the one look at all of them, of which few are.

    Most are acknowledged up to their size, which is seen here without asking each for its lag.
    """
    return [
        file
        for file in files
        if file.trouble
        or (stream := file.stream) is None
        or ((stream.acknowledged.offset != file.size or file.compression or file.seen) and file.lag)
    ]


def by_lag(behind: list[File]) -> tuple[FileStatus, ...]:
    """Their lines, greatest lag first."""
    return tuple(map(file_status, heapq.nlargest(MAX_LISTED_FILES, behind, key=lambda file: file.lag)))


class Outage(msgspec.Struct):
    """The store is away: since when (monotonic seconds, and as text), why, and when that was last said."""

    since: float
    began: str
    error: str
    said_at: float


class Reporter:
    """Makes the daemon's status, and writes it on change: at most each second, at least every ten.

    Attributes:
        status: the last one that was written, or None.
        lost_bytes: of the loss ledger, as of this process.
        damages: what was wrong with the checkpoint at the start.
        alerts: those raised now, a sentence each.
        last_error, store_since: the store's last error, also when it is back; since when it answers.
    """

    def __init__(
        self,
        directory: str,
        store_url: str,
        discovery: Discovery,
        files: Files,
        shipper: Shipper,
        wakeups: Wakeups,
        clock: Clock,
    ) -> None:
        self.status: Status | None = None
        self.lost_bytes = 0
        self.damages: list[str] = []
        self.alerts: tuple[str, ...] = ()
        self.last_error: str | None = None
        self._store_url = store_url
        self._directory = directory
        self.discovery = discovery
        self._files = files
        self._shipper = shipper
        self._wakeups = wakeups
        self._clock = clock
        self._started_at = self.store_since = utc_text(clock.now_us())
        self._written_at = float("-inf")
        self._rate = self._growth = 0.0
        self._measured_at, self._measured_read, self._measured_lag = clock.monotonic(), 0, 0

    def report(self, outage: Outage | None, *, is_last: bool = False) -> None:
        """Write the status if it is time to; the last one says that the daemon has stopped."""
        now = self._clock.monotonic()
        if now - self._written_at < STATUS_EVERY_S and not is_last:
            return
        behind = files_behind(self._files)
        self._measure(now, sum(file.lag for file in behind))
        status = self._status(outage, behind)
        if is_last:
            status = msgspec.structs.replace(status, state="stopped", rate_lines_s=0.0)
        is_news = self.status is None or without_times(status) != without_times(self.status)
        if not (is_news or is_last or now - self._written_at >= STATUS_AT_LEAST_EVERY_S):
            return
        self._written_at = now
        self.status = status
        with contextlib.suppress(OSError):  # the checkpoint's trouble says it loudly; there is nowhere to write it
            write_status(self._directory, status)

    def current(self, outage: Outage | None) -> Status:
        """How the daemon is now."""
        return self._status(outage, files_behind(self._files))

    def _status(self, outage: Outage | None, behind: list[File]) -> Status:
        lag = sum(file.lag for file in behind)
        troubles = self._troubles(behind)
        reasons = [outage.error] if outage else []
        return Status(
            pid=os.getpid(),
            started_at=self._started_at,
            updated_at=utc_text(self._clock.now_us()),
            state="outage" if outage else "degraded" if troubles else "ok",
            reasons=(*reasons, *troubles, *self.damages, *self._shipper.rereads),
            alerts=self.alerts,
            store=self._store(outage),
            watched=tuple(map(printable, self.discovery.roots)),
            totals=self._totals(),
            rate_lines_s=round(self._rate, 1),
            lag_bytes=lag,
            files_total=len(self._files),
            files=by_lag(behind),
            forecast=forecast_of(
                lag_bytes=lag,
                growth_bytes_s=self._growth,
                free_bytes=self._free_bytes(),
                is_reading=outage is None,
            ),
        )

    def _measure(self, now: float, lag: int) -> None:
        elapsed = now - self._measured_at
        if elapsed < STATUS_EVERY_S:
            return
        read = self._shipper.counts.read
        self._rate = (read - self._measured_read) / elapsed
        self._growth = (lag - self._measured_lag) / elapsed
        self._measured_at, self._measured_read, self._measured_lag = now, read, lag

    def _totals(self) -> Totals:
        counts = self._shipper.counts
        return Totals(
            read=counts.read,
            stored=counts.stored,
            duplicates=counts.duplicates,
            dead_letters=counts.dead_letters,
            lost_bytes=self.lost_bytes,
            skipped=sum(counts.skipped.values()),
            by_rule=dict(counts.skipped),
        )

    def _store(self, outage: Outage | None) -> StoreStatus:
        return StoreStatus(
            url=self._store_url,
            id=self._shipper.store_id or None,
            state="outage" if outage else "ok",
            since=outage.began if outage else self.store_since,
            last_error=self.last_error,
        )

    def _troubles(self, behind: list[File]) -> list[str]:
        troubles = [f"{printable(path)}: {reason}" for path, reason in self._files.unreadable.items()]
        in_trouble = [file for file in behind if file.trouble]
        troubles += [f"{printable(file.path)}: {file.trouble}" for file in in_trouble[:SHOWN_TROUBLES]]
        if len(in_trouble) > SHOWN_TROUBLES:
            troubles.append(f"and {len(in_trouble) - SHOWN_TROUBLES} more files that cannot be read")
        return troubles + [trouble for trouble in (self._shipper.checkpoint_trouble, self._wakeups.trouble) if trouble]

    def _free_bytes(self) -> int | None:
        try:
            return shutil.disk_usage(self.discovery.roots[0]).free
        except (OSError, IndexError):
            return None


def write_status(directory: str, status: Status) -> None:
    """Replace `status.json`, readable by the group; readers see the old one or the new, never a part.

    Raises:
        OSError: it could not be written.
    """
    temporary = os.path.join(directory, _TEMPORARY)
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
    with os.fdopen(fd, "wb") as file:
        file.write(encode_status(status))
    os.rename(temporary, os.path.join(directory, STATUS))  # not synced: it is only news


def sentence_of(status: Status) -> str:
    """The status in one line, as `systemctl status` shows it."""
    totals = status.totals
    told = [
        f"{status.state}: {totals.stored} stored, {status.rate_lines_s:.0f} lines/s, {status.files_total} files",
        f"{shown_bytes(status.lag_bytes)} behind",
    ]
    told += [f"{totals.dead_letters} dead letters"] if totals.dead_letters else []
    told += [f"{shown_bytes(totals.lost_bytes)} lost"] if totals.lost_bytes else []
    return ", ".join(told) + "".join(f"; {reason}" for reason in status.reasons[:1])


def shown_bytes(count: int) -> str:
    """A number of bytes for people, in decimal units.

    >>> shown_bytes(0), shown_bytes(1_234_567)
    ('0 bytes', '1.2 MB')
    """
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count >= unit:
            return f"{count / unit:.1f} {name}"
    return f"{count} bytes"


def without_times(status: Status) -> Status:
    """The status less what changes by itself: to see whether anything happened."""
    return msgspec.structs.replace(status, updated_at="", rate_lines_s=0.0)
