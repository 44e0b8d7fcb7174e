"""Commands for free questions: sql, aql, schema."""

from __future__ import annotations

import json
from typing import Any

import click

from logagent.errors import BadQuery, QueryTimeout
from logagent.query import free
from logagent.query.commands.options import reading, words
from logagent.query.commands.session import Session
from logagent.query.item import Page


@click.command()
@words("'SELECT ...'")
@click.option("-p", "--param", multiple=True, metavar="VALUE", help="For each ? in turn; repeat it.")
@click.option("-n", "--limit", type=click.IntRange(1, 100_000), default=1_000, show_default=True, help="Most rows.")
@click.option("--timeout", type=click.FloatRange(0.1, 600), default=5.0, show_default=True, help="Seconds.")
@reading
def sql(session: Session, *, param: tuple[str, ...], limit: int, timeout: float) -> int:
    """Ask an SQLite store in SQL, read-only (tables: logagent-query schema). Exit 5 if rows were cut."""
    try:
        page = free.sql(session.reader, session.text(), param, max_rows=limit, timeout_s=timeout)
    except QueryTimeout as late:
        if isinstance(late.partial, Page) and session.form != "json":
            session.answer(late.partial)  # the error's document has them in JSON
        raise
    session.answer(page)
    return 5 if page.truncated else 0


@click.command()
@words("'FOR ...'")
@click.option("-p", "--param", multiple=True, metavar="NAME=VALUE", help="For @name: JSON, else text; repeat it.")
@click.option("-n", "--limit", type=click.IntRange(1, 100_000), default=1_000, show_default=True, help="Most rows.")
@click.option("--timeout", type=click.FloatRange(0.1, 600), default=5.0, show_default=True, help="Seconds.")
@reading
def aql(session: Session, *, param: tuple[str, ...], limit: int, timeout: float) -> int:
    """Ask an ArangoDB store in AQL, read-only (collections: logagent-query schema). Exit 5 if rows were cut."""
    bound = dict(map(_named, param))
    page = free.aql(session.reader, session.text(), bound, max_rows=limit, timeout_s=timeout)
    session.answer(page)
    return 5 if page.truncated else 0


def _named(param: str) -> tuple[str, Any]:
    name, is_given, value = param.partition("=")
    if not is_given:
        raise BadQuery(f"{param!r} is not NAME=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


@click.command()
@words("[TABLE]")
@reading
def schema(session: Session) -> None:
    """The tables and columns that sql can ask, the collections and attributes that aql can."""
    table = session.one_word("table") if session.words else None
    session.answer(free.schema(session.reader, table))
