"""Runs of good lines: the fast way through a block, for what nearly all lines are. Pure: no I/O, no clock.

A line is good if its format's decoder takes it as it is, it has its own time in the one form, and nothing in it is
beyond a bound. Whatever is not stops the run and goes the long way (`single`, `assembly`), which says the same of a
good line: the fast way only saves time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

import msgspec
import xxhash

from logagent.formats import loguru, native
from logagent.formats.context import FileContext
from logagent.formats.identity import MAX_IDENTITY_BYTES, cut_identity
from logagent.formats.key import hash_prefix
from logagent.formats.reading import LOGURU, NATIVE
from logagent.formats.record import Flag, LogLine, Record, TimeSource
from logagent.formats.redaction import Literals, Redaction, searchable, searchable_run
from logagent.formats.times import DAY_US

GoodReader: TypeAlias = Callable[[Sequence[bytes]], tuple[list[LogLine], list[int]]]
"""Raw lines to the structs and own times of those before the first that is not good."""


def reader_for(parser: str, script_name: str) -> tuple[str, GoodReader] | None:
    """The format to try first, by the parser remembered for the file, and its reader; None if it has no fast way."""
    match parser:
        case "" | "native":
            return NATIVE, native.read_good_run
        case "loguru":
            return LOGURU, partial(loguru.read_good_run, script_name)
        case _:
            return None


def read_run(
    lines: Sequence[bytes], start: int, offset: int, reader: GoodReader, context: FileContext, now_us: int
) -> list[Record]:
    """The records of `lines[start:]` up to the first that is not good; `offset` is the file's byte where they start.

    The caller sees to it that the lines are UTF-8.
    """
    records: list[Record] = []
    add = records.append
    digest = xxhash.xxh3_64_intdigest
    prefix = hash_prefix(context.origin.fingerprint)
    origin, latest = context.origin, now_us + DAY_US
    longest, script_name = context.max_line_bytes, context.script_name
    own, suspect, cut = TimeSource.OWN.value, Flag.TIME_SUSPECT.value, Flag.CUT.value
    contents = lines[start:]
    for raw, line, own_us in zip(contents, *reader(contents), strict=False):
        length = len(raw)
        if length > longest:
            break
        flags = 0 if own_us <= latest else suspect
        if length > MAX_IDENTITY_BYTES:
            line, is_cut = cut_identity(line)
            flags |= cut if is_cut else 0
        if not line.script_name:
            line = msgspec.structs.replace(line, script_name=script_name)
        value = digest(prefix + offset.to_bytes(8, "big") + raw)
        add(Record(own_us, own_us, offset, value, length, origin, line, own, flags, now_us))
        offset += length + 1
    return records


def redact_run(records: list[Record], redaction: Redaction) -> int:
    """Take the secrets out of log records, in place; says how many. Literals are looked for in all of them at once."""
    lines = [record.line for record in records if isinstance(record.line, LogLine)]
    present = redaction.literals_in(searchable_run(lines))
    if not present:
        return 0
    found = Literals(present)
    total = 0
    for index, record in enumerate(records):
        if found.present_in(searchable(record.line)):
            line, count = redaction.redact_line(record.line)
            if count:
                records[index] = msgspec.structs.replace(record, line=line, flags=record.flags | Flag.REDACTED)
                total += count
    return total
