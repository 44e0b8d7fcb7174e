"""Runs `logagent-query` as a real process."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

PROGRAM = [sys.executable, "-c", "from logagent.query.cli import main; main()"]


class Ended(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def note(self) -> Any:
        (line,) = self.err.splitlines()
        return json.loads(line)


def ask(*arguments: str, **environ: str) -> Ended:
    """One command line; its output is a pipe, so JSON lines unless told."""
    ended = subprocess.run(
        [*PROGRAM, *arguments], capture_output=True, timeout=60, env={**os.environ, **environ}, check=False
    )
    return Ended(ended.returncode, ended.stdout.decode(), ended.stderr.decode())


def ask_as_printed(command: str) -> Ended:
    """A command as an answer printed it."""
    program, *arguments = shlex.split(command)
    assert program == "logagent-query"
    return ask(*arguments)


def no_such(directory: Path) -> str:
    return f"sqlite://{directory}/absent.db"
