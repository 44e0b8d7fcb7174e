"""How fast a block of lines becomes records: what each step costs, as a ratio to splitting and decoding alone.

    python benchmarks/parse.py

Everything is measured in one run, interleaved, and told as medians: on shared machines only the ratios can be trusted.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable

from logagent.formats import loguru, native
from logagent.formats.lines import FileContext, ParserState, parse_block
from logagent.formats.record import Origin
from logagent.formats.redaction import Redaction

LINES = 400
"""Lines of a block, some 150 to 300 KiB: larger blocks cost more per line."""
ROUNDS = 60
NOW_US = 1_795_000_000_000_000
ORIGIN = Origin(host="host-1", file="/logs/etl.jsonl", fingerprint=1)
PLAIN = FileContext(ORIGIN, "etl")
REDACTING = FileContext(ORIGIN, "etl", redaction=Redaction())


def native_line(number: int, **more: object) -> dict[str, object]:
    return {
        "v": 1,
        "kind": "log",
        "timestamp": f"2026-07-01T12:00:{number % 60:02d}.{number:06d}Z",
        "execution_id": "etl_20261122_140311_9f3c01ab",
        "script_name": "etl",
        "pid": 4242,
        "hostname": "worker-1",
        "level": "INFO",
        "level_no": 20,
        "message": f"loaded {number} rows from the table orders in {number * 3} ms",
        "function_name": "load_rows",
        "file_path": "/srv/app/etl/load.py",
        "line_number": 120,
        "extra_data": {"rows": number, "table": "orders"},
        "tags": ["load"],
        **more,
    }


def serialized_line(number: int) -> dict[str, object]:
    message = f"loaded {number} rows from the table orders in {number * 3} ms"
    clock = f"2026-07-01 12:00:{number % 60:02d}"
    record = {
        "elapsed": {"repr": "0:00:00.011737", "seconds": 0.011737},
        "exception": None,
        "extra": {"rows": number, "table": "orders"},
        "file": {"name": "load.py", "path": "/srv/app/etl/load.py"},
        "function": "load_rows",
        "level": {"icon": "ℹ️", "name": "INFO", "no": 20},
        "line": 120,
        "message": message,
        "module": "load",
        "name": "etl.load",
        "process": {"id": 4242, "name": "MainProcess"},
        "thread": {"id": 140192069917568, "name": "MainThread"},
        "time": {"repr": f"{clock}.{number:06d}+00:00", "timestamp": 1782907200 + number / 1e6},
    }
    text = f"{clock}.000 | INFO     | etl.load:load_rows:120 - {message}\n"
    return {"text": text, "record": record}


def block_of(lines: list[dict[str, object]]) -> bytes:
    return b"".join(json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines)


def text_block() -> bytes:
    line = "2026-07-01 12:00:00.%06d | INFO     | etl.load:load_rows:120 - loaded %d rows from the table orders\n"
    return "".join(line % (number, number) for number in range(LINES)).encode()


def timed(measure: Callable[[], object]) -> float:
    started = time.perf_counter()
    measure()
    return (time.perf_counter() - started) / LINES * 1e6


def parsing(block: bytes, context: FileContext, parser: str) -> Callable[[], object]:
    state = ParserState(parser=parser, version=1)
    return lambda: parse_block(block, 0, context, state, now_us=NOW_US, final=True)


def scenarios() -> dict[str, Callable[[], object]]:
    own = block_of([native_line(number) for number in range(LINES)])
    secret = block_of(
        [native_line(number, **({} if number % 20 else {"message": "password=hunter2"})) for number in range(LINES)]
    )
    serialized = block_of([serialized_line(number) for number in range(LINES)])
    foreign = block_of([{"event": "hi", "level": "info", "timestamp": "2026-07-01T12:00:00Z", "n": 1}] * LINES)
    return {
        "native: split and decode alone": lambda: list(map(native.DECODER.decode, own.split(b"\n")[:-1])),
        "native: records": parsing(own, PLAIN, "native"),
        "native: records, redaction on": parsing(own, REDACTING, "native"),
        "native: a secret in each 20th line": parsing(secret, REDACTING, "native"),
        "loguru: split and decode alone": lambda: list(map(loguru.DECODER.decode, serialized.split(b"\n")[:-1])),
        "loguru: records": parsing(serialized, PLAIN, "loguru"),
        "loguru: records, redaction on": parsing(serialized, REDACTING, "loguru"),
        "structlog: records, redaction on": parsing(foreign, REDACTING, "json"),
        "text: records, redaction on": parsing(text_block(), REDACTING, "text"),
    }


def main() -> None:
    measures = scenarios()
    figures: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(ROUNDS):
        for name, measure in measures.items():
            figures[name].append(timed(measure))
    base = 1.0
    for name, each in figures.items():
        median = statistics.median(each)
        base = median if name.endswith("alone") else base
        ratio, rate = median / base, 1e6 / median
        print(f"{name:40} {median:6.2f} us/line {min(each):6.2f} best {ratio:6.2f} x {rate:9,.0f} lines/s")


if __name__ == "__main__":
    main()
