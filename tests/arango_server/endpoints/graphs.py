"""Named graphs: their definitions, and edges that are checked against them."""

from __future__ import annotations

from typing import Any

from ..endpoints.collections import properties_of
from ..errors import ArangoError, Unsupported
from ..http import Request, Response, ok, route
from ..storage import Collection, Database, WriteOptions, next_revision


def _shown(name: str, graph: dict[str, Any]) -> dict[str, Any]:
    return {"_key": name, **graph, "_id": f"_graphs/{name}", "name": name}


def _definition(given: Any) -> dict[str, Any]:
    if not isinstance(given, dict) or set(given) != {"collection", "from", "to"}:
        raise ArangoError(1923, "edge definition is malformed")
    return {"collection": given["collection"], "from": sorted(given["from"]), "to": sorted(given["to"])}


def _make_collections(database: Database, definition: dict[str, Any]) -> None:
    for name, kind in [(definition["collection"], 3), *((n, 2) for n in definition["from"] + definition["to"])]:
        if name not in database.collections:
            database.collections[name] = Collection(database, name, kind, properties_of({}))


def _check_use(database: Database, own: str, definition: dict[str, Any]) -> None:
    for name, graph in database.graphs.items():
        for other in graph["edgeDefinitions"]:
            if name != own and other["collection"] == definition["collection"] and other != definition:
                raise ArangoError(1921, f"{other['collection']} edge collection is used in another way")


def _find(request: Request, name: str) -> dict[str, Any]:
    if name not in request.database.graphs:
        raise ArangoError(1924, f"graph '{name}' not found", status=404)
    return request.database.graphs[name]


def _status(request: Request) -> int:
    return 201 if request.flag("waitForSync") else 202


@route("GET", "/_api/gharial")
def every(request: Request) -> Response:
    """All of them."""
    request.need("ro")
    return ok(graphs=[_shown(name, graph) for name, graph in request.database.graphs.items()])


@route("POST", "/_api/gharial", "waitForSync")
def create(request: Request) -> Response:
    """Missing collections are made."""
    request.need("rw")
    body = request.object("name", "edgeDefinitions", "orphanCollections", "options")
    if body.get("options"):
        raise Unsupported("options of a graph")
    name = body.get("name")
    if not isinstance(name, str) or not name:
        raise ArangoError(1939, "a graph name is required to create or drop a graph")
    if name in request.database.graphs:
        raise ArangoError(1925, "graph already exists")
    definitions = [_definition(given) for given in body.get("edgeDefinitions", [])]
    for definition in definitions:
        _check_use(request.database, name, definition)
    for definition in definitions:
        _make_collections(request.database, definition)
    orphans = list(body.get("orphanCollections", []))
    for orphan in orphans:
        if orphan not in request.database.collections:
            request.database.collections[orphan] = Collection(request.database, orphan, 2, properties_of({}))
    graph = {"edgeDefinitions": definitions, "orphanCollections": orphans, "_rev": next_revision()}
    request.database.graphs[name] = graph
    return _answer(request, name, _status(request))


def _answer(request: Request, name: str, status: int) -> Response:
    graph = request.database.graphs[name]
    answer = ok(status, graph=_shown(name, graph))
    answer.headers["etag"] = graph["_rev"]
    return answer


@route("GET", "/_api/gharial/{}")
def one(request: Request, name: str) -> Response:
    """By its name."""
    _find(request, name)
    return _answer(request, name, 200)


@route("DELETE", "/_api/gharial/{}", "dropCollections")
def drop(request: Request, name: str) -> Response:
    """With its collections only if asked."""
    request.need("rw")
    graph = _find(request, name)
    del request.database.graphs[name]
    if request.flag("dropCollections"):
        ours = {c for d in graph["edgeDefinitions"] for c in (d["collection"], *d["from"], *d["to"])}
        others = request.database.graphs.values()
        used = {c for g in others for d in g["edgeDefinitions"] for c in (d["collection"], *d["from"], *d["to"])}
        for collection in (ours | set(graph["orphanCollections"])) - used:
            request.database.collections.pop(collection, None)
    return ok(202, removed=True)


@route("POST", "/_api/gharial/{}/edge")
def add_definition(request: Request, name: str) -> Response:
    """One more edge definition."""
    request.need("rw")
    graph, definition = _find(request, name), _definition(request.json())
    if any(d["collection"] == definition["collection"] for d in graph["edgeDefinitions"]):
        raise ArangoError(1920, "multi use of edge collection in edge def")
    return _changed(request, name, definition)


@route("PUT", "/_api/gharial/{}/edge/{}")
def replace_definition(request: Request, name: str, collection: str) -> Response:
    """Another definition for the same edge collection."""
    request.need("rw")
    graph, definition = _find(request, name), _definition(request.json())
    if all(d["collection"] != collection for d in graph["edgeDefinitions"]):
        raise ArangoError(1930, "edge collection not used in graph")
    if definition["collection"] != collection:
        raise Unsupported("replacing the collection of an edge definition")
    return _changed(request, name, definition)


def _changed(request: Request, name: str, definition: dict[str, Any]) -> Response:
    graph = request.database.graphs[name]
    _check_use(request.database, name, definition)
    _make_collections(request.database, definition)
    kept = [d for d in graph["edgeDefinitions"] if d["collection"] != definition["collection"]]
    graph["edgeDefinitions"] = sorted([*kept, definition], key=lambda d: d["collection"])
    graph["_rev"] = next_revision()
    return _answer(request, name, 202)


@route("POST", "/_api/gharial/{}/edge/{}", "waitForSync")
def add_edge(request: Request, name: str, collection: str) -> Response:
    """Both ends must be there and fit the definition."""
    graph = _find(request, name)
    definition = next((d for d in graph["edgeDefinitions"] if d["collection"] == collection), None)
    if definition is None:
        raise ArangoError(1930, "edge collection not used in graph")
    body = request.json()
    for end, allowed in (("_from", definition["from"]), ("_to", definition["to"])):
        vertex = str(body.get(end, ""))
        kind, _, key = vertex.partition("/")
        if kind not in allowed:
            raise ArangoError(1947, f"referenced {end} collection '{kind}' is not part of the graph")
        if key not in request.database.collection(kind).documents:
            raise ArangoError(1202)
    new = request.collection(collection, "rw").insert(body, WriteOptions())[1] or {}
    meta = {key: new[key] for key in ("_id", "_key", "_rev")}
    answer = ok(_status(request), edge=meta)
    answer.headers["etag"] = meta["_rev"]
    return answer


@route("DELETE", "/_api/gharial/{}/edge/{}/{}", "waitForSync")
def remove_edge(request: Request, name: str, collection: str, key: str) -> Response:
    """One edge."""
    _find(request, name)
    request.collection(collection, "rw").remove(key, None, WriteOptions())
    return ok(200 if request.flag("waitForSync") else 202, removed=True)


@route("DELETE", "/_api/gharial/{}/vertex/{}")
def remove_orphan(request: Request, name: str, collection: str) -> Response:
    """Only orphans can go so."""
    graph = _find(request, name)
    if collection not in graph["orphanCollections"]:
        raise ArangoError(1928, "collection is not in list of orphan collections")
    graph["orphanCollections"].remove(collection)
    graph["_rev"] = next_revision()
    return _answer(request, name, 202)


@route("GET", "/_api/edges/{}", "vertex direction")
def edges_of(request: Request, collection: str) -> Response:
    """Edges at a vertex: outgoing, then incoming."""
    found, vertex = request.collection(collection), request.params["vertex"]
    direction = request.params.get("direction", "any")
    if direction not in ("in", "out", "any"):
        raise ArangoError(400, "<direction> must by 'in', 'out' or 'any'", status=400)
    shown: dict[str, Any] = {}
    for end in {"out": ["_from"], "in": ["_to"], "any": ["_from", "_to"]}[direction]:
        shown |= {edge["_key"]: edge for edge in found.edges_at(end, vertex)}
    return ok(edges=list(shown.values()), stats={"scannedIndex": len(shown), "filtered": 0})
