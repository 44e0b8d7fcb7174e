"""Bare log files as a source: read into a temporary SQLite store, so that every question works on them too."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
import socket
import tempfile
import time
import weakref
from collections import Counter
from collections.abc import Iterator
from typing import IO, Any, Final

import msgspec

from logagent.errors import NotFound
from logagent.formats.fingerprint import content_hash, is_blank
from logagent.formats.lines import FileContext, Parsed, ParserState, parse_block, parse_unterminated, script_name_of
from logagent.formats.record import Origin, Record
from logagent.settings.addresses import SqliteAddress
from logagent.store import open_reader, open_store
from logagent.store.protocol import Batch, Reader

_BLOCK_BYTES: Final = 1 << 20
_UNPACKERS: Final[dict[str, Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}


def open_log_file(path: str) -> Reader:
    """The reader of `read_log_file`."""
    return read_log_file(path)[0]


def read_log_file(path: str) -> tuple[Reader, list[str]]:
    """A reader over what the log file holds now, and sentences on the lines that are no records and left out.

    The temporary store goes when the reader is closed and let go, or the process ends.

    Raises:
        NotFound: the file cannot be read.
    """
    directory = tempfile.mkdtemp(prefix="logagent-query-")
    address = SqliteAddress(os.path.join(directory, "file.db"))
    try:
        left_out: Counter[str] = Counter()
        _fill(address.url, path, left_out)
        reader = open_reader(address.url)
    except BaseException:
        shutil.rmtree(directory, ignore_errors=True)
        raise
    weakref.finalize(reader, shutil.rmtree, directory, ignore_errors=True)
    return reader, _told(left_out)


def _told(left_out: Counter[str]) -> list[str]:
    if not left_out:
        return []
    reasons = ", ".join(f"{count} {reason}" for reason, count in left_out.most_common())
    return [f"left out of the file, since they are no records: {left_out.total()} lines ({reasons})"]


def _fill(url: str, path: str, left_out: Counter[str]) -> None:
    store = open_store(url)
    try:
        store.prepare()
        for records in _records(path, left_out):
            store.append(Batch(records))
    finally:
        store.close()


def _records(path: str, left_out: Counter[str]) -> Iterator[list[Record]]:
    """The file's records, a block at a time, each block's in order; what is none is counted by its reason."""
    now_us = time.time_ns() // 1000
    state, offset, rest = ParserState(), 0, b""
    context: FileContext | None = None
    for block in _blocks(path):
        rest += block
        context = context or _context(path, rest)
        end = rest.rfind(b"\n") + 1
        if context is None or not end:
            continue
        parsed = parse_block(rest[:end], offset, context, state, now_us=now_us)
        _count(parsed, left_out)
        yield _batched(parsed.records, now_us)
        state, offset, rest = parsed.state, offset + parsed.consumed, rest[parsed.consumed :]
    context = context or _context(path, rest + b"\n")
    if context is not None:
        for parsed in _last(rest, offset, context, state, now_us):
            _count(parsed, left_out)
            yield _batched(parsed.records, now_us)


def _count(parsed: Parsed, left_out: Counter[str]) -> None:
    left_out.update(reject.reason for reject in parsed.rejects)


def _last(rest: bytes, offset: int, context: FileContext, state: ParserState, now_us: int) -> Iterator[Parsed]:
    """What the last block left: records that were still open, and a line without its LF."""
    end = rest.rfind(b"\n") + 1
    parsed = parse_block(rest[:end], offset, context, state, now_us=now_us, final=True)
    yield parsed
    if rest[end:].strip():
        yield parse_unterminated(rest[end:], offset + end, context, parsed.state, now_us=now_us)


def _batched(records: list[Record], now_us: int) -> list[Record]:
    dated = [msgspec.structs.replace(record, ingested_us=now_us) for record in records]
    return sorted(dated, key=lambda record: record.order)


def _context(path: str, head: bytes) -> FileContext | None:
    """The file's context once its first line is whole; None until then."""
    first = next((line for line in head.split(b"\n")[:-1] if not is_blank(line)), None)
    if first is None:
        return None
    origin = Origin(socket.gethostname(), os.path.abspath(path), content_hash(first))
    return FileContext(origin, script_name_of(path))


def _blocks(path: str) -> Iterator[bytes]:
    opener = _UNPACKERS.get(os.path.splitext(path)[1], open)
    try:
        with opener(path, "rb") as file:
            yield from _pieces(file)
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise NotFound(f"cannot read {path}: {error}") from error


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(_BLOCK_BYTES):
        yield piece
