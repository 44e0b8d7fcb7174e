"""Stream transactions: begun and ended."""

from __future__ import annotations

from typing import Any

from ..errors import Unsupported
from ..http import Request, Response, ok, route
from ..storage import tick
from ..transactions import Transaction


def _find(request: Request, number: str) -> Transaction:
    found: Transaction | None = request.server.transactions.get(number)
    if found is None:
        raise Unsupported("a transaction that is not known")
    return found


def _shown(transaction: Transaction) -> dict[str, Any]:
    return {"result": {"id": transaction.number, "status": transaction.state}}


@route("POST", "/_api/transaction/begin")
def begin(request: Request) -> Response:
    """Over collections that are there."""
    body = request.object("collections", "lockTimeout", "waitForSync", "allowImplicit", "maxTransactionSize")
    written: set[str] = set()
    for right, given in body.get("collections", {}).items():
        if right not in ("read", "write", "exclusive"):
            raise Unsupported(f"collections to {right}")
        names = given if isinstance(given, list) else [given]
        for name in names:
            request.collection(name, "ro" if right == "read" else "rw")
        written |= set() if right == "read" else set(names)
    made = Transaction(tick(), request.database, frozenset(written))
    request.server.transactions[made.number] = made
    return ok(201, **_shown(made))


@route("GET", "/_api/transaction")
def every(request: Request) -> Response:
    """Those that run."""
    running = [one.number for one in request.server.transactions.values() if one.state == "running"]
    return Response(200, {"transactions": [{"id": number, "state": "running"} for number in running]})


@route("GET", "/_api/transaction/{}")
def one(request: Request, number: str) -> Response:
    """What became of it."""
    return ok(**_shown(_find(request, number)))


@route("PUT", "/_api/transaction/{}")
def commit(request: Request, number: str) -> Response:
    """For good."""
    return _ended(request, number, "committed")


@route("DELETE", "/_api/transaction/{}")
def abort(request: Request, number: str) -> Response:
    """As if it had never been."""
    return _ended(request, number, "aborted")


def _ended(request: Request, number: str, state: str) -> Response:
    found = _find(request, number)
    found.end(state)
    return ok(**_shown(found))
