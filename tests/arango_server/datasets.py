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


PLACES: Final = (
    "Inverness Aberdeen Leuchars StAndrews Edinburgh Glasgow York Carlisle Birmingham London Brussels Cologne "
    "Toronto Winnipeg Saskatoon Edmonton Jasper Vancouver"
)
CONNECTIONS: Final = (
    "Inverness Aberdeen 3 2.5,Aberdeen Leuchars 1.5 1,Leuchars Edinburgh 1.5 3,Edinburgh Glasgow 1 1,"
    "Edinburgh York 3.5 4,Glasgow Carlisle 1 1,Carlisle York 2.5 3.5,Carlisle Birmingham 2 1,"
    "Birmingham London 1.5 2.5,Leuchars StAndrews 0.2 0.2,York London 1.8 2,London Brussels 2.5 3.5,"
    "Brussels Cologne 2 1.5,Toronto Winnipeg 36 35,Winnipeg Saskatoon 12 5,Saskatoon Edmonton 12 17,"
    "Edmonton Jasper 6 5,Jasper Vancouver 12 13"
)


def _there_and_back(line: str) -> list[dict[str, Any]]:
    start, end, there, back = line.split(" ")
    return [
        {"_from": f"places/{start}", "_to": f"places/{end}", "travelTime": float(there)},
        {"_from": f"places/{end}", "_to": f"places/{start}", "travelTime": float(back)},
    ]


def _city(line: str) -> dict[str, Any]:
    key, population, is_capital, east, north = line.split(" ")
    geometry = {"type": "Point", "coordinates": [float(east), float(north)]}
    return {"_key": key, "population": int(population), "isCapital": is_capital == "capital", "geometry": geometry}


GERMAN: Final = (
    "Berlin 3000000 capital 13.3833 52.5167,Cologne 1000000 city 6.9528 50.9364,Hamburg 1000000 city 10.0014 53.5653"
)
FRENCH: Final = "Lyon 80000 city 4.84 45.76,Paris 4000000 capital 2.3508 48.8567"

ABROAD: Final = (
    "Berlin Lyon 1100,Berlin Paris 1200,Hamburg Paris 900,Hamburg Lyon 1300,Cologne Lyon 700,Cologne Paris 550"
)


def _highways(start: str, end: str, lines: str) -> list[dict[str, Any]]:
    made = []
    for line in lines.split(","):
        one, other, distance = line.split(" ")
        made.append({"_from": f"{start}/{one}", "_to": f"{end}/{other}", "distance": int(distance)})
    return made


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
    "kShortestPathsGraph": {
        "definitions": [("connections", ["places"], ["places"])],
        "documents": {
            "places": [{"_key": place, "label": place} for place in PLACES.split()],
            "connections": [edge for line in CONNECTIONS.split(",") for edge in _there_and_back(line)],
        },
    },
    "routeplanner": {
        "geo": ["germanCity", "frenchCity"],
        "definitions": [
            ("germanHighway", ["germanCity"], ["germanCity"]),
            ("frenchHighway", ["frenchCity"], ["frenchCity"]),
            ("internationalHighway", ["frenchCity", "germanCity"], ["frenchCity", "germanCity"]),
        ],
        "documents": {
            "germanCity": [_city(line) for line in GERMAN.split(",")],
            "frenchCity": [_city(line) for line in FRENCH.split(",")],
            "germanHighway": _highways(
                "germanCity", "germanCity", "Berlin Cologne 850,Berlin Hamburg 400,Hamburg Cologne 500"
            ),
            "frenchHighway": _highways("frenchCity", "frenchCity", "Paris Lyon 550"),
            "internationalHighway": _highways("germanCity", "frenchCity", ABROAD),
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
    for collection in dataset.get("geo", []):
        client.send(
            "POST", f"/_api/index?collection={collection}", {"type": "geo", "fields": ["geometry"], "geoJson": True}
        )
    for collection, documents in dataset["documents"].items():
        if not definitions:
            client.send("POST", "/_api/collection", {"name": collection})
        answer = client.send("POST", f"/_api/document/{collection}", documents)
        assert "x-arango-error-codes" not in answer.headers, answer.body
