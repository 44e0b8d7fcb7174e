"""Questions and answers: `AgentLogManager` for Python, `logagent-query` for the command line.

In come a store (read-only) and a question, out comes a page: items, how many there are, what was cut and how
to get it. Nothing here writes to a store, and reading logs nothing. A question that cannot be answered is an
error of `logagent.errors`, never an empty page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from logagent.query.agent import SyncAgentLogManager, get_sync_log_manager
    from logagent.query.agent_async import AgentLogManager, get_log_manager
    from logagent.query.item import Item, Page
    from logagent.query.plug_ins import Embedder, HybridSearch, MemoryBackend, RelationshipExtractor

__all__ = [
    "AgentLogManager",
    "Embedder",
    "HybridSearch",
    "Item",
    "MemoryBackend",
    "Page",
    "RelationshipExtractor",
    "SyncAgentLogManager",
    "get_log_manager",
    "get_sync_log_manager",
]


def __getattr__(name: str) -> Any:
    """Import on first use: the command line starts without asyncio and the store."""
    from importlib import import_module

    if name not in __all__:
        raise AttributeError(f"module 'logagent.query' has no attribute {name!r}")
    return getattr(import_module(f"logagent.query.{_HOMES.get(name, 'agent')}"), name)


_HOMES = {
    **dict.fromkeys(("AgentLogManager", "get_log_manager"), "agent_async"),
    **dict.fromkeys(("Item", "Page"), "item"),
    **dict.fromkeys(("Embedder", "HybridSearch", "MemoryBackend", "RelationshipExtractor"), "plug_ins"),
}
