"""The guide for operators: its harmless commands run, its settings load, its links lead somewhere."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from logagent.settings import SPECS, load_settings

ROOT = Path(__file__).parent.parent
GUIDE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
TOML = re.findall(r"^```toml\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
COMMANDS = [line for block in BLOCKS for line in block.splitlines() if line.startswith("logagent ")]
HARMLESS = ("--dry-run", "check", "doctor")
RUN = [command for command in COMMANDS if any(word in command for word in HARMLESS)]


def logagent(arguments: list[str], base: Path) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "HOME": str(base), "XDG_STATE_HOME": str(base / "state")}
    command = [sys.executable, "-m", "logagent", *arguments]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("command", RUN)
def test_every_harmless_command_of_the_guide_runs(command: str, tmp_path: Path) -> None:
    assert logagent(["run", "--once"], tmp_path).returncode == 0
    done = logagent(shlex.split(command, comments=True)[1:], tmp_path)
    assert done.returncode in (0, 1), done.stderr  # 1: doctor found what this machine lacks
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_guide_exists_with_its_options(command: str, tmp_path: Path) -> None:
    words = shlex.split(command, comments=True)
    told = logagent([words[1], "--help"], tmp_path)
    assert told.returncode == 0
    assert [word for word in words[2:] if word.startswith("--") and word not in told.stdout] == []


@pytest.mark.parametrize("block", TOML)
def test_every_block_of_settings_loads(block: str, tmp_path: Path) -> None:
    (tmp_path / "logagent.toml").write_text(block)
    settings = load_settings(environ={"XDG_STATE_HOME": "/srv/state"}, directory=str(tmp_path), system_config="/none")
    assert all(settings.is_given(name) for name in tomllib.loads(block))


def test_every_setting_that_the_guide_names_is_one() -> None:
    named = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", GUIDE))
    others = {"dead_letters", "first_key", "last_key", "extra_data"}
    assert named - others - set(SPECS) - {"arango_password"} == set()


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)]+)\)", GUIDE))))
def test_every_link_of_the_guide_leads_somewhere(target: str) -> None:
    assert (ROOT / "docs" / target).exists()
