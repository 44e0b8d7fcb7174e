"""Bookmarks: up to when somebody has read, by name, so that the next question shows only what came since."""

from __future__ import annotations

import json
import os
import re
from typing import Final

from logagent.errors import BadQuery, ConfigError
from logagent.query.documents import event_item
from logagent.query.events import EventQuestion, search
from logagent.query.item import Page, Window
from logagent.query.references import RunNames
from logagent.store.protocol import Arrivals, Reader, Total
from logagent.store.selection import Selection

_DIRECTORY: Final = "bookmarks"
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}\Z")


def read_since(state_dir: str, name: str, reader: Reader, window: Window, now_us: int) -> Window:
    """The window from the bookmark on, which moves to now; the whole window the first time, or for another store.

    Raises:
        BadQuery: a name that is none, or a window that begins somewhere else.
        ConfigError: the bookmark cannot be kept.
    """
    if window.since_us is not None:
        raise BadQuery("--since and --since-read both say where to begin: give one")
    path = _path(state_dir, name)
    store_id = reader.identity().store_id
    marks = _marks(path)
    since = marks.get(store_id, "")
    _keep(path, marks | {store_id: str(now_us)})
    return Window(int(since) if since.isdigit() else None, window.until_us)


def arrived_since(state_dir: str, name: str, reader: Reader, question: EventQuestion) -> Page:
    """Events stored since the bookmark, in order of arrival, however old they are; the bookmark moves on.

    The first time, or for another store: the newest ones. What does not fit comes the next time.

    Raises:
        BadQuery: a name that is none, or a question that says another way where to begin.
        ConfigError: the bookmark cannot be kept.
    """
    if question.next or question.window != Window():
        raise BadQuery("--since-read says where to begin: leave out --since, --until and --next")
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
