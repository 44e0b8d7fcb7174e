"""The report: what the daemon says of itself in `status.json`. Thin I/O."""

from __future__ import annotations

import errno
import heapq
import os
import shutil
from typing import Final

import msgspec

from logagent.daemon.dead_letter import DeadLetters
from logagent.daemon.discovery import Discovery
from logagent.daemon.file import File
from logagent.daemon.files import Files
from logagent.daemon.forecast import Forecaster, Room
from logagent.daemon.losses import LossLedger
from logagent.daemon.outages import Outages
from logagent.daemon.shipper import Shipper
from logagent.daemon.surroundings import Clock
from logagent.daemon.tracker import printable
from logagent.daemon.wakeups import Wakeups
from logagent.formats.status import (
    MAX_LISTED_FILES,
    STATUS_FILE,
    Copies,
    FileStatus,
    Status,
    StoreStatus,
    Totals,
    encode_status,
)
from logagent.formats.times import utc_text

_TEMPORARY: Final = STATUS_FILE + ".new"
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
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
        pending_bytes=file.pending_bytes,
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


def _copies(files: list[File]) -> Copies:
    path, *aliases = (printable(file.path) for file in files)
    return Copies(path=path, aliases=tuple(aliases[:MAX_LISTED_FILES]))


class Reporter:
    """Makes the daemon's status, and writes it on change: at most each second, at least every ten.

    Attributes:
        status: the last one that was written, or None.
        damages: what was wrong with the checkpoint at the start.
        alerts: those raised now, a sentence each.
    """

    def __init__(
        self,
        directory: str,
        store_url: str,
        discovery: Discovery,
        files: Files,
        shipper: Shipper,
        ledger: LossLedger,
        dead_letters: DeadLetters,
        outages: Outages,
        wakeups: Wakeups,
        clock: Clock,
        *,
        max_deleted_bytes: int,
    ) -> None:
        self.status: Status | None = None
        self.damages: list[str] = []
        self.alerts: tuple[str, ...] = ()
        self.max_deleted_bytes = max_deleted_bytes
        self._status_trouble: str | None = None
        self._store_url = store_url
        self._directory = directory
        self.discovery = discovery
        self._files = files
        self._shipper = shipper
        self._ledger = ledger
        self._dead_letters = dead_letters
        self._outages = outages
        self._wakeups = wakeups
        self._clock = clock
        self._started_at = utc_text(clock.now_us())
        self._written_at = float("-inf")
        self._forecaster = Forecaster()
        self._rate = 0.0
        self._measured_at, self._measured_read = clock.monotonic(), 0

    def report(self, *, is_last: bool = False) -> None:
        """Write the status if it is time to; the last one says that the daemon has stopped."""
        now = self._clock.monotonic()
        if now - self._written_at < STATUS_EVERY_S and not is_last:
            return
        self._measure(now)
        status = self._status(files_behind(self._files))
        if is_last:
            status = msgspec.structs.replace(status, state="stopped", rate_lines_s=0.0)
        is_news = self.status is None or without_times(status) != without_times(self.status)
        if not (is_news or is_last or now - self._written_at >= STATUS_AT_LEAST_EVERY_S):
            return
        self._written_at = now
        self.status = status
        try:
            write_status(self._directory, status)
            self._status_trouble = None
        except OSError as error:
            self._status_trouble = f"{STATUS_FILE} cannot be written: {error.strerror}"

    def current(self) -> Status:
        """How the daemon is now."""
        return self._status(files_behind(self._files))

    def _status(self, behind: list[File]) -> Status:
        outage = self._outages.current
        lag = sum(file.lag for file in behind)
        troubles = self._troubles(behind)
        copies = list(self._files.recognition.one_stream())
        reasons = [outage.error] if outage else []
        return Status(
            pid=os.getpid(),
            started_at=self._started_at,
            updated_at=utc_text(self._clock.now_us()),
            state="outage" if outage else "degraded" if troubles else "ok",
            reasons=(*reasons, *troubles, *self._away(), *self.damages, *self._shipper.saving.rereads),
            alerts=self.alerts,
            store=self._store(),
            watched=tuple(map(printable, self.discovery.roots)),
            totals=self._totals(),
            rate_lines_s=round(self._rate, 1),
            lag_bytes=lag,
            files_total=len(self._files),
            files=by_lag(behind),
            copies_total=len(copies),
            copies=tuple(map(_copies, copies[:MAX_LISTED_FILES])),
            forecast=self._forecaster.forecast(
                self._rooms(behind, lag), self._clock.monotonic(), is_reading=outage is None
            ),
        )

    def _measure(self, now: float) -> None:
        elapsed = now - self._measured_at
        if elapsed < STATUS_EVERY_S:
            return
        read = self._shipper.counts.read
        self._rate = (read - self._measured_read) / elapsed
        self._measured_at, self._measured_read = now, read

    def _totals(self) -> Totals:
        counts = self._shipper.counts
        return Totals(
            read=counts.read,
            stored=counts.stored,
            duplicates=counts.duplicates,
            expired=counts.expired,
            dead_letters=counts.dead_letters,
            redacted=counts.redacted,
            lost_bytes=self._ledger.lost_bytes,
            unknown_ends=self._ledger.unknown_ends,
            skipped=sum(counts.skipped.values()),
            by_rule=dict(counts.skipped),
        )

    def _store(self) -> StoreStatus:
        outage = self._outages.current
        is_away = outage is not None and outage.is_stores
        return StoreStatus(
            url=self._store_url,
            id=self._shipper.saving.store_id or None,
            state="outage" if is_away else "ok",
            since=outage.began if outage and is_away else self._outages.store_since,
            last_error=self._outages.last_error,
        )

    def _troubles(self, behind: list[File]) -> list[str]:
        troubles = [f"{printable(path)}: {reason}" for path, reason in self._files.unreadable.items()]
        in_trouble = [file for file in behind if file.trouble]
        troubles += [f"{printable(file.path)}: {file.trouble}" for file in in_trouble[:SHOWN_TROUBLES]]
        if len(in_trouble) > SHOWN_TROUBLES:
            troubles.append(f"and {len(in_trouble) - SHOWN_TROUBLES} more files that cannot be read")
        return [*troubles, *self.state_troubles, *([self._wakeups.trouble] if self._wakeups.trouble else [])]

    def _away(self) -> list[str]:
        away = self._files.away.items()
        return [f"{path}: its {count} known files are on a file system that is not there now" for path, count in away]

    @property
    def state_troubles(self) -> list[str]:
        """What is wrong with the state directory; worth saying in the log, as the status may not get there."""
        troubles = (self._shipper.saving.trouble, self._dead_letters.trouble, self._status_trouble)
        return [trouble for trouble in troubles if trouble]

    def _rooms(self, behind: list[File], lag: int) -> list[Room]:
        """Where unread bytes wait: on the disks with the logs, and in deleted files that are held open."""
        deleted = sum(file.lag for file in behind if file.is_unlinked)
        rooms = [Room(deleted, max(self.max_deleted_bytes - deleted, 0), "of max_deleted_bytes are left")]
        free = [free for root in self.discovery.roots if (free := _free_bytes(root)) is not None]
        return [*rooms, Room(lag, min(free), "of disk are free")] if free else rooms


def _free_bytes(root: bytes) -> int | None:
    try:
        return shutil.disk_usage(root).free
    except OSError:
        return None


def write_status(directory: str, status: Status) -> None:
    """Replace `status.json`, readable by the group; readers see the old one or the new, never a part of it.

    (On a full disk it is written in place, and a reader may meet a part.)

    Raises:
        OSError: it could not be written.
    """
    temporary, path = os.path.join(directory, _TEMPORARY), os.path.join(directory, STATUS_FILE)
    document = encode_status(status)
    try:
        with os.fdopen(os.open(temporary, _NEW, 0o640), "wb") as file:
            file.write(document)
        os.rename(temporary, path)  # not synced: it is only news
    except OSError as error:
        if error.errno not in _FULL:
            raise
        _overwrite(path, document)


def _overwrite(path: str, document: bytes) -> None:
    """Write into the space that the file has: on a full disk the status is what people look at."""
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.ftruncate(fd, os.pwrite(fd, document, 0))
    finally:
        os.close(fd)


def sentence_of(status: Status) -> str:
    """The status in one line, as `systemctl status` shows it."""
    totals = status.totals
    told = [
        f"{status.state}: {totals.stored} stored, {status.rate_lines_s:.0f} lines/s, {status.files_total} files",
        f"{shown_bytes(status.lag_bytes)} behind",
    ]
    told += [f"{totals.dead_letters} dead letters"] if totals.dead_letters else []
    told += [f"{shown_bytes(totals.lost_bytes)} lost"] if totals.lost_bytes else []
    told += [f"{totals.unknown_ends} losses of unknown size"] if totals.unknown_ends else []
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
