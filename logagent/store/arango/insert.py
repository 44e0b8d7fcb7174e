"""Bulk insert: one array of documents, ready as bytes, sent once; asked again only where the answer is not empty.

A key that is there already is not written again, so any request may be repeated.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from arangoasync.request import Method

from logagent.errors import RecordRejected, StoreError, StoreUnavailable
from logagent.store.arango.connection import Connection
from logagent.store.arango.errors import Reaction, ServerError, translation

_SILENT: Final = {"overwriteMode": "ignore", "silent": "true"}
_TELLING: Final = {"overwriteMode": "ignore", "silent": "false"}
_NOTHING: Final = (b"{}", b"[]")


class _Result(msgspec.Struct):
    error: bool = False
    errorNum: int = 0  # noqa: N815 - the server's own names
    errorMessage: str = ""  # noqa: N815


def insert(connection: Connection, collection: str, documents: bytes | bytearray, count: int) -> None:
    """Insert an array of so many documents. The status says nothing of each, only the body does.

    Raises:
        RecordRejected: `index` is that of the document refused; the others are stored.
    """
    path = f"/_api/document/{collection}"
    if connection.send(Method.POST, path, documents, _SILENT, is_write=True).strip() in _NOTHING:
        return
    answer = connection.send(Method.POST, path, documents, _TELLING, is_write=True)
    results: list[_Result] = connection.read(answer, list[_Result])
    if len(results) != count:
        raise StoreUnavailable(f"{connection.url} answers for {len(results)} of {count} documents")
    refused = [(index, result) for index, result in enumerate(results) if result.error]
    if refused:
        raise _most_important(refused, connection.url)


def _most_important(refused: list[tuple[int, _Result]], url: str) -> StoreError:
    """What passes by itself comes first: then the batch is sent again, and what is left is refused for good."""
    errors = [(index, ServerError(each.errorNum, 400, each.errorMessage)) for index, each in refused]
    for _, error in errors:
        if error.reaction in (Reaction.RETRY, Reaction.CONFLICT, Reaction.PERSON):
            return StoreUnavailable(f"{url}: {error}")
    for _, error in errors:
        if error.reaction is Reaction.LOG_IN:
            return translation(error, url)
    index, error = errors[0]
    return RecordRejected(f"ArangoDB refuses a document: {error.text}", number=error.number, index=index)


def insert_objects(connection: Connection, collection: str, documents: list[dict[str, Any]]) -> None:
    """The same for documents that are not encoded yet; none at all is no request."""
    if documents:
        insert(connection, collection, msgspec.json.encode(documents), len(documents))
