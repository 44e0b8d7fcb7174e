"""What the objects of arangosh have in common: their members, how they are shown, and the errors they tell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .client import Answer
from .errors import Unsupported


class ShellError(Exception):
    """An error of the server as arangosh shows it."""


def checked(answer: Answer) -> Any:
    """The body of a good answer."""
    if answer.status == 501:
        raise Unsupported(answer.body["errorMessage"])
    if answer.status >= 400:
        raise ShellError(f"[ArangoError {answer.body['errorNum']}: {answer.body['errorMessage']}]")
    return answer.body


def without_error(body: dict[str, Any]) -> dict[str, Any]:
    """An answer as arangosh shows it: without its `error`."""
    return {name: value for name, value in body.items() if name != "error"}


class Thing:
    """An object with members in a table, and how arangosh shows it if that is known."""

    def __init__(self, text: str | Callable[[], str] | None, **members: Any) -> None:
        self._text = text
        self.members = members

    @property
    def text(self) -> str | None:
        """How it is shown, if that is known."""
        return self._text() if callable(self._text) else self._text

    def member(self, name: Any) -> Any:
        """One of them.

        Raises:
            Unsupported: there is none.
        """
        if name not in self.members:
            raise Unsupported(f"arangosh member {name!r}")
        return self.members[name]


class Cursor(Thing):
    """A query's result."""

    def __init__(self, rows: list[Any]) -> None:
        self.rows = rows
        super().__init__(
            f"[object ArangoQueryCursor, count: {len(rows)}, results cached: false, hasMore: false]",
            toArray=lambda: rows,
        )
