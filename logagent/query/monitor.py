"""What the monitor shows: the last minutes, the runs, the newest errors, the daemon, the machine; in one look."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import psutil

from logagent.errors import LogagentError
from logagent.formats.fold import CRASHED, RUNNING
from logagent.formats.status import STALE_AFTER_S, Status
from logagent.query.counts import count_by_level
from logagent.query.documents import event_item, run_item, short_id
from logagent.query.freshness import daemon_document
from logagent.query.render.failure import error_word
from logagent.query.sources import open_source
from logagent.store.protocol import Reader
from logagent.store.selection import Compare, Field, RunSelection, Selection

_MINUTES: Final = 5
_LISTED: Final = 5
_ERROR: Final = 40
MEMORY_ALARM_PERCENT: Final = 80.0


class StoreWatch:
    """Looks at a store again and again; one that goes away is opened anew by the next look."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._reader: Reader | None = None

    def look(self, now_us: int) -> dict[str, Any]:
        """Events, runs and errors as of now; in an outage only what is wrong."""
        try:
            if self._reader is None:
                self._reader = open_source(self._url)
            return {"store": {"state": "ok", "error": None}, **_seen(self._reader, now_us)}
        except LogagentError as error:
            self.close()
            return {"store": {"state": error_word(error), "error": str(error)}}

    def close(self) -> None:
        """Let go of the store."""
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()


def _seen(reader: Reader, now_us: int) -> dict[str, Any]:
    overview = reader.overview()
    errors = reader.events(Selection(where=Compare(Field.LEVEL, ">=", _ERROR)), _LISTED).records
    return {
        "minutes": _MINUTES,
        "levels": count_by_level(reader, _MINUTES, now_us).to_dict(),
        "active_runs": _runs(reader, overview.runs_by_status, RUNNING),
        "crashed_runs": _runs(reader, overview.runs_by_status, CRASHED),
        "newest_errors": [_error(event_item(record)) for record in errors],
    }


def _runs(reader: Reader, by_status: Mapping[str, int], status: str) -> dict[str, Any]:
    newest = reader.runs(RunSelection(status=(status,)), _LISTED).runs
    return {"total": by_status.get(status, 0), "newest": [run_item(each) for each in newest]}


def _error(event: dict[str, Any]) -> dict[str, Any]:
    names = ("timestamp", "level", "script_name", "execution_id", "function_name", "message")
    return {"id": short_id(event), **{name: event[name] for name in names if event.get(name) is not None}}


def daemon_now(status: Status | None, now_us: int) -> dict[str, Any]:
    """The daemon as answers tell it, with its memory where its process can be seen from here."""
    document = daemon_document(status, now_us)
    if status is not None:
        is_fresh = document["state"] not in ("stale", "absent")
        document["memory_bytes"] = _memory_of(status.pid) if is_fresh else None
        document["stale_after_s"] = STALE_AFTER_S
    return document


def _memory_of(pid: int) -> int | None:
    try:
        memory: int = psutil.Process(pid).memory_info().rss
    except (psutil.Error, ValueError):
        return None
    return memory


def machine_now() -> dict[str, Any]:
    """The machine's memory, and whether it is scarce."""
    percent = float(psutil.virtual_memory().percent)
    return {"memory_percent": percent, "is_memory_scarce": percent > MEMORY_ALARM_PERCENT}
