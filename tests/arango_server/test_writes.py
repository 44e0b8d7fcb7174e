"""Writes as a 3.12 server takes them: which check comes first, what an empty patch does, how a conflict is told."""

from __future__ import annotations

from typing import Any

import pytest

from arango_server.client import Client

PATH = "/_api/document/c"


@pytest.fixture(autouse=True)
def two_documents(client: Client) -> None:
    """Keys a and b."""
    client.send("POST", PATH, [{"_key": "a", "n": 1}, {"_key": "b", "n": 2}])


def numbers(client: Client, method: str, body: Any, query: str = "") -> list[int]:
    """The error number of each element of an array, 0 where there is none."""
    return [each.get("errorNum", 0) for each in client.send(method, PATH + query, body).body]


def test_an_array_of_removals_takes_keys_ids_and_objects_with_a_key(client: Client) -> None:
    """Of an id only the key counts; what has no key is 1205, and so is an object that only has `_id`."""
    wanted = ["other/a", {"_key": "b"}, {"_id": "c/b"}, 5, ""]
    assert numbers(client, "DELETE", wanted) == [0, 0, 1205, 1205, 1205]


def test_an_array_of_changes_takes_objects_with_a_key(client: Client) -> None:
    """None is 1205, one that is no string 1221, one with a slash names nothing."""
    wanted: list[Any] = [{"_key": "a"}, {"n": 1}, {"_key": 1}, {"_key": "c/a"}, "a"]
    assert numbers(client, "PATCH", wanted) == [0, 1205, 1221, 1202, 1227]


@pytest.mark.parametrize(("method", "path"), [("PATCH", PATH), ("PUT", PATH), ("PATCH", f"{PATH}/a")])
def test_an_object_where_an_array_belongs_is_no_document(client: Client, method: str, path: str) -> None:
    """And the other way round."""
    answer = client.send(method, path, [] if path.endswith("/a") else {})
    assert (answer.status, answer.body["errorNum"]) == (400, 1227)


def test_an_empty_patch_changes_nothing(client: Client) -> None:
    """The revision stays, over HTTP and in AQL."""
    before = client.send("GET", f"{PATH}/a").body["_rev"]
    told = client.send("PATCH", f"{PATH}/a", {}).body
    assert (told["_rev"], told["_oldRev"]) == (before, before)
    assert client.query("UPDATE 'a' WITH {} IN c RETURN OLD._rev == NEW._rev") == [True]
    assert client.query("REPLACE 'a' WITH {} IN c RETURN OLD._rev == NEW._rev") == [False]


def test_a_key_that_is_there_comes_before_the_schema(client: Client) -> None:
    """1210 rather than 1620."""
    client.send("PUT", "/_api/collection/c/properties", {"schema": {"rule": {"required": ["x"]}}})
    assert numbers(client, "POST", [{"_key": "a"}, {"_key": "z"}]) == [1210, 1620]


def test_a_conflict_tells_what_is_there(client: Client) -> None:
    """With If-Match: 412, its revision in the body and as etag. Without, for a single document, we do not know."""
    there = client.send("GET", f"{PATH}/a").body
    answer = client.send("DELETE", f"{PATH}/a", None, {"If-Match": '"_abc"'})
    assert answer.status == 412
    assert (answer.body["errorNum"], answer.body["_id"], answer.body["_rev"]) == (1200, "c/a", there["_rev"])
    assert answer.headers["etag"] == f'"{there["_rev"]}"'
    assert client.send("PATCH", f"{PATH}/a?ignoreRevs=false", {"_rev": "_abc", "n": 2}).status == 501


def test_replacing_an_edge_needs_its_ends(client: Client) -> None:
    """1233; an update keeps them."""
    client.send("POST", "/_api/collection", {"name": "e", "type": 3})
    client.send("POST", "/_api/document/e", {"_key": "1", "_from": "c/a", "_to": "c/b"})
    assert client.send("PUT", "/_api/document/e/1", {"x": 1}).body["errorNum"] == 1233
    assert client.send("PATCH", "/_api/document/e/1", {"x": 1}).status == 202


def test_what_a_modification_tells_of(client: Client) -> None:
    """REMOVE has no NEW; INSERT has OLD only where it may overwrite."""
    told = {
        "REMOVE 'a' IN c RETURN NEW": (404, 1203),
        "INSERT {} INTO c RETURN OLD": (404, 1203),
        "INSERT {} INTO c OPTIONS {overwriteMode: 'ignore'} RETURN OLD": (404, 1203),
        "INSERT {_key: 'a'} INTO c OPTIONS {overwriteMode: 'update'} RETURN OLD.n": (201, None),
        "REMOVE null IN c": (400, 1227),
        "REMOVE {x: 1} IN c": (400, 1226),
        "REMOVE 5 IN c": (501, 9),
    }
    answers = {text: client.send("POST", "/_api/cursor", {"query": text}) for text in told}
    assert {text: (answer.status, answer.body.get("errorNum")) for text, answer in answers.items()} == told


def test_where_a_missing_source_is_not_named(client: Client) -> None:
    """Views and indexes say only that it is not there; views are listed by name."""
    for path in ("/_api/view/none", "/_api/index?collection=none", "/_api/index/none/0"):
        assert client.send("GET", path).body["errorMessage"] == "collection or view not found"
    for name in ("beta", "Alpha"):
        client.send("POST", "/_api/view", {"name": name, "type": "search-alias"})
    assert [view["name"] for view in client.send("GET", "/_api/view").body["result"]] == ["Alpha", "beta"]


def test_an_index_that_cannot_be_made_is_a_bad_request(client: Client) -> None:
    """Whatever its number would be elsewhere."""
    client.send("POST", PATH, {"n": 1})
    answer = client.send("POST", "/_api/index?collection=c", {"type": "persistent", "fields": ["n"], "unique": True})
    assert (answer.status, answer.body["errorNum"]) == (400, 1210)
