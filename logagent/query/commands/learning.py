"""The command `learn` with its own commands: search, show, add, confirm, refute, retire."""

from __future__ import annotations

import click

from logagent.query import learning
from logagent.query.commands.options import reading, words
from logagent.query.commands.session import Session
from logagent.query.commands.writing import writer


@click.group(no_args_is_help=False)
def learn() -> None:
    """What agents learnt: search and show it, add to it, confirm or refute it.

    What is learnt is written as lines to $LOGAGENT_LOG_DIR, and stored by the daemon like any other.
    """


@learn.command()
@words("[TEXT]...")
@click.option("-n", "--limit", type=click.IntRange(1, 1_000), default=20, show_default=True, help="Most learnings.")
@click.option("--all", "with_gone", is_flag=True, help="Refuted and retired ones too.")
@reading
def search(session: Session, *, limit: int, with_gone: bool) -> None:
    """Learnings with any of the words, best first; all of them without words."""
    session.answer(learning.search_learnings(session.reader, session.text(), limit, with_gone=with_gone))


@learn.command()
@words("L-ID")
@reading
def show(session: Session) -> None:
    """One learning with its evidence and what became of it."""
    session.answer(learning.shown(session.reader, session.one_word("learning")))


@learn.command()
@words("TEXT")
@click.option("-e", "--evidence", multiple=True, metavar="REF", help="An event or a run that shows it; repeat it.")
@click.option("--function", metavar="NAME", help="What it is about.")
@click.option("--confidence", type=float, default=0.8, show_default=True, help="0 to 1.")
@reading
def add(session: Session, *, evidence: tuple[str, ...], function: str | None, confidence: float) -> None:
    """Write down one sentence, with what shows it; one that is known already is confirmed instead."""
    write = writer(session)
    page = learning.add(
        session.reader, write, session.text(), evidence=evidence, function=function, confidence=confidence
    )
    session.answer(page)


def _acting(action: str, said: str) -> click.Command:
    @words("L-ID")
    @click.option("--reason", default="", metavar="TEXT", help="Why.")
    @reading
    def acted(session: Session, *, reason: str) -> None:
        write = writer(session)
        found = learning.learning_of(session.reader, session.one_word("learning"))
        session.answer(learning.act(write, found, action, reason=reason))

    acted.__doc__ = said
    return learn.command(action)(acted)


confirm = _acting("confirm", "It held: say so, and it weighs more.")
refute = _acting("refute", "It did not hold.")
retire = _acting("retire", "It no longer matters.")
