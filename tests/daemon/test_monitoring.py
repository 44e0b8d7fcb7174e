"""Metrics, retention and reload in a running daemon."""

from __future__ import annotations

import gc
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator

import msgspec
import psutil
import pytest

from logagent.daemon.batch import BatchLimits
from logagent.daemon.metrics import MetricsServer
from logagent.daemon.monitoring import MonitoringRules
from logagent.daemon.retention import Retention
from logagent.daemon.service import Configuration
from logagent.daemon.shipper import ShipperLimits
from logagent.errors import ConfigError, StoreUnavailable
from logagent.formats.redaction import Redaction
from logagent.formats.status import Status, StoreStatus, Totals
from tests.daemon.rig import START_US, Rig, expected, native, natives

STATUS = Status(
    pid=1, started_at="", updated_at="", state="ok", store=StoreStatus(url="sqlite:///x"), totals=Totals(stored=7)
)


@pytest.fixture
def server() -> Iterator[MetricsServer]:
    opened = MetricsServer("127.0.0.1", 0)
    yield opened
    opened.close()


def get(server: MetricsServer, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=5) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_metrics_tell_what_the_status_says(server: MetricsServer) -> None:
    server.show(STATUS)
    code, text = get(server, "/metrics")
    assert code == 200
    assert "logagent_stored_total 7.0" in text
    assert 'logagent_state{state="ok"} 1.0' in text


def test_health_needs_a_loop_that_turns_and_readiness_a_store(server: MetricsServer) -> None:
    before = (get(server, "/healthz")[0], get(server, "/readyz")[0])
    server.show(msgspec.structs.replace(STATUS, store=StoreStatus(url="", state="outage")))
    in_outage = (get(server, "/healthz")[0], get(server, "/readyz")[0])
    server.show(STATUS)
    after = (get(server, "/healthz")[0], get(server, "/readyz")[0])
    assert (before, in_outage, after) == ((503, 503), (200, 503), (200, 200))


def test_a_port_that_is_taken_is_a_clear_error(server: MetricsServer) -> None:
    with pytest.raises(ConfigError, match=str(server.port)):
        MetricsServer("127.0.0.1", server.port)


def test_old_events_are_pruned_in_steps_while_new_ones_are_stored(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(retention_days=1)
    rig.write("old.jsonl", natives("old", 0, 5_000))
    rig.start()
    rig.settle()
    rig.clock.advance(2 * 86_400)
    for first in range(0, 50, 10):
        rig.write("new.jsonl", "".join(native(f"new-{n}", 2 * 86_400_000 + n) for n in range(first, first + 10)))
        rig.settle(2)
    rig.rest(30)
    assert rig.counted() == expected("new", 50)


def test_what_was_pruned_stays_out_when_the_checkpoint_is_lost(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(retention_days=1)
    rig.write("old.jsonl", natives("old", 0, 100))
    rig.start()
    rig.settle()
    rig.clock.advance(2 * 86_400)
    rig.rest(30)
    rig.stop()
    for name in ("checkpoint.json", "checkpoint.previous.json"):
        (rig.state / name).unlink(missing_ok=True)
    rig.start()
    rig.rest(30)
    assert rig.counted() == {}
    assert rig.running.shipper.counts.expired == 100


def test_zero_days_keep_everything() -> None:
    assert not Retention(0).is_due(1e9)


def configuration(rig: Rig, **limits: object) -> Configuration:
    running = rig.running
    return Configuration(
        discovery=running._discovery,
        rules=rig.rules,
        limits=msgspec.structs.replace(rig.limits, **limits),
        monitoring=MonitoringRules(),
    )


def test_a_reload_takes_effect_on_files_that_are_followed_already(rig: Rig) -> None:
    rig.start()
    rig.write("a.jsonl", native("password=hunter22", 1))
    rig.settle()
    rules = msgspec.structs.replace(
        rig.rules, context=msgspec.structs.replace(rig.rules.context, redaction=Redaction())
    )
    rig.running.apply(msgspec.structs.replace(configuration(rig), rules=rules))
    rig.write("a.jsonl", native("password=hunter33", 2))
    rig.settle()
    assert rig.messages() == ["password=hunter22", "password=[redacted:secret]"]


def test_a_reload_with_bad_settings_changes_nothing_and_says_why(rig: Rig) -> None:
    def bad() -> Configuration:
        raise ConfigError("batch_size = 0: expected 1 to 100000")

    running = rig.start()
    running._make_configuration = bad
    before = running._limits
    running.reload_soon()
    running._reload()
    assert running._limits is before
    assert any("batch_size = 0" in text for _level, text in rig.log.said)


def test_a_thousand_reloads_leak_nothing(rig: Rig) -> None:
    rig.write("a.jsonl", natives("a", 0, 10))
    rig.start()
    rig.settle()
    process = psutil.Process()

    def reload_often(times: int) -> None:
        for n in range(times):
            limits = ShipperLimits(batch=BatchLimits(records=100 + n % 7))
            rig.running.apply(configuration(rig, shipper=limits))
            rig.turn()
        gc.collect()

    reload_often(50)
    before = (process.num_fds(), len(gc.get_objects()))
    reload_often(1_000)
    after = (process.num_fds(), len(gc.get_objects()))
    assert after[0] == before[0]
    assert after[1] - before[1] < 1_000


def test_an_outage_is_said_at_its_start_once_a_minute_and_at_its_end(rig: Rig) -> None:
    def away(_batch: object) -> None:
        raise StoreUnavailable("connection refused")

    rig.start()
    assert rig.store is not None
    rig.store.before = away
    rig.write("a.jsonl", natives("a", 0, 3))
    rig.rest(190)
    rig.store.before = lambda batch: None
    rig.rest(60)
    said = [text for level, text in rig.log.said if "outage" in text]
    assert len(said) in (4, 5, 6)
    assert said[0].startswith("outage: connection refused")
    assert said[-1].startswith("outage over")
    assert START_US and rig.counted() == expected("a", 3)
