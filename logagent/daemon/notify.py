"""Notify: tells the service manager how the daemon is, over the socket that $NOTIFY_SOCKET names.

The protocol of sd_notify(3), standard library only: one datagram of `NAME=value` lines. Without a service manager
every call does nothing, and a manager that does not listen never stops the daemon.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Mapping
from typing import Self


class Notifier:
    """The one way to the service manager; `close` it once the last word is said."""

    def __init__(self, address: str | bytes | None) -> None:
        self._address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) if address else None
        if self._socket:
            self._socket.setblocking(False)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Self:
        """What systemd set for this process; one without an effect where nothing is set."""
        return cls(_address(environ.get("NOTIFY_SOCKET", "")))

    def ready(self, status: str) -> None:
        """Started, or done with reloading."""
        self._send("READY=1", _status(status))

    def reloading(self) -> None:
        """About to read the settings again; `ready` must follow."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        self._send(_status(text))

    def alive(self) -> None:
        """The loop still turns."""
        self._send("WATCHDOG=1")

    def stopping(self, status: str) -> None:
        """About to end."""
        self._send("STOPPING=1", _status(status))

    def close(self) -> None:
        """Free the socket; safe to call twice."""
        if self._socket:
            self._socket.close()
        self._socket = None

    def _send(self, *assignments: str) -> None:
        if not self._socket or not self._address:
            return
        with contextlib.suppress(OSError):  # full or gone: the next call says it again, and logging must not stop
            self._socket.sendto("\n".join(assignments).encode(), self._address)


def _address(name: str) -> str | bytes | None:
    if name.startswith("@"):
        return b"\0" + os.fsencode(name[1:])  # Linux's abstract namespace: no file
    return name if name.startswith("/") else None


def _status(text: str) -> str:
    return "STATUS=" + " ".join(text.split())  # a newline would begin another assignment
