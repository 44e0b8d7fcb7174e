"""Commands that compare and explain: why, diff, errors, similar, patterns, overdue, resolve."""

from __future__ import annotations

import click

from logagent.query.commands.options import filtering, reading, window, words
from logagent.query.commands.session import Session
from logagent.query.commands.writing import writer
from logagent.query.events import filters
from logagent.query.render.budget import DEFAULT_TOKENS
from logagent.store.selection import EVERYTHING


@click.command()
@words("[RUN]")
@reading
def why(session: Session) -> None:
    """Why a run failed, by default the last failed one: the evidence in one answer."""
    from logagent.query import why as questions

    if session.max_tokens == DEFAULT_TOKENS:
        session.max_tokens = questions.MAX_TOKENS
    reference = session.one_word("run") if session.words else "@last-failed"
    session.answer(questions.why(session.reader, reference, session.now_us))


@click.command()
@words("RUN [BASE]")
@click.option("--all", "everything", is_flag=True, help="All differences, not the 20 most telling of each sort.")
@reading
def diff(session: Session, *, everything: bool) -> None:
    """What a run did otherwise than BASE, by default the last good run before it."""
    from logagent.errors import BadQuery
    from logagent.query import difference

    if not 1 <= len(session.words) <= 2:
        raise BadQuery(f"diff takes a run and perhaps a base, not {len(session.words)} words")
    session.answer(difference.diff(session.reader, *session.words, everything=everything))


@click.command()
@words("")
@click.option("--new", "only_new", is_flag=True, help="Only what is news since the last good run: never had, or back.")
@click.option("--since-run", metavar="RUN", help="New means: first seen in runs after this one, as @last-good.")
@click.option("--fail-if-new", is_flag=True, help="Exit 1 if there may be a new one: a gate.")
@click.option("--file", metavar="PATH", help="Errors that this source file has a part in.")
@click.option("--script", metavar="NAME", help="Only this script.")
@click.option("--since-read", metavar="NAME", help="Only what was stored since the last command with this bookmark.")
@click.option("-n", "--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="Most errors.")
@window
@reading
def errors(
    session: Session,
    *,
    only_new: bool,
    since_run: str | None,
    fail_if_new: bool,
    file: str | None,
    script: str | None,
    since_read: str | None,
    limit: int,
    since: str | None,
    until: str | None,
) -> int:
    """Errors by fingerprint: how new, how often, in whose runs."""
    from logagent.query import errors as questions
    from logagent.query.bookmarks import errors_since

    span = session.window(since, until)
    question = questions.ErrorQuestion(
        script=script, file=file, only_new=only_new or fail_if_new, since_run=since_run, window=span, limit=limit
    )
    if since_read:
        page = errors_since(session.place.state_dir, since_read, session.reader, question)
    else:
        page = questions.errors(session.reader, question)
    session.answer(page)
    return 1 if fail_if_new and (page.items or session.is_behind) else 0


@click.command()
@words("TEXT|#EVENT|FINGERPRINT")
@click.option("-n", "--limit", type=click.IntRange(1, 100), default=10, show_default=True, help="Most things.")
@reading
def similar(session: Session, *, limit: int) -> None:
    """Has this been seen before, what resolved it, did that hold?"""
    from logagent.query import similar as questions

    session.answer(questions.similar(session.reader, session.text(), limit))


@click.command()
@words("[QUERY]...")
@click.option("--rare", is_flag=True, help="At most three times, the rarest first.")
@click.option("--new-since", metavar="TIME", help="Only templates that nothing before then has.")
@click.option("-n", "--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="Most templates.")
@filtering
@window
@reading
def patterns(
    session: Session,
    *,
    rare: bool,
    new_since: str | None,
    limit: int,
    run: str | None,
    script: str | None,
    level: str | None,
    since: str | None,
    until: str | None,
) -> None:
    """Events by template, with counts."""
    from logagent.query import patterns as questions

    where = filters(session.text(), run=run, script=script, level=level)
    is_whole_run = run is not None and not (session.words or script or level)
    question = questions.PatternQuestion(
        where=EVERYTHING if is_whole_run else where,
        run=run if is_whole_run else None,
        rare=rare,
        new_since_us=session.window(new_since, None).since_us if new_since else None,
        window=session.window(since, until),
        limit=limit,
    )
    session.answer(questions.patterns(session.reader, question))


@click.command()
@words("[SCRIPT]")
@click.option("-e", "--expect", is_flag=True, help="Exit 1 if something is overdue.")
@reading
def overdue(session: Session, *, expect: bool) -> int:
    """What usually happens and has not: late messages, long runs, silent scripts."""
    from logagent.query import expectations

    script = session.one_word("script name") if session.words else None
    page = expectations.overdue(session.reader, script, session.now_us)
    session.answer(page)
    return 1 if expect and any(item["is_overdue"] for item in page) else 0


@click.command()
@words("FINGERPRINT")
@click.option("--by", default="", metavar="TEXT", help="What resolved it.")
@click.option("--reopen", is_flag=True, help="Take it back.")
@reading
def resolve(session: Session, *, by: str, reopen: bool) -> None:
    """Say that an error is resolved, and by what; it reopens by itself when it comes back."""
    from logagent.query import resolving

    action = "reopen" if reopen else "resolve"
    fingerprint = session.one_word("error fingerprint")
    session.answer(resolving.resolve(session.reader, writer(session), fingerprint, by, action))
