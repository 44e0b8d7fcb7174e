"""Stream transactions: begun and ended. Nothing can be done in one: no other endpoint knows their header."""

from __future__ import annotations

from typing import Any

from ..errors import Unsupported
from ..http import Request, Response, ok, route
from ..storage import tick


def _find(request: Request, number: str) -> str:
    state: str | None = request.server.transactions.get(number)
    if state is None:
        raise Unsupported("a transaction that is not known")
    return state


def _shown(number: str, state: str) -> dict[str, Any]:
    return {"result": {"id": number, "status": state}}


@route("POST", "/_api/transaction/begin")
def begin(request: Request) -> Response:
    """Over collections that are there."""
    body = request.object("collections", "lockTimeout", "waitForSync", "allowImplicit", "maxTransactionSize")
    for right, names in body.get("collections", {}).items():
        if right not in ("read", "write", "exclusive"):
            raise Unsupported(f"collections to {right}")
        for name in names if isinstance(names, list) else [names]:
            request.collection(name, "ro" if right == "read" else "rw")
    number = tick()
    request.server.transactions[number] = "running"
    return ok(201, **_shown(number, "running"))


@route("GET", "/_api/transaction")
def every(request: Request) -> Response:
    """Those that run."""
    running = [number for number, state in request.server.transactions.items() if state == "running"]
    return Response(200, {"transactions": [{"id": number, "state": "running"} for number in running]})


@route("GET", "/_api/transaction/{}")
def one(request: Request, number: str) -> Response:
    """What became of it."""
    return ok(**_shown(number, _find(request, number)))


@route("PUT", "/_api/transaction/{}")
def commit(request: Request, number: str) -> Response:
    """For good."""
    return _ended(request, number, "committed")


@route("DELETE", "/_api/transaction/{}")
def abort(request: Request, number: str) -> Response:
    """As if it had never been."""
    return _ended(request, number, "aborted")


def _ended(request: Request, number: str, state: str) -> Response:
    if _find(request, number) != "running":
        raise Unsupported("ending a transaction twice")
    request.server.transactions[number] = state
    return ok(**_shown(number, state))
