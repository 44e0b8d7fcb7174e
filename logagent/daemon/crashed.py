"""Crashed runs: which runs without an end can never write one. Pure: no I/O, no clock.

A run is called crashed only when everything says so: `script_execution` promised an end, the run is of this very
boot, host and pid namespace, its process has been gone for a while, and its file is read to the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from logagent.store.protocol import OpenRun

GONE_FOR_S: Final = 10.0


class Here(msgspec.Struct, frozen=True):
    """What this daemon can see processes of."""

    hostname: str
    boot_id: str | None
    pid_namespace: str | None


class CrashedRuns:
    """Remembers since when each open run's process has been gone.

    `is_alive(pid, start_ticks)` says True, False, or None where it cannot tell.
    """

    def __init__(self, here: Here, is_alive: Callable[[int, int], bool | None]) -> None:
        self.here = here
        self._is_alive = is_alive
        self._gone_since: dict[str, float] = {}

    def find(self, open_runs: Iterable[OpenRun], is_read_to_end: Callable[[int], bool], now: float) -> list[str]:
        """The execution ids of the runs that have crashed, as far as is known at `now` (monotonic seconds)."""
        gone = {run.execution_id: run for run in self.gone(open_runs)}
        self._gone_since = {run_id: self._gone_since.get(run_id, now) for run_id in gone}
        return [
            run_id
            for run_id, run in gone.items()
            if now - self._gone_since[run_id] >= GONE_FOR_S and is_read_to_end(run.fingerprint)
        ]

    def gone(self, open_runs: Iterable[OpenRun]) -> list[OpenRun]:
        """Those whose process is gone now: what their files hold from now on is all that they ever will."""
        return [run for run in open_runs if self._is_gone(run)]

    def _is_gone(self, run: OpenRun) -> bool:
        here = self.here
        if None in (here.boot_id, here.pid_namespace, run.pid, run.process_start):
            return False
        if (run.hostname, run.boot_id) != (here.hostname, here.boot_id):
            return False
        if str(run.pid_namespace) != here.pid_namespace:
            return False
        return self._is_alive(run.pid or 0, run.process_start or 0) is False
