"""Growing, new, rotated, truncated and deleted files: each complete line is stored once."""

from __future__ import annotations

import errno
import os
import shutil
from collections import Counter
from collections.abc import Callable

from tests.daemon.rig import Failing, Rig, expected, native, natives


def test_a_file_full_before_the_start_is_stored_from_its_first_byte(rig: Rig) -> None:
    rig.write("a.jsonl", natives("a", 0, 1000))
    rig.start()
    rig.settle()
    assert rig.counted() == expected("a", 1000)


def test_lines_appended_while_running_are_stored_in_order(rig: Rig) -> None:
    rig.start()
    for first in range(0, 50, 10):
        rig.write("a.jsonl", natives("a", first, 10))
        rig.settle(1)
    assert rig.messages() == [f"a-{n}" for n in range(50)]


def test_a_line_written_byte_by_byte_is_one_record(rig: Rig) -> None:
    rig.start()
    for byte in native("whole", 1).encode():
        rig.write("a.jsonl", bytes([byte]))
        rig.turn()
    rig.settle()
    assert rig.counted() == Counter(["whole"])


def test_an_unterminated_line_waits_and_is_shown_as_pending(rig: Rig) -> None:
    rig.write("a.jsonl", natives("a", 0, 3) + native("half", 9)[:20])
    rig.start()
    rig.rest(600)
    assert rig.counted() == expected("a", 3)
    assert [file.pending_bytes for file in rig.status().files] == [20]
    rig.write("a.jsonl", native("half", 9)[20:])
    rig.settle()
    assert rig.counted() == expected("a", 3) + Counter(["half"])


def test_a_restart_goes_on_where_the_checkpoint_says(rig: Rig) -> None:
    rig.write("a.jsonl", natives("a", 0, 10))
    rig.start()
    rig.settle()
    rig.stop()
    rig.write("a.jsonl", natives("a", 10, 10))
    rig.start()
    rig.settle()
    assert rig.counted() == expected("a", 20)
    assert rig.status().totals.read == 10


def test_twenty_idle_restarts_read_nothing_again(rig: Rig) -> None:
    rig.write("a.jsonl", natives("a", 0, 10))
    for _ in range(20):
        rig.start()
        rig.settle()
        rig.stop()
    assert rig.counted() == expected("a", 10)
    assert rig.store is not None
    assert rig.store.appended == []


def test_a_renamed_file_is_followed_and_its_successor_read(rig: Rig) -> None:
    rig.start()
    path = rig.write("a.jsonl", natives("a", 0, 10))
    rig.turn()
    with path.open("ab") as still_open:
        path.rename(rig.logs / "a.2026-11-22.jsonl")
        still_open.write(natives("a", 10, 10).encode())
    rig.write("a.jsonl", natives("b", 0, 10))
    rig.settle()
    assert rig.counted() == expected("a", 20) + expected("b", 10)


def test_two_rotations_while_stopped_lose_nothing(rig: Rig) -> None:
    rig.write("a.jsonl", natives("a", 0, 10))
    rig.start()
    rig.settle()
    rig.stop()
    rig.write("a.jsonl", natives("a", 10, 10))
    for generation in (1, 2):
        (rig.logs / "a.jsonl").rename(rig.logs / f"a.jsonl.{3 - generation}")
        rig.write("a.jsonl", natives(f"g{generation}", 0, 5))
    rig.start()
    rig.settle()
    assert rig.counted() == expected("a", 20) + expected("g1", 5) + expected("g2", 5)


def test_a_file_deleted_while_the_store_is_away_is_read_from_its_descriptor(rig: Rig) -> None:
    from logagent.errors import StoreUnavailable

    def away(batch: object) -> None:
        raise StoreUnavailable("away")

    rig.start()
    assert rig.store is not None
    rig.store.before = away
    path = rig.write("a.jsonl", natives("a", 0, 10))
    rig.settle()
    path.unlink()
    rig.settle()
    rig.store.before = lambda batch: None
    rig.rest(60)
    assert rig.counted() == expected("a", 10)
    assert rig.journal("losses.jsonl") == []


def test_a_truncated_file_is_read_anew(rig: Rig) -> None:
    path = rig.write("a.jsonl", natives("a", 0, 10))
    rig.start()
    rig.settle()
    os.truncate(path, 0)
    rig.turn()
    rig.write("a.jsonl", natives("b", 0, 3))
    rig.settle()
    assert rig.counted() == expected("a", 10) + expected("b", 3)


def test_a_file_rewritten_longer_than_before_is_read_anew(rig: Rig) -> None:
    path = rig.write("a.jsonl", natives("a", 0, 3))
    rig.start()
    rig.settle()
    path.write_text(natives("b", 0, 30))
    rig.settle()
    assert rig.counted() == expected("a", 3) + expected("b", 30)


def test_copytruncate_is_stored_once_with_the_lines_in_its_gap(rig: Rig) -> None:
    path = rig.write("a.jsonl", natives("a", 0, 10))
    rig.start()
    rig.settle()
    rig.write("a.jsonl", natives("a", 10, 5))
    shutil.copy(path, rig.logs / "a.jsonl.1")
    os.truncate(path, 0)
    rig.write("a.jsonl", natives("b", 0, 3))
    rig.rest(60)
    assert rig.counted() == expected("a", 15) + expected("b", 3)
    assert rig.journal("losses.jsonl") == []


def test_a_compressed_twin_is_read_only_for_what_was_not_stored(rig: Rig) -> None:
    path = rig.write("a.jsonl", natives("a", 0, 10))
    rig.start()
    rig.settle()
    rig.stop()
    rig.write("a.jsonl", natives("a", 10, 10))
    os.system(f"gzip {path}")
    rig.start()
    rig.settle()
    assert rig.counted() == expected("a", 20)
    assert rig.status().totals.read == 10
    rig.rest(60)
    assert rig.journal("losses.jsonl") == []


def test_a_file_deleted_while_the_daemon_was_down_is_in_the_ledger(rig: Rig) -> None:
    path = rig.write("a.jsonl", natives("a", 0, 10))
    rig.start()
    rig.settle()
    acknowledged = path.stat().st_size
    rig.write("a.jsonl", natives("a", 10, 10))
    rig.look()
    rig.running.shipper.saving.save_unmarked()
    rig.kill()
    size = path.stat().st_size
    path.unlink()
    rig.start()
    rig.rest(60)
    assert [(row["from"], row["to"]) for row in rig.journal("losses.jsonl")] == [(acknowledged, size)]


def test_two_untimed_files_with_the_same_text_are_both_stored(rig: Rig) -> None:
    rig.write("a.log", "starting\nworking\n")
    rig.write("b.log", "starting\nworking\n")
    rig.start()
    rig.rest(30)
    assert rig.counted() == Counter({"starting": 2, "working": 2})


def test_a_deleted_store_is_filled_again_from_what_is_on_disk(rig: Rig) -> None:
    rig.write("a.jsonl", natives("a", 0, 10))
    rig.start()
    rig.settle()
    rig.stop()
    for name in ("logs.db", "logs.db-wal", "logs.db-shm"):
        (rig.state / name).unlink(missing_ok=True)
    rig.start()
    rig.settle()
    assert rig.counted() == expected("a", 10)
    assert any("the store is another one" in reason for reason in rig.status().reasons)


def test_an_older_copy_of_the_store_is_noticed_and_filled_up(rig: Rig) -> None:
    rig.write("a.jsonl", natives("a", 0, 10))
    rig.start()
    rig.settle()
    rig.stop()
    shutil.copy(rig.state / "logs.db", rig.state / "older")
    rig.write("a.jsonl", natives("a", 10, 10))
    rig.start()
    rig.settle()
    rig.stop()
    shutil.copy(rig.state / "older", rig.state / "logs.db")
    rig.start()
    rig.settle()
    assert rig.counted() == expected("a", 20)
    assert any("older than the checkpoint" in reason for reason in rig.status().reasons)


def test_an_older_copy_of_the_store_is_noticed_though_its_marks_come_to_those_of_the_checkpoint(
    make_rig: Callable[..., Rig],
) -> None:
    """While no checkpoint can be written the old one stands, and the store is marked all the same."""
    failing = Failing()
    rig = make_rig(faults=failing)
    rig.start()
    rig.turn()
    rig.stop()
    shutil.copy(rig.state / "logs.db", rig.state / "older")
    path = rig.write("a.jsonl", natives("a", 0, 10))
    rig.start()
    rig.settle()
    rig.stop()
    size = path.stat().st_size
    path.unlink()
    shutil.copy(rig.state / "older", rig.state / "logs.db")
    failing.errors["before_checkpoint_write"] = OSError(errno.ENOSPC, "No space left on device")
    rig.start()
    for _ in range(9):  # a loss is told after 10 s
        rig.turn()
        rig.clock.advance(1.0)
    rig.kill()
    failing.errors.clear()
    rig.start()
    rig.rest(60)
    assert rig.losses() == [("a.jsonl", 0, size)]


def test_three_hundred_files_are_all_read_with_few_descriptors(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(max_open=20)
    for n in range(300):
        rig.write(f"{n}.jsonl", native(f"file-{n}", n))
    rig.start()
    rig.rest(60)
    assert rig.counted() == expected("file", 300)


def test_an_overlong_line_is_stored_cut_and_the_next_one_whole(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(max_line_bytes=2048)
    rig.write("a.jsonl", native("before", 0) + native("x" * 700_000, 1) + native("after", 2))
    rig.start()
    rig.settle()
    assert [len(message) > 1000 for message in rig.messages()] == [False, True, False]
    assert [record.flags for record in rig.records()] == [0, 1, 0]


def test_a_hole_of_nul_bytes_is_skipped(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(max_line_bytes=2048)
    path = rig.write("a.jsonl", "")
    os.truncate(path, 3_000_000)
    rig.write("a.jsonl", natives("a", 0, 3))
    rig.start()
    rig.settle()
    assert rig.counted() == expected("a", 3)


def test_a_traceback_across_a_block_border_is_one_record_also_in_a_file_long_quiet(rig: Rig) -> None:
    head = "2026-11-22 15:00:00.000 | INFO     | app:main:1 - "
    filler = (head + "x" * 500 + "\n") * 470
    trace = head.replace("INFO ", "ERROR") + "failed\n" + "  File line\n" * 3000 + "ValueError: no\n"
    rig.write("a.log", filler + trace + head + "after\n")
    rig.start()
    rig.clock.advance(60)
    rig.settle()
    assert [message.count("\n") for message in rig.messages() if "failed" in message] == [3001]
