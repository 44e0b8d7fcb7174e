"""Alerts: each condition is raised once and cleared once, and brought to people by command and webhook."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import msgspec
import pytest

from logagent.daemon.alarm import Alarm, AlarmTargets
from logagent.daemon.alerts import AlertChange, AlertLimits, Alerts, Sample

LIMITS = AlertLimits(failure_percent=10, outage_s=300, lag_bytes=1_000, memory_bytes=100_000_000)
GOOD = Sample(lines=100)
BAD = {
    "failures": Sample(lines=200, dead_letters=20),
    "outage": Sample(lines=100, outage_s=301),
    "lag": Sample(lines=100, lag_bytes=1_001),
    "losses": Sample(lines=100, lost_bytes=1),
    "dead_letters": Sample(lines=1_000, dead_letters=1),
    "memory": Sample(lines=100, memory_bytes=100_000_001),
}


def states(changes: list[AlertChange]) -> dict[str, bool]:
    return {change.name: change.is_raised for change in changes}


@pytest.mark.parametrize("name", BAD)
def test_each_condition_is_raised_once_and_cleared_once(name: str) -> None:
    alerts = Alerts(LIMITS)
    alerts.check(GOOD)
    raised = [states(alerts.check(BAD[name])).get(name)]
    still_bad = msgspec.structs.replace(
        BAD[name],
        lines=BAD[name].lines * 2,
        dead_letters=BAD[name].dead_letters * 3,
        lost_bytes=BAD[name].lost_bytes * 2,
    )
    raised.append(states(alerts.check(still_bad)).get(name))
    over = Sample(lines=still_bad.lines + 10, dead_letters=still_bad.dead_letters, lost_bytes=still_bad.lost_bytes)
    cleared = [states(alerts.check(over)).get(name), states(alerts.check(over)).get(name)]
    assert (raised, cleared) == ([True, None], [False, None])


def test_a_loss_of_which_nobody_knows_the_size_is_a_loss() -> None:
    (change,) = Alerts(LIMITS).check(Sample(unknown_ends=1))
    assert (change.name, "nobody knows how many" in change.text) == ("losses", True)


def test_a_store_that_is_away_counts_as_failing_at_once() -> None:
    alerts = Alerts(LIMITS)
    assert states(alerts.check(Sample(outage_s=1)))["failures"] is True


def test_a_quiet_interval_is_no_failure() -> None:
    assert Alerts(LIMITS).check(Sample()) == []


CHANGE = AlertChange("lag", True, "5 bytes; $(touch hacked) `id`")


def test_the_command_gets_the_alert_in_its_environment_and_no_shell(tmp_path: Path) -> None:
    told = tmp_path / "told"
    script = tmp_path / "tell.sh"
    told_by = '"%s|%s|%s|%s" "$#" "$LOGAGENT_ALERT" "$LOGAGENT_ALERT_STATE" "$LOGAGENT_ALERT_TEXT"'
    script.write_text(f"#!/bin/sh\nprintf {told_by} > {told}\n")
    script.chmod(0o700)
    alarm = Alarm(AlarmTargets(command=str(script)), "host", complain=print)
    alarm.send([CHANGE])
    alarm.close()
    assert told.read_text() == f"0|lag|raised|{CHANGE.text}"


@contextlib.contextmanager
def webhook(status: int) -> Iterator[tuple[str, list[bytes]]]:
    received: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook", received
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_the_webhook_gets_the_alert_as_json() -> None:
    with webhook(200) as (url, received):
        alarm = Alarm(AlarmTargets(webhook=url), "host", complain=print)
        alarm.send([CHANGE])
        alarm.close()
    assert [json.loads(body) for body in received] == [
        {"alert": "lag", "raised": True, "text": CHANGE.text, "host": "host"}
    ]


@pytest.mark.parametrize("target", ["refusing", "absent", "command"])
def test_an_alarm_that_cannot_be_sent_is_told_and_stops_nothing(target: str) -> None:
    complaints: list[str] = []
    with webhook(500) as (url, _received):
        targets = {
            "refusing": AlarmTargets(webhook=url),
            "absent": AlarmTargets(webhook="http://127.0.0.1:9/"),
            "command": AlarmTargets(command="/nonexistent/program"),
        }
        alarm = Alarm(targets[target], "host", complain=complaints.append)
        alarm.send([CHANGE])
        alarm.close()
    assert len(complaints) == 1
