"""
Purpose: shows how a script logs its runs so that agents can ask about them; copy it and change `summarize`.

Sample input:
    {"orders": [{"id": "a", "rows": 3}, {"id": "b", "rows": 4}]}

Expected output:
    {"orders": 2, "rows": 7, "largest": "b"}

Modes:
    python enhanced_script_template.py working   # checks that it works; the default
    python enhanced_script_template.py debug     # one case, step by step
    python enhanced_script_template.py stress    # 10,000 records, then 10 workers of 100

Exit code 0 if all went well, 1 if not. Results are written as JSON to tmp/responses/. Redis is used as a cache if
the package `redis` is installed and a server answers within a second; it is never needed.

Ask afterwards: `logagent-query show @last`, and if it failed, `logagent-query why`.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from loguru import logger

from logagent.formats import add_sink, log_agent_learning, log_safe_results, script_execution

SCRIPT = "enhanced_script_template"
RESPONSES = Path("tmp/responses")
REDIS_TIMEOUT_S = 1.0
SAMPLE = {"orders": [{"id": "a", "rows": 3}, {"id": "b", "rows": 4}]}
EXPECTED = {"orders": 2, "rows": 7, "largest": "b"}
STRESS_RECORDS, WORKERS, RECORDS_A_WORKER = 10_000, 10, 100


def set_up_logging() -> None:
    """The console for people, a file for agents; the file's directory is $LOGAGENT_LOG_DIR, else ./logs."""
    logger.remove()
    logger.add(
        sys.stderr, level=os.environ.get("CONSOLE_LEVEL", "INFO"), format="{time:HH:mm:ss} {level: <8} {message}"
    )
    add_sink(logger, os.environ.get("LOGAGENT_LOG_DIR", "logs"), script_name=SCRIPT)


def connect_cache() -> Any | None:
    """A Redis client, or None where there is none: the script does the same without."""
    try:
        import redis
    except ImportError:
        logger.debug("No cache: the package redis is not installed")
        return None
    url = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0")
    client = redis.Redis.from_url(url, socket_connect_timeout=REDIS_TIMEOUT_S, socket_timeout=REDIS_TIMEOUT_S)
    try:
        client.ping()
    except redis.RedisError as error:
        logger.debug("No cache: {}", error)
        return None
    return client


def summarize(given: Mapping[str, Any], cache: Any | None = None) -> dict[str, Any]:
    """How many orders and rows there are, and which order is the largest.

    Raises:
        ValueError: there are no orders.
    """
    orders = given["orders"]
    if not orders:
        raise ValueError("no orders to summarize")
    key = f"{SCRIPT}:{json.dumps(orders, sort_keys=True)}"
    if cache is not None and (known := cache.get(key)):
        logger.debug("Summary of {} orders found in the cache", len(orders))
        return dict(json.loads(known))
    rows = sum(order["rows"] for order in orders)
    summary = {"orders": len(orders), "rows": rows, "largest": max(orders, key=lambda order: order["rows"])["id"]}
    if cache is not None:
        cache.set(key, json.dumps(summary), ex=60)
    logger.debug("Summarized {} orders with {} rows", len(orders), rows)
    return summary


def working_usage() -> dict[str, Any]:
    """What is known to work, asserted: the sample, its edges, and what has to fail."""
    cache = connect_cache()
    summary = summarize(SAMPLE, cache)
    assert summary == EXPECTED, f"expected {EXPECTED}, got {summary}"
    assert summarize({"orders": [{"id": "x", "rows": 0}]}, cache)["largest"] == "x"
    try:
        summarize({"orders": []})
    except ValueError as error:
        logger.info("No orders are refused, as they have to be: {}", error)
    else:
        raise AssertionError("no orders were accepted")
    logger.bind(response=summary).success("All cases work: {} orders", summary["orders"])
    return summary


def debug_function() -> dict[str, Any]:
    """One case, step by step: change it while you look for something."""
    logger.debug("Given {}", log_safe_results(SAMPLE["orders"]))
    summary = summarize(SAMPLE)
    logger.debug("Got {}", summary)
    return summary


def stress_test() -> dict[str, Any]:
    """Many records, then many at once; what was measured."""
    begun = time.monotonic()
    for number in range(STRESS_RECORDS):
        logger.debug("Record {} of the stress test", number)
    one_s = time.monotonic() - begun
    with ThreadPoolExecutor(WORKERS) as pool:
        done = sum(pool.map(_work, range(WORKERS)))
    assert done == WORKERS * RECORDS_A_WORKER, f"{done} records instead of {WORKERS * RECORDS_A_WORKER}"
    took_s = time.monotonic() - begun
    measured = {
        "records": STRESS_RECORDS + done,
        "seconds": round(took_s, 3),
        "per_second": round(STRESS_RECORDS / one_s),
    }
    logger.success("Wrote {records} records in {seconds}s", **measured)
    log_agent_learning(
        f"the log file takes {measured['per_second']} records a second here", "stress_test", measured, confidence=0.6
    )
    return measured


def _work(worker: int) -> int:
    for number in range(RECORDS_A_WORKER):
        logger.bind(worker=worker).debug("Worker {} record {}", worker, number)
    return RECORDS_A_WORKER


def keep_result(mode: str, result: Mapping[str, Any]) -> Path:
    """The result as a JSON file of its own."""
    RESPONSES.mkdir(parents=True, exist_ok=True)
    path = RESPONSES / f"{SCRIPT}_{mode}_{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    path.write_text(json.dumps({"mode": mode, "result": result}, indent=2) + "\n", encoding="utf-8")
    return path


MODES = {"working": working_usage, "debug": debug_function, "stress": stress_test}


def main(arguments: list[str]) -> int:
    """Run one mode as a run of its own; the exit code."""
    mode = arguments[0] if arguments else "working"
    if mode not in MODES or len(arguments) > 1:
        print(f"usage: {SCRIPT}.py [{'|'.join(MODES)}]", file=sys.stderr)
        return 1
    set_up_logging()
    try:
        with script_execution(SCRIPT, {"mode": mode}):
            path = keep_result(mode, MODES[mode]())
            logger.info("Result in {}", path)
    except Exception as error:  # noqa: BLE001 - the edge of the script: the run's end has type, text and traceback
        logger.error("{} failed: {}", mode, error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
