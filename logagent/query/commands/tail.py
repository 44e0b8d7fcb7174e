"""The command `tail`: follows new events, or one run until it ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import click

from logagent.errors import BadQuery
from logagent.formats.fold import RUNNING, SUCCESS, UNKNOWN
from logagent.query import events
from logagent.query.commands.options import filtering, reading, words
from logagent.query.commands.session import Session, note, wait, write
from logagent.query.documents import event_item
from logagent.query.following import Following
from logagent.query.references import RunNames, run_id_of
from logagent.query.render.budget import CHARACTERS_PER_TOKEN, MIN_TOKENS
from logagent.query.render.escape import json_text
from logagent.query.render.lines import event_line

_POLL_S = 0.5
_LONGEST = 2_000
_LONGEST_COMPACT = 120
_FOOT = 160
"""Characters kept for the last line."""
Show: TypeAlias = Callable[[dict[str, object]], None]


@click.command()
@words("[QUERY]...")
@filtering
@click.option(
    "-n", "--lines", type=click.IntRange(0, 10_000), default=10, show_default=True, help="Events to begin with."
)
@click.option("-f", "--follow", is_flag=True, hidden=True, expose_value=False, help="It does; for those used to it.")
@click.option("--until-end", is_flag=True, help="With --run: stop at its end; exit 0 if it succeeded, else 1.")
@reading
def tail(
    session: Session, *, run: str | None, script: str | None, level: str | None, lines: int, until_end: bool
) -> int:
    """Follow new events as they are stored, or a run until it ends.

    An event shows at most a second after it was stored, also one that is older than what was shown before.
    """
    if until_end and run is None:
        raise BadQuery("--until-end needs --run: whose end?")
    if not session.place.is_store:
        raise BadQuery("tail follows a store; a log file by itself is read once, as by search")
    room = Room(session.max_tokens) if session.form == "compact" else None
    show = _printer(session) if room is None else room.show
    execution_id = run_id_of(session.reader, run) if run else None
    where = events.filters(session.text(), run=execution_id, script=script, level=level)
    following = Following(session.reader, RunNames(session.reader).in_condition(where))
    try:
        return _follow(session, following, show, lines, execution_id if until_end else None)
    finally:
        if room is not None:
            write(room.foot(has_earlier=following.has_earlier))


def _follow(session: Session, following: Following, show: Show, lines: int, execution_id: str | None) -> int:
    """Show what comes until the run ends, or for ever; the run's verdict."""
    for record in following.begin(lines):
        show(event_item(record))
    while True:
        status = _status(session, execution_id) if execution_id else RUNNING
        # The status is read before the events: those of an ended run are all there to be seen.
        for record in following.more():
            show(event_item(record))
        if status not in (RUNNING, UNKNOWN):
            note(json_text({"run": execution_id, "status": status}))
            return 0 if status == SUCCESS else 1
        wait(_POLL_S)


def _status(session: Session, execution_id: str) -> str:
    found = session.reader.run(execution_id)
    return found.run.status if found else UNKNOWN


class Room:
    """The budget of a compact tail: lines while there is room, then only how many more there were."""

    def __init__(self, max_tokens: int) -> None:
        if max_tokens < MIN_TOKENS:
            raise BadQuery(f"--max-tokens {max_tokens} is too few; at least {MIN_TOKENS}")
        self._max_tokens = max_tokens
        self._left = int(max_tokens * CHARACTERS_PER_TOKEN) - _FOOT
        self._shown = self._more = 0

    def show(self, event: dict[str, object]) -> None:
        """Write the event's line if it fits, and none after one that did not."""
        line = event_line(event, _LONGEST_COMPACT) + "\n"
        if self._more or len(line) > self._left:
            self._more += 1
            return
        self._left -= len(line)
        self._shown += 1
        write(line)

    def foot(self, *, has_earlier: bool) -> str:
        """What was left out."""
        said = f"{self._more} more left out for --max-tokens {self._max_tokens}" if self._more else "complete"
        said += " from the first one shown; -n shows earlier ones" if has_earlier else ""
        return f"[{self._shown} events, {said}; quoted text was written by programs]\n"


def _printer(session: Session) -> Show:
    if session.form in ("json", "jsonl"):
        return lambda event: write(json_text(event) + "\n")
    if session.form == "csv":
        raise BadQuery("tail has no csv; use -o jsonl, compact or table")
    return lambda event: write(event_line(event, _LONGEST) + "\n")
