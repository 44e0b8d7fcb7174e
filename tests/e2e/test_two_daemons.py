"""Two daemons: one too many on a state directory, and two that share logs and a store."""

from __future__ import annotations

from tests.e2e.processes import Place, numbered, wait_for

LINES = 20_000


def test_a_second_daemon_on_one_state_directory_ends_with_2_and_names_the_first(place: Place) -> None:
    """The lock is the state directory's."""
    with place.daemon() as first:
        wait_for(place.status, 20, "the first runs")
        with place.daemon() as second:
            assert second.ends(20) == 2
        assert f"pid {first.pid}" in place.said.read_text()
        assert first.is_alive


def test_the_lock_of_a_killed_daemon_is_no_obstacle(place: Place) -> None:
    """The kernel frees it, whatever the lock file says."""
    with place.daemon() as first:
        wait_for(place.status, 20, "the first runs")
        first.kill()
    place.seed("a.jsonl", 100)
    with place.daemon():
        wait_for(lambda: place.stored() == 100, 20, "the next one ships")


def test_two_daemons_on_one_store_and_one_log_directory_store_each_line_once(place: Place) -> None:
    """Both read everything; the keys make one of it."""
    other = place.base / "other-state"
    with place.daemon() as first, place.daemon(state=other) as second:
        with place.writer("w", LINES, seconds=4.0, rotation="400 KB") as writer:
            assert writer.ends(60) == 0
        wait_for(lambda: place.stored() >= LINES, 60, "all lines are stored")
        for daemon in (first, second):
            daemon.terminate()
        assert [daemon.ends(10) for daemon in (first, second)] == [0, 0]
    assert place.messages() == numbered("w", LINES)
