"""Fixtures of the tests with real processes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.processes import Place

FIGURES: list[str] = []


@pytest.fixture
def figure() -> Callable[[str], None]:
    """Takes what a test has measured, to be shown at the end of the run."""
    return FIGURES.append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the figures."""
    for line in FIGURES:
        terminalreporter.write_line(line)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Directories for logs and state."""
    return Place(tmp_path)
