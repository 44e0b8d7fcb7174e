"""Counts over events: by level, script, function, hour; which fields there are; where errors gather."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final

from logagent.errors import BadQuery
from logagent.formats.times import SECOND_US, utc_text
from logagent.query.documents import event_item, learning_item, short_id
from logagent.query.item import Item, Page, Window
from logagent.query.references import RunNames
from logagent.query.render.escape import json_text
from logagent.store.protocol import Reader, TallyBy, Total
from logagent.store.selection import EVERYTHING, And, Compare, Condition, Field, Selection

_LOOKED_AT: Final = 10_000
_TOP_VALUES: Final = 5
_MOST_FIELDS: Final = 500
_ERROR: Final = 40


def stats(
    reader: Reader, by: str = "level", where: Condition = EVERYTHING, window: Window | None = None, limit: int = 50
) -> Page:
    """Events counted by level, script, run, function, file, host, hour or day, exactly.

    Raises:
        BadQuery: `by` is something else.

    >>> [(each.script, each["count"]) for each in stats(reader, "script")]
    [('etl', 3), ('report', 1)]
    """
    if by not in set(TallyBy):
        raise BadQuery(f"stats counts by {', '.join(TallyBy)}, not by {by!r}")
    selection = _selection(reader, where, window)
    counted = reader.tally(selection, TallyBy(by), limit + 1)
    items = [
        {by: each.value, "count": each.count, "first": utc_text(each.first_us), "last": utc_text(each.last_us)}
        for each in counted[:limit]
    ]
    cut = len(counted) > limit
    return Page("count", items, total=Total(len(counted), not cut), truncated=cut, window=window)


def _selection(reader: Reader, where: Condition, window: Window | None) -> Selection:
    span = window or Window()
    resolved = RunNames(reader).in_condition(where)
    return Selection(where=resolved, since_us=span.since_us, until_us=span.until_us)


def fields(reader: Reader, where: Condition = EVERYTHING, window: Window | None = None) -> Page:
    """Which fields events have, in how many, and their commonest values; `extra.<name>` for what was bound.

    Looks at the newest 10,000 events that match, and says so where there are more.

    >>> [each.field for each in fields(reader) if each.field.startswith("extra.")]
    ['extra.response', 'extra.user']
    """
    found = reader.events(_selection(reader, where, window), _LOOKED_AT)
    values: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for record in found.records:
        for name, value in _flat(event_item(record)):
            values[name][value] += 1
    items = [
        {"field": name, "events": sum(counter.values()), "distinct": len(counter), "top": _top(counter)}
        for name, counter in sorted(values.items())
    ]
    hints = [f"counted over the newest {_LOOKED_AT:,} events that match; there are more"] if found.has_more else []
    cut = len(items) > _MOST_FIELDS
    if cut:
        hints.append(f"{_MOST_FIELDS} of {len(items)} fields, by name")
    total = Total(len(items), not found.has_more)
    return Page("field", items[:_MOST_FIELDS], total=total, truncated=cut or found.has_more, window=window, hints=hints)


_COUNTED: Final = ("level", "script_name", "function_name", "file_path", "hostname", "execution_id")
_LONGEST_VALUE: Final = 60


def _flat(event: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield from ((name, str(event[name])[:_LONGEST_VALUE]) for name in _COUNTED if event.get(name))
    yield from (("tags", str(tag)[:_LONGEST_VALUE]) for tag in event.get("tags", ()))
    if isinstance(exception := event.get("exception"), Mapping):
        yield "exception", str(exception.get("type"))[:_LONGEST_VALUE]
    extra = event.get("extra_data")
    if isinstance(extra, Mapping):
        yield from ((f"extra.{name}", _said(value)[:_LONGEST_VALUE]) for name, value in extra.items())


def _said(value: object) -> str:
    """As one would write it in a query: text bare, all else as JSON."""
    return value if isinstance(value, str) else json_text(value)


def _top(counter: Counter[str]) -> dict[str, int]:
    return dict(counter.most_common(_TOP_VALUES))


def count_by_level(reader: Reader, minutes: float, now_us: int) -> Item:
    """Events per level in the last minutes: {level: count}."""
    window = Window(since_us=_ago(now_us, minutes * 60))
    return Item({each["level"]: each["count"] for each in stats(reader, window=window)})


def errors_by_function(reader: Reader, hours: float, limit: int, samples: int, now_us: int) -> Page:
    """Functions with most errors in the last hours: {function, errors, last, samples: [{id, timestamp, message}]}."""
    where = Compare(Field.LEVEL, ">=", _ERROR)
    window = Window(since_us=_ago(now_us, hours * 3600))
    selection = _selection(reader, where, window)
    counted = reader.tally(selection, TallyBy.FUNCTION, limit + 1)
    items = [
        {
            "function": each.value or None,
            "errors": each.count,
            "last": utc_text(each.last_us),
            "samples": _samples(reader, selection, each.value, samples),
        }
        for each in counted[:limit]
    ]
    return Page("function", items, truncated=len(counted) > limit, window=window)


def _samples(reader: Reader, selection: Selection, function: str, count: int) -> list[dict[str, Any]]:
    if not function or count < 1:
        return []
    where = And((selection.where, Compare(Field.FUNCTION, "=", function)))
    narrowed = Selection(where=where, since_us=selection.since_us)
    found = [event_item(record) for record in reader.events(narrowed, count).records]
    return [{"id": short_id(each), "timestamp": each["timestamp"], "message": each["message"]} for each in found]


def recurring_learnings(reader: Reader, min_confidence: float, limit: int) -> Page:
    """Learnings that were said at least with that confidence, alike ones together, the most often said first."""
    groups: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for learning in reader.learnings(limit=_LOOKED_AT):
        if learning.confidence >= min_confidence and learning.status not in ("refuted", "retired"):
            groups[" ".join(learning.learning.split()).casefold()].append(learning_item(learning))
    ordered = sorted(groups.values(), key=lambda group: (-len(group), -group[0]["confidence"]))
    items = [group[0] | {"occurrences": len(group)} for group in ordered[:limit]]
    return Page("learning", items, total=Total(len(ordered), True), truncated=len(ordered) > limit)


def _ago(now_us: int, seconds: float) -> int:
    if seconds <= 0:
        raise BadQuery("the time to look back has to be more than nothing")
    return max(0, now_us - int(seconds * SECOND_US))
