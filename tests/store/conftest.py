"""The handles that tests of stores work with; a test module supplies the fixture `url`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from logagent.settings import load_settings
from logagent.store import open_reader, open_store
from logagent.store.arango.access import access_of
from logagent.store.arango.connection import Connection
from logagent.store.protocol import Reader, Store


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """A prepared store."""
    with closing(open_store(url)) as opened:
        opened.prepare()
        yield opened


@pytest.fixture
def reader(store: Store, url: str) -> Iterator[Reader]:
    """A reader beside it."""
    with closing(open_reader(url)) as opened:
        yield opened


@pytest.fixture
def admin(store: Store, url: str) -> Iterator[Connection]:
    """A connection to look behind a store in ArangoDB."""
    with closing(Connection(access_of(url, load_settings()))) as opened:
        yield opened
