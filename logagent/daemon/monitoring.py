"""Monitoring: looks at the daemon once an interval, and brings what a person should hear of to log, alarm, metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import psutil

from logagent.daemon.alarm import Alarm, AlarmTargets
from logagent.daemon.alerts import AlertLimits, Alerts, Sample
from logagent.daemon.surroundings import Log
from logagent.formats.status import Status

if TYPE_CHECKING:
    from logagent.daemon.metrics import MetricsServer


class MonitoringRules(msgspec.Struct, frozen=True, kw_only=True):
    """What is watched, how often, and who hears of it; `metrics_port` 0 opens no socket."""

    is_enabled: bool = True
    interval_s: float = 60.0
    limits: AlertLimits = AlertLimits()
    targets: AlarmTargets = AlarmTargets()
    metrics_host: str = "127.0.0.1"
    metrics_port: int = 0


class Monitoring:
    """Checks the alerts' conditions and serves the metrics."""

    def __init__(self, rules: MonitoringRules, host: str, log: Log) -> None:
        """Start serving, if a port is given.

        Raises:
            ConfigError: the port cannot be bound, or the alert command makes no sense.
        """
        self._log = log
        self._host = host
        self._process = psutil.Process()
        self._metrics = _metrics_server(rules) if rules.metrics_port else None
        self._alerts = Alerts(rules.limits)
        self.apply(rules)

    def apply(self, rules: MonitoringRules) -> None:
        """Go by these rules from now on; the metrics' address stays as it was.

        Raises:
            ConfigError: the alert command makes no sense.
        """
        self._alarm = Alarm(rules.targets, self._host, self._log.warning)
        self._alerts.limits = rules.limits
        self._rules = rules
        self._due_at = float("-inf")

    @property
    def raised(self) -> list[str]:
        """The alerts raised now, a sentence each."""
        return list(self._alerts.raised.values())

    def observe(self, status: Status | None, outage_s: float, now: float) -> None:
        """Take a look (monotonic `now`); cheap between intervals."""
        if status is None:
            return
        if self._metrics is not None:
            self._metrics.show(status)
        if self._rules.is_enabled and now >= self._due_at:
            self._due_at = now + self._rules.interval_s
            self._check(self._sample(status, outage_s))

    def _check(self, sample: Sample) -> None:
        changes = self._alerts.check(sample)
        for change in changes:
            (self._log.error if change.is_raised else self._log.warning)(f"alert {change.name}: {change.text}")
        self._alarm.send(changes)

    def _sample(self, status: Status, outage_s: float) -> Sample:
        return Sample(
            lines=status.totals.read,
            dead_letters=status.totals.dead_letters,
            lost_bytes=status.totals.lost_bytes,
            unknown_ends=status.totals.unknown_ends,
            outage_s=outage_s,
            lag_bytes=status.lag_bytes,
            memory_bytes=self._process.memory_info().rss,
        )

    def close(self) -> None:
        """Stop serving; safe to call twice."""
        self._alarm.close()
        if self._metrics is not None:
            self._metrics.close()
            self._metrics = None


def _metrics_server(rules: MonitoringRules) -> MetricsServer:
    from logagent.daemon.metrics import MetricsServer  # 20 MB and 60 ms that few daemons need

    return MetricsServer(rules.metrics_host, rules.metrics_port)
