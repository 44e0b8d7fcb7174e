"""A daemon that runs: how soon a line can be found, what idle files cost, how soon a restart ships."""

from __future__ import annotations

import contextlib
import json
import os
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator

import psutil

from benchmarks import corpus

PATIENCE_S = 60.0


class Living:
    """`logagent run` on a directory, and its SQLite store."""

    def __init__(self, directory: str, **settings: str) -> None:
        self.logs, self.database = f"{directory}/logs", f"{directory}/state/logs.db"
        os.makedirs(self.logs, exist_ok=True)
        command = [sys.executable, "-m", "logagent", "run", "--watch", self.logs, "--state-dir", f"{directory}/state"]
        self.process = subprocess.Popen(command, env={**os.environ, **settings}, stderr=subprocess.DEVNULL)
        self._measured = psutil.Process(self.process.pid)
        self._db: sqlite3.Connection | None = None

    def after(self, seen: int) -> list[tuple[int, str]]:
        """Ids and messages of the events after that id; none before there is a store."""
        if self._db is None:
            with contextlib.suppress(sqlite3.Error):
                self._db = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)
        with contextlib.suppress(sqlite3.Error):
            if self._db is not None:
                return self._db.execute("SELECT id, message FROM events WHERE id > ? ORDER BY id", (seen,)).fetchall()
        return []

    def wait_for(self, events: int) -> bool:
        """Wait until so many are there; False where that takes too long."""
        until = time.perf_counter() + PATIENCE_S
        while not self.after(events - 1):
            if time.perf_counter() > until or self.process.poll() is not None:
                return False
            time.sleep(0.005)
        return True

    def cpu_s(self) -> float:
        """Seconds of CPU so far."""
        times = self._measured.cpu_times()
        return times.user + times.system

    def memory_mb(self) -> float:
        """Resident now."""
        return self._measured.memory_info().rss / 1e6

    def stop(self) -> None:
        """End it as systemd would."""
        if self._db is not None:
            self._db.close()
        self.process.terminate()
        self.process.wait(30)


@contextlib.contextmanager
def living(directory: str, **settings: str) -> Iterator[Living]:
    """A daemon that is stopped in the end."""
    daemon = Living(directory, **settings)
    try:
        yield daemon
    finally:
        daemon.stop()


def latency(directory: str, rate: int, seconds: float, **settings: str) -> dict[str, float]:
    """Seconds from a line's write to when a search could find it, while `rate` lines a second are written."""
    with living(directory, **settings) as daemon:
        waits: list[float] = []
        rnd, number, seen = random.Random(2), 0, 0
        with open(f"{daemon.logs}/etl0.jsonl", "ab", buffering=0) as file:
            file.write(_stamped(rnd, number))
            daemon.wait_for(1)
            began = time.perf_counter()
            while (now := time.perf_counter()) < began + seconds:
                due = int((now - began) * rate) - number
                if due > 0:
                    file.write(b"".join(_stamped(rnd, number + n + 1) for n in range(due)))
                    number += due
                found = daemon.after(seen)
                seen = found[-1][0] if found else seen
                waits += [now - float(message.split()[-1]) for _, message in found]
                time.sleep(0.004)
    return {"p50_s": _quantile(waits, 0.5), "p99_s": _quantile(waits, 0.99), "samples": float(len(waits))}


def _stamped(rnd: random.Random, number: int) -> bytes:
    """A line that tells in its message when it was written."""
    line = corpus.native(rnd, number * corpus.SCRIPTS)
    line["message"] = f"{line['message']} {time.perf_counter()!r}"
    return json.dumps(line).encode() + b"\n"


def _quantile(values: list[float], share: float) -> float:
    ordered = sorted(values) or [float("nan")]
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def idle(directory: str, files: int, seconds: float) -> dict[str, float]:
    """Share of a core and memory with so many files at rest; then seconds from a restart to the first line shipped."""
    rnd = random.Random(3)
    for number in range(files):
        folder = f"{directory}/logs/{number % 20}"
        os.makedirs(folder, exist_ok=True)
        with open(f"{folder}/{number}.jsonl", "wb") as file:
            file.write(_stamped(rnd, number))
    with living(directory) as daemon:
        if not daemon.wait_for(files):
            return {"cpu_percent": float("nan"), "memory_mb": float("nan"), "restart_s": float("nan")}
        time.sleep(6)  # housekeeping, checkpoint, the first sweeps
        cpu, wall = daemon.cpu_s(), time.perf_counter()
        time.sleep(seconds)
        share = (daemon.cpu_s() - cpu) / (time.perf_counter() - wall)
        memory_mb = daemon.memory_mb()
    with open(f"{directory}/logs/0/0.jsonl", "ab") as file:
        file.write(_stamped(rnd, files))
    began = time.perf_counter()
    with living(directory) as daemon:
        restart_s = time.perf_counter() - began if daemon.wait_for(files + 1) else float("nan")
        restart_cpu_s = daemon.cpu_s()
    return {"cpu_percent": share * 100, "memory_mb": memory_mb, "restart_s": restart_s, "restart_cpu_s": restart_cpu_s}
