"""A log event as a row, and back. Pure: no I/O, no clock."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from logagent.formats.record import EMPTY_OBJECT, LogLine, Origin, Record
from logagent.formats.times import utc_text
from logagent.store.matching import MAX_SEARCHED_BYTES
from logagent.store.sqlite.names import HASH_BIAS
from logagent.store.text import original, original_or_none, storable, storable_or_none


class Odd(msgspec.Struct, frozen=True, omit_defaults=True):
    """What few events have: `rest` of a long message, another version of the format, what it goes on from."""

    v: int = 1
    rest: str = ""
    continuation_of: str | None = None


ROWS_AT_ONCE: Final = 200
"""In one statement: a row costs two thirds of what it costs alone. Longer ones APSW does not keep prepared."""

_ROW: Final = "(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
INSERT: Final = (
    "INSERT INTO events (id, ts_us, offset, own, key_hash, length, origin_id, run_id, site_id, process_id, level_id,"
    f" time_source, flags, ingested_us, timestamp, message, extra_data, tags, exception, odd) VALUES {_ROW}"
)
INSERT_MANY: Final = INSERT + f",{_ROW}" * (ROWS_AT_ONCE - 1)

SELECTED: Final = """e.ts_us, e.offset, e.own, e.key_hash, e.length, o.host, o.file, o.fingerprint,
 e.time_source, e.flags, e.ingested_us, e.timestamp, r.execution_id, s.script, p.pid, p.hostname,
 l.name, l.level_no, e.message, s.function, s.file, s.line, e.extra_data, e.tags, e.exception, e.odd,
 (SELECT embeddings FROM event_embeddings WHERE event_id = e.id)"""
JOINED: Final = """ JOIN origins o ON o.id = e.origin_id JOIN runs r ON r.id = e.run_id
 JOIN sites s ON s.id = e.site_id JOIN processes p ON p.id = e.process_id JOIN levels l ON l.id = e.level_id"""

_ODD = msgspec.json.Decoder(Odd)
_TAGS = msgspec.json.Decoder(tuple[str, ...])


def tags_column(tags: tuple[str, ...]) -> str:
    """Tags as JSON text."""
    return msgspec.json.encode([storable(tag) for tag in tags]).decode()


def split_message(record: Record, line: LogLine) -> tuple[str, str | None]:
    """The searched part of the message, and the `odd` column (None for the many that need none)."""
    message = storable(line.message)
    searched = message
    if len(message) > MAX_SEARCHED_BYTES // 4:
        searched = message.encode()[:MAX_SEARCHED_BYTES].decode(errors="ignore")
    odd = Odd(line.v, message[len(searched) :], storable_or_none(record.continuation_of))
    return searched, None if odd == _PLAIN else msgspec.json.encode(odd).decode()


_PLAIN: Final = Odd()


def record_of(row: tuple[Any, ...]) -> Record:
    """The record that a row of `SELECTED` holds, equal to the one appended."""
    (ts_us, offset, own, key_hash, length, host, file, fingerprint, time_source, flags, ingested_us, *said) = row
    odd = _PLAIN if said[14] is None else _ODD.decode(said[14])
    return Record(
        ts_us,
        ts_us if own else 0,
        offset,
        key_hash + HASH_BIAS,
        length,
        Origin(original(host), original(file), fingerprint + HASH_BIAS),
        _line(ts_us, said, odd),
        time_source,
        flags,
        ingested_us,
        original_or_none(odd.continuation_of),
    )


def _line(ts_us: int, said: list[Any], odd: Odd) -> LogLine:
    timestamp, execution_id, script, pid, hostname, level, level_no, message, function, file, line_no = said[:11]
    extra_data, tags, exception, _, embeddings = said[11:]
    return LogLine(
        utc_text(ts_us) if timestamp is None else original(timestamp),
        odd.v,
        original(execution_id),
        original(script),
        pid,
        original_or_none(hostname),
        original(level),
        level_no,
        original(message + odd.rest),
        original_or_none(function),
        original_or_none(file),
        line_no,
        EMPTY_OBJECT if extra_data is None else msgspec.Raw(extra_data),
        () if tags is None else tuple(map(original, _TAGS.decode(tags))),
        None if exception is None else msgspec.Raw(exception),
        None if embeddings is None else msgspec.Raw(embeddings),
    )
