"""Notify: what arrives at a real socket, and that nothing else ever happens."""

from __future__ import annotations

import socket
import sys
import uuid
from collections.abc import Iterator

import pytest

from logagent.daemon.notify import Notifier


@pytest.fixture
def manager(tmp_path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(5)
        yield listening


@pytest.fixture
def notifier(manager) -> Iterator[Notifier]:
    made = Notifier.from_environment({"NOTIFY_SOCKET": manager.getsockname()})
    yield made
    made.close()


def heard(manager: socket.socket) -> list[str]:
    return manager.recv(4096).decode().split("\n")


def test_ready_says_so_with_a_status(manager, notifier):
    notifier.ready("watching 3 files")
    assert heard(manager) == ["READY=1", "STATUS=watching 3 files"]


def test_the_watchdog_is_fed(manager, notifier):
    notifier.alive()
    assert heard(manager) == ["WATCHDOG=1"]


def test_stopping_says_why(manager, notifier):
    notifier.stopping("SIGTERM")
    assert heard(manager) == ["STOPPING=1", "STATUS=SIGTERM"]


def test_reloading_carries_the_monotonic_time(manager, notifier):
    """systemd pairs it with the READY=1 that follows."""
    notifier.reloading()
    first, second = heard(manager)
    assert first == "RELOADING=1"
    assert second.removeprefix("MONOTONIC_USEC=").isdecimal()


def test_a_status_cannot_smuggle_in_another_assignment(manager, notifier):
    """File names and store errors end up in it."""
    notifier.status("cannot read a\nREADY=1\r\nMAINPID=1")
    assert heard(manager) == ["STATUS=cannot read a READY=1 MAINPID=1"]


@pytest.mark.skipif(sys.platform != "linux", reason="abstract sockets are Linux's")
def test_an_abstract_socket_is_reached():
    name = f"logagent-{uuid.uuid4().hex}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("\0" + name)
        listening.settimeout(5)
        notifier = Notifier.from_environment({"NOTIFY_SOCKET": "@" + name})
        notifier.status("here")
        assert heard(listening) == ["STATUS=here"]
        notifier.close()


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1"}])
def test_without_a_manager_every_call_does_nothing(environ):
    notifier = Notifier.from_environment(environ)
    notifier.ready("up")
    notifier.close()
    notifier.close()


def test_a_manager_that_is_gone_stops_nothing(tmp_path):
    notifier = Notifier.from_environment({"NOTIFY_SOCKET": str(tmp_path / "nobody")})
    notifier.ready("up")
    notifier.alive()
    notifier.close()


def test_a_manager_that_does_not_read_blocks_nothing(manager, notifier):
    """The queue of a datagram socket is short; what does not fit is dropped and said again later."""
    for count in range(10_000):
        notifier.status(f"line {count}")
    assert heard(manager) == ["STATUS=line 0"]
