"""`logagent-query`: arguments to questions to exit codes. Imports nothing heavy until a command runs."""

from __future__ import annotations

import signal
import sys
from importlib import import_module
from typing import Final

import click

from logagent.errors import LogagentError

COMMANDS: Final = {
    "search": ("events", "Find events by words and fields, newest first."),
    "runs": ("runs", "List runs, newest first."),
    "show": ("runs", "One run or one event, whole."),
    "tail": ("tail", "Follow new events, or a run until it ends."),
    "context": ("events", "What happened around an event, in the same run."),
    "export": ("export", "Every record as JSON lines or CSV."),
    "stats": ("counts", "Counts by level, script, run, function or hour."),
    "fields": ("counts", "Which fields events have, and their commonest values."),
    "perf": ("runs", "Durations and errors of a script over its runs."),
    "why": ("findings", "Why a run failed: the evidence in one answer."),
    "diff": ("findings", "What a run did otherwise than its base."),
    "errors": ("findings", "Errors by fingerprint: how new, how often, in whose runs."),
    "similar": ("findings", "Has this been seen before, what resolved it, did that hold?"),
    "patterns": ("findings", "Events by template, with counts."),
    "overdue": ("findings", "Late messages, long runs, silent scripts."),
    "resolve": ("findings", "Say that an error is resolved, and by what."),
    "mcp": ("agents", "Serve the questions as MCP tools on stdin and stdout."),
    "skill": ("agents", "The short file that tells an agent how to use all this."),
    "graph": ("relations", "A run as a graph: dot, mermaid or json."),
    "relate": ("relations", "What fixed, caused or retried what in a run."),
    "learn": ("learning", "What agents learnt: search, show, add, confirm, refute, retire."),
    "response": ("events", "The newest response that a script bound."),
    "save": ("saved", "Keep a command line under a name."),
    "saved": ("saved", "Run what was saved, or list it."),
    "monitor": ("monitor", "Runs, errors, daemon and memory on one screen, every 2 s."),
    "sql": ("free", "Ask an SQLite store in SQL, read-only."),
    "aql": ("free", "Ask an ArangoDB store in AQL, read-only."),
    "schema": ("free", "What sql or aql can ask: tables with their columns."),
}

_EPILOG: Final = """\b
Query text    timeout "refused by peer" -retry (a OR b) conn* level>=warning script:etl run:@last
              function:load tag:db extra.user=42 duration>2s has:exception
References    @last @last-failed @last-good @-2, each with :script; a run id or its beginning; #9be2c41f
Times         15m 2h 7d 1w today yesterday 14:30 2026-11-22 2026-11-22T14:30:00Z
Exit codes    0 done, 1 check tripped, 2 bad question, 3 not found, 4 no store, 5 cut short,
              6 not permitted, 7 store too new
"""


class _LazyGroup(click.Group):
    """Lists commands from the table above, and imports a command's module when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module, _ = COMMANDS[cmd_name]
        found = getattr(import_module(f"logagent.query.commands.{module}"), cmd_name)
        assert isinstance(found, click.Command)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS:
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            said = f"; nearest: {near[0]}" if near else ""
            if args[0].endswith(".jsonl"):
                said = "; a log file stands behind a command, or behind --store"
            raise click.UsageError(f"no command {args[0]!r}{said} (see logagent-query --help)", ctx)
        return super().resolve_command(ctx, args)


@click.group(
    cls=_LazyGroup,
    invoke_without_command=True,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.option("--store", metavar="URL|FILE", help="A store's URL, or a .jsonl file to read instead.")
@click.option("--state-dir", metavar="DIR", help="The daemon's state directory.")
@click.option("-o", "--output", metavar="FORM", help="table, jsonl, json, compact or csv.")
@click.option("--max-tokens", type=int, metavar="N", help="Budget of -o compact.")
@click.version_option(package_name="logagent", prog_name="logagent-query")
@click.pass_context
def group(ctx: click.Context, /, **_options: object) -> object:
    """Ask what ran, what failed and why. Without a command: an overview."""
    if ctx.invoked_subcommand is not None:
        return None
    from logagent.query.commands.runs import overview

    return ctx.invoke(overview)


def main() -> None:
    """Run the command line of this process, and exit."""
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `| head` ends us in silence, as it ends any filter
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command line; returns the exit code, having printed everything."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    try:
        code = group.main(arguments, prog_name="logagent-query", standalone_mode=False, obj=arguments)
    except click.exceptions.Abort:
        return 130
    except KeyboardInterrupt:
        return 130
    except (LogagentError, click.ClickException) as error:
        from logagent.query.commands.failing import report

        return report(error, arguments)
    return code if isinstance(code, int) else 0
