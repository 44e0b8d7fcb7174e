"""Commands about runs: the overview, runs, show, perf."""

from __future__ import annotations

import click

from logagent.errors import NotFound
from logagent.query import events
from logagent.query import runs as questions
from logagent.query.commands.options import paging, reading, window, words
from logagent.query.commands.session import Session
from logagent.query.history import performance
from logagent.query.item import Item, Page
from logagent.query.references import is_event_id
from logagent.query.render.charts import band, sparkline
from logagent.query.render.lines import duration_text
from logagent.query.timeline import timeline as time_line


@click.command()
@reading
def overview(session: Session) -> None:
    """What ran, what failed, how far the daemon is."""
    session.answer(questions.overview(session.reader, session.daemon))


@click.command()
@words("[SCRIPT]")
@click.option("--status", multiple=True, metavar="STATUS", help="running, success, failed, crashed or unknown.")
@click.option("--failed", is_flag=True, help="Failed and crashed ones.")
@click.option("--slowest", is_flag=True, help="Longest first instead of newest.")
@window
@paging(50)
@reading
def runs(
    session: Session,
    *,
    status: tuple[str, ...],
    failed: bool,
    slowest: bool,
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
    asked = questions.slowest_runs if slowest else questions.runs
    session.answer(asked(session.reader, question))


@click.command()
@words("RUN|#EVENT")
@click.option("--timeline", is_flag=True, help="The run's time line instead.")
@reading
def show(session: Session, *, timeline: bool) -> None:
    """One run (@last, an id, its beginning) or one event (#9be2c41f, a key), whole."""
    reference = session.one_word("run or event")
    session.answer(time_line(session.reader, reference) if timeline else _shown(session, reference))


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
@click.option("--chart", is_flag=True, help="Durations and errors as pictures, too.")
@reading
def perf(session: Session, *, days: int, chart: bool) -> None:
    """Durations and errors of a script over its runs."""
    script = session.one_word("script name")
    found = performance(session.reader, script, days, session.now_us)
    hints = [f"of the newest {found.total_runs:,} runs; there are more"] if found.truncated else []
    session.answer(Page("performance", [{**found.to_dict(), **_pictures(found)} if chart else found], hints=hints))


def _pictures(found: Item) -> dict[str, str]:
    """Oldest run first; the band is from the shortest to the longest, with the middle half and the median."""
    newest_last = found.recent[::-1]
    ended = sorted(each.seconds for each in newest_last if each.seconds is not None)
    return {
        "chart_durations": sparkline([each.seconds for each in newest_last]),
        "chart_band": f"{duration_text(ended[0])} {band(ended)} {duration_text(ended[-1])}" if ended else "",
        "chart_errors": sparkline([each.errors for each in found.error_trend]),
    }
