"""Collections: making, describing, emptying, dropping."""

from __future__ import annotations

import hashlib
import re
from typing import Any, Final

from .. import schema
from ..computed import check_definitions
from ..errors import ArangoError, Unsupported
from ..http import Request, Response, ok, route
from ..storage import Collection
from ..values import to_json
from .databases import IN_A_CLUSTER

CLUSTER: Final = (
    "numberOfShards", "shardKeys", "replicationFactor", "writeConcern", "shardingStrategy", "distributeShardsLike",
)  # fmt: skip
KNOWN: Final = ("name", "type", "waitForSync", "schema", "computedValues", "keyOptions", "cacheEnabled", "isSystem")
SYSTEM_COPIES: Final = 2
"""`--cluster.system-replication-factor`, by its default."""
STEPS: Final = {"offset": 0, "increment": 1}
KEYS: Final = {"allowUserKeys": True, "type": "traditional"}


def summary(collection: Collection) -> dict[str, Any]:
    """What every answer about a collection has."""
    return {
        "globallyUniqueId": f"h5C3DDE5391BF/{collection.identifier}", "isSystem": collection.name.startswith("_"),
        "status": 3, "type": collection.kind, "name": collection.name, "id": collection.identifier,
    }  # fmt: skip


def described(collection: Collection) -> dict[str, Any]:
    """All properties."""
    properties = collection.properties
    copies = {name: properties[name] for name in ("numberOfShards", "replicationFactor") if name in properties}
    return copies | {
        "writeConcern": properties["writeConcern"], "waitForSync": properties["waitForSync"],
        "usesRevisionsAsDocumentIds": True, "syncByRevision": True, "supportsRBAC": True, "statusString": "loaded",
        "isSmartChild": False, "schema": properties["schema"], "cacheEnabled": properties["cacheEnabled"],
        "internalValidatorType": 0, "computedValues": properties["computedValues"],
        "keyOptions": properties["keyOptions"] | {"lastValue": collection.last_key},
        "objectId": str(int(collection.identifier) + 1), **summary(collection),
    }  # fmt: skip


def _located(request: Request, **attributes: Any) -> Response:
    """It says where the request went, by the name or number that stood there."""
    answer = ok(**attributes)
    answer.headers["location"] = f"/_db/{request.database.name}{request.path}"
    return answer


@route("GET", "/_api/collection", "excludeSystem")
def every(request: Request) -> Response:
    """Those that the user may read."""
    request.need("ro")
    shown = [summary(collection) for collection in request.database.collections.values()]
    return ok(result=[c for c in shown if not (request.flag("excludeSystem") and c["isSystem"])])


@route("POST", "/_api/collection", "waitForSyncReplication enforceReplicationFactor")
def create(request: Request) -> Response:
    """Answers 200, not 201."""
    request.need("rw")
    body = request.object(*KNOWN, *CLUSTER)
    name, kind = body.get("name"), body.get("type", 2)
    form = r"_?[A-Za-z][A-Za-z0-9_-]{0,254}" if body.get("isSystem") else r"[A-Za-z][A-Za-z0-9_-]{0,255}"
    if not isinstance(name, str) or not re.fullmatch(form, name):
        raise ArangoError(1208, "illegal name")
    if kind not in (2, 3):
        raise ArangoError(1218, "invalid collection type")
    if name in request.database.collections or name in request.database.views:
        raise ArangoError(1207, "duplicate name")
    if body.get("shardKeys", ["_key"]) != ["_key"]:
        raise Unsupported("shardKeys other than _key")
    copies = copies_of(request, body) if request.server.is_cluster else {}
    made = Collection(request.database, name, kind, properties_of(body) | copies)
    request.database.collections[name] = made
    return ok(**described(made))


def copies_of(request: Request, body: dict[str, Any]) -> dict[str, Any]:
    """What a cluster says of shards and copies; in a OneShard database all follow the system's collections."""
    options = IN_A_CLUSTER | request.database.options
    found = {"numberOfShards": 1, **{name: options[name] for name in ("replicationFactor", "writeConcern")}}
    if options["sharding"] != "single":
        return found | {name: body[name] for name in found if name in body}
    found["replicationFactor"] = max(found["replicationFactor"], SYSTEM_COPIES)
    for name, leading in found.items():
        if body.get(name, leading) != leading:
            text = f"Cannot have a different {name} ({body[name]}), than the leading collection ({leading})"
            raise ArangoError(10, text)
    return found


def properties_of(body: dict[str, Any]) -> dict[str, Any]:
    """Properties of a new collection, with their defaults."""
    keys = body.get("keyOptions", {})
    kind, more = keys.get("type", "traditional"), set(keys) - {"type", "allowUserKeys"}
    if kind == "autoincrement" and more <= set(STEPS):
        keys = STEPS | keys
        if any(
            type(keys[name]) is not int or keys[name] < at_least for name, at_least in (("increment", 1), ("offset", 0))
        ):
            raise Unsupported(f"keyOptions {keys}")
    elif more or kind not in ("traditional", "padded", "uuid"):
        raise Unsupported(f"keyOptions {keys}")
    return {
        "waitForSync": bool(body.get("waitForSync", False)),
        "cacheEnabled": bool(body.get("cacheEnabled", False)),
        "writeConcern": body.get("writeConcern", 1),
        "keyOptions": KEYS | keys,
        "schema": _schema(body.get("schema")),
        "computedValues": _computed(body.get("computedValues")),
    }


def _schema(given: Any) -> dict[str, Any] | None:
    if not given:
        return None
    if set(given) - {"rule", "level", "message", "type"} or "rule" not in given:
        raise ArangoError(1621, "invalid schema")
    if given.get("level", "strict") not in ("none", "new", "moderate", "strict"):
        raise ArangoError(1621, "invalid schema level")
    schema.check_rule(given["rule"])
    return {"level": "strict", "message": "", "type": "json"} | given


def _computed(given: Any) -> list[dict[str, Any]] | None:
    return check_definitions(given) if given else None


@route("GET", "/_api/collection/{}")
def one(request: Request, name: str) -> Response:
    """Its summary."""
    return ok(**summary(request.collection(name)))


@route("GET", "/_api/collection/{}/properties")
def properties(request: Request, name: str) -> Response:
    """All of it."""
    collection = request.collection(name)
    return _located(request, **described(collection))


@route("GET", "/_api/collection/{}/count")
def count(request: Request, name: str) -> Response:
    """The number of documents."""
    collection = request.collection(name)
    return _located(request, **described(collection), count=len(collection.documents))


@route("GET", "/_api/collection/{}/revision")
def revision(request: Request, name: str) -> Response:
    """Another one after each change."""
    collection = request.collection(name)
    return _located(request, **described(collection), revision=str(collection.version))


@route("GET", "/_api/collection/{}/checksum", "withRevisions withData")
def checksum(request: Request, name: str) -> Response:
    """The same for the same documents, or, unless more is asked for, for the same keys."""
    collection = request.collection(name)
    total = 0
    for key, document in collection.documents.items():
        told = [key, document["_rev"] if request.flag("withRevisions") else ""]
        data = {n: v for n, v in document.items() if n not in ("_rev", "_id")} if request.flag("withData") else None
        digest = hashlib.sha256(to_json([told, data]).encode()).digest()
        total ^= int.from_bytes(digest[:8], "big")
    newest = max((document["_rev"] for document in collection.documents.values()), default="0")
    about = {"checksum": str(total), "revision": newest}
    return _located(request, **summary(collection), **about)


@route("PUT", "/_api/collection")
def nothing(request: Request) -> Response:
    """Which collection, and what to do with it?"""
    raise ArangoError(400, "expected PUT /_api/collection/<collection-name>/<action>", status=400)


@route("PUT", "/_api/collection/{}/load")
def load(request: Request, name: str) -> Response:
    """Does nothing any more."""
    collection = request.collection(name)
    return _located(request, **summary(collection), count=len(collection.documents))


@route("PUT", "/_api/collection/{}/unload")
def unload(request: Request, name: str) -> Response:
    """Does nothing any more."""
    return _located(request, **summary(request.collection(name)))


@route("PUT", "/_api/collection/{}/compact")
def compact(request: Request, name: str) -> Response:
    """Nothing that one could see."""
    collection = request.collection(name, "rw")
    return _located(request, **summary(collection))


@route("PUT", "/_api/collection/{}/loadIndexesIntoMemory")
def load_indexes(request: Request, name: str) -> Response:
    """Nothing that one could see."""
    request.collection(name)
    return _located(request, result=True)


@route("PUT", "/_api/collection/{}/recalculateCount")
def recalculate_count(request: Request, name: str) -> Response:
    """It is right already."""
    collection = request.collection(name, "rw")
    return _located(request, result=True, count=len(collection.documents))


@route("PUT", "/_api/collection/{}/properties")
def change(request: Request, name: str) -> Response:
    """Only what may change later."""
    collection = request.collection(name, "rw")
    request.need("rw")
    body = request.object(
        "waitForSync", "cacheEnabled", "schema", "computedValues", "replicationFactor", "writeConcern"
    )
    changed = {key: value for key, value in body.items() if key in ("waitForSync", "cacheEnabled", "writeConcern")}
    if "schema" in body:
        changed["schema"] = _schema(body["schema"])
    if "computedValues" in body:
        changed["computedValues"] = _computed(body["computedValues"])
    collection.properties = collection.properties | changed
    return _located(request, **described(collection))


@route("PUT", "/_api/collection/{}/truncate", "waitForSync compact")
def truncate(request: Request, name: str) -> Response:
    """All documents go."""
    collection = request.collection(name, "rw")
    collection.truncate()
    return _located(request, **summary(collection))


@route("PUT", "/_api/collection/{}/rename")
def rename(request: Request, name: str) -> Response:
    """Single servers only."""
    collection = request.collection(name, "rw")
    request.need("rw")
    new = request.object("name")["name"]
    if new in request.database.collections or new in request.database.views:
        raise ArangoError(1207, "duplicate name")
    if collection.documents or len(collection.indexes) > 1 + (collection.kind == 3):
        raise Unsupported("renaming a collection with documents or indexes")
    old = collection.name
    request.database.collections[new] = request.database.collections.pop(old)
    collection.name = new
    return _located(request, **summary(collection))


@route("DELETE", "/_api/collection/{}", "isSystem")
def drop(request: Request, name: str) -> Response:
    """With its indexes and its links in views."""
    collection = request.collection(name, "rw")
    request.need("rw")
    for graph in request.database.graphs.values():
        used = {c for d in graph["edgeDefinitions"] for c in (d["collection"], *d["from"], *d["to"])}
        if collection.name in used:
            raise ArangoError(1942, f"must not drop collection while part of graph: {collection.name}")
    if collection.name.startswith("_") and not request.flag("isSystem"):
        raise ArangoError(11, "forbidden")
    del request.database.collections[collection.name]
    for view in request.database.views.values():
        view.properties.get("links", {}).pop(collection.name, None)
    return ok(id=collection.identifier)
