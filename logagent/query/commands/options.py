"""The options that reading commands share, as decorators."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeAlias

import click

from logagent.errors import LogagentError
from logagent.query.commands.completion import complete_run, complete_script, complete_words
from logagent.query.commands.failing import tell
from logagent.query.commands.session import Session

Command: TypeAlias = Callable[..., Any]
_SOURCE = ("store", "state_dir", "output", "max_tokens")


def reading(function: Command) -> Command:
    """Give the command a session as first argument, made of its words and of the options all commands have."""

    @wraps(function)
    def with_session(words: tuple[str, ...] = (), **options: Any) -> Any:
        context = click.get_current_context()
        given = {name: options.pop(name, None) or _of_group(context, name) for name in _SOURCE}
        session = Session(words, typed=context.obj or sys.argv[1:], name=context.info_name or "", **given)
        try:
            return function(session, **options)
        except LogagentError as error:
            return tell(error, is_json=session.form == "json", asked=session.text(), source=session.source)
        finally:
            session.close()

    for option in (
        click.option("--max-tokens", type=int, metavar="N", help="Budget of -o compact (default 2000)."),
        click.option("-o", "--output", metavar="FORM", help="table, jsonl, json, compact or csv."),
        click.option("--state-dir", metavar="DIR", hidden=True),
        click.option("--store", metavar="URL|FILE", help="A store's URL, or a .jsonl file."),
    ):
        with_session = option(with_session)
    return with_session


def _of_group(context: click.Context, name: str) -> Any:
    """What was given before the command, to the nearest group that knows the option."""
    parents = context.parent and (context.parent, context.parent.parent)
    return next((parent.params[name] for parent in parents or () if parent and parent.params.get(name)), None)


def words(metavar: str) -> Callable[[Command], Command]:
    """The command's free arguments; one of them may be a log file."""
    return click.argument("words", nargs=-1, metavar=f"{metavar} [FILE.jsonl]", shell_complete=complete_words(metavar))


def window(function: Command) -> Command:
    """--since and --until, as typed."""
    function = click.option("--until", metavar="TIME", help="Up to then, not included.")(function)
    return click.option("--since", metavar="TIME", help="15m, 7d, today, 14:30, 2026-11-22T14:30Z ...")(function)


def paging(limit: int) -> Callable[[Command], Command]:
    """--limit with that default, and --next."""

    def add(function: Command) -> Command:
        function = click.option("--next", "next_", metavar="CURSOR", help="The page after.")(function)
        return click.option("-n", "--limit", type=int, default=limit, show_default=True, help="Items a page.")(function)

    return add


def filtering(function: Command) -> Command:
    """--run, --script and --level beside the query text.

    The latter two have no short form: `-slow`, meant as a word to leave out, would be read as the script `low`.
    """
    function = click.option("--level", metavar="LEVEL", help="This level and above.")(function)
    script = click.option("--script", metavar="NAME", help="Only this script.", shell_complete=complete_script)
    said = "Only this run: @last, an id, its beginning."
    return click.option("-r", "--run", metavar="RUN", help=said, shell_complete=complete_run)(script(function))
