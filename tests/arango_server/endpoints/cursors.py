"""Queries: running them, fetching their batches, explaining them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Final

from .. import ast
from ..errors import ArangoError, Unsupported
from ..http import Request, Response, ok, route
from ..query import Query
from ..storage import tick
from ..values import rank

BODY: Final = ("query", "bindVars", "batchSize", "count", "ttl", "memoryLimit", "cache", "options")
LEAST_MEMORY_BYTES: Final = 16 << 20
OPTIONS: Final = frozenset(
    [
        "stream",
        "fullCount",
        "maxRuntime",
        "allowRetry",
        "failOnWarning",
        "maxWarningCount",
        "fillBlockCache",
        "usePlanCache",
        "optimizer",
        "maxNumberOfPlans",
        "maxDNFConditionMembers",
        "intermediateCommitSize",
        "intermediateCommitCount",
        "maxTransactionSize",
        "skipInaccessibleCollections",
        "allowDirtyReads",
        "profile",
        "spillOverThresholdMemoryUsage",
        "spillOverThresholdNumRows",
    ]
)


@dataclass
class Cursor:
    """What is left of a query's result, and the batch that may be asked for again."""

    identifier: str
    rows: list[Any]
    batch_size: int
    base: dict[str, Any]
    extra: dict[str, Any]
    ttl_s: float
    used: float
    may_retry: bool
    streams: bool
    number: int = 1
    last: tuple[str, dict[str, Any]] | None = None

    def next_batch(self, status: int) -> dict[str, Any]:
        """The next batch, as an answer."""
        batch, self.rows = self.rows[: self.batch_size], self.rows[self.batch_size :]
        has_more = bool(self.rows)
        answer: dict[str, Any] = {"result": batch, "hasMore": has_more, **self.base, "cached": False}
        if not (self.streams and has_more):
            answer["extra"] = self.extra
        if has_more or (self.number > 1 and self.may_retry):
            answer["id"] = self.identifier
        if has_more:
            answer["nextBatchId"] = str(self.number + 1)
        self.last = (str(self.number), answer | {"error": False, "code": 200})
        self.number += 1
        return answer | {"error": False, "code": status}


def _query(request: Request, *known: str) -> tuple[Query, dict[str, Any]]:
    if not request.body.strip():
        raise ArangoError(1502, "query is empty")
    body = request.object(*known)
    text, options = body.get("query"), body.get("options") or {}
    if text is None or text == "":
        raise ArangoError(1502, "query is empty")
    if not isinstance(text, str) or not isinstance(body.get("bindVars") or {}, dict):
        raise ArangoError(10, "bad parameter")
    if unknown := set(options) - OPTIONS - {"allPlans"}:
        raise Unsupported(f"query options {', '.join(sorted(unknown))}")
    if options.get("usePlanCache") or options.get("profile"):
        raise Unsupported("query options usePlanCache, profile")
    if options.get("stream") and (body.get("count") or body.get("cache") or options.get("fullCount")):
        raise Unsupported("stream together with count, cache or fullCount")
    query = Query(request.database, text, body.get("bindVars") or {}, options, request.user)
    for name in query.sources:
        request.need("rw" if query.sources[name] == "write" else "ro", name)
    return query, body


@route("POST", "/_api/cursor")
def create(request: Request) -> Response:
    """Run a query and give its first batch."""
    request.need("ro")
    started = time.perf_counter()
    query, body = _query(request, *BODY)
    size = body.get("batchSize", 1000)
    if rank(size) != 2:
        size = 1000
    if size == 0:
        raise ArangoError(17, "expecting non-zero value for 'batchSize'")
    if not isinstance(size, int) or size < 0:
        raise Unsupported("a batchSize that is negative or a fraction")
    if 0 < (body.get("memoryLimit") or 0) < LEAST_MEMORY_BYTES:
        raise Unsupported("a limit on memory that a query may reach")
    if body.get("cache"):
        raise Unsupported("the query results cache")
    rows = query.run()
    stats = query.stats | {
        "executionTime": time.perf_counter() - started, "peakMemoryUsage": 0, "intermediateCommits": 0,
    }  # fmt: skip
    options = query.options
    cursor = Cursor(
        identifier=tick(),
        rows=rows,
        batch_size=size,
        base={"count": len(rows)} if body.get("count") else {},
        extra={"warnings": query.warnings, "stats": stats},
        ttl_s=float(body.get("ttl", 30)),
        used=time.monotonic(),
        may_retry=bool(options.get("allowRetry")),
        streams=bool(options.get("stream")),
    )
    answer = cursor.next_batch(201)
    if answer["hasMore"]:
        request.server.cursors[request.database.name, cursor.identifier] = cursor
    return Response(201, answer)


def _find(request: Request, number: str) -> Cursor:
    key = (request.database.name, number)
    cursor = request.server.cursors.get(key)
    if cursor is not None and time.monotonic() - cursor.used > cursor.ttl_s:
        del request.server.cursors[key]
        cursor = None
    if cursor is None:
        raise ArangoError(1600)
    cursor.used = time.monotonic()
    return cursor


@route("POST", "/_api/cursor/{}")
def next_(request: Request, number: str) -> Response:
    """The next batch; a cursor without a promise to retry is gone after its last."""
    cursor = _find(request, number)
    if not cursor.rows:
        raise ArangoError(1600)
    answer = cursor.next_batch(200)
    if not answer["hasMore"] and not cursor.may_retry:
        del request.server.cursors[request.database.name, number]
    return Response(200, answer)


@route("PUT", "/_api/cursor")
def next_of_none(request: Request) -> Response:
    """Which cursor?"""
    raise ArangoError(400, "expecting PUT /_api/cursor/<cursor-id>", status=400)


@route("PUT", "/_api/cursor/{}")
def next_old(request: Request, number: str) -> Response:
    """The old spelling."""
    return next_(request, number)


@route("POST", "/_api/cursor/{}/{}")
def batch(request: Request, number: str, wanted: str) -> Response:
    """The next batch by its number, or the last one again if the query allows it."""
    cursor = _find(request, number)
    if cursor.may_retry and cursor.last is not None and cursor.last[0] == wanted:
        return Response(200, cursor.last[1])
    if wanted != str(cursor.number):
        raise ArangoError(1600)
    return next_(request, number)


@route("DELETE", "/_api/cursor/{}")
def delete(request: Request, number: str) -> Response:
    """Give it up."""
    _find(request, number)
    del request.server.cursors[request.database.name, number]
    return ok(202, id=number)


@route("POST", "/_api/explain")
def explain(request: Request) -> Response:
    """Which nodes a query has, in our coarse view: how it reads what, and what it modifies. No costs."""
    request.need("ro")
    query, _ = _query(request, "query", "bindVars", "options")
    if query.options.get("allPlans"):
        raise Unsupported("allPlans")
    nodes = [{"id": at, "dependencies": [at - 1] if at > 1 else [], **n} for at, n in enumerate(query.nodes, 1)]
    if request.server.is_cluster:
        nodes = _as_one_operation(nodes)
    plan = {
        "nodes": nodes, "rules": [], "collections": [{"name": n, "type": t} for n, t in query.sources.items()],
        "variables": [], "isModificationQuery": query.writes,
    }  # fmt: skip
    return ok(plan=plan, cacheable=False, warnings=query.warnings, stats={})


@route("POST", "/_api/query")
def parse(request: Request) -> Response:
    """Only whether it is AQL at all."""
    request.need("ro")
    ast.parse(str(request.object("query").get("query", "")))
    raise Unsupported("the tree of a query")


def _as_one_operation(nodes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A coordinator does what a query does to one document by a node of its own, which only says in passing what."""
    if any(node["type"].startswith(("Enumerate", "Index", "Traversal")) for node in nodes):
        return nodes
    return [
        {**node, "type": "SingleRemoteOperationNode", "mode": node["type"]} if "collection" in node else node
        for node in nodes
    ]
