"""Log files to measure with: the same lines every time, several scripts that log at once, one file each."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

START = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=2)
"""Lately, as lines are: what is older than the prune's cut-off costs more."""
STEP = timedelta(microseconds=1_250)
SCRIPTS = 8
WORDS = ("loaded", "wrote", "skipped", "checked", "merged", "sent", "retried", "closed", "opened", "error")
LEVELS = (("INFO", 20), ("INFO", 20), ("DEBUG", 10))


def native(rnd: random.Random, number: int) -> dict[str, object]:
    """A line as our own sink writes it, some 385 bytes."""
    script = number % SCRIPTS
    level, level_no = ("ERROR", 40) if number % 997 == 0 else LEVELS[number % 3]
    return {
        "v": 1,
        "kind": "log",
        "timestamp": (START + number * STEP).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "execution_id": f"etl{script}_run_{number // 24_000:06d}",
        "script_name": f"etl{script}",
        "pid": 4200 + script,
        "hostname": "worker-1",
        "level": level,
        "level_no": level_no,
        "message": message(rnd, number),
        "function_name": f"load_{number % 20}",
        "file_path": "/srv/app/src/etl/load.py",
        "line_number": number % 20 * 7,
        "extra_data": {"user": f"u{number % 50}", "rows": number},
        "tags": [],
    }


def serialized(rnd: random.Random, number: int) -> dict[str, object]:
    """A line as loguru's `serialize=True` writes it, some 750 bytes."""
    moment = START + number * STEP
    text = message(rnd, number)
    record = {
        "elapsed": {"repr": "0:00:00.011737", "seconds": 0.011737},
        "exception": None,
        "extra": {"user": f"u{number % 50}", "rows": number},
        "file": {"name": "load.py", "path": "/srv/app/src/etl/load.py"},
        "function": f"load_{number % 20}",
        "level": {"icon": "\u2139\ufe0f", "name": "INFO", "no": 20},
        "line": number % 20 * 7,
        "message": text,
        "module": "load",
        "name": "etl.load",
        "process": {"id": 4200 + number % SCRIPTS, "name": "MainProcess"},
        "thread": {"id": 140192069917568, "name": "MainThread"},
        "time": {"repr": moment.strftime("%Y-%m-%d %H:%M:%S.%f+00:00"), "timestamp": moment.timestamp()},
    }
    head = f"{moment:%Y-%m-%d %H:%M:%S}.000 | INFO     | etl.load:load_{number % 20}:{number % 20 * 7}"
    return {"text": f"{head} - {text}\n", "record": record}


def message(rnd: random.Random, number: int) -> str:
    """Common words, rare words and numbers, as messages have them."""
    return (
        f"{WORDS[number % 9]} w{rnd.randrange(3_000)} {number} rows from w{rnd.randrange(3_000)}"
        f" in {rnd.randrange(1_000)} ms {WORDS[rnd.randrange(9)]}"
    )


def write(directory: str, lines: int, shape: Callable[[random.Random, int], dict[str, object]] = native) -> int:
    """Write `lines` lines, in turns to one file per script; their bytes."""
    os.makedirs(directory, exist_ok=True)
    files = [open(os.path.join(directory, f"etl{script}.jsonl"), "wb") for script in range(SCRIPTS)]  # noqa: SIM115
    try:
        for number, line in enumerate(encoded(lines, shape)):
            files[number % SCRIPTS].write(line)
        return sum(file.tell() for file in files)
    finally:
        for file in files:
            file.close()


def encoded(lines: int, shape: Callable[[random.Random, int], dict[str, object]] = native) -> Iterator[bytes]:
    """The same lines one by one, as they stand in files."""
    rnd = random.Random(1)
    for number in range(lines):
        yield json.dumps(shape(rnd, number), ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
