"""The floors: the least that any program in this language does. `python -m benchmarks.floors NAME ARGUMENTS`.

Prints one JSON object: lines, seconds of CPU and of wall.
"""

from __future__ import annotations

import glob
import json
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator

from logagent.formats import loguru, native
from logagent.store import open_store

BLOCK_BYTES = 256 * 1024
BATCH_ROWS = 10_000


def blocks(logs: str) -> Iterator[bytes]:
    """Whole lines, as the daemon reads them."""
    for path in sorted(glob.glob(f"{logs}/*.jsonl")):
        with open(path, "rb", buffering=0) as file:
            rest = b""
            while data := file.read(BLOCK_BYTES):
                end = data.rfind(b"\n") + 1
                yield rest + data[:end]
                rest = data[end:]


def count(logs: str) -> int:
    """Read and count newlines."""
    return sum(block.count(b"\n") for block in blocks(logs))


def decode(logs: str, shape: str) -> int:
    """Read, split and decode into structs, line by line."""
    decoder = native.DECODER if shape == "native" else loguru.DECODER
    return sum(len(list(map(decoder.decode, block.split(b"\n")[:-1]))) for block in blocks(logs))


class BareInserts:
    """The rows of `source` again, by the standard library's `executemany`, into the same tables and indexes."""

    def __init__(self, source: str, target: str) -> None:
        store = open_store(f"sqlite://{target}")
        store.prepare()
        store.close()
        self._db = sqlite3.connect(target)
        from_db = sqlite3.connect(f"file:{source}?mode=ro", uri=True)
        self._rows = from_db.execute("SELECT * FROM events ORDER BY id").fetchall()
        self._words = from_db.execute("SELECT id, message, marks FROM events_searched ORDER BY id").fetchall()
        from_db.close()
        self._insert = f"INSERT INTO events VALUES ({','.join('?' * len(self._rows[0]))})"

    def __call__(self) -> int:
        for start in range(0, len(self._rows), BATCH_ROWS):
            part = slice(start, start + BATCH_ROWS)
            self._db.executemany(self._insert, self._rows[part])
            self._db.executemany("INSERT INTO events_fts (rowid, message, marks) VALUES (?, ?, ?)", self._words[part])
            self._db.commit()
        self._db.close()
        return len(self._rows)


def floor(name: str, arguments: list[str]) -> Callable[[], int]:
    """What to time."""
    if name == "inserts":
        return BareInserts(*arguments)
    return lambda: {"count": count, "decode": decode}[name](*arguments)


def main(name: str, *arguments: str) -> None:
    """Time one."""
    work = floor(name, list(arguments))
    wall, cpu = time.perf_counter(), time.process_time()
    lines = work()
    print(json.dumps({"lines": lines, "wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}))


if __name__ == "__main__":
    main(*sys.argv[1:])
