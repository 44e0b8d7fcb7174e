"""Scenarios: files deleted before they were read, and what is said of what they held."""

from __future__ import annotations

import gzip
import os
import shutil
from collections import Counter
from collections.abc import Callable

from tests.daemon.rig import Rig, expected, native, natives


def test_a_file_deleted_and_made_again_under_its_inode_number_is_read_from_byte_0(rig: Rig) -> None:
    path = rig.write("a.jsonl", natives("a", 0, 10))
    rig.start()
    rig.settle()
    rig.stop()
    for generation in range(5):
        path.unlink()
        rig.write("a.jsonl", natives(f"g{generation}", 0, 10))
        rig.start()
        rig.settle()
        rig.stop()
    assert rig.counted() == expected("a", 10) + sum((expected(f"g{n}", 10) for n in range(5)), Counter())


def test_a_file_deleted_and_made_again_with_the_same_first_line_is_read_from_byte_0(rig: Rig) -> None:
    """The identity of the incarnation differs though path, inode number and first line do not."""
    path = rig.write("a.log", "starting\nfirst life\n")
    rig.start()
    rig.rest(30)
    rig.stop()
    path.unlink()
    rig.write("a.log", "starting\nsecond life\n")
    rig.start()
    rig.rest(30)
    assert rig.counted() == Counter({"starting": 2, "first life": 1, "second life": 1})


def test_a_file_made_anew_while_the_old_one_is_unread_loses_neither(rig: Rig) -> None:
    rig.start()
    rig.take_store_away()
    for generation in range(5):
        (rig.logs / "a.jsonl").unlink(missing_ok=True)
        rig.write("a.jsonl", natives(f"g{generation}", 0, 10))
        rig.look()
    rig.bring_store_back()
    rig.rest(90)
    assert rig.counted() == sum((expected(f"g{n}", 10) for n in range(5)), Counter())
    assert rig.losses() == []


def test_a_process_that_writes_on_to_a_deleted_file_is_read(rig: Rig) -> None:
    path = rig.write("a.jsonl", natives("a", 0, 3))
    rig.start()
    rig.settle()
    with path.open("ab") as still_open:
        path.unlink()
        for n in range(3, 8):
            rig.clock.advance(2.0)
            still_open.write(natives("a", n, 1).encode())
            still_open.flush()
            rig.turn()
    rig.rest(60)
    assert rig.counted() == expected("a", 8)


def test_an_unterminated_line_of_a_deleted_file_is_stored(rig: Rig) -> None:
    path = rig.write("a.jsonl", natives("a", 0, 3) + native("tail", 9).rstrip("\n"))
    rig.start()
    rig.settle()
    path.unlink()
    rig.rest(60)
    assert rig.counted() == expected("a", 3) + Counter(["tail"])
    assert rig.losses() == []


def test_deleted_files_over_the_budget_are_given_up_oldest_first_and_in_the_ledger(
    make_rig: Callable[..., Rig],
) -> None:
    rig = make_rig(max_deleted_bytes=3000)
    rig.start()
    rig.take_store_away()
    sizes = {}
    for name in "abc":
        path = rig.write(f"{name}.jsonl", natives(name, 0, 10))
        sizes[name] = path.stat().st_size
        rig.rest(10)
        path.unlink()
    rig.rest(60)
    assert sum(file.lag for file in rig.status().files if file.state == "deleted") <= 3000
    assert any("given up" in text for _level, text in rig.log.said)
    rig.bring_store_back()
    rig.rest(120)
    assert rig.counted() == expected("c", 10)
    assert rig.losses() == [("a.jsonl", 0, sizes["a"]), ("b.jsonl", 0, sizes["b"])]
    assert rig.status().totals.lost_bytes == sizes["a"] + sizes["b"]


def test_a_deleted_file_that_was_read_is_not_given_up_for_another_that_is_over_the_budget(
    make_rig: Callable[..., Rig],
) -> None:
    """That would free nothing, and what a process still writes into it would be lost."""
    rig = make_rig(max_deleted_bytes=100)
    read = rig.write("a.jsonl", natives("a", 0, 10))
    rig.start()
    rig.settle()
    with read.open("ab", buffering=0) as writer:
        writer.write(natives("a", 10, 10).encode())
        rig.settle(1)
        rig.rest(1)
        read.unlink()
        rig.take_store_away()
        unread = rig.write("b.jsonl", natives("b", 0, 10))
        rig.turn()
        unread.unlink()
        rig.rest(10)
        writer.write(natives("a", 20, 10).encode())
    rig.bring_store_back()
    rig.rest(120)
    assert rig.counted() == expected("a", 30)
    assert [name for name, _start, _end in rig.losses()] == ["b.jsonl"]


def test_a_file_gone_at_the_start_is_lost_only_after_a_grace(rig: Rig) -> None:
    """It may have been renamed or copied to where the next looks find it."""
    path = rig.write("a.jsonl", natives("a", 0, 10))
    rig.start()
    rig.settle()
    rig.take_store_away()
    rig.write("a.jsonl", natives("a", 10, 10))
    rig.settle()
    rig.stop()
    hidden = rig.state.parent / "hidden"
    path.rename(hidden)
    rig.start()
    rig.turn()
    rig.clock.advance(6.0)
    rig.turn()
    assert rig.losses() == []
    hidden.rename(rig.logs / "a.jsonl.1")
    rig.rest(120)
    assert rig.counted() == expected("a", 20)
    assert rig.losses() == []


def test_a_loss_is_told_once_across_restarts(rig: Rig) -> None:
    path = rig.write("a.jsonl", natives("a", 0, 10))
    size = path.stat().st_size
    rig.start()
    rig.take_store_away()
    rig.settle()
    rig.stop()
    path.unlink()
    for _ in range(3):
        rig.start()
        rig.rest(60)
        rig.stop()
    assert rig.losses() == [("a.jsonl", 0, size)]


def test_no_loss_is_told_where_the_store_has_more_than_the_checkpoint_knew(rig: Rig) -> None:
    """The append came through, the checkpoint did not, and the file is gone: the store is asked first."""
    path = rig.write("a.jsonl", natives("a", 0, 10))
    rig.start()
    rig.settle()
    rig.write("a.jsonl", natives("a", 10, 10))
    rig.look()
    rig.running.shipper.saving.save_unmarked()
    stale = {p.name: p.read_bytes() for p in rig.state.glob("checkpoint*")}
    rig.settle()
    rig.kill()
    for name, content in stale.items():
        (rig.state / name).write_bytes(content)
    path.unlink()
    rig.start()
    rig.rest(90)
    assert rig.counted() == expected("a", 20)
    assert rig.losses() == []


def test_no_loss_is_told_where_a_copy_has_the_rest(rig: Rig) -> None:
    path = rig.write("a.jsonl", natives("a", 0, 10))
    rig.start()
    rig.take_store_away()
    rig.settle()
    rig.stop()
    shutil.copy(path, rig.logs / "kept.jsonl")
    path.unlink()
    rig.start()
    rig.rest(120)
    assert rig.counted() == expected("a", 10)
    assert rig.losses() == []


def test_an_unterminated_file_deleted_unread_is_in_the_ledger(rig: Rig) -> None:
    """It never had a whole line, so it has no fingerprint; its bytes were seen all the same."""
    path = rig.write("a.jsonl", native("tail").rstrip("\n"))
    rig.write("empty.jsonl", "")
    rig.start()
    rig.settle()
    rig.stop()
    size = path.stat().st_size
    path.unlink()
    (rig.logs / "empty.jsonl").unlink()
    rig.start()
    rig.rest(60)
    assert rig.losses() == [("a.jsonl", 0, size)]


def test_a_file_whose_last_name_goes_while_a_link_stays_is_not_deleted(rig: Rig) -> None:
    path = rig.write("a.jsonl", natives("a", 0, 3))
    os.link(path, rig.state.parent / "kept-elsewhere")
    rig.start()
    rig.settle()
    path.unlink()
    rig.rest(20)
    with (rig.state.parent / "kept-elsewhere").open("a") as file:
        file.write(natives("a", 3, 3))
    rig.rest(90)
    assert rig.counted() == expected("a", 6)


def test_a_file_that_is_there_without_a_whole_line_is_never_called_lost(rig: Rig) -> None:
    rig.write("a.jsonl", native("half")[:30])
    for _ in range(3):
        rig.start()
        rig.rest(60)
        rig.stop()
    assert rig.losses() == []
    rig.write("a.jsonl", native("half")[30:])
    rig.start()
    rig.settle()
    assert rig.counted() == Counter(["half"])


def test_a_file_that_is_there_and_cannot_be_looked_into_yet_is_never_called_lost(rig: Rig) -> None:
    """After a restart in an outage nothing is identified before the store is back; its entry waits for that."""
    rig.write("a.jsonl", natives("a", 0, 5))
    rig.start()
    rig.take_store_away()
    rig.settle()
    rig.stop()
    rig.start()
    rig.take_store_away()
    rig.rest(300)
    rig.bring_store_back()
    rig.rest(60)
    assert rig.counted() == expected("a", 5)
    assert rig.losses() == []


def test_a_loss_that_was_told_is_no_witness_that_a_compressed_file_was_read(rig: Rig) -> None:
    """What came between the last look at a file and its compression was seen in the compressed form alone."""
    path = rig.write("a.jsonl", natives("a", 0, 2))
    rig.start()
    rig.take_store_away()
    rig.rest(20)
    rig.kill()
    rig.write("a.jsonl", native("a-2", 2))
    packed = rig.logs / "a.jsonl.1.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    seen_bytes = len(natives("a", 0, 2))
    path.unlink()
    rig.start()
    rig.take_store_away()
    rig.rest(20)
    rig.kill()
    packed.unlink()
    rig.start()
    rig.rest(200)
    assert sorted(rig.losses()) == [("a.jsonl", 0, seen_bytes), ("a.jsonl.1.gz", 0, None)]


def test_a_loss_is_told_while_a_compressed_copy_that_was_cut_short_stays(rig: Rig) -> None:
    """Its last line has no LF; once that is stored nothing of the copy is waited for."""
    path = rig.write("a.jsonl", natives("a", 0, 5))
    rig.start()
    rig.take_store_away()
    rig.rest(20)
    rig.kill()
    whole = path.read_bytes()
    kept = len(natives("a", 0, 2)) + 30
    (rig.logs / "a.jsonl.1.gz").write_bytes(gzip.compress(whole[:kept]))
    path.unlink()
    rig.start()
    rig.rest(200)
    assert rig.losses() == [("a.jsonl", kept, len(whole))]


def test_a_shorter_copy_is_no_witness_that_a_compressed_file_was_read(rig: Rig) -> None:
    """What was unpacked of it before it went tells that it held more."""
    rig.write("a.jsonl.1", natives("a", 0, 2))
    rig.write("a.jsonl.2.gz", gzip.compress(natives("a", 0, 5).encode()))
    rig.start()
    rig.take_store_away()
    rig.rest(20)
    rig.kill()
    (rig.logs / "a.jsonl.2.gz").unlink()
    rig.start()
    rig.rest(200)
    assert rig.counted() == expected("a", 2)
    assert rig.losses() == [("a.jsonl.2.gz", len(natives("a", 0, 2)), None)]
