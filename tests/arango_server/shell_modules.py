"""Modules of arangosh: `require("@arangodb/…")`."""

from __future__ import annotations

from typing import Any

from .client import Client
from .datasets import DATASETS, load
from .errors import Unsupported
from .javascript import UNDEFINED
from .shell_things import Thing, checked, without_error


def analyzers(client: Client) -> Thing:
    """`@arangodb/analyzers`."""

    def save(name: str, kind: str, properties: Any = None, features: Any = None) -> Any:
        body = {"name": name, "type": kind, "properties": properties, "features": features}
        given = {key: value for key, value in body.items() if value is not None}
        return checked(client.send("POST", "/_api/analyzer", given))

    def remove(name: str, force: bool = False) -> Any:
        checked(client.send("DELETE", f"/_api/analyzer/{name}?force={'true' if force else 'false'}"))
        return UNDEFINED

    return Thing(None, save=save, remove=remove)


def users(client: Client) -> Thing:
    """`@arangodb/users`."""

    def send(method: str, path: str, body: Any = None) -> Any:
        return without_error(checked(client.send(method, f"/_api/user{path}", body)))

    def quietly(method: str, path: str, body: Any = None) -> Any:
        send(method, path, body)
        return UNDEFINED

    def permission(name: str, database: str, *collection: str) -> Any:
        return send("GET", "/".join((f"/{name}/database/{database}", *collection)))["result"]

    def grant(name: str, database: str, level: str = "rw") -> Any:
        return quietly("PUT", f"/{name}/database/{database}", {"grant": level})

    def grant_collection(name: str, database: str, collection: str, level: str = "rw") -> Any:
        return quietly("PUT", f"/{name}/database/{database}/{collection}", {"grant": level})

    return Thing(
        None,
        save=lambda name, password="": send("POST", "", {"user": name, "passwd": password}),
        replace=lambda name, password="": send("PUT", f"/{name}", {"passwd": password}),
        update=lambda name, password: send("PATCH", f"/{name}", {"passwd": password}),
        document=lambda name: send("GET", f"/{name}"),
        remove=lambda name: quietly("DELETE", f"/{name}"),
        reload=lambda: UNDEFINED,
        permission=permission,
        grantDatabase=grant,
        grantCollection=grant_collection,
    )


def example_graphs(client: Client) -> Thing:
    """`@arangodb/graph-examples/example-graph`."""

    def load_graph(name: str) -> Any:
        if name not in DATASETS:
            raise Unsupported(f"example graph {name}")
        load(client, name)
        return graph(client, name)

    return Thing(None, loadGraph=load_graph, dropGraph=lambda *_: UNDEFINED)


def general_graph(client: Client) -> Thing:
    """`@arangodb/general-graph`."""

    def create(name: str, definitions: Any = None, orphans: Any = None) -> Thing:
        body = {"name": name, "edgeDefinitions": definitions or [], "orphanCollections": orphans or []}
        checked(client.send("POST", "/_api/gharial", body))
        return graph(client, name)

    def drop(name: str, collections: bool = False) -> bool:
        with_them = "true" if collections else "false"
        checked(client.send("DELETE", f"/_api/gharial/{name}?dropCollections={with_them}"))
        return True

    def exists(name: str) -> bool:
        return client.send("GET", f"/_api/gharial/{name}").status == 200

    return Thing(None, _exists=exists, _create=create, _drop=drop)


def graph(client: Client, name: str) -> Thing:
    """A named graph, as far as one changes it."""

    def add(collection: str) -> Any:
        checked(client.send("POST", f"/_api/gharial/{name}/vertex", {"collection": collection}))
        return UNDEFINED

    return Thing(None, _addVertexCollection=add)
