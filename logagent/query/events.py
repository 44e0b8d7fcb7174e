"""Questions about log events: search, one event, what stood around it, everything as an export."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from logagent.errors import BadQuery, NotFound
from logagent.formats.record import UNKNOWN_EXECUTION, Record
from logagent.query.comparison import level_number
from logagent.query.cursor import (
    Cursor,
    decode_cursor,
    encode_cursor,
    event_position,
    position_of,
    question_digest,
)
from logagent.query.documents import event_document, event_item
from logagent.query.emptiness import why_empty
from logagent.query.item import Page, Window
from logagent.query.language import parse_query
from logagent.query.references import RunNames, event_of
from logagent.query.wording import command, is_plain_name
from logagent.store.protocol import EventPage, Reader, Total
from logagent.store.selection import (
    EVERYTHING,
    And,
    Compare,
    Condition,
    Direction,
    Field,
    Or,
    Selection,
    TextMatch,
)

MAX_LIMIT: Final = 10_000
COUNT_CAP: Final = 10_000


class EventQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """Which events, how many, in which order.

    Attributes:
        where: the condition; its runs may still be references and prefixes.
        any_of: plain words of which one is enough, ranked by BM25; None sorts by time.
        next: the cursor of the page before, of the same question.
        written: the question as whoever asks wrote it; what a cursor is bound to. By default made of the rest.
    """

    where: Condition = EVERYTHING
    any_of: str | None = None
    window: Window = Window()
    direction: Direction = Direction.NEWEST_FIRST
    limit: int = 100
    next: str | None = None
    written: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """What ties a cursor to this question."""
        return question_digest(["events", self.direction, *(self.written or (self.where, self.window))])


def filters(
    text: str = "",
    *,
    run: str | None = None,
    script: str | None = None,
    level: str | None = None,
) -> Condition:
    """The condition of a query text with the usual filters beside it; `level` is the least one.

    >>> filters("timeout", level="error") == parse_query("timeout level>=error")
    True
    """
    parts = [parse_query(text)]
    if run is not None:
        parts.append(Compare(Field.RUN, "=", run))
    if script is not None:
        parts.append(Compare(Field.SCRIPT, "=", script))
    if level:
        parts.append(Compare(Field.LEVEL, ">=", level_number(level)))
    return all_of(parts)


def all_of(parts: Sequence[Condition]) -> Condition:
    """The conditions as one, flat, without those that say nothing."""
    flat: list[Condition] = []
    for part in parts:
        flat.extend(part.conditions if isinstance(part, And) else [part])
    return flat[0] if len(flat) == 1 else And(tuple(flat))


def search(reader: Reader, question: EventQuestion) -> Page:
    """The events that the question asks for, with their total and where the next page begins.

    Raises:
        BadQuery: the limit, the cursor or a reference is malformed.
        NotFound: a run that the question names does not exist.

    >>> search(reader, EventQuestion(where=parse_query("refused")))[0].level
    'ERROR'
    """
    check_limit(question.limit)
    cursor = decode_cursor(question.next, question.digest) if question.next else None
    names = RunNames(reader, cursor.references if cursor else None)
    selection = Selection(
        where=names.in_condition(question.where),
        since_us=(cursor.window if cursor else question.window).since_us,
        until_us=(cursor.window if cursor else question.window).until_us,
        direction=question.direction,
        after=position_of(cursor) if cursor else None,
    )
    if question.any_of is not None:
        return _ranked(reader, question, selection, question.any_of)
    return _listed(reader, question, selection, names)


def check_limit(limit: int) -> None:
    """Raises BadQuery unless `limit` is one that pages can have."""
    if not 1 <= limit <= MAX_LIMIT:
        raise BadQuery(f"limit {limit} is out of range 1 to {MAX_LIMIT}; page on with `next`, or use export")


def _listed(reader: Reader, question: EventQuestion, selection: Selection, names: RunNames) -> Page:
    found = reader.events(selection, question.limit)
    following = None
    if found.has_more and found.records:
        place = event_position(found.records[-1])
        cursor = Cursor(question.digest, place, selection.since_us, selection.until_us, names.known)
        following = encode_cursor(cursor)
    return _page(reader, selection, found, following)


def _ranked(reader: Reader, question: EventQuestion, selection: Selection, words: str) -> Page:
    if question.next:
        raise BadQuery("ranked answers have no further pages; raise the limit or narrow the question")
    found = reader.ranked(selection, words, question.limit)
    some = Or(tuple(TextMatch(word) for word in words.split()))
    counted = msgspec.structs.replace(selection, where=all_of([some, selection.where]))
    page = _page(reader, counted, found, None)
    scores = found.scores or ()
    items = [{**item.to_dict(), "score": score} for item, score in zip(page.items, scores, strict=True)]
    return Page("event", items, total=page.total, truncated=page.truncated, window=page.window, hints=page.hints)


def _page(reader: Reader, selection: Selection, found: EventPage, following: str | None) -> Page:
    window = Window(selection.since_us, selection.until_us)
    hints = [found.note] if found.note else []
    if not found.records and selection.after is None:
        hints += why_empty(reader, selection)
    return Page(
        "event",
        [event_item(record) for record in found.records],
        total=_total(reader, selection, found),
        next=following,
        truncated=found.has_more,
        window=window,
        hints=hints,
    )


def _total(reader: Reader, selection: Selection, found: EventPage) -> Total:
    if not found.has_more and selection.after is None:
        return Total(len(found.records), found.note is None)
    counted = reader.count(selection, COUNT_CAP)
    least = len(found.records) + found.has_more
    return counted if counted.value >= least else Total(least, False)


def event(reader: Reader, text: str) -> Page:
    """The one event that an id (`#9be2c41f`) or a key stands for, whole.

    Raises:
        NotFound: there is none.
        BadQuery: no id, or one that several events share.

    >>> event(reader, search(reader, EventQuestion())[0].key)[0].message
    'working'
    """
    record = event_of(reader, text)
    hints = [command("context", record.short_id)]
    run = record.line.execution_id
    if run != UNKNOWN_EXECUTION and is_plain_name(run):
        hints.append(command("show", run))
    return Page("event", [event_item(record)], hints=hints)


def context(reader: Reader, text: str, before: int = 10, after: int = 10) -> Page:
    """The event with its neighbours in the same run, in the run's order; `here` marks the event itself.

    Raises:
        NotFound: there is no such event.
        BadQuery: no id, or one that several events share.

    >>> key = search(reader, EventQuestion(where=parse_query("refused")))[0].key
    >>> [(item.level, item.get("here", False)) for item in context(reader, key)]
    [('WARNING', False), ('ERROR', True)]
    """
    check_limit(before + after + 1)
    record = event_of(reader, text)
    around = reader.around(record, before, after)
    items = [event_item(each) | ({"here": True} if each.key == record.key else {}) for each in around]
    return Page("event", items)


def export(reader: Reader, selection: Selection) -> Iterator[dict[str, Any]]:
    """Every record of the selection as its export shape, streamed in the selection's order.

    >>> [document["kind"] for document in export(reader, Selection(until_us=1))]
    []
    """
    return map(event_document, reader.export(selection))


def latest_response(reader: Reader, script_name: str, execution_id: str | None = None) -> Any:
    """The newest `extra_data.response` that the script bound, whole.

    Raises:
        NotFound: the script (or the run) never bound one.

    >>> latest_response(reader, "etl")
    {'rows': 42}
    """
    record = _latest_with_response(reader, script_name, execution_id)
    return event_item(record)["extra_data"]["response"]


def _latest_with_response(reader: Reader, script_name: str, execution_id: str | None) -> Record:
    where = filters("has:extra.response", script=script_name, run=execution_id)
    found = reader.events(Selection(where=RunNames(reader).in_condition(where)), 1)
    if found.records:
        return found.records[0]
    where_said = f"run {execution_id!r} of script {script_name!r}" if execution_id else f"script {script_name!r}"
    scripts = tuple(name for name, _ in reader.overview().scripts if name != script_name)
    raise NotFound(f"no event of {where_said} has extra_data.response", closest=scripts[:3])
