"""Memories: what is worth keeping of a run beyond its lines, in the store, once each."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import xxhash

from logagent.errors import BadQuery, NotPermitted
from logagent.formats.times import utc_text
from logagent.query.item import Item
from logagent.query.plug_ins import MemoryBackend
from logagent.query.render.lines import duration_text
from logagent.query.runs import execution_summary
from logagent.store import open_store
from logagent.store.derived import Memory
from logagent.store.protocol import Reader

EXECUTION: Final = "execution"
_TOLD_ERRORS: Final = 3


class StoreMemory:
    """The built-in MemoryBackend: each memory goes to the store by a handle that writes, opened for it alone."""

    def __init__(self, url: str) -> None:
        self._url = url

    def add_memory(self, content: str, memory_type: str, metadata: Mapping[str, Any] | None = None) -> str:
        """Keep or renew it; its id.

        Raises:
            BadQuery: metadata holds what JSON cannot.
            NotPermitted: the source is a log file.
        """
        if "://" not in self._url:
            raise NotPermitted("a log file has no place for memories; keep them in a store")
        memory = _memory(content, memory_type, metadata or {})
        store = open_store(self._url)
        try:
            store.prepare()
            store.save_memories([memory])
        finally:
            store.close()
        return memory.memory_id


def _memory(content: str, memory_type: str, metadata: Mapping[str, Any]) -> Memory:
    subject = str(metadata.get("subject", content))
    identity = f"{memory_type}\0{subject}".encode("utf-8", "surrogatepass")
    try:
        body = msgspec.Raw(msgspec.json.encode(dict(metadata)))
    except (TypeError, UnicodeEncodeError) as error:
        raise BadQuery(f"metadata cannot be kept as JSON: {error}") from error
    memory_id = "mem_" + xxhash.xxh3_128_hexdigest(identity)
    return Memory(memory_id, memory_type, content, body, time.time_ns() // 1_000)


def execution_memory(reader: Reader, backend: MemoryBackend, reference: str) -> Item:
    """Keep what a run came to: {memory_id, memory_type, content, metadata}; again renews the same memory.

    Raises:
        NotFound: no such run.
    """
    summary = execution_summary(reader, reference)
    metadata = _metadata(summary)
    content = "\n".join(_sentences(summary))
    memory_id = backend.add_memory(content, EXECUTION, metadata)
    return Item({"memory_id": memory_id, "memory_type": EXECUTION, "content": content, "metadata": metadata})


def _metadata(summary: Item) -> dict[str, Any]:
    run = summary.run_info
    told = {name: run[name] for name in ("script_name", "status", "started_at", "duration_seconds") if name in run}
    return {"subject": summary.execution_id, **told, "levels": summary.log_statistics.to_dict()}


def _sentences(summary: Item) -> list[str]:
    run = summary.run_info
    said = [f"{run.get('script_name', '')} {run.status} after {duration_text(run.get('duration_seconds'))}"]
    if run.get("error"):
        said.append(f"error: {run.error}")
    said += [f"{error['function'] or 'somewhere'}: {error.message}" for error in summary.errors[:_TOLD_ERRORS]]
    said += [f"learnt: {learning.learning}" for learning in summary.learnings]
    return said


def memory_item(memory: Memory) -> dict[str, Any]:
    """A memory as it is shown."""
    return {
        "memory_id": memory.memory_id,
        "memory_type": memory.memory_type,
        "content": memory.content,
        "metadata": msgspec.json.decode(memory.metadata),
        "created_at": utc_text(memory.created_us),
    }
