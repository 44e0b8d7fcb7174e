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
from logagent.query.item import Window


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """`position` sorts last on the page before: of an event (ts_us, offset, key), of a run (started_us, id)."""

    digest: str
    position: tuple[int | str, ...]
    window: Window
    references: dict[str, str]


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
