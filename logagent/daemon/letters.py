"""Dead letters read back: each line once, in the order in which they came, and which of them were replayed. Thin I/O.

The daemon may be writing meanwhile: a line that is not whole yet is passed over, as is one that a crash tore.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from logagent.daemon.dead_letter import DEAD_LETTERS
from logagent.daemon.journal import Journal, rows_of
from logagent.errors import StateUnavailable
from logagent.formats.key import parse_key
from logagent.formats.times import utc_text

REPLAYED: Final = "dead_letter.replayed.jsonl"


class Letter(msgspec.Struct, frozen=True):
    """One dead letter as it stands in the file; `line` is text, or base64 where `encoding` says so."""

    key: str
    time: str
    reason: str
    detail: str = ""
    file: str = ""
    fingerprint: str = "0" * 16
    offset: int = 0
    length: int = 0
    encoding: str = "utf-8"
    line: str = ""

    @property
    def raw(self) -> bytes:
        """The line's bytes as on disk, without the LF; of an overlong one only its head."""
        if self.encoding != "base64":
            return self.line.encode("utf-8", "surrogatepass")
        try:
            return base64.b64decode(self.line)
        except binascii.Error:
            return b""

    @property
    def short_id(self) -> str:
        """`#` and the first eight hex digits of the hash: what people are shown."""
        return "#" + self.key[-16:-8]

    def is_named(self, text: str) -> bool:
        """True where `text` is the beginning of its key, or (with or without `#`) of its key's hash."""
        return self.key.startswith(text) or self.key[-16:].startswith(text.removeprefix("#"))


class _Mark(msgspec.Struct, frozen=True):
    """A letter that was stored by a replay."""

    key: str
    v: int = 1
    time: str = ""
    store: str = ""


_LETTERS: Final = msgspec.json.Decoder(Letter)
_MARKS: Final = msgspec.json.Decoder(_Mark)
_ENCODE: Final = msgspec.json.Encoder().encode


class LetterBox:
    """The dead letters of one state directory, and the marks of those that were replayed."""

    def __init__(self, state_dir: str) -> None:
        self._letters = os.path.join(state_dir, DEAD_LETTERS)
        self._marks = os.path.join(state_dir, REPLAYED)

    def letters(self) -> Iterator[Letter]:
        """Every letter once, oldest first; 64 bytes of memory for each that went by.

        Raises:
            StateUnavailable: the file is there and cannot be read.
        """
        seen: set[int] = set()
        for letter in rows_of(self._letters, _LETTERS):
            parts = parse_key(letter.key)
            if parts is not None and parts.hash not in seen:
                seen.add(parts.hash)
                yield letter

    def hashes(self) -> set[int]:
        """The hashes that end the letters' keys: enough to know a line by."""
        keys = (parse_key(letter.key) for letter in rows_of(self._letters, _LETTERS))
        return {parts.hash for parts in keys if parts is not None}

    def replayed(self) -> set[str]:
        """The keys of the letters that a replay has stored."""
        return {mark.key for mark in rows_of(self._marks, _MARKS)}

    def mark_replayed(self, letters: Iterable[Letter], store_id: str, now_us: int) -> None:
        """Remember that these are in that store.

        Raises:
            StateUnavailable: it could not be written; the letters stay open, and replaying them again is harmless.
        """
        marks = [_Mark(letter.key, time=utc_text(now_us), store=store_id) for letter in letters]
        if not marks:
            return
        try:
            Journal(self._marks).append(b"".join(_ENCODE(mark) + b"\n" for mark in marks))
        except OSError as error:
            raise StateUnavailable(f"{self._marks} cannot be written: {error.strerror}") from error
