"""What the documentation says and nobody recorded: each was answered otherwise once."""

from __future__ import annotations

from typing import Any

import pytest

from arango_server import ArangoServer
from arango_server.client import Client

TAKEN_APART = {
    "LET [, y, z] = [1, 2, 3] RETURN [y, z]": [2, 3],
    "LET [x, y] = ['one'] LET [z] = {obj: true} RETURN [x, y, z]": ["one", None, None],
    "LET [[a], [b, c]] = [['foo', 'bar'], [1, 2, 3]] RETURN [a, b, c]": ["foo", 1, 2],
    "LET {name, age} = {vip: true, age: 39, name: 'Luna'} RETURN [name, age]": ["Luna", 39],
    "LET {name: {first, last: family}, name} = {name: {first: 'L', last: 'M'}} RETURN [first, family, name]": [
        "L",
        "M",
        {"first": "L", "last": "M"},
    ],
    "LET {obj: [x, y]} = {obj: [1, 2]} RETURN x + y": 3,
    "RETURN (FOR [key, value] IN ENTRIES({foo: 'bar', n: 1}) RETURN {[key]: value})": [{"foo": "bar"}, {"n": 1}],
    "RETURN (FOR {a, b: {c}} IN [{a: 1, b: {c: 2}}, 5] RETURN [a, c])": [[1, 2], [None, None]],
}


@pytest.mark.parametrize("query", TAKEN_APART)
def test_arrays_and_objects_can_be_taken_apart(client: Client, query: str) -> None:
    """In LET and FOR; what is not there is null."""
    assert client.query(query) == [TAKEN_APART[query]]


def warnings(client: Client, query: str, path: str = "/_api/cursor") -> list[Any]:
    """The warnings of a query, or of its plan."""
    body = client.send("POST", path, {"query": query}).body
    return list(body["warnings"] if path.endswith("explain") else body["extra"]["warnings"])


def test_what_is_computed_before_the_query_runs_warns_once(client: Client) -> None:
    """And in the plan as well, in words of its own; what depends on rows warns for each."""
    once = [{"code": 1562, "message": "division by zero"}]
    for query in ("FOR i IN 1..10 RETURN 1 / 0", "LET x = 0 FOR i IN 1..10 RETURN 1 % x"):
        assert warnings(client, query) == once == warnings(client, query, "/_api/explain")
    assert len(warnings(client, "FOR i IN 1..3 RETURN DATE_YEAR('x')")) == 1
    each = [{"code": 1562, "message": "in operator /: division by zero"}] * 2
    assert warnings(client, "FOR i IN 1..2 RETURN i / 0") == each


def test_a_date_is_formatted_in_a_time_zone(client: Client) -> None:
    """Its third argument."""
    found = client.query("RETURN DATE_FORMAT('2023-12-31T23:00:00.000Z', '%yyyy-%m-%d %hh %x %k', 'Europe/Berlin')")
    assert found == ["2024-1-1 00 1 1"]


def test_a_part_in_quotes_may_have_delimiters_in_it(client: Client) -> None:
    """As in CSV."""
    body = {"name": "csv", "type": "delimiter", "properties": {"delimiter": ","}}
    assert client.send("POST", "/_api/analyzer", body).status == 201
    assert client.query("""RETURN TOKENS('foo,bar,"bar,baz"', "csv")""") == [["foo", "bar", "bar,baz"]]
    for text in ('a"b,c"', '"a""b"', '"a'):
        answer = client.send("POST", "/_api/cursor", {"query": f"RETURN TOKENS('{text}', 'csv')"})
        assert answer.status == 501


def test_answers_about_a_collection_say_where_the_request_went(client: Client) -> None:
    """By its number if it was asked for by that."""
    number = client.send("GET", "/_api/collection/c").body["id"]
    for name in ("c", number):
        path = f"/_api/collection/{name}/properties"
        assert client.send("GET", path).headers["location"] == f"/_db/_system{path}"


def test_the_job_of_a_refused_request_is_refused(client: Client) -> None:
    """A real server would do it, or work on it still."""
    later = {"x-arango-async": "store"}
    number = client.send("POST", "/_api/transaction", {}, later).headers["x-arango-async-id"]
    assert [client.send(method, f"/_api/job/{number}").status for method in ("GET", "PUT")] == [501, 501]
    sleeping = client.send("POST", "/_api/cursor", {"query": "FOR i IN 1..9 RETURN SLEEP(9)"}, later)
    assert client.send("PUT", f"/_api/job/{sleeping.headers['x-arango-async-id']}").status == 501


def test_what_only_the_server_knows_the_order_of_is_refused(client: Client) -> None:
    """The list of analyzers; and what the documentation says of no arguments is not what it does."""
    assert client.send("GET", "/_api/analyzer").status == 501
    counted = {"query": "FOR d IN c COLLECT AGGREGATE n = COUNT() RETURN n"}
    assert client.send("POST", "/_api/cursor", counted).status == 501


def test_users_made_with_a_database_are_as_they_are_told_to_be(server: ArangoServer, client: Client) -> None:
    """One that is not active cannot log in."""
    users = [{"username": name, "passwd": "pw", "active": name == "in"} for name in ("in", "out")]
    client.send("POST", "/_api/database", {"name": "d", "users": users})
    found = []
    for name in ("in", "out"):
        with Client(server, name, "pw") as own:
            found.append(own.send("GET", "/_db/d/_api/database/current").status)
    assert found == [200, 401]


def test_details_of_a_build_are_refused(client: Client) -> None:
    """They are of one build."""
    assert client.send("GET", "/_api/version?details=true").status == 501


def test_an_index_estimates_how_different_its_values_are(client: Client) -> None:
    """1 for a unique one, nothing where it is told not to."""
    client.send("POST", "/_api/document/c", [{"a": 1}, {"a": 1}, {"a": 2}, {"a": 3}])

    def made(**more: Any) -> Any:
        body = {"type": "persistent", "fields": ["a"]} | more
        return client.send("POST", "/_api/index?collection=c", body).body.get("selectivityEstimate")

    assert made() == 0.75
    assert made(fields=["_key"], unique=True) == 1
    assert made(fields=["b"], estimates=False) is None


def test_a_filter_on_a_variable_may_use_an_index_as_well(client: Client) -> None:
    """So the order is not guessed."""
    client.send("POST", "/_api/document/c", [{"a": 2}, {"a": 1}])
    client.send("POST", "/_api/index?collection=c", {"type": "persistent", "fields": ["a"]})
    query = "FOR d IN c LET v = d.a FILTER v > 0 RETURN v"
    assert client.send("POST", "/_api/cursor", {"query": query}).status == 501
    assert client.query(query.replace("RETURN", "SORT v RETURN")) == [1, 2]


@pytest.mark.parametrize(
    ("method", "path", "body", "text"),
    [
        ("PUT", "/_api/cursor", None, "expecting PUT /_api/cursor/<cursor-id>"),
        ("PUT", "/_api/collection", {}, "expected PUT /_api/collection/<collection-name>/<action>"),
        ("POST", "/_api/import?collection=c&type=list", {}, "expecting a JSON array in the request"),
        ("POST", "/_api/import?collection=c", {}, "no JSON array found in second line"),
        ("POST", "/_api/import?collection=c", "[1]\n[2]", "no JSON string array found in first line"),
    ],
)
def test_requests_that_lack_something_are_told_what(
    client: Client, method: str, path: str, body: Any, text: str
) -> None:
    """400, by its status and its number."""
    answer = client.send(method, path, body)
    assert (answer.status, answer.body["errorNum"], answer.body["errorMessage"]) == (400, 400, text)


def test_of_a_query_that_is_only_parsed_we_say_when_it_is_none(client: Client) -> None:
    """Its tree is refused."""
    answer = client.send("POST", "/_api/query", {"query": "FOR i IN 1..100 FILTER i = 1 RETURN i"})
    assert (answer.status, answer.body["errorNum"]) == (400, 1501)
    assert client.send("POST", "/_api/query", {"query": "RETURN 1"}).status == 501
