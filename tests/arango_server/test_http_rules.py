"""What the facts say of the HTTP interface and nobody recorded."""

from __future__ import annotations

import time
from typing import Any

from arango_server import ArangoServer
from arango_server.client import Client


def bulk(client: Client, documents: Any, parameters: str = "") -> tuple[int, Any, str | None]:
    """Status, body and error codes of an array insert."""
    answer = client.send("POST", f"/_api/document/c?{parameters}", documents)
    return answer.status, answer.body, answer.headers.get("x-arango-error-codes")


def error(client: Client, method: str, path: str, body: Any = None) -> tuple[int, int]:
    """Status and number of a failure."""
    answer = client.send(method, path, body)
    return answer.status, answer.body["errorNum"]


def test_a_bulk_insert_is_accepted_even_if_every_document_fails(client: Client) -> None:
    """202, the errors inline and counted in a header."""
    status, body, codes = bulk(client, [{"_key": "a b"}, {"_key": 1}, 5, {"_key": ""}])
    assert (status, [one["errorNum"] for one in body], codes) == (202, [1221, 1221, 1227, 1221], '{"1221":3,"1227":1}')
    assert all("code" not in one for one in body)


def test_a_silent_bulk_answers_an_empty_object_or_only_the_errors(client: Client) -> None:
    """`{}` where all went well, else an array that cannot be mapped to the input."""
    assert bulk(client, [{"_key": "1"}], "silent=true") == (202, {}, None)
    status, body, codes = bulk(client, [{"_key": "2"}, {"_key": "1"}], "silent=true")
    assert (status, len(body), body[0]["errorNum"], codes) == (202, 1, 1210, '{"1210":1}')
    assert bulk(client, [], "")[1] == []


def test_overwrite_mode_ignore_keeps_what_is_there(client: Client) -> None:
    """Re-sending is harmless; also within one array."""
    bulk(client, [{"_key": "1", "n": 1}])
    status, body, codes = bulk(client, [{"_key": "1", "n": 2}, {"_key": "2"}, {"_key": "2"}], "overwriteMode=ignore")
    assert (status, [one["_key"] for one in body], codes) == (202, ["1", "2", "2"], None)
    assert client.query("FOR d IN c SORT d._key RETURN d.n") == [1, None]


def test_ignore_does_not_cover_a_secondary_unique_index(client: Client) -> None:
    """Only `_key` is looked at."""
    client.send("POST", "/_api/index?collection=c", {"type": "persistent", "fields": ["u"], "unique": True})
    bulk(client, [{"_key": "1", "u": 1}])
    assert bulk(client, [{"_key": "2", "u": 1}], "overwriteMode=ignore")[2] == '{"1210":1}'


def test_replace_update_and_version_attribute(client: Client) -> None:
    """An older or equal version is silently not applied."""
    bulk(client, [{"_key": "1", "a": {"x": 1}, "v": 2}])
    bulk(client, [{"_key": "1", "a": {"y": 2}, "v": 3}], "overwriteMode=update&versionAttribute=v")
    bulk(client, [{"_key": "1", "a": 0, "v": 3}], "overwriteMode=replace&versionAttribute=v")
    assert client.query("FOR d IN c RETURN [d.a, d.v]") == [[{"x": 1, "y": 2}, 3]]
    client.send("PATCH", "/_api/document/c/1?keepNull=false", {"v": None})
    assert client.query("FOR d IN c RETURN HAS(d, 'v')") == [False]


def test_bad_json_refuses_the_whole_batch(client: Client) -> None:
    """NaN is no JSON."""
    assert error(client, "POST", "/_api/document/c", '[{"_key": "1"}, {n: 1}]') == (400, 600)
    assert client.query("RETURN LENGTH(c)") == [0]


def test_the_type_integer_matches_nothing(client: Client) -> None:
    """Numbers are always `number`; multipleOf 1 is how to say whole."""
    for kind, codes in (({"type": "integer"}, '{"1620":1}'), ({"type": "number", "multipleOf": 1}, None)):
        rule = {"rule": {"properties": {"line": kind}}, "message": "no"}
        assert client.send("PUT", "/_api/collection/c/properties", {"schema": rule}).status == 200
        assert bulk(client, [{"line": 3}])[2] == codes


def test_level_moderate_lets_documents_that_were_invalid_be_changed(client: Client) -> None:
    """Strict does not; new checks inserts only."""
    bulk(client, [{"_key": "old", "n": "text"}])
    for level, status in (("moderate", 202), ("strict", 400), ("new", 202)):
        rule = {"rule": {"properties": {"n": {"type": "number"}}}, "level": level, "message": "no"}
        client.send("PUT", "/_api/collection/c/properties", {"schema": rule})
        assert client.send("PATCH", "/_api/document/c/old", {"x": level}).status == status
        assert bulk(client, [{"n": "text"}])[2] == '{"1620":1}'


def test_edges_need_ends_but_not_that_they_exist(client: Client) -> None:
    """1233 for what does not look like an id."""
    assert error(client, "POST", "/_api/document/e", {"_from": "c/1"}) == (400, 1233)
    assert client.send("POST", "/_api/document/e", {"_from": "c/1", "_to": "nowhere/2"}).status == 202


def test_reading_and_conflicts(client: Client) -> None:
    """404, 412 with If-Match, arrays of keys with onlyget."""
    revision = client.send("POST", "/_api/document/c", {"_key": "1"}).body["_rev"]
    assert error(client, "GET", "/_api/document/c/2") == (404, 1202)
    assert error(client, "GET", "/_api/document/none/2") == (404, 1203)
    stale = client.send("PATCH", "/_api/document/c/1", {"x": 1}, {"If-Match": '"other"'})
    assert (stale.status, stale.body["errorNum"]) == (412, 1200)
    assert client.send("PATCH", "/_api/document/c/1", {"x": 1}, {"If-Match": f'"{revision}"'}).status == 202
    found = client.send("PUT", "/_api/document/c?onlyget=true", ["1", "2"]).body
    assert [found[0]["_key"], found[1]["errorNum"]] == ["1", 1202]


def test_collections_views_and_databases_answer_duplicates(client: Client) -> None:
    """409 with 1207; views share the names of collections."""
    assert error(client, "POST", "/_api/collection", {"name": "c"}) == (409, 1207)
    assert error(client, "POST", "/_api/view", {"name": "c", "type": "arangosearch"}) == (409, 1207)
    assert client.send("POST", "/_api/database", {"name": "logs"}).status == 201
    assert error(client, "POST", "/_api/database", {"name": "logs"}) == (409, 1207)
    assert error(client, "GET", "/_db/nowhere/_api/version") == (404, 1228)
    assert error(client, "POST", "/_db/logs/_api/database", {"name": "x"}) == (403, 1230)


def test_an_identical_index_is_not_made_again(client: Client) -> None:
    """201, then 200 whatever its name; a second ttl index is refused."""
    index = {"type": "persistent", "fields": ["run", "ts"], "name": "by_run"}
    statuses = [client.send("POST", "/_api/index?collection=c", index | {"name": n}).status for n in ("by_run", "b")]
    assert statuses == [201, 200]
    ttl = {"type": "ttl", "fields": ["t"], "expireAfter": 60}
    assert client.send("POST", "/_api/index?collection=c", ttl).status == 201
    assert error(client, "POST", "/_api/index?collection=c", ttl | {"fields": ["u"]})[0] == 400


def test_ttl_takes_seconds_and_dates_but_not_milliseconds(server: ArangoServer, client: Client) -> None:
    """A number of milliseconds never expires, nor does a missing value."""
    client.send("POST", "/_api/index?collection=c", {"type": "ttl", "fields": ["t"], "expireAfter": 60})
    bulk(
        client,
        [{"_key": "s", "t": 1000}, {"_key": "d", "t": "1970-01-01T00:16:40.000Z"}, {"_key": "ms", "t": 10**6}, {}],
    )
    assert server.expire(1059) == 0
    assert server.expire(1060) == 2


def test_rights(server: ArangoServer, client: Client) -> None:
    """401 without a login, 403 with 11 without a right; AQL of a reader cannot write."""
    server.create_user("reader", "pw", _system="ro")
    with Client(server, "reader", "pw") as reader, Client(server, "reader", "wrong") as nobody:
        assert error(nobody, "GET", "/_api/version")[0] == 401
        assert nobody.send("GET", "/_admin/server/availability").status == 200
        assert error(reader, "POST", "/_api/document/c", [{}]) == (403, 11)
        assert error(reader, "POST", "/_api/cursor", {"query": "INSERT {} INTO c"}) == (403, 11)
        assert error(reader, "POST", "/_api/user", {"user": "x"}) == (403, 11)
        assert reader.query("RETURN LENGTH(c)") == [0]


def test_cursors_in_batches(client: Client) -> None:
    """An id while there is more; 404 with 1600 afterwards; the last batch again with allowRetry."""
    body = {"query": "FOR i IN 1..5 RETURN i", "batchSize": 2, "options": {"allowRetry": True}}
    first = client.send("POST", "/_api/cursor", body).body
    second = client.send("POST", f"/_api/cursor/{first['id']}/{first['nextBatchId']}").body
    again = client.send("POST", f"/_api/cursor/{first['id']}/{first['nextBatchId']}").body
    last = client.send("POST", f"/_api/cursor/{first['id']}").body
    assert [first["result"], second["result"], again["result"], last["result"]] == [[1, 2], [3, 4], [3, 4], [5]]
    assert (last["hasMore"], client.send("DELETE", f"/_api/cursor/{first['id']}").status) == (False, 202)
    plain = client.send("POST", "/_api/cursor", body | {"options": {}}).body
    for _ in range(2):
        client.send("POST", f"/_api/cursor/{plain['id']}")
    assert error(client, "DELETE", f"/_api/cursor/{plain['id']}") == (404, 1600)


def test_a_query_that_takes_too_long_is_killed(client: Client) -> None:
    """410 with 1500, not before its time."""
    body = {"query": "FOR i IN 1..100 RETURN SLEEP(0.05)", "options": {"maxRuntime": 0.15}}
    started = time.monotonic()
    assert error(client, "POST", "/_api/cursor", body) == (410, 1500)
    assert time.monotonic() - started < 2


def test_what_is_not_known_is_refused_by_name(client: Client) -> None:
    """Endpoint, parameter, header, attribute, option, function."""
    cases = [
        ("GET", "/_api/nothing", None, "/_api/nothing"),
        ("GET", "/_api/version?x=1", None, "x"),
        ("POST", "/_api/collection", {"name": "n", "isVolatile": True}, "isVolatile"),
        ("POST", "/_api/cursor", {"query": "RETURN 1", "options": {"magic": 1}}, "magic"),
        ("POST", "/_api/cursor", {"query": "RETURN HASH(1)"}, "HASH"),
        ("POST", "/_api/cursor", {"query": "FOR d IN c OPTIONS {x: 1} RETURN d"}, "x"),
    ]
    for method, path, body, named in cases:
        answer = client.send(method, path, body)
        assert (answer.status, named in answer.body["errorMessage"]) == (501, True), answer.body
    assert client.send("GET", "/_api/version", None, {"x-arango-trx-id": "1"}).status == 501


def test_hooks_for_tests(server: ArangoServer, client: Client) -> None:
    """Forced answers, discarded documents, and a record of what was asked."""
    server.force_status(503, count=2, number=1429)
    assert [error(client, "GET", "/_api/version") for _ in range(2)] == [(503, 1429)] * 2
    assert client.send("GET", "/_api/version").status == 200
    server.discards_documents = True
    assert bulk(client, [{}, {}], "silent=true")[:2] == (202, {})
    assert (server.discarded, client.query("RETURN LENGTH(c)")) == (2, [0])
    assert (server.requests[-2].method, server.requests[-2].request_bytes) == ("POST", 8)
    assert not [logged for logged in server.requests if logged.method == "FAULT"]


def test_a_graph_is_made_with_its_collections(client: Client) -> None:
    """202, 409 with 1925; its collections cannot be dropped alone."""
    graph = {"name": "g", "edgeDefinitions": [{"collection": "links", "from": ["c"], "to": ["c", "d"]}]}
    assert client.send("POST", "/_api/gharial", graph).status == 202
    assert error(client, "POST", "/_api/gharial", graph) == (409, 1925)
    assert error(client, "DELETE", "/_api/collection/links") == (400, 1942)
    assert error(client, "GET", "/_api/gharial/none") == (404, 1924)


def test_an_import_counts_what_became_of_each_document(client: Client) -> None:
    """Lines, rows under names, or an array; a whole one stores all or nothing."""
    lines = '{"_key": "a"}\n\n{"_key": "a"}\n{"_key": "b"}\n'
    counted = {"error": False, "created": 2, "errors": 1, "empty": 1, "updated": 0, "ignored": 0}
    path = "/_api/import?collection=c&type="
    assert client.send("POST", f"{path}documents", lines).body == counted
    again = client.send("POST", f"{path}list&onDuplicate=ignore", [{"_key": "a"}, {"_key": "d"}]).body
    assert (again["created"], again["ignored"]) == (1, 1)
    rows = client.send("POST", "/_api/import?collection=c", '["_key", "n"]\n["e", 1]\n["f", 2]')
    assert (rows.status, rows.body["created"]) == (201, 2)
    whole = client.send("POST", f"{path}documents&complete=true", '{"_key": "g"}\n{"_key": "a"}')
    assert (whole.status, whole.body["errorNum"], client.query("RETURN DOCUMENT('c/g')")) == (409, 1210, [None])
    for odd in ('{"_key": "x y"}', "{", "5"):
        assert client.send("POST", f"{path}documents", odd).status == 501


def test_a_job_s_answer_is_kept_until_it_is_fetched(client: Client) -> None:
    """Once; without a number there is none to fetch. Who may not log in is told at once."""
    asked = client.send("GET", "/_api/version", None, {"x-arango-async": "store"})
    number = asked.headers["x-arango-async-id"]
    assert (asked.status, asked.body, client.send("GET", f"/_api/job/{number}").status) == (202, None, 200)
    fetched = client.send("PUT", f"/_api/job/{number}")
    assert (fetched.body["server"], fetched.headers["x-arango-async-id"]) == ("arango", number)
    assert error(client, "PUT", f"/_api/job/{number}") == (404, 404)
    told = client.send("POST", "/_api/document/c", {"_key": "a"}, {"x-arango-async": "true"})
    assert ("x-arango-async-id" in told.headers, client.query("RETURN LENGTH(c)")) == (False, [1])
    nobody = {"x-arango-async": "store", "Authorization": "Basic eDp4"}
    assert client.send("GET", "/_api/version", None, nobody).status == 401


def test_a_transaction_can_be_begun_and_ended_and_nothing_else(client: Client) -> None:
    """Its header is known nowhere."""
    begun = client.send("POST", "/_api/transaction/begin", {"collections": {"write": "c"}})
    path = f"/_api/transaction/{begun.body['result']['id']}"
    assert (begun.status, client.send("GET", path).body["result"]["status"]) == (201, "running")
    assert client.send("PUT", path).body["result"]["status"] == "committed"
    assert client.send("GET", "/_api/transaction").body == {"transactions": []}
    assert client.send("DELETE", path).status == 501
    assert error(client, "POST", "/_api/transaction/begin", {"collections": {"read": ["nowhere"]}}) == (404, 1203)


def test_in_a_one_shard_database_all_collections_have_the_copies_of_the_leading_one() -> None:
    """Two at least; a coordinator says so, whatever the default of the database was."""
    with ArangoServer(is_cluster=True) as server, Client(server) as client:
        options = {"sharding": "single", "replicationFactor": 1}
        assert client.send("POST", "/_api/database", {"name": "own", "options": options}).status == 201
        other = {"name": "c", "replicationFactor": 1}
        refused = client.send("POST", "/_db/own/_api/collection", other)
        assert (refused.status, refused.body["errorNum"]) == (400, 10)
        made = client.send("POST", "/_db/own/_api/collection", {"name": "c"}).body
        assert (made["replicationFactor"], made["writeConcern"], made["numberOfShards"]) == (2, 1, 1)
        assert client.send("GET", "/_db/own/_api/database/current").body["result"]["sharding"] == "single"


def test_a_batch_size_of_nothing_is_refused_and_of_no_number_is_the_default(client: Client) -> None:
    """17; and a database's name is in the text about a second one."""
    query = {"query": "FOR i IN 1..3 RETURN i"}
    assert error(client, "POST", "/_api/cursor", query | {"batchSize": 0}) == (400, 17)
    assert client.send("POST", "/_api/cursor", query | {"batchSize": "1"}).body["hasMore"] is False
    client.send("POST", "/_api/database", {"name": "second"})
    again = client.send("POST", "/_api/database", {"name": "second"}).body
    assert (again["errorNum"], again["errorMessage"]) == (1207, "duplicate database name 'second'")


def test_what_a_collection_tells_beside_its_properties(client: Client) -> None:
    """The same checksum for the same keys; keys that the server counts; a view's new name."""
    sums = []
    for document in ({"_key": "a", "n": 1}, {"_key": "a", "n": 2}):
        client.send("PUT", "/_api/collection/c/truncate")
        client.send("POST", "/_api/document/c", document)
        sums.append(
            [client.send("GET", f"/_api/collection/c/checksum{q}").body["checksum"] for q in ("", "?withData=1")]
        )
    assert (sums[0][0] == sums[1][0], sums[0][1] == sums[1][1]) == (True, False)
    assert client.send("PUT", "/_api/collection/c/recalculateCount").body["count"] == 1
    client.send("POST", "/_api/collection", {"name": "own", "keyOptions": {"type": "autoincrement", "increment": 5}})
    assert [client.send("POST", "/_api/document/own", {}).body["_key"] for _ in range(2)] == ["5", "10"]
    client.send("POST", "/_api/view", {"name": "v", "type": "arangosearch"})
    assert client.send("PUT", "/_api/view/v/rename", {"name": "w"}).body["name"] == "w"
    assert client.send("GET", "/_api/view/v").status == 404
