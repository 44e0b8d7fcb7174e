"""Commands about runs: the overview, runs, show, perf."""

from __future__ import annotations

import click

from logagent.errors import NotFound
from logagent.query import events
from logagent.query import runs as questions
from logagent.query.commands.options import paging, reading, window, words
from logagent.query.commands.session import Session
from logagent.query.history import performance
from logagent.query.item import Page
from logagent.query.references import is_event_id


@click.command()
@reading
def overview(session: Session) -> None:
    """What ran, what failed, how far the daemon is."""
    session.answer(questions.overview(session.reader, session.daemon))


@click.command()
@words("[SCRIPT]")
@click.option("--status", multiple=True, metavar="STATUS", help="running, success, failed, crashed or unknown.")
@click.option("--failed", is_flag=True, help="Failed and crashed ones.")
@window
@paging(50)
@reading
def runs(
    session: Session,
    *,
    status: tuple[str, ...],
    failed: bool,
    since: str | None,
    until: str | None,
    limit: int,
    next_: str | None,
) -> None:
    """List runs, newest first."""
    script = session.one_word("script name") if session.words else None
    statuses = (*status, "failed", "crashed") if failed else status
    question = questions.RunQuestion(
        script=script,
        status=statuses,
        window=session.window(since, until),
        limit=limit,
        next=next_,
        written=tuple(map(str, (script, statuses, since, until))),
    )
    session.answer(questions.runs(session.reader, question))


@click.command()
@words("RUN|#EVENT")
@reading
def show(session: Session) -> None:
    """One run (@last, an id, its beginning) or one event (#9be2c41f, a key), whole."""
    reference = session.one_word("run or event")
    session.answer(_shown(session, reference))


def _shown(session: Session, reference: str) -> Page:
    if is_event_id(reference):
        return events.event(session.reader, reference).of_kind("detail")
    try:
        return questions.show_run(session.reader, reference)
    except NotFound:
        if not _looks_like_hash(reference):
            raise
    return events.event(session.reader, reference).of_kind("detail")


def _looks_like_hash(text: str) -> bool:
    return 8 <= len(text) <= 16 and not set(text.lower()) - set("0123456789abcdef")


@click.command()
@words("SCRIPT")
@click.option("--days", type=click.IntRange(1, 3660), default=7, show_default=True, help="How far back.")
@reading
def perf(session: Session, *, days: int) -> None:
    """Durations and errors of a script over its runs."""
    script = session.one_word("script name")
    found = performance(session.reader, script, days, session.now_us)
    session.answer(Page("performance", [found]))
