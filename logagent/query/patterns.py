"""Patterns: events by template, with counts; which are rare, which are new since a time or a run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from logagent.formats.record import LogLine, Record
from logagent.formats.times import utc_text
from logagent.query.documents import short_id
from logagent.query.item import Page, Window
from logagent.query.references import RunNames, run_id_of
from logagent.query.run_templates import Counted, RunTemplates, TemplateReader
from logagent.query.wording import command
from logagent.store.groups import RunLine
from logagent.store.protocol import Reader, Total
from logagent.store.selection import EVERYTHING, Condition, Selection

_MOST: Final = 10_000
_RARE: Final = 3


class PatternQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """Which templates.

    Attributes:
        run: those of one run, else those of the newest 10,000 events that match.
        rare: only those that came at most three times, the rarest first.
        new_since_us: only those that no event before then has (of the 10,000 newest before it that match).
    """

    where: Condition = EVERYTHING
    run: str | None = None
    rare: bool = False
    new_since_us: int | None = None
    window: Window = Window()
    limit: int = 50


def patterns(reader: Reader, question: PatternQuestion | None = None) -> Page:
    """Templates with counts, the most frequent first.

    Returns:
        Items {count, level, text, function_name, file_path, line_number, first, last, id: its first event's}.

    Raises:
        NotFound: no such run.

    >>> [(each["count"], each.text) for each in patterns(reader, PatternQuestion(run="etl_1"))]
    [(1, 'loaded {n} rows')]
    """
    asked = question or PatternQuestion()
    templates = TemplateReader(reader)
    found, notes = _found(reader, templates, asked)
    counted = list(found.counted.values())
    if asked.new_since_us is not None:
        known, more = _known_before(reader, templates, asked)
        counted = [each for each in counted if each.identity not in known]
        notes += more
    if asked.rare:
        counted = [each for each in counted if each.count <= _RARE]
    counted.sort(key=lambda each: each.count if asked.rare else -each.count)
    items = [_item(each) for each in counted[: asked.limit]]
    hints = notes + ([command("show", items[0]["id"])] if items else ["no template matches"])
    cut = len(counted) > len(items)
    return Page("pattern", items, total=Total(len(counted), True), truncated=cut, window=asked.window, hints=hints)


def _found(reader: Reader, templates: TemplateReader, asked: PatternQuestion) -> tuple[RunTemplates, list[str]]:
    if asked.run is not None and asked.where == EVERYTHING and asked.window == Window():
        found = templates.of_run(run_id_of(reader, asked.run))
        return found, [] if found.is_exact else ["counted by call site, named by samples: the run is large"]
    window = asked.window
    if asked.new_since_us is not None:
        window = Window(max(window.since_us or 0, asked.new_since_us), window.until_us)
    return _newest(reader, templates, asked, window)


def _newest(
    reader: Reader, templates: TemplateReader, asked: PatternQuestion, window: Window
) -> tuple[RunTemplates, list[str]]:
    where = RunNames(reader).in_condition(asked.where)
    found = reader.events(Selection(where=where, since_us=window.since_us, until_us=window.until_us), _MOST)
    note = [f"of the newest {_MOST} events that match; there are more"] if found.has_more else []
    return templates.of_lines(_lines(reversed(found.records))), note


def _known_before(reader: Reader, templates: TemplateReader, asked: PatternQuestion) -> tuple[set[Any], list[str]]:
    found, notes = _newest(reader, templates, asked, Window(None, asked.new_since_us))
    return set(found.counted), [f"before: {note}" for note in notes]


def _lines(records: Iterable[Record]) -> Iterable[RunLine]:
    for record in records:
        line = record.line
        assert isinstance(line, LogLine)
        yield RunLine(
            record.ts_us, record.key, line.level, line.function_name, line.file_path, line.line_number, line.message
        )


def _item(counted: Counted) -> dict[str, Any]:
    return {
        "count": counted.count,
        "level": counted.level,
        "text": counted.template.text,
        "function_name": counted.function,
        "file_path": counted.file,
        "line_number": counted.line,
        "first": utc_text(counted.first_us),
        "last": utc_text(counted.last_us),
        "id": short_id({"key": counted.first_key}),
    }


def pattern_items(reader: Reader, records: Sequence[Record]) -> list[dict[str, Any]]:
    """The templates of some events, given newest first, the most frequent first."""
    found = TemplateReader(reader).of_lines(_lines(reversed(records)))
    return sorted(map(_item, found.counted.values()), key=lambda item: -int(item["count"]))
