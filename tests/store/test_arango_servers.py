"""What is ArangoDB's alone, on a real server where there is one, and on ours always, so that the tests are tested.

A real server is found as `test_arango_real` says; `LOGAGENT_TEST_ARANGO_CONTAINER` names the container it runs in, if
it may be stopped and started.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from arango_places import Place, answers, new_database, our_own, real, wait_for_words, wait_until
from arango_questions import append, ask_everything, write_something
from arangoasync.request import Method
from store_corpus import event, in_order, learning, run_end, run_start

from logagent.errors import NotPermitted, StoreAuthError, StoreUnavailable
from logagent.settings import Secret, load_settings
from logagent.store import open_reader, open_store
from logagent.store.arango.access import access_of
from logagent.store.arango.connection import Connection
from logagent.store.arango.setup import UserSpec, make_database
from logagent.store.arango.vector_index import VectorIndex
from logagent.store.derived import Relation, Vector
from logagent.store.protocol import Batch, PruneCriteria, Reader, Store
from logagent.store.selection import Direction, Selection, TextMatch
from tests.daemon.rig import Rig, expected, natives


@pytest.fixture(scope="module")
def real_place() -> Iterator[Place]:
    """One that is not ours."""
    with real() as found:
        yield found


@pytest.fixture(params=["ours", pytest.param("real", marks=pytest.mark.arango)])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """A server of either kind."""
    if request.param == "real":
        yield request.getfixturevalue("real_place")
        return
    with our_own() as found:
        yield found


@pytest.fixture
def url(place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Where a new store goes; its database is dropped afterwards."""
    with new_database(place, monkeypatch) as made:
        yield made


def offsets(reader: Reader, selection: Selection) -> list[int]:
    return [record.offset for record in reader.events(selection, 1_000).records]


OLDEST = Selection(direction=Direction.OLDEST_FIRST)


# Set-up


def test_an_old_schema_is_brought_up_to_date_without_touching_documents(store: Store, admin: Connection) -> None:
    """A missing index, another rule, a view whose fixed parts differ."""
    append(store, event(1))
    admin.call(Method.DELETE, "/_api/view/log_events_view")
    admin.call(Method.POST, "/_api/view", {"name": "log_events_view", "type": "arangosearch"})
    admin.call(Method.DELETE, "/_api/index/log_events/by_time")
    strict = {"rule": {"type": "object"}, "level": "strict", "message": "x"}
    admin.call(Method.PUT, "/_api/collection/log_events/properties", {"schema": strict})
    admin.call(Method.PATCH, "/_api/document/log_meta/store", {"schema_version": 0})
    identity = store.prepare()
    view = admin.call(Method.GET, "/_api/view/log_events_view/properties")
    indexes = admin.call(Method.GET, "/_api/index", params={"collection": "log_events"})["indexes"]
    schema = admin.call(Method.GET, "/_api/collection/log_events/properties")["schema"]
    assert "log_events" in view["links"] and view["primarySort"][0]["field"] == "ts_us"
    assert "by_time" in {index["name"] for index in indexes}
    assert schema["level"] == "moderate" and "timestamp" in schema["rule"]["required"]
    assert store.prepare() == identity
    wait_for_words(store)
    with closing(open_reader(store.url)) as reader:
        assert offsets(reader, Selection(where=TextMatch("loaded"))) == [100]


def test_users_may_do_what_they_have_to_and_no_more(
    place: Place, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer with rights on one database, and a reader whose AQL cannot write, not even by another way in."""
    names = [f"{name}_{url.rpartition('_')[2]}_{os.getpid()}" for name in ("shipper", "asker")]
    with closing(Connection(access_of(url, load_settings()), "_system")) as system:
        users = [UserSpec(name, Secret("pw"), right) for name, right in zip(names, ("rw", "ro"), strict=True)]
        for _ in range(2):
            make_database(system, url.rpartition("/")[2], users)
    monkeypatch.setenv("ARANGO_PASSWORD", "pw")
    shipper, asker = (url.replace("root@", f"{name}@") for name in names)
    with closing(open_store(shipper)) as store:
        store.prepare()
        append(store, event(1))
        with pytest.raises(StoreAuthError), closing(open_store(f"{shipper}_other")) as other:
            other.prepare()
    with closing(open_reader(asker)) as reader:
        assert reader.count(Selection()).value == 1
        with pytest.raises(NotPermitted):
            reader.free_query("FOR e IN log_events REMOVE e IN log_events")
    with closing(Connection(access_of(asker, load_settings()))) as connection, pytest.raises(StoreAuthError):
        connection.call(Method.POST, "/_api/cursor", {"query": "FOR e IN log_events REMOVE e IN log_events"})
    with closing(open_store(asker)) as store:
        store.prepare()
        with pytest.raises(StoreAuthError):
            append(store, event(2))
    monkeypatch.setenv("ARANGO_PASSWORD", place.password)
    with closing(Connection(access_of(url, load_settings()), "_system")) as system:
        for name in names:
            system.call(Method.DELETE, f"/_api/user/{name}", allowed=(404, 501))


# Queries


def test_every_query_is_answered(store: Store, reader: Reader) -> None:
    """Each is AQL that the server knows, over what the set-up made."""
    write_something(store)
    wait_for_words(store)
    ask_everything(store, reader)
    assert len(reader.ranked(Selection(), "rows", 5).records) == 4


def test_a_condition_on_time_or_run_is_no_full_scan(admin: Connection) -> None:
    """The plan reaches events by an index."""
    for condition in ("event.ts_us >= 5", "event.execution_id == 'x'", "event.error == 'x'", "event.hash >= '0'"):
        body = {"query": f"FOR event IN log_events FILTER {condition} RETURN event._key"}
        nodes = admin.call(Method.POST, "/_api/explain", body)["plan"]["nodes"]
        assert "IndexNode" in {node["type"] for node in nodes}


# Vectors


def test_the_vector_index_finds_what_an_exact_comparison_finds(store: Store, reader: Reader, admin: Connection) -> None:
    """Among points that lie apart; where the server can have no index, it is compared again."""
    events = [event(number) for number in range(1, 61)]
    append(store, *events)
    store.save_vectors([Vector(e.key, "m", (60.0 - at, float(at))) for at, e in enumerate(events)])
    asked = Vector("", "m", (1.0, 0.0))
    exact = reader.nearest(Selection(), asked, 5)
    VectorIndex(admin, more_than=59).follow(1)
    again = reader.nearest(Selection(), asked, 5)
    assert exact.note == "compared exactly with every vector"
    assert again.note in (exact.note, "found by the vector index, which is approximate")
    assert [record.offset for record in exact.records] == [100, 200, 300, 400, 500]
    assert again.records[0] == exact.records[0]
    assert again.scores is not None and exact.scores is not None
    assert again.scores[0] == pytest.approx(exact.scores[0], abs=1e-6)


# Pruning


def test_what_was_pruned_is_gone_and_does_not_come_back(store: Store, reader: Reader) -> None:
    """In steps, with relations and vectors; runs and learnings stay; the words follow with the view."""
    append(store, run_start(0), *(event(number) for number in range(1, 21)), learning(30), run_end(40))
    store.save_vectors([Vector(event(number).key, "m", (1.0, 0.0)) for number in (1, 20)])
    store.save_relations([Relation(event(20).key, event(1).key, "CAUSED", 0.5, "m")])
    criteria = PruneCriteria(execution_ids=(event(1).line.execution_id,))
    assert [store.prune(criteria, limit=8).deleted for _ in range(4)] == [8, 8, 4, 0]
    assert (offsets(reader, OLDEST), dict(reader.vector_models())) == ([], {})
    assert reader.relations([event(1).key]) == []
    assert store.append(Batch(in_order([event(1)]))).expired == 1
    assert (len(reader.learnings()), reader.run_ids()) == (1, ["run-a"])
    wait_for_words(store)
    assert offsets(reader, Selection(where=TextMatch("loaded"))) == []


# An outage


def test_stopped_and_started_under_load_each_line_is_stored_once(place: Place, url: str, tmp_path: Path) -> None:
    """The server goes away in the middle of batches and comes back; the daemon on top pauses and heals by itself."""
    if place.stop is None or place.start is None:
        pytest.skip("the server is not ours to stop: LOGAGENT_TEST_ARANGO_CONTAINER")
    rig = Rig(tmp_path)
    rig.store_url, is_back = url, False
    try:
        rig.start()
        rig.settle()
        stopper = threading.Timer(0.2, place.stop)
        stopper.start()
        written = 0
        while stopper.is_alive() or written < 20:
            rig.write("a.jsonl", natives(f"p{written}", 0, 50))
            written += 1
            rig.rest(10)
        stopper.join()
        rig.write("b.jsonl", natives("late", 0, 50))
        rig.rest(120)
        assert rig.status().state == "outage"
        assert sum("outage" in text for _, text in rig.log.said) <= 4 + written // 6
        place.start()
        is_back = True
        wait_until(lambda: answers(url), "the server answers")
        rig.rest(120)
        assert rig.status().state == "ok"
        wanted = {f"p{part}-{n}": 1 for part in range(written) for n in range(50)}
        assert rig.counted() == wanted | dict(expected("late", 50))
        assert (rig.losses(), rig.rejected()) == ([], {})
    finally:
        if not is_back:
            place.start()
        rig.close()


def test_a_server_that_is_not_there_is_told_by_host_and_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """And by nothing of the client's own, such as where an object of it lies in memory."""
    monkeypatch.setenv("ARANGO_PASSWORD", "secret")
    with (
        closing(open_store("arangodb://127.0.0.1:1/none")) as opened,
        pytest.raises(StoreUnavailable, match=r"does not answer: cannot connect to 127\.0\.0\.1:1: [^<>]*$"),
    ):
        opened.prepare()
