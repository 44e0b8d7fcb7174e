"""Views."""

from __future__ import annotations

from ..errors import ArangoError, Unsupported
from ..http import Request, Response, ok, route
from ..views import View, make_view


@route("GET", "/_api/view")
def every(request: Request) -> Response:
    """All of them, by name."""
    request.need("ro")
    views = sorted(request.database.views.values(), key=lambda view: str(view.name).lower())
    return ok(result=[view.shown() for view in views])


@route("POST", "/_api/view")
def create(request: Request) -> Response:
    """Also what is written already becomes searchable with the next commit."""
    request.need("rw")
    body = request.json()
    if not isinstance(body, dict):
        raise ArangoError(10, "bad parameter")
    view = make_view(request.database, body)
    request.database.views[view.name] = view
    return Response(201, view.shown() | view.properties)


@route("GET", "/_api/view/{}")
def one(request: Request, name: str) -> Response:
    """Without its properties."""
    return ok(**_find(request, name, "ro").shown())


@route("GET", "/_api/view/{}/properties")
def properties(request: Request, name: str) -> Response:
    """With its properties."""
    view = _find(request, name, "ro")
    return ok(**view.shown(), **view.properties)


@route("PATCH", "/_api/view/{}/properties")
def change(request: Request, name: str) -> Response:
    """Merged into what is there."""
    return _changed(request, name, merge=True)


@route("PUT", "/_api/view/{}/properties")
def replace(request: Request, name: str) -> Response:
    """What is not named goes back to its default."""
    return _changed(request, name, merge=False)


@route("PUT", "/_api/view/{}/rename")
def rename(request: Request, name: str) -> Response:
    """Single servers only."""
    view, new = _find(request, name, "rw"), request.object("name").get("name")
    taken = new in request.database.collections or (new in request.database.views and new != view.name)
    if not isinstance(new, str) or not new or taken:
        raise Unsupported("a new name that a view cannot have")
    request.database.views[new] = request.database.views.pop(view.name)
    view.name = new
    return Response(200, view.shown() | view.properties)


def _changed(request: Request, name: str, *, merge: bool) -> Response:
    view = _find(request, name, "rw")
    body = request.json()
    if not isinstance(body, dict):
        raise ArangoError(10, "bad parameter")
    view.change(body, merge=merge)
    return Response(200, view.shown() | view.properties)


@route("DELETE", "/_api/view/{}")
def drop(request: Request, name: str) -> Response:
    """For good."""
    view = _find(request, name, "rw")
    del request.database.views[view.name]
    return ok(result=True)


def _find(request: Request, name: str, right: str) -> View:
    request.need(right)
    for view in request.database.views.values():
        if name in (view.name, view.identifier):
            return view  # type: ignore[no-any-return]
    raise ArangoError(1203)
