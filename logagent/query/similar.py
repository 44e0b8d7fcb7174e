"""Similar things: has this been seen before, what resolved it, did that hold?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from logagent.errors import BadQuery
from logagent.formats.error_fingerprint import error_shape
from logagent.formats.masks import masked
from logagent.formats.record import LogLine
from logagent.formats.repeats import line_told
from logagent.query.earned import Earned, about_runs, earned_learnings, shared_words
from logagent.query.errors import ErrorQuestion, errors, fingerprint_of, is_fingerprint_start
from logagent.query.item import Item, Page
from logagent.query.patterns import pattern_items
from logagent.query.references import event_of, is_event_id
from logagent.query.wording import command
from logagent.store.groups import ErrorSelection
from logagent.store.protocol import Reader, Total
from logagent.store.selection import Selection

_MOST_ERRORS: Final = 10_000
_RANKED: Final = 200
_LEAST: Final = 0.5
_MOST: Final = 10


def similar(reader: Reader, text: str, limit: int = _MOST) -> Page:
    """Errors, templates and learnings like a text, an event (`#9be2c41f`) or an error fingerprint, the likest first.

    Returns:
        Items {what: error, events or learning, likeness: 0 to 1, ...}. An error has the item of `errors` with its
        learnings and, where it was resolved, `held`: whether it came back since.

    Raises:
        BadQuery: no text.
        NotFound: no such event or fingerprint.

    >>> found = similar(reader, "connection refused by db-9")
    >>> found[0].what, found[0].learnings[0].learning
    ('error', 'keep workers below 16')
    """
    if not text.strip():
        raise BadQuery("similar takes a text, an event (#9be2c41f) or an error fingerprint")
    wanted, fingerprint = _wanted(reader, text.strip())
    earned = earned_learnings(reader)
    found = [
        *_errors(reader, wanted, fingerprint, earned),
        *_events(reader, wanted),
        *_learnings(wanted, earned),
    ]
    found.sort(key=lambda item: (-item["likeness"], item["what"] != "error"))
    hints = [command("errors")] if found else ["nothing like it was ever stored", command("errors")]
    items = found[:limit]
    return Page("similar", items, total=Total(len(found), True), truncated=len(found) > len(items), hints=hints)


def _wanted(reader: Reader, text: str) -> tuple[str, str | None]:
    """The text to compare with, and the fingerprint where one was meant."""
    if is_event_id(text):
        record = event_of(reader, text)
        line = record.line
        assert isinstance(line, LogLine)
        line, _ = line_told(record, line)
        shape = error_shape(line)
        return line.message, shape.fingerprint if shape else None
    if is_fingerprint_start(text):
        fingerprint = fingerprint_of(reader, text)
        tally = reader.error_tallies(ErrorSelection(fingerprint=fingerprint), 1)[0]
        return tally.shape.template, fingerprint
    return text, None


def _errors(reader: Reader, wanted: str, fingerprint: str | None, earned: Sequence[Earned]) -> list[dict[str, Any]]:
    found = []
    for item in errors(reader, ErrorQuestion(limit=_MOST_ERRORS)):
        likeness = 1.0 if item.fingerprint == fingerprint else _likeness(wanted, _said(item))
        if likeness >= _LEAST:
            found.append(item.to_dict() | {"what": "error", "likeness": round(likeness, 2)})
    found.sort(key=lambda item: -item["likeness"])
    return [item | _aftermath(reader, item, earned) for item in found[:_MOST]]


def _said(item: Item) -> str:
    exception = item.get("exception") or {}
    return " ".join(str(part) for part in (item.message, item.type or "", exception.get("value") or ""))


def _aftermath(reader: Reader, item: dict[str, Any], earned: Sequence[Earned]) -> dict[str, Any]:
    """What became of an error: its learnings, and whether what resolved it held."""
    runs = reader.errors_in_runs(ErrorSelection(fingerprint=item["fingerprint"]))
    known = about_runs(earned, {each.execution_id for each in runs}, {each.first_key or "" for each in runs})
    found: dict[str, Any] = {"learnings": [each.document() for each in known[:3]]}
    if item.get("resolved_by"):
        found["held"] = "it came back since" if item["status"] == "regressed" else "it held until now"
    return found


def _events(reader: Reader, wanted: str) -> list[dict[str, Any]]:
    """Templates of the best matches by words."""
    page = reader.ranked(Selection(), masked(wanted).replace("{n}", " "), _RANKED)
    found = [item | {"what": "events", "likeness": round(_likeness(wanted, item["text"]), 2)}
             for item in pattern_items(reader, page.records)]  # fmt: skip
    return [item for item in found if item["likeness"] >= _LEAST][:_MOST]


def _learnings(wanted: str, earned: Sequence[Earned]) -> list[dict[str, Any]]:
    alike = [(shared_words(wanted, each.learning.learning), each) for each in earned]
    found = [each.document() | {"what": "learning", "likeness": round(share, 2)} for share, each in alike]
    return [item for item in found if item["likeness"] >= _LEAST][:_MOST]


def _likeness(wanted: str, other: str) -> float:
    """1 for the same template, else the share of the wanted words that the other has, values counted or masked."""
    if masked(wanted) == other or masked(wanted) == masked(other):
        return 1.0
    return min(max(shared_words(wanted, other), shared_words(masked(wanted), masked(other))), 0.99)
