"""Context: what is constant for one file, what is remembered of it, what a block gave. Pure: no I/O, no clock."""

from __future__ import annotations

import re
from datetime import UTC, tzinfo
from typing import Final

import msgspec

from logagent.formats.record import Origin, Record, Reject
from logagent.formats.redaction import Redaction
from logagent.formats.repeats import Said
from logagent.formats.storing import StoringRules

PARSER_VERSION: Final = 1
MAX_LINE_BYTES: Final = 1 << 20

_PACKED: Final = re.compile(r"\.(?:gz|zst|zstd|bz2|xz)\Z", re.IGNORECASE)
_NUMBERED: Final = re.compile(r"[.-]\d{1,14}\Z")
_SUFFIX: Final = re.compile(r"\.(?:jsonl|ndjson|json|log|txt|out|err)\Z", re.IGNORECASE)
_STAMP: Final = re.compile(
    r"""[._-]\d{4}-\d\d-\d\d(?:[T_-]\d\d-\d\d-\d\d(?:[_-]\d{1,6})?)?\Z   # loguru: .2026-01-31_14-03-11_123456
      | \.\d{8}T\d{6}[.\d]{0,20}Z?(?:\.\d{1,10}){0,2}\Z                   # ours: .20260131T140311Z.4242
      | [.-]\d{8}(?:-\d{1,10})?\Z                                        # logrotate's dateext
    """,
    re.VERBOSE,
)


class FileContext(msgspec.Struct, frozen=True):
    """What is constant for one file while it is read; `storing` None stores everything."""

    origin: Origin
    script_name: str
    naive_timezone: tzinfo = UTC
    redaction: Redaction | None = None
    max_line_bytes: int = MAX_LINE_BYTES
    storing: StoringRules | None = None


class ParserState(msgspec.Struct, frozen=True):
    """What is remembered of a file between its blocks; stands in the checkpoint as JSON.

    Attributes:
        parser: the format of the file's first record, "" until there is one; it says what to try first, no more.
        version: `PARSER_VERSION` when that was decided.
        last_us: time of the last record whose time was not merely observed; lines without one inherit it.
        last_key: key of the record that a line of text would go on from; None where it would stand by itself.
        said: what the last line said, where the next may be folded for saying it again; else None.
        is_in_key: the last line of text stands within a private key, whose next lines may stand by themselves.
    """

    parser: str = ""
    version: int = 0
    last_us: int | None = None
    last_key: str | None = None
    said: Said | None = None
    is_in_key: bool = False


class Parsed(msgspec.Struct):
    """What a block gave.

    `left_out` counts, by rule, the lines that have no record because of a declared rule.

    `consumed` counts the bytes of the block that are settled: less than all of them while the last record is open,
    that is while lines of text to come may belong to it. It may be 0: come again with more, as a block of more than
    twice `max_line_bytes` always gets on.
    """

    records: list[Record]
    rejects: list[Reject]
    consumed: int
    blank_lines: int
    nul_bytes: int
    redacted: int
    state: ParserState
    folded: int = 0
    """How many of the records are of several lines."""
    left_out: dict[str, int] = {}


def script_name_of(path: str) -> str:
    """The name of the script that a log file is named for: its stem without rotation and packing suffixes.

    >>> script_name_of("/logs/etl.2026-01-31_14-03-11_123456.log.gz"), script_name_of("etl.jsonl.1")
    ('etl', 'etl')
    >>> script_name_of("/logs/my.script.jsonl")
    'my.script'
    """
    name = path.rsplit("/", 1)[-1]
    stem = _SUFFIX.sub("", _without(_NUMBERED, _without(_PACKED, name)))
    return _without(_STAMP, stem) or name


def _without(suffix: re.Pattern[str], name: str) -> str:
    """`name` less that suffix, unless nothing would be left."""
    return suffix.sub("", name) or name
