"""The unit files: systemd accepts them, little is exposed, and what the daemon needs is not taken away."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from logagent.daemon.patterns import Patterns
from logagent.settings import SPECS
from logagent.settings.store_choice import CREDENTIAL

ROOT = Path(__file__).parent.parent
SYSTEM = ROOT / "systemd" / "logagent.service"
USER = ROOT / "systemd" / "user" / "logagent.service"
UNITS = pytest.mark.parametrize("unit", [SYSTEM, USER], ids=["system", "user"])

MAX_EXPOSURE = 2.0

needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")


def assignments(unit: Path) -> dict[str, list[str]]:
    """Every key with all its values, in order."""
    found: dict[str, list[str]] = {}
    for key, value in re.findall(r"(?m)^(\w+)=(.*)$", unit.read_text()):
        found.setdefault(key, []).append(value)
    return found


def installed(unit: Path, directory: Path) -> Path:
    """The unit as systemd would see it where logagent is installed: with a program that is there."""
    copy = directory / "logagent.service"
    copy.write_text(re.sub(r"(?m)^ExecStart=\S+", "ExecStart=/bin/true", unit.read_text()))
    return copy


def analyze(*arguments: str, runtime_directory: Path) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "XDG_RUNTIME_DIR": str(runtime_directory), "SYSTEMD_COLORS": "0"}
    return subprocess.run(["systemd-analyze", *arguments], env=environ, capture_output=True, text=True, check=False)


@needs_systemd
@UNITS
def test_systemd_accepts_the_unit_without_a_word(unit, tmp_path):
    scope = ["--user"] if unit == USER else ["--system"]
    done = analyze(*scope, "verify", str(installed(unit, tmp_path)), runtime_directory=tmp_path)
    about_ours = [line for line in (done.stdout + done.stderr).splitlines() if "logagent" in line]
    assert (about_ours, done.returncode) == ([], 0)


@needs_systemd
def test_the_system_service_exposes_little(tmp_path):
    done = analyze("security", "--offline=true", str(installed(SYSTEM, tmp_path)), runtime_directory=tmp_path)
    exposure = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert exposure, done.stderr
    assert float(exposure[1]) <= MAX_EXPOSURE


@UNITS
def test_the_daemon_itself_says_when_it_is_ready_and_alive(unit):
    keys = assignments(unit)
    assert (keys["Type"], keys["NotifyAccess"]) == (["notify"], ["main"])
    assert keys["WatchdogSec"] == ["120s"]


@UNITS
def test_reloading_is_a_hangup(unit):
    assert assignments(unit)["ExecReload"] == ["/bin/kill -HUP $MAINPID"]


@UNITS
def test_wrong_settings_do_not_loop(unit):
    """Exit 2 is for a person to mend; a crash is not."""
    keys = assignments(unit)
    assert (keys["Restart"], keys["RestartPreventExitStatus"]) == (["on-failure"], ["2"])


@UNITS
def test_the_scripts_processes_stay_visible(unit):
    """Trap: with either of these every run of another user would look crashed."""
    assert not {"ProtectProc", "ProcSubset"} & set(assignments(unit))


@UNITS
def test_no_password_stands_in_the_unit(unit):
    assert not re.search(r"(?m)^Environment=.*PASS", unit.read_text())


def test_the_watchdog_waits_longer_than_one_request():
    """A request that hangs is an outage, not a dead daemon."""
    seconds = int(assignments(SYSTEM)["WatchdogSec"][0].removesuffix("s"))
    assert seconds >= 2 * SPECS["arango_timeout_s"].default


def test_the_group_can_reach_the_store_and_the_drop_directory():
    """Trap: with DynamicUser the state directory stands below one that only root enters."""
    keys = assignments(SYSTEM)
    assert "DynamicUser" not in keys
    assert (keys["User"], keys["Group"]) == (["logagent"], ["logagent"])
    assert (keys["StateDirectory"], keys["StateDirectoryMode"], keys["UMask"]) == (["logagent"], ["0750"], ["0027"])
    assert "--mode=2770" in keys["ExecStartPre"][0]


def test_the_system_user_that_the_unit_names_is_declared():
    declared = (ROOT / "systemd" / "logagent.sysusers").read_text().splitlines()[-1].split()
    assert declared[:2] == ["u", assignments(SYSTEM)["User"][0]]


def test_a_persons_own_service_lets_nobody_else_in():
    keys = assignments(USER)
    assert keys["UMask"] == ["0077"]
    assert "StateDirectory" not in keys


def test_the_password_credential_is_the_one_that_is_read_and_may_be_absent():
    """Without a path systemd looks into its credential stores, and starts the service if there is none."""
    assert assignments(SYSTEM)["LoadCredential"] == [CREDENTIAL]


def test_the_logrotate_example_makes_names_that_are_read():
    text = (ROOT / "examples" / "logrotate.conf").read_text()
    directives = {line.split()[0] for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")}
    assert "copytruncate" not in directives
    patterns = Patterns(SPECS["include"].default)
    for name in (b"app.log-20261122-1795000000", b"app.jsonl-20261122-1795000000.gz"):
        assert patterns.matches(name)


def exec_start(directory: Path, **environ: str) -> list[str]:
    command = [sys.executable, "-m", "logagent", "install-service", "--user", "--dry-run"]
    printed = subprocess.run(
        command, env={**os.environ, **environ}, cwd=directory, capture_output=True, text=True, check=True
    )
    found = re.search(r"(?m)^ExecStart=(.*)$", printed.stdout)
    assert found
    return shlex.split(found[1])


def test_a_persons_own_service_reads_the_settings_that_count_where_it_is_installed(tmp_path):
    """systemd starts it elsewhere, where ./logagent.toml is another file or none."""
    there = tmp_path / "my logs"
    there.mkdir()
    assert exec_start(there)[-1] == "run"
    (there / "logagent.toml").write_text('watch = ["logs"]\n')
    assert exec_start(there)[-3:] == ["run", "--config", str(there / "logagent.toml")]
    named = tmp_path / "100%.toml"
    named.write_text("")
    assert exec_start(there, LOGAGENT_CONFIG=str(named))[-1] == str(tmp_path / "100%%.toml")
