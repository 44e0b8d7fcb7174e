"""Search as agents' Python asks it: plain text, any word, ranked by BM25, with filters as arguments."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, Final

from logagent.errors import BadQuery
from logagent.query.comparison import comparison
from logagent.query.events import EventQuestion, all_of, search
from logagent.query.item import Page
from logagent.query.window import python_window
from logagent.store.protocol import Reader
from logagent.store.selection import Condition

_FILTERS: Final = {
    "level": "level",
    "script_name": "script",
    "execution_id": "run",
    "function_name": "function",
    "file_path": "file",
    "hostname": "host",
    "tags": "tag",
}


def search_text(reader: Reader, text: str, filters: Mapping[str, Any], limit: int) -> Page:
    """Events with any of the words, best first, that pass all filters; `*` or no words lists the newest first.

    Args:
        filters: by field name; `time_range` is {start, end} of aware datetimes. None is no filter, `level` may
            begin with `>=`, `tags` may be several that all have to be there.

    Raises:
        BadQuery: an unknown filter, a naive datetime, a level that does not exist.

    >>> [item.level for item in search_text(reader, "refused failed", {"script_name": "etl"}, 10)]
    ['ERROR', 'WARNING']
    """
    return search(reader, question_of(text, filters, limit))


def question_of(text: str, filters: Mapping[str, Any], limit: int) -> EventQuestion:
    """The question that plain text and filters by field name ask.

    Raises:
        BadQuery: as above.
    """
    given = {name: value for name, value in filters.items() if value is not None}
    window = python_window(given.pop("time_range", None))
    words = "" if text.strip() == "*" else text.strip()
    return EventQuestion(
        where=all_of([condition for name, value in given.items() for condition in _filter(name, value)]),
        any_of=words or None,
        window=window,
        limit=limit,
    )


def _filter(name: str, value: object) -> list[Condition]:
    if name not in _FILTERS:
        near = difflib.get_close_matches(name, _FILTERS, n=1)
        said = f"; nearest: {near[0]}" if near else ""
        raise BadQuery(f"no filter {name!r}{said} (there are {', '.join(_FILTERS)}, time_range)")
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list | tuple) or (len(values) > 1 and name != "tags"):
        raise BadQuery(f"filter {name!r} takes one text, not {value!r}")
    return [_compare(_FILTERS[name], str(each)) for each in values]


def _compare(field: str, value: str) -> Condition:
    if field == "level" and value.startswith(">="):
        return comparison(field, ">=", value.removeprefix(">=").strip())
    return comparison(field, "=", value)
