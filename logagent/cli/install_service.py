"""`logagent install-service`: the systemd unit, put where systemd looks for it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib.resources import files
from typing import NamedTuple

import click


class Plan(NamedTuple):
    """What is written where, and what is called then."""

    written: tuple[tuple[str, str], ...]
    """Target path and text of each file."""
    commands: tuple[tuple[str, ...], ...]


@click.command("install-service", short_help="Install the systemd unit.")
@click.option("--user", "is_user", is_flag=True, help="For this user alone, with the settings that count here.")
@click.option("--dry-run", is_flag=True, help="Print the files and the commands, change nothing.")
def install_service(*, is_user: bool, dry_run: bool) -> None:
    """Install and start the systemd unit, with this very installation of logagent in it."""
    plan = user_plan() if is_user else system_plan()
    for target, text in plan.written:
        if dry_run:
            click.echo(f"### {target}\n{text}")
        else:
            _write(target, text)
    for command in plan.commands:
        click.echo("$ " + " ".join(command))
        if not dry_run:
            _call(command)


def system_plan() -> Plan:
    """The service for the whole machine, with its own user and group."""
    return Plan(
        (
            ("/etc/sysusers.d/logagent.conf", _shipped("logagent.sysusers")),
            ("/etc/systemd/system/logagent.service", _with_this_program(_shipped("logagent.service"))),
        ),
        (
            ("systemd-sysusers",),
            ("systemctl", "daemon-reload"),
            ("systemctl", "enable", "--now", "logagent.service"),
        ),
    )


def user_plan() -> Plan:
    """The service of one person, without root."""
    config = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    unit = _with_these_settings(_with_this_program(_shipped("logagent.user.service")))
    return Plan(
        ((os.path.join(config, "systemd", "user", "logagent.service"), unit),),
        (
            ("systemctl", "--user", "daemon-reload"),
            ("systemctl", "--user", "enable", "--now", "logagent.service"),
        ),
    )


def _shipped(name: str) -> str:
    return files("logagent.cli").joinpath("units", name).read_text(encoding="utf-8")


def _with_this_program(unit: str) -> str:
    """The unit calling this Python's `logagent`, wherever it is installed."""
    program = shutil.which("logagent", path=os.path.dirname(sys.executable)) or f"{sys.executable} -m logagent"
    return re.sub(r"(?m)^ExecStart=\S+", lambda _: f"ExecStart={program}", unit)


def _with_these_settings(unit: str) -> str:
    """The unit reading the settings file that counts here: where systemd starts it, `./logagent.toml` is another."""
    named = os.environ.get("LOGAGENT_CONFIG")
    path = os.path.abspath(named or "logagent.toml")
    if not named and not os.path.isfile(path):
        return unit
    quoted = '"' + path.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$") + '"'
    return re.sub(r"(?m)^(ExecStart=.*)$", lambda found: f"{found[1]} --config {quoted}", unit)


def _write(target: str, text: str) -> None:
    try:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        advice = "become root, or use --user"
        raise click.ClickException(f"{target} cannot be written: {error.strerror}; {advice}") from error
    click.echo(f"wrote {target}")


def _call(command: tuple[str, ...]) -> None:
    try:
        subprocess.run(command, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise click.ClickException(f"{' '.join(command)} failed: {error}") from error
