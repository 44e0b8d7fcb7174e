"""What agents read in `prompts/`: each text has its parts, and every block in it runs against a store with data."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests" / "query"))

from made_history import history_store  # noqa: E402
from query_process import ask  # noqa: E402

NAMES = (
    *(f"queries/{name}" for name in ("find_errors_in_execution", "analyze_performance_trends", "extract_learnings")),
    *(f"patterns/{name}" for name in ("error_recovery_pattern", "performance_optimization", "debugging_workflow")),
    *(f"guides/{name}" for name in ("using_logger_agent", "best_practices")),
)
PARTS = (
    *("**Purpose.**", "**When.**", "## In Python", "## The command that does the same", "## What comes back"),
    "## How to read it",
)


def text_of(name: str) -> str:
    return (ROOT / "prompts" / f"{name}.md").read_text(encoding="utf-8")


def blocks(kind: str) -> list[tuple[str, str]]:
    found = [(name, re.findall(rf"^```{kind}\n(.*?)^```$", text_of(name), re.MULTILINE | re.DOTALL)) for name in NAMES]
    return [(name, block) for name, inside in found for block in inside]


COMMANDS = sorted({line.removeprefix("$ ") for _, block in blocks("console") for line in block.splitlines()})
PYTHON = blocks("python")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield history_store(tmp_path_factory.mktemp("history"))[0]


@pytest.mark.parametrize("name", NAMES)
def test_a_text_has_all_its_parts_in_order(name: str) -> None:
    """Purpose, when, code, command, what comes back, how to read it."""
    text = text_of(name)
    places = [text.find(part) for part in PARTS]
    assert places == sorted(places) and -1 not in places
    assert len(text) / 2.4 < 2_000


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_runs(url: str, command: str) -> None:
    """As it stands, with something to say."""
    program, *words = shlex.split(command)
    ended = ask(*words, LOGAGENT_STORE=url)
    assert (program, ended.code) == ("logagent-query", 0), ended.err
    assert len(ended.out.splitlines()) > 1


@pytest.mark.parametrize(("name", "code"), PYTHON, ids=[name for name, _ in PYTHON])
def test_every_block_runs(url: str, name: str, code: str, tmp_path: Path) -> None:
    """In a process of its own, its lines in a directory of its own."""
    environ = {"LOGAGENT_STORE": url, "LOGAGENT_LOG_DIR": str(tmp_path / "logs"), "PATH": "/usr/bin:/bin"}
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environ,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
