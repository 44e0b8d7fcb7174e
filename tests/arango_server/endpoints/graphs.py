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


def _make_collections(database: Database, definition: dict[str, Any], main_kind: int = 3) -> None:
    for name, kind in [(definition["collection"], main_kind), *((n, 2) for n in definition["from"] + definition["to"])]:
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
    definitions = sorted(map(_definition, body.get("edgeDefinitions", [])), key=lambda d: str(d["collection"]))
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
    return ok(graph=_shown(name, _find(request, name)))


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
    _definition_of(graph, collection)
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


@route("DELETE", "/_api/gharial/{}/edge/{}", "waitForSync")
def remove_definition(request: Request, name: str, collection: str) -> Response:
    """Vertex collections that are then in no other definition become orphans."""
    request.need("rw")
    graph = _find(request, name)
    gone = _definition_of(graph, collection)
    graph["edgeDefinitions"] = [d for d in graph["edgeDefinitions"] if d != gone]
    used = {c for d in graph["edgeDefinitions"] for c in d["from"] + d["to"]}
    orphans = ({*gone["from"], *gone["to"]} - used) | set(graph["orphanCollections"])
    graph["orphanCollections"], graph["_rev"] = sorted(orphans), next_revision()
    return _answer(request, name, 202)


@route("GET", "/_api/gharial/{}/{}")
def collections_of(request: Request, name: str, kind: str) -> Response:
    """The names of its vertex or edge collections."""
    graph = _find(request, name)
    ends = {c for d in graph["edgeDefinitions"] for c in d["from"] + d["to"]}
    found = {
        "vertex": ends | set(graph["orphanCollections"]),
        "edge": {d["collection"] for d in graph["edgeDefinitions"]},
    }
    if kind not in found:
        raise ArangoError(404, "not found", status=404)
    return ok(collections=sorted(found[kind]))


@route("POST", "/_api/gharial/{}/vertex", "waitForSync createCollection")
def add_orphan(request: Request, name: str) -> Response:
    """One more vertex collection, made if it is not there."""
    request.need("rw")
    graph, collection = _find(request, name), request.object("collection").get("collection")
    used = {c for d in graph["edgeDefinitions"] for c in d["from"] + d["to"]} | set(graph["orphanCollections"])
    there = request.database.collections.get(collection)
    if not isinstance(collection, str) or collection in used or (there and there.kind == 3):
        raise Unsupported("a vertex collection that cannot be added")
    if there is None and not request.flag("createCollection", True):
        raise Unsupported("a vertex collection that is not there")
    _make_collections(request.database, {"collection": collection, "from": [], "to": []}, main_kind=2)
    graph["orphanCollections"], graph["_rev"] = sorted([*graph["orphanCollections"], collection]), next_revision()
    return _answer(request, name, 202)


def _definition_of(graph: dict[str, Any], collection: str) -> dict[str, Any]:
    for definition in graph["edgeDefinitions"]:
        if definition["collection"] == collection:
            return dict(definition)
    raise ArangoError(1930, "edge collection not used in graph")


def _check_ends(request: Request, definition: dict[str, Any], body: dict[str, Any], ends: tuple[str, ...]) -> None:
    for end in ends:
        vertex = str(body.get(end, ""))
        kind, _, key = vertex.partition("/")
        if kind not in definition["from" if end == "_from" else "to"]:
            raise ArangoError(1947, f"referenced {end} collection '{kind}' is not part of the graph")
        if key not in request.database.collection(kind).documents:
            raise ArangoError(1202)


def _element(request: Request, name: str, kind: str, collection: str) -> tuple[Collection, dict[str, Any]]:
    """A collection of the graph, and for edges their definition."""
    graph = _find(request, name)
    if kind == "edge":
        return request.collection(collection, "rw"), _definition_of(graph, collection)
    used = {c for d in graph["edgeDefinitions"] for c in d["from"] + d["to"]} | set(graph["orphanCollections"])
    if kind != "vertex" or collection not in used:
        raise Unsupported("a vertex collection that is not the graph's")
    return request.collection(collection, "rw"), {}


def _document(request: Request) -> dict[str, Any]:
    body = request.json()
    if not isinstance(body, dict):
        raise ArangoError(1227)
    return body


def _written(request: Request, kind: str, old: Any, new: Any, status: int) -> Response:
    meta = {key: new[key] for key in ("_id", "_key", "_rev")} | ({"_oldRev": old["_rev"]} if old else {})
    shown = {"old": old} if old and request.flag("returnOld") else {}
    if request.flag("returnNew"):
        shown["new"] = new
    answer = ok(status, **{kind: meta}, **shown)
    answer.headers["etag"] = meta["_rev"]
    return answer


@route("POST", "/_api/gharial/{}/{}/{}", "waitForSync returnNew")
def add(request: Request, name: str, kind: str, collection: str) -> Response:
    """A vertex, or an edge whose ends are there and fit its definition."""
    target, definition = _element(request, name, kind, collection)
    body = _document(request)
    if kind == "edge":
        _check_ends(request, definition, body, ("_from", "_to"))
    return _written(request, kind, None, target.insert(body, WriteOptions())[1], _status(request))


@route("GET", "/_api/gharial/{}/{}/{}/{}")
def read(request: Request, name: str, kind: str, collection: str, key: str) -> Response:
    """One vertex or edge."""
    document = _element(request, name, kind, collection)[0].get(key)
    answer = ok(**{kind: document})
    answer.headers["etag"] = document["_rev"]
    return answer


@route("PATCH", "/_api/gharial/{}/{}/{}/{}", "waitForSync keepNull returnOld returnNew")
def update(request: Request, name: str, kind: str, collection: str, key: str) -> Response:
    """Attributes merged into a vertex or an edge."""
    return _modify(request, name, kind, collection, key, "update")


@route("PUT", "/_api/gharial/{}/{}/{}/{}", "waitForSync keepNull returnOld returnNew")
def replace(request: Request, name: str, kind: str, collection: str, key: str) -> Response:
    """Another vertex or edge in its place."""
    return _modify(request, name, kind, collection, key, "replace")


def _modify(request: Request, name: str, kind: str, collection: str, key: str, how: str) -> Response:
    target, definition = _element(request, name, kind, collection)
    body = _document(request)
    _without_revision(request)
    if kind == "edge":
        _check_ends(request, definition, body, tuple(end for end in ("_from", "_to") if end in body))
    change = getattr(target, how)
    old, new = change(key, body, WriteOptions(keep_null=request.flag("keepNull", True)))
    return _written(request, kind, old, new, 200 if request.flag("waitForSync") else 202)


def _without_revision(request: Request) -> None:
    if "if-match" in request.headers:
        raise Unsupported("If-Match for a vertex or an edge")


@route("DELETE", "/_api/gharial/{}/{}/{}/{}", "waitForSync returnOld")
def remove(request: Request, name: str, kind: str, collection: str, key: str) -> Response:
    """An edge, or a vertex with the edges at it."""
    target, _ = _element(request, name, kind, collection)
    _without_revision(request)
    old = target.remove(key, None, WriteOptions())
    for graph in request.database.graphs.values():
        for definition in graph["edgeDefinitions"] if kind == "vertex" else []:
            edges = request.database.collection(definition["collection"])
            at = {edge["_key"] for end in ("_from", "_to") for edge in edges.edges_at(end, old["_id"])}
            for edge in at:
                edges.remove(edge, None, WriteOptions())
    shown = {"old": old} if request.flag("returnOld") else {}
    return ok(200 if request.flag("waitForSync") else 202, removed=True, **shown)


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
