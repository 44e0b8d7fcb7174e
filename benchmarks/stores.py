"""Stores to measure with: two that keep nothing, and one that times another."""

from __future__ import annotations

import http.client
import time
from collections.abc import Sequence
from typing import Any

import msgspec

from logagent.formats.record import LogLine, Record
from logagent.store.protocol import Batch, Holding, OpenRun, PruneCriteria, PruneResult, Receipt, Store, StoreIdentity


class NullStore:
    """Takes every batch and forgets it."""

    url = "null://"

    def __init__(self) -> None:
        self.records = 0
        self.marks = 0

    def prepare(self) -> StoreIdentity:
        return StoreIdentity("0" * 32, self.marks)

    def append(self, batch: Batch) -> Receipt:
        self.records += len(batch.records)
        return Receipt(stored=len(batch.records), duplicates=0)

    def mark(self) -> StoreIdentity:
        self.marks += 1
        return StoreIdentity("0" * 32, self.marks)

    def renew(self) -> str:
        return "0" * 32

    def stored_end(self, fingerprint: int) -> int | None:  # noqa: ARG002
        return None

    def stored_lengths(self, records: Sequence[Record]) -> list[int | None]:
        return [None] * len(records)

    def account(self, records: Sequence[Record]) -> list[Holding]:
        return [Holding.ABSENT for _ in records]

    def open_runs(self, hostname: str) -> list[OpenRun]:  # noqa: ARG002
        return []

    def mark_crashed(self, execution_ids: Sequence[str], at_us: int) -> None:
        pass

    def prune(self, criteria: PruneCriteria, *, limit: int = 0, dry_run: bool = False) -> PruneResult:  # noqa: ARG002
        return PruneResult(0, 0)

    def ping(self) -> None:
        pass

    def close(self) -> None:
        pass


class _Document(msgspec.Struct, gc=False):
    """A whole record, as a document store is sent it."""

    _key: str
    ts_us: int
    offset: int
    length: int
    host: str
    file: str
    ingested_us: int
    line: LogLine


class HttpStore(NullStore):
    """Sends whole documents with their keys, one a line, to an HTTP server."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url
        self._connection = http.client.HTTPConnection(url.removeprefix("http://").rstrip("/"))
        self._encode = msgspec.json.Encoder().encode_lines

    def append(self, batch: Batch) -> Receipt:
        self._connection.request("POST", "/", self._encode([_document(record) for record in batch.records]))
        self._connection.getresponse().read()
        return super().append(batch)


def _document(record: Record) -> _Document:
    origin = record.origin
    return _Document(record.key, record.ts_us, record.offset, record.length, origin.host, origin.file,
                     record.ingested_us, record.line)  # type: ignore[arg-type]  # fmt: skip


class TimedStore:
    """A store that notes of each append: records, seconds of CPU of its thread, seconds of wall."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.appends: list[tuple[int, float, float]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def append(self, batch: Batch) -> Receipt:
        cpu, wall = time.thread_time(), time.perf_counter()
        receipt = self._store.append(batch)
        self.appends.append((len(batch.records), time.thread_time() - cpu, time.perf_counter() - wall))
        return receipt
