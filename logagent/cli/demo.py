"""`logagent demo`: the main job, for real, in a throw-away directory; ends by itself and leaves nothing running."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from logagent.cli import demo_script

DEADLINE_S = 30.0

QUESTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("What ran?", ("runs", "-o", "table")),
    ("What went wrong?", ("search", "level>=warning", "-o", "table")),
    ("Tell me about the run that failed.", ("show", "@last-failed", "-o", "table")),
    ("Why did it fail? (as an agent reads it, in few tokens)", ("why", "@last-failed", "-o", "compact")),
)


@click.command(short_help="The main job, for real, in a throw-away directory.")
@click.option("--keep", is_flag=True, help="Keep the directory, to look around in it.")
def demo(*, keep: bool) -> None:
    """Run a script that logs, a daemon that ships its lines, and questions that are answered from the store."""
    base = Path(tempfile.mkdtemp(prefix="logagent-demo-"))
    try:
        _play(base)
    finally:
        if not keep:
            shutil.rmtree(base, ignore_errors=True)
    _say(f"Kept in {base}." if keep else "Nothing is left running, and nothing is left behind.")


def _play(base: Path) -> None:
    logs, state = base / "logs", base / "state"
    logs.mkdir()
    state.mkdir()
    _say("1. The daemon watches a directory.")
    daemon = _start([*_program("logagent"), "run", "--watch", str(logs), "--state-dir", str(state)])
    try:
        _say("2. A script logs there with loguru. It knows of no database.")
        _call([sys.executable, demo_script.__file__, str(logs)])
        written = sum(path.read_bytes().count(b"\n") for path in logs.glob("*.jsonl"))
        _wait_until(lambda: _lines_read(state) >= written, daemon)
        _say("3. The questions:")
        for question, arguments in QUESTIONS:
            _say(f"   {question}")
            _call([*_program("logagent.query"), "--state-dir", str(state), *arguments])
        _say("4. How is the daemon?")
        _call([*_program("logagent"), "status", "--state-dir", str(state)])
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(timeout=DEADLINE_S)


def _program(module: str) -> list[str]:
    """How to call a command of ours with this very Python, whatever PATH says."""
    return [sys.executable, "-m", module]


def _start(arguments: Sequence[str]) -> subprocess.Popen[bytes]:
    _show(arguments)
    return subprocess.Popen(arguments, stderr=subprocess.DEVNULL)


def _call(arguments: Sequence[str]) -> None:
    _show(arguments)
    subprocess.run(arguments, check=True)
    click.echo()


def _show(arguments: Sequence[str]) -> None:
    names = {"logagent": "logagent", "logagent.query": "logagent-query"}
    words = (
        [names.get(arguments[2], arguments[2]), *arguments[3:]] if arguments[1] == "-m" else ["python", *arguments[1:]]
    )
    click.secho("   $ " + " ".join(words), dim=True)


def _lines_read(state: Path) -> int:
    """How many lines the daemon says that it has shipped."""
    from logagent.formats.status import STATUS_FILE, decode_status

    try:
        status = decode_status((state / STATUS_FILE).read_bytes())
    except OSError:
        return 0
    return status.totals.read if status else 0


def _wait_until(condition: Callable[[], bool], daemon: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        if daemon.poll() is not None or time.monotonic() > deadline:
            raise click.ClickException("the daemon did not ship the lines; try `logagent run` to see why")
        time.sleep(0.05)


def _say(text: str) -> None:
    click.secho(text, bold=True)
