"""Pruning from Python: the one thing here that opens a handle which writes, and only when it is called."""

from __future__ import annotations

from collections.abc import Sequence

from logagent.errors import BadQuery
from logagent.query.comparison import level_number
from logagent.query.item import Item
from logagent.store import open_store
from logagent.store.protocol import MAX_DAYS, PruneCriteria


def prune(
    url: str,
    *,
    older_than_days: float | None,
    execution_ids: Sequence[str] | None,
    level: str | None,
    dry_run: bool,
    now_us: int,
) -> Item:
    """Delete log events for which all criteria given hold, in small steps: {examined, deleted}.

    Zero days is a criterion (everything until now); no criterion at all deletes nothing.

    Raises:
        BadQuery: days below 0 or above 36,500, or no such level.
        StoreUnavailable, NotPermitted: the store cannot be written.
    """
    if older_than_days is not None and not 0 <= older_than_days <= MAX_DAYS:  # NaN is neither
        raise BadQuery(f"older_than_days is {older_than_days}; from 0 to {MAX_DAYS}")
    criteria = PruneCriteria.as_of(
        now_us,
        older_than_days=older_than_days,
        execution_ids=execution_ids,
        level_no=None if level is None else level_number(level),
    )
    if criteria == PruneCriteria():
        return Item({"examined": 0, "deleted": 0})
    store = open_store(url)
    try:
        store.prepare()
        examined = store.prune(criteria, dry_run=True).examined
        deleted = 0
        while not dry_run and (step := store.prune(criteria).deleted):
            deleted += step
        return Item({"examined": examined, "deleted": deleted})
    finally:
        store.close()
