"""Failures of a command: printed in the form that was asked for, and their exit code."""

from __future__ import annotations

import sys
from itertools import pairwise

import click

from logagent.errors import BadQuery, LogagentError
from logagent.query.render.escape import json_text
from logagent.query.render.failure import error_document, error_text, exit_code
from logagent.query.wording import with_source


def tell(error: LogagentError, *, is_json: bool, asked: str | None = None, source: tuple[str, ...] = ()) -> int:
    """Print the failure, as a document on stdout or as text on stderr, and give the exit code.

    Args:
        asked: the query text that a position counts in.
        source: options that name the source, so that what helps asks the same one.
    """
    hint = getattr(error, "hint", None)
    hint = with_source(hint, source) if hint else None
    sys.stdout.flush()
    if is_json:
        sys.stdout.write(json_text(error_document(error, hint)) + "\n")
    else:
        sys.stderr.write(error_text(error, asked, hint))
    return exit_code(error)


def report(error: LogagentError | click.ClickException, arguments: list[str]) -> int:
    """The same for what went wrong before a command had begun: only the raw arguments say which form."""
    if isinstance(error, click.ClickException):
        said = error.format_message()
        if isinstance(error, click.NoSuchOption):
            said += _of_option(error)
        elif isinstance(error, click.UsageError) and error.ctx and isinstance(error.ctx.command, click.Group):
            path, names = error.ctx.command_path, error.ctx.command.list_commands(error.ctx)
            said += f" Of {path} there are {', '.join(names)}" if error.ctx.parent else ""
        error = BadQuery(said)
    return tell(error, is_json=_wants_json(arguments))


def _of_option(error: click.NoSuchOption) -> str:
    """What may have been meant: a word to leave out begins with one dash, and is none of a group's."""
    command = error.ctx.command if error.ctx else None
    if error.option_name.startswith("--") or isinstance(command, click.Group):
        return f" See {error.ctx.command_path} --help" if error.ctx else ""
    return " To leave out a word, quote the whole query: 'timeout -retry'"


def _wants_json(arguments: list[str]) -> bool:
    if {"-ojson", "--output=json"} & set(arguments):
        return True
    return any(name in ("-o", "--output") and value == "json" for name, value in pairwise(arguments))
