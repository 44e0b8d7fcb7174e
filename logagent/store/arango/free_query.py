"""Free AQL by agents and people: explained first, run only if it reads, with a deadline and a row cap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec
from arangoasync.request import Method

from logagent.errors import BadQuery, NotPermitted, QueryTimeout, RecordRejected, StoreError
from logagent.store.arango.connection import Connection
from logagent.store.arango.errors import OUT_OF_MEMORY, Reaction, ServerError, translation
from logagent.store.protocol import Rows

_T = TypeVar("_T")
_GRACE_S: Final = 2.0
"""The server ends a query in time by itself, and says so; one that hangs does not."""
_MEMORY_BYTES: Final = 256 << 20


class _Source(msgspec.Struct):
    name: str
    type: str


class _Plan(msgspec.Struct):
    isModificationQuery: bool  # noqa: N815 - the server's own name
    collections: list[_Source]


class _Explained(msgspec.Struct):
    plan: _Plan


class _Page(msgspec.Struct):
    result: list[Any]
    hasMore: bool = False  # noqa: N815 - the server's own name
    id: str | None = None


def free_query(
    connection: Connection,
    text: str,
    params: Sequence[Any] | Mapping[str, Any],
    *,
    max_rows: int,
    timeout_s: float,
) -> Rows:
    """Run one query; see `Reader.free_query`."""
    if not isinstance(params, Mapping):
        if params:
            raise BadQuery("AQL takes parameters by name: @name in the query, name=value beside it")
        params = {}
    _check_reads_only(connection, text, params, timeout_s)
    body = {
        "query": text,
        "bindVars": params,
        "batchSize": max(max_rows, 1),
        "memoryLimit": _MEMORY_BYTES,
        "options": {"maxRuntime": timeout_s, "stream": True},
    }
    page = _asked(connection, "/_api/cursor", body, timeout_s, _Page)
    if page.hasMore and page.id:
        connection.call(Method.DELETE, f"/_api/cursor/{page.id}", allowed=(404,))
    return _rows(page.result[:max_rows], page.hasMore or len(page.result) > max_rows)


def _check_reads_only(connection: Connection, text: str, params: Mapping[str, Any], timeout_s: float) -> None:
    """By the plan's own word: in a cluster a node that writes one document has the name of one that reads it."""
    body = {"query": text, "bindVars": params}
    plan = _asked(connection, "/_api/explain", body, timeout_s, _Explained).plan
    written = [source.name for source in plan.collections if source.type != "read"]
    if plan.isModificationQuery or written:
        raise NotPermitted(f"only reading is allowed here: the query would write to {', '.join(written)}")


def _asked(connection: Connection, path: str, body: Any, timeout_s: float, kind: type[_T]) -> _T:
    try:
        encoded = msgspec.json.encode(body)
    except (TypeError, OverflowError, UnicodeEncodeError) as error:
        raise BadQuery(f"the parameters do not fit the query: {error}") from error
    try:
        found: _T = connection.read(connection.raw(Method.POST, path, encoded, timeout_s + _GRACE_S), kind)
        return found
    except ServerError as error:
        raise _translated(error, connection.url, timeout_s) from error
    except TimeoutError as error:
        raise QueryTimeout(f"no answer after {timeout_s:g} s", partial=Rows((), [], True)) from error


def _translated(error: ServerError, url: str, timeout_s: float) -> Exception:
    if error.reaction is Reaction.TOO_LONG:
        return QueryTimeout(f"not done after {timeout_s:g} s", partial=Rows((), [], True))
    if error.number == OUT_OF_MEMORY:
        return BadQuery(f"AQL: it needs more than {_MEMORY_BYTES >> 20} MiB of memory: {error.text}")
    if error.reaction is Reaction.LOG_IN and error.status == 403:
        return NotPermitted(f"only reading is allowed here: {error.text}")
    found: StoreError = translation(error, url)
    if error.status in (400, 404) or isinstance(found, RecordRejected):
        return BadQuery(f"AQL: {error.text.removeprefix('AQL: ')}")
    return found


def _rows(found: Sequence[Any], truncated: bool) -> Rows:
    """Objects become rows under the names of all their attributes; anything else is one column."""
    if found and all(isinstance(row, dict) for row in found):
        columns = tuple(dict.fromkeys(name for row in found for name in row))
        return Rows(columns, [tuple(row.get(name) for name in columns) for row in found], truncated)
    return Rows(("value",) if found else (), [(row,) for row in found], truncated)
