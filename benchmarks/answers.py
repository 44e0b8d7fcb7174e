"""Measures why, diff and errors --new in process, on a store of a million events (or as many as are asked for).

python benchmarks/answers.py [EVENTS]
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from logagent.formats.key import hash_prefix, line_hash
from logagent.formats.record import Line, LogLine, Origin, Record, RunEnd, RunStart
from logagent.formats.times import SECOND_US, utc_text
from logagent.query.difference import diff
from logagent.query.errors import ErrorQuestion, errors
from logagent.query.why import why
from logagent.store import open_reader, open_store
from logagent.store.protocol import Batch

EVENTS_A_RUN = 2_000
START_US = 1_790_000_000_000_000
ORIGIN = Origin("box", "/srv/logs/etl.jsonl", 0xF00D)
PREFIX = hash_prefix(ORIGIN.fingerprint)
LIMITS_MS = {"why": 150.0, "diff": 50.0}
MESSAGES = (
    "Fetched page {n} (500 rows) from https://api.example/rows?page={n}",
    "Transformed {n} rows in 0.{n}s",
    "Committed {n} rows",
    "Pool: {n} idle, 20 in use",
    "cache miss for key user:{n}",
)


def frames(site: int) -> msgspec.Raw:
    """The exception of one of fifty call sites."""
    at = [
        {"file": "/app/etl.py", "line": 4, "function": "main"},
        {"file": "/app/db.py", "line": 9, "function": f"w{site}"},
    ]
    return msgspec.Raw(
        msgspec.json.encode({"type": "ConnectionError", "value": "refused", "traceback": "", "frames": at})
    )


EXCEPTIONS = [frames(site) for site in range(50)]


def run_records(number: int) -> Iterator[Record]:
    """One run of 2,000 events; one in twenty fails, one event in a hundred is an error."""
    run, at_us = f"etl_{number:06d}", START_US + number * 3_000 * SECOND_US
    said = {"execution_id": run, "script_name": "etl"}
    yield record(RunStart(utc_text(at_us), argv=("etl.py",), **said), at_us, number, 0)
    for event in range(1, EVENTS_A_RUN + 1):
        event_us = at_us + event * SECOND_US
        is_bad = event % 100 == 0
        site = (number + event) % (40 if number < 400 else 41)
        line = LogLine(
            utc_text(event_us),
            level="ERROR" if is_bad else "INFO",
            level_no=40 if is_bad else 20,
            message=MESSAGES[event % 5].format(n=event * 7919 % 1000),
            function_name=f"step{event % 5}",
            file_path="/app/etl.py",
            line_number=10 + event % 5,
            exception=EXCEPTIONS[site] if is_bad else None,
            **said,
        )
        yield record(line, event_us, number, event)
    end_us = at_us + (EVENTS_A_RUN + 1) * SECOND_US
    failed = number % 20 == 19
    error = {"error": "ConnectionError: refused", "exception": EXCEPTIONS[1]} if failed else {}
    ended = RunEnd(utc_text(end_us), status="failed" if failed else "success", duration_seconds=2001.0, **error, **said)
    yield record(ended, end_us, number, EVENTS_A_RUN + 1)


def record(line: Line, at_us: int, run: int, event: int) -> Record:
    """A record as the daemon makes it."""
    offset = (run * (EVENTS_A_RUN + 2) + event) * 300
    return Record(at_us, at_us, offset, line_hash(PREFIX, offset, b""), 299, ORIGIN, line, ingested_us=at_us)


def fill(url: str, events: int) -> float:
    """A new store; events a second."""
    store = open_store(url)
    store.prepare()
    begun = time.perf_counter()
    for number in range(events // EVENTS_A_RUN):
        store.append(Batch(list(run_records(number))))
    took = time.perf_counter() - begun
    store.close()
    return events / took


def best_ms(call: Callable[[], object], times: int = 7) -> float:
    """The quickest of several, in processor time: what the machine does beside is not ours."""

    def once() -> float:
        begun = time.process_time()
        call()
        return (time.process_time() - begun) * 1e3

    return min(once() for _ in range(times))


def main() -> int:
    """Fill, ask, compare with the limits."""
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as directory:
        url = f"sqlite://{directory}/logs.db"
        print(f"{events} events, {fill(url, events):.0f}/s, {Path(directory, 'logs.db').stat().st_size / 1e6:.0f} MB")
        reader = open_reader(url)
        last = events // EVENTS_A_RUN - 1
        found = {
            "why": best_ms(lambda: why(reader)),
            "diff": best_ms(lambda: diff(reader, f"etl_{last:06d}", f"etl_{last - 1:06d}")),
            "errors --new": best_ms(lambda: errors(reader, ErrorQuestion(only_new=True))),
            "errors": best_ms(lambda: errors(reader)),
        }
        reader.close()
    for name, took in found.items():
        limit = LIMITS_MS.get(name)
        print(f"{name:<14} {took:7.1f} ms" + (f"  (limit {limit:.0f})" if limit else ""))
    return 1 if any(found[name] > limit for name, limit in LIMITS_MS.items()) else 0


if __name__ == "__main__":
    sys.exit(main())
