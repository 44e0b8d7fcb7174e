"""Requests that are answered later: ours are done at once, and their answers kept until they are fetched."""

from __future__ import annotations

from ..errors import ArangoError, Unsupported
from ..http import Request, Response, route


def _find(request: Request, number: str) -> Response:
    found: Response | None = request.server.jobs.get(number)
    if found is None:
        raise ArangoError(404, "not found", status=404)
    if found.status == 501:
        raise Unsupported("the answer to a request that was refused")
    return found


@route("PUT", "/_api/job")
def without_number(request: Request) -> Response:
    """Fetching needs one."""
    raise ArangoError(400, "bad parameter", status=400)


@route("PUT", "/_api/job/{}")
def fetch(request: Request, number: str) -> Response:
    """The answer, once, with the job's number beside its headers."""
    found = _find(request, number)
    del request.server.jobs[number]
    return Response(found.status, found.body, found.headers | {"x-arango-async-id": number})


@route("GET", "/_api/job/{}", "count")
def status(request: Request, number: str) -> Response:
    """200 without a body: it is done."""
    if number in ("done", "pending"):
        raise Unsupported("lists of jobs: a real server's are of all its clients")
    _find(request, number)
    return Response(200)


@route("DELETE", "/_api/job/{}", "stamp")
def forget(request: Request, number: str) -> Response:
    """One answer, or all of them."""
    if number == "expired":
        raise Unsupported("expired jobs")
    if number == "all":
        request.server.jobs.clear()
    else:
        _find(request, number)
        del request.server.jobs[number]
    return Response(200, {"result": True})
