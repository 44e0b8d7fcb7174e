"""Collections and views of arangosh, and the transactions in which one can use them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from .client import Client
from .errors import Unsupported
from .javascript import UNDEFINED
from .shell_things import Cursor, Thing, checked, without_error

PROPERTIES: Final = (
    "globallyUniqueId", "isSystem", "waitForSync", "keyOptions", "writeConcern", "cacheEnabled", "computedValues",
    "syncByRevision", "schema", "supportsRBAC",
)  # fmt: skip
RETURNED: Final = frozenset(["returnNew", "returnOld", "keepNull", "mergeObjects", "waitForSync", "overwriteMode"])
KINDS: Final = {2: "document", 3: "edge"}


def query(client: Client, text: str, binds: Any = None, headers: dict[str, str] | None = None) -> Cursor:
    """Run one, with all its rows."""
    body = {"query": text, "bindVars": binds or {}, "batchSize": 100_000}
    return Cursor(checked(client.send("POST", "/_api/cursor", body, headers))["result"])


def key_of(wanted: Any) -> str:
    """Of a key, an identifier, or a document."""
    return str(wanted["_key"] if isinstance(wanted, dict) else wanted).split("/")[-1]


class Documents(Thing):
    """The documents of a collection, in a transaction or in none."""

    def __init__(
        self, client: Client, name: str, headers: dict[str, str] | None, text: Callable[[], str] | None, **more: Any
    ) -> None:
        path = f"/_api/document/{name}"

        def send(method: str, where: str, body: Any = None, options: Any = None) -> Any:
            return checked(client.send(method, path + where + _parameters(options), body, headers))

        def save(document: Any, *rest: Any) -> Any:
            if isinstance(document, str):
                document = {"_from": document, "_to": rest[0], **(rest[1] if len(rest) > 1 else {})}
                rest = rest[2:]
            return send("POST", "", document, rest[0] if rest else None)

        def change(method: str) -> Callable[..., Any]:
            def run(wanted: Any, documents: Any, options: Any = None) -> Any:
                if not isinstance(wanted, list):
                    return send(method, f"/{key_of(wanted)}", documents, options)
                pairs = zip(wanted, documents, strict=True)
                return send(method, "", [{**document, "_key": key_of(one)} for one, document in pairs], options)

            return run

        def remove(wanted: Any) -> Any:
            if isinstance(wanted, list):
                return send("DELETE", "", wanted)
            return send("DELETE", f"/{key_of(wanted)}")

        def document(wanted: Any) -> Any:
            if isinstance(wanted, list):
                return checked(client.send("PUT", f"{path}?onlyget=true", wanted, headers))
            return send("GET", f"/{key_of(wanted)}")

        super().__init__(
            text, insert=save, save=save, document=document, update=change("PATCH"), replace=change("PUT"),
            remove=remove, name=lambda: name, **more,
        )  # fmt: skip


def _parameters(options: Any) -> str:
    if not options:
        return ""
    if not isinstance(options, dict) or set(options) - RETURNED:
        raise Unsupported("options of a change")
    return "?" + "&".join(f"{n}={str(v).lower() if isinstance(v, bool) else v}" for n, v in options.items())


class ShellCollection(Documents):
    """`db.name`."""

    def __init__(self, client: Client, name: str) -> None:
        self.path = f"/_api/collection/{name}"
        self.send = lambda method, path, body=None: checked(client.send(method, path, body))

        def rows() -> list[Any]:
            return query(client, f"FOR d IN `{name}` RETURN d").rows

        def quietly(method: str, path: str) -> Any:
            self.send(method, path)
            return UNDEFINED

        super().__init__(
            client,
            name,
            None,
            self._text,
            _id=LazyText(lambda: str(self._about()["id"])),
            ensureIndex=lambda given: without_error(self.send("POST", f"/_api/index?collection={name}", given)),
            indexes=self._indexes,
            dropIndex=lambda index: dropped(client, index),
            properties=self._properties,
            toArray=rows,
            any=lambda: rows()[0],
            truncate=lambda: quietly("PUT", f"{self.path}/truncate"),
            drop=lambda: quietly("DELETE", self.path),
            count=lambda: self.send("GET", f"{self.path}/count")["count"],
            loadIndexesIntoMemory=lambda: {
                "result": self.send("PUT", f"{self.path}/loadIndexesIntoMemory")["result"],
            },
        )

    def _about(self) -> Any:
        return self.send("GET", self.path)

    def _text(self) -> str:
        about = self._about()
        kind = KINDS[about["type"]]
        return f'[ArangoCollection {about["id"]}, "{about["name"]}" (type {kind}, status loaded)]'

    def _indexes(self, *options: Any) -> Any:
        if options:
            raise Unsupported("indexes() with statistics")
        return self.send("GET", f"/_api/index?collection={self.path.rsplit('/', 1)[1]}")["indexes"]

    def _properties(self, changed: Any = None) -> Any:
        found = self.send("GET" if changed is None else "PUT", f"{self.path}/properties", changed)
        return {key: found[key] for key in PROPERTIES}


class LazyText:
    """A text that is only asked for when it is needed."""

    def __init__(self, make: Callable[[], str]) -> None:
        self._make = make

    def __str__(self) -> str:
        return self._make()


def dropped(client: Client, index: Any) -> bool:
    """Drop an index by its description or its identifier."""
    name = index["id"] if isinstance(index, dict) else index
    checked(client.send("DELETE", f"/_api/index/{name}"))
    return True


class ShellView(Thing):
    """`db._view(name)`."""

    def __init__(self, client: Client, about: dict[str, Any]) -> None:
        path, number, kind = f"/_api/view/{about['id']}", about["id"], about["type"]

        def name() -> str:
            return str(checked(client.send("GET", path))["name"])

        super().__init__(
            lambda: f'[ArangoView {number}, "{name()}" (type {kind})]',
            name=name,
            type=lambda: kind,
            _id=number,
        )


class ShellTransaction(Thing):
    """`db._createTransaction(…)`."""

    def __init__(self, client: Client, number: str) -> None:
        path, headers = f"/_api/transaction/{number}", {"x-arango-trx-id": number}
        super().__init__(
            None,
            id=lambda: number,
            status=lambda: checked(client.send("GET", path))["result"],
            commit=lambda: checked(client.send("PUT", path))["result"],
            abort=lambda: checked(client.send("DELETE", path))["result"],
            query=lambda text, binds=None: query(client, text, binds, headers),
            collection=lambda name: Documents(client, name, headers, None),
        )
