"""Commands about saved questions: save, saved."""

from __future__ import annotations

import difflib
import os
import shlex

import click

from logagent.errors import BadQuery, LogagentError, NotFound
from logagent.query.commands.failing import tell
from logagent.query.commands.options import reading, words
from logagent.query.commands.session import Session
from logagent.query.item import Page
from logagent.query.saved import remove_question, save_question, saved_file, saved_questions
from logagent.query.wording import command

_AS_TYPED = {"ignore_unknown_options": True, "allow_interspersed_args": False}


@click.command(context_settings=_AS_TYPED)
@click.argument("name")
@click.argument("line", nargs=-1, type=click.UNPROCESSED, metavar="COMMAND...")
def save(name: str, line: tuple[str, ...]) -> int:
    """Keep a command line under a name: save nightly search level>=error --since yesterday."""
    try:
        _check(line)
        save_question(saved_file(os.environ), name, line)
    except LogagentError as error:
        return tell(error, is_json=False)
    click.echo(f"saved; run it with: {command('saved', name)}", err=True)
    return 0


def _check(line: tuple[str, ...]) -> None:
    from logagent.query.cli import COMMANDS

    if not line or line[0] not in COMMANDS or line[0] in ("save", "saved"):
        raise BadQuery(f"save takes a name and a command of logagent-query, not {shlex.join(line) or 'nothing'}")


@click.command(context_settings=_AS_TYPED)
@click.option("--remove", metavar="NAME", help="Forget it.")
@click.argument("line", nargs=-1, type=click.UNPROCESSED, metavar="[NAME [MORE]...]")
@click.pass_context
def saved(ctx: click.Context, remove: str | None, line: tuple[str, ...]) -> object:
    """Run a saved command line, with more arguments if given; without a name, list them."""
    try:
        if remove is not None:
            remove_question(saved_file(os.environ), remove)
            return 0
        if line and not line[0].startswith("-"):
            return _run(ctx, line[0], line[1:])
    except LogagentError as error:
        return tell(error, is_json=False)
    return listed.main(list(line), prog_name="saved", standalone_mode=False, parent=ctx.parent, obj=ctx.obj)


def _run(ctx: click.Context, name: str, more: tuple[str, ...]) -> int:
    from logagent.query.cli import run

    known = saved_questions(saved_file(os.environ))
    if name not in known:
        closest = tuple(difflib.get_close_matches(name, known)) or tuple(known)[:3]
        raise NotFound(f"nothing is saved as {name!r}", closest=closest)
    given = ctx.parent.params if ctx.parent else {}
    options = [word for key, value in given.items() if value is not None for word in (_option(key), str(value))]
    return run([*options, *known[name], *more])


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


@click.command()
@words("")
@reading
def listed(session: Session) -> None:
    """All that is saved."""
    known = saved_questions(saved_file(os.environ))
    hints = [] if known else ["nothing is saved yet: logagent-query save NAME COMMAND..."]
    session.list_own(Page("saved", [{"name": name, "command": shlex.join(line)} for name, line in known.items()],
                          hints=hints))  # fmt: skip
