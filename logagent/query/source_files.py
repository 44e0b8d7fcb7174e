"""Source files that events name: read for the templates in them, when they are there and still fit.

A path in a log line was written by a program, so only plain files that end in `.py` are opened, of bounded size, and
nothing of them is shown but a template that the event's own message was made from.
"""

from __future__ import annotations

import os
import stat
import tokenize
from collections.abc import Sequence
from io import BytesIO
from typing import Final

from logagent.query.call_templates import LogCall, log_calls
from logagent.query.template import Template

_MAX_BYTES: Final = 2 * 1024 * 1024


class SourceFiles:
    """Log calls by file, each file read once."""

    def __init__(self) -> None:
        self._calls: dict[str, list[LogCall]] = {}
        self._nowhere: set[tuple[str, int]] = set()

    def template(self, file: str | None, line: int | None, function: str | None, message: str) -> Template | None:
        """The template of the call at that line, if the message was made from it, else of the call that has moved.

        That the message fits is what shows that the source is unchanged there.
        """
        if file is None or line is None:
            return None
        calls = self._calls.get(file)
        if calls is None:
            calls = self._calls[file] = log_calls(_source(file))
        if not calls:
            return None
        here = [call for call in calls if call.first_line <= line <= call.last_line]
        fitting = [
            call
            for call in here
            if (call.is_telling or call.function == function) and call.template.values_in(message) is not None
        ]
        if fitting:
            return min(fitting, key=lambda call: call.last_line - call.first_line).template
        return self._moved(calls, file, line, function, message)

    def _moved(
        self, calls: Sequence[LogCall], file: str, line: int, function: str | None, message: str
    ) -> Template | None:
        """Of the file's calls that the message fits the one in its function, with most words of it.

        Runs of before an edit are compared with those after it: their calls stand on other lines by now. A line that
        has once been looked for in vain is not looked for again, whatever its next message.
        """
        if (file, line) in self._nowhere:
            return None
        fitting = [call for call in calls if call.is_telling and call.template.values_in(message) is not None]
        if not fitting:
            self._nowhere.add((file, line))
            return None

        def nearness(call: LogCall) -> tuple[bool, int, int]:
            return call.function == function, call.constant_length, -abs(call.first_line - line)

        return max(fitting, key=nearness).template


def _source(path: str) -> str:
    """The file's text, "" for what is no readable source."""
    if not path.endswith(".py") or not os.path.isabs(path):
        return ""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return ""
        with open(path, "rb") as file:
            data = file.read(_MAX_BYTES + 1)
        encoding, _ = tokenize.detect_encoding(BytesIO(data).readline)
        return data.decode(encoding) if len(data) <= _MAX_BYTES else ""
    except (OSError, SyntaxError, ValueError, LookupError):
        return ""
