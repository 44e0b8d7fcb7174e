"""The contract of stores, held by a real ArangoDB: where `LOGAGENT_TEST_ARANGO_URL` names one, or Docker can run one.

`LOGAGENT_TEST_ARANGO_URL=arangodb://root@127.0.0.1:8529`, with `LOGAGENT_TEST_ARANGO_PASSWORD`. Each test makes a
database of its own and drops it. What is ArangoDB's alone is in `test_arango_servers`.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from arango_places import Place, new_database, real, wait_for_words

pytest.register_assert_rewrite("store_contract")

import store_contract  # noqa: E402
from store_contract import *  # noqa: E402, F403

pytestmark = pytest.mark.arango


@pytest.fixture(scope="session")
def real_server() -> Iterator[Place]:
    """A server that is not ours."""
    with real() as place:
        yield place


@pytest.fixture
def url(real_server: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Where a new store goes; its database is dropped afterwards."""
    with new_database(real_server, monkeypatch) as made:
        store_contract.AFTER_APPEND.append(wait_for_words)
        yield made
        store_contract.AFTER_APPEND.remove(wait_for_words)
