"""Selections: which events a question is about, as values that every store understands. Pure: no I/O, no clock.

The query language is parsed into these; each store turns them into its own language with bound values only.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, TypeAlias

import msgspec


class TextMatch(msgspec.Struct, frozen=True):
    """A word (`error`), a phrase (words in sequence) or a prefix (`conn*`) in the message and the exception.

    Of an exception its type and text are looked at, as in `ConnectionError: refused`.

    `text` is plain: the store splits and quotes it. Text without any letter or digit matches nothing.
    """

    text: str
    form: Literal["word", "phrase", "prefix"] = "word"


class Field(StrEnum):
    """What a comparison can look at besides `extra_data`."""

    LEVEL = "level"
    SCRIPT = "script"
    RUN = "run"
    FUNCTION = "function"
    FILE = "file"
    LINE = "line"
    TAG = "tag"
    HOST = "host"
    PID = "pid"
    DURATION = "duration"
    """Duration of the event's run in seconds; a run without a duration never matches."""


Operator: TypeAlias = Literal["=", "!=", "<", "<=", ">", ">="]
Scalar: TypeAlias = str | int | float | bool | None


class Compare(msgspec.Struct, frozen=True):
    """One field against one value.

    LEVEL compares by number (`value` is a level number). SCRIPT, RUN, FUNCTION, FILE, TAG, HOST compare whole
    strings, HOST the line's own, else the daemon's, FILE also by trailing path parts (`src/db.py` matches
    `/srv/app/src/db.py`). Only =, != for strings.
    """

    field: Field
    op: Operator
    value: Scalar


class CompareExtra(msgspec.Struct, frozen=True):
    """A value inside `extra_data` (path of object keys) against one value.

    Numbers compare as numbers, strings as strings; a value of another type than `value` never matches =, <, >.
    `!=` matches where the path is absent.
    """

    path: tuple[str, ...]
    op: Operator
    value: Scalar


class Has(msgspec.Struct, frozen=True):
    """The event has `exception`, `tags`, `extra_data`, `run` (an execution id), or an extra path (`extra.user`)."""

    name: str


class Not(msgspec.Struct, frozen=True):
    """The condition does not hold."""

    condition: Condition


class And(msgspec.Struct, frozen=True):
    """All conditions hold; none at all is true."""

    conditions: tuple[Condition, ...]


class Or(msgspec.Struct, frozen=True):
    """At least one condition holds."""

    conditions: tuple[Condition, ...]


Condition: TypeAlias = TextMatch | Compare | CompareExtra | Has | Not | And | Or
EVERYTHING = And(())


class Position(msgspec.Struct, frozen=True):
    """A place in the order (ts_us, offset, key): where a page ended."""

    ts_us: int
    offset: int
    key: str


class Direction(StrEnum):
    """Which end of the order comes first."""

    NEWEST_FIRST = "newest"
    OLDEST_FIRST = "oldest"


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Which events, in which order, from where on.

    `since_us` is included, `until_us` is not. `after` is the last event of the page before, in `direction`.
    """

    where: Condition = EVERYTHING
    since_us: int | None = None
    until_us: int | None = None
    direction: Direction = Direction.NEWEST_FIRST
    after: Position | None = None


class RunSelection(msgspec.Struct, frozen=True, kw_only=True):
    """Which runs, newest start first (by start, else first event; ties by execution id, descending)."""

    script: str | None = None
    status: tuple[str, ...] = ()
    id_prefix: str | None = None
    since_us: int | None = None
    until_us: int | None = None
    after: tuple[int, str] | None = None
    """`(started_us, execution_id)` of the last run of the page before."""
