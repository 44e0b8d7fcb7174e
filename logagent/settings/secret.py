"""Secrets: text that is used but never shown. Pure: no I/O, no clock."""

from __future__ import annotations

from typing import NoReturn


class Secret:
    """A password. Its text comes out of `reveal()` and of nothing else: not repr, str, format or pickle."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the one call that logs in."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret does not leave the process")
