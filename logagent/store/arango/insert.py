"""Bulk insert: one array of documents, ready as bytes, sent once; asked again only where the answer is not empty.

A key that is there already is not written again, so any request may be repeated.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from arangoasync.request import Method

from logagent.errors import StoreUnavailable
from logagent.store.arango.connection import Connection
from logagent.store.arango.errors import ServerError, refusal

_SILENT: Final = {"overwriteMode": "ignore", "silent": "true"}
_TELLING: Final = {"overwriteMode": "ignore", "silent": "false"}
_NOTHING: Final = (b"{}", b"[]")


class _Result(msgspec.Struct):
    error: bool = False
    errorNum: int = 0  # noqa: N815 - the server's own names
    errorMessage: str = ""  # noqa: N815

    @property
    def refusal(self) -> ServerError:
        """What is said of this document; no status comes with it, so it counts as a bad request."""
        return ServerError(self.errorNum, 400, self.errorMessage)


def insert(connection: Connection, collection: str, documents: bytes | bytearray, count: int) -> None:
    """Insert an array of so many documents. The status says nothing of each, only the body does.

    Raises:
        RecordRejected: `index` is that of the document refused; the others are stored.
        StoreError: as `refusal` has it.
    """
    path = f"/_api/document/{collection}"
    if connection.send(Method.POST, path, documents, _SILENT, is_write=True).strip() in _NOTHING:
        return
    answer = connection.send(Method.POST, path, documents, _TELLING, is_write=True)
    results: list[_Result] = connection.read(answer, list[_Result])
    if len(results) != count:
        raise StoreUnavailable(f"{connection.url} answers for {len(results)} of {count} documents")
    refused = [(index, result.refusal) for index, result in enumerate(results) if result.error]
    if refused:
        raise refusal(refused, connection.url)


def insert_objects(connection: Connection, collection: str, documents: list[dict[str, Any]]) -> None:
    """The same for documents that are not encoded yet; none at all is no request."""
    if documents:
        insert(connection, collection, msgspec.json.encode(documents), len(documents))
