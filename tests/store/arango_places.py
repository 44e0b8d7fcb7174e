"""Servers that a test may write to, stop and start: our strict one, and a real one where there is one."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import count
from typing import Any, NamedTuple

import pytest
from arango_server import ArangoServer
from arangoasync.request import Method

from logagent.errors import StoreUnavailable
from logagent.settings import load_settings
from logagent.store.arango.access import access_of
from logagent.store.arango.connection import Connection
from logagent.store.protocol import Store
from tests.faults import FaultyProxy

IMAGE = "arangodb:3.12.12"
DEADLINE_S = 60.0
ABSENT = "no ArangoDB"
_NUMBERS = count(1)


class Place(NamedTuple):
    """A server: its URL without a database, root's password, and how to take it away (None: not ours to stop)."""

    server: str
    password: str
    stop: Callable[[], None] | None
    start: Callable[[], None] | None


@contextmanager
def our_own() -> Iterator[Place]:
    """Ours; stopped, it refuses connections and keeps its documents."""
    with ArangoServer() as server, FaultyProxy(server.port) as proxy:
        yield Place(f"arangodb://root@127.0.0.1:{proxy.port}", server.password, proxy.refuse, proxy.listen)


@contextmanager
def real() -> Iterator[Place]:
    """`LOGAGENT_TEST_ARANGO_URL` (in the container `LOGAGENT_TEST_ARANGO_CONTAINER`), else one that Docker runs."""
    if url := os.environ.get("LOGAGENT_TEST_ARANGO_URL"):
        password = os.environ.get("LOGAGENT_TEST_ARANGO_PASSWORD", "")
        yield _place(url.rstrip("/"), password, os.environ.get("LOGAGENT_TEST_ARANGO_CONTAINER"))
        return
    if not (os.path.exists("/var/run/docker.sock") or os.environ.get("DOCKER_HOST")):
        pytest.skip(ABSENT)
    containers = pytest.importorskip("testcontainers.core.container", reason="`make test-arango` lets Docker run one")
    port = _free_port()  # a fixed one, since a stopped container comes back at another otherwise
    container = containers.DockerContainer(IMAGE).with_bind_ports(8529, port).with_env("ARANGO_ROOT_PASSWORD", "secret")
    with container.with_command("arangod --vector-index true") as running:
        name = running.get_wrapped_container().id
        yield _place(f"arangodb://root@{running.get_container_host_ip()}:{port}", "secret", name)


def _place(url: str, password: str, container: str | None) -> Place:
    def docker(*words: str) -> None:
        subprocess.run(["docker", *words], check=True, capture_output=True, timeout=DEADLINE_S)

    if container is None:
        return Place(url, password, None, None)
    return Place(url, password, lambda: docker("stop", container), lambda: docker("start", container))


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def new_database(place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of one that is not there yet, on a server that answers, with its password set; dropped afterwards."""
    for name in ("URL", "PASSWORD", "CONTAINER"):
        monkeypatch.delenv(f"LOGAGENT_TEST_ARANGO_{name}", raising=False)  # no settings of ours
    monkeypatch.setenv("ARANGO_PASSWORD", place.password)
    made = f"{place.server}/test_{os.getpid()}_{next(_NUMBERS)}"
    wait_until(lambda: answers(made), "the server answers")
    yield made
    _drop(made)


def answers(url: str) -> bool:
    """Whether the server does; the database need not be there."""
    with closing(Connection(access_of(url, load_settings()), "_system")) as system:
        try:
            system.call(Method.GET, "/_api/version")
        except StoreUnavailable:
            return False
    return True


def _drop(url: str) -> None:
    """The database, if it is there."""
    with closing(Connection(access_of(url, load_settings()), "_system")) as system:
        system.call(Method.DELETE, f"/_api/database/{url.rpartition('/')[2]}", allowed=(404,))


def wait_for_words(store: Store) -> None:
    """The view follows with its next commit, about a second later."""
    query = "RETURN LENGTH(log_events) == LENGTH(FOR e IN log_events_view SEARCH e.ts_us > -1"
    body: dict[str, Any] = {"query": f"{query} FILTER IS_SAME_COLLECTION('log_events', e) RETURN 1)"}
    with closing(Connection(access_of(store.url, load_settings()))) as connection:
        wait_until(lambda: connection.call(Method.POST, "/_api/cursor", body)["result"] == [True], "the view follows")


def wait_until(holds: Callable[[], bool], what: str) -> None:
    """Ask again and again until a deadline."""
    end, pause = time.monotonic() + DEADLINE_S, threading.Event()
    while not holds():
        assert time.monotonic() < end, f"waited {DEADLINE_S:g} s until {what}"
        pause.wait(0.05)
