"""Documents: records, runs and learnings as the field names that users see. Pure: no I/O, no clock.

An event's document is the shape of `export -o jsonl`: the line's fields in the order of the format, the
daemon's after them, absent ones omitted, six fraction digits in every time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from logagent.formats.fold import LearningFold, Run
from logagent.formats.key import hash_hex
from logagent.formats.record import Record, TimeSource, flag_names, kind_of
from logagent.formats.times import utc_text
from logagent.store.protocol import RunSummary

_FIRST: Final = ("execution_id", "script_name", "pid", "hostname")
_LINE_FIELDS: Final = {
    "log": (
        *("level", "level_no", "message", "function_name", "file_path", "line_number"),
        *("extra_data", "tags", "exception", "embeddings"),
    ),
    "run_start": (
        *("start_time", "metadata", "argv", "cwd", "python", "git_commit", "parent_execution_id"),
        *("managed", "boot_id", "pid_namespace", "process_start", "extra_data"),
    ),
    "run_end": ("end_time", "status", "duration_seconds", "error", "exception", "extra_data"),
    "learning": ("learning_id", "learning", "function_name", "context", "confidence", "evidence", "extra_data"),
    "learning_event": ("learning_id", "action", "reason", "evidence", "extra_data"),
    "resolution": ("error_fingerprint", "action", "by", "extra_data"),
}


def event_document(record: Record) -> dict[str, Any]:
    """A record of any kind as its export shape; nested JSON stays raw (`msgspec.Raw`)."""
    line = record.line
    kind = kind_of(line)
    document: dict[str, Any] = {"v": line.v, "kind": kind, "timestamp": utc_text(record.ts_us)}
    for name in (*_FIRST, *_LINE_FIELDS[kind]):
        value = getattr(line, name)
        if value is not None:
            document[name] = value
    document.update(_found(record))
    return document


def _found(record: Record) -> dict[str, Any]:
    """What the daemon knows of the record."""
    origin = record.origin
    fields: dict[str, Any] = {
        "key": record.key,
        "ts_us": record.ts_us,
        "time_source": TimeSource(record.time_source).name.lower(),
        "host": origin.host,
        "file": origin.file,
        "fingerprint": hash_hex(origin.fingerprint),
        "offset": record.offset,
        "length": record.length,
    }
    if record.ingested_us:
        fields["ingested_at"] = utc_text(record.ingested_us)
    if record.flags:
        fields["flags"] = flag_names(record.flags)
    if record.continuation_of:
        fields["continuation_of"] = record.continuation_of
    return fields


def event_item(record: Record) -> dict[str, Any]:
    """The document of an event with its nested JSON taken apart, for Python and for showing."""
    return {name: plain(value) for name, value in event_document(record).items()}


def plain(value: Any) -> Any:
    """Raw JSON as plain values; other values as they are.

    >>> plain(msgspec.Raw(b'{"a": 1}'))
    {'a': 1}
    """
    if not isinstance(value, msgspec.Raw):
        return list(value) if isinstance(value, tuple) else value
    try:
        return msgspec.json.decode(value)
    except msgspec.DecodeError:
        # Half a surrogate pair, an integer of 5,000 digits: the lenient reader takes them, none of it is lost.
        return json.loads(bytes(value), parse_int=_integer)


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= 4000 else digits


def run_item(summary: RunSummary) -> dict[str, Any]:
    """A run with what its events say, as `script_runs` names its fields."""
    document = run_document(summary.run)
    document["started_at"] = utc_text(summary.started_us)
    document["levels"] = dict(summary.levels)
    document["total_logs"] = summary.total_events
    if summary.first_us is not None and summary.last_us is not None:
        document["first_event"] = utc_text(summary.first_us)
        document["last_event"] = utc_text(summary.last_us)
    return document


def run_document(run: Run) -> dict[str, Any]:
    """A run's own fields; absent ones omitted."""
    first = {
        "execution_id": run.execution_id,
        "script_name": run.script_name,
        "status": run.status,
        "start_time": None if run.start_us is None else utc_text(run.start_us),
        "end_time": None if run.end_us is None else utc_text(run.end_us),
    }
    rest = {name: plain(getattr(run, name)) for name in _RUN_FIELDS}
    return {name: value for name, value in (first | rest).items() if value is not None}


_RUN_FIELDS: Final = (
    *("duration_seconds", "error", "exception", "metadata", "argv", "cwd", "python", "git_commit"),
    *("parent_execution_id", "pid", "hostname", "managed", "keys"),
)


def learning_item(learning: LearningFold) -> dict[str, Any]:
    """A learning as `agent_learnings` names its fields; `id` is what people are shown."""
    fields = {
        "id": "L-" + learning.learning_id.removeprefix("lrn_")[:6],
        "learning_id": learning.learning_id,
        "timestamp": utc_text(learning.ts_us),
        "learning": learning.learning,
        "execution_id": learning.execution_id,
        "script_name": learning.script_name,
        "function_name": learning.function_name,
        "context": plain(learning.context),
        "confidence": learning.confidence,
        "evidence": list(learning.evidence),
        "status": learning.status,
        "confirmed": learning.confirmed,
        "refuted": learning.refuted,
    }
    return {name: value for name, value in fields.items() if value is not None}


def short_id(event: Mapping[str, Any]) -> str:
    """`#` and eight hex digits, of an event's document.

    >>> short_id({"key": "00000000000000-000000000011-9be2c41f000000ff"})
    '#9be2c41f'
    """
    return "#" + str(event["key"])[-16:-8]
