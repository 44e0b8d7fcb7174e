"""SIGTERM: the daemon ends with 0 within five seconds, its state saved, whatever it is at."""

from __future__ import annotations

import json
import sqlite3

from tests.e2e.processes import Place, Process, numbered, wait_for

LINES = 400_000
STOPS_WITHIN_S = 5.0


def stop(daemon: Process) -> None:
    daemon.terminate()
    assert daemon.ends(STOPS_WITHIN_S) == 0


def saved_offset(place: Place) -> int:
    files = json.loads((place.state / "checkpoint.json").read_bytes())["body"]["files"]
    return int(sum(file["cursor"]["offset"] for file in files))


def test_sigterm_under_load_saves_how_far_it_came(place: Place) -> None:
    """What was stored is not read again."""
    place.seed("a.jsonl", LINES)
    with place.daemon() as daemon:
        wait_for(lambda: place.stored() > 1000, 20, "it ships")
        stop(daemon)
    stored = place.stored()
    assert stored < LINES
    assert saved_offset(place) > 0
    with place.daemon() as daemon:
        wait_for(lambda: place.stored() == LINES, 60, "the rest is shipped")
        stop(daemon)
    status = place.status()
    assert status is not None
    assert (status.state, status.totals.duplicates) == ("stopped", 0)
    assert place.messages() == numbered("line", LINES)


def test_sigterm_during_an_outage_saves_what_was_seen(place: Place) -> None:
    """The offsets stay where the store had acknowledged them."""
    place.seed("a.jsonl", 100)
    with place.daemon() as daemon:
        wait_for(lambda: place.stored() == 100, 20, "the first lines are stored")
        lock = sqlite3.connect(place.state / "logs.db", isolation_level=None, timeout=20)
        try:
            lock.execute("BEGIN EXCLUSIVE")
            size = (place.logs / "a.jsonl").stat().st_size
            place.seed("a.jsonl", 100, prefix="later")
            wait_for(lambda: (status := place.status()) and status.state == "outage", 40, "the outage shows")
            stop(daemon)
        finally:
            lock.close()
    assert saved_offset(place) in (0, size)
    with place.daemon():
        wait_for(lambda: place.stored() == 200, 20, "the rest is shipped")
    assert place.messages() == numbered("line", 100) + numbered("later", 100)
