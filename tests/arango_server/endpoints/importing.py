"""Import: many documents from lines or an array, counted, with errors told in English."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import orjson

from ..errors import TEXT, ArangoError, Unsupported
from ..http import Request, Response, route
from ..storage import Collection, WriteOptions
from ..values import to_json

MODES: Final = {"error": "conflict", "ignore": "ignore", "update": "update", "replace": "replace"}
LONGEST_SHOWN: Final = 255


class _Import:
    """One of them, under way."""

    def __init__(self, request: Request, collection: Collection) -> None:
        self._collection = collection
        self._tells, self._is_whole = request.flag("details"), request.flag("complete")
        self.counts: Counter[str] = Counter()
        self.details: list[str] = []

    def refused(self, position: int, why: str, document: Any) -> None:
        """Count a document that is not stored."""
        self.counts["errors"] += 1
        shown = to_json(document)
        if self._tells and len(shown) > LONGEST_SHOWN:
            raise Unsupported("details on a longer document")
        self.details.append(f"at position {position}: {why}, offending document: {shown}")

    def take(self, documents: Iterator[Any], mode: str) -> None:
        """Store documents; an error ends a whole import, and is counted in any other."""
        good = []
        for position, document in enumerate(documents, 1):
            if not isinstance(document, dict):
                raise Unsupported("importing something else than objects")
            if self._collection.kind == 3 and not {"_from", "_to"} <= document.keys():
                if self._is_whole:
                    raise Unsupported("a whole import of edges without ends")
                if self.counts["empty"]:
                    raise Unsupported("the position of an edge without ends behind empty lines")
                self.refused(position, "missing '_from' or '_to' attribute", document)
            else:
                good.append(document)
        for position, document in enumerate(good):
            self._store(position, document, WriteOptions(mode))

    def _store(self, position: int, document: dict[str, Any], options: WriteOptions) -> None:
        try:
            old, new = self._collection.insert(document, options)
        except ArangoError as error:
            if error.number != 1210:
                raise Unsupported(f"importing a document that is refused with {error.number}") from None
            if self._is_whole:
                raise ArangoError(1210, TEXT[1210]) from None
            self.refused(position, f"creating document failed with error '{TEXT[1210]}'", document)
        else:
            self.counts["created" if old is None else "ignored" if new is None else "updated"] += 1


@route("POST", "/_api/import", "collection type onDuplicate complete details overwrite waitForSync")
def import_(request: Request) -> Response:
    """201, even if nothing was stored."""
    collection = request.collection(request.params["collection"], "rw")
    mode = MODES.get(request.params.get("onDuplicate", "error"))
    if mode is None:
        raise Unsupported("onDuplicate other than error, ignore, update, replace")
    importing, before = _Import(request, collection), collection.checkpoint()
    documents = list(_documents(request, importing.counts))
    if request.flag("overwrite"):
        collection.truncate()
    try:
        importing.take(iter(documents), mode)
    except Exception:
        collection.restore(before)
        raise
    names = ("created", "errors", "empty", "updated", "ignored")
    answer: dict[str, Any] = {"error": False} | {name: importing.counts[name] for name in names}
    return Response(201, answer | ({"details": importing.details} if request.flag("details") else {}))


def _documents(request: Request, counts: Counter[str]) -> Iterator[Any]:
    kind, text = request.params.get("type"), request.body.decode()
    if kind == "auto":
        kind = "list" if text.lstrip().startswith("[") else "documents"
    if kind in ("list", "array"):
        found = _parsed(text)
        if not isinstance(found, list):
            raise ArangoError(400, "expecting a JSON array in the request", status=400)
        yield from found
        return
    if kind not in ("documents", None):
        raise Unsupported(f"import of type {kind}")
    if kind is None:
        _check_header(text)
    lines = [line.strip() for line in text.removesuffix("\n").split("\n")]
    counts["empty"] = lines.count("")
    rows = [_parsed(line) for line in lines if line]
    if kind == "documents":
        yield from rows
        return
    if not rows or not all(isinstance(row, list) and len(row) == len(rows[0]) for row in rows):
        raise Unsupported("importing rows that have not as many values as there are names")
    yield from (dict(zip(rows[0], row, strict=True)) for row in rows[1:])


def _check_header(text: str) -> None:
    """The first of several lines has the names."""
    header, end, _ = text.partition("\n")
    if not end:
        raise ArangoError(400, "no JSON array found in second line", status=400)
    names = _parsed(header)
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise ArangoError(400, "no JSON string array found in first line", status=400)


def _parsed(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise Unsupported("importing what is no JSON") from None
