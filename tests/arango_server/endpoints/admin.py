"""What the server says about itself."""

from __future__ import annotations

import time

from ..errors import Unsupported
from ..http import Request, Response, ok, route


@route("PUT", "/_api/version", "details")
@route("GET", "/_api/version", "details")
def version(request: Request) -> Response:
    """Any user may ask, by any method."""
    if request.flag("details"):
        raise Unsupported("details of a build")
    return Response(
        200,
        {
            "server": "arango", "license": "enterprise", "version": request.server.version, "apiVersions": ["v0"],
            "deprecatedApiVersions": [], "requestedApiVersion": "v0",
        },
    )  # fmt: skip


@route("GET", "/_admin/server/availability", is_open=True)
def availability(request: Request) -> Response:
    """Nobody needs to log in for this."""
    return ok(mode="default")


@route("GET", "/_admin/license")
def license_(request: Request) -> Response:
    """How much of the community licence's 100 GiB is used."""
    usage = {
        "bytesUsed": request.server.bytes_used, "bytesLimit": 107_374_182_400, "limitReached": False,
        "secondsUntilReadOnly": 315_569_520, "secondsUntilShutDown": 315_569_520, "status": "good",
    }  # fmt: skip
    return Response(200, {"upgrading": False, "diskUsage": usage | request.server.license_usage})


@route("GET", "/_admin/server/role")
def role(request: Request) -> Response:
    """What it is."""
    return ok(role="COORDINATOR" if request.server.is_cluster else "SINGLE")


@route("GET", "/_api/key-generators")
def key_generators(request: Request) -> Response:
    """Their names."""
    return Response(200, {"keyGenerators": ["upgrade", "padded", "uuid", "autoincrement", "traditional"]})


@route("DELETE", "/_api/query-plan-cache")
def clear_plans(request: Request) -> Response:
    """There are none here."""
    return ok()


@route("DELETE", "/_api/query-cache")
def clear_results(request: Request) -> Response:
    """There are none here: a query that would use them is refused."""
    return ok()


@route("GET", "/_api/query-cache/properties")
def results_cache(request: Request) -> Response:
    """How it is set."""
    return Response(200, request.server.results_cache)


@route("PUT", "/_api/query-cache/properties")
def set_results_cache(request: Request) -> Response:
    """Some of it."""
    request.server.results_cache |= request.object(*request.server.results_cache)
    return Response(200, request.server.results_cache)


@route("GET", "/_admin/time")
def server_time(request: Request) -> Response:
    """Seconds since 1970."""
    return ok(time=time.time())
