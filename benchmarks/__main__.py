"""`make bench`: all that is promised of speed, in one run; `QUICK=1` for a short one, `ROWS=10000000` for growth.

Machines are noisy, so what is compared is interleaved, medians are taken, CPU counts before wall, and what is judged
are ratios within the run. `python -m benchmarks idle growth` measures only these anew. Writes docs/performance.md,
docs/performance.svg and benchmarks/results.json.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import arango_null, corpus, living, report
from benchmarks.http_null import http_null, lines_at
from benchmarks.peers import Missing, Peers

ROOT = Path(__file__).parent.parent
PEERS = os.path.expanduser(os.environ.get("BENCH_PEERS", "~/.cache/logagent-bench-peers"))
Figures = dict[str, Any]


class Plan:
    """How much: the short run says whether it works, the long one is for the document."""

    def __init__(self, *, is_quick: bool, growth_rows: int) -> None:
        self.is_quick = is_quick
        self.lines = 50_000 if is_quick else 200_000
        self.rounds = 1 if is_quick else 3
        self.seconds = 4.0 if is_quick else 12.0
        self.idle_seconds = 6.0 if is_quick else 31.0
        self.idle_files = (1, 1_000) if is_quick else (1, 1_000, 10_000)
        self.big_bytes = (1 << 28) if is_quick else (1 << 31)
        self.growth_rows = growth_rows


@contextmanager
def scratch() -> Iterator[str]:
    """A directory for one measurement, gone afterwards."""
    directory = tempfile.mkdtemp(prefix="logagent-bench-")
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def child(module: str, *arguments: str) -> Figures:
    """What a measuring process printed."""
    done = subprocess.run([sys.executable, "-m", module, *arguments], capture_output=True, text=True, cwd=ROOT)
    if done.returncode != 0:
        raise RuntimeError(f"{module} {arguments}: {done.stderr[-500:]}")
    found: Figures = json.loads(done.stdout.splitlines()[-1])
    return found


def drained(store: str, logs: str) -> Figures:
    """The daemon over `logs`, from nothing."""
    with scratch() as state:
        return child("benchmarks.draining", store.replace("STATE", state), logs, f"{state}/s")


def per_line(figures: Figures) -> Figures:
    """CPU in microseconds per line, without and with the start of the process, and lines per second of wall."""
    lines = figures["lines"]
    whole_cpu_s = figures.get("whole_cpu_s", figures["cpu_s"])
    return {
        "cpu_us": figures["cpu_s"] / lines * 1e6,
        "whole_cpu_us": whole_cpu_s / lines * 1e6,
        "lines_s": lines / figures["wall_s"],
    }


def throughput(plan: Plan) -> Figures:
    """(a) to (e): everything that handles the same lines, in turns."""
    with scratch() as files, http_null() as url:
        native, serialized = f"{files}/native", f"{files}/serialized"
        corpus.write(native, plan.lines)
        corpus.write(serialized, plan.lines // 2, corpus.serialized)
        child("benchmarks.draining", f"sqlite://{files}/rows.db", native, f"{files}/rows-state")
        runs: dict[str, Callable[[], Figures]] = {
            "daemon, native to null": lambda: drained("null", native),
            "daemon, loguru serialized to null": lambda: drained("null", serialized),
            "daemon, native to SQLite": lambda: drained("sqlite://STATE/logs.db", native),
            "daemon, native to HTTP": lambda: drained(url, native),
            "daemon, native to ArangoDB": lambda: _to_arango(native),
            "floor: count newlines": lambda: child("benchmarks.floors", "count", native),
            "floor: decode native": lambda: child("benchmarks.floors", "decode", native, "native"),
            "floor: decode serialized": lambda: child("benchmarks.floors", "decode", serialized, "serialized"),
            "floor: bare executemany": lambda: _inserted(f"{files}/rows.db"),
            **_peers(native, url, plan.lines),
        }
        found: dict[str, list[Figures]] = {name: [] for name in runs}
        missing: dict[str, str] = {}
        for _ in range(plan.rounds):
            for name, run in runs.items():
                try:
                    found[name].append(per_line(run()))
                except Missing as reason:
                    missing[name] = str(reason)
    return {"rows": {name: _medians(each) for name, each in found.items() if each}, "missing": missing}


def _to_arango(logs: str) -> Figures:
    """Whole documents to a server that throws them away."""
    with scratch() as state:
        return arango_null.drained(logs, f"{state}/s")


def _inserted(source: str) -> Figures:
    with scratch() as directory:
        return child("benchmarks.floors", "inserts", source, f"{directory}/bare.db")


def _peers(logs: str, url: str, lines: int) -> dict[str, Callable[[], Figures]]:
    def syslog_ng() -> Figures:
        with scratch() as state:
            before = lines_at(url)
            spent = Peers(PEERS).syslog_ng(logs, state, url, lambda: lines_at(url) - before >= lines)
        return {"lines": lines, **spent._asdict()}

    def rsyslog() -> Figures:
        with scratch() as state:
            return {"lines": lines, **Peers(PEERS).rsyslog(logs, state, lines)._asdict()}

    return {"syslog-ng, native to HTTP": syslog_ng, "rsyslog, native to a file": rsyslog}


def _medians(each: list[Figures]) -> Figures:
    return {name: median(figures[name] for figures in each) for name in each[0]}


def latencies(plan: Plan) -> Figures:
    """(f): from write to searchable."""
    found = {}
    for rate, name in ((2, "idle"), (5_000, "5,000 lines/s")):
        for flush in ("2", "0.1"):
            with scratch() as directory:
                seconds = plan.seconds * (2 if rate == 2 else 1)
                found[f"{name}, flush {flush} s"] = living.latency(directory, rate, seconds, LOG_FLUSH_INTERVAL=flush)
    return found


def idling(plan: Plan) -> Figures:
    """(g) and (j): files at rest, and a restart over them."""
    found = {}
    for files in plan.idle_files:
        with scratch() as directory:
            found[str(files)] = living.idle(directory, files, plan.idle_seconds)
    return found


def big_drain(plan: Plan) -> Figures:
    """(h): memory while a large backlog is read."""
    with scratch() as directory:
        for script in range(corpus.SCRIPTS):
            piece = b"".join(line for line in corpus.encoded(20_000) if b'"etl%d"' % script in line)
            os.makedirs(f"{directory}/logs", exist_ok=True)
            with open(f"{directory}/logs/etl{script}.jsonl", "wb") as file:
                while file.tell() < plan.big_bytes // corpus.SCRIPTS:
                    file.write(piece)
        figures = drained("null", f"{directory}/logs")
    return {"bytes": plan.big_bytes, "memory_mb": figures["memory_mb"], **per_line(figures)}


def growth(plan: Plan) -> Figures:
    """(k): CPU per row as the store grows, and the longest append."""
    with scratch() as directory:
        corpus.write(f"{directory}/logs", plan.growth_rows)
        os.sync()  # else the store's syncs wait for gigabytes of our own
        figures = child("benchmarks.draining", f"sqlite://{directory}/logs.db", f"{directory}/logs", f"{directory}/s")
    powers = range(5, int(math.log10(plan.growth_rows)) + 1)
    points = {str(10**power): {"append_cpu_us": _append_us(figures["appends"], 10**power)} for power in powers}
    longest = max(wall for _count, _cpu, wall in figures["appends"])
    return {"points": points, "longest_append_s": longest, "memory_mb": figures["memory_mb"], **per_line(figures)}


def _append_us(appends: list[tuple[int, float, float]], upto: int) -> float:
    """CPU per row of the appends that brought the store from half of `upto` rows to all."""
    rows = counted = 0
    cpu_s = 0.0
    for count, cpu, _wall in appends:
        rows += count
        if upto // 2 < rows <= upto * 1.05:
            counted, cpu_s = counted + count, cpu_s + cpu
    return cpu_s / max(counted, 1) * 1e6


def sinks(plan: Plan) -> Figures:
    """(i): one log call in the script."""
    calls, rounds = ("200", "5") if plan.is_quick else ("500", "40")
    done = subprocess.run(
        [sys.executable, "benchmarks/sink.py", calls, rounds], capture_output=True, text=True, cwd=ROOT, check=True
    )
    return {"text": done.stdout}


SECTIONS: dict[str, Callable[[Plan], Figures]] = {
    "throughput": throughput,
    "latency": latencies,
    "idle": idling,
    "big_drain": big_drain,
    "growth": growth,
    "sink": sinks,
}


def main(wanted: list[str]) -> None:
    """Measure the sections named, or all; what was measured earlier and is not named stays in the document."""
    results = ROOT / "benchmarks" / "results.json"
    plan = Plan(is_quick=bool(os.environ.get("QUICK")), growth_rows=int(os.environ.get("ROWS", "1000000")))
    figures: Figures = json.loads(results.read_text()) if results.exists() and wanted else {}
    for name in wanted or SECTIONS:
        print(f"{name} ...", flush=True)
        figures[name] = SECTIONS[name](plan)
        print(json.dumps(figures[name], indent=1), flush=True)
    if plan.is_quick:
        return  # too short to be kept
    results.write_text(json.dumps(figures, indent=1) + "\n")
    report.write(ROOT / "docs", figures)


if __name__ == "__main__":
    main(sys.argv[1:])
