"""Setting up: a database brought to what `schema` says, as often as asked; users with no more rights than they need.

Every step looks first and changes only what differs, so an interrupted set-up is finished by the next one.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from contextlib import closing
from typing import Any, Final
from urllib.parse import quote

import msgspec
from arangoasync.request import Method

from logagent.errors import StoreAuthError, StoreTooNew, StoreUnavailable
from logagent.settings.secret import Secret
from logagent.store.arango.access import Access
from logagent.store.arango.connection import Connection
from logagent.store.arango.schema import (
    ANALYZER_DEFINITION,
    COLLECTIONS,
    EDGES,
    EVENTS,
    GRAPH,
    LINES,
    LINK_OPTIONS,
    META,
    RUNS,
    VERSION,
    VIEW,
    VIEW_FIXED,
    VIEW_LINKS,
    Collection,
    Index,
)
from logagent.store.protocol import StoreIdentity

_MISSING: Final = (404,)
_EXISTS: Final = (409,)


class Meta(msgspec.Struct):
    """The document `log_meta/store`."""

    store_id: str
    store_seq: int = 0
    schema_version: int = 0

    @property
    def identity(self) -> StoreIdentity:
        """Which store it is."""
        return StoreIdentity(self.store_id, self.store_seq)


class _Nothing(msgspec.Struct):
    """The server's answer where there is no such document, or one that knows no id; a proxy's has neither."""

    errorNum: int = 0  # noqa: N815 - the server's own name
    key: str = msgspec.field(name="_key", default="")


def meta_of(connection: Connection) -> Meta | None:
    """What the store says of itself; None where nothing is set up.

    Raises:
        StoreTooNew: the schema is newer than this program.
        StoreUnavailable: it does not answer, or as no ArangoDB does.
    """
    answer = connection.send(Method.GET, f"/_api/document/{META}/store", allowed=_MISSING)
    if b'"store_id"' not in answer:
        found: _Nothing = connection.read(answer, _Nothing)
        if not (found.errorNum or found.key):
            raise StoreUnavailable(f"{connection.url} answers what is no answer of ArangoDB")
        return None
    meta: Meta = connection.read(answer, Meta)
    if meta.schema_version > VERSION:
        raise StoreTooNew(
            f"{connection.url} has schema {meta.schema_version}, this logagent knows {VERSION}: upgrade logagent"
        )
    return meta


def set_up(connection: Connection) -> StoreIdentity:
    """Make what is missing, change what differs, record the version. A current store costs one request."""
    meta = meta_of(connection)
    if meta is None or meta.schema_version < VERSION:
        return set_up_again(connection)
    return meta.identity


def set_up_again(connection: Connection) -> StoreIdentity:
    """The same, whatever version the store has recorded."""
    before = meta_of(connection)
    if before is None:
        _ensure_database(connection)
    _bring_up_to_date(connection, is_known=before is not None)
    meta = meta_of(connection)
    assert meta is not None
    return meta.identity


def _ensure_database(connection: Connection) -> None:
    """Make the database if it is missing, which takes a user with rights on `_system`."""
    found = connection.call(Method.GET, "/_api/database/current", allowed=_MISSING)
    if not found.get("errorNum"):
        return
    admin = Connection(connection.access, "_system")
    try:
        make_database(admin, connection.access.database, [])
    except StoreAuthError as error:
        text = f"{connection.url}: no such database, and this user may not make it: `logagent init` as an admin does"
        raise StoreAuthError(text) from error
    finally:
        admin.close()


def _bring_up_to_date(connection: Connection, *, is_known: bool) -> None:
    """Compare everything with the definitions.

    A known store that has lost the collections with what it was given is another one: its daemons read again.
    """
    placement = _placement(connection)
    made = {each.name for each in COLLECTIONS if _ensure_collection(connection, each, placement)}
    _ensure_graph(connection)
    connection.call(Method.POST, "/_api/analyzer", ANALYZER_DEFINITION)
    _ensure_view(connection)
    is_another = is_known and not made.isdisjoint((EVENTS, LINES))
    connection.execute("meta_ready", store_id=secrets.token_hex(16), version=VERSION, is_another=is_another)


def _is_cluster(connection: Connection) -> bool:
    """Settings of a cluster are sent only to one: a single server takes none of them."""
    return bool(connection.call(Method.GET, "/_admin/server/role").get("role") == "COORDINATOR")


def _placement(connection: Connection) -> dict[str, Any]:
    """What is said of each collection: nothing where all lie in one shard, since they follow the database in this.

    There the server refuses any other number of copies than that of its own collections, and those have two or more.
    """
    if not _is_cluster(connection):
        return {}
    database = connection.call(Method.GET, "/_api/database/current")["result"]
    return {} if database.get("sharding") == "single" else _copies(connection.access)


def _copies(access: Access) -> dict[str, int]:
    wanted = {"replicationFactor": access.replication_factor, "writeConcern": access.write_concern}
    return {name: copies for name, copies in wanted.items() if copies}


def _ensure_collection(connection: Connection, wanted: Collection, placement: Mapping[str, Any]) -> bool:
    """Whether it was missing."""
    path = f"/_api/collection/{wanted.name}/properties"
    found = connection.call(Method.GET, path, allowed=_MISSING)
    if found.get("errorNum"):
        body = {"name": wanted.name, "type": 3 if wanted.has_edges else 2, **placement}
        if wanted.schema is not None:
            body["schema"] = wanted.schema
        connection.call(Method.POST, "/_api/collection", body, allowed=_EXISTS)
    elif wanted.schema is not None and _differs(found.get("schema"), wanted.schema):
        connection.call(Method.PUT, path, {"schema": wanted.schema})
    _ensure_indexes(connection, wanted)
    return bool(found.get("errorNum"))


def _differs(found: Any, wanted: Any) -> bool:
    """Whether what the server shows lacks something; it adds defaults of its own, and lists in its own order."""
    if isinstance(wanted, dict):
        return not isinstance(found, dict) or any(_differs(found.get(name), wanted[name]) for name in wanted)
    if isinstance(wanted, list):
        return not isinstance(found, list) or sorted(map(str, found)) != sorted(map(str, wanted))
    return bool(found != wanted)


def _ensure_indexes(connection: Connection, collection: Collection) -> None:
    where = {"collection": collection.name}
    found = connection.call(Method.GET, "/_api/index", params=where)["indexes"]
    named = {index["name"]: index for index in found}
    for wanted in collection.indexes:
        there = named.get(wanted.name)
        if there is not None and _is_other(there, wanted):
            connection.call(Method.DELETE, f"/_api/index/{there['id']}")
            there = None
        if there is None:
            body = {"type": "persistent", "name": wanted.name, "fields": wanted.fields}
            connection.call(Method.POST, "/_api/index", {**body, "inBackground": True}, where)


def _is_other(found: Mapping[str, Any], wanted: Index) -> bool:
    return tuple(found["fields"]) != wanted.fields or bool(found["sparse"])


def _ensure_graph(connection: Connection) -> None:
    found = connection.call(Method.GET, f"/_api/gharial/{GRAPH}", allowed=_MISSING)
    if "graph" not in found:
        body = {"name": GRAPH, "edgeDefinitions": [EDGES], "orphanCollections": [RUNS]}
        connection.call(Method.POST, "/_api/gharial", body, allowed=_EXISTS)
    elif _edges(found["graph"]) != _edges({"edgeDefinitions": [EDGES]}):
        connection.call(Method.PUT, f"/_api/gharial/{GRAPH}/edge/{EDGES['collection']}", EDGES)


def _edges(graph: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    return [(each["collection"], sorted(each["from"]), sorted(each["to"])) for each in graph["edgeDefinitions"]]


def _ensure_view(connection: Connection) -> None:
    """A view is made anew where what differs cannot be changed; its links fill it again from the collections."""
    path = f"/_api/view/{VIEW}"
    found = connection.call(Method.GET, f"{path}/properties", allowed=_MISSING)
    is_there = not found.get("errorNum")
    if is_there and _is_fixed_otherwise(found):
        connection.call(Method.DELETE, path)
        is_there = False
    if not is_there:
        body = {"name": VIEW, "type": "arangosearch", **VIEW_FIXED, "links": _links_to_make()}
        connection.call(Method.POST, "/_api/view", body, allowed=_EXISTS)
    elif _differs(found.get("links"), VIEW_LINKS):
        connection.call(Method.PATCH, f"{path}/properties", {"links": _links_to_make()})


def _links_to_make() -> dict[str, Any]:
    return {name: {**link, **LINK_OPTIONS} for name, link in VIEW_LINKS.items()}


def _is_fixed_otherwise(found: Mapping[str, Any]) -> bool:
    return found.get("type") != "arangosearch" or _sorting(found) != _sorting(VIEW_FIXED)


def _sorting(view: Mapping[str, Any]) -> list[tuple[str, bool]]:
    """The server shows `asc` as true in some versions, as a direction in others."""
    return [(each["field"], each.get("direction", "asc") == "desc") for each in view.get("primarySort", ())]


class UserSpec(msgspec.Struct, frozen=True):
    """A user to be made: its password is set only where the user is new."""

    name: str
    password: Secret
    right: str
    """`rw` for the daemon, `ro` for questions."""


def make_database(admin: Connection, database: str, users: list[UserSpec]) -> None:
    """Make the database, and users that may do what they have to and no more; `admin` is connected to `_system`.

    In a cluster all of it lies in one shard: then a batch is one transaction, and joins and the graph stay local.
    """
    options = {"sharding": "single", **_copies(admin.access)} if _is_cluster(admin) else {}
    admin.call(Method.POST, "/_api/database", {"name": database, "options": options}, allowed=_EXISTS)
    for user in users:
        body = {"user": user.name, "passwd": user.password.reveal()}
        admin.call(Method.POST, "/_api/user", body, allowed=_EXISTS)
        admin.call(Method.PUT, f"/_api/user/{quote(user.name, safe='')}/database/{database}", {"grant": user.right})


def users_there(access: Access) -> set[str]:
    """The names of the server's users.

    Raises:
        StoreAuthError: who logs in may not know them.
    """
    with closing(Connection(access, "_system")) as admin:
        return {user["user"] for user in admin.call(Method.GET, "/_api/user")["result"]}


def make_users(access: Access, users: list[UserSpec]) -> None:
    """Make the database of `access` and users for it; who logs in has rights on `_system`.

    Raises:
        StoreAuthError: who logs in may not, or a user was there already with another password.
    """
    with closing(Connection(access, "_system")) as admin:
        make_database(admin, access.database, users)
    for user in users:
        _see_login(access, user)


def _see_login(access: Access, user: UserSpec) -> None:
    own = access._replace(username=user.name, password=lambda: user.password)
    with closing(Connection(own)) as connection:
        try:
            connection.call(Method.GET, "/_api/database/current")
        except StoreAuthError as error:
            text = f"user {user.name} is there already, with another password than its file has: write that one there"
            raise StoreAuthError(text) from error
