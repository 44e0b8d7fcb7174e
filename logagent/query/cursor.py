"""Cursors: where a page ended, bound to the question that it belongs to. Pure: no I/O, no clock.

A cursor carries the window and the run references as they were resolved for the first page, so `--since 15m`
and `run:@last` mean the same on every page; and a hash of the question as it was written, so a cursor of
another question is refused instead of giving pages that do not fit together.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

import msgspec
import xxhash

from logagent.errors import BadQuery
from logagent.formats.key import key_text
from logagent.formats.record import Record
from logagent.query.item import Window
from logagent.store.selection import Position


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """`position` sorts last on the page before: see `event_position`; of a run it is (started_us, id).

    Agents pay for each character of a cursor, so it holds numbers where it can.
    """

    digest: str
    position: tuple[int | str, ...]
    since_us: int | None
    until_us: int | None
    references: dict[str, str]

    @property
    def window(self) -> Window:
        """The window of the first page."""
        return Window(self.since_us, self.until_us)


def event_position(record: Record) -> tuple[int, ...]:
    """Where an event stands, as a cursor carries it: its time, and what its key is made of."""
    return record.ts_us, record.own_us, record.offset, record.hash


def position_of(cursor: Cursor) -> Position:
    """The place in the order that an event's cursor names.

    Raises:
        BadQuery: it is a cursor of runs.
    """
    match cursor.position:
        case (int(ts_us), int(own_us), int(offset), int(line_hash)):
            return Position(ts_us, offset, key_text(own_us, offset, line_hash))
    raise BadQuery("this cursor is of another kind of question")


def question_digest(parts: Sequence[object]) -> str:
    """A short hash of a question's parts, as written by whoever asks.

    >>> question_digest(["search", "timeout", None])
    '76f804e2'
    """
    return xxhash.xxh3_64_hexdigest(msgspec.json.encode([str(part) for part in parts]))[:8]


def encode_cursor(cursor: Cursor) -> str:
    """The opaque text of a cursor."""
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(cursor)).decode().rstrip("=")


def decode_cursor(text: str, digest: str) -> Cursor:
    """The cursor in `text`, which has to belong to the question with that digest.

    Raises:
        BadQuery: no cursor, or another question's.
    """
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        cursor = msgspec.msgpack.decode(packed, type=Cursor)
    except (binascii.Error, ValueError, msgspec.DecodeError) as wrong:
        raise BadQuery(f"{text[:40]!r} is no cursor; take the `next` of an answer") from wrong
    if cursor.digest != digest:
        raise BadQuery("this cursor belongs to another question; repeat the whole command that it came from")
    return cursor
