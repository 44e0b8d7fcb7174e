"""What one log call costs: our sink beside loguru's plain file and `serialize=True`, interleaved in one run.

    python benchmarks/sink.py [calls per round] [rounds]

Prints medians in microseconds per call and the ratios that count: at most 1.5 of the plain file and at most 0.6 of
`serialize=True`. The first loop binds nothing, the second binds two values and a tag as scripts do, both with one
thread; the third is the second with eight.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter

from loguru import logger

from logagent.formats import add_sink, script_execution

Sinks = dict[str, Callable[[Path], int]]
SINKS: Sinks = {
    "plain file": lambda directory: logger.add(directory / "plain.log", diagnose=False, backtrace=False),
    "serialize": lambda directory: logger.add(directory / "serialized.jsonl", serialize=True),
    "logagent": lambda directory: add_sink(logger, directory, script_name="bench"),
}


def bare(calls: int) -> None:
    for number in range(calls):
        logger.info("loaded {} rows", number)


def bound(calls: int) -> None:
    for number in range(calls):
        logger.bind(table="orders", batch=number, tags=["load"]).info("loaded {} rows", number)


def eight_threads(calls: int) -> None:
    threads = [threading.Thread(target=bound, args=(calls // 8,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def seconds(add: Callable[[Path], int], work: Callable[[int], None], calls: int) -> float:
    with tempfile.TemporaryDirectory() as directory:
        handler = add(Path(directory))
        began = perf_counter()
        work(calls)
        took = perf_counter() - began
        logger.remove(handler)
    return took


def measure(work: Callable[[int], None], calls: int, rounds: int) -> dict[str, float]:
    """Median microseconds per call and sink; each round has all the sinks, so a slow second hits them alike."""
    took: dict[str, list[float]] = {name: [] for name in SINKS}
    for _ in range(rounds):
        for name, add in SINKS.items():
            took[name].append(seconds(add, work, calls) / calls * 1e6)
    return {name: median(times) for name, times in took.items()}


def main() -> None:
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 60
    logger.remove()
    with tempfile.TemporaryDirectory() as directory:
        os.environ["LOGAGENT_LOG_DIR"] = directory  # for the lines of the run itself
        with script_execution("bench"):
            report(calls, rounds)


def report(calls: int, rounds: int) -> None:
    for work in (bare, bound, eight_threads):
        took = measure(work, calls, rounds)
        of_plain = took["logagent"] / took["plain file"]
        of_serialize = took["logagent"] / took["serialize"]
        figures = "  ".join(f"{name} {micros:6.1f}" for name, micros in took.items())
        print(f"{work.__name__:14} {figures} us   of plain {of_plain:.2f}   of serialize {of_serialize:.2f}")


if __name__ == "__main__":
    main()
