"""What is ArangoDB's alone: its queries, its set-up, its refusals, its rights, and what a view lags behind."""

from __future__ import annotations

import json
import os
import re
import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest
from arango_questions import append, ask_everything, write_something
from arango_server import ArangoServer
from arangoasync.request import Method
from click.testing import CliRunner
from store_corpus import event, run_end, run_start

import logagent.store
from logagent.cli.main import cli
from logagent.errors import (
    ConfigError,
    LogagentError,
    NotPermitted,
    QueryTimeout,
    RecordRejected,
    StoreAuthError,
    StoreTooNew,
    StoreUnavailable,
)
from logagent.settings import load_settings
from logagent.store import open_reader, open_store
from logagent.store.arango.access import Access, access_of
from logagent.store.arango.connection import Connection
from logagent.store.arango.vector_index import VectorIndex
from logagent.store.derived import Vector
from logagent.store.protocol import Reader, Store
from logagent.store.selection import (
    CompareExtra,
    Direction,
    Selection,
    TextMatch,
)

_NUMBERS = count(1)
PASSWORD = "secret"
QUERIES = Path(logagent.store.__file__).parent / "aql"


class Recording(ArangoServer):
    """Our server, noting the text of every query.

    It can be told what to refuse (part of a path, status, number), and how many rows to give at once.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.queries: set[str] = set()
        self.refuses: tuple[str, int, int] | None = None
        self.rows_at_once: int | None = None

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Any:
        if self.refuses is not None and self.refuses[0] in target:
            self.force_status(self.refuses[1], number=self.refuses[2])
        if target.endswith("/_api/cursor"):
            asked = json.loads(body)
            self.queries.add(asked["query"])
            if self.rows_at_once is not None:
                body = json.dumps({**asked, "batchSize": self.rows_at_once}).encode()
        return super().answer(method, target, headers, body)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recording]:
    monkeypatch.setenv("ARANGO_PASSWORD", PASSWORD)
    with Recording(password=PASSWORD) as running:
        yield running


@pytest.fixture
def url(server: Recording) -> str:
    return f"arangodb://root@127.0.0.1:{server.port}/own_{os.getpid()}_{next(_NUMBERS)}"


# Queries


def test_every_query_is_executed(server: Recording, store: Store, reader: Reader, admin: Connection) -> None:
    """A file that nothing runs would break unseen."""
    write_something(store)
    ask_everything(store, reader)
    VectorIndex(admin, more_than=0).follow(1)
    assert "vector index" in (reader.nearest(Selection(), Vector("", "m", (1.0, 0.0)), 1).note or "")
    texts = {path.read_text(): path.stem for path in QUERIES.glob("*.aql")}
    assert {texts.get(text) for text in server.queries} - {None} == set(texts.values())


def test_every_query_over_events_tests_clauses_by_the_same_words() -> None:
    """AQL has no include: a test that one of them lacked would find too much there, and nobody would look again."""
    found = [re.search(r"FILTER LENGTH\(@clauses.*", path.read_text(), re.DOTALL) for path in QUERIES.glob("*.aql")]
    over_events = [each.group().partition(")]) == 0]) == 0")[0] for each in found if each and "event[" in each.group()]
    assert (len(over_events), len(set(over_events))) == (11, 1)


def test_an_answer_that_is_not_whole_is_none(server: Recording, store: Store, reader: Reader) -> None:
    """Nothing is left out unsaid, however many rows there are: neither to a question nor to the daemon."""
    append(store, *(event(number) for number in range(1, 4)))
    server.rows_at_once = 2
    with pytest.raises(QueryTimeout, match="events_newest"):
        reader.events(Selection(), 5)
    with pytest.raises(StoreUnavailable, match="keys_there"):
        store.account([event(number) for number in range(1, 4)])
    assert len(reader.events(Selection(), 1).records) == 1


@pytest.mark.parametrize("query", sorted(QUERIES.glob("*.aql")), ids=lambda path: path.stem)
def test_a_place_in_an_order_is_one_comparison(query: Path) -> None:
    """Of arrays: alternatives make an index give up its order, and each page would sort all that is left to read."""
    text = query.read_text()
    assert not re.search(r"@(after|before)\.\w+ (OR|AND)|(?<!null )(OR|AND) \(?\w+\.\w+ [<>=]+ @(after|before)\.", text)


def test_listing_sees_what_was_just_written_and_words_follow_with_the_view(server: Recording, url: str) -> None:
    """The view commits about once a second; the collection is at once as it is."""
    server.view_commit_s = float("inf")
    with closing(open_store(url)) as store:
        store.prepare()
        append(store, event(1))
        with closing(open_reader(url)) as reader:
            assert len(reader.events(Selection(), 5).records) == 1
            assert reader.events(Selection(where=TextMatch("loaded")), 5).records == []
            server.commit_views()
            assert len(reader.events(Selection(where=TextMatch("loaded")), 5).records) == 1


def test_a_condition_inside_extra_data_is_narrowed_by_the_server(store: Store, reader: Reader) -> None:
    """And decided here: numbers that ArangoDB holds less exactly are told apart."""
    exact = 123456789012345678901234567890
    raw = [f'{{"n":{exact + n}}}'.encode() for n in range(2)]
    append(store, *(event(n, extra_data=msgspec.Raw(each)) for n, each in enumerate(raw, 1)))
    found = reader.events(Selection(where=CompareExtra(("n",), "=", exact)), 5).records
    assert [r.offset for r in found] == [100]


# Free queries


@pytest.mark.parametrize(
    "text",
    [
        "FOR e IN log_events REMOVE e IN log_events",
        "INSERT {a: 1} INTO log_events",
        "UPSERT {_key: '1'} INSERT {} UPDATE {} IN log_events",
        "FOR e IN log_events UPDATE e WITH {a: 1} IN log_events",
        "LET x = (FOR e IN log_events REPLACE e WITH {} IN log_events RETURN 1) RETURN x",
    ],
)
def test_a_free_query_that_would_write_is_not_run(store: Store, reader: Reader, text: str) -> None:
    """It is explained first, wherever in it the writing stands; the refusal names what it would write to."""
    append(store, event(1))
    with pytest.raises(NotPermitted, match="would write to log_events"):
        reader.free_query(text)
    assert reader.count(Selection()).value == 1


def test_a_free_query_is_capped_and_gives_rows(store: Store, reader: Reader) -> None:
    """Objects by their attributes, anything else as one column; a cap says so."""
    append(store, *(event(n) for n in range(1, 6)))
    rows = reader.free_query("FOR e IN log_events SORT e.ts_us LIMIT @n RETURN {o: e.offset}", {"n": 4}, max_rows=3)
    assert (rows.columns, rows.rows, rows.truncated) == (("o",), [(100,), (200,), (300,)], True)
    assert reader.free_query("RETURN 1 + 1").rows == [(2,)]


def test_a_free_query_has_a_deadline_though_the_server_hangs(server: Recording, store: Store, reader: Reader) -> None:
    """Neither its explanation nor its answer is waited for any longer."""
    server.latency_s = 3.5
    began = time.monotonic()
    with pytest.raises(QueryTimeout):
        reader.free_query("RETURN 1", timeout_s=0.1)
    assert time.monotonic() - began < 3.4
    server.latency_s = 0.0
    assert reader.free_query("RETURN 1").rows == [(1,)]


# Set-up


def test_preparing_a_current_store_takes_one_look(server: Recording, store: Store) -> None:
    """A daemon prepares after every outage."""
    before = len(server.requests)
    store.prepare()
    assert [each.method for each in server.requests[before:]] == ["GET", "POST"]


def test_a_newer_schema_is_left_alone(store: Store, admin: Connection) -> None:
    """This program would not know what it writes."""
    admin.call(Method.PATCH, "/_api/document/log_meta/store", {"schema_version": 99})
    with pytest.raises(StoreTooNew):
        store.prepare()


def test_a_lost_collection_is_made_again_after_the_outage_it_causes(store: Store, admin: Connection) -> None:
    """Documents are not refused for it. A store without what it was given is another one, so that all is read again."""
    identity = store.prepare()
    for name, is_the_same in (("log_sources", True), ("log_lines", False)):
        admin.call(Method.DELETE, f"/_api/collection/{name}")
        with pytest.raises(StoreUnavailable):
            append(store, event(1), run_start(0))
        assert (store.prepare().store_id == identity.store_id) is is_the_same
        append(store, event(1), run_start(0))
        assert store.stored_end(event(1).origin.fingerprint) == 199


def test_init_makes_what_is_missing_whatever_version_is_recorded(
    server: Recording, url: str, store: Store, admin: Connection, tmp_path: Path
) -> None:
    """It looks at everything; a second time it changes nothing, though the server lists things in another order."""
    admin.call(Method.DELETE, "/_api/index/log_events/by_time")
    admin.call(Method.DELETE, "/_api/view/log_events_view")
    options = ["--store", url, "--state-dir", str(tmp_path / "state")]
    views = []
    for _ in range(2):
        assert CliRunner().invoke(cli, ["init", *options]).exit_code == 0
        views.append(admin.call(Method.GET, "/_api/view/log_events_view/properties")["links"])
        otherwise = backwards(views[0])
        admin.call(Method.PATCH, "/_api/view/log_events_view/properties", {"links": otherwise})
    assert views[1] == otherwise != views[0]
    before = len(server.requests)
    assert CliRunner().invoke(cli, ["init", *options]).exit_code == 0
    assert {r.method for r in server.requests[before:] if "/_api/view" in r.path} == {"GET"}
    indexes = admin.call(Method.GET, "/_api/index", params={"collection": "log_events"})["indexes"]
    assert "by_time" in {index["name"] for index in indexes}


def backwards(links: Any) -> Any:
    """The same links, each list the other way round."""
    if isinstance(links, dict):
        return {name: backwards(value) for name, value in links.items()}
    return links[::-1] if isinstance(links, list) else links


@pytest.fixture
def coordinator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recording]:
    monkeypatch.setenv("ARANGO_PASSWORD", PASSWORD)
    with Recording(password=PASSWORD, is_cluster=True) as running:
        yield running


def copies_of_events(url: str) -> tuple[int, int]:
    """Set up as `logagent init` does; (copies, copies that must be written) of log events."""
    with closing(open_store(url)) as store, closing(Connection(access_of(url, load_settings()))) as connection:
        store.repair()
        append(store, event(1))
        found = connection.call(Method.GET, "/_api/collection/log_events/properties")
    return found["replicationFactor"], found["writeConcern"]


@pytest.mark.parametrize(("factor", "concern", "copies"), [(0, 0, (2, 1)), (1, 1, (2, 1)), (3, 2, (3, 2))])
def test_in_a_cluster_all_lies_in_one_shard_with_the_copies_that_are_wanted(
    coordinator: Recording, monkeypatch: pytest.MonkeyPatch, factor: int, concern: int, copies: tuple[int, int]
) -> None:
    """The server's own collections have two copies at least, and no other may have another number than those."""
    monkeypatch.setenv("LOGAGENT_ARANGO_REPLICATION_FACTOR", str(factor))
    monkeypatch.setenv("LOGAGENT_ARANGO_WRITE_CONCERN", str(concern))
    assert copies_of_events(f"arangodb://root@127.0.0.1:{coordinator.port}/own") == copies
    assert coordinator.databases["own"].options["sharding"] == "single"


@pytest.mark.parametrize(("factor", "concern", "copies"), [(0, 0, (3, 2)), (2, 1, (2, 1))])
def test_a_database_that_was_made_for_more_shards_is_set_up_as_it_is(
    coordinator: Recording, monkeypatch: pytest.MonkeyPatch, factor: int, concern: int, copies: tuple[int, int]
) -> None:
    """Its own settings hold for what is not said; a collection that is there keeps its shards."""
    url = f"arangodb://root@127.0.0.1:{coordinator.port}/own"
    options = {"sharding": "", "replicationFactor": 3, "writeConcern": 2}
    with closing(Connection(access_of(url, load_settings()), "_system")) as system:
        system.call(Method.POST, "/_api/database", {"name": "own", "options": options})
    with closing(Connection(access_of(url, load_settings()))) as connection:
        connection.call(Method.POST, "/_api/collection", {"name": "log_lines", "numberOfShards": 9})
        monkeypatch.setenv("LOGAGENT_ARANGO_REPLICATION_FACTOR", str(factor))
        monkeypatch.setenv("LOGAGENT_ARANGO_WRITE_CONCERN", str(concern))
        assert copies_of_events(url) == copies
        indexes = connection.call(Method.GET, "/_api/index", params={"collection": "log_lines"})["indexes"]
        assert "by_subject" in {index["name"] for index in indexes}


@pytest.mark.parametrize("text", ["REMOVE @key IN log_events", "INSERT {a: 1} INTO log_events"])
def test_a_free_query_that_writes_one_document_is_not_run_by_a_coordinator_either(
    coordinator: Recording, text: str
) -> None:
    """Its plan has no node that is named for the writing, only the word that it modifies."""
    url = f"arangodb://root@127.0.0.1:{coordinator.port}/own"
    copies_of_events(url)
    with closing(open_reader(url)) as reader:
        with pytest.raises(NotPermitted):
            reader.free_query(text, {"key": event(1).key} if "@key" in text else {})
        assert reader.count(Selection()).value == 1


def test_init_makes_users_with_passwords_in_files(server: Recording, tmp_path: Path) -> None:
    """As root once; then neither needs it."""
    options = ["--store", f"arangodb://root@127.0.0.1:{server.port}/own", "--state-dir", str(tmp_path / "state")]
    for _ in range(2):
        result = CliRunner().invoke(
            cli, ["init", *options, "--writer", f"w={tmp_path}/w.pw", "--reader", f"r={tmp_path}/r.pw"]
        )
        assert result.exit_code == 0, result.output
    passwords = {name: (tmp_path / f"{name}.pw").read_text().strip() for name in "wr"}
    assert all(server.users[name].password == password for name, password in passwords.items())
    assert {name: server.users[name].databases["own"] for name in "wr"} == {"w": "rw", "r": "ro"}
    assert not any(password in result.output for password in passwords.values())
    assert (tmp_path / "w.pw").stat().st_mode & 0o777 == 0o600


def test_init_draws_no_password_for_a_user_who_has_one(server: Recording, tmp_path: Path) -> None:
    """It would be told as the user's and be refused; nor does one who may make no users leave a file behind."""
    server.create_user("w", "pw", own="rw")
    options = ["--state-dir", str(tmp_path / "state"), "--writer", f"w={tmp_path}/w.pw"]
    for user, reason in (("root", "user w is there already"), ("w", "refuses us")):
        store = f"arangodb://{user}@127.0.0.1:{server.port}/own"
        environ = {"ARANGO_PASSWORD": server.users[user].password}
        result = CliRunner().invoke(cli, ["init", "--store", store, *options], env=environ)
        assert reason in str(result.exception)
        assert not (tmp_path / "w.pw").exists()


@pytest.mark.parametrize(
    ("held", "said"), [("", "is empty"), ("  another ", "another password than its file has"), (None, "Is a directory")]
)
def test_init_makes_no_user_that_its_file_does_not_let_in(
    server: Recording, tmp_path: Path, held: str | None, said: str
) -> None:
    """Neither one without a password, nor one who was there before with another."""
    server.create_user("w", "another")
    path = tmp_path / "w.pw"
    path.mkdir() if held is None else path.write_text(held)
    options = ["--store", f"arangodb://root@127.0.0.1:{server.port}/own", "--state-dir", str(tmp_path / "state")]
    result = CliRunner().invoke(cli, ["init", *options, "--writer", f"w={path}"])
    assert isinstance(result.exception, LogagentError) and said in str(result.exception)
    del server.users["w"]


def test_init_makes_a_user_with_any_name_and_a_password_with_blanks(server: Recording, tmp_path: Path) -> None:
    """The daemon logs in with what init has read."""
    path = tmp_path / "w.pw"
    path.write_text(" two  words \n")
    store = f"arangodb://root@127.0.0.1:{server.port}/own"
    options = ["--store", store, "--state-dir", str(tmp_path / "state")]
    result = CliRunner().invoke(cli, ["init", *options, "--writer", f"a b%2Fc={path}"])
    assert result.exit_code == 0, result.output
    assert server.users["a b%2Fc"].password == " two  words "


# Vectors


def index_in(admin: Connection) -> list[tuple[str, int, int]]:
    """(metric, dimension, cells) of the vector indexes."""
    found = admin.call(Method.GET, "/_api/index", params={"collection": "log_embeddings"})["indexes"]
    params = [index["params"] for index in found if index["type"] == "vector"]
    return [(each["metric"], each["dimension"], each["nLists"]) for each in params]


def nearest(reader: Reader, *point: float) -> tuple[list[int], str | None]:
    page = reader.nearest(Selection(), Vector("", "m", point), 2)
    return [record.offset // 100 for record in page.records], page.note


def some_vectors(store: Store, count: int) -> list[Vector]:
    """Saved, of events 1 to `count`, each a little further from (1, 0)."""
    events = [event(number) for number in range(1, count + 1)]
    append(store, *events)
    vectors = [Vector(each.key, "m", (10.0, float(at))) for at, each in enumerate(events)]
    assert store.save_vectors(vectors) == count
    return vectors


def test_a_vector_index_is_made_when_it_pays_and_the_answer_says_so(
    store: Store, reader: Reader, admin: Connection
) -> None:
    """Up to a number every vector is compared; of more the index gives those that are probably nearest."""
    some_vectors(store, 30)
    index = VectorIndex(admin, more_than=30)
    index.follow(2_000)
    assert (index_in(admin), nearest(reader, 1, 0)) == ([], ([1, 2], "compared exactly with every vector"))
    VectorIndex(admin, more_than=29).follow(1)
    assert index_in(admin) == [("cosine", 2, 20)]
    assert nearest(reader, 1, 0) == ([1, 2], "found by the vector index, which is approximate")
    narrowed = reader.nearest(Selection(until_us=event(9).ts_us), Vector("", "m", (1.0, 0.0)), 2)
    assert narrowed.note == "compared exactly with every vector"


def test_an_index_makes_way_for_vectors_of_another_length(store: Store, reader: Reader, admin: Connection) -> None:
    """The server would refuse them; then all are compared one by one again, and no index is made of two lengths."""
    vectors = some_vectors(store, 30)
    VectorIndex(admin, more_than=1).follow(1)
    assert store.save_vectors([Vector(vectors[0].key, "longer", (1.0, 0.0, 0.0))]) == 1
    VectorIndex(admin, more_than=1).follow(1)
    assert (index_in(admin), nearest(reader, 1, 0)) == ([], ([2, 3], "compared exactly with every vector"))


@pytest.mark.parametrize(("version", "has_vectors"), [("3.12.5", True), ("3.12.10", False)])
def test_where_there_can_be_no_vector_index_vectors_are_compared_one_by_one(
    version: str, has_vectors: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An old version, or a server started without them: no error, and asked for once."""
    monkeypatch.setenv("ARANGO_PASSWORD", PASSWORD)
    with Recording(password=PASSWORD, version=version, vector_index=has_vectors) as server:
        url = f"arangodb://root@127.0.0.1:{server.port}/own"
        with closing(open_store(url)) as store, closing(Connection(access_of(url, load_settings()))) as admin:
            store.prepare()
            some_vectors(store, 5)
            index = VectorIndex(admin, more_than=1)
            index.follow(1), index.follow(5_000)
            with closing(open_reader(url)) as reader:
                assert nearest(reader, 1, 0) == ([1, 2], "compared exactly with every vector")
        asked = [r for r in server.requests if r.method == "POST" and "/_api/index?collection=log_embeddings" in r.path]
        assert len(asked) == (1 if version == "3.12.5" else 2)  # one of them for the index of models


# The licence


@pytest.mark.parametrize(
    ("usage", "verdict", "said"),
    [
        ({}, "ok", "10.0 of the 100 GiB that the server's licence allows (10 %)"),
        ({"bytesUsed": 90 * 2**30}, "warn", "90.0 of the 100 GiB"),
        (
            {"bytesUsed": 101 * 2**30, "status": "limit-reached", "secondsUntilReadOnly": 7200},
            "bad",
            "over the limit: read-only in 2 hours",
        ),
    ],
)
def test_doctor_and_status_say_how_near_the_licence_s_limit_is(
    server: Recording, url: str, tmp_path: Path, usage: dict[str, Any], verdict: str, said: str
) -> None:
    """Before the server stops taking writes."""
    server.license_usage = {"bytesUsed": 10 * 2**30, **usage}
    (tmp_path / "logs").mkdir()
    base = ["--store", url, "--state-dir", str(tmp_path / "state")]
    run = CliRunner().invoke(cli, ["run", "--once", "--watch", str(tmp_path / "logs"), *base])
    assert run.exit_code == 0, run.output
    found = CliRunner().invoke(cli, ["doctor", *base]).output
    assert [line.startswith(verdict) for line in found.splitlines() if said in line] == [True]
    environ = {"LOGAGENT_STORE": url}
    assert said in CliRunner().invoke(cli, ["status", *base[2:]], env=environ).output


# Refusals


def test_a_refused_document_is_told_by_its_place_in_the_batch(store: Store, admin: Connection) -> None:
    """The silent answer maps to nothing, so the same batch is sent again to be told; the others are stored."""
    rule = {"type": "object", "properties": {"message": {"type": "string", "maxLength": 5}}}
    schema = {"rule": rule, "level": "moderate", "message": "too long"}
    admin.call(Method.PUT, "/_api/collection/log_events/properties", {"schema": schema})
    with pytest.raises(RecordRejected) as raised:
        append(store, run_start(0), event(1, "short"), event(2, "much too long"), event(3, "fine"))
    assert (raised.value.number, raised.value.index) == (1620, 2)
    with closing(open_reader(store.url)) as reader:
        assert [r.offset for r in reader.events(Selection(direction=Direction.OLDEST_FIRST), 5).records] == [100, 300]


def test_a_refused_line_of_a_run_is_told_by_its_place_in_the_batch(store: Store, admin: Connection) -> None:
    """Lines that are folded are sent apart from events, and counted by themselves."""
    rule = {"type": "object", "properties": {"kind": {"enum": ["run_end"]}}}
    admin.call(Method.PUT, "/_api/collection/log_lines/properties", {"schema": {"rule": rule, "message": "x"}})
    with pytest.raises(RecordRejected) as raised:
        append(store, event(1), run_end(2), event(3), run_start(4))
    assert (raised.value.number, raised.value.index) == (1620, 3)


def test_a_refused_error_is_not_told_as_the_place_of_a_record(store: Store, admin: Connection) -> None:
    """Errors are documents of their own, counted by themselves: which record told of one is found by halving."""
    admin.call(Method.PUT, "/_api/collection/log_errors/properties", {"schema": {"rule": {"required": ["x"]}}})
    with pytest.raises(RecordRejected) as raised:
        append(store, event(1), event(2, "failed", level="ERROR"))
    assert (raised.value.number, raised.value.index) == (1620, None)


def test_errors_that_are_never_said_twice_cost_no_memory(server: Recording, store: Store) -> None:
    """What an error is made of is known for a while, so that it is not looked for in each of its lines."""
    server.discards_documents = True
    tracemalloc.start()
    try:
        for batch in range(20):
            append(store, *(event(100 * batch + n, f"{batch} {n} " + "x" * 100_000, level="ERROR") for n in range(10)))
            if batch == 9:
                before = tracemalloc.get_traced_memory()[0]
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
        server.discards_documents = False
    assert grown < 8_000_000


@pytest.mark.parametrize(("status", "number"), [(400, 600), (413, 0)])
def test_a_refused_request_is_a_refused_batch_to_be_halved(
    server: Recording, store: Store, status: int, number: int
) -> None:
    """The fault is in some document, or in how many there are; where there is none in it, the store is at fault."""
    server.refuses = ("/_api/document/log_events", status, number)
    with pytest.raises(RecordRejected) as raised:
        append(store, event(1), event(2))
    assert (raised.value.number, raised.value.index) == (number or status, None)
    server.refuses = ("/_api/cursor", status, number)
    with pytest.raises(StoreUnavailable):
        append(store, event(1))


def test_a_write_that_the_server_ended_for_its_time_is_an_outage(server: Recording, store: Store) -> None:
    """The daemon does it again later; to a question it would be a time-out."""
    server.refuses = ("/_api/cursor", 410, 1500)
    with pytest.raises(StoreUnavailable):
        append(store, event(1))


def test_an_empty_silent_answer_is_the_only_request_for_documents(server: Recording, store: Store) -> None:
    """Documents are encoded once and sent once."""
    append(store, event(1), event(2))
    sent = [r.path for r in server.requests if "/document/log_events" in r.path]
    assert ["silent=true" in path for path in sent] == [True]


def test_a_wrong_password_is_an_auth_error_that_shows_no_password(
    url: str, server: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither in its text nor in what it comes from."""
    monkeypatch.setenv("ARANGO_PASSWORD", "no-such-password")
    with pytest.raises(StoreAuthError) as raised:
        open_store(url).prepare()
    assert "no-such-password" not in str(raised.value) + repr(raised.value.__cause__)


def test_without_a_password_the_way_to_give_one_is_named(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is tried."""
    monkeypatch.delenv("ARANGO_PASSWORD")
    with pytest.raises(ConfigError, match="ARANGO_PASSWORD_FILE"):
        open_store(url)


@pytest.mark.parametrize("wrong", ["arangodb://root:secret@box/db", "root:secret@box", "arangodb://root:secret@/"])
def test_a_url_with_a_password_is_refused_without_showing_it(wrong: str) -> None:
    """Who gave it is told how to give it."""
    with pytest.raises(ConfigError, match=r"ARANGO_PASSWORD|\[user@\]host") as raised:
        open_store(wrong)
    assert "secret" not in str(raised.value) + repr(raised.value.__cause__)


@pytest.mark.parametrize("wrong", ["arangodb://", "arangodb://box/db/more"])
def test_a_url_that_is_none_is_told_the_form(wrong: str) -> None:
    """Not just that it is wrong."""
    with pytest.raises(ConfigError, match=r"write arangodb://\[user@\]host\[:port\]/database"):
        open_store(wrong)


def test_the_access_shows_no_password(url: str) -> None:
    """It may stand in any traceback."""
    access: Access = access_of(url, load_settings())
    assert PASSWORD not in repr(access)


def test_a_question_can_be_interrupted(server: Recording, store: Store, reader: Reader) -> None:
    """From another thread, while the server takes its time."""
    server.latency_s = 1.5
    timer = threading.Timer(0.2, reader.interrupt)
    timer.start()
    with pytest.raises(QueryTimeout):
        reader.overview()
    server.latency_s = 0.0
    timer.join()
    assert reader.overview().runs == 0


# Arrivals


def test_nobody_is_told_of_a_batch_while_one_before_it_may_still_come(
    store: Store, reader: Reader, admin: Connection
) -> None:
    """Two daemons: the batch that began first is stored last, and is not passed over."""
    mark = reader.arrivals(Selection(), None, 5).mark
    other: dict[str, int] = admin.value("batch_begin", dict, patience_ms=60_000)
    append(store, event(2))
    assert reader.arrivals(Selection(), mark, 5).records == []
    admin.execute("batch_end", number=other["number"], sources=[], runs=[])
    assert [r.offset for r in reader.arrivals(Selection(), mark, 5).records] == [200]
