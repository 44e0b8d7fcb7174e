"""Relations between the events of one run, by rules: what followed, failed because of, was retried, was fixed.

Rules look at order, levels, functions, templates and exception chains. They say what they saw (`rationale`) and
how sure that makes them (`confidence`); they do not guess from words, save for whole ones that claim a fix.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

import msgspec

from logagent.errors import NotPermitted
from logagent.formats.key import parse_key
from logagent.query.documents import event_item, learning_item
from logagent.query.item import Item, Page
from logagent.query.references import run_id_of
from logagent.query.template import masked
from logagent.store.protocol import Reader, Total
from logagent.store.selection import Compare, Direction, Field, Selection

_MOST_EVENTS: Final = 2_000
_ERROR: Final = 40
_SAYS_FIXED: Final = re.compile(r"\b(?:fixed|resolved|recovered|succeeded|restored)\b", re.IGNORECASE)
_SAYS_RETRY: Final = re.compile(r"\b(?:retry|retrying|retried|attempt)\b", re.IGNORECASE)
_METHOD: Final = "rules-1"


class Relation(msgspec.Struct, frozen=True):
    """One event, by key, to another (or to a learning, by id), and why."""

    from_log: str
    to_log: str
    relationship: str
    confidence: float
    rationale: str

    def document(self) -> dict[str, Any]:
        """The relation with the field names that users know."""
        return {**msgspec.structs.asdict(self), "method": _METHOD}


def extracted(reader: Reader, reference: str, *, save: bool = False) -> Page:
    """The relations of a run's events, of its first 2,000: FIXED_BY, CAUSED_BY, RETRY_OF, LEARNED_FROM.

    Raises:
        NotFound: no such run.
        NotPermitted: `save`; a reading handle has nowhere to keep them.
    """
    if save:
        raise NotPermitted("relations cannot be saved through a reading handle; ask without save=True")
    execution_id = run_id_of(reader, reference)
    run_events, has_more = _events(reader, execution_id)
    found = [*_relations(run_events), *_learnt(reader, execution_id, run_events)]
    return Page("relation", [each.document() for each in found], total=Total(len(found), not has_more))


def execution_graph(reader: Reader, reference: str, *, include_relationships: bool = True) -> Item:
    """A run as a graph of its first 2,000 events.

    Returns:
        {"nodes": [{id, label, timestamp, level, function}], "edges": [{from, to, type, weight}],
        "metadata": {execution_id, total_logs, truncated}}.

    Raises:
        NotFound: no such run.

    >>> execution_graph(reader, "etl_2").metadata["total_logs"]
    2
    """
    execution_id = run_id_of(reader, reference)
    run_events, has_more = _events(reader, execution_id)
    edges = [_edge(first["key"], second["key"], "FOLLOWED_BY", 1.0) for first, second in pairwise(run_events)]
    nodes = [_node(event) for event in run_events]
    if include_relationships:
        edges += [_edge(r.from_log, r.to_log, r.relationship, r.confidence) for r in _relations(run_events)]
        nodes += [_learning_node(learning) for learning in _learnings(reader, execution_id)]
        learnt = _learnt(reader, execution_id, run_events)
        edges += [_edge(r.from_log, r.to_log, r.relationship, r.confidence) for r in learnt]
    total = reader.count(_selection(execution_id)).value if has_more else len(run_events)
    metadata = {"execution_id": execution_id, "total_logs": total, "truncated": has_more}
    return Item({"nodes": nodes, "edges": edges, "metadata": metadata})


def _selection(execution_id: str) -> Selection:
    return Selection(where=Compare(Field.RUN, "=", execution_id), direction=Direction.OLDEST_FIRST)


def _events(reader: Reader, execution_id: str) -> tuple[list[dict[str, Any]], bool]:
    found = reader.events(_selection(execution_id), _MOST_EVENTS)
    return [event_item(record) for record in found.records], found.has_more


def _learnings(reader: Reader, execution_id: str) -> list[dict[str, Any]]:
    return [learning_item(each) for each in reader.learnings(execution_id)]


def _node(event: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": event["key"],
        "label": event["message"],
        "timestamp": event["timestamp"],
        "level": event["level"],
        "function": event.get("function_name"),
    }


def _learning_node(learning: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": learning["learning_id"],
        "label": learning["learning"],
        "timestamp": learning["timestamp"],
        "level": "LEARNING",
        "function": learning.get("function_name"),
    }


def _edge(start: str, end: str, kind: str, weight: float) -> dict[str, Any]:
    return {"from": start, "to": end, "type": kind, "weight": weight}


def _relations(run_events: Sequence[Mapping[str, Any]]) -> Iterator[Relation]:
    for index, event in enumerate(run_events):
        if event["level_no"] >= _ERROR:
            yield from _fixed_by(event, run_events[index + 1 :])
            yield from _caused_by(event, run_events[:index])
        if _SAYS_RETRY.search(event["message"]):
            yield from _retry_of(event, run_events[:index])


def _fixed_by(error: Mapping[str, Any], later: Sequence[Mapping[str, Any]]) -> Iterator[Relation]:
    """The first later success of the same function, else the first that says so in a whole word."""
    calm = [event for event in later if event["level_no"] < 30 and not _SAYS_RETRY.search(event["message"])]
    function = error.get("function_name")
    same = next((event for event in calm if function and event.get("function_name") == function), None)
    if same is not None:
        yield Relation(error["key"], same["key"], "FIXED_BY", 0.7, f"first success of {function} after the error")
        return
    says = next((event for event in calm if _SAYS_FIXED.search(event["message"])), None)
    if says is not None:
        yield Relation(error["key"], says["key"], "FIXED_BY", 0.5, "a later event says so in a whole word")


def _caused_by(error: Mapping[str, Any], earlier: Sequence[Mapping[str, Any]]) -> Iterator[Relation]:
    """An earlier exception whose text this one's traceback carries: it was chained, or wrapped."""
    exception = error.get("exception")
    traceback = str(exception.get("traceback") or "") if isinstance(exception, Mapping) else ""
    if not traceback:
        return
    for event in reversed(earlier):
        said = _exception_text(event)
        if said and said != _exception_text(error) and said in traceback:
            yield Relation(error["key"], event["key"], "CAUSED_BY", 0.9, "its traceback contains that exception")
            return


def _exception_text(event: Mapping[str, Any]) -> str:
    exception = event.get("exception")
    if not isinstance(exception, Mapping) or not exception.get("value"):
        return ""
    return f"{exception.get('type')}: {exception['value']}"


def _retry_of(event: Mapping[str, Any], earlier: Sequence[Mapping[str, Any]]) -> Iterator[Relation]:
    text = masked(event["message"])
    for before in reversed(earlier):
        if masked(before["message"]) == text:
            yield Relation(event["key"], before["key"], "RETRY_OF", 0.8, "the same message, said as a retry")
            return


def _learnt(reader: Reader, execution_id: str, run_events: Sequence[Mapping[str, Any]]) -> list[Relation]:
    here = {event["key"] for event in run_events}
    return [
        Relation(key, learning["learning_id"], "LEARNED_FROM", 1.0, "the learning names it as evidence")
        for learning in _learnings(reader, execution_id)
        for key in learning["evidence"]
        if parse_key(key) and key in here
    ]
