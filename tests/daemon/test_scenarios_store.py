"""Scenarios: a store that is away, hangs, refuses, loses its reply or is shared."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable

import pytest

from logagent.daemon.saving import SEEN_EVERY_S
from logagent.daemon.wakeups import NOTHING, Hint
from logagent.errors import RecordRejected, StoreAuthError, StoreUnavailable
from logagent.formats.record import LogLine, Record
from logagent.store.protocol import Batch
from tests.daemon.rig import Rig, expected, native, natives


def test_an_hour_without_the_store_loses_nothing_while_files_grow_and_rotate(rig: Rig) -> None:
    path = rig.write("a.jsonl", natives("a", 0, 10))
    rig.start()
    rig.settle()
    checkpoint = [file.offset for file in rig.status().files]
    rig.take_store_away()
    for hour_part in range(12):
        rig.write("a.jsonl", natives(f"h{hour_part}", 0, 20))
        path.rename(rig.logs / f"a.jsonl.{hour_part}")
        rig.write("a.jsonl", natives(f"n{hour_part}", 0, 5))
        rig.rest(300)
        assert rig.status().state == "outage"
    assert checkpoint == [file.offset for file in rig.status().files if file.offset and not file.lag]
    assert sum(len(file.stream.context.origin.file) for file in rig.running.files if file.stream) < 100_000
    rig.bring_store_back()
    rig.rest(120)
    assert rig.counted() == expected("a", 10) + sum(
        (expected(f"h{n}", 20) + expected(f"n{n}", 5) for n in range(12)), Counter()
    )
    assert rig.losses() == []
    assert rig.status().state == "ok"


def test_an_outage_is_logged_at_its_start_each_minute_and_at_its_end(rig: Rig) -> None:
    rig.start()
    rig.take_store_away()
    rig.write("a.jsonl", natives("a", 0, 5))
    rig.rest(310)
    rig.bring_store_back()
    rig.rest(60)
    told = [text for level, text in rig.log.said if "outage" in text]
    assert told[0].startswith("outage: ")
    assert told[-1].startswith("outage over")
    assert 4 <= len(told) <= 8


def test_a_reply_that_got_lost_doubles_nothing(rig: Rig) -> None:
    """Everything is committed, the answer never comes: the same batch again is all duplicates."""
    rig.start()
    assert rig.store is not None

    def lose_the_reply(batch: Batch) -> None:
        assert rig.store is not None
        rig.store.after = lambda batch: None
        raise StoreUnavailable("connection reset")

    rig.store.after = lose_the_reply
    rig.write("a.jsonl", natives("a", 0, 10))
    rig.rest(60)
    assert rig.counted() == expected("a", 10)
    assert rig.status().totals.duplicates == 10


def test_a_batch_of_which_half_came_through_is_completed(rig: Rig) -> None:
    rig.start()
    store = rig.store
    assert store is not None

    def half(batch: Batch) -> None:
        store.before = lambda batch: None
        store.inner.append(Batch(batch.records[: len(batch.records) // 2]))
        raise StoreUnavailable("half of the bulk failed")

    store.before = half
    rig.write("a.jsonl", natives("a", 0, 10))
    rig.rest(60)
    assert rig.counted() == expected("a", 10)
    assert (rig.status().totals.stored, rig.status().totals.duplicates) == (5, 5)


def test_while_the_store_hangs_new_files_are_opened_and_held(rig: Rig) -> None:
    """A file that comes and goes while an append does not come back: seen, held, and stored afterwards."""
    rig.start()
    store = rig.store
    assert store is not None
    rig.wakeups.hint = Hint(is_everything=True)

    def hang(batch: Batch) -> None:
        store.before = lambda batch: None
        path = rig.write("late.jsonl", natives("late", 0, 5))
        deadline = time.monotonic() + 20
        while not is_held(rig, b"late.jsonl") and time.monotonic() < deadline:
            threading.Event().wait(0.02)
        path.unlink()

    store.before = hang
    rig.write("a.jsonl", natives("a", 0, 5))
    rig.rest(60)
    assert rig.counted() == expected("a", 5) + expected("late", 5)


def test_what_is_seen_while_the_store_hangs_is_in_the_ledger_though_the_daemon_is_killed_then(rig: Rig) -> None:
    rig.start()
    rig.settle()
    store, saved = rig.store, rig.state / "checkpoint.json"
    assert store is not None
    rig.wakeups.hint = Hint(is_everything=True)
    snapshot: list[bytes] = []

    def hang(batch: Batch) -> None:
        path = rig.write("late.jsonl", natives("late", 0, 5))
        rig.clock.advance(SEEN_EVERY_S)
        deadline = time.monotonic() + 20
        while b"late.jsonl" not in saved.read_bytes() and time.monotonic() < deadline:
            threading.Event().wait(0.02)
        snapshot.append(saved.read_bytes())
        path.unlink()

    store.before = hang
    rig.write("a.jsonl", natives("a", 0, 5))
    rig.look()
    rig.running.try_turn(flush=True)
    with contextlib.suppress(StoreUnavailable):
        rig.running.shipper.settle()
    rig.kill()
    saved.write_bytes(snapshot[0])
    rig.start()
    rig.rest(120)
    assert rig.counted() == expected("a", 5)
    assert [name for name, _start, _end in rig.losses()] == ["late.jsonl"]


def is_held(rig: Rig, name: bytes) -> bool:
    return any(file.path.endswith(name) and file.tail is not None for file in tuple(rig.running.files))


def test_a_hanging_store_does_not_hold_up_the_stop(rig: Rig) -> None:
    rig.start()
    rig.turn()
    store, release = rig.store, threading.Event()
    assert store is not None

    def hang(_batch: Batch) -> None:
        rig.clock.advance(60.0)
        release.wait(20)

    store.before = hang
    rig.write("a.jsonl", natives("a", 0, 5))
    rig.look()
    rig.running.stop()
    rig.running.finish()
    assert rig.running.is_stuck
    release.set()
    deadline = time.monotonic() + 20
    while rig.running.is_stuck and time.monotonic() < deadline:
        threading.Event().wait(0.01)
    rig.running.close()
    rig.daemon = None
    rig.start()
    rig.settle()
    assert rig.counted() == expected("a", 5)


@pytest.mark.parametrize("method", ["prepare", "mark", "open_runs"])
def test_whatever_a_store_hangs_at_files_are_looked_after_and_the_stop_is_not_held_up(rig: Rig, method: str) -> None:
    """Not only an append: a file that comes and goes meanwhile is held, and what was asked is given up."""
    rig.start()
    rig.settle()
    assert rig.store is not None
    release, is_late_held = threading.Event(), []

    def hang(*_: object) -> None:
        release.wait(20)
        raise StoreUnavailable("too late")

    def wait(_timeout_s: float) -> Hint:
        if not is_late_held:
            path = rig.write("late.jsonl", natives("late", 0, 5))
            rig.look()
            is_late_held.append(is_held(rig, b"late.jsonl"))
            path.unlink()
            rig.running.stop()
            rig.clock.advance(60.0)
        return NOTHING

    setattr(rig.store, method, hang)
    if method == "prepare":
        rig.take_store_away()
    rig.wakeups.wait = wait  # type: ignore[method-assign]
    rig.write("a.jsonl", natives("a", 0, 5))
    rig.rest(30)
    rig.running.finish()
    assert (is_late_held, rig.running.is_stuck, rig.status().state) == ([True], True, "outage")
    assert "before the daemon had to stop" in rig.status().store.last_error
    release.set()
    while rig.running.is_stuck:
        threading.Event().wait(0.01)


def refusing(*poison: str, index_known: bool) -> Callable[[Batch], None]:
    """A store that refuses a batch for these messages, and says which record it was, or not."""

    def before(batch: Batch) -> None:
        for index, record in enumerate(batch.records):
            if message_of(record) in poison:
                raise RecordRejected("value out of range", number=1620, index=index if index_known else None)

    return before


def message_of(record: Record) -> str | None:
    return record.line.message if isinstance(record.line, LogLine) else None


@pytest.mark.parametrize("index_known", [True, False])
def test_a_record_that_the_store_refuses_is_dead_lettered_and_its_batch_stored(rig: Rig, index_known: bool) -> None:
    rig.start()
    assert rig.store is not None
    rig.store.before = refusing("a-3", "a-77", index_known=index_known)
    rig.write("a.jsonl", natives("a", 0, 100))
    rig.settle()
    assert rig.counted() == expected("a", 100) - Counter(["a-3", "a-77"])
    assert rig.rejected() == Counter({"store_refused:1620": 2})
    lines = {row["line"] + "\n" for row in rig.journal("dead_letter.jsonl")}
    assert lines == {native("a-3", 3), native("a-77", 77)}
    assert rig.status().lag_bytes == 0


@pytest.mark.parametrize("index_known", [True, False])
def test_a_batch_of_which_the_store_refuses_very_many_records_stops_nothing(rig: Rig, index_known: bool) -> None:
    rig.start()
    assert rig.store is not None
    rig.store.before = refusing(*(f"a-{n}" for n in range(500)), index_known=index_known)
    rig.write("a.jsonl", natives("a", 0, 510))
    rig.settle()
    assert rig.counted() == expected("a", 10, 500)
    assert rig.rejected() == Counter({"store_refused:1620": 500})


def test_a_refused_record_of_a_deleted_file_is_kept_as_it_was_understood(rig: Rig) -> None:
    path = rig.write("a.jsonl", natives("a", 0, 3))
    rig.start()
    store = rig.store
    assert store is not None
    refuse = refusing("a-1", index_known=True)

    def delete_and_refuse(batch: Batch) -> None:
        path.write_bytes(b"")
        refuse(batch)

    store.before = delete_and_refuse
    rig.settle()
    [letter] = rig.journal("dead_letter.jsonl")
    assert letter["reason"] == "store_refused:1620"
    assert "a-1" in letter["line"]
    assert "as it was understood" in letter["detail"]


def test_a_refused_record_is_kept_with_its_own_bytes_though_another_file_begins_alike(rig: Rig) -> None:
    rig.start()
    assert rig.store is not None
    rig.store.before = refusing("b-1", index_known=True)
    rig.write("a.jsonl", native("first") + native("a-1", 1))
    rig.write("b.jsonl", native("first") + native("b-1", 1))
    rig.settle()
    [letter] = rig.journal("dead_letter.jsonl")
    assert letter["line"] + "\n" == native("b-1", 1)
    assert letter["detail"] == "value out of range"


def test_a_refused_record_of_several_lines_is_kept_with_its_bytes(rig: Rig) -> None:
    text = "2026-11-22 15:00:00.000 | INFO     | mod:function:1 - head\n    goes on"
    rig.start()
    assert rig.store is not None
    rig.store.before = refusing("head\n    goes on", index_known=True)
    rig.write("a.log", text + "\n")
    rig.rest(30)
    [letter] = rig.journal("dead_letter.jsonl")
    assert (letter["line"], letter["detail"]) == (text, "value out of range")


def test_a_poison_record_is_dead_lettered_once_across_a_crash(rig: Rig) -> None:
    rig.write("a.jsonl", natives("a", 0, 10))
    rig.start()
    assert rig.store is not None
    rig.store.before = refusing("a-3", index_known=False)
    rig.turn()
    rig.clock.advance(3.0)
    rig.turn()
    rig.kill()
    rig.start()
    assert rig.store is not None
    rig.store.before = refusing("a-3", index_known=False)
    rig.rest(30)
    assert rig.counted() == expected("a", 10) - Counter(["a-3"])
    assert rig.rejected() == Counter({"store_refused:1620": 1})


class Died(BaseException):
    """kill -9, as a fault point sees it."""


@pytest.mark.parametrize("index_known", [True, False])
def test_a_refused_record_is_dead_lettered_before_anything_behind_it_is_stored(
    make_rig: Callable[..., Rig], index_known: bool
) -> None:
    """The store then has its file further than it stands: rewritten before the next start, it would be lost unsaid."""
    armed: list[str] = []

    def die(point: str) -> None:
        if point in armed:
            raise Died(point)

    rig = make_rig(faults=die)
    rig.start()
    assert rig.store is not None
    rig.store.before = refusing("a-0", index_known=index_known)
    armed.append("after_append")
    path = rig.write("a.jsonl", natives("a", 0, 2))
    with pytest.raises(Died):
        rig.rest(30)
    rig.kill()
    assert rig.messages() == ["a-1"]
    armed.clear()
    path.write_text(natives("b", 0, 2))
    rig.start()
    rig.rest(100)
    assert rig.counted() == expected("b", 2) + Counter(["a-1"])
    assert (rig.rejected(), rig.losses()) == (Counter({"store_refused:1620": 1}), [])


def stumbling(*poison: str) -> Callable[[Batch], None]:
    """Our own code has a fault with each batch that holds one of these messages, or with every batch."""

    def before(batch: Batch) -> None:
        if not poison or any(message_of(record) in poison for record in batch.records):
            raise TypeError("a tuple has no such form")

    return before


def test_a_record_that_our_own_code_has_a_fault_with_stops_no_other_for_ever(rig: Rig) -> None:
    """It is tried a few times, as what fails may pass; then it is found, and kept whole."""
    rig.on_open_store = lambda store: setattr(store, "before", stumbling("a-3", "a-77"))
    rig.write("a.jsonl", natives("a", 0, 100))
    rig.start()
    rig.turn()
    rig.settle(1)
    assert rig.status().state == "outage"
    rig.rest(100)
    assert rig.counted() == expected("a", 100) - Counter(["a-3", "a-77"])
    assert rig.rejected() == Counter({"store_refused:0": 2})
    assert "TypeError: a tuple has no such form" in rig.journal("dead_letter.jsonl")[0]["detail"]
    assert rig.status().state == "ok"


def test_a_fault_of_our_own_code_with_every_record_is_an_outage(rig: Rig) -> None:
    """No record is to blame, and none is given up."""
    rig.on_open_store = lambda store: setattr(store, "before", stumbling())
    rig.write("a.jsonl", natives("a", 0, 10))
    rig.start()
    rig.rest(300)
    assert (rig.status().state, rig.rejected()) == ("outage", {})
    assert rig.store is not None
    rig.store.before = lambda batch: None
    rig.rest(100)
    assert rig.counted() == expected("a", 10)


def test_refused_credentials_pause_loudly_and_lose_nothing(rig: Rig) -> None:
    rig.start()
    assert rig.store is not None

    def unauthorized(batch: Batch) -> None:
        raise StoreAuthError("401: the store refuses user logagent")

    rig.store.before = unauthorized
    rig.write("a.jsonl", natives("a", 0, 10))
    rig.rest(600)
    assert rig.status().state == "outage"
    assert "401" in rig.status().reasons[0]
    assert any(level == "ERROR" and "401" in text for level, text in rig.log.said)
    rig.bring_store_back()
    rig.rest(60)
    assert rig.counted() == expected("a", 10)
    assert rig.rejected() == Counter()


def test_bytes_that_are_full_of_dead_letters_go_to_the_ledger_beyond_their_cap(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(max_dead_letter_bytes=2000)
    rig.write("a.jsonl", "".join(f'{{"broken {n}\n' for n in range(100)) + native("good"))
    rig.start()
    rig.settle()
    assert rig.running.shipper.counts.dead_letters == 100
    assert len(rig.journal("dead_letter.jsonl")) + len(rig.losses()) == 100
    assert rig.counted() == Counter(["good"])


def test_a_dead_letter_is_written_once_however_often_its_file_is_read(rig: Rig) -> None:
    rig.write("a.jsonl", "{broken\n" + native("good"))
    for _ in range(3):
        rig.start()
        rig.settle()
        rig.stop()
        for checkpoint in rig.state.glob("checkpoint*"):
            checkpoint.unlink()
    assert rig.rejected() == Counter(["bad_json"])
    assert rig.counted() == Counter(["good"])


def test_two_daemons_on_one_store_double_nothing(make_rig: Callable[..., Rig]) -> None:
    """Two state directories, the same files: the keys are the same."""
    one, two = make_rig(), make_rig()
    two.logs, two.store_url = one.logs, one.store_url
    two.roots = (one.logs,)
    one.write("a.jsonl", natives("a", 0, 10))
    one.start()
    two.start()
    for first in range(10, 40, 10):
        one.write("a.jsonl", natives("a", first, 10))
        one.settle(1)
        two.settle(1)
    one.settle()
    two.settle()
    assert one.counted() == expected("a", 40)


def test_sigterm_during_an_outage_saves_and_ends(rig: Rig) -> None:
    rig.start()
    rig.take_store_away()
    rig.write("a.jsonl", natives("a", 0, 10))
    rig.settle()
    rig.stop()
    rig.start()
    rig.settle()
    assert rig.counted() == expected("a", 10)
