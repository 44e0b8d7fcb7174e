"""`logagent status`: how the daemon is."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, NoReturn

import click

from logagent.cli.options import settings_of

if TYPE_CHECKING:
    from logagent.formats.status import Status
    from logagent.settings import Settings

EXIT_NO_STATUS = 4
SHOWN_FILES = 20
SHOWN_COPIES = 5


@click.command(short_help="How the daemon is: lag, store, dead letters, losses.")
@click.option("--state-dir", metavar="DIR", help="The daemon's state directory.")
@click.option("--config", metavar="FILE", help="A TOML file with settings.")
@click.option("--json", "as_json", is_flag=True, help="The whole document, as in status.json.")
@click.option("--watch", "is_watching", is_flag=True, help="Show it again every second until Ctrl-C.")
def status(*, state_dir: str | None, config: str | None, as_json: bool, is_watching: bool) -> None:
    """How the daemon is: what it reads, how far behind it is, the store, dead letters, losses.

    Exit: 0 all is well, 1 degraded, outage, stopped, gone or not heard of for 30 s, 4 no daemon has written a status
    here.
    """
    from logagent.formats.status import STATUS_FILE

    settings = settings_of(watch=(), store=None, state_dir=state_dir, config=config)
    path = os.path.join(settings.state_dir, STATUS_FILE)
    if is_watching:
        _watch(path)
        return
    document, raw = _read(path)
    click.echo(raw.rstrip() if as_json else "\n".join([_text(document), *_room(settings, document)]))
    sys.exit(0 if document.state == "ok" and _is_there(document) and not document.is_stale(_now_us()) else 1)


def _read(path: str) -> tuple[Status, str]:
    from logagent.formats.status import decode_status

    try:
        with open(path, "rb") as file:
            raw = file.read()
    except OSError as error:
        click.echo(f"logagent: no status at {path} ({error.strerror}): start one with `logagent run`", err=True)
        sys.exit(EXIT_NO_STATUS)
    document = decode_status(raw)
    if document is None:
        click.echo(f"logagent: {path} cannot be read as a status", err=True)
        sys.exit(EXIT_NO_STATUS)
    return document, raw.decode()


def _watch(path: str) -> None:
    try:
        if sys.stdout.isatty():
            _redraw(path)
        while True:
            click.echo(_text(_read(path)[0]))
            time.sleep(1.0)
    except KeyboardInterrupt:
        return


def _redraw(path: str) -> NoReturn:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    with Live(console=Console(), screen=True, auto_refresh=False) as live:
        while True:
            live.update(Text(_text(_read(path)[0])), refresh=True)
            time.sleep(1.0)


def _text(status: Status) -> str:
    from logagent.formats.status import losses_told, stored_told
    from logagent.formats.visible import visible

    lines = [_headline(status)]
    lines += [f"  ! {reason}" for reason in status.reasons]
    lines += [f"  ! alert: {alert}" for alert in status.alerts]
    totals, store = status.totals, status.store
    seldom = ((totals.expired, "expired"), (totals.redacted, "redactions"))
    more = [f"{count} {what}, " for count, what in seldom if count]
    lost = losses_told(totals) or "nothing lost"
    lines += [
        f"store    {store.url}  {store.state}{f' since {_second(store.since)}' if store.since else ''}",
        f"lines    {totals.read} read, {stored_told(totals)}, {''.join(more)}"
        f"{totals.skipped} skipped by rule, {totals.dead_letters} dead letters, {lost}",
        f"behind   {status.lag_bytes} bytes in {status.files_total} files; {status.rate_lines_s:.0f} lines/s",
    ]
    if totals.by_rule:
        lines.append("skipped  " + ", ".join(f"{count} {rule}" for rule, count in sorted(totals.by_rule.items())))
    if store.last_error:
        lines.append(f"error    {store.last_error}" + ("" if store.state != "ok" else " (the last one; over)"))
    lines.append(f"forecast {_forecast(status)}")
    for file in status.files[:SHOWN_FILES]:
        note = f"  {file.reason}" if file.reason else ""
        pending = f", {file.pending_bytes} without a newline" if file.pending_bytes else ""
        lines.append(f"  {file.path}  {file.offset} of {file.size}, {file.lag} behind{pending}  [{file.state}]{note}")
    if len(status.files) > SHOWN_FILES:
        lines.append(f"  and {len(status.files) - SHOWN_FILES} more: logagent status --json")
    lines += [f"  {same.path}  is one stream with {_some(same.aliases)}" for same in status.copies[:SHOWN_COPIES]]
    if status.copies_total > SHOWN_COPIES:
        lines.append(f"  and {status.copies_total - SHOWN_COPIES} more that have copies: logagent status --json")
    return "\n".join(map(visible, lines))


def _some(paths: tuple[str, ...]) -> str:
    more = len(paths) - SHOWN_COPIES
    return ", ".join(paths[:SHOWN_COPIES]) + (f" and {more} more" if more > 0 else "")


def _room(settings: Settings, status: Status) -> list[str]:
    """What the store's licence leaves, asked of the store itself while the daemon can reach it."""
    from logagent.errors import ConfigError, StoreError
    from logagent.settings import is_same_store, resolve_store_url
    from logagent.store import open_reader

    if status.store.state != "ok":
        return []
    try:
        reader = open_reader(resolve_store_url(settings), settings)
    except (StoreError, ConfigError):
        return []
    try:
        room = reader.room() if is_same_store(reader.url, status.store.url) else None
    except StoreError:
        return []
    finally:
        reader.close()
    return [] if room is None else [f"{'  ! ' if room.is_short else ''}licence  {room}"]


def _forecast(status: Status) -> str:
    forecast = status.forecast
    if forecast.seconds is None:
        return forecast.basis or "nothing threatens"
    return f"bytes may be lost in {_span_text(forecast.seconds)}: {forecast.basis}"


def _span_text(seconds: float) -> str:
    """As coarse as a forecast is."""
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:,.0f} {unit}"
    return f"{seconds:.0f} s"


def _headline(status: Status) -> str:
    state = status.state if _is_there(status) or status.state == "stopped" else f"gone (was {status.state})"
    stale = f", {status.age_s(_now_us()):.0f} s old" if status.is_stale(_now_us()) else ""
    up, seen = _second(status.started_at), _second(status.updated_at)
    return f"{state}  pid {status.pid}, up since {up}, as of {seen}{stale}"


def _second(timestamp: str) -> str:
    """To the second, for people; `--json` has all of it."""
    return f"{timestamp[:10]} {timestamp[11:19]}Z"


def _is_there(status: Status) -> bool:
    from logagent.daemon.processes import answers

    return answers(status.pid)


def _now_us() -> int:
    return time.time_ns() // 1000
