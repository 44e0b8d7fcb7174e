"""Arguments of tools: loose in form, strict in meaning, never replaced in silence. Pure: no I/O, no clock."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Any, Final

from logagent.errors import BadQuery

_WHOLE: Final = re.compile(r"-?[0-9]{1,9}\Z")
_HASH: Final = re.compile(r"#?([0-9a-f]{8,16})\Z")
_QUOTES: Final = "\"'`"


class Arguments:
    """What a tool was called with, checked against what it takes.

    Raises:
        BadQuery: an argument that the tool does not have; the nearest is named.
    """

    def __init__(self, given: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
        known = schema["properties"]
        for name in given:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                said = f"; nearest: {near[0]}" if near else ""
                raise BadQuery(f"no argument {name!r}{said} (there are {', '.join(known) or 'none'})")
        missing = [name for name in schema.get("required", ()) if given.get(name) in (None, "")]
        if missing:
            raise BadQuery(f"argument {missing[0]!r} is missing")
        self._given = {name: value for name, value in given.items() if value is not None}
        self._schema = known

    def text(self, name: str, default: str | None = None) -> str | None:
        """A text, without quotes around it.

        >>> Arguments({"run": '"@last"'}, {"properties": {"run": {}}}).text("run")
        '@last'
        """
        value = self._given.get(name, default)
        if value is None:
            return None
        if not isinstance(value, str | int) or isinstance(value, bool):
            raise BadQuery(f"{name} is a text, not {value!r}")
        return _unquoted(str(value))

    def raw(self, name: str) -> str | None:
        """A text as it is: where quotes around it mean something."""
        value = self._given.get(name)
        if value is not None and not isinstance(value, str):
            raise BadQuery(f"{name} is a text, not {value!r}")
        return value

    def needed(self, name: str) -> str:
        """A text that has to be there."""
        return self.text(name) or ""

    def event_id(self, name: str) -> str:
        """An event's id with its `#`, or a key.

        >>> Arguments({"id": '"9be2c41f"'}, {"properties": {"id": {}}}).event_id("id")
        '#9be2c41f'
        """
        text = self.needed(name)
        found = _HASH.match(text.lower())
        return f"#{found.group(1)}" if found else text

    def number(self, name: str, default: int) -> int:
        """A whole number within the bounds of the schema; "10" counts as 10."""
        value = self._given.get(name, default)
        if isinstance(value, str) and _WHOLE.match(value.strip()):
            value = int(value)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise BadQuery(f"{name} is a whole number, not {value!r}")
        low, high = self._schema[name].get("minimum", value), self._schema[name].get("maximum", value)
        if not low <= value <= high:
            raise BadQuery(f"{name} {value} is out of range {low} to {high}")
        return value

    def choice(self, name: str, default: str) -> str:
        """One of the texts that the schema lists."""
        value, known = self.text(name, default) or default, self._schema[name]["enum"]
        if value not in known:
            raise BadQuery(f"no {name} {value!r} (there are {', '.join(known)})")
        return value

    def share(self, name: str, default: float) -> float:
        """A number from 0 to 1."""
        value = self._given.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise BadQuery(f"{name} is a number from 0 to 1, not {value!r}")
        return float(value)

    def texts(self, name: str) -> list[str]:
        """Several texts; one alone counts as a list of it."""
        value = self._given.get(name, [])
        values = [value] if isinstance(value, str) else value
        if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
            raise BadQuery(f"{name} is a list of texts, not {value!r}")
        return [_unquoted(each) for each in values]


def _unquoted(text: str) -> str:
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in _QUOTES and text.count(text[0]) == 2:
        return text[1:-1].strip()
    return text
