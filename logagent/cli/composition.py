"""Composition: settings to a daemon, with everything it is made of."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from zoneinfo import ZoneInfo

from logagent.daemon.batch import BatchLimits
from logagent.daemon.discovery import Discovery
from logagent.daemon.faults import Faults
from logagent.daemon.files import FollowRules
from logagent.daemon.notify import Notifier
from logagent.daemon.patterns import Patterns
from logagent.daemon.processes import here
from logagent.daemon.service import Daemon, ServiceLimits
from logagent.daemon.shipper import ShipperLimits
from logagent.daemon.surroundings import Log, SystemClock
from logagent.daemon.wakeups import open_wakeups
from logagent.errors import ConfigError, StoreUnavailable
from logagent.formats.lines import FileContext
from logagent.formats.record import Origin
from logagent.formats.redaction import Pattern, Redaction
from logagent.settings import Settings, resolve_store, resolve_store_url
from logagent.settings.addresses import SqliteAddress
from logagent.store import open_store
from logagent.store.protocol import Store, StoreIdentity

RESERVED_DESCRIPTORS = 64
"""Left for the store, the state files and the libraries."""


def open_daemon(settings: Settings, *, faults: Faults, log: Log) -> Daemon:
    """A daemon as the settings want it, its state directory made and locked.

    Raises:
        ConfigError, StateLocked, CheckpointTooNew: it cannot start like this.
    """
    make_directories(settings)
    discovery = discovery_of(settings)
    try:
        return Daemon(
            settings.state_dir,
            discovery,
            open_wakeups(discovery.roots),
            open_store(resolve_store_url(settings)),
            follow_rules(settings),
            limits=service_limits(settings),
            here=here(),
            clock=SystemClock(),
            faults=faults,
            log=log,
            notifier=Notifier.from_environment(os.environ),
        )
    except OSError as error:
        raise ConfigError(f"state directory {settings.state_dir} cannot be used: {error.strerror}") from error


def make_directories(settings: Settings) -> None:
    """Make the state directory, and the log directory where it is the default one inside it.

    Raises:
        ConfigError: they cannot be made.
    """
    wanted = [settings.state_dir]
    if settings.log_directory in settings.watched:
        wanted.append(settings.log_directory)
    for directory in wanted:
        try:
            os.makedirs(directory, mode=0o750, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"{directory} cannot be made: {error.strerror}; give another --state-dir") from error


@contextmanager
def opened_store(settings: Settings) -> Iterator[tuple[Store, StoreIdentity]]:
    """The store that the daemon ships to, prepared; for commands that work beside it, so none is made here.

    Raises:
        StoreUnavailable: there is none yet, or it cannot be opened.
    """
    address = resolve_store(settings)
    if isinstance(address, SqliteAddress) and not os.path.exists(address.path):
        raise StoreUnavailable(f"store {address.url} is not there yet: `logagent init` or `logagent run` makes it")
    store = open_store(resolve_store_url(settings))
    try:
        yield store, store.prepare()
    finally:
        store.close()


def discovery_of(settings: Settings) -> Discovery:
    """What looks through the watched directories."""
    return Discovery(
        [os.fsencode(path) for path in settings.watched],
        Patterns(settings.include, settings.exclude),
        skip=[os.fsencode(settings.state_dir)],
        outside_links=settings.follow_symlinks,
        clock_ns=time.time_ns,
    )


def follow_rules(settings: Settings) -> FollowRules:
    """How files are followed and read."""
    return FollowRules(
        host=here().hostname,
        context=file_context(settings),
        start_at_end=settings.start_at == "end",
        close_after_s=settings.close_after_s,
        max_open=max(raise_descriptor_limit() - RESERVED_DESCRIPTORS, 16),
    )


def file_context(settings: Settings) -> FileContext:
    """What parsing needs to know, but for the file."""
    return FileContext(
        origin=Origin(here().hostname, "", 0),
        script_name="",
        naive_timezone=ZoneInfo(settings.naive_timezone),
        redaction=_redaction(settings) if settings.redact else None,
        max_line_bytes=settings.max_line_bytes,
    )


def _redaction(settings: Settings) -> Redaction:
    added = [Pattern(f"custom_{n}", re.compile(text)) for n, text in enumerate(settings.redact_patterns, 1)]
    return Redaction(add=added, off=settings.redact_off)


def service_limits(settings: Settings) -> ServiceLimits:
    """How often and how much."""
    return ServiceLimits(
        shipper=ShipperLimits(
            batch=BatchLimits(settings.max_batch_bytes, settings.batch_size, settings.flush_interval_s),
            quantum_bytes=settings.quantum_bytes,
        ),
        sweep_interval_s=settings.sweep_interval_s,
        idle_sweep_interval_s=settings.idle_sweep_interval_s,
        max_deleted_bytes=settings.max_deleted_bytes,
        max_dead_letter_bytes=settings.max_dead_letter_bytes,
        backoff_max_s=settings.backoff_max_s,
    )


def raise_descriptor_limit() -> int:
    """Raise the soft limit of open files to the hard one; what it is then."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard if hard != resource.RLIM_INFINITY else 1 << 16
