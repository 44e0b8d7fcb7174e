"""The vector index: made once there are more vectors than are compared one by one, as far as the server's version can.

Up to that many an exact comparison is quick and misses nothing. The index holds vectors of one length alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import isqrt
from typing import Any, Final

import msgspec
from arangoasync.request import Method

from logagent.errors import StoreError
from logagent.store.arango.connection import Connection
from logagent.store.arango.schema import EMBEDDINGS

MAX_COMPARED: Final = 20_000
_NAME: Final = "by_direction"
_SPARSE_SINCE: Final = (3, 12, 6)
"""Before it an index wants a vector in every document; those that lines brought along stand in the same collection."""
_LOOK_EVERY: Final = 2_000
"""Saved vectors between two looks at how many there are."""
_CELLS_LOOKED_AT: Final = 16
"""Of the cells that an index parts the vectors into; the server's own 1 misses much."""


class _Length(msgspec.Struct):
    dimension: int
    total: int


def ready(connection: Connection, dimension: int) -> bool:
    """Whether there is an index for such vectors that has trained itself."""
    return any(_holds(each, dimension) and each.get("trainingState", "ready") == "ready" for each in _found(connection))


def _found(connection: Connection) -> list[dict[str, Any]]:
    answer = connection.call(Method.GET, "/_api/index", params={"collection": EMBEDDINGS})
    return [index for index in answer["indexes"] if index["type"] == "vector"]


def _holds(index: Mapping[str, Any], dimension: int) -> bool:
    return bool(index["params"]["dimension"] == dimension and index["params"]["metric"] == "cosine")


class VectorIndex:
    """Keeps the index to what is there, from one save of vectors to the next.

    Args:
        more_than: make one when there are more vectors than that.
    """

    def __init__(self, connection: Connection, more_than: int = MAX_COMPARED) -> None:
        self._connection = connection
        self._more_than = more_than
        self._unseen = _LOOK_EVERY
        self._is_refused = False

    def make_way(self, dimensions: set[int]) -> None:
        """Drop an index that does not hold vectors of those lengths: the server would refuse to save them."""
        for index in _found(self._connection):
            if any(not _holds(index, dimension) for dimension in dimensions):
                self._connection.call(Method.DELETE, f"/_api/index/{index['id']}", allowed=(404,))

    def follow(self, saved: int) -> None:
        """So many vectors were saved: make the index if now it pays.

        One that cannot be made costs time and nothing else, so that is no error; this handle tries no more.
        """
        self._unseen += saved
        if self._is_refused or self._unseen < _LOOK_EVERY or _found(self._connection):
            return
        self._unseen = 0
        lengths = self._connection.rows("vectors_lengths", _Length)
        if len(lengths) == 1 and lengths[0].total > self._more_than:
            self._is_refused = not self._made(lengths[0])

    def _made(self, length: _Length) -> bool:
        if _version(self._connection) < _SPARSE_SINCE:
            return False
        cells = min(length.total, 4 * isqrt(length.total))
        params = {
            "metric": "cosine", "dimension": length.dimension, "nLists": cells,
            "defaultNProbe": min(cells, _CELLS_LOOKED_AT),
        }  # fmt: skip
        body = {"type": "vector", "name": _NAME, "fields": ["vector"], "sparse": True, "params": params}
        try:
            where = {"collection": EMBEDDINGS}
            self._connection.call(Method.POST, "/_api/index", {**body, "inBackground": True}, where)
        except StoreError:
            return False  # the server was started without vectors, or is still at it after our time-out
        return True


def _version(connection: Connection) -> tuple[int, ...]:
    found = re.match(r"(\d+)\.(\d+)\.(\d+)", connection.call(Method.GET, "/_api/version")["version"])
    return tuple(map(int, found.groups())) if found else ()
