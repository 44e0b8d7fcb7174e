"""Where state and logs live when nobody says so. Pure but for the home directory's name."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def state_directory(environ: Mapping[str, str]) -> str:
    """The directory of checkpoint, dead letters, status and, by default, database and logs; it may not exist yet.

    >>> state_directory({"STATE_DIRECTORY": "/var/lib/logagent"})
    '/var/lib/logagent'
    >>> state_directory({"LOG_BUFFER_DIR": "/tmp/buffer", "XDG_STATE_HOME": "/home/ann/.state"})
    '/home/ann/.state/logagent'
    """
    if under_systemd := environ.get("STATE_DIRECTORY", "").split(":")[0]:
        return under_systemd
    buffer = environ.get("LOG_BUFFER_DIR", "")
    if buffer and not is_temporary(buffer):
        return os.path.abspath(buffer)
    state_home = environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(state_home):  # the XDG rules: a relative one is ignored
        state_home = os.path.join(os.path.expanduser("~"), ".local", "state")
    return os.path.join(state_home, "logagent")


def is_temporary(path: str) -> bool:
    """True under /tmp, which a reboot empties: no place for a buffer that has to outlive an outage."""
    absolute = os.path.abspath(path)
    return absolute == "/tmp" or absolute.startswith("/tmp/")


def log_directory(environ: Mapping[str, str]) -> str:
    """Where scripts write that add no sink, and what the daemon watches by default.

    >>> log_directory({"STATE_DIRECTORY": "/var/lib/logagent"})
    '/var/lib/logagent/logs'
    """
    return environ.get("LOGAGENT_LOG_DIR") or os.path.join(state_directory(environ), "logs")
