"""The script template in `examples/`: each mode as a process, its run as a store tells it."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from logagent.query import SyncAgentLogManager

SCRIPT = Path(__file__).parent.parent / "examples" / "enhanced_script_template.py"


def run(directory: Path, *arguments: str, code: str = "") -> subprocess.CompletedProcess[str]:
    words = [str(SCRIPT), *arguments] if not code else ["-c", code]
    environ = {**os.environ, "LOGAGENT_LOG_DIR": str(directory / "logs"), "PYTHONPATH": str(SCRIPT.parent)}
    environ["REDIS_URL"] = "redis://127.0.0.1:1/0"
    return subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, cwd=directory, env=environ, check=False
    )


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SyncAgentLogManager]:
    """The script's own log file as a source."""
    with SyncAgentLogManager(str(tmp_path / "logs/enhanced_script_template.jsonl")) as opened:
        yield opened


@pytest.mark.parametrize("mode", ["working", "debug"])
def test_a_mode_succeeds_and_keeps_its_result(tmp_path: Path, log: SyncAgentLogManager, mode: str) -> None:
    """Exit 0, a JSON file, a run that says so."""
    ended = run(tmp_path, mode)
    assert ended.returncode == 0, ended.stderr
    (kept,) = (tmp_path / "tmp/responses").iterdir()
    assert json.loads(kept.read_text()) == {"mode": mode, "result": {"orders": 2, "rows": 7, "largest": "b"}}
    summary = log.get_execution_summary("@last")
    assert (summary.run_info.status, summary.run_info.metadata.mode) == ("success", mode)


def test_the_stress_test_loses_no_record(tmp_path: Path, log: SyncAgentLogManager) -> None:
    """10,000, then 10 workers of 100, in threads too under the run's id."""
    assert run(tmp_path, "stress").returncode == 0
    counted = {each.text: each["count"] for each in log.patterns(run="@last")}
    assert counted["Record {number} of the stress test"] == 10_000
    assert counted["Worker {worker} record {number}"] == 1_000
    assert log.get_execution_summary("@last").learnings[0].function_name == "stress_test"


def test_a_failure_is_exit_1_and_a_failed_run(tmp_path: Path, log: SyncAgentLogManager) -> None:
    """With type, text and traceback in the log."""
    code = "import enhanced_script_template as t, sys; t.EXPECTED = {}; sys.exit(t.main(['working']))"
    assert run(tmp_path, code=code).returncode == 1
    evidence = log.why("@last")[0]
    assert evidence.run.status == "failed" and evidence.run.error.startswith("AssertionError")


def test_an_unknown_mode_is_exit_1(tmp_path: Path) -> None:
    """And says which there are."""
    ended = run(tmp_path, "fast")
    assert ended.returncode == 1 and "working|debug|stress" in ended.stderr


def test_it_has_the_parts_that_users_copy() -> None:
    """Purpose, sample in and out in the docstring; the three functions."""
    tree = ast.parse(SCRIPT.read_text(encoding="utf-8"))
    said = ast.get_docstring(tree) or ""
    assert all(part in said for part in ("Purpose:", "Sample input:", "Expected output:"))
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert functions >= {"working_usage", "debug_function", "stress_test", "main"}
