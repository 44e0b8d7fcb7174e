"""Stream transactions: what they write stays or goes as a whole, and nobody looks at it meanwhile."""

from __future__ import annotations

from arango_server.client import Client


def begin(client: Client, *names: str) -> tuple[str, dict[str, str]]:
    """The path of a new transaction that may write these, and the header to work in it."""
    made = client.send("POST", "/_api/transaction/begin", {"collections": {"write": list(names)}}).body["result"]
    return f"/_api/transaction/{made['id']}", {"x-arango-trx-id": made["id"]}


def keys(client: Client) -> list[str]:
    """The keys in `c`."""
    return client.query("FOR d IN c SORT d._key RETURN d._key")


def test_a_commit_keeps_what_was_written(client: Client) -> None:
    """By documents and by queries, which read it within."""
    path, inside = begin(client, "c")
    assert client.send("POST", "/_api/document/c", {"_key": "1"}, inside).status == 202
    rows = client.send("POST", "/_api/cursor", {"query": "FOR d IN c UPDATE d WITH {n: 1} IN c RETURN NEW.n"}, inside)
    assert rows.body["result"] == [1]
    assert client.send("PUT", path).body["result"]["status"] == "committed"
    assert keys(client) == ["1"]


def test_an_abort_takes_it_back(client: Client) -> None:
    """Also what was changed and removed."""
    client.send("POST", "/_api/document/c", [{"_key": "1", "n": 1}, {"_key": "2"}])
    path, inside = begin(client, "c")
    client.send("PATCH", "/_api/document/c/1", {"n": 2}, inside)
    client.send("DELETE", "/_api/document/c/2", None, inside)
    assert client.send("DELETE", path).body["result"]["status"] == "aborted"
    assert client.query("FOR d IN c SORT d._key RETURN [d._key, d.n]") == [["1", 1], ["2", None]]


def test_what_would_need_isolation_is_refused(client: Client) -> None:
    """Outside while it has written, and inside once something else was written."""
    path, inside = begin(client, "c")
    _, beside = begin(client, "c")
    assert client.send("POST", "/_api/document/c", {"_key": "1"}, inside).status == 202
    assert client.send("GET", "/_api/document/c/1").status == 501
    assert client.send("GET", "/_api/document/c/1", None, beside).status == 501
    client.send("PUT", path)
    assert client.send("GET", "/_api/document/c/1").status == 200
    assert client.send("PUT", path).status == 501
    assert client.send("GET", "/_api/document/c/1", None, inside).status == 501


def test_a_transaction_writes_only_what_it_said(client: Client) -> None:
    """Another collection is refused."""
    _, inside = begin(client, "e")
    assert client.send("POST", "/_api/document/c", {"_key": "1"}, inside).status == 501
    assert client.send("GET", "/_api/index?collection=c", None, inside).status == 501
    assert client.send("POST", "/_api/document/c", {"_key": "1"}, {"x-arango-trx-id": "5"}).status == 501
