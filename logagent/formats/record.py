"""Records: what a line says, and where and when it was found. Pure: no I/O, no clock.

A *line* struct (`LogLine`, `RunStart`, ...) holds the fields that the script wrote; a `Record` adds what
the daemon knows: its key's parts, its time, its origin. Stores take records and give the same records
back. Nested JSON (`extra_data`, `metadata`, `exception`, ...) is carried as raw bytes and never taken apart
on the way from disk to store.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Annotated, Final, TypeAlias

import msgspec

from logagent.formats.key import hash_hex, key_text

EMPTY_OBJECT: Final = msgspec.Raw(b"{}")
UNKNOWN_EXECUTION: Final = "unknown"
"""The execution id of a line that was given none; it makes no run."""


Int64: TypeAlias = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
"""What any store can hold; looked at by the decoder, which costs nothing."""


class LogLine(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="log", forbid_unknown_fields=True):
    """One log call. `exception` is the raw object `{type, value, traceback, frames}`; None if there is none."""

    timestamp: str
    v: Int64 = 1
    execution_id: str = UNKNOWN_EXECUTION
    script_name: str = ""
    pid: Int64 | None = None
    hostname: str | None = None
    level: str = "INFO"
    level_no: Int64 = 20
    message: str = ""
    function_name: str | None = None
    file_path: str | None = None
    line_number: Int64 | None = None
    extra_data: msgspec.Raw = EMPTY_OBJECT
    tags: tuple[str, ...] = ()
    exception: msgspec.Raw | None = None
    embeddings: msgspec.Raw | None = None


class RunStart(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="run_start", forbid_unknown_fields=True):
    """A run begins. `managed` is true where `script_execution` promises an end line."""

    timestamp: str
    execution_id: str
    v: int = 1
    script_name: str = ""
    pid: int | None = None
    hostname: str | None = None
    start_time: str | None = None
    metadata: msgspec.Raw = EMPTY_OBJECT
    argv: tuple[str, ...] = ()
    cwd: str | None = None
    python: str | None = None
    git_commit: str | None = None
    parent_execution_id: str | None = None
    managed: bool = False
    boot_id: str | None = None
    pid_namespace: str | int | None = None
    process_start: int | None = None
    extra_data: msgspec.Raw = EMPTY_OBJECT


class RunEnd(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="run_end", forbid_unknown_fields=True):
    """A run ends with `status` success or failed; `error` is `Type: text`."""

    timestamp: str
    execution_id: str
    v: int = 1
    script_name: str = ""
    pid: int | None = None
    hostname: str | None = None
    end_time: str | None = None
    status: str = "success"
    duration_seconds: float | None = None
    error: str | None = None
    exception: msgspec.Raw | None = None
    extra_data: msgspec.Raw = EMPTY_OBJECT


class Learning(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="learning", forbid_unknown_fields=True):
    """Something learnt. `evidence` lists event keys and run ids."""

    timestamp: str
    learning_id: str
    learning: str
    v: int = 1
    execution_id: str = UNKNOWN_EXECUTION
    script_name: str = ""
    pid: int | None = None
    hostname: str | None = None
    function_name: str | None = None
    context: msgspec.Raw = EMPTY_OBJECT
    confidence: float = 0.8
    evidence: tuple[str, ...] = ()
    extra_data: msgspec.Raw = EMPTY_OBJECT


class LearningEvent(
    msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="learning_event", forbid_unknown_fields=True
):
    """A learning is confirmed, refuted or retired (`action`)."""

    timestamp: str
    learning_id: str
    action: str
    v: int = 1
    execution_id: str = UNKNOWN_EXECUTION
    script_name: str = ""
    pid: int | None = None
    hostname: str | None = None
    reason: str | None = None
    evidence: tuple[str, ...] = ()
    extra_data: msgspec.Raw = EMPTY_OBJECT


class Resolution(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="resolution", forbid_unknown_fields=True):
    """An error fingerprint is resolved or reopened (`action`), `by` what."""

    timestamp: str
    error_fingerprint: str
    action: str
    v: int = 1
    execution_id: str = UNKNOWN_EXECUTION
    script_name: str = ""
    pid: int | None = None
    hostname: str | None = None
    by: str | None = None
    extra_data: msgspec.Raw = EMPTY_OBJECT


Line: TypeAlias = LogLine | RunStart | RunEnd | Learning | LearningEvent | Resolution
LINE_TYPES: Final[dict[str, type[Line]]] = {
    "log": LogLine,
    "run_start": RunStart,
    "run_end": RunEnd,
    "learning": Learning,
    "learning_event": LearningEvent,
    "resolution": Resolution,
}


def kind_of(line: Line) -> str:
    """The line's `kind`, as it stands in the file."""
    return str(type(line).__struct_config__.tag)


class TimeSource(IntEnum):
    """Where a record's time comes from."""

    OWN = 0
    INHERITED = 1
    """From the line before it in the file."""
    OBSERVED = 2
    """The line has none and no line before it had one: when the daemon first saw it."""


class Flag(IntFlag):
    """What happened to a record on its way; shown by its lower-case name."""

    CUT = 1
    UNTERMINATED = 2
    BAD_UTF8 = 4
    REDACTED = 8
    TIME_SUSPECT = 16
    """The time is more than a day ahead of the daemon's clock."""
    NO_LEVEL = 32
    FOLDED = 64
    """Several lines of text make this one record; `length` spans them all."""


def flag_names(flags: int) -> tuple[str, ...]:
    """The lower-case names of the flags that are set, in the order of their definition.

    >>> flag_names(Flag.CUT | Flag.REDACTED)
    ('cut', 'redacted')
    """
    return tuple(str(flag.name).lower() for flag in Flag if flags & flag)


class Origin(msgspec.Struct, frozen=True):
    """The file a record was read from, shared by all its records.

    `host` is the daemon's, `file` the path at first sight, `fingerprint` the file's (64 bits, unsigned).
    """

    host: str
    file: str
    fingerprint: int


class Record(msgspec.Struct, frozen=True, gc=False):
    """One accepted line with everything a store needs.

    Attributes:
        ts_us: event time, microseconds since 1970 UTC; orders together with `offset` and the key.
        own_us: the line's own time, or 0 where it has none that a key can hold.
        offset: first byte of the line, in the unpacked stream for compressed files.
        hash: xxh3-64 over fingerprint, offset and raw bytes (unsigned).
        length: bytes of the line without its LF; for folded text, from `offset` to the end of its last line.
        flags: bits of `Flag`.
        ingested_us: when the daemon read it; retention goes by the later of this and the event time.
        continuation_of: key of the record that this text goes on from, or None.
    """

    ts_us: int
    own_us: int
    offset: int
    hash: int
    length: int
    origin: Origin
    line: Line
    time_source: int = 0
    flags: int = 0
    ingested_us: int = 0
    continuation_of: str | None = None

    @property
    def key(self) -> str:
        """The record's identity, the same in every store."""
        return key_text(self.own_us, self.offset, self.hash)

    @property
    def short_id(self) -> str:
        """`#` and the first eight hex digits of the hash: what people and agents are shown."""
        return "#" + hash_hex(self.hash)[:8]

    @property
    def order(self) -> tuple[int, int, str]:
        """What sorts records everywhere."""
        return (self.ts_us, self.offset, self.key)


class Reject(msgspec.Struct, frozen=True, gc=False):
    """A line that is not stored but dead-lettered.

    `reason` is one of the closed list `bad_json`, `too_deep`, `binary`, `bad_record`, `store_refused:<n>`; `raw`
    are the bytes as on disk without the LF, of an overlong line only its head; `length` counts all of it.
    """

    reason: str
    detail: str
    offset: int
    hash: int
    length: int
    origin: Origin
    raw: bytes
    own_us: int = 0

    @property
    def key(self) -> str:
        """The key that the line would have been stored under."""
        return key_text(self.own_us, self.offset, self.hash)
