"""Databases."""

from __future__ import annotations

import re
from typing import Final

from ..errors import ArangoError, Unsupported
from ..http import Request, Response, ok, route
from ..storage import User

IN_A_CLUSTER: Final = {"sharding": "", "replicationFactor": 1, "writeConcern": 1}


@route("GET", "/_api/database")
def every(request: Request) -> Response:
    """All names; from _system only."""
    _in_system(request)
    return ok(result=sorted(request.server.databases))


@route("GET", "/_api/database/user")
def mine(request: Request) -> Response:
    """The names that this user may open."""
    names = sorted(request.server.databases)
    return ok(result=[n for n in names if request.user is None or request.user.rights_in(n) != "none"])


@route("GET", "/_api/database/current")
def current(request: Request) -> Response:
    """The one of this request."""
    database = request.database
    options = IN_A_CLUSTER | database.options if request.server.is_cluster else {}
    return ok(result={
        "id": database.identifier, "name": database.name, "isSystem": database.name == "_system", "path": "none",
        **options,
    })  # fmt: skip


@route("POST", "/_api/database")
def create(request: Request) -> Response:
    """Also its users, with all rights on it."""
    _in_system(request)
    body = request.object("name", "options", "users")
    name = body.get("name")
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,63}", name):
        raise ArangoError(1229, "database name invalid")
    if unknown := set(body.get("options", {})) - set(IN_A_CLUSTER):
        raise Unsupported(f"database options {', '.join(sorted(unknown))}")
    if name in request.server.databases:
        raise ArangoError(1207, f"duplicate database name '{name}'")
    request.server.create_database(name).options = body.get("options", {})
    for one in body.get("users") or [{"username": request.user.name if request.user else "root"}]:
        if set(one) - {"username", "passwd", "active", "extra"}:
            raise Unsupported(f"attributes of a user: {sorted(one)}")
        made = User(one["username"], one.get("passwd", ""), one.get("active", True), one.get("extra", {}))
        request.server.users.setdefault(made.name, made).databases[name] = "rw"
    return ok(201, result=True)


@route("DELETE", "/_api/database/{}")
def drop(request: Request, name: str) -> Response:
    """With all that is in it."""
    _in_system(request)
    if name not in request.server.databases:
        raise ArangoError(1228, "database not found")
    if name == "_system":
        raise ArangoError(11, "forbidden")
    del request.server.databases[name]
    return ok(result=True)


def _in_system(request: Request) -> None:
    if request.database.name != "_system":
        raise ArangoError(1230, "operation only allowed in system database")
    request.need_admin()
