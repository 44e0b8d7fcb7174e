"""The objects of arangosh that recorded examples use, each speaking to our server over HTTP."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, Final

from .client import Answer, Client
from .datasets import DATASETS, load
from .errors import Unsupported
from .javascript import UNDEFINED, Parser, Runner

SILENT: Final = frozenset(["insert", "save"])


class ShellError(Exception):
    """An error of the server as arangosh shows it."""


def checked(answer: Answer) -> Any:
    """The body of a good answer."""
    if answer.status == 501:
        raise Unsupported(answer.body["errorMessage"])
    if answer.status >= 400:
        raise ShellError(f"[ArangoError {answer.body['errorNum']}: {answer.body['errorMessage']}]")
    return answer.body


def without_error(body: dict[str, Any]) -> dict[str, Any]:
    """An answer as arangosh shows it: without its `error`."""
    return {name: value for name, value in body.items() if name != "error"}


class Thing:
    """An object with members in a table."""

    def __init__(self, **members: Any) -> None:
        self.members = members

    def member(self, name: Any) -> Any:
        """One of them.

        Raises:
            Unsupported: there is none.
        """
        if name not in self.members:
            raise Unsupported(f"arangosh member {name!r}")
        return self.members[name]


class Shell:
    """One script's world."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.shown: list[Any] = []
        self.answers: list[Answer] = []

    def run(self, source: str) -> None:
        """Run a script; what it shows is in `shown`, what it asked by hand in `answers`."""
        names = {
            "db": Database(self),
            "require": self._require,
            "logCurlRequest": self._curl,
            "logCurlRequestRaw": self._curl,
            "assert": lambda *_: UNDEFINED,
            "print": self._show,
            **{name: lambda *_: UNDEFINED for name in QUIET},
            "encodeURIComponent": lambda text: text,
            "arango": Thing(),
            "Date": Thing(now=lambda: time.time_ns() // 1_000_000),
        }
        Runner(names, self._show).run(Parser(source).program())

    def _show(self, value: Any) -> None:
        if isinstance(value, Cursor):
            value = value.rows
        if isinstance(value, list) and any(callable(element) or isinstance(element, Thing) for element in value):
            raise Unsupported("showing objects")
        if value is not UNDEFINED and not isinstance(value, (Thing, Database)) and not callable(value):
            self.shown.append(value)

    def _curl(self, method: str, url: str, body: Any = None, headers: Any = None) -> dict[str, Any]:
        sent = None if body is None or body is UNDEFINED or body == "" else body
        answer = self.client.send(method, url, sent, headers if isinstance(headers, dict) else None)
        self.answers.append(answer)
        if answer.status == 501:
            raise Unsupported(answer.body["errorMessage"])
        return {"code": answer.status, "parsedBody": answer.body, "body": answer.body, "headers": answer.headers}

    def _require(self, name: str) -> Thing:
        makers: dict[str, Callable[[], Thing]] = {
            "@arangodb/analyzers": self._analyzers,
            "@arangodb/users": self._users,
            "@arangodb/graph-examples/example-graph.js": self._examples,
            "@arangodb/general-graph": lambda: Thing(_exists=lambda _: False, _drop=lambda *_: UNDEFINED),
            "@arangodb": lambda: Thing(db=Database(self)),
            "jsunity": lambda: Thing(jsUnity=Thing(assertions=Thing(assertEqual=lambda *_: UNDEFINED))),
            "@arangodb/aql/cache": lambda: Thing(
                properties=lambda given: checked(self.client.send("PUT", "/_api/query-cache/properties", given))
            ),
            "internal": lambda: Thing(wal=Thing(flush=lambda *_: UNDEFINED), db=Database(self)),
        }
        if name not in makers:
            raise Unsupported(f"arangosh module {name}")
        return makers[name]()

    def _analyzers(self) -> Thing:
        def save(name: str, kind: str, properties: Any = None, features: Any = None) -> Any:
            body = {"name": name, "type": kind, "properties": properties, "features": features}
            given = {key: value for key, value in body.items() if value is not None}
            return checked(self.client.send("POST", "/_api/analyzer", given))

        def remove(name: str, force: bool = False) -> Any:
            checked(self.client.send("DELETE", f"/_api/analyzer/{name}?force={'true' if force else 'false'}"))
            return UNDEFINED

        return Thing(save=save, remove=remove)

    def _users(self) -> Thing:
        def save(name: str, password: str = "") -> Any:
            return without_error(checked(self.client.send("POST", "/_api/user", {"user": name, "passwd": password})))

        def replace(name: str, password: str = "") -> Any:
            return without_error(checked(self.client.send("PUT", f"/_api/user/{name}", {"passwd": password})))

        def grant(name: str, database: str, level: str = "rw") -> Any:
            checked(self.client.send("PUT", f"/_api/user/{name}/database/{database}", {"grant": level}))
            return UNDEFINED

        def remove(name: str) -> Any:
            checked(self.client.send("DELETE", f"/_api/user/{name}"))
            return UNDEFINED

        return Thing(save=save, replace=replace, grantDatabase=grant, remove=remove)

    def _examples(self) -> Thing:
        def load_graph(name: str) -> Any:
            if name not in DATASETS:
                raise Unsupported(f"example graph {name}")
            load(self.client, name)
            return Thing()

        return Thing(loadGraph=load_graph, dropGraph=lambda *_: UNDEFINED)


QUIET: Final = (
    "logJsonResponse", "logRawResponse", "logPlainResponse", "addIgnoreCollection", "removeIgnoreCollection",
    "addIgnoreView", "removeIgnoreView", "logErrorResponse", "logHtmlResponse", "logJsonLResponse",
)  # fmt: skip


class Cursor(Thing):
    """A query's result."""

    def __init__(self, rows: list[Any]) -> None:
        self.rows = rows
        super().__init__(toArray=lambda: rows)


class Database(Thing):
    """`db`."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._client = shell.client
        super().__init__(
            _create=lambda name, properties=None, *_: self._make(name, 2, properties),
            _createDocumentCollection=lambda name, properties=None: self._make(name, 2, properties),
            _createEdgeCollection=lambda name, properties=None: self._make(name, 3, properties),
            _collection=lambda name: ShellCollection(self._client, name),
            _drop=lambda name, *_: self._quiet("DELETE", f"/_api/collection/{name}?isSystem=true"),
            _dropView=lambda name: self._quiet("DELETE", f"/_api/view/{name}"),
            _createView=self._view,
            _query=self._query,
            _flushCache=lambda: UNDEFINED,
            _createTransaction=self._transaction,
            _createDatabase=lambda name: checked(
                self._client.send("POST", "/_db/_system/_api/database", {"name": name})
            )["result"],
            _dropDatabase=lambda name: self._quiet("DELETE", f"/_db/_system/_api/database/{name}"),
            _useDatabase=self._use,
            _databases=lambda: checked(self._client.send("GET", "/_db/_system/_api/database"))["result"],
            _properties=lambda: checked(self._client.send("GET", "/_api/database/current"))["result"],
            _index=lambda name: without_error(checked(self._client.send("GET", f"/_api/index/{name}"))),
        )

    def member(self, name: Any) -> Any:
        """A method, or a collection."""
        if name in self.members:
            return self.members[name]
        if str(name).startswith("_") and name != "_example":
            raise Unsupported(f"arangosh db.{name}")
        return ShellCollection(self._client, name)

    def _quiet(self, method: str, path: str) -> Any:
        self._client.send(method, path)
        return UNDEFINED

    def _use(self, name: str) -> bool:
        self._client.prefix = f"/_db/{name}"
        return True

    def _make(self, name: str, kind: int, properties: Any) -> ShellCollection:
        body = {"name": name, "type": kind} | (properties or {})
        checked(self._client.send("POST", "/_api/collection", body))
        return ShellCollection(self._client, name)

    def _transaction(self, body: Any) -> Thing:
        number = checked(self._client.send("POST", "/_api/transaction/begin", body))["result"]["id"]
        path = f"/_api/transaction/{number}"
        return Thing(id=lambda: number, abort=lambda: checked(self._client.send("DELETE", path)))

    def _view(self, name: str, kind: str, properties: Any = None) -> Thing:
        made = checked(self._client.send("POST", "/_api/view", {"name": name, "type": kind} | (properties or {})))
        return Thing(name=lambda: name, _id=made["id"])

    def _query(self, text: str, binds: Any = None, options: Any = None) -> Cursor:
        if options:
            raise Unsupported("options of db._query")
        body = {"query": text, "bindVars": binds or {}, "batchSize": 100_000}
        return Cursor(checked(self._client.send("POST", "/_api/cursor", body))["result"])


class ShellCollection(Thing):
    """`db.name`."""

    def __init__(self, client: Client, name: str) -> None:
        path = f"/_api/document/{name}"

        def number() -> str:
            return str(checked(client.send("GET", f"/_api/collection/{name}"))["id"])

        def indexes(*options: Any) -> Any:
            if options:
                raise Unsupported("indexes() with statistics")
            return checked(client.send("GET", f"/_api/index?collection={name}"))["indexes"]

        def ensure(definition: Any) -> Any:
            return without_error(checked(client.send("POST", f"/_api/index?collection={name}", definition)))

        def save(document: Any, *more: Any) -> Any:
            if isinstance(document, str):
                document = {"_from": document, "_to": more[0], **(more[1] if len(more) > 1 else {})}
            return checked(client.send("POST", path, document))

        def remove(wanted: Any) -> Any:
            if isinstance(wanted, list):
                return checked(client.send("DELETE", path, wanted))
            key = wanted["_key"] if isinstance(wanted, dict) else wanted
            return checked(client.send("DELETE", f"{path}/{key.split('/')[-1]}"))

        def properties(changed: Any = None) -> Any:
            method = "GET" if changed is None else "PUT"
            found = checked(client.send(method, f"/_api/collection/{name}/properties", changed))
            return {key: found[key] for key in PROPERTIES}

        def rows() -> list[Any]:
            every = checked(client.send("POST", "/_api/cursor", {"query": f"FOR d IN `{name}` RETURN d"}))
            return list(every["result"])

        super().__init__(
            name=lambda: name,
            _id=LazyText(number),
            insert=save,
            save=save,
            update=lambda key, patch: checked(client.send("PATCH", f"{path}/{key}", patch)),
            replace=lambda key, document: checked(client.send("PUT", f"{path}/{key}", document)),
            remove=remove,
            ensureIndex=ensure,
            indexes=indexes,
            dropIndex=lambda index: _dropped(client, index),
            properties=properties,
            toArray=rows,
            any=lambda: rows()[0],
            truncate=lambda: checked(client.send("PUT", f"/_api/collection/{name}/truncate")) and UNDEFINED,
            count=lambda: len(rows()),
            loadIndexesIntoMemory=lambda: {
                "result": checked(client.send("PUT", f"/_api/collection/{name}/loadIndexesIntoMemory"))["result"]
            },
        )


PROPERTIES: Final = (
    "globallyUniqueId", "isSystem", "waitForSync", "keyOptions", "writeConcern", "cacheEnabled", "computedValues",
    "syncByRevision", "schema", "supportsRBAC",
)  # fmt: skip


class LazyText:
    """A text that is only asked for when it is needed."""

    def __init__(self, make: Callable[[], str]) -> None:
        self._make = make

    def __str__(self) -> str:
        return self._make()


def _dropped(client: Client, index: Any) -> bool:
    name = index["id"] if isinstance(index, dict) else index
    checked(client.send("DELETE", f"/_api/index/{name}"))
    return True


def values_in(text: str) -> list[Any]:
    """The JSON values that an output shows, and the errors, in their order."""
    decoder, found, place = json.JSONDecoder(), [], 0
    while place < len(text):
        line_end = text.find("\n", place)
        line = text[place : line_end if line_end >= 0 else len(text)]
        if not line.strip() or line.startswith(("[object", "[Arango")):
            if line.startswith("[ArangoError"):
                found.append(line)
            place += len(line) + 1
            continue
        try:
            value, place = decoder.raw_decode(text, place)
        except json.JSONDecodeError:
            raise Unsupported("an output that is no JSON") from None
        found.append(value)
        place += 1
    return found
