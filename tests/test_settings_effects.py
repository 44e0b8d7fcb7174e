"""Every setting changes what is done: from the variable or the file to what one can see of it from outside."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from logagent.cli.composition import (
    configuration_of,
    discovery_of,
    file_context,
    follow_rules,
    make_directories,
    monitoring_rules,
    service_limits,
)
from logagent.daemon.alerts import Alerts, Sample
from logagent.daemon.batch import BatchLimits, OpenBatch
from logagent.daemon.follow_rules import FollowRules
from logagent.daemon.monitoring import Monitoring
from logagent.daemon.retention import Retention
from logagent.formats.lines import ParserState, parse_block
from logagent.formats.record import LogLine
from logagent.formats.status import Status, StoreStatus, Totals
from logagent.settings import SPECS, Settings, arango_password, load_settings, resolve_store
from tests.daemon.rig import QuietLog, Rig, native, natives

Load = Callable[..., Settings]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Settings from these variables alone."""

    def loaded(**environ: str) -> Settings:
        home = {"XDG_STATE_HOME": str(tmp_path / "state-home")}
        return load_settings(environ={**home, **environ}, directory=str(tmp_path), system_config="/nowhere")

    return loaded


@pytest.fixture
def make_rig(tmp_path: Path) -> Iterator[Callable[..., Rig]]:
    """Rigs with options of their own, closed at the end."""
    made: list[Rig] = []

    def make(**options: Any) -> Rig:
        made.append(Rig(tmp_path, **options))
        return made[-1]

    yield make
    for rig in made:
        rig.close()


@pytest.fixture
def rig(make_rig: Callable[..., Rig]) -> Rig:
    return make_rig()


# ---- requirements C ------------------------------------------------------------------------------------------------


def test_arango_url_user_and_database_choose_the_store_and_its_address(load: Load) -> None:
    assert resolve_store(load()).url.startswith("sqlite:///")
    plain = resolve_store(load(ARANGO_URL="http://db:8530"))
    assert plain.url == "arangodb://root@db:8530/script_logs"
    given = load(ARANGO_URL="https://db:8530", ARANGO_USERNAME="ann", ARANGO_DATABASE="logs")
    assert resolve_store(given).url == "arangodb+https://ann@db:8530/logs"


def test_the_older_arango_names_choose_the_same(load: Load) -> None:
    older = load(ARANGO_HOST="db", ARANGO_USER="ann", ARANGO_DB="logs", ARANGO_PASS="pw")
    assert resolve_store(older).url == "arangodb://ann@db:8529/logs"
    password = arango_password(older, {})
    assert password is not None and password.reveal() == "pw"


def test_arango_password_is_what_logs_in(load: Load) -> None:
    password = arango_password(load(ARANGO_PASSWORD="secret"), {})
    assert password is not None and password.reveal() == "secret"
    assert arango_password(load(), {}) is None


def test_log_buffer_dir_is_where_the_state_is_made(load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("logagent.settings.sources.is_temporary", lambda path: False)  # tests live below /tmp
    settings = load(LOG_BUFFER_DIR=str(tmp_path / "buffer"))
    make_directories(settings)
    assert (tmp_path / "buffer" / "logs").is_dir()
    assert resolve_store(settings).url == f"sqlite://{tmp_path}/buffer/logs.db"


def test_log_batch_size_closes_a_batch_when_there_is_no_backlog(load: Load, make_rig: Callable[..., Rig]) -> None:
    limits = service_limits(load(LOG_BATCH_SIZE="3")).shipper.batch
    rig = make_rig(batch_size=limits.records)
    rig.start()
    rig.write("a.jsonl", natives("a", 0, 2))
    rig.turn()
    waiting = rig.messages()
    rig.write("a.jsonl", natives("a", 2, 1))
    rig.turn()
    rig.running.shipper.settle()
    assert (waiting, len(rig.messages())) == ([], 3)


def test_log_flush_interval_is_the_greatest_age_of_what_waits(load: Load) -> None:
    def is_due(limits: BatchLimits, age_s: float) -> bool:
        batch = OpenBatch()
        batch.opened_at, batch.cursors = 0.0, {object(): object()}  # type: ignore[dict-item]
        return batch.is_due(limits, age_s, has_backlog=True)

    short, usual = (service_limits(load(**given)).shipper.batch for given in ({"LOG_FLUSH_INTERVAL": "0.5"}, {}))
    assert (is_due(short, 0.6), is_due(usual, 0.6), is_due(usual, 2.0)) == (True, False, True)


def test_log_retention_days_prune_what_is_older_and_zero_keeps_all(load: Load, make_rig: Callable[..., Rig]) -> None:
    assert service_limits(load()).retention_days == 30
    assert not Retention(service_limits(load(LOG_RETENTION_DAYS="0")).retention_days).is_due(0.0)
    rig = make_rig(retention_days=service_limits(load(LOG_RETENTION_DAYS="2")).retention_days)
    rig.write("a.jsonl", natives("a", 0, 10))
    rig.start()
    rig.rest(30)
    rig.clock.advance(86_400)
    rig.rest(30)
    kept = len(rig.messages())
    rig.clock.advance(2 * 86_400)
    rig.rest(30)
    assert (kept, rig.messages()) == (10, [])


def raised(load: Load, sample: Sample, **environ: str) -> set[str]:
    """The alerts that a sample raises under settings."""
    alerts = Alerts(monitoring_rules(load(**environ)).limits)
    return {change.name for change in alerts.check(sample)}


@pytest.mark.parametrize(
    ("sample", "alert", "environ"),
    [
        (Sample(lag_bytes=2_000_000), "lag", {"LOG_MAX_BUFFER_SIZE_MB": "1"}),
        (Sample(lines=100, dead_letters=5), "failures", {"ALERT_LOG_FAILURE_THRESHOLD": "4"}),
        (Sample(outage_s=11), "outage", {"LOGAGENT_ALERT_OUTAGE_S": "10s"}),
        (Sample(memory_bytes=60_000_000), "memory", {"LOGAGENT_ALERT_MEMORY_MB": "50"}),
    ],
)
def test_each_limit_decides_whether_its_alert_is_raised(
    load: Load, sample: Sample, alert: str, environ: dict[str, str]
) -> None:
    assert alert in raised(load, sample, **environ)
    assert alert not in raised(load, sample)


STATUS = Status(pid=1, started_at="", updated_at="", state="ok", store=StoreStatus(url="sqlite:///x"))


@pytest.fixture
def monitored(load: Load) -> Iterator[Callable[..., tuple[Monitoring, QuietLog]]]:
    made: list[Monitoring] = []

    def monitor(**environ: str) -> tuple[Monitoring, QuietLog]:
        log = QuietLog()
        quiet = {"LOGAGENT_ALERT_MEMORY_MB": "1000000", **environ}  # whatever the test runner itself needs
        made.append(Monitoring(monitoring_rules(load(**quiet)), "box", log))
        return made[-1], log

    yield monitor
    for one in made:
        one.close()


def losing(lost: int) -> Status:
    return msgspec.structs.replace(STATUS, totals=Totals(lost_bytes=lost))


def test_enable_monitoring_switches_the_checks(monitored: Any) -> None:
    said = []
    for environ in ({}, {"ENABLE_MONITORING": "false"}):
        monitoring, log = monitored(**environ)
        monitoring.observe(losing(1), 0.0, 0.0)
        said.append(len(log.said))
    assert said == [1, 0]


def test_monitoring_interval_is_the_time_between_two_checks(monitored: Any) -> None:
    seen = []
    for environ in ({}, {"MONITORING_INTERVAL": "5"}):
        monitoring, log = monitored(**environ)
        for now, lost in ((0.0, 0), (6.0, 1)):
            monitoring.observe(losing(lost), 0.0, now)
        seen.append(len(log.said))
    assert seen == [0, 1]


def test_an_alert_command_is_called(monitored: Any, tmp_path: Path) -> None:
    told = tmp_path / "told"
    script = tmp_path / "alarm.sh"
    script.write_text(f'#!/bin/sh\necho "$LOGAGENT_ALERT $LOGAGENT_ALERT_STATE" > {told}\n')
    script.chmod(0o755)
    monitoring, _log = monitored(LOGAGENT_ALERT_COMMAND=str(script))
    monitoring.observe(losing(1), 0.0, 0.0)
    monitoring.close()  # waits for the command
    assert told.read_text() == "losses raised\n"


# ---- which lines, which files --------------------------------------------------------------------------------------


def stored(load: Load, block: str, **environ: str) -> list[str]:
    parsed = parse_block(block.encode(), 0, file_context(load(**environ)), ParserState(), now_us=0, final=True)
    return [record.line.message for record in parsed.records if isinstance(record.line, LogLine)]


NOISE = native("noise", 0, level="DEBUG", level_no=10, tags=["audit"]) + "".join(native("x", n) for n in range(1, 5))


@pytest.mark.parametrize(
    ("environ", "messages"),
    [
        ({}, ["noise", "x", "x", "x", "x"]),
        ({"LOGAGENT_MIN_LEVEL": "INFO"}, ["x", "x", "x", "x"]),
        ({"LOGAGENT_MIN_LEVEL_BY_SCRIPT": "script=ERROR"}, []),
        ({"LOGAGENT_MIN_LEVEL_BY_SCRIPT": "other=ERROR"}, ["noise", "x", "x", "x", "x"]),
        ({"LOGAGENT_MIN_LEVEL": "INFO", "LOGAGENT_ALWAYS_KEEP_TAGS": "audit"}, ["noise", "x", "x", "x", "x"]),
        ({"LOGAGENT_FOLD_REPEATS": "true"}, ["noise", "x", "message repeated 3 times: x"]),
        ({"LOGAGENT_MAX_LINE_BYTES": "1KiB"}, ["noise", "x", "x", "x", "x"]),
    ],
)
def test_storing_rules_say_what_is_stored(load: Load, environ: dict[str, str], messages: list[str]) -> None:
    assert stored(load, NOISE, **environ) == messages


def test_redaction_can_be_switched_off_and_added_to(load: Load) -> None:
    line = native("password=hunter22 badge-77", 0)
    assert stored(load, line) == ["password=[redacted:secret] badge-77"]
    assert stored(load, line, LOGAGENT_REDACT="off") == ["password=hunter22 badge-77"]
    assert stored(load, line, LOGAGENT_REDACT_OFF="secret") == ["password=hunter22 badge-77"]
    assert stored(load, line, LOGAGENT_REDACT_PATTERNS="badge-[0-9]+") == [
        "password=[redacted:secret] [redacted:custom_1]"
    ]


def test_naive_times_are_of_the_zone_that_is_set(load: Load) -> None:
    block = b"2026-07-01 12:00:04.123 | ERROR    | __main__:main:9 - it broke\n"

    def hour_us(**environ: str) -> int:
        parsed = parse_block(block, 0, file_context(load(**environ)), ParserState(), now_us=0, final=True)
        return parsed.records[0].ts_us

    assert hour_us() - hour_us(LOGAGENT_NAIVE_TIMEZONE="Europe/Berlin") == 2 * 3600 * 1_000_000


def found(load: Load, **environ: str) -> set[str]:
    return {os.path.basename(os.fsdecode(one.path)) for one in discovery_of(load(**environ)).sweep().sightings}


def test_patterns_and_links_say_which_files_are_read(load: Load, tmp_path: Path) -> None:
    logs, outside = tmp_path / "logs", tmp_path / "outside.log"
    logs.mkdir()
    for name in ("a.log", "b.jsonl", "c.txt"):
        (logs / name).write_text("x\n")
    outside.write_text("x\n")
    (logs / "link.log").symlink_to(outside)
    watch = {"LOGAGENT_WATCH": str(logs)}
    assert found(load, **watch) == {"a.log", "b.jsonl"}
    assert found(load, **watch, LOGAGENT_INCLUDE="*.txt") == {"c.txt"}
    assert found(load, **watch, LOGAGENT_EXCLUDE="*.jsonl") == {"a.log"}
    assert "link.log" in found(load, **watch, LOGAGENT_FOLLOW_SYMLINKS="true")


def test_a_file_is_closed_once_it_is_idle_for_as_long_as_is_set(load: Load, rig: Rig) -> None:
    def is_open_after(rules: FollowRules, seconds: float) -> bool:
        rig.running.files.apply(msgspec.structs.replace(rig.rules, idle_after_s=rules.idle_after_s))
        rig.clock.advance(seconds)
        rig.turn()
        (file,) = rig.running.files
        return file.tail is not None

    rig.start()
    rig.write("a.jsonl", natives("a", 0, 1))
    rig.settle()
    usual, short = follow_rules(load()), follow_rules(load(LOGAGENT_IDLE_AFTER_S="5s"))
    assert (is_open_after(usual, 10), is_open_after(short, 10)) == (True, False)


# ---- nothing is left over ------------------------------------------------------------------------------------------


def changed(value: Any) -> Any:
    """Another value of the same kind, for numbers and switches."""
    return not value if isinstance(value, bool) else value + 1


def everything(settings: Settings) -> str:
    """All that a running daemon goes by, as text."""
    made = configuration_of(settings)
    return repr((made.rules, made.limits, made.monitoring, vars(made.discovery)["_outside_links"]))


NOT_THE_DAEMONS = {"arango_timeout_s", "arango_replication_factor", "arango_write_concern"}
"""The ArangoDB client's."""

NUMBERS = [name for name, spec in SPECS.items() if isinstance(spec.default, int | float)]


@pytest.mark.parametrize("name", [name for name in NUMBERS if name not in NOT_THE_DAEMONS])
def test_each_number_and_switch_reaches_the_running_daemon(load: Load, name: str) -> None:
    """Trap: a setting that is read, shown, documented, and used by nothing."""
    given = {f"LOGAGENT_{name.upper()}": str(changed(SPECS[name].default)).lower()}
    assert everything(load(**given)) != everything(load())
