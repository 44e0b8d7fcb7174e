"""The checkpoint: how far every file is acknowledged, as one document with a checksum. Pure: no I/O, no clock.

A cache, not the truth: losing it costs a re-read, never a double. It is never ahead of the store.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
import xxhash

from logagent.daemon.identity import Identity
from logagent.daemon.marker import NO_MARKER, Marker
from logagent.errors import CheckpointCorrupt, CheckpointTooNew
from logagent.formats.lines import ParserState
from logagent.formats.times import DAY_US
from logagent.store.protocol import StoreIdentity

CHECKPOINT_VERSION: Final = 1
NOTHING_STORED: Final = -1
"""A `stored_end` before any line's end, the empty one at 0 included."""


class Cursor(msgspec.Struct, frozen=True):
    """How far a file is read: an offset at a line's start, and what must stand before it.

    `left_out`: lines before it that rules left out, by rule, whichever rules held when they were read.
    `unended`: where its last line begins, if that was shipped without its end: should there be more, all of it is read.
    """

    offset: int = 0
    marker: Marker = NO_MARKER
    parser: ParserState = ParserState()
    left_out: dict[str, int] = {}
    unended: Cursor | None = None


class FileEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One file, or one that is gone.

    Attributes:
        path: for people; names that are not text are shown with backslashes.
        fingerprint: None while the file has no whole line yet.
        rewrites: how often this very file was seen to begin again.
        begun_at: where reading it began, if not at its start (`start_at = "end"`).
        size: greatest size seen; of a packed file its packed size.
        directory_device: device of the directory it was seen in; another one there now means a vanished mount.
        is_finished: a packed file that was unpacked to its end, or any whose loss was looked for.
        unpacked: how much of a packed file was ever seen, bytes of its stream.
        gone_us: when it was let go or found gone (wall clock); None for a file that is there.
        claimed: another file (a packed twin, a copy) goes on in its place.
        cut_at: the size that a file was cut to in place (0: it was written anew); what it had beyond is gone from it.
        stored_end: how far the store had it when it was found cut, before other bytes took the same places.
    """

    path: str
    identity: Identity
    compression: str | None = None
    fingerprint: int | None = None
    content_hash: int = 0
    is_timed: bool = False
    head: Marker = NO_MARKER
    rewrites: int = 0
    begun_at: int = 0
    cursor: Cursor = Cursor()
    size: int = 0
    ctime_ns: int = 0
    directory_device: int | None = None
    is_finished: bool = False
    unpacked: int = 0
    gone_us: int | None = None
    claimed: bool = False
    cut_at: int | None = None
    stored_end: int | None = None

    @property
    def unread_bytes(self) -> int:
        """Bytes once seen and never acknowledged; of a packed file only whether there are any (its packed size)."""
        if self.compression:
            return 0 if self.is_finished else self.size
        return max(self.size - max(self.cursor.offset, self.cut_at or 0), 0)


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the daemon remembers; `store_seq` was marked in the store before this was written.

    `saved_us`: by the wall clock; `believed_us`: the latest time that pruning believed it.
    """

    store_id: str = ""
    store_seq: int = 0
    saved_us: int = 0
    believed_us: int | None = None
    files: tuple[FileEntry, ...] = ()

    def believed_at(self, now_us: int) -> int | None:
        """The latest time that may be believed at a start: what was doubted when this was saved has stood for a day."""
        return self.saved_us if self.believed_us is not None and now_us >= self.saved_us + DAY_US else self.believed_us


def why_read_again(store_id: str, store_seq: int, store: StoreIdentity) -> str | None:
    """Why a store need not have what a checkpoint with that id and sequence counts on; None where it has."""
    if store_id and store.store_id != store_id:
        return f"the store is another one ({store.store_id[:8]}, was {store_id[:8]}): every file is read again"
    if store.store_seq < store_seq:
        return (
            f"the store is older than the checkpoint (sequence {store.store_seq}, was {store_seq}), "
            "as after a restore: every file is read again"
        )
    return None


class _Envelope(msgspec.Struct):
    v: int
    checksum: str
    body: msgspec.Raw


_ENCODER: Final = msgspec.json.Encoder()
_ENVELOPE: Final = msgspec.json.Decoder(_Envelope)
_BODY: Final = msgspec.json.Decoder(Checkpoint)


def encode_checkpoint(checkpoint: Checkpoint) -> bytes:
    """The bytes of `checkpoint.json`: one JSON object with version, checksum and body."""
    body = _ENCODER.encode(checkpoint)
    return b'{"v":%d,"checksum":"%s","body":%s}\n' % (CHECKPOINT_VERSION, _checksum(body), body)


def decode_checkpoint(data: bytes) -> Checkpoint:
    """What `encode_checkpoint` wrote.

    Raises:
        CheckpointCorrupt: empty, cut, damaged.
        CheckpointTooNew: written by a newer version.
    """
    version = _version(data)
    if version > CHECKPOINT_VERSION:
        raise CheckpointTooNew(
            f"the checkpoint has version {version}, this logagent knows {CHECKPOINT_VERSION}: "
            "run the newer logagent, or move checkpoint.json away to read everything again"
        )
    try:
        envelope = _ENVELOPE.decode(data)
        if envelope.checksum.encode() != _checksum(bytes(envelope.body)):
            raise CheckpointCorrupt("its checksum does not match")
        return _BODY.decode(envelope.body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise CheckpointCorrupt(f"it is no checkpoint: {error}") from error


def _version(data: bytes) -> int:
    """The version, read loosely: a newer version may have any other shape."""
    try:
        document: Any = msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise CheckpointCorrupt(f"it is no JSON: {error}") from error
    version = document.get("v") if isinstance(document, dict) else None
    if not isinstance(version, int):
        raise CheckpointCorrupt("it names no version")
    return version


def _checksum(body: bytes) -> bytes:
    return xxhash.xxh3_128_hexdigest(body).encode()
