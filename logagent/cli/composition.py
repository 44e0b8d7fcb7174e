"""Composition: settings to a daemon, with everything it is made of."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from zoneinfo import ZoneInfo

from logagent.daemon.alarm import AlarmTargets
from logagent.daemon.alerts import AlertLimits
from logagent.daemon.batch import BatchLimits
from logagent.daemon.discovery import Discovery
from logagent.daemon.faults import Faults
from logagent.daemon.follow_rules import FollowRules
from logagent.daemon.monitoring import Monitoring, MonitoringRules
from logagent.daemon.notify import Notifier
from logagent.daemon.patterns import Patterns
from logagent.daemon.processes import here
from logagent.daemon.service import Configuration, Daemon, ServiceLimits
from logagent.daemon.shipper import ShipperLimits
from logagent.daemon.surroundings import Log, SystemClock
from logagent.daemon.wakeups import open_wakeups
from logagent.errors import ConfigError, StoreAbsent
from logagent.formats.lines import FileContext
from logagent.formats.record import Origin
from logagent.formats.redaction import Pattern, Redaction
from logagent.formats.storing import StoringRules
from logagent.settings import Settings, resolve_store_url
from logagent.store import open_reader, open_store
from logagent.store.protocol import Store, StoreIdentity

FIXED = (
    *("state_dir", "store", "metrics_host", "metrics_port", "arango_url", "arango_username", "arango_database"),
    *("arango_password", "arango_password_file", "arango_ca_file", "arango_timeout_s"),
    *("naive_timezone", "backoff_max_s", "max_dead_letter_bytes"),
)
"""Settings that only a restart changes."""

RESERVED_DESCRIPTORS = 64
"""Left for the store, the state files and the libraries."""


def open_daemon(
    settings: Settings,
    *,
    faults: Faults,
    log: Log,
    store: Store | None = None,
    load_again: Callable[[], Settings] | None = None,
) -> Daemon:
    """A daemon as the settings want it, its state directory made and locked.

    `store` is shipped to instead of the one in the settings; `load_again` loads the settings anew, on SIGHUP.

    Raises:
        ConfigError, StateLocked, CheckpointTooNew: it cannot start like this.
    """
    make_directories(settings)
    configuration = configuration_of(settings)

    def reload() -> Configuration:
        return configuration_of(settings if load_again is None else load_again(), before=settings)

    monitoring = Monitoring(configuration.monitoring, configuration.rules.host, log)
    try:
        return Daemon(
            settings.state_dir,
            configuration.discovery,
            open_wakeups(configuration.discovery.roots),
            store or open_store(resolve_store_url(settings), settings),
            configuration.rules,
            limits=configuration.limits,
            here=here(),
            clock=SystemClock(),
            faults=faults,
            log=log,
            notifier=Notifier.from_environment(os.environ),
            monitoring=monitoring,
            reload=reload,
        )
    except OSError as error:
        raise ConfigError(f"state directory {settings.state_dir} cannot be used: {error.strerror}") from error


def configuration_of(settings: Settings, *, before: Settings | None = None) -> Configuration:
    """What of the settings a running daemon can take up.

    Raises:
        ConfigError: something cannot be used, or was changed since `before` that only a restart can change.
    """
    for name in FIXED:
        if before is not None and getattr(settings, name) != getattr(before, name):
            raise ConfigError(f"{name} was changed: that takes a restart (systemctl restart logagent)")
    return Configuration(
        discovery=discovery_of(settings),
        rules=follow_rules(settings),
        limits=service_limits(settings),
        monitoring=monitoring_rules(settings),
    )


def monitoring_rules(settings: Settings) -> MonitoringRules:
    """What is watched, and who hears of it."""
    return MonitoringRules(
        is_enabled=settings.enable_monitoring,
        interval_s=settings.monitoring_interval_s,
        limits=AlertLimits(
            failure_percent=settings.alert_failure_percent,
            outage_s=settings.alert_outage_s,
            lag_bytes=settings.max_buffer_size_mb * 1_000_000,
            memory_bytes=settings.alert_memory_mb * 1_000_000,
        ),
        targets=AlarmTargets(command=settings.alert_command, webhook=settings.alert_webhook),
        metrics_host=settings.metrics_host,
        metrics_port=settings.metrics_port,
    )


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
        StoreAbsent: there is none yet.
        StoreUnavailable: it cannot be opened.
    """
    url = resolve_store_url(settings)
    try:
        open_reader(url, settings).close()
    except StoreAbsent as error:
        raise StoreAbsent(f"store {url} is not there yet: `logagent init` or `logagent run` makes it") from error
    store = open_store(url, settings)
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
        idle_after_s=settings.idle_after_s,
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
        storing=_storing(settings),
    )


def _storing(settings: Settings) -> StoringRules | None:
    """What is left out of the store; None where nothing is."""
    rules = StoringRules(
        min_level=settings.min_level,
        min_level_by_script=dict(settings.min_level_by_script),
        always_keep_tags=frozenset(settings.always_keep_tags),
        folds_repeats=settings.fold_repeats,
    )
    has_levels = rules.min_level is not None or rules.min_level_by_script
    return rules if has_levels or rules.folds_repeats else None


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
        retention_days=settings.retention_days,
    )


def raise_descriptor_limit() -> int:
    """Raise the soft limit of open files to the hard one; what it is then."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard if hard != resource.RLIM_INFINITY else 1 << 16
