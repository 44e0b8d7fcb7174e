"""Failures of a command: printed in the form that was asked for, and their exit code."""

from __future__ import annotations

import sys
from itertools import pairwise

import click

from logagent.errors import BadQuery, LogagentError
from logagent.query.render.escape import json_text
from logagent.query.render.failure import error_document, error_text, exit_code


def report(error: LogagentError | click.ClickException, arguments: list[str]) -> int:
    """Print the failure, for `-o json` as the document on stdout, and give the exit code."""
    if isinstance(error, click.ClickException):
        error = BadQuery(error.format_message())
    if _wants_json(arguments):
        sys.stdout.write(json_text(error_document(error)) + "\n")
    else:
        sys.stderr.write(error_text(error, getattr(error, "asked", None)))
    return exit_code(error)


def _wants_json(arguments: list[str]) -> bool:
    """Read from the raw arguments: when click refuses them there is nothing parsed to look at."""
    if {"-ojson", "--output=json"} & set(arguments):
        return True
    return any(name in ("-o", "--output") and value == "json" for name, value in pairwise(arguments))
