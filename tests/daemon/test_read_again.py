"""What is read a second time, or written anew in the same place, is never taken for what was there before."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from contextlib import closing

import apsw
import pytest

from logagent.errors import StoreUnavailable
from tests.daemon.rig import START_US, Rig, expected, native, natives

HEAD = "2026-11-22 15:00:{second:02d}.000 | ERROR    | app:main:1 - {message}\n"
TRACEBACK = 'Traceback (most recent call last):\n  File "app.py", line 1, in main\nValueError: no\n'


class Killed(BaseException):
    """Stands for kill -9: nothing handles it."""


def text(message: str, second: int) -> str:
    """A line of loguru's default format, which opens a record."""
    return HEAD.format(message=message, second=second)


def stored_lines(rig: Rig) -> list[str]:
    """The lines of all messages."""
    return [line for message in rig.messages() for line in message.split("\n")]


def fail_after_commit(rig: Rig, error: BaseException) -> None:
    """From now on the store commits, and its reply is lost."""

    def lost(batch: object) -> None:
        raise error

    assert rig.store is not None
    rig.store.after = lost


@pytest.mark.parametrize("before", ["", text("first", 1)], ids=["from the start", "from an offset"])
def test_lines_that_follow_a_record_whose_receipt_was_lost_are_stored(rig: Rig, before: str) -> None:
    """Read again together with what follows, the record has the key of the one that is stored: it must end there."""
    rig.write("a.log", before)
    rig.start()
    rig.rest(30)
    fail_after_commit(rig, StoreUnavailable("the reply was lost"))
    rig.write("a.log", text("second", 2))
    rig.rest(30)
    assert "second" in stored_lines(rig)
    rig.write("a.log", TRACEBACK)
    assert rig.store is not None
    rig.store.after = lambda batch: None
    rig.rest(90)
    assert stored_lines(rig)[-3:] == TRACEBACK.splitlines()


@pytest.mark.parametrize("before", ["", text("first", 1)], ids=["from the start", "from an offset"])
def test_lines_that_follow_a_record_stored_just_before_a_crash_are_stored(rig: Rig, before: str) -> None:
    rig.write("a.log", before)
    rig.start()
    rig.rest(30)
    fail_after_commit(rig, Killed())
    rig.write("a.log", text("second", 2))
    with pytest.raises(Killed):
        rig.rest(60)
    rig.kill()
    assert "second" in stored_lines(rig)
    rig.write("a.log", TRACEBACK)
    rig.start()
    rig.rest(60)
    assert stored_lines(rig)[-3:] == TRACEBACK.splitlines()


def test_every_record_says_when_it_was_ingested(rig: Rig) -> None:
    rig.write("a.jsonl", natives("a", 0, 3))
    rig.start()
    rig.rest(30)
    assert [record.ingested_us >= START_US for record in rig.records()] == [True] * 3


@pytest.mark.parametrize("lines", [20, 50, 300])
@pytest.mark.parametrize("idle_s", [30, 700])
def test_a_packed_file_written_anew_in_place_is_read_from_its_start(rig: Rig, lines: int, idle_s: int) -> None:
    """As `gzip -c app.log > app.log.1.gz` does at each rotation: same inode, other content."""
    path = rig.logs / "a.jsonl.1.gz"
    path.write_bytes(gzip.compress(natives("a", 0, 50).encode()))
    rig.start()
    rig.rest(idle_s)
    path.write_bytes(gzip.compress(natives("b", 0, lines).encode()))
    rig.rest(130)
    assert rig.counted() == expected("a", 50) + expected("b", lines)
    assert rig.journal("losses.jsonl") == []


def test_a_packed_file_written_anew_in_place_while_stopped_is_read_from_its_start(rig: Rig) -> None:
    path = rig.logs / "a.jsonl.1.gz"
    path.write_bytes(gzip.compress(natives("a", 0, 50).encode()))
    rig.start()
    rig.rest(30)
    rig.stop()
    path.write_bytes(gzip.compress(natives("b", 0, 60).encode()))
    rig.start()
    rig.rest(130)
    assert rig.counted() == expected("a", 50) + expected("b", 60)
    assert rig.journal("losses.jsonl") == []


@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_file_seen_only_in_an_outage_and_packed_in_it_is_stored_and_not_called_lost(
    make_rig: Callable[..., Rig], is_restarted: bool
) -> None:
    rig = make_rig()

    def away() -> None:
        raise StoreUnavailable("away")

    path = rig.write("a.jsonl", natives("a", 0, 10))
    rig.start()
    assert rig.store is not None
    rig.store.prepare = away  # type: ignore[attr-defined]
    rig.rest(60)
    if is_restarted:
        rig.stop()
    (rig.logs / "a.jsonl.gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    if is_restarted:
        rig.start()
    else:
        del rig.store.prepare  # type: ignore[attr-defined]
    rig.rest(130)
    assert rig.counted() == expected("a", 10)
    assert rig.journal("losses.jsonl") == []


def test_an_overlong_line_that_the_store_refuses_is_not_read_whole_into_memory(make_rig: Callable[..., Rig]) -> None:
    from logagent.errors import RecordRejected

    rig = make_rig(max_line_bytes=2048)
    rig.start()

    def refuse(batch: object) -> None:
        if any(record.length > 2048 for record in batch.records):  # type: ignore[attr-defined]
            raise RecordRejected("no", number=7)

    assert rig.store is not None
    rig.store.before = refuse
    rig.write("a.jsonl", natives("a", 0, 1).replace("a-0", "x" * 100_000) + natives("b", 1, 1))
    rig.rest(30)
    (letter,) = rig.journal("dead_letter.jsonl")
    assert letter["reason"] == "store_refused:7"
    assert len(letter["line"]) < 5_000 < 100_000 < letter["length"]
    assert rig.counted() == expected("b", 1, first=1)


def test_an_older_copy_of_a_store_that_two_daemons_share_is_noticed_by_both(make_rig: Callable[..., Rig]) -> None:
    often, seldom = make_rig(), make_rig()
    seldom.store_url = often.store_url
    seldom.write("b.jsonl", natives("b", 0, 10))
    seldom.start()
    seldom.settle()
    often.start()
    for n in range(10):
        often.write("a.jsonl", natives("a", n * 10, 10))
        often.settle()
    often.stop()
    with closing(apsw.Connection(str(often.state / "logs.db"))) as db:
        db.execute("VACUUM INTO ?", (str(often.state / "older"),))
    seldom.write("b.jsonl", natives("b", 10, 10))
    seldom.settle()
    seldom.stop()
    for suffix in ("-wal", "-shm", ""):
        (often.state / f"logs.db{suffix}").unlink(missing_ok=True)
    (often.state / "older").rename(often.state / "logs.db")
    seldom.start()
    seldom.rest(60)
    assert [seldom.counted()[f"b-{n}"] for n in range(20)] == [1] * 20


def test_a_line_whose_end_is_written_after_its_file_was_let_go_is_stored_whole(rig: Rig) -> None:
    line = native("late", 3)
    path = rig.write("a.jsonl", natives("a", 0, 3) + line[:60])
    rig.start()
    rig.turn()
    path.rename(rig.logs / "a.jsonl.1")
    rig.write("a.jsonl", natives("b", 0, 1))
    rig.rest(120)
    rig.write("a.jsonl.1", line[60:])
    rig.rest(120)
    assert rig.counted()["late"] == 1
