"""References: what `@last`, a run id's prefix or `#9be2c41f` stands for, asked of a store."""

from __future__ import annotations

import difflib
import re
from typing import Final

import msgspec

from logagent.errors import BadQuery, NotFound
from logagent.formats.fold import CRASHED, FAILED, SUCCESS
from logagent.formats.key import hash_range, parse_key
from logagent.formats.record import Record
from logagent.store.protocol import Reader
from logagent.store.selection import And, Compare, Condition, Field, Not, Or, RunSelection

FORMS: Final = "@last, @last-failed, @last-good, @-2 (the last but one), each with :script; a run id or its beginning"
_REFERENCE: Final = re.compile(r"@(last|last-failed|last-good|-[1-9][0-9]{0,3})(?::(.+))?\Z")
_STATUS: Final = {"last-failed": (FAILED, CRASHED), "last-good": (SUCCESS,)}
_LISTED: Final = 5


def run_id_of(reader: Reader, text: str) -> str:
    """The execution id that a reference, a whole id or the unique beginning of one stands for.

    Raises:
        BadQuery: an unknown form of @, or a beginning that several runs share.
        NotFound: no such run; `closest` has the nearest ids.

    >>> run_id_of(reader, "@last-good")
    'etl_1'
    """
    if text.startswith("@"):
        return _referred(reader, text)
    if reader.run(text) is not None:
        return text
    return _by_prefix(reader, text)


def _referred(reader: Reader, text: str) -> str:
    found = _REFERENCE.match(text)
    if not found and reader.run(text) is not None:
        return text
    if not found:
        raise BadQuery(f"{text!r} is no reference to a run; write {FORMS}", position=0)
    word, script = found.groups()
    back = int(word[1:]) if word.startswith("-") else 1
    page = reader.runs(RunSelection(script=script, status=_STATUS.get(word, ())), back)
    if len(page.runs) >= back:
        return page.runs[back - 1].run.execution_id
    scripts = [name for name, _ in reader.overview().scripts]
    closest = tuple(difflib.get_close_matches(script, scripts)) if script and script not in scripts else ()
    raise NotFound(f"no run is {text}: {_why(word, script, len(page.runs))}", closest=closest)


def _why(word: str, script: str | None, there_are: int) -> str:
    of_script = f" of script {script!r}" if script else ""
    kind = {"last-failed": "failed or crashed runs", "last-good": "successful runs"}.get(word, "runs")
    return f"there are {there_are or 'no'} {kind}{of_script}"


def _by_prefix(reader: Reader, text: str) -> str:
    matches = reader.run_ids(text, limit=_LISTED + 1) if text else []
    if len(matches) == 1:
        return matches[0]
    if not matches:
        known = reader.run_ids(limit=1_000)
        raise NotFound(f"no run {text!r}", closest=tuple(difflib.get_close_matches(text, known, n=3, cutoff=0.3)))
    listed = ", ".join(matches[:_LISTED]) + (", ..." if len(matches) > _LISTED else "")
    raise BadQuery(f"several runs begin with {text!r}: {listed}", position=0)


def event_of(reader: Reader, text: str) -> Record:
    """The log event that a shown id (`#9be2c41f`, with or without #) or a whole key stands for.

    Raises:
        BadQuery: no id, or one that several events share.
        NotFound: no such event.
    """
    if parse_key(text):
        record = reader.event(text)
        if record is None:
            raise NotFound(f"no event {text}")
        return record
    found = reader.events_by_hash(*hash_range(text))
    if not found:
        raise NotFound(f"no event {text}")
    if len(found) > 1:
        keys = ", ".join(record.key for record in found)
        raise BadQuery(f"several events have the id {text}; use a whole key: {keys}", position=0)
    return found[0]


def is_event_id(text: str) -> bool:
    """True for what can only be meant as an event: `#...` or a whole key."""
    return text.startswith("#") or parse_key(text) is not None


class RunNames:
    """Resolves run names for one question, and remembers how, so that a cursor can carry it."""

    def __init__(self, reader: Reader, known: dict[str, str] | None = None) -> None:
        self._reader = reader
        self.known = dict(known or {})

    def resolve(self, text: str) -> str:
        """The execution id that `text` stands for in this question."""
        if text not in self.known:
            self.known[text] = run_id_of(self._reader, text)
        return self.known[text]

    def in_condition(self, condition: Condition) -> Condition:
        """The same condition with whole ids in place of references and prefixes."""
        match condition:
            case Compare(field=Field.RUN, value=str(text)):
                return msgspec.structs.replace(condition, value=self.resolve(text))
            case And(conditions=parts):
                return And(tuple(map(self.in_condition, parts)))
            case Or(conditions=parts):
                return Or(tuple(map(self.in_condition, parts)))
            case Not(condition=inner):
                return Not(self.in_condition(inner))
        return condition
