"""`logagent prune`: delete old events, in small steps, beside a running daemon."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from logagent.cli.options import settings_of, settings_options

if TYPE_CHECKING:
    from logagent.store.protocol import PruneCriteria

STEP_EVENTS = 5_000
PAUSE_S = 0.02
"""Between steps, so that the daemon gets its turn at the store."""


@click.command(short_help="Delete old events.")
@settings_options
@click.option(
    "--older-than", type=float, metavar="DAYS", help="Events whose time and arrival are older; 0 is a criterion."
)
@click.option("--run", "run_ids", multiple=True, metavar="ID", help="Events of this run; may be given several times.")
@click.option("--level", metavar="NAME", help="Events of this level alone.")
@click.option("--dry-run", is_flag=True, help="Only say how many would go.")
def prune(
    *,
    watch: tuple[str, ...],
    store: str | None,
    state_dir: str | None,
    config: str | None,
    older_than: float | None,
    run_ids: tuple[str, ...],
    level: str | None,
    dry_run: bool,
) -> None:
    """Delete the events that all given criteria hold for; runs and learnings stay. No criterion deletes nothing.

    What was pruned is remembered: reading its file again does not bring it back.
    """
    from logagent.cli.composition import opened_store

    settings = settings_of(watch=watch, store=store, state_dir=state_dir, config=config)
    criteria = _criteria(older_than, run_ids, level)
    with opened_store(settings) as (opened, _identity):
        if dry_run:
            click.echo(f"{opened.prune(criteria, dry_run=True).examined} events would go")
            return
        deleted = 0
        while step := opened.prune(criteria, limit=STEP_EVENTS).deleted:
            deleted += step
            time.sleep(PAUSE_S)
    click.echo(f"{deleted} events deleted")


def _criteria(older_than: float | None, run_ids: tuple[str, ...], level: str | None) -> PruneCriteria:
    from logagent.formats.levels import known_level_no
    from logagent.store.protocol import MAX_DAYS, PruneCriteria

    if older_than is None and not run_ids and level is None:
        raise click.UsageError("no criterion: give --older-than, --run or --level (nothing was deleted)")
    if older_than is not None and not 0 <= older_than <= MAX_DAYS:  # NaN is neither
        raise click.UsageError(f"--older-than {older_than:g}: days, from 0 to {MAX_DAYS}")
    if any(run_id.startswith("@") for run_id in run_ids):
        raise click.UsageError("--run takes a whole id, no reference: `logagent-query show @last` tells it")
    level_no = None
    if level is not None:
        level_no = known_level_no(level)
        if level_no is None:
            raise click.UsageError(
                f"--level {level!r} is no level: TRACE, DEBUG, INFO, SUCCESS, WARNING, ERROR, CRITICAL"
            )
    return PruneCriteria.as_of(
        time.time_ns() // 1000, older_than_days=older_than, execution_ids=run_ids or None, level_no=level_no
    )
