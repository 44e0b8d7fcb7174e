"""The report: what `status.json` says of the daemon. Thin I/O: writes one file."""

from __future__ import annotations

import heapq
import os
from typing import Final

import msgspec

from logagent.daemon.files import File, Files
from logagent.daemon.tracker import printable
from logagent.formats.status import (
    MAX_LISTED_FILES,
    DaemonState,
    FileStatus,
    Forecast,
    Status,
    StoreStatus,
    Totals,
    encode_status,
)

STATUS: Final = "status.json"
_TEMPORARY: Final = "status.json.new"


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


def files_by_lag(files: Files) -> tuple[FileStatus, ...]:
    """The files that are behind, in trouble or unfinished, greatest lag first."""
    listed = [file for file in files if file.lag or file.trouble or file.stream is None]
    return tuple(map(file_status, heapq.nlargest(MAX_LISTED_FILES, listed, key=lambda file: file.lag)))


def status_of(
    files: Files,
    *,
    started_at: str,
    updated_at: str,
    state: DaemonState,
    reasons: tuple[str, ...],
    store: StoreStatus,
    totals: Totals,
    rate_lines_s: float,
    forecast: Forecast,
) -> Status:
    """The whole document."""
    return Status(
        pid=os.getpid(),
        started_at=started_at,
        updated_at=updated_at,
        state=state,
        reasons=reasons,
        store=store,
        totals=totals,
        rate_lines_s=round(rate_lines_s, 1),
        lag_bytes=sum(file.lag for file in files),
        files_total=len(files),
        files=files_by_lag(files),
        forecast=forecast,
    )


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


def without_times(status: Status) -> Status:
    """The status less what changes by itself: to see whether anything happened."""
    return msgspec.structs.replace(status, updated_at="", rate_lines_s=0.0)
