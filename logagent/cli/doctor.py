"""`logagent doctor`: what is wrong here, and the command that mends it."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Literal, NamedTuple

import click

from logagent.cli.options import settings_of, settings_options

if TYPE_CHECKING:
    from logagent.formats.status import Status
    from logagent.settings import Settings

LOW_DISK_BYTES = 1_000_000_000
ENOUGH_DESCRIPTORS = 1024


class Finding(NamedTuple):
    """What one check saw; `mend` is a command or an action, where there is one."""

    verdict: Literal["ok", "warn", "bad"]
    text: str
    mend: str = ""


@click.command(short_help="What is wrong here, and the command that mends it.")
@settings_options
def doctor(*, watch: tuple[str, ...], store: str | None, state_dir: str | None, config: str | None) -> None:
    """Look at settings, directories, limits, daemon and store; say what is wrong and how to mend it.

    Exit: 0 nothing is bad, 1 something is.
    """
    settings = settings_of(watch=watch, store=store, state_dir=state_dir, config=config)
    findings = [finding for check in CHECKS for finding in check(settings)]
    for finding in findings:
        colour = {"ok": "green", "warn": "yellow", "bad": "red"}[finding.verdict]
        click.echo(f"{click.style(f'{finding.verdict:<4}', fg=colour)} {finding.text}")
        if finding.mend:
            click.echo(f"     mend: {finding.mend}")
    sys.exit(any(finding.verdict == "bad" for finding in findings))


def _state(settings: Settings) -> Iterator[Finding]:
    path = settings.state_dir
    if not os.path.isdir(path):
        yield Finding("warn", f"state directory {path} is not there yet", "logagent init")
    elif not os.access(path, os.W_OK | os.X_OK):
        yield Finding("bad", f"state directory {path} cannot be written", f"chown $(id -un) {path}")
    else:
        free = shutil.disk_usage(path).free
        verdict: Literal["ok", "warn"] = "ok" if free > LOW_DISK_BYTES else "warn"
        yield Finding(verdict, f"state directory {path}: {free / 1e9:.1f} GB of disk free")


def _watched(settings: Settings) -> Iterator[Finding]:
    from logagent.cli.composition import discovery_of
    from logagent.daemon.tracker import printable

    look = discovery_of(settings).sweep()
    for path, reason in look.unreadable.items():
        shown = printable(path)
        mend = f"mkdir -p {shown}" if reason.startswith("No such") else f"chmod o+rx {shown} (or the daemon's group)"
        yield Finding("bad", f"{shown} cannot be looked into: {reason}", mend)
    blocked = [seen.path for seen in look.sightings if not os.access(seen.path, os.R_OK)]
    for path in blocked[:5]:
        yield Finding("bad", f"{printable(path)} cannot be read", f"chmod g+r {printable(path)}")
    if not look.sightings:
        patterns = ", ".join(settings.include)
        yield Finding("warn", f"no file matches {patterns} in {', '.join(settings.watched)}", "logagent check")
    elif not look.unreadable and not blocked:
        yield Finding("ok", f"{len(look.sightings)} files match and can be read")


def _limits(_settings: Settings) -> Iterator[Finding]:
    import resource

    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    few = hard != resource.RLIM_INFINITY and hard < ENOUGH_DESCRIPTORS
    yield Finding(
        "warn" if few else "ok",
        f"{'unlimited' if hard == resource.RLIM_INFINITY else hard} file descriptors may be open",
        "LimitNOFILE=65536 in the unit, or ulimit -Hn" if few else "",
    )
    try:
        with open("/proc/sys/fs/inotify/max_user_watches", encoding="ascii") as file:
            watches = int(file.read())
    except OSError:
        return
    scarce = watches < ENOUGH_DESCRIPTORS
    yield Finding(
        "warn" if scarce else "ok",
        f"{watches} directories may be watched (inotify)",
        "sysctl fs.inotify.max_user_watches=65536" if scarce else "",
    )


def _daemon(settings: Settings) -> Iterator[Finding]:
    from logagent.daemon.processes import answers
    from logagent.formats.status import STATUS_FILE, decode_status

    try:
        with open(os.path.join(settings.state_dir, STATUS_FILE), "rb") as file:
            status = decode_status(file.read())
    except OSError:
        yield Finding("warn", "no daemon has run on this state directory", "logagent run")
        return
    now_us = time.time_ns() // 1000
    if status is None:
        yield Finding("bad", f"{STATUS_FILE} in {settings.state_dir} cannot be read as a status", "logagent run")
    elif status.state == "stopped":
        since = f"the daemon stopped {status.age_s(now_us):.0f} s ago, as it was told to"
        yield Finding("bad", f"{since}: nothing is read, it was {status.lag_bytes} bytes behind", "logagent run")
    elif status.is_stale(now_us):
        said = f"the daemon's last word is {status.age_s(now_us):.0f} s old: it is gone or hangs"
        yield Finding("bad", said, "logagent run")
    elif not answers(status.pid):
        yield Finding("bad", f"the daemon (pid {status.pid}) is gone: it ended without a word", "logagent run")
    else:
        yield from _of_status(status)


def _of_status(status: Status) -> Iterator[Finding]:
    from logagent.formats.status import losses_told

    verdict: Literal["ok", "bad"] = "ok" if status.state == "ok" else "bad"
    state = f"state {status.state}, {status.lag_bytes} bytes behind"
    yield Finding(verdict, f"the daemon (pid {status.pid}) runs: {state}")
    for reason in status.reasons:
        yield Finding("warn", reason)
    if status.totals.dead_letters:
        yield Finding("warn", f"{status.totals.dead_letters} dead letters since its start", "logagent rejects list")
    if lost := losses_told(status.totals):
        yield Finding("bad", f"{lost} since its start", "logagent losses")


def _store(settings: Settings) -> Iterator[Finding]:
    from logagent.errors import ConfigError, StoreAbsent, StoreAuthError, StoreCorrupt, StoreError, StoreTooNew
    from logagent.settings import resolve_store_url
    from logagent.store import open_reader

    url = resolve_store_url(settings)
    try:
        reader = open_reader(url, settings)
        try:
            overview, room = reader.overview(), reader.room()
        finally:
            reader.close()
    except StoreTooNew as error:
        yield Finding("bad", str(error), "pip install --upgrade logagent")
    except StoreCorrupt as error:
        yield Finding("bad", str(error), "move the file away: the daemon fills a new one from what is still on disk")
    except StoreAbsent as error:
        yield Finding("bad", str(error), "logagent init")
    except StoreAuthError as error:
        yield Finding("bad", str(error), "set ARANGO_USERNAME and ARANGO_PASSWORD_FILE to a user with rights on it")
    except StoreError as error:
        yield Finding("bad", str(error), "start the server, or correct the setting `store`")
    except ConfigError as error:
        yield Finding("bad", str(error))
    else:
        more = "" if overview.events.exact else "at least "
        yield Finding("ok", f"store {url}: {more}{overview.events.value} events, {overview.runs} runs")
        if room is not None:
            mend = "logagent prune, a shorter LOG_RETENTION_DAYS, or another licence" if room.is_short else ""
            yield Finding("bad" if room.trouble else "warn" if room.is_short else "ok", f"store: {room}", mend)


CHECKS: tuple[Callable[[Settings], Iterator[Finding]], ...] = (_state, _watched, _limits, _daemon, _store)
