"""The daemon over what is there, in a process of its own: `python -m benchmarks.draining STORE LOGS STATE`.

STORE is `null`, `http://...` (a server that throws away) or a store's address. Prints one JSON object: lines, seconds
of CPU and of wall, greatest memory, and of each append its records, CPU and wall.
"""

from __future__ import annotations

import json
import resource
import sys
import time

from benchmarks.stores import HttpStore, NullStore, TimedStore
from logagent.cli.composition import open_daemon
from logagent.daemon.faults import no_faults
from logagent.daemon.service import Daemon
from logagent.settings import load_settings
from logagent.store import open_store
from logagent.store.protocol import Store


class ErrorsOnly:
    """The log of a daemon that is being measured."""

    def info(self, message: str, /) -> None:
        pass

    def warning(self, message: str, /) -> None:
        pass

    def error(self, message: str, /) -> None:
        print(message, file=sys.stderr)


def daemon_on(store: Store, logs: str, state: str) -> Daemon:
    """A daemon as `logagent run` makes it."""
    settings = load_settings(flags={"watch": (logs,), "state_dir": state})
    return open_daemon(settings, faults=no_faults, log=ErrorsOnly(), store=store)


def store_at(name: str) -> Store:
    """The store of that name or address."""
    if name == "null":
        return NullStore()
    return HttpStore(name) if name.startswith("http://") else open_store(name)


def main(store: str, logs: str, state: str) -> None:
    """Drain and say what it took."""
    timed = TimedStore(store_at(store))
    daemon = daemon_on(timed, logs, state)  # type: ignore[arg-type]
    wall, cpu = time.perf_counter(), time.process_time()
    drained = daemon.drain(10, lambda done, total: None)  # noqa: ARG005
    spent = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
    totals = daemon.status().totals
    daemon.close()
    if drained.outcome != "done":
        sys.exit(f"not drained: {drained.outcome}")
    spent["whole_cpu_s"] = time.process_time()  # since the process began: what other programs are charged
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    print(json.dumps({"lines": totals.read, **spent, "memory_mb": memory, "appends": timed.appends}))


if __name__ == "__main__":
    main(*sys.argv[1:])
