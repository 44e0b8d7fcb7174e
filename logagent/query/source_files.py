"""Source files that events name: read for the templates in them, when they are there and still fit.

A path in a log line was written by a program, so only plain files that end in `.py` are opened, of bounded size, and
nothing of them is shown but a template that the event's own message was made from.
"""

from __future__ import annotations

import os
import stat
import tokenize
from io import BytesIO
from typing import Final

from logagent.query.call_templates import LogCall, log_calls
from logagent.query.template import Template

_MAX_BYTES: Final = 2 * 1024 * 1024


class SourceFiles:
    """Log calls by file, each file read once."""

    def __init__(self) -> None:
        self._calls: dict[str, list[LogCall]] = {}

    def template(self, file: str | None, line: int | None, message: str) -> Template | None:
        """The template of the call at that line, if the message was made from it.

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
        fitting = [call for call in here if call.template.values_in(message) is not None]
        return min(fitting, key=lambda call: call.last_line - call.first_line).template if fitting else None


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
