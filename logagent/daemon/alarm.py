"""The alarm: brings alerts to people by a command or a webhook, never through the store. Thin I/O.

What is sent is sent from a thread, with a time-out, so that a dead webhook or a slow command holds up nothing.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import threading
import urllib.request
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from logagent.daemon.alerts import AlertChange
from logagent.errors import ConfigError

TIMEOUT_S: Final = 10.0
QUEUED: Final = 100


class AlarmTargets(msgspec.Struct, frozen=True, kw_only=True):
    """Where alerts go besides the daemon's own log; None for nowhere."""

    command: str | None = None
    webhook: str | None = None


class Alarm:
    """Sends alert changes; what goes wrong with that is told to `complain`."""

    def __init__(self, targets: AlarmTargets, host: str, complain: Callable[[str], None]) -> None:
        """Prepare to send.

        Raises:
            ConfigError: the command cannot be split into words.
        """
        self._targets = targets
        self._host = host
        self._complain = complain
        try:
            self._command = shlex.split(targets.command) if targets.command else []
        except ValueError as error:
            raise ConfigError(f"alert_command {targets.command!r}: {error}") from error
        self._threads: list[threading.Thread] = []

    def send(self, changes: Sequence[AlertChange]) -> None:
        """Send these, in order, without waiting."""
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        if not changes or not (self._command or self._targets.webhook) or len(self._threads) > QUEUED:
            return
        thread = threading.Thread(target=self._deliver, args=(tuple(changes),), name="alarm", daemon=True)
        self._threads.append(thread)
        thread.start()

    def close(self) -> None:
        """Give what is under way a moment to arrive."""
        for thread in self._threads:
            thread.join(timeout=1.0)

    def _deliver(self, changes: Sequence[AlertChange]) -> None:
        for change in changes:
            try:
                self._run(change)
                self._post(change)
            except (OSError, subprocess.SubprocessError, ValueError) as error:
                self._complain(f"alert {change.name} could not be sent: {error}")

    def _run(self, change: AlertChange) -> None:
        """Call the command with the alert in its environment; nothing of it is ever part of the command line."""
        if not self._command:
            return
        state = "raised" if change.is_raised else "cleared"
        told = {"LOGAGENT_ALERT": change.name, "LOGAGENT_ALERT_STATE": state, "LOGAGENT_ALERT_TEXT": change.text}
        path = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        subprocess.run(
            self._command,
            env={**path, **told},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=TIMEOUT_S,
            check=True,
        )

    def _post(self, change: AlertChange) -> None:
        if not self._targets.webhook:
            return
        body = {"alert": change.name, "raised": change.is_raised, "text": change.text, "host": self._host}
        request = urllib.request.Request(
            self._targets.webhook, msgspec.json.encode(body), {"Content-Type": "application/json"}, method="POST"
        )
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as reply:
            reply.read(1024)
