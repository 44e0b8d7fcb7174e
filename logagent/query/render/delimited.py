"""CSV: one row per item, nested values as JSON. Pure: no I/O, no clock."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from io import StringIO
from typing import Any, Final

from logagent.formats.visible import visible
from logagent.query.item import Page
from logagent.query.render.lines import value_text

EVENT_COLUMNS: Final = (
    *("timestamp", "kind", "level", "script_name", "execution_id", "function_name", "file_path", "line_number"),
    *("message", "tags", "extra_data", "exception", "key"),
)
RUN_COLUMNS: Final = (
    *("execution_id", "script_name", "status", "start_time", "end_time", "duration_seconds", "total_logs"),
    *("levels", "error", "metadata"),
)
_COLUMNS: Final = {"event": EVENT_COLUMNS, "run": RUN_COLUMNS}


def csv_page(page: Page) -> str:
    """The page with a head line; kinds without fixed columns get the fields that their items have.

    >>> csv_page(Page("row", [{"a": 1, "b": "x,y"}]))
    'a,b\\n1,"x,y"\\n'
    """
    columns = _COLUMNS.get(page.kind) or list(dict.fromkeys(name for item in page for name in item))
    return "".join(csv_rows(columns, page))


def csv_rows(columns: Sequence[str], items: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The head line, then a line per item, as they come."""
    yield _line([visible(name) for name in columns])
    for item in items:
        yield _line([_cell(item.get(name)) for name in columns])


def _cell(value: Any) -> str:
    return "" if value is None else value_text(value)


def _line(cells: Sequence[str]) -> str:
    out = StringIO()
    csv.writer(out, lineterminator="\n").writerow(cells)
    return out.getvalue()
