"""`logagent embed`: give vectors to the events that have none, beside a running daemon."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from logagent.cli.options import settings_of, settings_options

if TYPE_CHECKING:
    from logagent.store.selection import Selection


@click.command(short_help="Make vectors of messages, to find them by meaning.")
@settings_options
@click.option("--embedder", metavar="URL|DIR", help="Instead of the one that the settings name.")
@click.option("--level", metavar="NAME", help="Only events of this level and above.")
@click.option("-n", "--limit", type=click.IntRange(1), metavar="N", help="At most so many events, the newest first.")
def embed(
    *,
    watch: tuple[str, ...],
    store: str | None,
    state_dir: str | None,
    config: str | None,
    embedder: str | None,
    level: str | None,
    limit: int | None,
) -> None:
    """Give a vector to each stored event that has none by the configured model. May be stopped and called again.

    The model is recorded with each vector. Text goes to the embedder that was configured, and nowhere else.
    """
    from logagent.cli.composition import opened_store
    from logagent.embedders import configured_embedder, open_embedder
    from logagent.embedders.pending import LOOK_EVENTS, embed_pending
    from logagent.settings import resolve_store_url
    from logagent.store import open_reader

    settings = settings_of(watch=watch, store=store, state_dir=state_dir, config=config)
    selection = _selection(level)
    model = open_embedder(embedder) if embedder else configured_embedder(settings)
    if model is None:
        raise click.UsageError("no embedder: give --embedder, or set `embedder` in the settings")
    done, left = 0, limit if limit is not None else 1 << 62
    with opened_store(settings) as (opened, _):
        reader = open_reader(resolve_store_url(settings), settings)
        try:
            while left and (step := embed_pending(opened, reader, model, selection, min(left, LOOK_EVENTS))):
                done, left = done + step, left - step
        finally:
            reader.close()
    click.echo(f"{done} events embedded by {model.name}")


def _selection(level: str | None) -> Selection:
    from logagent.formats.levels import known_level_no
    from logagent.store.selection import Compare, Field, Selection

    if level is None:
        return Selection()
    number = known_level_no(level)
    if number is None:
        raise click.UsageError(f"--level {level!r} is no level: TRACE, DEBUG, INFO, SUCCESS, WARNING, ERROR, CRITICAL")
    return Selection(where=Compare(Field.LEVEL, ">=", number))
