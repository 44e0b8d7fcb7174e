"""Commands that count: stats, fields."""

from __future__ import annotations

import click

from logagent.query import counts
from logagent.query.commands.options import filtering, reading, window, words
from logagent.query.commands.session import Session
from logagent.query.events import filters
from logagent.query.item import Page
from logagent.query.render.charts import bar
from logagent.store.selection import Condition


@click.command()
@words("[QUERY]...")
@click.option("--by", default="level", show_default=True, help="level, script, run, function, file, host, hour, day.")
@click.option("-n", "--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="Most values.")
@click.option("--chart", is_flag=True, help="With a bar for each count.")
@filtering
@window
@reading
def stats(
    session: Session,
    *,
    by: str,
    limit: int,
    chart: bool,
    run: str | None,
    script: str | None,
    level: str | None,
    since: str | None,
    until: str | None,
) -> None:
    """Counts of matching events by level, script, run, function, hour ..."""
    where = _where(session, run, script, level)
    page = counts.stats(session.reader, by, where, session.window(since, until), limit)
    session.answer(_charted(page) if chart else page)


def _charted(page: Page) -> Page:
    most = max((each["count"] for each in page), default=0)
    return page.with_items([{**each, "chart": bar(each["count"], most)} for each in page])


@click.command()
@words("[QUERY]...")
@filtering
@window
@reading
def fields(
    session: Session,
    *,
    run: str | None,
    script: str | None,
    level: str | None,
    since: str | None,
    until: str | None,
) -> None:
    """Which fields matching events have, and their commonest values."""
    where = _where(session, run, script, level)
    session.answer(counts.fields(session.reader, where, session.window(since, until)))


def _where(session: Session, run: str | None, script: str | None, level: str | None) -> Condition:
    return filters(session.text(), run=run, script=script, level=level)
