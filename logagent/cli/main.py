"""The commands of `logagent`, each imported only when it is called, so that `--help` is there at once."""

from __future__ import annotations

import importlib
import sys
from typing import Final

import click

from logagent import __version__
from logagent.errors import CheckpointTooNew, ConfigError, LogagentError, StateLocked, StoreTooNew

EXIT_USAGE: Final = 2
EXIT_STORE: Final = 4

COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "run": ("logagent.cli.running", "Watch directories and ship what is logged there."),
    "init": ("logagent.cli.setup", "Make the state directory and the store ready."),
    "check": ("logagent.cli.setup", "Check settings, directories and store; show how files are understood."),
    "status": ("logagent.cli.watching", "How the daemon is: lag, store, dead letters, losses."),
    "verify": ("logagent.cli.verifying", "Compare the files that are there with the store, line by line."),
    "rejects": ("logagent.cli.rejects", "Dead letters: lines that could not be stored."),
    "losses": ("logagent.cli.losses", "The loss ledger: what was seen and could not be had."),
    "doctor": ("logagent.cli.doctor", "What is wrong here, and the command that mends it."),
    "prune": ("logagent.cli.pruning", "Delete old events."),
    "embed": ("logagent.cli.embedding", "Make vectors of messages, to find them by meaning."),
    "hooks": ("logagent.cli.hooks", "Log what a coding agent does, by hooks in its settings."),
    "install-service": ("logagent.cli.install_service", "Install the systemd unit."),
    "demo": ("logagent.cli.demo", "The main job, for real, in a throw-away directory."),
}
"""Each command with its module and the line that `--help` shows of it."""


class LazyGroup(click.Group):
    """Knows its commands by name and imports one when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(COMMANDS[cmd_name][0]), cmd_name.replace("-", "_"))
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS:
            from logagent.settings.names import nearest  # half of what `--help` takes

            if near := nearest(args[0], COMMANDS):
                ctx.fail(f"No such command {args[0]!r}; nearest: {near}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_module, line) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="logagent")
def cli() -> None:
    """Ships the JSON-lines logs of agents' scripts to a store, exactly once.

    Ask about them with logagent-query.
    """


def main() -> None:
    """The entry point: every expected error is one line on stderr and an exit code."""
    try:
        cli(prog_name="logagent")
    except (ConfigError, StateLocked, StoreTooNew, CheckpointTooNew) as error:
        _fail(error, EXIT_USAGE)
    except LogagentError as error:
        _fail(error, EXIT_STORE)
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has seen enough
        sys.exit(0)


def _fail(error: LogagentError, code: int) -> None:
    click.echo(f"logagent: {error}", err=True)
    sys.exit(code)
