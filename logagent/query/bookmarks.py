"""Bookmarks: up to when somebody has read, by name, so that the next question shows only what came since."""

from __future__ import annotations

import json
import os
import re
from typing import Final

import msgspec

from logagent.errors import BadQuery, ConfigError
from logagent.formats.error_fingerprint import ERROR_LEVEL, error_shape
from logagent.formats.record import LogLine
from logagent.formats.repeats import line_told
from logagent.query.documents import event_item
from logagent.query.errors import ErrorQuestion, errors
from logagent.query.events import EventQuestion, search
from logagent.query.item import Page, Window
from logagent.query.references import RunNames
from logagent.query.wording import command
from logagent.store.groups import ErrorTally
from logagent.store.protocol import Arrivals, Reader, Total
from logagent.store.selection import And, Compare, Condition, Field, Has, Or, Selection

_DIRECTORY: Final = "bookmarks"
_AT_ONCE: Final = 1_000
_MOST_ARRIVALS: Final = 100_000
"""Beyond as many error events since the last time, all errors are shown."""
_NOTHING_CAME: Final = "no error was stored since this bookmark was last read, neither a new one nor a known one again"
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}\Z")


def errors_since(state_dir: str, name: str, reader: Reader, question: ErrorQuestion) -> Page:
    """Errors that were stored again, or in another run, since the bookmark; it moves on, past those that are shown.

    However old they are: a line counts when it is stored. The first time, or for another store, all errors.

    Raises:
        BadQuery: a name that is none, or a question that says another way where to begin.
        ConfigError: the bookmark cannot be kept.
    """
    if question.window.since_us is not None:
        raise BadQuery("a bookmark says where to begin: leave out since")
    path = _path(state_dir, name)
    place = reader.identity().store_id + ":errors"
    marks = _marks(path)
    read = _errors_read(marks.get(place, ""))
    arrived, mark = _arrived_errors(reader, read, question.script)
    unread: set[str] = set()

    def is_unread(tally: ErrorTally) -> bool:
        is_new = tally.runs > read.runs.get(f"{tally.fingerprint} {tally.script_name}", 0)
        if is_new or arrived is None or tally.fingerprint in arrived:
            unread.add(tally.fingerprint)
            return True
        return False

    page = errors(reader, question, is_unread)
    waiting = (unread | (arrived or set())) - {item.fingerprint for item in page}
    shown = {f"{item.fingerprint} {each.script_name}": each.runs for item in page for each in item.scripts}
    kept = _ErrorsRead(mark, read.runs | shown, sorted(waiting))
    _keep(path, marks | {place: msgspec.json.encode(kept).decode("utf-8")})
    return page if page.items else page.with_hints([_NOTHING_CAME, command("errors")])


class _ErrorsRead(msgspec.Struct, frozen=True):
    """What was shown of errors: events up to `mark`, and each "fingerprint script" in so many runs.

    Ends of runs tell of errors, too, and are no events: they show as one run more. `waiting` are fingerprints of what
    has arrived and was not shown, since it did not fit or was not asked for.
    """

    mark: str | None = None
    runs: dict[str, int] = {}
    waiting: list[str] = []


def _errors_read(text: str) -> _ErrorsRead:
    try:
        return msgspec.json.decode(text, type=_ErrorsRead)
    except msgspec.MsgspecError:
        return _ErrorsRead()


def _arrived_errors(reader: Reader, read: _ErrorsRead, script: str | None) -> tuple[set[str] | None, str]:
    """Fingerprints of the errors that were stored since the mark, and the mark of now; None if that may be any."""
    conditions: tuple[Condition, ...] = (Or((Compare(Field.LEVEL, ">=", ERROR_LEVEL), Has("exception"))),)
    if script is not None:
        conditions = (*conditions, Compare(Field.SCRIPT, "=", script))
    selection = Selection(where=And(conditions))
    mark, found = read.mark, set(read.waiting)
    for _ in range(_MOST_ARRIVALS // _AT_ONCE):
        arrivals = reader.arrivals(selection, mark, _AT_ONCE)
        if mark is None:
            return None, arrivals.mark
        mark = arrivals.mark
        told = (line_told(each, each.line)[0] for each in arrivals.records if isinstance(each.line, LogLine))
        shapes = map(error_shape, told)
        found.update(shape.fingerprint for shape in shapes if shape is not None)
        if len(arrivals.records) < _AT_ONCE:
            return found, mark
    return None, reader.arrivals(selection, None, 1).mark


def arrived_since(state_dir: str, name: str, reader: Reader, question: EventQuestion) -> Page:
    """Events stored since the bookmark, in order of arrival, however old they are; the bookmark moves on.

    The first time, or for another store: the newest ones. What does not fit comes the next time.

    Raises:
        BadQuery: a name that is none, or a question that says another way where to begin.
        ConfigError: the bookmark cannot be kept.
    """
    if question.next or question.window != Window():
        raise BadQuery("a bookmark says where to begin: leave out since, until and next")
    path = _path(state_dir, name)
    place = reader.identity().store_id + ":events"
    marks = _marks(path)
    mark = marks.get(place)
    selection = Selection(where=RunNames(reader).in_condition(question.where))
    arrivals = reader.arrivals(selection, mark, question.limit)
    page = search(reader, question) if mark is None else _arrived(arrivals, question.limit)
    _keep(path, marks | {place: arrivals.mark})
    return page


def _arrived(arrivals: Arrivals, limit: int) -> Page:
    items = [event_item(record) for record in arrivals.records]
    if not items:
        return Page("event", [], hints=["nothing that matches was stored since this bookmark was last read"])
    is_full = len(items) == limit
    hints = ["there may be more: ask again with the same bookmark"] if is_full else []
    return Page("event", items, total=Total(len(items), not is_full), hints=hints)


def _path(state_dir: str, name: str) -> str:
    if not _NAME.match(name):
        raise BadQuery(f"{name!r} is no name for a bookmark: letters, digits, - and _")
    return os.path.join(state_dir, _DIRECTORY, name + ".json")


def _marks(path: str) -> dict[str, str]:
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {str(place): mark for place, mark in found.items() if isinstance(mark, str)}


def _keep(path: str, marks: dict[str, str]) -> None:
    """Replaced in one step: a reader that is killed here has read nothing."""
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path + ".new", "w", encoding="utf-8") as file:
            json.dump(marks, file)
        os.replace(path + ".new", path)
    except OSError as error:
        raise ConfigError(f"cannot keep the bookmark {path}: {error}") from error
