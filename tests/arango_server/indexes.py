"""Indexes: their definitions as ArangoDB shows them, and the unique ones' tables."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from .errors import ArangoError, Unsupported
from .values import attribute_path, identity, rank

if TYPE_CHECKING:
    from .storage import Collection

_numbers = itertools.count(1_872_607_057_000_000_001)
_ids = itertools.count(80_001)
KNOWN: Final = {
    "persistent": """type name fields unique sparse deduplicate estimates storedValues cacheEnabled inBackground""",
    "ttl": "type name fields expireAfter inBackground",
    "geo": "type name fields geoJson inBackground",
    "inverted": """type name fields analyzer features includeAllFields searchField trackListPositions storedValues
        primarySort optimizeTopK parallelism inBackground commitIntervalMsec consolidationIntervalMsec
        cleanupIntervalStep""",
    "vector": "type name fields sparse storedValues parallelism inBackground params",
}
PARAMS: Final = frozenset(
    ["metric", "dimension", "nLists", "defaultNProbe", "trainingIterations", "numberOfDocsPerCentroid"]
)


class Index:
    """One index of a collection."""

    def __init__(self, definition: dict[str, Any]) -> None:
        self.definition = definition
        self._paths = [str(name).split(".") for name in definition["fields"] if isinstance(name, str)]
        self._unique = definition["unique"] and definition["type"] != "primary"
        self._holders: dict[Any, str] = {}
        self._count = 0

    def is_same(self, other: Index) -> bool:
        """ArangoDB's identity: kind, fields in their order, uniqueness, sparseness (names do not count)."""
        mine, theirs = self.definition, other.definition
        names = ["type", "fields", "unique", "sparse"]
        if mine["type"] in ("inverted", "vector"):
            names += ["analyzer", "features", "params", "storedValues", "primarySort", "includeAllFields"]
        return all(mine.get(name) == theirs.get(name) for name in names)

    def holder(self, document: dict[str, Any]) -> str | None:
        """The key of the document that stands in the way of this one, if the index is unique."""
        key = self._key(document) if self._unique else None
        return None if key is None else self._holders.get(key)

    def check(self, document: dict[str, Any]) -> None:
        """Refuse what a vector index would perhaps refuse."""
        if self.definition["type"] != "vector":
            return
        found = attribute_path(document, self._paths[0])
        if found is None and self.definition["sparse"]:
            return
        dimension = self.definition["params"]["dimension"]
        if not isinstance(found, list) or len(found) != dimension or any(rank(n) != 2 for n in found):
            raise Unsupported(f"a document without a vector of {dimension} numbers under a vector index")

    def add(self, document: dict[str, Any]) -> None:
        """A document comes in."""
        self._count += self._has_vector(document)
        key = self._key(document) if self._unique else None
        if key is not None:
            self._holders[key] = document["_key"]

    def take(self, document: dict[str, Any]) -> None:
        """A document goes."""
        self._count -= self._has_vector(document)
        key = self._key(document) if self._unique else None
        if key is not None:
            self._holders.pop(key, None)

    def clear(self) -> None:
        """All documents go."""
        self._holders = {}
        self._count = 0

    def state(self) -> str:
        """Of a vector index: it trains itself once there are documents enough."""
        lists = self.definition["params"].get("nLists")
        enough = lists if isinstance(lists, int) else 2
        if self.definition.get("trainingState") != "ready" and self._count >= enough:
            self.definition["trainingState"] = "ready"
        return str(self.definition["trainingState"])

    def shown(self, documents: Iterable[dict[str, Any]] = ()) -> dict[str, Any]:
        """The definition as an answer has it, its estimate as it is for these documents."""
        if self.definition["type"] == "vector":
            self.state()
        found = dict(sorted(self.definition.items()))
        if "selectivityEstimate" in found:
            found["selectivityEstimate"] = self._estimate(documents)
        return found

    def _estimate(self, documents: Iterable[dict[str, Any]]) -> float:
        """Which part of the documents has different values: the server comes to it some time after they are written."""
        if self.definition["unique"]:
            return 1
        paths = [path for path in self._paths if not (self.definition["type"] == "edge" and path == ["_to"])]
        keys = [key for document in documents if (key := self._key(document, paths)) is not None]
        return len(set(keys)) / len(keys) if keys else 1

    def _has_vector(self, document: dict[str, Any]) -> bool:
        return self.definition["type"] == "vector" and isinstance(attribute_path(document, self._paths[0]), list)

    def _key(self, document: dict[str, Any], paths: list[list[str]] | None = None) -> Any:
        found = [attribute_path(document, path) for path in paths or self._paths]
        if self.definition["sparse"] and any(value is None for value in found):
            return None
        return tuple(identity(value) for value in found)


def primary_index(collection: str) -> Index:
    """Over `_key`."""
    return Index({
        "fields": ["_key"], "id": f"{collection}/0", "name": "primary", "selectivityEstimate": 1, "sparse": False,
        "type": "primary", "unique": True,
    })  # fmt: skip


def edge_index(collection: str) -> Index:
    """Over both ends of edges."""
    return Index({
        "fields": ["_from", "_to"], "id": f"{collection}/2", "name": "edge", "selectivityEstimate": 1, "sparse": False,
        "type": "edge", "unique": False,
    })  # fmt: skip


def make_index(collection: Collection, body: dict[str, Any]) -> Index:
    """An index by its description.

    Raises:
        ArangoError: 10 it is no valid one.
        Unsupported: a kind or an attribute that we do not know.
    """
    kind = body.get("type")
    if kind not in KNOWN:
        raise Unsupported(f"index type {kind!r}")
    if unknown := set(body) - set(KNOWN[kind].split()):
        raise Unsupported(f"attributes of a {kind} index: {', '.join(sorted(unknown))}")
    fields = body.get("fields")
    if not isinstance(fields, list) or not fields:
        raise ArangoError(10, "bad parameter")
    name = body.get("name", f"idx_{next(_numbers)}")
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,255}", name):
        raise ArangoError(1208, "illegal name")
    base = {"id": f"{collection.name}/{next(_ids)}", "name": name, "type": kind, "unique": False, "sparse": False}
    match kind:
        case "persistent":
            return Index(base | _persistent(body))
        case "ttl":
            return Index(base | _ttl(body))
        case "inverted":
            return Index(base | _inverted(body))
        case "geo":
            return Index(base | _geo(body))
        case _:
            if not collection.database.vector_index:
                raise ArangoError(10, "vector index feature is not enabled")
            index = Index(base | _vector(body))
            _check_version(collection, index)
            return index


def release(version: str) -> tuple[int, ...]:
    """`3.12.10` as numbers."""
    return tuple(int(part) for part in version.split("."))


def _check_version(collection: Collection, index: Index) -> None:
    """What vector indexes could not do from the first."""
    version, definition = release(collection.database.version), index.definition
    params = definition["params"]
    since = [
        ((3, 12, 4), True),
        ((3, 12, 6), definition["sparse"] or params["metric"] == "innerProduct"),
        ((3, 12, 7), "storedValues" in definition),
        ((3, 12, 10), "nLists" not in params or "numberOfDocsPerCentroid" in params),
    ]
    if late := [number for number, is_used in since if is_used and version < number]:
        raise ArangoError(10, f"bad parameter: a vector index like that is possible from {late[-1]} on")
    path = definition["fields"][0].split(".")
    there = sum(isinstance(attribute_path(each, path), list) for each in collection.documents.values())
    if version < (3, 12, 9) and there < params["nLists"]:
        raise ArangoError(10, f"bad parameter: {there} vectors are too few to train on")


def _plain_fields(fields: list[Any]) -> list[str]:
    if not all(isinstance(name, str) and name for name in fields) or len(set(fields)) != len(fields):
        raise ArangoError(10, "bad parameter")
    return fields


def _persistent(body: dict[str, Any]) -> dict[str, Any]:
    fields = _plain_fields(body["fields"])
    if body.get("unique") and any("[*]" in name for name in fields):
        raise Unsupported("a unique index over array elements")
    found: dict[str, Any] = {
        "cacheEnabled": bool(body.get("cacheEnabled", False)),
        "deduplicate": bool(body.get("deduplicate", True)),
        "estimates": bool(body.get("estimates", True)),
        "fields": fields,
        "sparse": bool(body.get("sparse", False)),
        "unique": bool(body.get("unique", False)),
    }
    if found["estimates"] or found["unique"]:
        found["selectivityEstimate"] = 1
    if "storedValues" in body:
        stored = _plain_fields(body["storedValues"])
        if len(stored) > 32 or set(stored) & set(fields):
            raise ArangoError(10, "bad parameter")
        found["storedValues"] = stored
    return found


def _ttl(body: dict[str, Any]) -> dict[str, Any]:
    if len(body["fields"]) != 1 or rank(body.get("expireAfter")) != 2 or body["expireAfter"] < 0:
        raise ArangoError(10, "bad parameter")
    return {
        "estimates": False, "expireAfter": body["expireAfter"], "fields": _plain_fields(body["fields"]), "sparse": True,
    }  # fmt: skip


def _geo(body: dict[str, Any]) -> dict[str, Any]:
    """Only shown: no query here looks anything up in it."""
    is_json = bool(body.get("geoJson", False))
    if len(body["fields"]) > 2 or (is_json and len(body["fields"]) == 2):
        raise Unsupported("a geo index over so many attributes")
    return {
        "bestIndexedLevel": 17, "fields": _plain_fields(body["fields"]), "geoJson": is_json, "legacyPolygons": False,
        "maxNumCoverCells": 8, "sparse": True, "worstIndexedLevel": 4,
    }  # fmt: skip


def _inverted(body: dict[str, Any]) -> dict[str, Any]:
    analyzer = body.get("analyzer", "identity")
    fields = []
    for one in body["fields"]:
        described = {"name": one} if isinstance(one, str) else dict(one)
        if set(described) - {"name", "analyzer", "features", "searchField", "includeAllFields", "trackListPositions"}:
            raise Unsupported(f"inverted index field {described}")
        if "analyzer" in described and described["analyzer"] == "text_en":
            described.setdefault("features", ["frequency", "position", "norm"])
        fields.append(described)
    return {
        "analyzer": analyzer,
        "cleanupIntervalStep": body.get("cleanupIntervalStep", 2),
        "commitIntervalMsec": body.get("commitIntervalMsec", 1000),
        "consolidationIntervalMsec": body.get("consolidationIntervalMsec", 5000),
        "consolidationPolicy": CONSOLIDATION,
        "features": body.get("features", ["frequency", "norm"]),
        "fields": fields,
        "includeAllFields": body.get("includeAllFields", False),
        "optimizeTopK": body.get("optimizeTopK", []),
        "primarySort": body.get("primarySort", {"fields": [], "compression": "lz4"}),
        "searchField": body.get("searchField", False),
        "sparse": True,
        "storedValues": body.get("storedValues", []),
        "trackListPositions": body.get("trackListPositions", False),
        "version": 1,
        "writebufferActive": 0,
        "writebufferIdle": 64,
        "writebufferSizeMax": 33_554_432,
    }


CONSOLIDATION: Final = {
    "type": "tier", "segmentsBytesMax": 8_589_934_592, "maxSkewThreshold": 0.4, "minDeletionRatio": 0.5,
}  # fmt: skip


def _vector(body: dict[str, Any]) -> dict[str, Any]:
    params = body.get("params")
    if not isinstance(params, dict) or len(body["fields"]) != 1:
        raise ArangoError(10, "bad parameter")
    if set(params) - PARAMS:
        raise Unsupported(f"vector index parameters {sorted(set(params) - PARAMS)}")
    if params.get("metric") not in ("cosine", "l2", "innerProduct") or not isinstance(params.get("dimension"), int):
        raise ArangoError(10, "bad parameter")
    lists = params.get("nLists")
    if lists is not None and (not isinstance(lists, int) or lists < 1):
        raise Unsupported("nLists that is no positive number")
    return {
        "fields": _plain_fields(body["fields"]),
        "sparse": bool(body.get("sparse", False)),
        "params": {"defaultNProbe": 1, "trainingIterations": 25} | params,
        "trainingState": "unusable",
        **({"storedValues": body["storedValues"]} if "storedValues" in body else {}),
    }
