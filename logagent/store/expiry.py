"""What was pruned stays out when it is read again: the test for one record. Pure: no I/O, no clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from logagent.formats.record import LogLine, Record
from logagent.store.protocol import PruneCriteria

IsExpired = Callable[[Record], bool]


def concerned(log: Iterable[PruneCriteria], records: Sequence[Record]) -> list[PruneCriteria]:
    """Those of the prune log that any of these records can have been pruned by."""
    return [criteria for criteria in log if _may_concern(criteria, records)]


def expiry_test(log: Sequence[PruneCriteria], ends: Mapping[int, int]) -> IsExpired:
    """A test for log records; `ends` says how far each file has been stored, by its fingerprint."""

    def is_expired(record: Record) -> bool:
        was_there = record.offset + record.length <= ends.get(record.origin.fingerprint, 0)
        return any(_was_pruned(record, was_there, criteria) for criteria in log)

    return is_expired


def _may_concern(criteria: PruneCriteria, records: Sequence[Record]) -> bool:
    before_us = criteria.before_us
    return before_us is None or min([record.ts_us for record in records], default=before_us) < before_us


def _was_pruned(record: Record, was_there: bool, criteria: PruneCriteria) -> bool:
    """Whether a record that is not stored was pruned by these criteria.

    A record that is read again is ingested anew, so for one whose place in its file has been stored before, only
    its event time counts. One read for the first time is old, not pruned. Levels alone refuse nothing new.
    """
    line = record.line
    assert isinstance(line, LogLine)
    if criteria.level_no is not None and line.level_no != criteria.level_no:
        return False
    if criteria.execution_ids is not None and line.execution_id not in criteria.execution_ids:
        return False
    if criteria.before_us is None:
        return was_there or criteria.execution_ids is not None
    newest = record.ts_us if was_there else max(record.ts_us, record.ingested_us)
    return newest < criteria.before_us
