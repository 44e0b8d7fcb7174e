"""Processes of this machine, as /proc shows them. Thin I/O; knows nothing where there is no /proc."""

from __future__ import annotations

import os
import socket

from logagent.daemon.crashed import Here


def here() -> Here:
    """Host, boot and pid namespace of this process; None for what cannot be told."""
    return Here(socket.gethostname(), _read("/proc/sys/kernel/random/boot_id"), _namespace())


def is_alive(pid: int, start_ticks: int) -> bool | None:
    """Is the process with that pid still the one that started then? None where processes cannot be seen."""
    if not os.path.exists("/proc/self/stat"):
        return None
    stat = _read(f"/proc/{pid}/stat")
    if stat is None:
        return None if answers(pid) else False  # another user's process may be hidden (hidepid)
    fields = stat.rpartition(")")[2].split()
    return fields[0] not in ("Z", "X") and int(fields[19]) == start_ticks


def answers(pid: int) -> bool:
    """True if there is a process with that pid, another user's or not: signal 0 tells."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _namespace() -> str | None:
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return None


def _read(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return None
