"""Retention beside live lines: half of the events go while a script logs; is any line late or lost?

    python benchmarks/retention.py [events] [lines per second]

Fills a store with `events` (2,000,000), half of them older than the retention, then lets a daemon prune while one
writer logs at the rate given (5,000). Four times a second a reader asks which of the writer's lines can be found; a
line's delay is the time from its own time stamp to the first look that sees it, so that up to 0.25 s between two
looks is counted against us. Ends when nothing old is left. Exits 1 if a line is missing or double, the 99th
percentile of the delays is 3 s or more, or the file did not become smaller although more went than came. What is
free inside the file at the end is told too: new lines go there first.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from statistics import quantiles

import apsw

from logagent.formats.record import LogLine, Origin, Record
from logagent.formats.times import DAY_US, utc_text
from logagent.store import open_store
from logagent.store.protocol import Batch

FILL_EVENTS = 8_000
RETENTION_DAYS = 30
MOST_P99_S = 3.0
LOOK_EVERY_S = 0.25
TICK_S = 0.05
DEADLINE_S = 900.0
LIVE = Origin("box", "/srv/logs/old.jsonl", 1)


def fill(url: str, events: int) -> None:
    """Half of the events 60 days old, half of today."""
    store = open_store(url)
    store.prepare()
    now_us = time.time_ns() // 1000
    for start in range(0, events, FILL_EVENTS):
        base_us = now_us - (60 if start < events // 2 else 1) * DAY_US
        store.append(Batch([event(base_us + n, n) for n in range(start, min(start + FILL_EVENTS, events))]))
    store.mark()
    store.close()


def event(ts_us: int, n: int) -> Record:
    line = LogLine(utc_text(ts_us), execution_id=f"r{n % 50}", script_name="etl", message=f"row {n} of table {n % 997}")
    return Record(ts_us, ts_us, n * 200, n * 2_654_435_761 % (1 << 64), 190, LIVE, line, ingested_us=ts_us)


class Writer:
    """Logs `live-<n>` at a steady rate, in ticks."""

    def __init__(self, path: Path, rate: int) -> None:
        self._file = path.open("ab", buffering=0)
        self._rate = rate
        self._began = time.monotonic()
        self.written = 0

    def tick(self) -> None:
        """Write what is due."""
        due = int((time.monotonic() - self._began) * self._rate)
        stamp = utc_text(time.time_ns() // 1000)
        self._file.write(b"".join(live_line(n, stamp) for n in range(self.written, due)))
        self.written = due

    def close(self) -> None:
        self._file.close()


def live_line(n: int, stamp: str) -> bytes:
    line = {"v": 1, "kind": "log", "timestamp": stamp, "execution_id": "live", "script_name": "live", "level": "INFO"}
    return json.dumps({**line, "level_no": 20, "message": f"live-{n}"}).encode() + b"\n"


class Looker:
    """Sees how far the events have come; every new one is as late as it is at that look."""

    def __init__(self, path: str) -> None:
        self._db = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY)
        self._db.set_busy_timeout(1_000)
        self._last_id = self._scalar("SELECT coalesce(max(id), 0) FROM events")
        self.delays: list[float] = []

    def look(self) -> None:
        now_us = time.time_ns() // 1000
        rows = self._db.execute("SELECT id, ts_us FROM events WHERE id > ? ORDER BY id", (self._last_id,)).fetchall()
        if rows:
            self._last_id = rows[-1][0]
            self.delays += [(now_us - ts_us) / 1e6 for _id, ts_us in rows]

    def old_left(self, before_us: int) -> bool:
        return bool(self._scalar("SELECT exists(SELECT 1 FROM events WHERE ts_us < ?)", before_us))

    def _scalar(self, sql: str, *params: int) -> int:
        return int(self._db.execute(sql, params).fetchone()[0])

    def free_bytes(self) -> int:
        """Pages of the file that nothing uses."""
        return self._scalar("PRAGMA freelist_count") * self._scalar("PRAGMA page_size")

    def close(self) -> None:
        self._db.close()


def main(events: int, rate: int) -> int:
    with tempfile.TemporaryDirectory() as directory:
        base = Path(directory)
        (base / "logs").mkdir()
        url, database = f"sqlite://{base}/state/logs.db", f"{base}/state/logs.db"
        (base / "state").mkdir()
        began = time.monotonic()
        fill(url, events)
        print(f"filled {events} events in {time.monotonic() - began:.0f} s, {os.stat(database).st_size >> 20} MiB")
        with daemon(base, url) as process:
            try:
                return measure(base, database, rate, events)
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(30)


def daemon(base: Path, url: str) -> subprocess.Popen[bytes]:
    environ = {**os.environ, "LOG_RETENTION_DAYS": str(RETENTION_DAYS), "LOGAGENT_LOG_LEVEL": "ERROR"}
    command = (sys.executable, "-m", "logagent", "run", "--watch", f"{base}/logs", "--state-dir", f"{base}/state")
    return subprocess.Popen((*command, "--store", url), env=environ)


def measure(base: Path, database: str, rate: int, events: int) -> int:
    before = os.stat(database).st_size
    with closing(Writer(base / "logs" / "live.jsonl", rate)) as writer, closing(Looker(database)) as looker:
        began = time.monotonic()
        cut_us = time.time_ns() // 1000 - RETENTION_DAYS * DAY_US
        next_look = began
        while True:
            writer.tick()
            if time.monotonic() >= next_look:
                next_look = time.monotonic() + LOOK_EVERY_S
                looker.look()
                if not looker.old_left(cut_us) or time.monotonic() - began > DEADLINE_S:
                    break
            time.sleep(TICK_S)
        took = time.monotonic() - began
        while len(looker.delays) < writer.written and time.monotonic() - began < took + 30:
            time.sleep(LOOK_EVERY_S)
            looker.look()
        time.sleep(3)  # the last freed pages go with the steps that find nothing more to delete
        return report(looker, writer, took, before, os.stat(database).st_size, events)


def report(looker: Looker, writer: Writer, took: float, before: int, after: int, events: int) -> int:
    delays = sorted(looker.delays)
    p50, p99 = quantiles(delays, n=100)[49], quantiles(delays, n=100)[98]
    given_back = 1 - after / before
    print(f"pruned {events // 2} in {took:.0f} s ({events / 2 / took:.0f}/s) while {writer.written} lines were logged")
    print(f"seen {len(delays)} of {writer.written}; delay p50 {p50:.2f} s, p99 {p99:.2f} s, most {delays[-1]:.2f} s")
    free = looker.free_bytes() >> 20
    print(f"file {before >> 20} MiB -> {after >> 20} MiB ({given_back:.0%} given back), {free} MiB of it free pages")
    has_shrunk = after < before or writer.written >= events // 2
    is_good = len(delays) == writer.written and p99 < MOST_P99_S and has_shrunk
    return 0 if is_good else 1


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:]]
    sys.exit(main(*(numbers + [2_000_000, 5_000][len(numbers) :])))
