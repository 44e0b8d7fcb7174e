"""Files cut short or written anew in place: what was seen and cut off unread is told, what was pruned stays so."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from logagent.errors import RecordRejected, StoreUnavailable
from logagent.formats.record import flag_names
from logagent.query.pruning import prune
from logagent.store import open_store
from logagent.store.protocol import Batch, PruneCriteria
from tests.daemon.rig import START_US, Rig, expected, native, natives

LOGURU = "2026-11-22 15:00:0{0}.000 | INFO     | mod:function:1 - m{0}\n"


def losses(rig: Rig) -> list[tuple[int, int]]:
    return [(row["from"], row["to"]) for row in rig.journal("losses.jsonl")]


def cut_to(path: Path, lines: int) -> int:
    """Cut a file to its first lines; its size before."""
    size = path.stat().st_size
    kept = path.read_bytes().splitlines(keepends=True)[:lines]
    os.truncate(path, sum(map(len, kept)))
    return size


def test_a_file_emptied_before_it_was_ever_read_is_in_the_ledger(rig: Rig) -> None:
    path = rig.write("a.jsonl", natives("a", 0, 3))
    rig.start()  # it looks
    size = cut_to(path, 0)
    rig.rest(60)
    assert losses(rig) == [(0, size)]


def test_lines_cut_off_unread_are_in_the_ledger_while_those_before_are_stored(rig: Rig) -> None:
    path = rig.write("a.jsonl", natives("a", 0, 2))
    rig.start()
    rig.settle()
    kept = path.stat().st_size
    rig.write("a.jsonl", natives("a", 2, 3))
    rig.look()
    size = cut_to(path, 2)
    rig.rest(60)
    assert rig.counted() == expected("a", 2)
    assert losses(rig) == [(kept, size)]


def test_lines_cut_off_unread_are_in_the_ledger_though_other_lines_take_their_place(rig: Rig) -> None:
    path = rig.write("a.jsonl", natives("a", 0, 2))
    rig.start()
    rig.settle()
    kept = path.stat().st_size
    rig.write("a.jsonl", natives("a", 2, 3))
    rig.look()
    size = cut_to(path, 2)
    rig.look()
    rig.write("a.jsonl", natives("b", 0, 10))
    rig.rest(60)
    assert rig.counted() == expected("a", 2) + expected("b", 10)
    assert losses(rig) == [(kept, size)]


def test_a_file_that_began_anew_is_known_to_have_done_so_after_a_kill(rig: Rig) -> None:
    """Without times of their own, the second `starting` has the first one's bytes at the first one's offset."""
    path = rig.write("a.log", "starting\nfirst\n")
    rig.start()
    rig.rest(10)
    cut_to(path, 0)
    rig.turn()
    rig.write("a.log", "starting\nsecond\n")
    rig.settle(1)
    rig.kill()
    rig.start()
    rig.rest(10)
    assert rig.counted() == {"starting": 2, "first": 1, "second": 1}


def test_an_old_line_that_is_read_for_the_first_time_is_stored_whatever_was_pruned_before(rig: Rig) -> None:
    """Retention goes by the later of event time and ingestion."""
    rig.write("a.jsonl", natives("a", 0, 2))
    rig.start()
    rig.settle()
    with contextlib.closing(open_store(rig.store_url)) as store:
        store.prepare()
        rig.clock.advance(1000)
        store.prune(PruneCriteria(before_us=START_US + 500_000_000))
    rig.write("b.jsonl", native("old", 5))
    rig.settle()
    assert rig.messages() == ["old"]


def test_a_line_in_the_place_of_one_that_was_cut_off_is_stored_though_its_level_was_pruned(rig: Rig) -> None:
    """What is written after a prune was not pruned."""
    path = rig.write("a.jsonl", natives("a", 0, 3))
    rig.start()
    rig.settle()
    pruned = prune(
        rig.store_url,
        older_than_days=None,
        execution_ids=None,
        level="INFO",
        dry_run=False,
        now_us=rig.clock.now_us(),
    )
    cut_to(path, 1)
    rig.write("a.jsonl", native("new", 50_000))
    rig.rest(60)
    assert pruned["deleted"] == 3
    assert rig.counted() == {"new": 1}


def test_an_overlong_last_line_without_its_end_is_one_record_of_its_whole_length(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(max_line_bytes=2048)
    rest = "x" * 5000
    path = rig.write("a.jsonl", native("whole", 0) + rest)
    rig.start()
    rig.settle()
    path.unlink()
    rig.rest(60)
    last = rig.records()[-1]
    assert (last.length, flag_names(last.flags)) == (5000, ("cut", "unterminated", "no_level"))
    assert rig.journal("losses.jsonl") == []


def test_a_file_seen_in_an_outage_and_emptied_while_no_daemon_ran_is_in_the_ledger(rig: Rig) -> None:
    def away(batch: object) -> None:
        raise StoreUnavailable("away")

    rig.on_open_store = lambda store: setattr(store, "before", away)
    path = rig.write("a.jsonl", natives("a", 0, 3))
    rig.start()
    rig.settle()
    rig.stop()
    size = cut_to(path, 0)
    rig.on_open_store = lambda store: None
    rig.start()
    rig.rest(60)
    assert losses(rig) == [(0, size)]


def test_lines_cut_off_while_no_daemon_ran_are_in_the_ledger(rig: Rig) -> None:
    path = rig.write("a.jsonl", natives("a", 0, 2))
    rig.start()
    rig.settle()
    kept = path.stat().st_size
    rig.write("a.jsonl", natives("a", 2, 3))
    rig.look()
    rig.running.shipper.saving.save_unmarked()
    rig.kill()
    size = cut_to(path, 2)
    rig.start()
    rig.rest(60)
    assert rig.counted() == expected("a", 2)
    assert losses(rig) == [(kept, size)]


def test_a_file_written_anew_while_its_first_line_is_awaited_is_known_by_its_new_first_line(rig: Rig) -> None:
    """A copy of it has the same fingerprint, so its lines are the same ones."""
    path = rig.write("a.jsonl", " \nhalf a li")
    rig.start()
    rig.turn()
    path.write_text(natives("a", 0, 3))
    rig.running.try_turn()
    rig.settle()
    rig.write("b.jsonl", natives("a", 0, 3))
    rig.settle()
    assert rig.counted() == expected("a", 3)


def test_a_file_emptied_of_lines_that_the_store_never_had_is_in_the_ledger_from_its_first_byte(rig: Rig) -> None:
    def away(batch: object) -> None:
        raise StoreUnavailable("away")

    rig.start()
    assert rig.store is not None
    rig.store.before = away
    path = rig.write("a.jsonl", native("first", 0) + native("second", 1))
    rig.settle()
    first = path.read_text().splitlines(keepends=True)[0]
    size = cut_to(path, 0)
    rig.look()
    rig.write("a.jsonl", first)
    rig.store.before = lambda batch: None
    rig.rest(100)
    assert rig.counted() == {"first": 1}
    assert losses(rig) == [(0, size)]


@pytest.mark.parametrize("index", [None, 3])
def test_a_refused_batch_with_times_out_of_order_is_stored_whatever_was_pruned_before(
    rig: Rig, index: int | None
) -> None:
    """Appended in order of time, the later lines of the file would make the first one look read before."""

    def refuse(batch: Batch) -> None:
        if any("poison" in str(record.line) for record in batch.records):
            raise RecordRejected("poison", number=7, index=index if len(batch.records) == 5 else None)

    rig.start()
    assert rig.store is not None
    rig.store.before = refuse
    with contextlib.closing(open_store(rig.store_url)) as store:
        store.prepare()
        rig.clock.advance(1000)
        store.prune(PruneCriteria(before_us=START_US + 1_000_000_000))
    times = {"first": 9, "second": 1, "third": 2, "poison": 3, "fifth": 10}
    rig.write("a.jsonl", "".join(native(message, at) for message, at in times.items()))
    rig.turn()
    rig.settle()
    assert sorted(rig.messages()) == ["fifth", "first", "second", "third"]


def test_what_was_seen_is_saved_though_the_last_batch_finds_no_store(rig: Rig) -> None:
    def away(batch: object) -> None:
        raise StoreUnavailable("away")

    rig.on_open_store = lambda store: setattr(store, "before", away)
    path = rig.write("a.jsonl", natives("a", 0, 3))
    rig.start()
    rig.turn()
    rig.stop()
    size = path.stat().st_size
    path.unlink()
    rig.on_open_store = lambda store: None
    rig.start()
    rig.rest(60)
    assert losses(rig) == [(0, size)]


def test_text_that_goes_on_beyond_the_end_of_a_shorter_copy_is_stored(rig: Rig) -> None:
    """The folded record has the key of the copy's; what the copy has not is a record of its own."""
    head = native("first", 0) + "2026-11-22 15:00:00.000 | INFO     | mod:function:1 - head\n    one\n"
    rig.write("a.jsonl.1", head)
    rig.start()  # it sees the shorter one first
    rig.write("a.jsonl.2", head + "    two\n")
    rig.rest(30)
    assert sorted(rig.messages()) == ["    two", "first", "head\n    one"]


def test_content_seen_in_the_place_of_what_was_read_is_in_the_ledger_though_it_was_cut_unread_too(rig: Rig) -> None:
    path = rig.write("a.jsonl", native("first"))
    rig.start()
    rig.settle()
    cut_to(path, 0)
    rig.write("a.jsonl", native("other"))  # as long as the first
    rig.look()
    size = cut_to(path, 0)
    rig.rest(60)
    assert rig.messages() == ["first"]
    assert losses(rig) == [(0, size)]


def test_a_file_cut_below_what_was_read_and_grown_and_deleted_in_an_outage_is_in_the_ledger(rig: Rig) -> None:
    path = rig.write("a.jsonl", natives("a", 0, 4))
    rig.start()
    rig.settle()
    rig.take_store_away()
    cut_to(path, 1)
    rig.look()
    rig.write("a.jsonl", natives("b", 4, 5))
    rig.look()
    size = cut_to(path, 0)
    rig.look()
    path.unlink()
    rig.rest(20)
    rig.bring_store_back()
    rig.rest(120)
    assert rig.counted() == expected("a", 4)
    assert losses(rig) == [(0, size)]


def test_what_was_stored_of_a_former_content_does_not_hide_the_loss_of_a_later_one_that_is_cut(rig: Rig) -> None:
    path = rig.write("a.jsonl", natives("a", 0, 2))
    rig.start()
    rig.settle()
    cut_to(path, 1)
    rig.turn()
    rig.write("a.jsonl", native("b-1", 9))  # where a-1 was
    rig.look()
    size = cut_to(path, 0)
    rig.rest(60)
    assert rig.counted() == expected("a", 2)
    assert losses(rig) == [(0, size)]


def test_what_was_stored_of_a_former_content_does_not_hide_the_loss_of_a_later_one_that_is_deleted(rig: Rig) -> None:
    path = rig.write("a.jsonl", natives("a", 0, 2))
    rig.start()
    rig.settle()
    cut_to(path, 1)
    rig.turn()
    rig.write("a.jsonl", native("b-1", 9))
    rig.look()
    rig.running.shipper.saving.save_unmarked()
    rig.kill()
    size = path.stat().st_size
    path.unlink()
    rig.start()
    rig.rest(60)
    assert rig.counted() == expected("a", 2)
    assert losses(rig)[-1][1] == size


def test_a_crash_does_not_forget_how_much_the_store_had_of_what_was_cut(rig: Rig) -> None:
    """The lines that took its place were stored just before the crash."""

    class Killed(BaseException):
        pass

    def killed(batch: Batch) -> None:
        raise Killed

    path = rig.write("a.jsonl", natives("a", 0, 2))
    rig.start()
    rig.take_store_away()
    rig.rest(20)
    size = cut_to(path, 1)
    rig.look()
    rig.write("a.jsonl", native("b-1", 9))  # where a-1 was
    rig.bring_store_back()
    assert rig.store is not None
    rig.store.after = killed
    with pytest.raises(Killed):
        rig.rest(60)
    rig.kill()
    rig.start()
    rig.rest(60)
    assert rig.counted() == {"a-0": 1, "b-1": 1}
    assert losses(rig) == [(len(native("a-0")), size)]


def test_a_crash_does_not_forget_that_a_file_began_anew(rig: Rig) -> None:
    path = rig.write("a.jsonl", '{"msg": "first"}\n{"msg": "x"}\n')  # untimed: told apart by how often it began anew
    rig.start()
    rig.settle()
    cut_to(path, 1)
    rig.turn()
    rig.write("a.jsonl", '{"msg": "y"}\n')
    rig.turn()
    rig.kill()
    rig.start()
    rig.settle()
    assert rig.counted() == {"first": 2, "x": 1, "y": 1}  # the first line was read in either of its incarnations


def test_a_file_that_grows_while_its_last_line_is_shipped_is_not_let_go(rig: Rig) -> None:
    path = rig.write("a.jsonl", natives("a", 0, 2) + native("half")[:-1])
    rig.start()
    rig.settle()
    path.rename(path.with_name("a.jsonl.1"))
    rig.write("a.jsonl", native("new"))
    rig.rest(50)
    done = []

    def meanwhile(batch: Batch) -> None:
        if not done and any(record.flags for record in batch.records):
            done.append(True)
            with path.with_name("a.jsonl.1").open("a") as file:
                file.write("\n" + native("late"))
            rig.look()

    assert rig.store is not None
    rig.store.before = meanwhile
    rig.rest(200)
    assert done
    assert rig.counted()["late"] == 1


def test_a_file_emptied_while_the_daemon_was_down_and_grown_again_before_a_read_is_in_the_ledger(rig: Rig) -> None:
    path = rig.write("a.jsonl", native("first"))
    rig.start()  # it looks
    rig.stop()
    size = cut_to(path, 0)
    rig.start()
    rig.write("a.jsonl", native("other"))  # as long as the first
    rig.rest(60)
    assert rig.messages() == ["other"]
    assert losses(rig) == [(0, size)]


def test_text_in_the_place_of_what_was_cut_off_is_no_part_of_the_record_before_it(rig: Rig) -> None:
    path = rig.write("a.log", LOGURU.format(1) + LOGURU.format(2) + LOGURU.format(3))
    rig.start()
    rig.rest(30)
    cut_to(path, 2)
    rig.write("a.log", "other text\n")
    rig.rest(30)
    assert rig.counted() == {"m1": 1, "m2": 1, "m3": 1, "other text": 1}


def test_what_was_rewritten_while_the_daemon_was_down_is_told_before_the_new_first_line_ends(rig: Rig) -> None:
    path = rig.write("a.jsonl", natives("a", 0, 2))
    rig.start()
    rig.take_store_away()
    rig.rest(20)
    rig.kill()
    size = cut_to(path, 0)
    rig.write("a.jsonl", native("b" * 2000)[:-1])
    rig.start()
    rig.rest(60)
    assert losses(rig) == [(0, size)]
