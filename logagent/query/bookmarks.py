"""Bookmarks: up to when somebody has read, by name, so that the next question shows only what came since."""

from __future__ import annotations

import json
import os
import re
from typing import Final

from logagent.errors import BadQuery, ConfigError
from logagent.query.item import Window
from logagent.store.protocol import Reader

_DIRECTORY: Final = "bookmarks"
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}\Z")


def read_since(state_dir: str, name: str, reader: Reader, window: Window, now_us: int) -> Window:
    """The window from the bookmark on, which moves to now; the whole window the first time, or for another store.

    Raises:
        BadQuery: a name that is none, or a window that begins somewhere else.
        ConfigError: the bookmark cannot be kept.
    """
    if not _NAME.match(name):
        raise BadQuery(f"{name!r} is no name for a bookmark: letters, digits, - and _")
    if window.since_us is not None:
        raise BadQuery("--since and --since-read both say where to begin: give one")
    path = os.path.join(state_dir, _DIRECTORY, name + ".json")
    store_id = reader.identity().store_id
    marks = _marks(path)
    since_us = marks.get(store_id)
    _keep(path, marks | {store_id: now_us})
    return Window(since_us, window.until_us)


def _marks(path: str) -> dict[str, int]:
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {str(store): mark for store, mark in found.items() if isinstance(mark, int)}


def _keep(path: str, marks: dict[str, int]) -> None:
    """Replaced in one step: a reader that is killed here has read nothing."""
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path + ".new", "w", encoding="utf-8") as file:
            json.dump(marks, file)
        os.replace(path + ".new", path)
    except OSError as error:
        raise ConfigError(f"cannot keep the bookmark {path}: {error}") from error
