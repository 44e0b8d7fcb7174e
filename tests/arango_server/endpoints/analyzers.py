"""Analyzers."""

from __future__ import annotations

from typing import Any

from ..analyzers import BUILT_IN, make_analyzer
from ..errors import ArangoError, Unsupported
from ..http import Request, Response, ok, route


@route("GET", "/_api/analyzer")
def every(request: Request) -> Response:
    """In an order of the server's own."""
    raise Unsupported("a list of analyzers")


@route("POST", "/_api/analyzer")
def create(request: Request) -> Response:
    """201 for a new one, 200 for an identical one; a definition never changes."""
    request.need("rw")
    body = request.object("name", "type", "properties", "features")
    made = make_analyzer(
        str(body.get("name", "")).removeprefix(f"{request.database.name}::"),
        body.get("type"),
        body.get("properties"),
        body.get("features"),
    )
    existing = request.database.analyzers.get(made.name) or BUILT_IN.get(made.name)
    if existing is not None:
        if not existing.is_same(made):
            raise Unsupported(f"the text about another analyzer of the name {made.name!r}")
        return Response(200, existing.shown(request.database.name))
    request.database.analyzers[made.name] = made
    return Response(201, made.shown(request.database.name))


@route("GET", "/_api/analyzer/{}")
def one(request: Request, name: str) -> Response:
    """By its name."""
    request.need("ro")
    return ok(**_find(request, name).shown(request.database.name))


def _find(request: Request, name: str, what: str = "unable to find analyzer: {}") -> Any:
    plain = name.removeprefix(f"{request.database.name}::")
    found = request.database.analyzers.get(plain) or BUILT_IN.get(plain)
    if found is None:
        raise ArangoError(1202, what.format(f"{request.database.name}::{plain}"), status=404)
    return found


@route("DELETE", "/_api/analyzer/{}", "force")
def remove(request: Request, name: str) -> Response:
    """409 while a view uses it, unless forced."""
    request.need("rw")
    removing = "while removing arangosearch analyzer '{}'"
    analyzer = _find(request, name, f"failure to find analyzer {removing}")
    if analyzer.name in BUILT_IN:
        raise Unsupported("removing a built-in analyzer")
    used = any(analyzer.name in _names(view.properties) for view in request.database.views.values())
    if used and not request.flag("force"):
        full = f"{request.database.name}::{analyzer.name}"
        raise ArangoError(1200, f"analyzer in-use {removing.format(full)}", status=409)
    del request.database.analyzers[analyzer.name]
    return ok(name=f"{request.database.name}::{analyzer.name}")


def _names(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {name.split("::")[-1] for name in node.get("analyzers", [])}
        return own.union(*(_names(value) for value in node.values()))
    return set()
