"""Plug-ins: what others can bring along in place of, or beside, the built-in kinds. Pure: no I/O, no clock.

`SyncAgentLogManager(embedder=..., extractor=..., memory=...)` takes them; any object with these methods will do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from logagent.embedders.protocol import Embedder
from logagent.query.item import Page

__all__ = ["Embedder", "HybridSearch", "MemoryBackend", "RelationshipExtractor"]


@runtime_checkable
class RelationshipExtractor(Protocol):
    """Tells how the later of two texts is related to the earlier."""

    def extract_relationships(self, text_a: str, text_b: str) -> Sequence[Mapping[str, Any]]:
        """`[{"type": "FIXED_BY", "confidence": 0.7}]` from the first to the second; empty for none."""
        ...


@runtime_checkable
class MemoryBackend(Protocol):
    """Keeps what is to be remembered."""

    def add_memory(self, content: str, memory_type: str, metadata: Mapping[str, Any] | None = None) -> str:
        """Keep it; its id. The same `metadata["subject"]` (without one: the same content) is the same memory."""
        ...


@runtime_checkable
class HybridSearch(Protocol):
    """Finds by words, by meaning or by both."""

    def search(
        self,
        query: str,
        search_type: str = "bm25",
        collection: str = "log_events",
        limit: int = 50,
        filters: Mapping[str, Any] | None = None,
    ) -> Page:
        """The best matches, best first; the mode that was used is named in the page's hints.

        Raises:
            BadQuery: the mode is not configured, or there is no such mode, collection or filter.
        """
        ...
