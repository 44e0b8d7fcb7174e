"""Errors of one run, each with what happened around it in the same run."""

from __future__ import annotations

from typing import Any, Final

from logagent.errors import BadQuery
from logagent.formats.record import Record
from logagent.formats.times import SECOND_US
from logagent.query.documents import event_item
from logagent.query.item import Page
from logagent.query.references import run_id_of
from logagent.store.protocol import Reader
from logagent.store.selection import And, Compare, Direction, Field, Selection

ERROR_LEVEL: Final = 40
_MOST_ERRORS: Final = 100
_MOST_AROUND: Final = 100


def execution_errors(reader: Reader, reference: str, context_seconds: float = 5) -> Page:
    """Each error of a run with the run's events so many seconds before and after it, oldest first.

    Returns:
        Items {error, context: [events in order, the error among them], context_truncated}.

    Raises:
        NotFound: no such run.

    >>> execution_errors(reader, "etl_2")[0].error.message
    'db-7 refused connection'
    """
    if context_seconds < 0:
        raise BadQuery(f"context_seconds is {context_seconds}; at least 0")
    run = Compare(Field.RUN, "=", run_id_of(reader, reference))
    where = And((run, Compare(Field.LEVEL, ">=", ERROR_LEVEL)))
    selection = Selection(where=where, direction=Direction.OLDEST_FIRST)
    found = reader.events(selection, _MOST_ERRORS)
    items = [_with_context(reader, run, error, context_seconds) for error in found.records]
    return Page("error", items, total=reader.count(selection), truncated=found.has_more)


def _with_context(reader: Reader, run: Compare, error: Record, seconds: float) -> dict[str, Any]:
    reach = int(seconds * SECOND_US)
    around = Selection(
        where=run,
        since_us=error.ts_us - reach,
        until_us=error.ts_us + reach + 1,
        direction=Direction.OLDEST_FIRST,
    )
    found = reader.events(around, _MOST_AROUND)
    return {
        "error": event_item(error),
        "context": [event_item(record) for record in found.records],
        "context_truncated": found.has_more,
    }
