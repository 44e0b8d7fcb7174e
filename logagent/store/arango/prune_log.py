"""The prune log: what was pruned, remembered first, and asked before anything is stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from logagent.formats.record import Record
from logagent.store.arango.connection import Connection
from logagent.store.expiry import IsExpired, concerned, expiry_test
from logagent.store.protocol import PruneCriteria
from logagent.store.text import original, storable


class _Log(msgspec.Struct):
    version: int = 0
    criteria: list[PruneCriteria] = []


class _End(msgspec.Struct):
    fingerprint: str
    stored_end: int


class PruneLog:
    """What was pruned; read again whenever its version has changed."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._version = 0
        self._criteria: list[PruneCriteria] = []

    def refresh(self, version: int | None = None) -> None:
        """Read it, unless it is known to be of this version."""
        if version is not None and version == self._version:
            return
        found = self._connection.value("prune_log", _Log | None) or _Log()  # type: ignore[arg-type]
        self._version = found.version
        self._criteria = [_with_texts(each, original) for each in found.criteria]

    def check(self, records: Sequence[Record]) -> IsExpired | None:
        """A test for log records that were pruned, or None where none of these can have been."""
        log = concerned(self._criteria, records)
        return expiry_test(log, self._stored_ends(records)) if log else None

    def remember(self, criteria: PruneCriteria) -> None:
        """Write the criteria to the log; once it is there, so that a prune in steps writes it once."""
        if criteria not in self._criteria:
            self._connection.execute("prune_remember", criteria=bound_criteria(criteria))
            self.refresh()

    def _stored_ends(self, records: Sequence[Record]) -> dict[int, int]:
        fingerprints = sorted({"%016x" % record.origin.fingerprint for record in records})
        rows = self._connection.rows("sources_of", _End, fingerprints=fingerprints)
        return {int(row.fingerprint, 16): row.stored_end for row in rows}


def _with_texts(criteria: PruneCriteria, change: Any) -> PruneCriteria:
    ids = None if criteria.execution_ids is None else tuple(map(change, criteria.execution_ids))
    return msgspec.structs.replace(criteria, execution_ids=ids)


def bound_criteria(criteria: PruneCriteria) -> dict[str, Any]:
    """Criteria as bind parameters; equal ones are equal."""
    ids = None if criteria.execution_ids is None else tuple(sorted(set(criteria.execution_ids)))
    found = _with_texts(msgspec.structs.replace(criteria, execution_ids=ids), storable)
    return {"before_us": found.before_us, "execution_ids": found.execution_ids, "level_no": found.level_no}
