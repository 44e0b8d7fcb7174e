"""Options that several commands have, and the settings they make."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

import click

from logagent.errors import StateUnavailable
from logagent.settings import Settings, load_settings

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--watch", multiple=True, metavar="PATH", help="A directory to watch; may be given several times."),
    click.option("--store", metavar="URL", help="sqlite:///path or arangodb://[user@]host:port/database."),
    click.option("--state-dir", metavar="DIR", help="Where checkpoint, dead letters and status are kept."),
    click.option("--config", metavar="FILE", help="A TOML file with settings."),
)


def settings_options(command: Command) -> Command:
    """Add --watch, --store, --state-dir and --config."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def settings_of(*, watch: tuple[str, ...], store: str | None, state_dir: str | None, config: str | None) -> Settings:
    """The settings with these flags on top; what is doubtful about them is said on stderr.

    Raises:
        ConfigError: a value cannot be used.
    """
    settings = load_settings(flags={"watch": watch, "store": store, "state_dir": state_dir}, config=config)
    for warning in settings.warnings:
        click.echo(f"logagent: {warning}", err=True)
    return settings


def state_of(state_dir: str | None, config: str | None) -> str:
    """The state directory of a daemon, for what answers from its files alone: without it, none of them is no answer.

    Raises:
        StateUnavailable: it is not there.
    """
    path = settings_of(watch=(), store=None, state_dir=state_dir, config=config).state_dir
    if not os.path.isdir(path):
        raise StateUnavailable(f"no state directory at {path}: no daemon has run there; name another with --state-dir")
    return path
