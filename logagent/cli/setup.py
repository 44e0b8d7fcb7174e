"""`logagent init` and `logagent check`: before the daemon runs."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import click

from logagent.cli.options import settings_of, settings_options

if TYPE_CHECKING:
    from logagent.settings import Settings

HEAD_BYTES = 64 * 1024


@click.command(short_help="Make the state directory and the store ready.")
@settings_options
@click.option("--writer", metavar="NAME=FILE", help="ArangoDB: make a user for the daemon; FILE has its password.")
@click.option("--reader", metavar="NAME=FILE", help="ArangoDB: make a user that can only read, for questions.")
def init(
    *,
    watch: tuple[str, ...],
    store: str | None,
    state_dir: str | None,
    config: str | None,
    writer: str | None,
    reader: str | None,
) -> None:
    """Make the state directory and the store ready; changes nothing that is ready already.

    With --writer or --reader log in as a user who may make others. A FILE that is not there is made, with a password
    drawn by chance; give its path to ARANGO_PASSWORD_FILE.
    """
    from logagent.cli.composition import make_directories
    from logagent.settings import resolve_store_url
    from logagent.store import open_store

    settings = settings_of(watch=watch, store=store, state_dir=state_dir, config=config)
    make_directories(settings)
    if writer or reader:
        _make_users(settings, writer, reader)
    opened = open_store(resolve_store_url(settings), settings)
    try:
        identity = opened.repair()
    finally:
        opened.close()
    click.echo(f"store {opened.url} is ready (id {identity.store_id[:8]})")
    click.echo(f"state in {settings.state_dir}; watched: {', '.join(settings.watched)}")


def _make_users(settings: Settings, writer: str | None, reader: str | None) -> None:
    from logagent.cli.store_users import make_store_users

    for name, path in make_store_users(settings, writer=writer, reader=reader):
        click.echo(f"user {name}, password in {path}")


@click.command(short_help="Check settings, directories and store; show how files are understood.")
@settings_options
@click.option("--explain", is_flag=True, help="Every setting with its value and where it came from.")
@click.option("--sample", is_flag=True, help="Print a commented sample of logagent.toml and end.")
def check(
    *, watch: tuple[str, ...], store: str | None, state_dir: str | None, config: str | None, explain: bool, sample: bool
) -> None:
    """Check settings, directories and store; show which files match and how their lines are understood.

    Exit: 0 all is well, 2 bad settings, 4 the store cannot be reached.
    """
    if sample:
        from logagent.settings.sample import sample_toml

        click.echo(sample_toml(), nl=False)
        return
    settings = settings_of(watch=watch, store=store, state_dir=state_dir, config=config)
    if explain:
        _explain(settings)
    _check_files(settings)
    _check_store(settings)


def _explain(settings: Settings) -> None:
    from logagent.settings import SPECS

    for name in SPECS:
        click.echo(f"{name} = {getattr(settings, name)!r}  ({settings.origin_of(name)})")


def _check_files(settings: Settings) -> None:
    from logagent.cli.composition import discovery_of
    from logagent.daemon.tracker import printable

    look = discovery_of(settings).sweep()
    for path, reason in sorted(look.unreadable.items()):
        click.echo(f"cannot look into {printable(path)}: {reason}")
    for sighting in sorted(look.sightings, key=lambda seen: seen.path)[:100]:
        click.echo(f"{printable(sighting.path)}  {sighting.size} bytes  {_understood(sighting.path, settings)}")
    rest = len(look.sightings) - 100
    click.echo(f"and {rest} more files" if rest > 0 else f"{len(look.sightings)} files match")


def _understood(path: bytes, settings: Settings) -> str:
    """How the first lines of a file are read, as `native 12` or `text 3, dead letter 1`."""
    from logagent.cli.composition import file_context
    from logagent.daemon.patterns import compression_of
    from logagent.daemon.tail import open_tail
    from logagent.formats.lines import ParserState, parse_block

    try:
        tail, _facts = open_tail(path, compression_of(path))
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    try:
        head = tail.read(0, HEAD_BYTES)
    finally:
        tail.close()
    block = head[: head.rfind(b"\n") + 1]
    if not block:
        return "no complete line yet"
    parsed = parse_block(block, 0, file_context(settings), ParserState(), now_us=0, final=True)
    counts = Counter({parsed.state.parser or "nothing": len(parsed.records)})
    counts.update(f"dead letter ({reject.reason})" for reject in parsed.rejects)
    return ", ".join(f"{name} {count}" for name, count in counts.items() if count) or "only blank lines"


def _check_store(settings: Settings) -> None:
    from logagent.cli.composition import opened_store
    from logagent.errors import StoreAbsent

    try:
        with opened_store(settings) as (opened, _identity):
            opened.ping()
    except StoreAbsent as error:
        click.echo(f"{error}")
    else:
        click.echo(f"store {opened.url} answers")
