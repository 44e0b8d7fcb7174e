"""The rules of the collections accept every document that the daemon makes: a refused one would be a dead letter."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from arango_server import schema as arango_schema
from hypothesis import given
from hypothesis import strategies as st

from logagent.formats.fold import fold_learning, fold_run
from logagent.formats.record import Learning, LearningEvent, LogLine, Record, RunEnd, RunStart
from logagent.store.arango.documents import EventEncoder, origin_texts
from logagent.store.arango.folded import learning_document, run_document, subject_of
from logagent.store.arango.schema import COLLECTIONS, EVENTS, LEARNINGS, RUNS
from logagent.store.text import encode
from tests.formats.lines_corpus import FOREIGN, LOGURU, NATIVE, joined, parse
from tests.store_corpus import event, learning, learning_event, run_end, run_start

RULES = {each.name: each.rule for each in COLLECTIONS if each.rule is not None}
RAW = msgspec.Raw
TEXTS = st.text(max_size=5) | st.sampled_from(["\udc80", "\U0010ffff"])


def accepted(collection: str, document: Any) -> bool:
    """Whether the rule of the collection does, as ArangoDB applies it."""
    body = encode(document) if isinstance(document, msgspec.Struct) else msgspec.json.encode(document)
    found = msgspec.json.decode(body)
    return arango_schema.is_valid({name: found[name] for name in found if name != "_key"}, RULES[collection])


def event_document(record: Record) -> Any:
    assert isinstance(record.line, LogLine)
    return EventEncoder().document(record, record.line, origin_texts(record.origin), 7, "", 1)


def folded(records: list[Record]) -> list[tuple[str, Any]]:
    """What lines of runs and learnings are folded into, by collection."""
    found: list[tuple[str, Any]] = []
    for kinds, collection, fold in (
        (RunStart | RunEnd, RUNS, lambda lines: run_document(fold_run(subject_of(lines[0].line), lines), lines)),
        (Learning | LearningEvent, LEARNINGS, lambda lines: (f := fold_learning(lines)) and learning_document(f)),
    ):
        ours = [record for record in records if isinstance(record.line, kinds)]
        for subject in dict.fromkeys(subject_of(record.line) for record in ours):
            document = fold([record for record in ours if subject_of(record.line) == subject])
            found += [] if document is None else [(collection, document)]
    return found


def test_lines_as_they_are_read_from_files_are_accepted() -> None:
    """Native, of loguru, of other loggers."""
    records = [*parse(joined([*NATIVE, *LOGURU, *FOREIGN])).records]
    refused = [r for r in records if isinstance(r.line, LogLine) and not accepted(EVENTS, event_document(r))]
    others = folded(records)
    assert (len(records) > 20, refused) == (True, [])
    assert {name for name, _ in others} == {RUNS, LEARNINGS}
    assert [document for name, document in others if not accepted(name, document)] == []


SAID = {
    "level": TEXTS,
    "message": TEXTS,
    "execution_id": TEXTS,
    "script_name": TEXTS,
    "function_name": st.none() | TEXTS,
    "file_path": st.none() | TEXTS,
    "line_number": st.none() | st.integers(-(2**63), 2**63 - 1),
    "pid": st.none() | st.integers(-(2**63), 2**63 - 1),
    "tags": st.lists(TEXTS, max_size=2).map(tuple),
    "extra_data": st.sampled_from([b"{}", b'{"a":1e400}', b'{"a":"\\ud83d"}', b'{"_key":5,"a.b":[]}']).map(RAW),
}


@given(st.fixed_dictionaries({}, optional=SAID))
def test_any_event_is_accepted(said: dict[str, Any]) -> None:
    """Whatever its line says."""
    record = event(1)
    line = msgspec.structs.replace(record.line, **said)
    assert accepted(EVENTS, event_document(msgspec.structs.replace(record, line=line)))


@given(st.sampled_from(["success", "failed", "cancelled", ""]), st.floats(-5, 5), st.none() | st.floats(-1, 1e9), TEXTS)
def test_any_run_and_learning_is_accepted(status: str, confidence: float, seconds: float | None, text: str) -> None:
    """Also one that ends in another way than ours, or that is surer than sure; in any order, ends missing."""
    end = run_end(2, status=status, duration_seconds=seconds, error=text)
    runs = [[run_start(1, metadata=msgspec.Raw(b"{}")), end], [end], [run_start(1, script_name=text)]]
    learnt = [learning(1, confidence=confidence, function_name=text), learning_event(2, "confirm")]
    documents = [pair for lines in (*runs, learnt) for pair in folded(lines)]
    assert len(documents) == 4
    assert [document for name, document in documents if not accepted(name, document)] == []


@pytest.mark.parametrize("collection", RULES)
def test_no_rule_speaks_of_integers(collection: str) -> None:
    """For ArangoDB nothing is one, so that nothing would pass; and what has to be there is required."""
    assert "integer" not in repr(RULES[collection])
    wanted = {EVENTS: 4, RUNS: 3, LEARNINGS: 2}[collection]
    assert len(RULES[collection]["required"]) == wanted
    assert not accepted(collection, {})
