"""The documents: the reference is what the commands say, and every block of the guide runs."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests" / "query"))

from arango_server import ArangoServer  # noqa: E402
from query_build import filled, usual_story  # noqa: E402
from query_inside import ask_inside  # noqa: E402

GUIDE = (ROOT / "docs" / "querying.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^\$ (.+)$", GUIDE, re.MULTILINE)
BLOCKS = re.findall(r"^```python\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


@pytest.fixture(autouse=True)
def story(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store that the guide speaks of, found by the environment alone."""
    monkeypatch.setenv("LOGAGENT_STORE", filled(tmp_path, usual_story().records))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def test_the_command_line_reference_is_up_to_date() -> None:
    """`make docs` writes it."""
    made = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "make_cli.py"), "--check"], capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_guide_runs(command: str) -> None:
    """With the exit code that stands behind it, else 0; a question that needs a saved one saves it first."""
    line, _, comment = command.partition("  # exit ")
    program, *arguments = shlex.split(line)
    assert program == "logagent-query"
    if arguments[0:1] == ["saved"]:
        ask_inside("save", "bad", "search", "level>=error")
    ended = ask_inside(*arguments)
    assert ended.code == int(comment or 0), ended.err
    assert ended.code or ended.out or ended.err


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_every_python_block_of_the_guide_runs(block: str) -> None:
    """As it is printed, in a process of its own."""
    ended = subprocess.run([sys.executable, "-W", "error", "-c", block], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


def test_the_guide_has_blocks_at_all() -> None:
    """An expression that matches nothing would pass."""
    assert len(COMMANDS) > 20 and len(BLOCKS) == 3


SCRIPT = """
from loguru import logger
from logagent.formats import add_sink, script_execution

add_sink(logger, "logs")
try:
    with script_execution("etl"):
        logger.error("refused")
        raise ValueError("no rows")
except ValueError:
    pass
"""


def test_every_command_of_the_page_on_arangodb_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In their order, as printed but for where the server is; the daemon ships what is there and ends."""
    monkeypatch.delenv("LOGAGENT_STORE")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    page = (ROOT / "docs" / "arangodb.md").read_text(encoding="utf-8").partition("## What is where")[0]
    commands = re.findall(r"^    ((?:[A-Z_]+=|export |unset |logagent).*)$", page, re.MULTILINE)
    (block,) = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert len(commands) > 10
    script = "\n".join(
        ["set -eux", f"python - <<'END'{SCRIPT}END", *commands, f"python -W error - <<'END'\n{block}END"]
    )
    for printed, run in (("run --watch logs", "run --watch logs --once"), ("-query mcp", "-query mcp < /dev/null")):
        script = script.replace(printed, run)
    with ArangoServer(password="...") as server:
        script = script.replace(":8529", f":{server.port}")
        ended = subprocess.run(
            ["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
        )
    assert ended.returncode == 0, ended.stderr
    assert '{"value":"refused"}' in ended.stdout and "[{'value': 'etl_" in ended.stdout
