"""What the SQLite store costs: appending against a bare floor, interleaved in one run, and the questions.

    python benchmarks/store_sqlite.py [events] [--questions]

The floor is the standard library with default pragmas: `executemany` of the same rows into one table with the same
unique index, and `executemany` of the messages into FTS5. It tells no duplicates, interns nothing, counts nothing.
Prints medians in microseconds of processor time per event (so that neighbours on the machine do not count) and
their ratio; with `--questions` milliseconds per question, too.
"""

from __future__ import annotations

import random
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from statistics import median
from time import perf_counter, process_time

import msgspec

from logagent.formats.key import hash_range
from logagent.formats.record import LogLine, Origin, Record
from logagent.formats.times import utc_text
from logagent.store import open_reader, open_store
from logagent.store.protocol import Batch, Reader, TallyBy
from logagent.store.selection import And, Compare, Direction, Field, RunSelection, Selection, TextMatch

BATCH_EVENTS = 8_000
START_US = 1_790_000_000_000_000
STEP_US = 977
VERBS = ("loaded", "rows", "read", "sent", "user", "request", "done", "error", "timeout", "closed")
LEVELS = (("INFO", 20), ("INFO", 20), ("DEBUG", 10))


def batches(count: int) -> Iterator[list[Record]]:
    """Batches as the daemon makes them of eight scripts that log at once."""
    rnd = random.Random(1)
    origins = [Origin("box", f"/srv/logs/{n}.jsonl", rnd.getrandbits(64)) for n in range(8)]
    for k in range(count):
        yield [_event(rnd, origins, k * BATCH_EVENTS + n) for n in range(BATCH_EVENTS)]


def _event(rnd: random.Random, origins: list[Origin], number: int) -> Record:
    ts_us = START_US + number * STEP_US
    lane = number % 8
    level, level_no = ("ERROR", 40) if number % 97 == 0 else LEVELS[number % 3]
    line = LogLine(
        utc_text(ts_us),
        execution_id=run_id(number),
        script_name=f"etl{lane}",
        pid=lane,
        hostname="box",
        level=level,
        level_no=level_no,
        message=f"{VERBS[number % 10]} w{rnd.randrange(3_000)} {number} rows from w{rnd.randrange(3_000)} in"
        f" {rnd.randrange(1_000)} ms {VERBS[rnd.randrange(10)]}",
        function_name=f"f{number % 20}",
        file_path="/srv/app/src/db.py",
        line_number=number % 20 * 7,
        extra_data=msgspec.Raw(b'{"user":"u%d","rows":%d}' % (number % 50, number)),
    )
    return Record(ts_us, ts_us, number // 8 * 385, rnd.getrandbits(64), 384, origins[lane], line, ingested_us=ts_us + 5)


def run_id(number: int) -> str:
    """The run that the event of that number belongs to: eight at a time, 3,000 events each in turn."""
    return f"etl{number % 8}_20260921_{number // 24_000:06d}"


class Floor:
    """The least that any store in SQLite does."""

    def __init__(self, path: str) -> None:
        self._db = sqlite3.connect(path)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute(
            "CREATE TABLE events (id INTEGER PRIMARY KEY, ts_us, offset, hash, length, file, run, script, pid, level,"
            " ingested_us, message, function, line, extra_data, UNIQUE (ts_us, offset, hash))"
        )
        self._db.execute("CREATE VIRTUAL TABLE words USING fts5 (message, content='events', content_rowid='id')")
        self._last_id = 0

    def append(self, records: list[Record]) -> None:
        """One transaction."""
        rows = [_floor_row(number, r) for number, r in enumerate(records, self._last_id + 1)]
        self._db.executemany(f"INSERT INTO events VALUES ({','.join('?' * 15)})", rows)
        self._db.executemany("INSERT INTO words (rowid, message) VALUES (?, ?)", [(r[0], r[11]) for r in rows])
        self._db.commit()
        self._last_id += len(rows)

    def close(self) -> None:
        """Close the file."""
        self._db.close()


def _floor_row(number: int, r: Record) -> tuple[object, ...]:
    line = r.line
    assert isinstance(line, LogLine)
    return (number, r.ts_us, r.offset, r.hash - 2**63, r.length, 1, 1, 1, line.pid, line.level_no, r.ingested_us,
            line.message, 1, line.line_number, bytes(line.extra_data))  # fmt: skip


def timed(call: Callable[[], object], clock: Callable[[], float] = perf_counter) -> float:
    """Seconds of one call."""
    started = clock()
    call()
    return clock() - started


def questions(events: int) -> dict[str, Callable[[Reader], object]]:
    """What is asked, by name."""
    rows, never = TextMatch("rows"), Compare(Field.LEVEL, ">=", 45)
    run = run_id(events // 2)
    middle = START_US + events // 2 * STEP_US
    return {
        "newest 50": lambda r: r.events(Selection(), 50),
        "newest 50 of a common word": lambda r: r.events(Selection(where=rows), 50),
        "newest 50 of a rare word": lambda r: r.events(Selection(where=TextMatch("12345")), 50),
        "oldest 50 of a common word": lambda r: r.events(Selection(where=rows, direction=Direction.OLDEST_FIRST), 50),
        "newest 50 of a common word before the middle": lambda r: r.events(Selection(where=rows, until_us=middle), 50),
        "a common word and a level it never has": lambda r: r.events(Selection(where=And((rows, never))), 50),
        "a common word in one run": lambda r: r.events(Selection(where=And((rows, Compare(Field.RUN, "=", run)))), 50),
        "BM25, top 20 of a common word": lambda r: r.ranked(Selection(), "rows", 20),
        "run summary": lambda r: r.run(run),
        "50 runs": lambda r: r.runs(RunSelection(), 50),
        "overview": lambda r: r.overview(),
        "events by hour": lambda r: r.tally(Selection(), TallyBy.HOUR),
        "an event by its shown id": lambda r: r.events_by_hash(*hash_range("9be2c41f")),
    }


def main(arguments: list[str]) -> None:
    """Append to both in turn, then ask."""
    count = max(int(next((a for a in arguments if a.isdigit()), "160000")) // BATCH_EVENTS, 3)
    with tempfile.TemporaryDirectory() as directory:
        floor, store = Floor(f"{directory}/floor.db"), open_store(f"sqlite://{directory}/logs.db")
        store.prepare()
        spent: dict[str, list[float]] = {"floor": [], "store": [], "again": []}
        for batch in batches(count):
            spent["floor"].append(timed(lambda batch=batch: floor.append(batch), process_time))  # type: ignore[misc]
            spent["store"].append(timed(lambda batch=batch: store.append(Batch(batch)), process_time))  # type: ignore[misc]
            spent["again"].append(timed(lambda batch=batch: store.append(Batch(batch)), process_time))  # type: ignore[misc]
        floor.close()
        us = {name: median(times) / BATCH_EVENTS * 1e6 for name, times in spent.items()}
        print(f"append: store {us['store']:.2f} us, floor {us['floor']:.2f} us, ratio {us['store'] / us['floor']:.2f}")
        print(f"append again: {us['again']:.2f} us; slowest batch {max(spent['store']) * 1e3:.0f} ms")
        if "--questions" in arguments:
            reader = open_reader(store.url)
            for name, ask in questions(count * BATCH_EVENTS).items():
                print(f"{median([timed(lambda ask=ask: ask(reader)) for _ in range(7)]) * 1e3:8.2f} ms  {name}")  # type: ignore[misc]
            reader.close()
        store.close()


if __name__ == "__main__":
    main(sys.argv[1:])
