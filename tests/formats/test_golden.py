"""Golden vectors: what each line of the corpus has always become. Other readers of our formats can check against them.

A change here changes keys or records that stores already hold: it needs a reason, a new parser version, and then
`python tests/formats/test_golden.py`, which writes the vectors anew.
"""

from __future__ import annotations

import base64
import json
import os
from typing import Any

import msgspec
import pytest
from lines_corpus import ALL, CONTEXT, TEXT, joined, parse

from logagent.formats.record import Record, Reject, flag_names, kind_of

PATH = os.path.join(os.path.dirname(__file__), "golden", "records.json")
BLOCKS = [*((line,) for line in ALL), TEXT]
"""Every line as a file of its own, and all lines of text as one."""


def told(record: Record) -> dict[str, Any]:
    return {
        "key": record.key,
        "ts_us": record.ts_us,
        "time_source": record.time_source,
        "length": record.length,
        "flags": flag_names(record.flags),
        "continuation_of": record.continuation_of,
        "kind": kind_of(record.line),
        "line": json.loads(msgspec.json.encode(record.line)),
    }


def refused(reject: Reject) -> dict[str, Any]:
    return {"key": reject.key, "reason": reject.reason, "length": reject.length}


def vector(lines: tuple[bytes, ...]) -> dict[str, Any]:
    parsed = parse(joined(lines), msgspec.structs.replace(CONTEXT, max_line_bytes=1000))
    made = {
        "bytes": base64.b64encode(joined(lines)).decode(),
        "records": [told(record) for record in parsed.records],
        "rejects": [refused(reject) for reject in parsed.rejects],
        "blank_lines": parsed.blank_lines,
        "nul_bytes": parsed.nul_bytes,
        "redacted": parsed.redacted,
    }
    return json.loads(json.dumps(made))


def pinned() -> list[dict[str, Any]]:
    with open(PATH, encoding="utf-8") as file:
        return json.load(file)


@pytest.mark.parametrize("index", range(len(BLOCKS)))
def test_a_line_becomes_what_it_has_always_become(index):
    """Keys and records are pinned from the first day."""
    assert vector(BLOCKS[index]) == pinned()[index]


if __name__ == "__main__":
    with open(PATH, "w", encoding="utf-8") as file:
        json.dump([vector(lines) for lines in BLOCKS], file, indent=1)
        file.write("\n")
