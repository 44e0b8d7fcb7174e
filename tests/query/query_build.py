"""Builds records and fills real SQLite stores for the tests of questions."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from logagent.formats.key import hash_prefix, line_hash
from logagent.formats.levels import LEVEL_NUMBERS
from logagent.formats.record import Learning, Line, LogLine, Origin, Record, RunEnd, RunStart
from logagent.formats.times import SECOND_US, utc_text
from logagent.store import open_store
from logagent.store.protocol import Batch

NOON_US = 1_795_348_800_000_000
"""2026-11-22T12:00:00Z: when the first record of every story happens."""

ORIGIN = Origin("box", "/srv/logs/etl.jsonl", 0xF00D)


class Story:
    """Records in order, a second apart unless told; each call adds one and returns it."""

    def __init__(self, origin: Origin = ORIGIN, start_us: int = NOON_US) -> None:
        self.records: list[Record] = []
        self._origin = origin
        self._at_us = start_us
        self._offset = 0

    def add(self, line: Line, at_us: int | None = None) -> Record:
        ts_us = self._at_us if at_us is None else at_us
        self._at_us = max(self._at_us, ts_us) + SECOND_US
        dated = msgspec.structs.replace(line, timestamp=utc_text(ts_us))
        raw = msgspec.json.encode(dated)
        digest = line_hash(hash_prefix(self._origin.fingerprint), self._offset, raw)
        record = Record(
            ts_us, ts_us, self._offset, digest, len(raw), self._origin, dated, ingested_us=ts_us + SECOND_US
        )
        self._offset += len(raw) + 1
        self.records.append(record)
        return record

    def log(
        self,
        message: str = "hello",
        level: str = "INFO",
        *,
        run: str = "etl_1",
        script: str = "etl",
        extra: dict[str, Any] | None = None,
        exception: dict[str, Any] | None = None,
        at_us: int | None = None,
        **fields: Any,
    ) -> Record:
        line = LogLine(
            timestamp="",
            execution_id=run,
            script_name=script,
            message=message,
            level=level,
            level_no=LEVEL_NUMBERS.get(level, 20),
            extra_data=raw(extra or {}),
            exception=raw(exception) if exception else None,
            **fields,
        )
        return self.add(line, at_us)

    def start(self, run: str = "etl_1", script: str = "etl", **fields: Any) -> Record:
        return self.add(RunStart(timestamp="", execution_id=run, script_name=script, managed=True, **fields))

    def end(self, run: str = "etl_1", status: str = "success", script: str = "etl", **fields: Any) -> Record:
        return self.add(RunEnd(timestamp="", execution_id=run, script_name=script, status=status, **fields))

    def learn(
        self, text: str, run: str = "etl_1", *, learning_id: str = "lrn_" + "5f21c0" + "0" * 26, **f: Any
    ) -> Record:
        return self.add(Learning(timestamp="", learning_id=learning_id, learning=text, execution_id=run, **f))


def raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(json.dumps(value).encode())


def filled(directory: Path, records: Iterable[Record]) -> str:
    """The URL of a new SQLite store with those records."""
    url = f"sqlite://{directory}/logs.db"
    append(url, records)
    return url


def append(url: str, records: Iterable[Record]) -> None:
    store = open_store(url)
    store.prepare()
    store.append(Batch(sorted(records, key=lambda record: record.order)))
    store.close()


def usual_story() -> Story:
    """A run that succeeds, one that fails with a retry before it, one that still runs."""
    story = Story()
    story.start("etl_1", argv=("etl.py",))
    story.log("loaded 42 rows", run="etl_1", function_name="load", extra={"user": 42, "response": {"rows": 42}})
    story.end("etl_1", duration_seconds=3.5)
    story.start("etl_2")
    story.log("Write batch 7 failed, retrying", "WARNING", run="etl_2", function_name="write", file_path="/srv/db.py")
    story.log(
        "db-7 refused connection",
        "ERROR",
        run="etl_2",
        function_name="write",
        file_path="/srv/db.py",
        line_number=118,
        tags=("db",),
        exception={"type": "ConnectionError", "value": "refused", "traceback": "Traceback\n  boom", "frames": []},
    )
    story.learn("keep workers below 16", "etl_2", confidence=0.9)
    story.end("etl_2", "failed", duration_seconds=9.0, error="ConnectionError: refused")
    story.start("report_1", script="report")
    story.log("working", run="report_1", script="report")
    return story


def refused(*frames: tuple[str, str, int]) -> dict[str, Any]:
    told = [{"file": f"/srv/{file}", "line": line, "function": name} for file, name, line in frames]
    return {"type": "PoolFull", "value": "db-7 refused 32 clients", "traceback": "", "frames": told}


SWALLOWED = refused(("etl.py", "main", 30), ("db.py", "connect", 9))
ENDED = refused(("etl.py", "main", 34), ("db.py", "write", 14), ("db.py", "connect", 9))


def ended_after_another_swallowed(in_one_run: bool) -> Story:
    """A failure of one type and innermost place was logged and lived on with; another one ended a run."""
    story = Story()
    for run in ("good", "bad"):
        story.start(run)
        if run == "good" or in_one_run:
            story.log("metrics flush failed", "ERROR", run=run, exception=SWALLOWED)
        if run == "good":
            story.end(run)
    story.log("write failed, retrying", "WARNING", run="bad")
    story.end("bad", "failed", error="PoolFull: db-7 refused 32 clients", exception=raw(ENDED))
    return story
