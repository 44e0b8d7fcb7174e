"""What questions cost on a million events of 500 runs, against their limits and against SQL written by hand.

    python benchmarks/query.py [events] [--store FILE]

The floor of a question is the plainest SQL that a person would write for it, by the standard library's sqlite3 on
the same file (no counts, no cursors, no documents; BM25 unbounded); that of a command is a Python that imports click
and apsw (for --help click alone) and ends. In process: medians of processor time, since neighbours on the machine do
not count; commands: the best wall time of nine, since neighbours only ever add. `--store` keeps the file, and asks the
one that is there.
"""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from statistics import median
from time import perf_counter, process_time
from typing import NamedTuple

import msgspec

from logagent.formats.record import LogLine, Origin, Record, RunEnd, RunStart
from logagent.formats.times import utc_text
from logagent.query import SyncAgentLogManager
from logagent.query.events import context
from logagent.query.runs import overview
from logagent.store import open_store
from logagent.store.protocol import Batch

BATCH_EVENTS = 8_000
RUNS = 500
AT_ONCE = 4
START_US = 1_790_000_000_000_000
STEP_US = 977
ORIGIN = Origin("box", "/srv/logs/etl.jsonl", 0xF00D)
COMMON = "rows"
RARE = "zanzibar"
VERBS = ("loaded", "read", "sent", "user", "request", "done", "timeout", "closed")


class Question(NamedTuple):
    """`limit_ms` is what it may take; `floor` does the same by hand."""

    name: str
    limit_ms: float
    ask: Callable[[], object]
    floor: Callable[[], object]


def run_id(number: int, events: int) -> str:
    """The run of that event: four at a time, each with its share of all events."""
    of_each = max(events // RUNS, 1)
    return f"etl_{number // (of_each * AT_ONCE) * AT_ONCE + number % AT_ONCE:04d}"


def batches(events: int) -> Iterator[list[Record]]:
    """As the daemon makes them of scripts that log side by side."""
    rnd = random.Random(7)
    seen: dict[str, int] = {}
    batch: list[Record] = []
    for number in range(events):
        run, ts_us = run_id(number, events), START_US + number * STEP_US
        if run not in seen:
            start = RunStart(utc_text(ts_us), run, script_name="etl", managed=True)
            batch.append(_record(rnd, start, ts_us, number * 400 + 200))
        seen[run] = ts_us
        batch.append(_record(rnd, _event(rnd, number, run, ts_us), ts_us, number * 400))
        if len(batch) >= BATCH_EVENTS:
            yield sorted(batch, key=lambda record: record.order)
            batch = []
    ends = [
        _record(rnd, RunEnd(utc_text(ts_us), run, status="failed" if n % 9 == 0 else "success"), ts_us, n)
        for n, (run, ts_us) in enumerate(seen.items())
    ]
    yield sorted(batch + ends, key=lambda record: record.order)


def _event(rnd: random.Random, number: int, run: str, ts_us: int) -> LogLine:
    level, level_no = ("ERROR", 40) if number % 97 == 0 else ("INFO", 20) if number % 3 else ("DEBUG", 10)
    rare = f" {RARE}" if number % 50_000 == 77 else ""
    said = f"{VERBS[number % 8]} {number} {COMMON} from w{rnd.randrange(3_000)} in {rnd.randrange(1_000)} ms{rare}"
    return LogLine(
        utc_text(ts_us),
        execution_id=run,
        script_name="etl",
        pid=number % AT_ONCE,
        hostname="box",
        level=level,
        level_no=level_no,
        message=said,
        function_name=f"f{number % 20}",
        file_path="/srv/app/src/db.py",
        line_number=number % 20 * 7,
        extra_data=msgspec.Raw(b'{"user":"u%d","rows":%d}' % (number % 50, number)),
    )


def _record(rnd: random.Random, line: LogLine | RunStart | RunEnd, ts_us: int, offset: int) -> Record:
    return Record(ts_us, ts_us, offset, rnd.getrandbits(64), 384, ORIGIN, line, ingested_us=ts_us + 5)


def questions(log: SyncAgentLogManager, db: sqlite3.Connection, events: int) -> list[Question]:
    """What is asked in process."""
    middle = run_id(events // 2, events)
    key = log.search(f"run:{middle} level>=error", limit=1)[0].key
    number = db.execute("SELECT id FROM runs WHERE execution_id = ?", (middle,)).fetchone()[0]
    words = "SELECT e.id, e.message FROM events_fts f JOIN events e ON e.id = f.rowid WHERE events_fts MATCH ? ORDER BY"
    around = "SELECT id, message FROM events WHERE id BETWEEN ? AND ? AND run_id = ? LIMIT 21"

    def by_hand(text: str, *values: object) -> Callable[[], object]:
        return lambda: db.execute(text, values).fetchall()

    newest = f"{words} f.rowid DESC LIMIT 50"
    return [
        Question("newest 50, rare term", 10, lambda: log.search(RARE, limit=50), by_hand(newest, RARE)),
        Question("newest 50, common term", 10, lambda: log.search(COMMON, limit=50), by_hand(newest, COMMON)),
        Question("BM25 top 20, common term", 150, lambda: log.search_logs(COMMON, limit=20),
                 by_hand(f"{words} bm25(events_fts) LIMIT 20", COMMON)),
        Question("a run's summary", 20, lambda: log.get_execution_summary(middle),
                 by_hand("SELECT level_id, count(*) FROM events WHERE run_id = ? GROUP BY 1", number)),
        Question("context of an event", 5, lambda: context(log.reader, key),
                 by_hand(around, events // 2 - 40, events // 2 + 40, number)),
        Question("overview", 100, lambda: overview(log.reader, {}),
                 by_hand("SELECT level_id, count(*) FROM events GROUP BY 1")),
    ]  # fmt: skip


def commands(url: str) -> list[Question]:
    """What is asked as a process of its own."""
    program = [sys.executable, "-c", "from logagent.query.cli import main; main()"]
    bare, click_alone = ([sys.executable, "-c", f"import {names}"] for names in ("click, apsw", "click"))
    search = [*program, "--store", url, "search", COMMON]
    return [
        Question("whole search command", 350, lambda: _ended(search), lambda: _ended(bare)),
        Question("--help, first byte", 150, lambda: _first_byte([*program, "--help"]), lambda: _ended(click_alone)),
    ]


def _ended(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True)


def _first_byte(command: list[str]) -> None:
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.read(1)
        process.stdout.read()


def processor_ms(call: Callable[[], object]) -> float:
    """The median processor time of some calls, after one that warms up."""
    return median(_spent(call, process_time)) * 1e3


def best_wall_ms(call: Callable[[], object]) -> float:
    """The shortest wall time of some calls."""
    return min(_spent(call, perf_counter)) * 1e3


def _spent(call: Callable[[], object], clock: Callable[[], float]) -> list[float]:
    call()
    spent = []
    for _ in range(9):
        began = clock()
        call()
        spent.append(clock() - began)
    return spent


def machine_ms() -> float:
    """How fast this machine is just now: counting to a million, the best of five."""
    return min(_counted_ms() for _ in range(5))


def _counted_ms() -> float:
    began = perf_counter()
    for _ in range(1_000_000):
        pass
    return (perf_counter() - began) * 1e3


def fill(url: str, events: int) -> None:
    """A store with all that, in the daemon's own way."""
    store, began = open_store(url), perf_counter()
    store.prepare()
    for batch in batches(events):
        store.append(Batch(batch))
    store.close()
    print(f"{events:,} events of {RUNS} runs appended in {perf_counter() - began:.0f} s")


def compare(url: str, events: int) -> bool:
    """Print the table; whether every limit is kept."""
    db = sqlite3.connect(url.removeprefix("sqlite://"))
    is_kept = True
    print(f"machine: {machine_ms():.1f} ms for a loop of a million, load {os.getloadavg()[0]:.1f}")
    print(f"{'question':28} {'ms':>8} {'limit':>7} {'floor ms':>9} {'ratio':>6}")
    with SyncAgentLogManager(url) as log:
        asked = [(each, processor_ms) for each in questions(log, db, events)]
        for each, took in [*asked, *((each, best_wall_ms) for each in commands(url))]:
            ms, floor_ms = took(each.ask), took(each.floor)
            is_kept &= ms <= each.limit_ms
            said = "" if ms <= each.limit_ms else "  OVER"
            print(f"{each.name:28} {ms:8.2f} {each.limit_ms:7.0f} {floor_ms:9.2f} {ms / floor_ms:6.2f}{said}")
    db.close()
    return is_kept


def main(arguments: list[str]) -> int:
    """Build, ask, and exit 1 where a limit is missed."""
    events = int(next((word for word in arguments if word.isdigit()), "1000000"))
    kept = arguments[arguments.index("--store") + 1] if "--store" in arguments else None
    directory = tempfile.mkdtemp(prefix="logagent-bench-")
    try:
        path = os.path.abspath(kept) if kept else os.path.join(directory, "logs.db")
        if not os.path.exists(path):
            fill(f"sqlite://{path}", events)
        return 0 if compare(f"sqlite://{path}", events) else 1
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
