"""The command `monitor`: one screen, looked at anew every two seconds, until Ctrl-C."""

from __future__ import annotations

import sys
import time
from typing import Any

import click

from logagent.query.commands.options import reading
from logagent.query.commands.session import Session, wait, write
from logagent.query.item import Page
from logagent.query.monitor import StoreWatch, daemon_now, machine_now
from logagent.query.render.escape import json_text
from logagent.query.render.kinds import item_lines

_EVERY_S = 2.0
_LONGEST = 400


@click.command()
@click.option("--once", is_flag=True, help="Look once and end.")
@reading
def monitor(session: Session, *, once: bool) -> int:
    """Levels of the last 5 minutes, runs, newest errors, the daemon, memory; every 2 s.

    The store may go away and come back meanwhile. On a pipe: a JSON line for each look.
    """
    watch = StoreWatch(session.place.url)
    try:
        if once:
            session.answer(Page("monitor", [_look(session, watch)]))
        elif sys.stdout.isatty() and session.form == "table":
            _on_screen(session, watch)
        else:
            _on_pipe(session, watch)
    except KeyboardInterrupt:
        return 0  # how one leaves it
    finally:
        watch.close()
    return 0


def _look(session: Session, watch: StoreWatch) -> dict[str, Any]:
    now_us = time.time_ns() // 1_000
    daemon = daemon_now(session.read_status(), now_us) if session.place.is_store else session.daemon
    return {**watch.look(now_us), "daemon": daemon, "machine": machine_now()}


def _on_pipe(session: Session, watch: StoreWatch) -> None:
    while True:
        item = _look(session, watch)
        is_json = session.form in ("json", "jsonl")
        write(json_text(item) + "\n" if is_json else "\n".join(item_lines("monitor", item, _LONGEST)) + "\n\n")
        wait(_EVERY_S)


def _on_screen(session: Session, watch: StoreWatch) -> None:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    def picture() -> Text:
        lines = item_lines("monitor", _look(session, watch), _LONGEST)
        text = Text("\n".join([*lines, "", "Ctrl-C ends this"]), no_wrap=True, overflow="ellipsis")
        text.highlight_words(["ERROR", "CRITICAL", "CRASHED", "outage", "scarce", "lost"], "bold red")
        return text

    live = Live(picture(), console=Console(), screen=True, auto_refresh=False)
    try:  # not `with`: Ctrl-C may come while it is being entered, and then nothing would leave the other screen
        live.start(refresh=True)
        while True:
            wait(_EVERY_S)
            live.update(picture(), refresh=True)
    finally:
        live.stop()
