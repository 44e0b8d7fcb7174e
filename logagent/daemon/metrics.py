"""Metrics: the daemon's status for Prometheus, with /healthz and /readyz, on a loopback port. Thin I/O.

Off unless a port is given. It answers from the last status that the loop made, so a scrape can never hold up a turn.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, get_args

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from logagent.errors import ConfigError
from logagent.formats.status import STALE_AFTER_S, DaemonState, Status

_COUNTERS: Final = {
    "read": "Lines read",
    "stored": "Records stored",
    "duplicates": "Records that were stored already",
    "expired": "Records that were pruned already",
    "dead_letters": "Lines that could not be stored",
    "redacted": "Secrets masked",
    "lost_bytes": "Bytes that were seen and could not be had",
    "unknown_ends": "Losses of which nobody knows how many bytes they were",
    "skipped": "Lines left out by a declared rule",
}


class StatusCollector:
    """Turns a status into metric families, `logagent_*`."""

    def __init__(self, status: Callable[[], Status | None]) -> None:
        self._status = status

    def collect(self) -> Iterator[Metric]:
        """All families; none before the first status."""
        status = self._status()
        if status is None:
            return
        for name, text in _COUNTERS.items():
            value = getattr(status.totals, name)
            if value is not None:
                yield CounterMetricFamily(f"logagent_{name}", text, value=value)
        yield GaugeMetricFamily("logagent_lag_bytes", "Bytes on disk not yet acknowledged", value=status.lag_bytes)
        yield GaugeMetricFamily("logagent_files", "Files followed", value=status.files_total)
        yield GaugeMetricFamily("logagent_rate_lines_per_second", "Lines read per second", value=status.rate_lines_s)
        yield GaugeMetricFamily("logagent_store_up", "1 while the store answers", value=status.store.state == "ok")
        state = GaugeMetricFamily("logagent_state", "1 for the state the daemon is in", labels=["state"])
        for name in get_args(DaemonState):
            state.add_metric([name], float(status.state == name))
        yield state


class MetricsServer:
    """Serves /metrics, /healthz (the loop turns) and /readyz (the store answers, too) in a thread."""

    def __init__(self, host: str, port: int) -> None:
        """Bind the port; port 0 takes any free one.

        Raises:
            ConfigError: the address cannot be bound.
        """
        self._latest: tuple[float, Status] | None = None
        registry = CollectorRegistry()
        registry.register(StatusCollector(self._status))
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                code, kind, body = server.answer(self.path, registry)
                self.send_response(code)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """A scrape is no news."""

        try:
            self._server = ThreadingHTTPServer((host, port), Handler)
        except (OSError, OverflowError) as error:
            raise ConfigError(f"metrics cannot be served on {host}:{port}: {error}") from error
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True)
        self._thread.start()

    def show(self, status: Status) -> None:
        """Serve this status from now on."""
        self._latest = (time.monotonic(), status)

    def answer(self, path: str, registry: CollectorRegistry) -> tuple[int, str, bytes]:
        """Status code, content type and body for a path."""
        match path.partition("?")[0]:
            case "/metrics":
                return 200, "text/plain; version=0.0.4; charset=utf-8", generate_latest(registry)
            case "/healthz":
                return _verdict(self._is_fresh(), "the loop turns", "the loop does not turn")
            case "/readyz":
                status = self._status()
                is_ready = self._is_fresh() and status is not None and status.store.state == "ok"
                return _verdict(is_ready, "the store answers", "the store is away, or the loop does not turn")
            case _:
                return 404, "text/plain", b"/metrics, /healthz and /readyz are here\n"

    def close(self) -> None:
        """Stop serving; safe to call twice."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)

    def _status(self) -> Status | None:
        return self._latest[1] if self._latest else None

    def _is_fresh(self) -> bool:
        """False where the loop hangs: neither healthy nor ready."""
        return self._latest is not None and time.monotonic() - self._latest[0] < STALE_AFTER_S


def _verdict(is_good: bool, good: str, bad: str) -> tuple[int, str, bytes]:
    return (200, "text/plain", f"ok: {good}\n".encode()) if is_good else (503, "text/plain", f"{bad}\n".encode())
