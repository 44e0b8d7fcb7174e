"""Unpacking: gz, zst, bz2 and xz streams, piece by piece, in bounded memory. Pure: no I/O, no clock."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable
from typing import Any, Final

import zstandard

PIECE_BYTES: Final = 512
"""Fed at a time: the worst ratio of any of the four (zstd, 128 KiB from 4 bytes) then unpacks to 16 MiB at most."""

_DECODERS: Final[dict[str, Callable[[], Any]]] = {
    "gz": lambda: zlib.decompressobj(31),
    "zst": lambda: zstandard.ZstdDecompressor().decompressobj(),
    "bz2": bz2.BZ2Decompressor,
    "xz": lzma.LZMADecompressor,
}
_ERRORS: Final = (zlib.error, zstandard.ZstdError, OSError, lzma.LZMAError, EOFError)


class Damaged(Exception):
    """The packed stream does not unpack any further."""


class Unpacker:
    """Unpacks one file's bytes in order, through any number of members or frames set end to end."""

    def __init__(self, compression: str) -> None:
        self._new_decoder = _DECODERS[compression]
        self._decoder: Any = None
        """Made when there is something to unpack: files that were read to their end hold none."""

    @property
    def is_complete(self) -> bool:
        """True after a member's trailer: the file may end here."""
        return self._decoder is None

    def feed(self, piece: bytes) -> bytes:
        """The bytes that this piece (at most `PIECE_BYTES`) unpacks to.

        Raises:
            Damaged: it is no such stream, or a checksum is wrong.
        """
        unpacked = []
        try:
            while piece:
                if self._decoder is None:
                    if not piece.strip(b"\0"):
                        break  # zero padding behind the last member, as tape tools and allocation leave it
                    self._decoder = self._new_decoder()
                unpacked.append(self._decoder.decompress(piece))
                if not self._decoder.eof:
                    break
                piece, self._decoder = self._decoder.unused_data, None
        except _ERRORS as error:
            raise Damaged(str(error)) from error
        return b"".join(unpacked)
