"""Documents: one by one and in arrays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import orjson

from ..errors import ArangoError, Unsupported
from ..http import Request, Response, route
from ..storage import Collection, WriteOptions, has_null

WRITE = "waitForSync returnNew returnOld silent keepNull mergeObjects versionAttribute refillIndexCaches"
INSERT = f"{WRITE} overwrite overwriteMode"
CHANGE = f"{WRITE} ignoreRevs"
REMOVE = "waitForSync returnOld silent ignoreRevs refillIndexCaches"
Pair = tuple[Any, Any]


def _options(request: Request) -> WriteOptions:
    mode = request.params.get("overwriteMode", "replace" if request.flag("overwrite") else "conflict")
    if mode not in ("conflict", "ignore", "replace", "update"):
        raise Unsupported(f"overwriteMode={mode}")
    if mode == "ignore" and request.flag("returnOld"):
        raise Unsupported("returnOld with overwriteMode=ignore")
    return WriteOptions(
        mode,
        request.flag("keepNull", True),
        request.flag("mergeObjects", True),
        request.flag("ignoreRevs", True) and "if-match" not in request.headers,
        request.params.get("versionAttribute", ""),
    )


def _status(request: Request, collection: Collection, synced: int, *, written: bool = True) -> int:
    # A collection's own waitForSync only counts once something is written; the parameter counts always.
    waits = request.flag("waitForSync") or (written and collection.properties["waitForSync"])
    return synced if waits else 202


def _meta(request: Request, old: Any, new: Any) -> dict[str, Any]:
    shown = new if new is not None else old
    meta = {"_id": shown["_id"], "_key": shown["_key"], "_rev": shown["_rev"]}
    if old is not None and new is not None:
        meta["_oldRev"] = old["_rev"]
    if request.flag("returnOld") and old is not None:
        meta["old"] = old
    if request.flag("returnNew"):
        meta["new"] = new
    return meta


def _one(request: Request, collection: Collection, write: Callable[[], Pair], synced: int = 201) -> Response:
    old, new = write()
    shown = new if new is not None else old
    status = _status(request, collection, synced)
    location = f"/_db/{request.database.name}/_api/document/{shown['_id']}"
    headers = {"etag": f'"{shown["_rev"]}"', "location": location}
    return Response(status, {} if request.flag("silent") else _meta(request, old, new), headers)


def _many(request: Request, collection: Collection, writes: list[Callable[[], Pair]], synced: int = 201) -> Response:
    silent, results, errors = request.flag("silent"), [], Counter[int]()
    for write in writes:
        try:
            old, new = write()
        except ArangoError as error:
            errors[error.number] += 1
            results.append(error.inline())
        else:
            if not silent:
                results.append(_meta(request, old, new))
    headers = {"x-arango-error-codes": orjson.dumps({str(n): c for n, c in errors.items()}).decode()} if errors else {}
    status = _status(request, collection, synced, written=errors.total() < len(writes))
    return Response(status, {} if silent and not results else results, headers)


@route("POST", "/_api/document/{}", INSERT)
def insert(request: Request, name: str) -> Response:
    """One object, or an array of which each element succeeds or fails by itself."""
    collection, options = request.collection(name, "rw"), _options(request)
    body = request.json()
    if options.overwrite_mode == "update" and "keepNull" not in request.params and has_null(body):
        raise Unsupported("overwriteMode=update with null and without keepNull: its default is told in two ways")
    if request.server.discards_documents and isinstance(body, list):
        request.server.discarded += len(body)
        return Response(_status(request, collection, 201), {})
    if isinstance(body, list):
        return _many(request, collection, [lambda d=d: collection.insert(d, options) for d in body])  # type: ignore[misc]
    return _one(request, collection, lambda: collection.insert(body, options))


@route("GET", "/_api/document/{}/{}")
def read(request: Request, name: str, key: str) -> Response:
    """One document; 304 and 412 by its revision."""
    document = request.collection(name).get(key)
    etag = f'"{document["_rev"]}"'
    if request.headers.get("if-none-match", "").strip('"') == document["_rev"]:
        return Response(304, None, {"etag": etag})
    wanted = request.headers.get("if-match")
    if wanted is not None and wanted.strip('"') != document["_rev"]:
        if request.method != "HEAD":
            raise Unsupported("the text of a 412 to a document that is read")
        return Response(412, None, {"etag": etag})
    return Response(200, document, {"etag": etag})


@route("HEAD", "/_api/document/{}/{}")
def head(request: Request, name: str, key: str) -> Response:
    """Is it there?"""
    return read(request, name, key)


@route("PUT", "/_api/document/{}", f"{CHANGE} onlyget ignoreRevs")
def put_many(request: Request, name: str) -> Response:
    """With onlyget: read an array of keys. Else: replace an array of documents."""
    if "onlyget" not in request.params:
        return _change_many(request, name, "replace")
    if not request.flag("ignoreRevs", True):
        raise Unsupported("reading documents of given revisions")
    collection, found, errors, body = request.collection(name), [], Counter[int](), request.json()
    if not isinstance(body, list):
        raise Unsupported("onlyget with something else than an array")
    for wanted in body:
        try:
            found.append(collection.get(_key(wanted)[0]))
        except ArangoError as error:
            errors[error.number] += 1
            found.append(error.inline())
    headers = {"x-arango-error-codes": orjson.dumps({str(n): c for n, c in errors.items()}).decode()} if errors else {}
    return Response(200, found, headers)


@route("PATCH", "/_api/document/{}", CHANGE)
def patch_many(request: Request, name: str) -> Response:
    """Merge an array of patches, each with its `_key`."""
    return _change_many(request, name, "update")


def _change_many(request: Request, name: str, how: str) -> Response:
    collection, options = request.collection(name, "rw"), _options(request)
    change = getattr(collection, how)

    def one(each: Any) -> Pair:
        if not isinstance(each, dict):
            raise ArangoError(1227)
        if "_key" not in each:
            raise ArangoError(1205)
        if not isinstance(each["_key"], str) or not each["_key"]:
            raise ArangoError(1221)
        result: Pair = change(each["_key"], each, options, each.get("_rev"))
        return result

    body = request.json()
    if not isinstance(body, list):
        raise ArangoError(1227)
    return _many(request, collection, [lambda b=b: one(b) for b in body])  # type: ignore[misc]


@route("PUT", "/_api/document/{}/{}", CHANGE)
def replace(request: Request, name: str, key: str) -> Response:
    """Another document in its place."""
    return _change_one(request, name, key, "replace")


@route("PATCH", "/_api/document/{}/{}", CHANGE)
def update(request: Request, name: str, key: str) -> Response:
    """Attributes merged into it."""
    return _change_one(request, name, key, "update")


def _change_one(request: Request, name: str, key: str, how: str) -> Response:
    collection, options = request.collection(name, "rw"), _options(request)
    body = request.json()
    if not isinstance(body, dict):
        raise ArangoError(1227)
    revision = request.headers.get("if-match", "").strip('"') or body.get("_rev")
    change = getattr(collection, how)
    write: Callable[[], Pair] = lambda: change(key, body, options, revision)  # noqa: E731
    return _with_revision(request, collection, key, lambda: _one(request, collection, write))


@route("DELETE", "/_api/document/{}/{}", REMOVE)
def remove(request: Request, name: str, key: str) -> Response:
    """For good."""
    collection, options = request.collection(name, "rw"), _options(request)
    revision = request.headers.get("if-match", "").strip('"') or None
    write: Callable[[], Pair] = lambda: (collection.remove(key, revision, options), None)  # noqa: E731
    return _with_revision(request, collection, key, lambda: _one(request, collection, write, 200))


def _with_revision(request: Request, collection: Collection, key: str, answer: Callable[[], Response]) -> Response:
    """A conflict with the If-Match of one document is told with what is there."""
    try:
        return answer()
    except ArangoError as error:
        if error.number != 1200:
            raise
        if "if-match" not in request.headers:
            raise Unsupported("a revision in the body that is not the present one") from None
        error.status, there = 412, collection.get(key)
        meta = {name: there[name] for name in ("_id", "_key", "_rev")}
        return Response(412, error.body() | meta, {"etag": f'"{there["_rev"]}"'})


@route("DELETE", "/_api/document/{}", REMOVE)
def remove_many(request: Request, name: str) -> Response:
    """An array of keys, ids or objects with `_key`."""
    collection, options = request.collection(name, "rw"), _options(request)
    body = request.json()
    if isinstance(body, dict):
        raise Unsupported("removing one document by an object")
    if not isinstance(body, list):
        raise ArangoError(400, "Request body not parseable", status=400)

    def one(wanted: Any) -> Pair:
        key, revision = _key(wanted)
        return collection.remove(key, revision, options), None

    return _many(request, collection, [lambda w=w: one(w) for w in body], 200)  # type: ignore[misc]


def _key(wanted: Any) -> tuple[str, str | None]:
    """Of a key, an id (whatever its collection), or an object with `_key`."""
    if isinstance(wanted, dict):
        key, revision = wanted.get("_key"), wanted.get("_rev")
    else:
        key, revision = wanted.split("/", 1)[-1] if isinstance(wanted, str) else None, None
    if not isinstance(key, str) or not key:
        raise ArangoError(1205)
    return key, revision
