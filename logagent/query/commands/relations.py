"""Commands about relations: graph, relate."""

from __future__ import annotations

import click

from logagent.errors import BadQuery
from logagent.query import relations
from logagent.query.commands.options import reading, words
from logagent.query.commands.session import Session, write
from logagent.query.item import Item, Page
from logagent.query.references import is_event_id
from logagent.query.render.graph import dot, mermaid

_FORMS = {"dot": dot, "mermaid": mermaid}


@click.command()
@words("RUN")
@click.option("--as", "as_", type=click.Choice(["dot", "mermaid", "json"]), help="For Graphviz, a page, a program.")
@click.option("--plain", is_flag=True, help="Only what followed what.")
@reading
def graph(session: Session, *, as_: str | None, plain: bool) -> None:
    """A run's events as a graph: what followed, fixed, caused, retried what."""
    found = relations.execution_graph(session.reader, session.one_word("run"), include_relationships=not plain)
    form = as_ or ("mermaid" if session.form in ("table", "jsonl") else "json")
    if form == "json":
        session.answer(_page(found))
    elif session.form == "compact":
        raise BadQuery(f"--as {form} cannot be compact: leave out one of them")
    else:
        write(_FORMS[form](found))


def _page(found: Item) -> Page:
    hints = []
    if found.metadata.truncated:
        hints.append(f"the first {len(found.nodes)} of {found.metadata.total_logs} events of the run")
    return Page("graph", [found], hints=hints)


@click.command()
@words("RUN|#EVENT")
@click.option("--save", is_flag=True, help="Keep them as edges; again makes none twice.")
@click.option("--depth", type=int, default=2, show_default=True, help="How far to walk from an event, 1 to 5.")
@reading
def relate(session: Session, *, save: bool, depth: int) -> None:
    """Relations between a run's events; of an event, what was saved around it."""
    reference = session.one_word("run or event")
    if is_event_id(reference):
        if save:
            raise BadQuery("--save takes a run")
        session.answer(relations.related(session.reader, reference, depth))
    elif save:
        session.answer(relations.extracted_and_saved(session.reader, session.place.url, reference))
    else:
        session.answer(relations.extracted(session.reader, reference))
