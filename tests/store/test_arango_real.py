"""The contract of stores, held by a real ArangoDB: where `LOGAGENT_TEST_ARANGO_URL` names one, or Docker can run one.

`LOGAGENT_TEST_ARANGO_URL=arangodb://root@127.0.0.1:8529`, with `LOGAGENT_TEST_ARANGO_PASSWORD`. Each test makes a
database of its own and drops it.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import count

import pytest
from arangoasync.request import Method

from logagent.settings import load_settings
from logagent.store.arango.access import access_of
from logagent.store.arango.connection import Connection

pytest.register_assert_rewrite("store_contract")

import store_contract  # noqa: E402
from store_contract import *  # noqa: E402, F403

pytestmark = pytest.mark.arango
IMAGE = "arangodb:3.12.12"
DEADLINE_S = 60.0
_NUMBERS = count(1)


@pytest.fixture(scope="session")
def real_server() -> Iterator[tuple[str, str]]:
    """URL without a database, and root's password."""
    if url := os.environ.get("LOGAGENT_TEST_ARANGO_URL"):
        yield url.rstrip("/"), os.environ.get("LOGAGENT_TEST_ARANGO_PASSWORD", "")
        return
    if not (os.path.exists("/var/run/docker.sock") or os.environ.get("DOCKER_HOST")):
        pytest.skip("no ArangoDB")
    containers = pytest.importorskip("testcontainers.core.container", reason="no ArangoDB")
    container = containers.DockerContainer(IMAGE).with_exposed_ports(8529).with_env("ARANGO_ROOT_PASSWORD", "secret")
    with container.with_command("arangod --vector-index true") as running:
        host, port = running.get_container_host_ip(), running.get_exposed_port(8529)
        yield f"arangodb://root@{host}:{port}", "secret"


@pytest.fixture
def url(real_server: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Where a new store goes; its database is dropped afterwards."""
    server, password = real_server
    for name in ("LOGAGENT_TEST_ARANGO_URL", "LOGAGENT_TEST_ARANGO_PASSWORD"):
        monkeypatch.delenv(name, raising=False)  # no settings of ours
    monkeypatch.setenv("ARANGO_PASSWORD", password)
    made = f"{server}/contract_{os.getpid()}_{next(_NUMBERS)}"
    wait_until(lambda: answers(made), "the server answers")
    store_contract.AFTER_APPEND.append(wait_for_words)
    yield made
    store_contract.AFTER_APPEND.remove(wait_for_words)
    with closing(Connection(access_of(made, load_settings()), "_system")) as system:
        system.call(Method.DELETE, f"/_api/database/{made.rpartition('/')[2]}", allowed=(404,))


def answers(url: str) -> bool:
    from logagent.errors import StoreUnavailable

    with closing(Connection(access_of(url, load_settings()), "_system")) as system:
        try:
            system.call(Method.GET, "/_api/version")
        except StoreUnavailable:
            return False
    return True


def wait_for_words(store: store_contract.Store) -> None:
    """The view follows with its next commit, about a second later."""
    query = "RETURN LENGTH(log_events) == LENGTH(FOR e IN log_events_view SEARCH e.ts_us > -1"
    body = {"query": f"{query} FILTER IS_SAME_COLLECTION('log_events', e) RETURN 1)"}
    with closing(Connection(access_of(store.url, load_settings()))) as connection:
        wait_until(lambda: connection.call(Method.POST, "/_api/cursor", body)["result"] == [True], "the view follows")


def wait_until(holds: store_contract.Callable[[], bool], what: str) -> None:
    """Ask again and again until a deadline."""
    end, pause = time.monotonic() + DEADLINE_S, threading.Event()
    while not holds():
        assert time.monotonic() < end, f"waited {DEADLINE_S:g} s until {what}"
        pause.wait(0.05)
