"""The short way to the documents of a batch: it says of every record what the long way says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logagent.formats.record import EMPTY_OBJECT, LogLine, Record
from logagent.store.arango.body import BodyEncoder
from logagent.store.arango.documents import EventDocument, EventEncoder, documents_in, origin_texts
from logagent.store.text import encode
from tests.formats.lines_corpus import FOREIGN, LOGURU, NATIVE, joined, parse
from tests.store_corpus import event

OBJECTS = [
    b"{}", b"{ }", b'{"a":1}', b'{"a": 1}', b'{"a":1,"b":"x"}', b'{"a":1.50,"b":2}', b'{"a":null,"b":null}',
    b'{"a":"\\ud83d","b":1}', b'{"a":12345678901234567890,"b":1}', b'{"a":{"b":[1,2]}}', b'{"a":"1e3","b":"q\\"\\\\"}',
    b'{"a":\t1,"b":2}', b'{"a":"\xc3\xa9","b":"\xf0\x9f\x98\x80"}', b'{"tags":[],"extra_data":{}}',
    b'{"a":"\\n","b":1e400}', b'{"a":-0}',
    b'{"a":"\xf4\x8f\xbf\xbf","b":1}', b'{"a":1,\n"b":2}',
]  # fmt: skip


def long_way(record: Record) -> EventDocument:
    assert isinstance(record.line, LogLine)
    return EventEncoder().document(record, record.line, origin_texts(record.origin), 7, "", 1)


def short_way(records: Sequence[Record], made: Mapping[int, EventDocument] = {}) -> list[EventDocument]:
    texts = {id(record.origin): origin_texts(record.origin) for record in records}
    return documents_in(BodyEncoder(7, texts, lambda record, _: long_way(record)).array(records, made))


def by_the_long_way(records: Sequence[Record]) -> list[EventDocument]:
    return documents_in(b"[" + b",".join(encode(long_way(record)) for record in records) + b"]")


def changed(record: Record, **said: object) -> Record:
    return msgspec.structs.replace(record, line=msgspec.structs.replace(record.line, **said))


@pytest.mark.parametrize("data", OBJECTS)
def test_what_was_bound_is_stored_alike(data: bytes) -> None:
    """Whatever its neighbours are."""
    odd = changed(event(1), extra_data=msgspec.Raw(data))
    for records in ([odd], [event(0), odd, event(2, tags=("a",)), event(3, pid=None, hostname=None)]):
        assert short_way(records) == by_the_long_way(records)


@pytest.mark.parametrize("data", OBJECTS)
def test_what_was_bound_is_kept_as_text_where_a_server_may_say_it_otherwise(data: bytes) -> None:
    """Values come back, texts do not: `-0` as 0, `1.50` as 1.5."""
    (document,) = short_way([changed(event(1), extra_data=msgspec.Raw(data))])
    said = document.extra_text.encode() or msgspec.json.encode(msgspec.json.decode(document.extra_data))
    assert said == data or (document.extra_data == EMPTY_OBJECT and not msgspec.json.decode(data))


LINES = st.fixed_dictionaries(
    {},
    optional={
        "message": st.text() | st.sampled_from(["x" * 5000, '","tags":[]', "\udc80", "\U0010ffff", '"pid":null,']),
        "extra_data": st.sampled_from(OBJECTS).map(msgspec.Raw) | st.just(EMPTY_OBJECT),
        "tags": st.lists(st.text(max_size=5), max_size=2).map(tuple),
        "function_name": st.none() | st.text(max_size=5),
        "file_path": st.none() | st.text(max_size=5),
        "line_number": st.none() | st.integers(0, 2**63 - 1),
        "pid": st.none() | st.integers(-(2**63), 2**63 - 1),
        "hostname": st.none() | st.text(max_size=5),
        "level": st.sampled_from(["INFO", "DEBUG", "é"]),
        "v": st.integers(1, 2),
        "timestamp": st.sampled_from(["", "2026-11-22T15:00:00.000000Z", "soon"]),
        "execution_id": st.text(max_size=5),
    },
)
KNOWN = st.fixed_dictionaries(
    {},
    optional={
        "flags": st.integers(0, 127),
        "time_source": st.integers(0, 2),
        "continuation_of": st.none() | st.just("00000000000000-000000000011-00000000000000ff"),
        "own_us": st.just(0),
        "ingested_us": st.integers(0, 2**52),
    },
)


@given(st.lists(st.tuples(LINES, KNOWN), min_size=1, max_size=6))
def test_every_record_is_stored_alike(given_records: list[tuple[dict[str, object], dict[str, object]]]) -> None:
    """Usual lines and others side by side."""
    records = [
        msgspec.structs.replace(changed(event(number), **said), **known)
        for number, (said, known) in enumerate(given_records)
    ]
    assert short_way(records) == by_the_long_way(records)


def test_lines_as_they_are_read_from_files_are_stored_alike() -> None:
    """Native, of loguru, of other loggers; those with an exception come made."""
    records = [
        record
        for record in parse(joined([*NATIVE, *LOGURU, *FOREIGN])).records
        if isinstance(record.line, LogLine) and record.line.exception is None
    ]
    assert len(records) > 10
    assert short_way(records) == by_the_long_way(records)


def test_documents_that_are_made_already_stand_at_their_places() -> None:
    """A refused document is told by its place."""
    records = [event(number) for number in range(1200)]
    made = {place: long_way(changed(records[place], message="made")) for place in (0, 511, 512, 1199)}
    found = short_way(records, made)
    assert [document.key for document in found] == [record.key for record in records]
    assert [place for place, document in enumerate(found) if document.message == "made"] == list(made)
