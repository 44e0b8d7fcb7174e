"""Named graphs over HTTP, and ways between vertices in AQL."""

from __future__ import annotations

from typing import Any

import pytest

from arango_server.client import Client
from arango_server.datasets import load

GRAPH = "/_api/gharial/social"


@pytest.fixture(autouse=True)
def social(client: Client) -> None:
    """Four persons and how they are related."""
    load(client, "social")


def body(client: Client, method: str, path: str, sent: Any = None) -> Any:
    """An answer's body."""
    return client.send(method, GRAPH + path, sent).body


def test_vertices_are_read_changed_and_removed_with_their_edges(client: Client) -> None:
    """As `vertex`, with old and new if asked."""
    assert body(client, "GET", "/vertex/female/alice")["vertex"]["name"] == "Alice"
    changed = body(client, "PATCH", "/vertex/female/alice?returnOld=true&returnNew=true", {"age": 30})
    assert (changed["code"], changed["old"].get("age"), changed["new"]["age"]) == (202, None, 30)
    assert set(changed["vertex"]) == {"_id", "_key", "_rev", "_oldRev"}
    assert body(client, "POST", "/vertex/female?returnNew=true", {"_key": "eve"})["new"]["_id"] == "female/eve"
    assert body(client, "DELETE", "/vertex/female/alice") == {"error": False, "code": 202, "removed": True}
    assert client.query("FOR r IN relation SORT r._key RETURN r._key") == ["bobAndDiana", "charlyAndDiana"]


def test_edges_are_read_and_changed(client: Client) -> None:
    """As `edge`; ends that are named must be there."""
    assert body(client, "GET", "/edge/relation/aliceAndBob")["edge"]["type"] == "married"
    assert body(client, "PATCH", "/edge/relation/aliceAndBob", {"type": "divorced"})["code"] == 202
    assert body(client, "PATCH", "/edge/relation/aliceAndBob", {"_to": "male/nobody"})["errorNum"] == 1202


def test_a_definition_that_goes_leaves_orphans(client: Client) -> None:
    """Vertex collections that no other definition has."""
    assert body(client, "POST", "/vertex", {"collection": "other"})["graph"]["orphanCollections"] == ["other"]
    assert body(client, "GET", "/vertex")["collections"] == ["female", "male", "other"]
    assert body(client, "GET", "/edge")["collections"] == ["relation"]
    graph = body(client, "DELETE", "/edge/relation")["graph"]
    assert (graph["edgeDefinitions"], graph["orphanCollections"]) == ([], ["female", "male", "other"])


def test_ways_between_vertices_where_their_order_is_known(client: Client) -> None:
    """One shortest, none, or of different weights; two of the same weight are refused."""
    load(client, "kShortestPathsGraph")
    between = "'places/{}' TO 'places/{}' GRAPH 'kShortestPathsGraph' {} RETURN {}"
    labels = between.format("Leuchars", "York", "", "v.label")
    assert client.query(f"FOR v, e IN OUTBOUND SHORTEST_PATH {labels}") == ["Leuchars", "Edinburgh", "York"]
    nowhere = between.format("York", "Toronto", "", "p")
    for kind in ("OUTBOUND ALL_SHORTEST_PATHS", "OUTBOUND K_SHORTEST_PATHS", "1..9 OUTBOUND K_PATHS"):
        assert client.query(f"FOR p IN {kind} {nowhere}") == []
    weights = between.format("York", "London", "OPTIONS {weightAttribute: 'travelTime'} LIMIT 2", "p.weight")
    assert client.query(f"FOR p IN OUTBOUND K_SHORTEST_PATHS {weights}") == [1.8, 7]
    tied = between.format("Carlisle", "London", "", "v.label")
    refused = client.send("POST", "/_api/cursor", {"query": f"FOR v IN OUTBOUND SHORTEST_PATH {tied}"})
    assert refused.status == 501


def test_an_edge_to_itself_is_refused_where_it_may_come_twice(client: Client) -> None:
    """Unless what follows takes doubles as one."""
    client.send("POST", "/_api/document/relation", {"_from": "male/bob", "_to": "male/bob", "_key": "self"})
    walk = "FOR v, e IN 1..1 ANY 'male/bob' GRAPH 'social' "
    assert client.send("POST", "/_api/cursor", {"query": walk + "RETURN e._key"}).status == 501
    found = client.query(walk + "COLLECT key = e._key SORT key RETURN key")
    assert found == ["aliceAndBob", "bobAndDiana", "self"]
