"""Scenarios: files renamed, copied, truncated, replaced and edited."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections import Counter

from logagent.daemon.discovery import Discovery
from logagent.daemon.patterns import Patterns
from tests.daemon.rig import Rig, expected, native, natives


def test_a_rename_while_the_daemon_is_stopped_loses_nothing(rig: Rig) -> None:
    path = rig.write("a.jsonl", natives("a", 0, 10))
    rig.start()
    rig.settle()
    rig.stop()
    rig.write("a.jsonl", natives("a", 10, 10))
    path.rename(rig.logs / "a.jsonl.1")
    rig.write("a.jsonl", natives("b", 0, 10))
    rig.start()
    rig.rest(90)
    assert rig.counted() == expected("a", 20) + expected("b", 10)
    assert rig.status().totals.read == 20
    assert rig.losses() == []


def test_a_rename_out_of_the_watched_directory_is_followed_to_its_end(rig: Rig) -> None:
    path = rig.write("a.jsonl", natives("a", 0, 5))
    rig.start()
    rig.turn()
    with path.open("ab") as still_open:
        path.rename(rig.state.parent / "elsewhere.jsonl")
        rig.turn()
        still_open.write(natives("a", 5, 5).encode())
    rig.rest(90)
    assert rig.counted() == expected("a", 10)
    assert rig.losses() == []


def test_rotations_between_two_looks_lose_nothing_that_is_still_on_disk(rig: Rig) -> None:
    """Generations that are still on disk at the next look are all read, whatever their names were meanwhile."""
    rig.start()
    for generation in range(20):
        for older in range(generation - 1, 0, -1):
            (rig.logs / f"a.jsonl.{older}").rename(rig.logs / f"a.jsonl.{older + 1}")
        if generation:
            (rig.logs / "a.jsonl").rename(rig.logs / "a.jsonl.1")
        rig.write("a.jsonl", natives(f"g{generation}", 0, 5))
        if generation % 5 == 0:
            rig.turn()
    rig.rest(90)
    assert rig.counted() == sum((expected(f"g{n}", 5) for n in range(20)), Counter())


def test_lines_written_to_a_renamed_file_long_after_are_stored(rig: Rig) -> None:
    """Never closed by a timer while it grows: a process may hold the old file open for hours."""
    path = rig.write("a.jsonl", natives("a", 0, 1))
    rig.start()
    with path.open("ab") as still_open:
        path.rename(rig.logs / "a.jsonl.1")
        rig.write("a.jsonl", native("successor"))
        for n in range(1, 10):
            rig.rest(50)
            still_open.write(natives("a", n, 1).encode())
            still_open.flush()
        rig.rest(600)
        still_open.write(natives("a", 10, 1).encode())
    rig.rest(60)
    assert rig.counted() == expected("a", 11) + Counter(["successor"])


def test_a_file_truncated_to_nothing_and_written_shorter_is_read_anew(rig: Rig) -> None:
    rig.write("a.jsonl", natives("a", 0, 10))
    rig.start()
    rig.settle()
    os.truncate(rig.logs / "a.jsonl", 0)
    rig.write("a.jsonl", natives("b", 0, 3))
    rig.settle()
    assert rig.counted() == expected("a", 10) + expected("b", 3)


def test_a_truncation_while_stopped_is_noticed_and_its_unread_bytes_are_in_the_ledger(rig: Rig) -> None:
    path = rig.write("a.jsonl", natives("a", 0, 10))
    rig.start()
    rig.settle()
    rig.stop()
    os.truncate(path, 0)
    rig.write("a.jsonl", natives("b", 0, 30))
    rig.start()
    rig.rest(60)
    assert rig.counted() == expected("a", 10) + expected("b", 30)
    assert rig.losses() == []


def test_unread_bytes_that_a_truncation_took_are_in_the_ledger(rig: Rig) -> None:
    """Lines that came while the store was away and were truncated before it was back: seen, so accounted for."""
    path = rig.write("a.jsonl", natives("a", 0, 10))
    rig.start()
    rig.settle()
    acknowledged = path.stat().st_size
    rig.take_store_away()
    rig.write("a.jsonl", natives("a", 10, 10))
    size = path.stat().st_size
    rig.settle()
    os.truncate(path, 0)
    rig.write("a.jsonl", natives("b", 0, 3))
    rig.settle()
    rig.bring_store_back()
    rig.rest(120)
    assert rig.counted() == expected("a", 10) + expected("b", 3)
    assert rig.losses() == [("a.jsonl", acknowledged, size)]


def test_a_file_replaced_by_another_of_the_same_size_is_read(rig: Rig) -> None:
    path = rig.write("a.jsonl", natives("a", 0, 10))
    rig.start()
    rig.settle()
    other = rig.state.parent / "other"
    other.write_text(natives("b", 0, 10))
    os.utime(other, ns=(path.stat().st_mtime_ns, path.stat().st_mtime_ns))
    other.replace(path)
    rig.settle()
    assert rig.counted() == expected("a", 10) + expected("b", 10)


def test_a_file_overwritten_in_place_with_the_same_size_is_read(rig: Rig) -> None:
    path = rig.write("a.jsonl", natives("a", 0, 10))
    rig.start()
    rig.settle()
    path.write_text(natives("b", 0, 10))
    rig.settle()
    assert rig.counted() == expected("a", 10) + expected("b", 10)


def test_an_edit_that_keeps_the_length_adds_the_edited_line_alone(rig: Rig) -> None:
    """`sed -i` makes a new file of the same first line: what is at its old place is known, the edited line is new."""
    path = rig.write("a.jsonl", natives("a", 0, 10))
    rig.start()
    rig.settle()
    subprocess.run(["sed", "-i", "s/a-5/A-5/", str(path)], check=True)
    rig.write("a.jsonl", natives("a", 10, 5))
    rig.rest(60)
    assert rig.counted() == expected("a", 15) + Counter(["A-5"])
    assert rig.losses() == []


def test_an_edit_that_moves_the_lines_behind_it_stores_those_again(rig: Rig) -> None:
    """The same line at another offset is another record: rather a double than a loss, and no stall."""
    path = rig.write("a.jsonl", natives("a", 0, 10))
    rig.start()
    rig.settle()
    subprocess.run(["sed", "-i", "s/a-5/longer/", str(path)], check=True)
    rig.write("a.jsonl", natives("a", 10, 5))
    rig.rest(60)
    assert rig.counted() == expected("a", 15) + Counter(["longer"]) + expected("a", 4, first=6)


def test_an_edit_in_place_before_the_offset_does_not_stall_the_file(rig: Rig) -> None:
    """Only the first line and the last one read are looked at: an edit between them is not noticed, and harmless."""
    path = rig.write("a.jsonl", natives("a", 0, 10))
    rig.start()
    rig.settle()
    path.write_text(path.read_text().replace("a-5", "A-5"))
    rig.write("a.jsonl", natives("a", 10, 5))
    rig.settle()
    assert rig.counted() == expected("a", 15)


def test_an_edit_in_place_of_the_last_line_reads_the_file_anew(rig: Rig) -> None:
    path = rig.write("a.jsonl", natives("a", 0, 10))
    rig.start()
    rig.settle()
    path.write_text(path.read_text().replace("a-9", "A-9"))
    rig.write("a.jsonl", natives("a", 10, 5))
    rig.settle()
    assert rig.counted() == expected("a", 15) + Counter(["A-9"])


def test_a_copy_of_a_file_is_one_record_stream_with_it(rig: Rig) -> None:
    rig.write("a.jsonl", natives("a", 0, 10))
    rig.start()
    rig.settle()
    shutil.copy(rig.logs / "a.jsonl", rig.logs / "copy.jsonl")
    rig.settle()
    assert rig.counted() == expected("a", 10)
    assert {record.origin.file for record in rig.records()} == {str(rig.logs / "a.jsonl")}


def test_two_equal_files_that_part_ways_are_both_stored(rig: Rig) -> None:
    """Equal from byte 0 they are one stream; where they differ each line is another record."""
    rig.write("a.jsonl", natives("same", 0, 10) + natives("a", 10, 5))
    rig.write("b.jsonl", natives("same", 0, 10) + natives("b", 10, 5))
    rig.start()
    rig.settle()
    assert rig.counted() == expected("same", 10) + expected("a", 5, 10) + expected("b", 5, 10)


def test_a_file_that_is_copied_and_cut_after_it_was_seen_and_before_it_is_read_is_no_loss(rig: Rig) -> None:
    """A look takes its time: the size that it saw was that of what stands in the copy now."""
    path = rig.write("a.jsonl", natives("a", 0, 10))
    rig.start()
    rig.settle()
    rig.write("a.jsonl", natives("a", 10, 10))
    look = Discovery([os.fsencode(rig.logs)], Patterns(rig.include), clock_ns=time.time_ns).sweep()
    shutil.copy(path, rig.logs / "a.jsonl.1")
    path.write_text(native("b-0"))
    rig.running.files.take(look, rig.clock.monotonic(), rig.clock.now_us())
    rig.rest(120)
    assert (rig.counted(), rig.losses()) == (expected("a", 20) + Counter(["b-0"]), [])


def test_an_untimed_file_rotated_by_copytruncate_is_stored_once(rig: Rig) -> None:
    path = rig.write("a.log", "starting\nworking\n")
    rig.start()
    rig.rest(30)
    rig.write("a.log", "ending\n")
    shutil.copy(path, rig.logs / "a.log.1")
    os.truncate(path, 0)
    rig.write("a.log", "starting\nagain\n")
    rig.rest(120)
    assert rig.counted() == Counter({"starting": 2, "working": 1, "ending": 1, "again": 1})
    assert rig.losses() == []


def test_an_untimed_file_renamed_by_a_rotation_is_stored_once(rig: Rig) -> None:
    path = rig.write("a.log", "starting\nworking\n")
    rig.start()
    rig.rest(30)
    rig.stop()
    path.rename(rig.logs / "a.log.1")
    rig.write("a.log", "starting\n")
    rig.start()
    rig.rest(90)
    assert rig.counted() == Counter({"starting": 2, "working": 1})
