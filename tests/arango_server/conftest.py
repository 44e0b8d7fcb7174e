"""A server and a client for this package's own tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from arango_server import ArangoServer
from arango_server.client import Client


@pytest.fixture
def server() -> Iterator[ArangoServer]:
    """A server of its own for each test."""
    with ArangoServer() as running:
        yield running


@pytest.fixture
def client(server: ArangoServer) -> Iterator[Client]:
    """Root, on a kept connection, with a collection `c` and an edge collection `e`."""
    with Client(server) as made:
        made.send("POST", "/_api/collection", {"name": "c"})
        made.send("POST", "/_api/collection", {"name": "e", "type": 3})
        yield made
