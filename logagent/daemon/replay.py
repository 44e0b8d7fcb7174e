"""Replay: dead letters read again with today's parser, and stored where they make sense now.

A letter becomes the record that the daemon would make of its line today, so a replay, a second replay and a re-read
of the file come to one record. It may run beside the daemon: the store decides by key what is there already.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import islice
from typing import Final

import msgspec

from logagent.daemon.letters import Letter, LetterBox
from logagent.errors import RecordRejected
from logagent.formats.key import parse_key
from logagent.formats.lines import FileContext, ParserState, parse_block, parse_cut, script_name_of
from logagent.formats.record import Origin, Record, Reject, TimeSource
from logagent.formats.times import micros
from logagent.store.protocol import Batch, Receipt, Store

BATCH: Final = 32
"""Letters at a time: each may be a line of a MiB."""

STORE_REFUSED: Final = "store_refused"


class Replay(msgspec.Struct):
    """What became of the letters; `failing` counts by reason those that still make no record."""

    tried: int = 0
    stored: int = 0
    already_there: int = 0
    expired: int = 0
    failing: Counter[str] = msgspec.field(default_factory=Counter)


def replay(
    letters: Iterable[Letter], box: LetterBox, store: Store, store_id: str, context: FileContext, now_us: int
) -> Replay:
    """Store what now makes a record and mark its letters; those that still fail stay as they are.

    Letters that were replayed before are tried again too: the store may have been restored from an older copy.

    Raises:
        StoreUnavailable: what was not marked yet stays open; do it again.
    """
    result = Replay()
    known = box.replayed()
    waiting = iter(letters)
    while some := list(islice(waiting, BATCH)):
        result.tried += len(some)
        read = [(letter, read_again(letter, context)) for letter in some]
        records = [(letter, _ingested(found, now_us)) for letter, found in read if isinstance(found, Record)]
        result.failing.update(found.reason for _letter, found in read if isinstance(found, Reject))
        done = _append(store, records, result)
        box.mark_replayed([letter for letter in done if letter.key not in known], store_id, now_us)
    return result


def read_again(letter: Letter, context: FileContext) -> Record | Reject:
    """What today's parser makes of a letter's line, under the letter's offset and hash.

    A line without a time counts as observed when it became a letter. Where the letter holds not the line's own bytes
    but what was understood of them, the key stays as it was.
    """
    key = parse_key(letter.key)
    assert key is not None, "LetterBox lets no other through"
    own = _context_of(letter, context)
    now_us = _time_us(letter)
    raw = letter.raw
    if len(raw) < letter.length and not letter.reason.startswith(STORE_REFUSED):
        parsed = parse_cut(raw, letter.length, key.hash, letter.offset, own, ParserState(), now_us=now_us)
    else:
        parsed = parse_block(raw + b"\n", letter.offset, own, ParserState(), now_us=now_us, final=True)
    if not parsed.records:
        return parsed.rejects[0] if parsed.rejects else _nothing(letter, own)
    record = parsed.records[0]
    if record.hash == key.hash:
        return record
    return msgspec.structs.replace(
        record,
        ts_us=key.own_us or record.ts_us,
        own_us=key.own_us,
        offset=key.offset,
        hash=key.hash,
        length=letter.length,
        time_source=TimeSource.OWN if key.own_us else TimeSource.INHERITED,
    )


def _context_of(letter: Letter, context: FileContext) -> FileContext:
    origin = Origin(context.origin.host, letter.file, int(letter.fingerprint, 16))
    script_name = script_name_of(letter.file)
    return msgspec.structs.replace(context, origin=origin, script_name=script_name, storing=None)  # it was asked for


def _time_us(letter: Letter) -> int:
    try:
        return micros(datetime.fromisoformat(letter.time))
    except ValueError:
        return 0


def _nothing(letter: Letter, context: FileContext) -> Reject:
    return Reject(letter.reason, "the letter holds no line", letter.offset, 0, letter.length, context.origin, b"")


def _ingested(record: Record, now_us: int) -> Record:
    return msgspec.structs.replace(record, ingested_us=now_us)


def _append(store: Store, records: Sequence[tuple[Letter, Record]], result: Replay) -> list[Letter]:
    """Store them, one by one where the store refuses one; the letters of those it took."""
    if not records:
        return []
    try:
        receipt = store.append(Batch(sorted((record for _letter, record in records), key=lambda r: r.order)))
    except RecordRejected as error:
        if len(records) == 1:
            result.failing[f"{STORE_REFUSED}:{error.number}"] += 1
            return []
        return [letter for one in records for letter in _append(store, [one], result)]
    _count(receipt, len(records), result)
    return [letter for letter, _record in records]


def _count(receipt: Receipt, records: int, result: Replay) -> None:
    result.stored += receipt.stored
    result.expired += receipt.expired
    result.already_there += records - receipt.stored - receipt.expired
