"""Small graphs and collections that recorded examples run on: ArangoDB's published example data, set up over HTTP."""

from __future__ import annotations

from typing import Any, Final

from .client import Client

TRUE: Final = {"theFalse": False, "theTruth": True}
TRAVERSAL: Final = (
    "A B left_bar,B C left_blarg,C D left_blorg,B E left_blub,E F left_schubi,"
    "A G right_foo,G H right_blob,H I right_blub,G J right_zip,J K right_zup"
)


def _circle(line: str) -> dict[str, Any]:
    start, end, label = line.split(" ")
    return {"_from": f"circles/{start}", "_to": f"circles/{end}", "label": label, **TRUE}


def _knows(line: str) -> dict[str, Any]:
    start, end = line.split(" ")
    return {"_from": f"persons/{start}", "_to": f"persons/{end}"}


def _relation(start: str, end: str, kind: str, key: str) -> dict[str, Any]:
    return {"_from": start, "_to": end, "type": kind, "_key": key}


OBSERVATIONS: Final = (
    "00 st113 10,00 xh458 0,15 st113 9,15 xh458 10,30 st113 25,30 xh458 5,45 st113 20,45 xh458 30,60 xh458 25"
)


def _observation(line: str) -> dict[str, Any]:
    minute, subject, value = line.split(" ")
    return {
        "time": f"2021-05-25 {7 + int(minute) // 60:02}:{int(minute) % 60:02}:00",
        "subject": subject,
        "val": int(value),
    }


DATASETS: Final[dict[str, dict[str, Any]]] = {
    "observationsSampleDataset": {
        "definitions": [],
        "documents": {"observations": [_observation(line) for line in OBSERVATIONS.split(",")]},
    },
    "traversalGraph": {
        "definitions": [("edges", ["circles"], ["circles"])],
        "documents": {
            "circles": [{"_key": key, "label": str(at)} for at, key in enumerate("ABCDEFGHIJK", 1)],
            "edges": [_circle(line) for line in TRAVERSAL.split(",")],
        },
    },
    "knows_graph": {
        "definitions": [("knows", ["persons"], ["persons"])],
        "documents": {
            "persons": [{"_key": n.lower(), "name": n} for n in ("Alice", "Bob", "Charlie", "Dave", "Eve")],
            "knows": [_knows(line) for line in ["alice bob", "bob charlie", "bob dave", "eve alice", "eve bob"]],
        },
    },
    "social": {
        "definitions": [("relation", ["female", "male"], ["female", "male"])],
        "documents": {
            "female": [{"_key": "alice", "name": "Alice"}, {"_key": "diana", "name": "Diana"}],
            "male": [{"_key": "bob", "name": "Bob"}, {"_key": "charly", "name": "Charly"}],
            "relation": [
                _relation("female/alice", "male/bob", "married", "aliceAndBob"),
                _relation("female/alice", "male/charly", "friend", "aliceAndCharly"),
                _relation("male/charly", "female/diana", "married", "charlyAndDiana"),
                _relation("male/bob", "female/diana", "friend", "bobAndDiana"),
            ],
        },
    },
}


def load(client: Client, name: str) -> None:
    """Make the graph and its documents."""
    dataset = DATASETS[name]
    definitions = [{"collection": c, "from": f, "to": t} for c, f, t in dataset["definitions"]]
    if definitions:
        client.send("POST", "/_api/gharial", {"name": name, "edgeDefinitions": definitions})
    for collection, documents in dataset["documents"].items():
        if not definitions:
            client.send("POST", "/_api/collection", {"name": collection})
        answer = client.send("POST", f"/_api/document/{collection}", documents)
        assert "x-arango-error-codes" not in answer.headers, answer.body
