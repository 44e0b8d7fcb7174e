"""`logagent run`: the daemon, in the foreground; or once over what is there."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from logagent.cli.options import settings_of, settings_options

if TYPE_CHECKING:
    from logagent.daemon.service import Daemon, Drained
    from logagent.settings import Settings

EXIT_INCOMPLETE = 1
EXIT_STORE = 4


@click.command(short_help="Watch directories and ship what is logged there.")
@settings_options
@click.option("--once", is_flag=True, help="Ship what is there now, then end.")
@click.option(
    "--timeout", default=60.0, show_default=True, metavar="S", help="With --once: how long to wait for a store."
)
@click.option("--arm-faults", is_flag=True, hidden=True)
def run(
    *,
    watch: tuple[str, ...],
    store: str | None,
    state_dir: str | None,
    config: str | None,
    once: bool,
    timeout: float,
    arm_faults: bool,
) -> None:
    """Watch directories and ship what is logged there, until SIGTERM.

    Offsets are kept in the state directory; while the store is away nothing is lost, the log files wait on disk.

    Exit: 0 stopped, or with --once done; 2 wrong settings, or another daemon has the state directory. With --once
    also: 1 something could not be read, or it was stopped before the end; 4 the store stayed away.
    """

    def load() -> Settings:
        return settings_of(watch=watch, store=store, state_dir=state_dir, config=config)

    os.umask(0o027)
    daemon = _daemon(load, is_armed=arm_faults)
    signal.signal(signal.SIGHUP, lambda *_: daemon.reload_soon())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: daemon.stop())
    try:
        code = _once(daemon, timeout) if once else _serve(daemon)
    finally:
        daemon.close()
    _leave(daemon, code)


def _daemon(load: Callable[[], Settings], *, is_armed: bool) -> Daemon:
    from loguru import logger

    from logagent.cli.composition import open_daemon
    from logagent.daemon.faults import kill_at, no_faults
    from logagent.formats.visible import visible

    settings = load()
    logger.remove()
    logger.add(sys.stderr, level=settings.log_level, format="{time:YYYY-MM-DD HH:mm:ss.SSS!UTC}Z {level:<7} {message}")
    faults = kill_at(os.environ) if is_armed else no_faults
    daemon = open_daemon(settings, faults=faults, log=logger, load_again=load)
    for path in settings.watched:
        if not os.path.isdir(path):
            logger.warning("{} is no directory, or not there yet: nothing is read below it", visible(path))
    return daemon


def _serve(daemon: Daemon) -> int:
    daemon.run()
    return 0


def _once(daemon: Daemon, timeout_s: float) -> int:
    from logagent.cli.progress import Progress

    with Progress("shipping") as progress:
        drained = daemon.drain(timeout_s, progress)
    _tell(daemon, drained)
    if drained.outcome == "store_down":
        return EXIT_STORE
    return EXIT_INCOMPLETE if drained.unread or drained.outcome == "stopped" else 0


def _tell(daemon: Daemon, drained: Drained) -> None:
    from logagent.formats.status import stored_told

    totals = daemon.status().totals
    click.echo(f"{stored_told(totals)}, {totals.dead_letters} dead letters", err=True)
    for path, count in drained.pending:
        click.echo(f"pending: {path} ends in {count} bytes without a newline", err=True)
    for path, reason in drained.unread:
        click.echo(f"logagent: not read: {path}: {reason}", err=True)
    if drained.outcome == "store_down":
        click.echo("logagent: the store stayed away; nothing is lost, run again when it is back", err=True)
    if drained.outcome == "stopped":
        click.echo("logagent: stopped before all was shipped; run again", err=True)


def _leave(daemon: Daemon, code: int) -> None:
    """Exit, without waiting for a store that does not answer."""
    sys.stdout.flush()
    sys.stderr.flush()
    if daemon.is_stuck:
        os._exit(code)  # the thread in the store's call cannot be ended; nothing of it is relied on
    sys.exit(code)
