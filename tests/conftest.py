"""What every test runs under: a bare environment, nothing leaked, and the same examples in every run."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("ci", derandomize=True, deadline=None, max_examples=60)
settings.register_profile(
    "soak", deadline=None, max_examples=5_000, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

OURS = ("LOGAGENT_", "ARANGO_", "LOG_", "MONITORING_", "ALERT_LOG_")
OURS_WHOLE = {"ENABLE_MONITORING", "STATE_DIRECTORY", "CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET", "WATCHDOG_USEC"}
FOR_TESTS = "LOGAGENT_TEST_"
"""Variables with this prefix stay: they say where a real server for tests is."""

SHARED_FILES = ("/dev/", "/proc/", "/sys/")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the long runs unless they are asked for."""
    if "soak" not in config.getoption("markexpr"):
        items[:] = [item for item in items if item.get_closest_marker("soak") is None]


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test sees, or writes to, what belongs to the person who runs it."""
    for name in list(os.environ):
        if (name.startswith(OURS) or name in OURS_WHOLE) and not name.startswith(FOR_TESTS):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.getbasetemp() / "state-home"))


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    """Commands that make private files set the process's umask; run within a test, they set that of all later ones."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture(autouse=True)
def nothing_leaks() -> Iterator[None]:
    """A test that leaves a thread or an open file behind fails."""
    threads, files = set(threading.enumerate()), open_files()
    yield
    new = [thread for thread in threading.enumerate() if thread not in threads]
    for thread in new:
        thread.join(timeout=2.0)  # one that is about to end may do so
    left = [thread.name for thread in new if thread.is_alive()]
    assert not left, f"threads left running: {left}"
    assert not (open_files() - files), f"files left open: {open_files() - files}"


def open_files() -> set[tuple[str, str]]:
    """Descriptors of files and sockets of this process with what they lead to; empty where there is no /proc."""
    found = set()
    for entry in Path("/proc/self/fd").glob("*"):
        try:
            target = os.readlink(entry)
        except FileNotFoundError:
            continue  # the descriptor of this very listing
        if target.startswith(("/", "socket:")) and not target.startswith(SHARED_FILES):
            found.add((entry.name, target))
    return found
