"""How far the daemon is: reads its `status.json`, and says in a sentence what that means for an answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from logagent.formats.status import Status, decode_status, losses_told

LOG_FILE: Final = {"state": "none", "says": "no daemon was asked: this is a log file, read as it stands"}
"""In place of a daemon's document where the source is no store."""


def read_status(path: str | Path) -> Status | None:
    """The daemon's status, or None where there is none that can be read."""
    try:
        return decode_status(Path(path).read_bytes())
    except OSError:
        return None


def daemon_document(status: Status | None, now_us: int) -> dict[str, Any]:
    """What answers say of the daemon: `state` adds `absent` and `stale` to the daemon's own words.

    >>> daemon_document(None, 0)["state"]
    'absent'
    """
    if status is None:
        return {"state": "absent", "says": "no daemon has reported here; new lines are not being stored"}
    is_stale = status.is_stale(now_us)
    is_stopped = status.state == "stopped"
    return {
        "state": "stale" if is_stale and not is_stopped else status.state,
        "says": _stopped_sentence(status) if is_stopped else _stale_sentence(status) if is_stale else _sentence(status),
        "updated_at": status.updated_at,
        "pid": status.pid,
        "reasons": list(status.reasons),
        "store": status.store.state,
        "lag_bytes": status.lag_bytes,
        "rate_lines_s": status.rate_lines_s,
        "files": status.files_total,
        "dead_letters": status.totals.dead_letters,
        "lost_bytes": status.totals.lost_bytes,
    }


def _stale_sentence(status: Status) -> str:
    return f"the daemon was last heard of {status.updated_at}; lines written since then are not stored"


def _stopped_sentence(status: Status) -> str:
    left = f", {status.lag_bytes} bytes were not stored then" if status.lag_bytes else ""
    return f"the daemon was stopped {status.updated_at}{left}; lines written since then are not stored"


def _sentence(status: Status) -> str:
    parts = [f"daemon {status.state}"]
    if status.store.state != "ok":
        parts.append(f"store {status.store.state} since {status.store.since or 'unknown'}")
    parts.append("all read" if not status.lag_bytes else f"{status.lag_bytes} bytes not stored yet")
    if lost := losses_told(status.totals):
        parts.append(lost)
    return ", ".join(parts)
