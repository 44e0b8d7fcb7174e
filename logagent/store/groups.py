"""What a store groups: errors by fingerprint, lines by call site, resolutions. Pure: no I/O, no clock."""

from __future__ import annotations

import msgspec

from logagent.formats.error_fingerprint import ErrorShape


class ErrorSelection(msgspec.Struct, frozen=True, kw_only=True):
    """Which errors; all that is given must hold.

    `fingerprint` is a beginning of one. `file` compares by trailing path parts with the call that logged the error
    and with its own frames, as both were when it was first seen.
    """

    script: str | None = None
    execution_id: str | None = None
    fingerprint: str | None = None
    file: str | None = None
    since_us: int | None = None
    """Last seen at or after."""


class ErrorTally(msgspec.Struct, frozen=True, kw_only=True):
    """One error in one script, counted over its runs; lines that name no run count, but are in none of `runs`.

    `first_run` and `last_run` are its earliest and latest started runs ("" for such lines), `started_us` those
    runs' starts. `sample` is the key of its latest event, None where only ends of runs tell of it (`is_end`).
    """

    fingerprint: str
    script_name: str
    shape: ErrorShape
    runs: int
    count: int
    first_us: int
    last_us: int
    first_run: str
    first_started_us: int
    last_run: str
    last_started_us: int
    sample: str | None
    is_end: bool = False


class ErrorInRun(msgspec.Struct, frozen=True, kw_only=True):
    """One error in one run. `first_key` is its first event's, None where the run's end tells of it."""

    fingerprint: str
    execution_id: str
    script_name: str
    started_us: int
    status: str
    shape: ErrorShape
    count: int
    first_us: int
    last_us: int
    first_key: str | None


class RunLine(msgspec.Struct, frozen=True, gc=False):
    """A log event as far as templates look at it; `message` is its searchable part."""

    ts_us: int
    key: str
    level: str
    function: str | None
    file: str | None
    line: int | None
    message: str


class SiteTally(msgspec.Struct, frozen=True):
    """Events of one run, call site and level. `first`, `last` are two of them, where they are still stored."""

    execution_id: str
    level: str
    function: str | None
    file: str | None
    line: int | None
    count: int
    first_us: int
    last_us: int
    first: RunLine | None
    last: RunLine | None
