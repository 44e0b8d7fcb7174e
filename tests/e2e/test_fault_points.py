"""kill -9 at every fault point in turn: what was written is stored or dead-lettered once, what was lost is told."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from logagent.daemon.faults import POINTS
from tests.e2e.processes import Place, numbered, wait_for

KILLED = -9
LINES = 300
BAD_LINES = 5
LEDGER_POINTS = tuple(point for point in POINTS if "ledger" in point)
SHIPPING_POINTS = tuple(point for point in POINTS if point not in LEDGER_POINTS)


def write_lines(place: Place, name: str, prefix: str) -> None:
    place.seed(name, LINES, prefix)
    with (place.logs / name).open("ab") as file:
        file.write(b"".join(b'{"bad %d\n' % n for n in range(BAD_LINES)))


def check_killed_at(place: Place, point: str, after: int) -> None:
    """Some of the points are passed only by a second checkpoint, so a second file comes after the first one's."""
    write_lines(place, "a.jsonl", "first")
    with place.daemon("--arm-faults", LOGAGENT_FAULT=f"{point}:{after}") as daemon:
        wait_for(lambda: (place.state / "checkpoint.json").exists() or not daemon.is_alive, 20, "a checkpoint")
        write_lines(place, "b.jsonl", "second")
        assert daemon.ends(20) == KILLED
    with place.daemon() as daemon:
        wait_for(lambda: place.stored() >= 2 * LINES, 20, "all lines are stored")
        wait_for(lambda: place.is_run_by(daemon) and len(letters(place)) >= 2 * BAD_LINES, 20, "all dead letters")
        daemon.terminate()
        assert daemon.ends(10) == 0
    assert place.messages() == numbered("first", LINES) + numbered("second", LINES)
    assert len(letters(place)) == 2 * BAD_LINES
    assert place.rows("losses.jsonl") == []


def letters(place: Place) -> set[str]:
    return {row["key"] for row in place.rows("dead_letter.jsonl")}


@pytest.mark.parametrize("point", SHIPPING_POINTS)
def test_killed_while_shipping_stores_each_line_once(place: Place, point: str) -> None:
    """The daemon dies at the point; the next one makes up for it."""
    check_killed_at(place, point, after=1)


@pytest.mark.soak
@pytest.mark.parametrize("point", [point for point in SHIPPING_POINTS if point != "after_checkpoint_link"])
def test_killed_the_second_time_it_comes_by_stores_each_line_once(place: Place, point: str) -> None:
    """The same with something saved already."""
    check_killed_at(place, point, after=2)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("point", LEDGER_POINTS)
def test_killed_while_telling_a_loss_tells_it_in_the_end(place: Place, point: str) -> None:
    """A file is seen during an outage and deleted while no daemon runs: its bytes are in the ledger."""
    size = see_and_lose_a_file(place)
    with place.daemon("--arm-faults", LOGAGENT_FAULT=point) as daemon:
        assert daemon.ends(60) == KILLED
    with place.daemon():
        rows = wait_for(lambda: place.rows("losses.jsonl"), 60, "the loss is told")
    assert {(Path(row["file"]).name, row["from"], row["to"]) for row in rows} == {("a.jsonl", 0, size)}


def see_and_lose_a_file(place: Place) -> int:
    """Its size."""
    with place.daemon() as daemon:
        wait_for(lambda: place.is_run_by(daemon), 20, "the daemon runs")
        daemon.terminate()
        daemon.ends(10)
    lock = sqlite3.connect(place.state / "logs.db", isolation_level=None)
    try:
        lock.execute("BEGIN EXCLUSIVE")
        place.seed("a.jsonl", LINES)
        with place.daemon() as daemon:
            wait_for(lambda: place.is_run_by(daemon) and place.status().state == "outage", 40, "the outage shows")
            daemon.terminate()
            assert daemon.ends(10) == 0
    finally:
        lock.close()
    size = (place.logs / "a.jsonl").stat().st_size
    (place.logs / "a.jsonl").unlink()
    return size
