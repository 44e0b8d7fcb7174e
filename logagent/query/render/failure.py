"""Errors as they are shown: exit code, stable word, sentence, caret under the place, what helps.

Pure: no I/O, no clock.
"""

from __future__ import annotations

from typing import Any, Final

from logagent.errors import (
    BadQuery,
    ConfigError,
    LogagentError,
    NotFound,
    NotPermitted,
    QueryError,
    QueryTimeout,
    StoreAuthError,
    StoreCorrupt,
    StoreTooNew,
    StoreUnavailable,
)
from logagent.formats.visible import visible, visible_lines
from logagent.query.item import Page

_EXITS: Final[tuple[tuple[type[LogagentError], int, str], ...]] = (
    (NotFound, 3, "not_found"),
    (NotPermitted, 6, "not_permitted"),
    (QueryTimeout, 5, "timeout"),
    (QueryError, 2, "bad_query"),
    (ConfigError, 2, "bad_config"),
    (StoreTooNew, 7, "store_too_new"),
    (StoreAuthError, 4, "store_refuses_us"),
    (StoreUnavailable, 4, "store_unavailable"),
    (StoreCorrupt, 4, "store_corrupt"),
    (LogagentError, 4, "error"),
)


def exit_code(error: LogagentError) -> int:
    """The process's exit code for that error.

    >>> exit_code(NotFound("no run"))
    3
    """
    return next(code for kind, code, _ in _EXITS if isinstance(error, kind))


def error_word(error: LogagentError) -> str:
    """The stable word for programs."""
    own = getattr(error, "code", None)
    return str(own) if own else next(word for kind, _, word in _EXITS if isinstance(error, kind))


def error_text(error: LogagentError, asked: str | None = None, hint: str | None = None) -> str:
    """The error for people: with the query and a caret under the position, where it has one.

    >>> print(error_text(BadQuery("no field 'levle'", position=2), "a levle:x"), end="")
    error bad_query: no field 'levle'
      a levle:x
        ^
    """
    # Only settings are wrong several at a time, a line each; a line break in any other error is somebody's text.
    first, *more = visible_lines(str(error)) if isinstance(error, ConfigError) else [visible(str(error))]
    lines = [f"error {error_word(error)}: {first}", *(f"  {each}" for each in more)]
    position = getattr(error, "position", None)
    if asked is not None and position is not None:
        lines += _caret(asked, position)
    closest = getattr(error, "closest", ())
    if closest:
        lines.append("closest: " + ", ".join(map(visible, closest)))
    if hint:
        lines.append("try: " + visible(hint))
    return "".join(line + "\n" for line in lines)


_CARET_WINDOW: Final = 60


def _caret(asked: str, position: int) -> list[str]:
    """The part of the query around the position; what is escaped before it moves the caret along."""
    start = max(0, position - _CARET_WINDOW)
    before = ("..." if start else "") + visible(asked[start:position])
    after = visible(asked[position : position + _CARET_WINDOW])
    return [f"  {before}{after}", "  " + " " * len(before) + "^"]


def error_document(error: LogagentError, hint: str | None = None) -> dict[str, Any]:
    """The `json` document of a failure: the envelope's fields, with `error` beside them."""
    partial = error.partial if isinstance(error, QueryTimeout) else None
    page = partial if isinstance(partial, Page) else Page("row", [])
    told = {
        "code": error_word(error),
        "message": str(error),
        "position": error.position if isinstance(error, BadQuery) else None,
        "closest": list(error.closest) if isinstance(error, NotFound) else None,
        "hint": hint,
        "retry": bool(getattr(error, "retry", isinstance(error, StoreUnavailable))),
    }
    document = page.to_dict() | {"ok": False, "hints": [hint] if hint else []}
    return document | {"error": {name: value for name, value in told.items() if value is not None}}
