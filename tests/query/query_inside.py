"""Runs `logagent-query` inside the test's own process: the same code, a hundred times as often."""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout

from query_process import Ended

from logagent.query.cli import run


def ask_inside(*arguments: str) -> Ended:
    """One command line, its streams caught."""
    out, err = (io.TextIOWrapper(io.BytesIO(), write_through=True) for _ in range(2))
    with redirect_stdout(out), redirect_stderr(err):
        code = run(list(arguments))
    return Ended(code, _text(out), _text(err))


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    assert isinstance(stream.buffer, io.BytesIO)
    return stream.buffer.getvalue().decode()
