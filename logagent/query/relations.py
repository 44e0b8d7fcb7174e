"""Questions about relations: of one run's events by rules and plug-ins, as a graph, and across what was saved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

import msgspec

from logagent.errors import BadQuery, NotPermitted
from logagent.formats.record import UNKNOWN_EXECUTION
from logagent.query.documents import event_item, learning_item, short_id
from logagent.query.item import Item, Page
from logagent.query.plug_ins import RelationshipExtractor
from logagent.query.references import event_of, run_id_of
from logagent.query.rules import related_by_learning, related_by_rules
from logagent.query.wording import command, is_plain_name
from logagent.store import open_store
from logagent.store.derived import Relation, Step
from logagent.store.protocol import Reader, Total
from logagent.store.selection import Compare, Direction, Field, Selection

MOST_EVENTS: Final = 2_000
_MOST_RELATED: Final = 200
_DEEPEST: Final = 5
_NEXT_TO: Final = 5
"""An extractor that reads texts is asked about each event with so many before it."""
_BOUND: Final = f"looked at the first {MOST_EVENTS:,} events of the run; there are more"


class _Found(msgspec.Struct, frozen=True):
    """A run's first events and learnings as documents, and the relations between them."""

    execution_id: str
    events: Sequence[Mapping[str, Any]]
    has_more: bool
    learnings: Sequence[Mapping[str, Any]]
    relations: Sequence[Relation]


def extracted(reader: Reader, reference: str, extractor: RelationshipExtractor | None = None) -> Page:
    """The relations of a run's events, of its first 2,000: FIXED_BY, CAUSED_BY, RETRY_OF, LEARNED_FROM.

    Args:
        extractor: finds more, beside the rules.

    Raises:
        NotFound: no such run.

    >>> extracted(reader, "etl_2").total.value
    0
    """
    found = _found(reader, reference, extractor)
    return _page(found, [_BOUND] if found.has_more else [])


def extracted_and_saved(
    reader: Reader, url: str, reference: str, extractor: RelationshipExtractor | None = None
) -> Page:
    """The same, kept as edges by a handle that writes, opened for this alone; again makes no edge twice.

    Raises:
        NotFound: no such run.
        NotPermitted: the source is a log file.
    """
    if "://" not in url:
        raise NotPermitted("a log file has no place for relations; save them in a store")
    found = _found(reader, reference, extractor)
    store = open_store(url)
    try:
        store.prepare()
        new = store.save_relations(found.relations)
    finally:
        store.close()
    said = f"saved {len(found.relations)} relations, {new} of them new"
    return _page(found, [said, *([_BOUND] if found.has_more else [])])


def _page(found: _Found, hints: Sequence[str]) -> Page:
    items = [msgspec.structs.asdict(each) for each in found.relations]
    return Page("relation", items, total=Total(len(items), not found.has_more), truncated=found.has_more, hints=hints)


def _found(reader: Reader, reference: str, extractor: RelationshipExtractor | None) -> _Found:
    execution_id = run_id_of(reader, reference)
    page = reader.events(_selection(execution_id), MOST_EVENTS)
    events = [event_item(record) for record in page.records]
    learnings = [learning_item(each) for each in reader.learnings(execution_id)]
    relations = [*related_by_rules(events), *related_by_learning(events, learnings)]
    if extractor is not None:
        relations += _by_extractor(events, extractor)
    return _Found(execution_id, events, page.has_more, learnings, _each_once(relations))


def _selection(execution_id: str) -> Selection:
    return Selection(where=Compare(Field.RUN, "=", execution_id), direction=Direction.OLDEST_FIRST)


def _by_extractor(events: Sequence[Mapping[str, Any]], extractor: RelationshipExtractor) -> Iterator[Relation]:
    method = type(extractor).__name__
    for at, later in enumerate(events):
        for earlier in events[max(0, at - _NEXT_TO) : at]:
            for said in extractor.extract_relationships(earlier["message"], later["message"]):
                yield Relation(earlier["key"], later["key"], str(said["type"]), float(said["confidence"]), method)


def _each_once(relations: Sequence[Relation]) -> list[Relation]:
    """The first of those that lead from the same to the same by the same name."""
    found: dict[tuple[str, str, str], Relation] = {}
    for each in relations:
        found.setdefault((each.from_log, each.to_log, each.relationship), each)
    return list(found.values())


def execution_graph(
    reader: Reader,
    reference: str,
    *,
    include_relationships: bool = True,
    extractor: RelationshipExtractor | None = None,
) -> Item:
    """A run as a graph of its first 2,000 events, with the relations that were saved for them.

    Returns:
        {"nodes": [{id, label, timestamp, level, function}], "edges": [{from, to, type, weight}],
        "metadata": {execution_id, total_logs, truncated}}.

    Raises:
        NotFound: no such run.

    >>> execution_graph(reader, "etl_2").metadata["total_logs"]
    2
    """
    found = _found(reader, reference, extractor)
    edges = [_edge(first["key"], second["key"], "FOLLOWED_BY", 1.0) for first, second in pairwise(found.events)]
    nodes = [_node(event) for event in found.events]
    if include_relationships:
        nodes += [_learning_node(learning) for learning in found.learnings]
        here = {node["id"] for node in nodes}
        saved = [each for each in _saved(reader, here) if {each.from_log, each.to_log} <= here]
        related = _each_once([*found.relations, *saved])
        edges += [_edge(each.from_log, each.to_log, each.relationship, each.confidence) for each in related]
    total = reader.count(_selection(found.execution_id)).value if found.has_more else len(found.events)
    metadata = {"execution_id": found.execution_id, "total_logs": total, "truncated": found.has_more}
    return Item({"nodes": nodes, "edges": edges, "metadata": metadata})


def _saved(reader: Reader, ids: set[str]) -> Sequence[Relation]:
    return reader.relations(sorted(ids), 10 * MOST_EVENTS)


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


def related(reader: Reader, text: str, depth: int = 2) -> Page:
    """What saved relations lead to from an event, in either direction, nearest first; at most 200.

    Returns:
        items {depth, relationship, from_log, to_log, confidence, rationale, other (the end that is further away),
        id, level, timestamp, message (of it, where it is an event)}.

    Raises:
        BadQuery: depth is not 1 to 5.
        NotFound: there is no such event.

    >>> related(reader, reader.events(Selection(), 1).records[0].key).total.value
    0
    """
    if not 1 <= depth <= _DEEPEST:
        raise BadQuery(f"depth {depth} is out of range 1 to {_DEEPEST}")
    record = event_of(reader, text)
    walked = reader.walk(record.key, depth, _MOST_RELATED + 1)
    items = [_related_item(reader, step) for step in walked[:_MOST_RELATED]]
    run = record.line.execution_id
    hints = [] if items or run == UNKNOWN_EXECUTION or not is_plain_name(run) else [command("relate", run, "--save")]
    return Page("related", items, truncated=len(walked) > _MOST_RELATED, hints=hints)


def _related_item(reader: Reader, step: Step) -> dict[str, Any]:
    item = {"depth": step.distance, **msgspec.structs.asdict(step.relation), "other": step.other}
    record = reader.event(step.other)
    if record is not None:
        event = event_item(record)
        item |= {"id": short_id(event), **{name: event[name] for name in ("level", "timestamp", "message")}}
    return item
