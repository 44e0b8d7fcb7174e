"""The contract of stores, held by ArangoDB on our own strict server; `test_arango_real` asks a real one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count

import pytest
from arango_server import ArangoServer

pytest.register_assert_rewrite("store_contract")

from store_contract import *  # noqa: E402, F403

_NUMBERS = count(1)


@pytest.fixture(scope="module")
def server() -> Iterator[ArangoServer]:
    """Our own server."""
    with ArangoServer() as running:
        yield running


@pytest.fixture
def url(server: ArangoServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where a new store goes."""
    monkeypatch.setenv("ARANGO_PASSWORD", server.password)
    return f"arangodb://root@127.0.0.1:{server.port}/contract_{os.getpid()}_{next(_NUMBERS)}"
