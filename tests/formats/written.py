"""What scripts left on disk, and scripts run as processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from loguru import logger

from logagent.formats import add_sink

Line = dict[str, Any]


def written(directory: Path) -> list[Line]:
    """All lines in all plain files of a directory, oldest file first; each has to be one JSON object, or empty.

    An empty line is what a writer puts down that took another's line, half visible, for torn.
    """
    return [json.loads(line) for path in files(directory) for line in path.read_bytes().splitlines() if line]


def files(directory: Path) -> list[Path]:
    """Generations by age, then the live file."""
    return sorted(directory.glob("*.jsonl"), key=lambda path: (path.name.count(".") == 1, path.name))


def logs(directory: Path) -> list[Line]:
    return [line for line in written(directory) if line["kind"] == "log"]


def only(lines: list[Line]) -> Line:
    assert len(lines) == 1, lines
    return lines[0]


@contextmanager
def sink(directory: Path, **settings: Any) -> Iterator[None]:
    """Our sink on loguru's logger, and nothing else on it, while the block runs."""
    handler = add_sink(logger, directory, **{"script_name": "etl", **settings})
    try:
        yield
    finally:
        logger.remove(handler)


def script(code: str, *arguments: object, **environment: str) -> subprocess.Popen[str]:
    """Start Python code as a process; its arguments are in `sys.argv[1:]`, warnings are errors there too."""
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.Popen(
        command, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def outcome(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a process, once it has ended."""
    stdout, stderr = process.communicate(timeout=60)
    return process.returncode, stdout, stderr


def run_script(code: str, *arguments: object, **environment: str) -> str:
    """Run Python code as a process that has to succeed and to keep quiet on stderr; its stdout comes back."""
    code_, stdout, stderr = outcome(script(code, *arguments, **environment))
    assert (code_, stderr) == (0, ""), stderr
    return stdout
