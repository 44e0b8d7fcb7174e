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
from collections.abc import Iterator
from typing import IO, Any, Final

import msgspec

from logagent.errors import NotFound
from logagent.formats.fingerprint import content_hash, is_blank
from logagent.formats.lines import FileContext, ParserState, parse_block, parse_unterminated, script_name_of
from logagent.formats.record import Origin, Record
from logagent.settings.addresses import SqliteAddress
from logagent.store import open_reader, open_store
from logagent.store.protocol import Batch, Reader

_BLOCK_BYTES: Final = 1 << 20
_UNPACKERS: Final[dict[str, Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}


def open_log_file(path: str) -> Reader:
    """A reader over what the log file holds now; lines that are no records are left out, as the daemon would.

    The temporary store goes when the reader is closed and let go, or the process ends.

    Raises:
        NotFound: the file cannot be read.
    """
    directory = tempfile.mkdtemp(prefix="logagent-query-")
    address = SqliteAddress(os.path.join(directory, "file.db"))
    try:
        _fill(address.url, path)
        reader = open_reader(address.url)
    except BaseException:
        shutil.rmtree(directory, ignore_errors=True)
        raise
    weakref.finalize(reader, shutil.rmtree, directory, ignore_errors=True)
    return reader


def _fill(url: str, path: str) -> None:
    store = open_store(url)
    try:
        store.prepare()
        for records in _records(path):
            store.append(Batch(records))
    finally:
        store.close()


def _records(path: str) -> Iterator[list[Record]]:
    """The file's records, a block at a time, each block's in order."""
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
        yield _batched(parsed.records, now_us)
        state, offset, rest = parsed.state, offset + parsed.consumed, rest[parsed.consumed :]
    context = context or _context(path, rest + b"\n")
    if context is not None:
        yield from _last(rest, offset, context, state, now_us)


def _last(rest: bytes, offset: int, context: FileContext, state: ParserState, now_us: int) -> Iterator[list[Record]]:
    """What the last block left: records that were still open, and a line without its LF."""
    end = rest.rfind(b"\n") + 1
    parsed = parse_block(rest[:end], offset, context, state, now_us=now_us, final=True)
    yield _batched(parsed.records, now_us)
    if rest[end:].strip():
        unterminated = parse_unterminated(rest[end:], offset + end, context, parsed.state, now_us=now_us)
        yield _batched(unterminated.records, now_us)


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
