"""Rules that relate the events of one run: what was fixed by, caused by, a retry of what. Pure: no I/O, no clock.

Rules look at order, levels, functions, templates and exception chains. They say what they saw (`rationale`) and
how sure that makes them (`confidence`); they do not guess from words, save for whole ones that claim a fix.
Each rule is one walk over the events, so a run of errors alone costs no more than another.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from logagent.query.template import masked
from logagent.store.derived import Relation

METHOD: Final = "rules-2"
_ERROR: Final = 40
_WARNING: Final = 30
_SAYS_FIXED: Final = re.compile(r"\b(?:fix|fixed|resolved|recovered|succeeded|restored)\b", re.IGNORECASE)
_SAYS_RETRY: Final = re.compile(r"\b(?:retry|retrying|retried|attempt)\b", re.IGNORECASE)
_SAYS_ERROR: Final = re.compile(r"\b(?:error|failed|failure|exception|refused|timeout)\b", re.IGNORECASE)


class Seen(msgspec.Struct, frozen=True):
    """What the rules look at in one event; `raised` is `Type: text` of its exception, `chain` those it carries."""

    key: str
    level_no: int
    function: str | None
    template: str
    is_retry: bool
    is_fix: bool
    raised: str
    chain: frozenset[str]


def seen(event: Mapping[str, Any]) -> Seen:
    """An event's document as the rules see it."""
    message = str(event["message"])
    exception = event.get("exception")
    fields = exception if isinstance(exception, Mapping) else {}
    return Seen(
        event["key"],
        event["level_no"],
        event.get("function_name"),
        masked(message),
        bool(_SAYS_RETRY.search(message)),
        bool(_SAYS_FIXED.search(message)),
        _raised(fields),
        frozenset(map(_unqualified, str(fields.get("traceback") or "").split("\n"))),
    )


def _raised(exception: Mapping[str, Any]) -> str:
    if not exception.get("value"):
        return ""
    return _unqualified(f"{exception.get('type')}: {exception['value']}".split("\n")[0])


def _unqualified(line: str) -> str:
    """`socket.gaierror: text` as `gaierror: text`: tracebacks qualify the type, records may not."""
    head, colon, text = line.partition(": ")
    return head.rsplit(".", 1)[-1] + colon + text


def related_by_rules(events: Sequence[Mapping[str, Any]]) -> list[Relation]:
    """All relations between a run's events, given in the run's order."""
    run = [seen(event) for event in events]
    return [*_fixes(run), *_causes(run), *_retries(run)]


def _fixes(run: Sequence[Seen]) -> Iterator[Relation]:
    """From each error to the first later success of its function or template, else to what says so."""
    found: list[Relation] = []
    by_function: dict[str, tuple[int, Seen]] = {}
    by_template: dict[str, tuple[int, Seen]] = {}
    says_so: Seen | None = None
    for at in reversed(range(len(run))):
        event = run[at]
        if event.level_no >= _ERROR:
            fix = _fix(event, by_function.get(event.function or ""), by_template.get(event.template), says_so)
            found += [fix] if fix else []
        elif event.level_no < _WARNING and not event.is_retry:
            by_template[event.template] = (at, event)
            if event.function:
                by_function[event.function] = (at, event)
            says_so = event if event.is_fix else says_so
    return reversed(found)


def _fix(
    error: Seen, same_function: tuple[int, Seen] | None, same_template: tuple[int, Seen] | None, says_so: Seen | None
) -> Relation | None:
    if same_function and (same_template is None or same_function[0] <= same_template[0]):
        said = f"first success of {error.function} after the error"
        return Relation(error.key, same_function[1].key, "FIXED_BY", 0.7, METHOD, said)
    if same_template:
        said = "the same message, later, at a level below a warning"
        return Relation(error.key, same_template[1].key, "FIXED_BY", 0.7, METHOD, said)
    if says_so:
        return Relation(error.key, says_so.key, "FIXED_BY", 0.5, METHOD, "a later event says so in a whole word")
    return None


def _causes(run: Sequence[Seen]) -> Iterator[Relation]:
    """From an error to the latest earlier exception that its traceback carries: chained, or wrapped."""
    raised: dict[str, tuple[int, Seen]] = {}
    for at, event in enumerate(run):
        if event.level_no >= _ERROR and event.chain:
            earlier = [raised[line] for line in event.chain & raised.keys() if line != event.raised]
            if earlier:
                cause = max(earlier, key=lambda each: each[0])[1]
                said = "its traceback contains that exception"
                yield Relation(event.key, cause.key, "CAUSED_BY", 0.9, METHOD, said)
        if event.raised:
            raised[event.raised] = (at, event)


def _retries(run: Sequence[Seen]) -> Iterator[Relation]:
    """From what says that it is a retry to the latest earlier event with the same message."""
    latest: dict[str, Seen] = {}
    for event in run:
        before = latest.get(event.template)
        if event.is_retry and before is not None:
            yield Relation(event.key, before.key, "RETRY_OF", 0.8, METHOD, "the same message, said as a retry")
        latest[event.template] = event


def related_by_learning(
    events: Sequence[Mapping[str, Any]], learnings: Iterable[Mapping[str, Any]]
) -> Iterator[Relation]:
    """From what a learning names as evidence to it; where that is the run, from its function's last event before."""
    here = {event["key"] for event in events}
    for learning in learnings:
        named = [key for key in learning["evidence"] if key in here]
        for key in named:
            said = "the learning names it as evidence"
            yield Relation(key, learning["learning_id"], "LEARNED_FROM", 1.0, METHOD, said)
        last = None if named else _last_of(events, learning)
        if last is not None:
            said = f"the last event of {learning['function_name']} before it was learnt"
            yield Relation(last, learning["learning_id"], "LEARNED_FROM", 0.5, METHOD, said)


def _last_of(events: Sequence[Mapping[str, Any]], learning: Mapping[str, Any]) -> str | None:
    function = learning.get("function_name")
    found = [
        event["key"]
        for event in events
        if function and event.get("function_name") == function and event["timestamp"] <= learning["timestamp"]
    ]
    return found[-1] if found else None


class RuleExtractor:
    """The built-in RelationshipExtractor: the same rules for two texts alone, the second the later one.

    >>> RuleExtractor().extract_relationships("write 7 failed", "write recovered")
    [{'type': 'FIXED_BY', 'confidence': 0.5}]
    >>> RuleExtractor().extract_relationships("write 7 failed", "prefix written")
    []
    """

    def extract_relationships(self, text_a: str, text_b: str) -> list[dict[str, Any]]:
        """From the first text to the second: FIXED_BY, CAUSED_BY or RETRY_OF."""
        found = []
        if _SAYS_ERROR.search(text_a) and _SAYS_FIXED.search(text_b):
            found.append({"type": "FIXED_BY", "confidence": 0.5})
        if _SAYS_RETRY.search(text_b) and masked(text_a) == masked(text_b):
            found.append({"type": "RETRY_OF", "confidence": 0.8})
        lines = frozenset(map(_unqualified, text_b.split("\n")[:-1]))
        if _unqualified(text_a.strip().split("\n")[-1]) in lines and _SAYS_ERROR.search(text_a):
            found.append({"type": "CAUSED_BY", "confidence": 0.9})
        return found
