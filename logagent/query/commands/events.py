"""Commands about events: search, context, response."""

from __future__ import annotations

import click

from logagent.formats.visible import visible_lines
from logagent.query import events
from logagent.query.commands.options import filtering, paging, reading, window, words
from logagent.query.commands.session import Session, write
from logagent.query.item import Item, Page
from logagent.query.language import parse_query
from logagent.query.ranking import ranking_words
from logagent.query.render.escape import json_text
from logagent.store.selection import Direction


@click.command()
@words("[QUERY]...")
@filtering
@window
@paging(100)
@click.option("--oldest-first", is_flag=True, help="From the beginning on.")
@click.option("--rank", is_flag=True, help="Best matches first (BM25) instead of newest.")
@click.option("-e", "--expect", is_flag=True, help="Exit 1 if nothing is found.")
@click.option("--since-read", metavar="NAME", help="Only what was stored since the last command with this bookmark.")
@reading
def search(
    session: Session,
    *,
    run: str | None,
    script: str | None,
    level: str | None,
    since: str | None,
    until: str | None,
    limit: int,
    next_: str | None,
    oldest_first: bool,
    rank: bool,
    expect: bool,
    since_read: str | None,
) -> int:
    """Find events by words and fields, newest first.

    Several words must all occur; OR, "a phrase", -word, pre* and fields as in level>=warning are explained by
    logagent-query --help.
    """
    text = session.text()
    where = events.filters(text, run=run, script=script, level=level)
    question = events.EventQuestion(
        where=where,
        any_of=ranking_words(parse_query(text)) if rank else None,
        window=session.window(since, until),
        direction=Direction.OLDEST_FIRST if oldest_first else Direction.NEWEST_FIRST,
        limit=limit,
        next=next_,
        written=tuple(map(str, (text, run, script, level, since, until))),
    )
    page = _found(session, question, since_read)
    session.answer(page)
    return 1 if expect and not page.items else 0


def _found(session: Session, question: events.EventQuestion, bookmark: str | None) -> Page:
    if bookmark is None:
        return events.search(session.reader, question)
    from logagent.query.bookmarks import arrived_since

    return arrived_since(session.place.state_dir, bookmark, session.reader, question)


@click.command()
@words("#EVENT")
@click.option("-B", "--before", type=int, default=10, show_default=True, help="Events before it.")
@click.option("-A", "--after", type=int, default=10, show_default=True, help="Events after it.")
@reading
def context(session: Session, *, before: int, after: int) -> None:
    """What happened around an event, in the order of its run."""
    session.answer(events.context(session.reader, session.one_word("event id"), before, after))


@click.command()
@words("SCRIPT")
@click.option("-r", "--run", metavar="RUN", help="Of this run only.")
@reading
def response(session: Session, *, run: str | None) -> None:
    """The newest `response` that a script bound to a log call, whole."""
    found = events.latest_response(session.reader, session.one_word("script name"), run)
    if session.form in ("json", "compact"):
        session.answer(Page("response", [Item({"response": found})]))
    elif isinstance(found, str):
        write("\n".join(visible_lines(found)) + "\n")
    else:
        write(json_text(found) + "\n")
