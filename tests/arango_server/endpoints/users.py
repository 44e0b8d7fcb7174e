"""Users and their rights."""

from __future__ import annotations

from typing import Any, Final

from ..errors import ArangoError, Unsupported
from ..http import Request, Response, ok, route
from ..storage import User

SYSTEM: Final = {"_users": "none", "_queues": "ro", "_frontend": "rw"}
"""Rights on the system's collections that nobody can change; on the others they are those on the database."""


def _user(request: Request, name: str) -> User:
    if request.user is None or request.user.name != name:
        request.need_admin()
    found = request.server.users.get(name)
    if found is None:
        raise ArangoError(1703, "user not found")
    return found


def _shown(user: User) -> dict[str, Any]:
    return {"user": user.name, "active": user.active, "extra": user.extra}


@route("GET", "/_api/user")
def every(request: Request) -> Response:
    """All of them."""
    request.need_admin()
    return ok(result=[_shown(user) for user in request.server.users.values()])


@route("POST", "/_api/user")
def create(request: Request) -> Response:
    """Without any rights yet."""
    request.need_admin()
    body = request.object("user", "passwd", "active", "extra")
    if body["user"] in request.server.users:
        raise ArangoError(1702, "duplicate user")
    made = User(body["user"], body.get("passwd", ""), body.get("active", True), body.get("extra", {}))
    request.server.users[made.name] = made
    return ok(201, **_shown(made))


@route("GET", "/_api/user/{}")
def one(request: Request, name: str) -> Response:
    """One of them."""
    return ok(**_shown(_user(request, name)))


@route("PATCH", "/_api/user/{}")
def change(request: Request, name: str) -> Response:
    """Some attributes."""
    user, body = _user(request, name), request.object("passwd", "active", "extra")
    user.password = body.get("passwd", user.password)
    user.active = body.get("active", user.active)
    user.extra = user.extra | body.get("extra", {})
    return ok(**_shown(user))


@route("PUT", "/_api/user/{}")
def replace(request: Request, name: str) -> Response:
    """All attributes."""
    user, body = _user(request, name), request.object("passwd", "active", "extra")
    user.password, user.active, user.extra = body.get("passwd", ""), body.get("active", True), body.get("extra", {})
    return ok(**_shown(user))


@route("DELETE", "/_api/user/{}")
def remove(request: Request, name: str) -> Response:
    """For good."""
    request.need_admin()
    _user(request, name)
    del request.server.users[name]
    return ok(202)


@route("GET", "/_api/user/{}/database/{}")
def right(request: Request, name: str, database: str) -> Response:
    """On a database."""
    return ok(result=_user(request, name).rights_in(database))


@route("GET", "/_api/user/{}/database", "full")
def rights(request: Request, name: str) -> Response:
    """On those databases where there are any."""
    if request.flag("full"):
        raise Unsupported("rights on every collection: system collections are not ours to show")
    user = _user(request, name)
    held = {database: user.rights_in(database) for database in request.server.databases}
    return ok(result={database: level for database, level in held.items() if level != "none"})


@route("PUT", "/_api/user/{}/database/{}")
def grant(request: Request, name: str, database: str) -> Response:
    """On a database."""
    request.need_admin()
    level = _level(request)
    _user(request, name).databases[database] = level
    return ok(**{database: level})


@route("DELETE", "/_api/user/{}/database/{}")
def revoke(request: Request, name: str, database: str) -> Response:
    """Back to the default."""
    request.need_admin()
    _user(request, name).databases.pop(database, None)
    return ok(202)


@route("GET", "/_api/user/{}/database/{}/{}")
def right_on_collection(request: Request, name: str, database: str, collection: str) -> Response:
    """On one collection."""
    user, fixed = _user(request, name), SYSTEM.get(collection)
    if collection.startswith("_"):
        return ok(result=fixed or user.rights_in(database))
    return ok(result=user.rights_in(database, collection))


@route("DELETE", "/_api/user/{}/database/{}/{}")
def revoke_collection(request: Request, name: str, database: str, collection: str) -> Response:
    """Back to that on its database."""
    request.need_admin()
    _user(request, name).collections.pop((database, _plain(collection)), None)
    return ok(202)


def _plain(collection: str) -> str:
    if collection.startswith("_"):
        raise Unsupported("rights on system collections")
    return collection


@route("PUT", "/_api/user/{}/database/{}/{}")
def grant_collection(request: Request, name: str, database: str, collection: str) -> Response:
    """On one collection."""
    request.need_admin()
    level = _level(request)
    _user(request, name).collections[database, collection] = level
    return ok(**{f"{database}/{collection}": level})


def _level(request: Request) -> str:
    level = request.object("grant").get("grant")
    if level not in ("rw", "ro", "none"):
        raise ArangoError(400, "bad parameter", status=400)
    return str(level)
