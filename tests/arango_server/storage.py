"""Databases, collections and documents in memory, with the rules that ArangoDB holds writes to."""

from __future__ import annotations

import itertools
import re
import uuid
from dataclasses import dataclass, field
from typing import Any, Final

from . import schema
from .analyzers import BUILT_IN, Analyzer
from .computed import compute
from .errors import ArangoError, Unsupported
from .functions.documents import merge_into
from .functions.types import KEY
from .indexes import Index, edge_index, make_index, primary_index
from .values import rank

Document = dict[str, Any]
SYSTEM: Final = ("_key", "_id", "_rev", "_from", "_to")
_ticks = itertools.count(70_001)
_revisions = itertools.count(1)
DIGITS: Final = "-_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def tick() -> str:
    """The next number for a key or an identifier; ascending."""
    return str(next(_ticks))


def next_revision() -> str:
    """A revision like ArangoDB's: eleven characters, ascending."""
    number, text = next(_revisions), ""
    for _ in range(5):
        text = DIGITS[number % 64] + text
        number //= 64
    return "_l6zhA" + text


@dataclass(frozen=True)
class WriteOptions:
    """How a write treats what is there."""

    overwrite_mode: str = "conflict"
    keep_null: bool = True
    merge_objects: bool = True
    ignore_revs: bool = True
    version_attribute: str = ""

    @classmethod
    def of_aql(cls, options: dict[str, Any]) -> WriteOptions:
        """From the OPTIONS of a modification."""
        mode = options.get("overwriteMode", "replace" if options.get("overwrite") else "conflict")
        if mode not in ("conflict", "ignore", "replace", "update"):
            raise Unsupported(f"overwriteMode {mode!r}")
        return cls(
            mode,
            bool(options.get("keepNull", True)),
            bool(options.get("mergeObjects", True)),
            bool(options.get("ignoreRevs", True)),
            options.get("versionAttribute", ""),
        )


@dataclass
class User:
    """A user, its password, and what it may do: `rw`, `ro` or `none` per database and collection."""

    name: str
    password: str
    active: bool = True
    extra: dict[str, Any] = field(default_factory=dict)
    databases: dict[str, str] = field(default_factory=dict)
    collections: dict[tuple[str, str], str] = field(default_factory=dict)

    def rights_in(self, database: str, collection: str | None = None) -> str:
        """The right on a database, or on one of its collections."""
        general = self.databases.get(database, self.databases.get("*", "none"))
        if collection is None:
            return general
        named = self.collections.get((database, collection), self.collections.get((database, "*")))
        return general if named is None else named


class Collection:
    """Documents by key, in the order of their last writing, and the indexes over them."""

    def __init__(self, database: Database, name: str, kind: int, properties: dict[str, Any]) -> None:
        self.database = database
        self.name = name
        self.kind = kind
        self.identifier = tick()
        self.properties = properties
        self.documents: dict[str, Document] = {}
        self.indexes: list[Index] = [primary_index(name)]
        self.version = 0
        self.last_key = 0
        self._ends: dict[str, dict[str, dict[str, Document]]] = {"_from": {}, "_to": {}}
        if kind == 3:
            self.indexes.append(edge_index(name))

    # reading

    def get(self, key: str) -> Document:
        """The document with that key.

        Raises:
            ArangoError: 1202.
        """
        if key not in self.documents:
            raise ArangoError(1202)
        return self.documents[key]

    def edges_at(self, end: str, vertex: str) -> list[Document]:
        """Edges whose `_from` or `_to` is that vertex."""
        return list(self._ends[end].get(vertex, {}).values())

    # writing

    def insert(self, document: Any, options: WriteOptions) -> tuple[Document | None, Document | None]:
        """(old, new): old is what was there; new is None where it was left alone.

        Raises:
            ArangoError: 1210, 1221, 1222, 1227, 1233, 1620.
        """
        if not isinstance(document, dict):
            raise ArangoError(1227)
        key = self._key_of(document)
        old = self.documents.get(key)
        if old is not None and options.overwrite_mode != "conflict":
            if options.overwrite_mode == "ignore":
                return old, None
            change = self.replace if options.overwrite_mode == "replace" else self.update
            return change(key, document, options)
        if old is not None:
            raise self._duplicate(self.indexes[0], key)
        new = self._stored(key, document, None, "insert")
        self._check_unique(new, None)
        self._put(new)
        return None, new

    def replace(
        self, key: str, document: Any, options: WriteOptions, revision: str | None = None
    ) -> tuple[Document, Document]:
        """Put another document in its place."""
        old = self._to_change(key, document, options, revision)
        if self._is_outdated(old, document, options):
            return old, old
        return old, self._change(old, document, "replace")

    def update(
        self, key: str, patch: Any, options: WriteOptions, revision: str | None = None
    ) -> tuple[Document, Document]:
        """Merge attributes into it."""
        old = self._to_change(key, patch, options, revision)
        is_nothing = not set(patch) - {"_key"} and not self.properties.get("computedValues")
        if is_nothing or self._is_outdated(old, patch, options):
            return old, old
        patch = {name: value for name, value in patch.items() if name not in ("_key", "_id", "_rev")}
        merged = merge_into(old, patch) if options.merge_objects else old | patch
        if not options.keep_null:
            merged = _without_nulls(merged, patch)
        return old, self._change(old, merged, "update")

    def remove(self, key: str, revision: str | None, options: WriteOptions) -> Document:
        """Take it away; what is given back is what was there."""
        old = self.get(key)
        self._check_revision(old, revision, options)
        self._take(old)
        return old

    def truncate(self) -> None:
        """Take all away."""
        self.documents = {}
        self._rebuild()

    # transactions

    def checkpoint(self) -> dict[str, Document]:
        """What `restore` brings back."""
        return dict(self.documents)

    def restore(self, checkpoint: dict[str, Document]) -> None:
        """As it was."""
        self.documents = dict(checkpoint)
        self._rebuild()

    # indexes

    def ensure_index(self, body: dict[str, Any]) -> tuple[Index, bool]:
        """The index, and whether it is new."""
        index = make_index(self, body)
        for existing in self.indexes:
            if existing.is_same(index):
                return existing, False
        if any(existing.definition["name"] == index.definition["name"] for existing in self.indexes):
            raise ArangoError(1207, "duplicate name")
        if index.definition["type"] == "ttl" and any(i.definition["type"] == "ttl" for i in self.indexes):
            raise ArangoError(10, "there can only be one ttl index per collection")
        for document in self.documents.values():
            self._check_one_unique(index, document, None)
            index.check(document)
            index.add(document)
        self.indexes.append(index)
        return index, True

    # inside

    def _key_of(self, document: Document) -> str:
        options = self.properties["keyOptions"]
        if "_key" in document:
            key = document["_key"]
            if not isinstance(key, str) or not KEY.fullmatch(key):
                raise ArangoError(1221)
            if not options["allowUserKeys"]:
                raise ArangoError(1222, "unexpected document key")
            if options["type"] == "autoincrement" and not re.fullmatch("[a-zA-Z].*", key):
                raise Unsupported("own keys that look like numbers beside those that the server counts")
            return key
        if options["type"] == "autoincrement":
            offset, step, last = options["offset"], options["increment"], self.last_key
            self.last_key = offset if last < offset else last + step - (last - offset) % step
            return str(self.last_key)
        if options["type"] == "uuid":
            return str(uuid.uuid4())
        number = tick()
        if options["type"] == "padded":
            return f"{int(number):016x}"
        self.last_key = int(number)
        return number

    def _stored(self, key: str, document: Document, old: Document | None, operation: str) -> Document:
        new: Document = {"_key": key, "_id": f"{self.name}/{key}"}
        if self.kind == 3:
            for end in ("_from", "_to"):
                new[end] = _checked_end(document.get(end))
        new["_rev"] = next_revision()
        new.update((name, value) for name, value in document.items() if name not in new)
        if self.properties.get("computedValues"):
            new = compute(self.properties["computedValues"], new, operation)
        self._validate(new, old)
        for index in self.indexes:
            index.check(new)
        return new

    def _validate(self, new: Document, old: Document | None) -> None:
        rule = self.properties.get("schema")
        if not rule or rule["level"] == "none" or (old is not None and rule["level"] == "new"):
            return
        if schema.is_valid(_without_system(new), rule["rule"]):
            return
        if old is not None and rule["level"] == "moderate" and not schema.is_valid(_without_system(old), rule["rule"]):
            return
        raise ArangoError(1620, rule["message"] or "schema validation failed")

    def _to_change(self, key: str, document: Any, options: WriteOptions, revision: str | None) -> Document:
        if not isinstance(document, dict):
            raise ArangoError(1227)
        old = self.get(key)
        self._check_revision(old, revision, options)
        return old

    def _check_revision(self, old: Document, revision: str | None, options: WriteOptions) -> None:
        if not options.ignore_revs and revision is not None and revision != old["_rev"]:
            raise ArangoError(1200)

    def _is_outdated(self, old: Document, new: Document, options: WriteOptions) -> bool:
        stored, given = old.get(options.version_attribute), new.get(options.version_attribute)
        both = bool(options.version_attribute) and rank(stored) == 2 and rank(given) == 2
        return both and min(stored, given) >= 0 and int(given) <= int(stored)  # type: ignore[arg-type,type-var]

    def _change(self, old: Document, document: Document, operation: str) -> Document:
        body = {name: value for name, value in document.items() if name not in ("_key", "_id", "_rev")}
        new = self._stored(old["_key"], body, old, operation)
        self._check_unique(new, old)
        self._take(old)  # what is changed is stored anew, behind all others
        self._put(new)
        return new

    def _check_unique(self, new: Document, old: Document | None) -> None:
        for index in self.indexes[1:]:
            self._check_one_unique(index, new, old)

    def _check_one_unique(self, index: Index, new: Document, old: Document | None) -> None:
        holder = index.holder(new)
        if holder is not None and (old is None or holder != old["_key"]):
            raise self._duplicate(index, holder)

    def _duplicate(self, index: Index, key: str) -> ArangoError:
        shown = index.definition
        fields = ", ".join(shown["fields"])
        return ArangoError(
            1210,
            f"unique constraint violated - in index {shown['name']} of type {shown['type']} over '{fields}'; "
            f"conflicting key: {key}",
        )

    def _put(self, document: Document) -> None:
        self.version += 1
        self.documents[document["_key"]] = document
        self._enter(document)

    def _enter(self, document: Document) -> None:
        for index in self.indexes:
            index.add(document)
        if self.kind == 3:
            for end, table in self._ends.items():
                table.setdefault(document[end], {})[document["_key"]] = document

    def _take(self, document: Document) -> None:
        self.version += 1
        for index in self.indexes:
            index.take(document)
        if self.kind == 3:
            for end, table in self._ends.items():
                table.get(document[end], {}).pop(document["_key"], None)
        del self.documents[document["_key"]]

    def _rebuild(self) -> None:
        self.version += 1
        self._ends = {"_from": {}, "_to": {}}
        for index in self.indexes:
            index.clear()
        for document in self.documents.values():
            self._enter(document)


class Database:
    """Collections, views, graphs and analyzers by name."""

    def __init__(self, name: str, version: str, *, vector_index: bool) -> None:
        self.name = name
        self.version = version
        self.identifier = tick()
        self.vector_index = vector_index
        self.options: dict[str, Any] = {}
        self.collections: dict[str, Collection] = {}
        self.views: dict[str, Any] = {}
        self.graphs: dict[str, dict[str, Any]] = {}
        self.analyzers: dict[str, Analyzer] = {}
        self.view_commit_s = 0.0

    def collection(self, name: str) -> Collection:
        """By name or number.

        Raises:
            ArangoError: 1203.
        """
        found = self.collections.get(name)
        if found is None:
            found = next((c for c in self.collections.values() if c.identifier == name), None)
        if found is None:
            raise ArangoError(1203, f"collection or view not found: {name}")
        return found

    def analyzer(self, name: Any) -> Analyzer:
        """By name, built in or own."""
        plain = name.removeprefix(f"{self.name}::") if isinstance(name, str) else ""
        found = self.analyzers.get(plain) or BUILT_IN.get(plain)
        if found is None:
            raise Unsupported(f"an analyzer that is not there: {name!r}")
        return found


def _checked_end(value: Any) -> str:
    if not isinstance(value, str):
        raise ArangoError(1233)
    collection, slash, key = value.partition("/")
    if not collection or not slash or not KEY.fullmatch(key):
        raise ArangoError(1233)
    return value


def _without_system(document: Document) -> Document:
    return {name: value for name, value in document.items() if name not in SYSTEM}


def has_null(value: Any) -> bool:
    """Is null in it anywhere?"""
    if isinstance(value, (dict, list)):
        return any(map(has_null, value.values() if isinstance(value, dict) else value))
    return value is None


def _without_nulls(merged: Any, patch: Any) -> Any:
    if not isinstance(merged, dict) or not isinstance(patch, dict):
        return merged
    kept = {}
    for name, value in merged.items():
        if name in patch and patch[name] is None:
            continue
        kept[name] = _without_nulls(value, patch[name]) if name in patch else value
    return kept
