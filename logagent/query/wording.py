"""Wording: conditions back into query text, and commands as they are printed. Pure: no I/O, no clock.

Commands are made of our own words and what the user typed; a name that comes from a log goes into one only
if it is plain enough to mean nothing to a shell or a reader.
"""

from __future__ import annotations

import re
import shlex
from typing import Final

from logagent.formats.levels import LEVEL_NUMBERS
from logagent.store.selection import And, Compare, CompareExtra, Condition, Field, Has, Not, Or, Scalar, TextMatch

PROGRAM: Final = "logagent-query"
_BARE: Final = re.compile(r"[A-Za-z0-9_./@+\-]+\Z")
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+\-]{0,199}\Z")
_LEVEL_NAMES: Final = {number: name.lower() for name, number in LEVEL_NUMBERS.items()}


def command(*words: str) -> str:
    """A complete command line, quoted for a shell.

    >>> command("search", "level>=error timeout", "--limit", "5")
    "logagent-query search 'level>=error timeout' --limit 5"
    """
    return " ".join([PROGRAM, *map(shlex.quote, words)])


def with_source(hint: str, source: tuple[str, ...]) -> str:
    """The hint, if it is a command, asking the same store again; sentences as they are."""
    if not source or not hint.startswith(PROGRAM + " "):
        return hint
    return command(*source) + hint.removeprefix(PROGRAM)


def is_plain_name(text: str) -> bool:
    """True if a name from a log may stand in a command that we print."""
    return bool(_PLAIN_NAME.match(text))


def query_text(condition: Condition) -> str:
    """Text that asks for the same.

    >>> query_text(And((TextMatch("time out", "phrase"), Not(Compare(Field.LEVEL, "<", 30)))))
    '"time out" -level<warning'
    """
    match condition:
        case TextMatch(text=text, form=form):
            return {"word": _word(text), "phrase": _quoted(text), "prefix": text + "*"}[form]
        case Compare(field=field, op=op, value=value):
            return f"{field}{':' if op == '=' else op}{_value(field, value)}"
        case CompareExtra(path=path, op=op, value=value):
            return f"extra.{'.'.join(path)}{op}{_scalar(value)}"
        case Has(name=name):
            return f"has:{name}"
        case Not(condition=inner):
            return "-" + _grouped(inner)
        case And(conditions=parts):
            return " ".join(map(_grouped, parts)) or "*"
        case Or(conditions=parts):
            return " OR ".join(map(_grouped, parts))


def _grouped(condition: Condition) -> str:
    text = query_text(condition)
    return f"({text})" if isinstance(condition, And | Or) else text


def _word(text: str) -> str:
    return text if _BARE.match(text) and text not in ("AND", "OR", "NOT") and text[0] != "-" else _quoted(text)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _value(field: Field, value: Scalar) -> str:
    if field is Field.LEVEL and isinstance(value, int):
        return _LEVEL_NAMES.get(value, str(value))
    if isinstance(value, float):
        return f"{value:.9f}".rstrip("0").rstrip(".")
    return str(value) if _BARE.match(str(value)) else _quoted(str(value))


def _scalar(value: Scalar) -> str:
    if isinstance(value, str):
        return _quoted(value)
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)
