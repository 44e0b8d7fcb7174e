"""The commands where no daemon has run, or where a path was mistyped: they say so, and make nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from arango_server import ArangoServer
from click.testing import CliRunner

from logagent.cli.main import cli


def logagent(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "logagent", *arguments],
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "HOME": str(home)},
        cwd=home,
        timeout=60,
    )


@pytest.mark.parametrize("command", [("losses",), ("rejects", "list"), ("losses", "--json")])
def test_a_state_directory_that_is_not_there_is_no_account(command: tuple[str, ...], tmp_path: Path) -> None:
    """A mistyped --state-dir is not told that nothing was lost."""
    done = logagent(*command, "--state-dir", str(tmp_path / "tpyo"), home=tmp_path)
    assert (done.returncode, done.stdout) == (4, "")
    assert f"no state directory at {tmp_path / 'tpyo'}" in done.stderr


@pytest.mark.parametrize("options", [("--dry-run",), ()])
def test_pruning_makes_no_store(options: tuple[str, ...], tmp_path: Path) -> None:
    """An empty store made by a mistyped path would answer questions with nothing."""
    done = logagent("prune", "--older-than", "30", "--state-dir", str(tmp_path / "tpyo"), *options, home=tmp_path)
    assert (done.returncode, done.stdout) == (4, "")
    assert "is not there yet" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [("check",), ("verify",), ("prune", "--older-than", "30")])
def test_nothing_but_init_and_run_makes_a_database(
    command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may make one, so a mistyped name would be a new store, empty and trusted."""
    monkeypatch.setenv("ARANGO_PASSWORD", "secret")
    (tmp_path / "logs").mkdir()
    with ArangoServer(password="secret") as server:
        where = ["--store", f"arangodb://root@127.0.0.1:{server.port}/tpyo", "--state-dir", str(tmp_path)]
        watch = [] if command[0] == "prune" else ["--watch", str(tmp_path / "logs")]
        done = CliRunner().invoke(cli, [*command, *watch, *where])
        assert list(server.databases) == ["_system"]
    said = done.output if command == ("check",) else str(done.exception)
    assert "tpyo is not there yet" in said


def test_a_status_that_is_watched_through_a_pipe_is_text_from_the_first_second_on(tmp_path: Path) -> None:
    """Redrawing a screen is for terminals."""
    (tmp_path / "logs").mkdir()
    logagent("run", "--once", "--watch", "logs", "--state-dir", "state", home=tmp_path)
    with subprocess.Popen(
        [sys.executable, "-m", "logagent", "status", "--watch", "--state-dir", "state"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    ) as watching:
        assert watching.stdout is not None
        assert watching.stdout.readline().startswith("stopped  pid ")
        watching.terminate()


def test_a_mistyped_command_is_told_the_nearest(tmp_path: Path) -> None:
    done = logagent("runn", home=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "No such command 'runn'; nearest: run" in done.stderr
    assert "nearest" not in logagent("xyzzy", home=tmp_path).stderr
