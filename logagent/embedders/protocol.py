"""What an embedder is. Pure: no I/O, no clock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable


@runtime_checkable
class Embedder(Protocol):
    """Makes points of texts. `name` is recorded with each, since points of two models cannot be compared."""

    @property
    def name(self) -> str:
        """The model, with whatever else changes what it gives."""
        ...

    def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """One vector for each text, all of one length.

        Raises:
            EmbedderUnavailable: it cannot be had just now.
        """
        ...
