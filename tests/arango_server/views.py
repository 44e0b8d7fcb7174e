"""Views: their properties, what they see of their collections, and the terms in it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from .errors import ArangoError, Unsupported
from .indexes import CONSOLIDATION
from .storage import tick
from .values import attribute_path

if TYPE_CHECKING:
    from .storage import Collection, Database

LINK: Final = {
    "analyzers": ["identity"], "fields": {}, "includeAllFields": False, "storeValues": "none",
    "trackListPositions": False,
}  # fmt: skip
DEFAULTS: Final = {
    "cleanupIntervalStep": 2, "commitIntervalMsec": 1000, "consolidationIntervalMsec": 5000,
    "consolidationPolicy": CONSOLIDATION, "optimizeTopK": [], "primarySort": [], "primarySortCompression": "lz4",
    "storedValues": [], "writebufferActive": 0, "writebufferIdle": 64, "writebufferSizeMax": 33_554_432, "links": {},
}  # fmt: skip
CHANGEABLE: Final = frozenset(
    ["cleanupIntervalStep", "commitIntervalMsec", "consolidationIntervalMsec", "consolidationPolicy", "links"]
)
FIELD: Final = frozenset(
    ["analyzers", "fields", "includeAllFields", "storeValues", "trackListPositions", "inBackground"]
)


class View:
    """An arangosearch or search-alias view. What it sees of a collection lags behind until it is committed."""

    def __init__(self, database: Database, name: str, kind: str, properties: dict[str, Any]) -> None:
        self.database = database
        self.name = name
        self.kind = kind
        self.identifier = tick()
        self.properties = properties
        self._made = time.monotonic()
        self._seen: dict[str, tuple[int, float, dict[str, dict[str, Any]]]] = {}
        self.terms: dict[tuple[str, tuple[str, ...], str], list[str]] = {}

    def sources(self) -> list[str]:
        """Names of the linked collections that are still there."""
        if self.kind == "arangosearch":
            names = list(self.properties["links"])
        else:
            names = [index["collection"] for index in self.properties["indexes"]]
        return [name for name in dict.fromkeys(names) if name in self.database.collections]

    def commit(self) -> None:
        """Let SEARCH see all that is written."""
        for name in self.sources():
            collection = self.database.collections[name]
            self._seen[name] = (collection.version, time.monotonic(), dict(collection.documents))

    def documents(self, commit_after_s: float) -> list[tuple[str, dict[str, Any]]]:
        """(collection, document) as of the last commit; one is made if the last is so old."""
        now, found = time.monotonic(), []
        for name in self.sources():
            collection = self.database.collections[name]
            version, when, seen = self._seen.get(name, (-1, self._made, {}))
            if version != collection.version and now - when >= commit_after_s:
                seen = dict(collection.documents)
                self._seen[name] = (collection.version, now, seen)
            found += [(name, document) for document in seen.values()]
        return found

    def analyzers(self, collection: str, path: tuple[str, ...]) -> list[str]:
        """Under which analyzers the attribute is indexed; none if it is not."""
        if self.kind == "search-alias":
            return self._alias_analyzers(collection, path)
        link = self.properties["links"].get(collection)
        if link is None:
            return []
        inherited, node = link["analyzers"], link
        for step in path:
            fields = node.get("fields", {})
            if step in fields:
                node = fields[step]
                inherited = node.get("analyzers", inherited)
            elif node.get("includeAllFields"):
                node = {"includeAllFields": True}
            else:
                return []
        is_leaf = not node.get("fields") or node.get("includeAllFields")
        return [name.split("::")[-1] for name in inherited] if is_leaf or path else []

    def own_analyzer(self, path: tuple[str, ...], given: str) -> str:
        """The analyzer that a search-alias view's index has for the attribute; else the one of the expression."""
        if self.kind == "search-alias":
            for name in self.sources():
                if found := self._alias_analyzers(name, path):
                    return found[0]
        return given

    def stores_ids(self, collection: str) -> bool:
        """Is EXISTS() possible?"""
        return self.kind == "search-alias" or self.properties["links"][collection].get("storeValues") == "id"

    def _alias_analyzers(self, collection: str, path: tuple[str, ...]) -> list[str]:
        for reference in self.properties["indexes"]:
            if reference["collection"] != collection:
                continue
            for index in self.database.collections[collection].indexes:
                if index.definition["name"] != reference["index"]:
                    continue
                for field in index.definition["fields"]:
                    if field["name"] == ".".join(path):
                        return [field.get("analyzer", index.definition["analyzer"])]
        return []

    def shown(self) -> dict[str, Any]:
        """What every answer about a view begins with."""
        return {
            "globallyUniqueId": f"h5C3DDE5391BF/{self.identifier}", "id": self.identifier, "name": self.name,
            "type": self.kind,
        }  # fmt: skip

    def change(self, body: dict[str, Any], *, merge: bool) -> None:
        """PATCH merges, PUT resets what is not named; what is fixed at creation is kept or refused."""
        body = {name: value for name, value in body.items() if name not in ("name", "type")}
        if self.kind == "search-alias":
            self.properties["indexes"] = changed_indexes(self, body, merge)
            return
        if fixed := set(body) - CHANGEABLE:
            raise Unsupported(f"changing {', '.join(sorted(fixed))} of a view")
        links = dict(self.properties["links"]) if merge else {}
        for name, link in body.get("links", {}).items():
            if link is None:
                links.pop(name, None)
            else:
                links[name] = full_link(self.database, name, link)
        self.terms = {}
        kept = self.properties if merge else self.properties | {n: DEFAULTS[n] for n in CHANGEABLE}
        self.properties = kept | body | {"links": links}
        self._seen = {name: seen for name, seen in self._seen.items() if name in links}


def full_link(database: Database, collection: str, link: Any) -> dict[str, Any]:
    """A link with its defaults; its analyzers must be there."""
    database.collection(collection)
    if not isinstance(link, dict):
        raise ArangoError(10, "error in link")
    _check_field(database, link)
    whole = LINK | {name: value for name, value in link.items() if name != "inBackground"}
    return whole | {"fields": {name: _without_inherited(field, whole) for name, field in whole["fields"].items()}}


def _without_inherited(field: dict[str, Any], parent: dict[str, Any]) -> dict[str, Any]:
    """A field as it is shown: without what is as in its parent, and without fields where it has none."""
    whole = {**parent, "fields": {}, **field}
    own = {name: value for name, value in field.items() if name not in ("fields", "inBackground")}
    kept = {name: value for name, value in own.items() if _sorted(value) != _sorted(parent[name])}
    inner = {name: _without_inherited(one, whole) for name, one in whole["fields"].items()}
    return kept | ({"fields": inner} if inner else {})


def _sorted(value: Any) -> Any:
    return sorted(value) if isinstance(value, list) else value


def _check_field(database: Database, field: dict[str, Any]) -> None:
    if unknown := set(field) - FIELD:
        raise Unsupported(f"link attributes {', '.join(sorted(unknown))}")
    if field.get("trackListPositions"):
        raise Unsupported("links with trackListPositions")
    for name in field.get("analyzers", []):
        database.analyzer(name)
    for inner in field.get("fields", {}).values():
        _check_field(database, inner)


def make_view(database: Database, body: dict[str, Any]) -> View:
    """A view by its description."""
    name, kind = body.get("name"), body.get("type")
    if not isinstance(name, str) or not name:
        raise ArangoError(1208, "illegal name")
    if name in database.views or name in database.collections:
        raise ArangoError(1207, "duplicate name")
    given = {key: value for key, value in body.items() if key not in ("name", "type")}
    if kind == "search-alias":
        view = View(database, name, kind, {"indexes": []})
        view.properties["indexes"] = changed_indexes(view, given, True)
        view.commit()
        return view
    if kind != "arangosearch":
        raise ArangoError(10, "invalid type provided to create view")
    if unknown := set(given) - set(DEFAULTS):
        raise Unsupported(f"view attributes {', '.join(sorted(unknown))}")
    links = {c: full_link(database, c, link) for c, link in given.get("links", {}).items()}
    view = View(database, name, kind, DEFAULTS | given | {"links": links})
    view.commit()
    return view


def changed_indexes(view: View, body: dict[str, Any], merge: bool) -> list[dict[str, str]]:
    """The indexes of a search-alias view after a change."""
    if set(body) - {"indexes"}:
        raise Unsupported(f"attributes of a search-alias view: {sorted(body)}")
    found = list(view.properties["indexes"]) if merge else []
    for one in body.get("indexes", []):
        if set(one) - {"collection", "index", "operation"}:
            raise Unsupported(f"attributes of a search-alias index: {sorted(one)}")
        entry = {"collection": one["collection"], "index": one["index"]}
        collection = view.database.collection(one["collection"])
        if one.get("operation", "add") == "del":
            found = [other for other in found if other != entry]
            continue
        names = [i.definition["name"] for i in collection.indexes if i.definition["type"] == "inverted"]
        if one["index"] not in names:
            raise ArangoError(10, f"cannot find index '{one['index']}'")
        if entry not in found:
            found.append(entry)
    return found


def field_values(document: dict[str, Any], path: tuple[str, ...]) -> list[Any]:
    """The values that are indexed for an attribute: an array's elements one by one; nothing where it is missing."""
    parent = attribute_path(document, list(path[:-1]))
    if not isinstance(parent, dict) or path[-1] not in parent:
        return []
    value = parent[path[-1]]
    return value if isinstance(value, list) else [value]


def collection_of(view: View, name: str) -> Collection:
    """A linked collection."""
    return view.database.collections[name]
