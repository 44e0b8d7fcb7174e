"""Indexes."""

from __future__ import annotations

from ..errors import ArangoError, Unsupported
from ..http import Request, Response, ok, route
from ..indexes import Index
from ..storage import Collection


@route("GET", "/_api/index", "collection withStats withHidden")
def every(request: Request) -> Response:
    """Of a collection."""
    if request.flag("withStats"):
        raise Unsupported("figures of indexes")
    collection = _collection(request, request.params["collection"])
    shown = [index.shown(collection.documents.values()) for index in collection.indexes]
    return ok(indexes=shown, identifiers={index["id"]: index for index in shown})


@route("POST", "/_api/index", "collection")
def ensure(request: Request) -> Response:
    """201 for a new one, 200 if there is such a one already."""
    collection = _collection(request, request.params["collection"], "rw")
    request.need("rw")
    body = request.json()
    if not isinstance(body, dict):
        raise ArangoError(10, "bad parameter")
    try:
        index, is_new = collection.ensure_index(body)
    except ArangoError as error:
        error.status = 400  # whatever the number would have elsewhere
        raise
    return ok(201 if is_new else 200, **index.shown(collection.documents.values()), isNewlyCreated=is_new)


@route("GET", "/_api/index/{}/{}")
def one(request: Request, collection: str, number: str) -> Response:
    """By its number or name."""
    documents = _collection(request, collection).documents.values()
    return ok(**_find(request, collection, number).shown(documents))


@route("DELETE", "/_api/index/{}/{}")
def drop(request: Request, collection: str, number: str) -> Response:
    """For good."""
    request.need("rw")
    index = _find(request, collection, number)
    if index.definition["type"] in ("primary", "edge"):
        raise ArangoError(11, "forbidden")
    request.database.collection(collection).indexes.remove(index)
    return ok(id=index.definition["id"])


def _collection(request: Request, name: str, right: str = "ro") -> Collection:
    """Here a missing one is not named."""
    try:
        return request.collection(name, right)
    except ArangoError as error:
        raise ArangoError(1203) if error.number == 1203 else error from None


def _find(request: Request, collection: str, number: str) -> Index:
    for index in _collection(request, collection).indexes:
        if number in (index.definition["id"].split("/")[1], index.definition["name"]):
            return index
    raise ArangoError(1212, "index not found")
