"""Scenarios: what a line may look like, and what becomes of it."""

from __future__ import annotations

import codecs
import gzip
import os
import random
from collections import Counter
from collections.abc import Callable

import pytest

from logagent.formats.record import Flag
from tests.daemon.rig import Rig, expected, native, natives


def test_three_files_of_a_thousand_lines_and_what_is_appended_live_are_stored_in_order(rig: Rig) -> None:
    for name in "abc":
        rig.write(f"{name}.jsonl", natives(name, 0, 1000))
    rig.start()
    rig.settle()
    for name in "abc":
        rig.write(f"{name}.jsonl", natives(name, 1000, 100))
    rig.settle()
    for name in "abc":
        assert [m for m in rig.messages() if m.startswith(name)] == [f"{name}-{n}" for n in range(1100)]


def test_a_file_created_after_the_start_is_read_from_its_first_byte(rig: Rig) -> None:
    rig.start()
    rig.settle()
    rig.write("late.jsonl", natives("late", 0, 10))
    rig.settle()
    assert rig.counted() == expected("late", 10)


def test_a_line_written_in_two_halves_is_one_record(rig: Rig) -> None:
    line = native("whole", 1)
    rig.start()
    rig.write("a.jsonl", natives("a", 0, 3) + line[:50])
    rig.rest(10)
    rig.write("a.jsonl", line[50:])
    rig.settle()
    assert rig.counted() == expected("a", 3) + Counter(["whole"])


def test_a_line_half_written_at_a_restart_is_one_record(rig: Rig) -> None:
    line = native("whole", 9)
    rig.write("a.jsonl", natives("a", 0, 3) + line[:50])
    rig.start()
    rig.settle()
    rig.stop()
    rig.write("a.jsonl", line[50:])
    rig.start()
    rig.settle()
    assert rig.counted() == expected("a", 3) + Counter(["whole"])


def test_a_last_line_without_newline_is_stored_once_and_flagged_when_its_file_is_rotated(rig: Rig) -> None:
    path = rig.write("a.jsonl", natives("a", 0, 3) + native("tail", 9).rstrip("\n"))
    rig.start()
    rig.settle()
    path.rename(rig.logs / "a.jsonl.1")
    rig.write("a.jsonl", natives("b", 0, 3))
    rig.rest(120)
    assert rig.counted() == expected("a", 3) + expected("b", 3) + Counter(["tail"])
    assert [r.line.message for r in rig.records() if r.flags & Flag.UNTERMINATED] == ["tail"]  # type: ignore[union-attr]
    rig.rest(120)
    assert rig.counted()["tail"] == 1


def test_a_file_of_one_unterminated_line_is_stored_when_it_is_rotated(rig: Rig) -> None:
    path = rig.write("a.jsonl", native("only", 1).rstrip("\n"))
    rig.start()
    rig.settle()
    path.rename(rig.logs / "a.jsonl.1")
    rig.write("a.jsonl", natives("b", 0, 3))
    rig.rest(120)
    assert rig.counted() == expected("b", 3) + Counter(["only"])


def test_empty_lines_are_skipped_and_counted_and_the_offset_moves_over_them(rig: Rig) -> None:
    rig.write("a.jsonl", "\n\n" + native("one") + "\n\n" + native("two", 1) + "\n")
    rig.write("blank.jsonl", "\n\n\n")
    rig.start()
    rig.settle()
    assert rig.counted() == Counter(["one", "two"])
    assert rig.status().totals.skipped == 5
    assert [file.path for file in rig.status().files if file.lag and "a.jsonl" in file.path] == []


def test_a_carriage_return_before_the_newline_is_dropped_wherever_a_block_ends(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(quantum_bytes=100)
    rig.start()
    for half in (native("one").replace("\n", "\r"), "\n" + native("two", 1).replace("\n", "\r\n")):
        rig.write("a.jsonl", half)
        rig.settle(1)
    rig.write("text.log", "first\r\nse\rcond\r\n")
    rig.settle()
    assert rig.counted() == Counter(["one", "two", "first", "se\rcond"])


def test_a_byte_order_mark_is_dropped_also_after_a_restart(rig: Rig) -> None:
    rig.write("a.jsonl", codecs.BOM_UTF8 + native("one").encode())
    rig.start()
    rig.settle()
    rig.stop()
    rig.write("a.jsonl", codecs.BOM_UTF8 + native("two", 1).encode())
    rig.start()
    rig.settle()
    assert rig.counted() == Counter(["one", "two"])
    assert rig.journal("dead_letter.jsonl") == []


def test_a_utf16_file_is_dead_lettered_with_its_reason(rig: Rig) -> None:
    rig.write("a.log", "one line\nand another\n".encode("utf-16"))
    rig.write("b.jsonl", natives("b", 0, 3))
    rig.start()
    rig.settle()
    assert rig.counted() == expected("b", 3)
    assert set(rig.rejected()) == {"binary"}
    assert rig.status().state == "ok"


def test_nul_bytes_inside_a_line_do_not_hide_its_neighbours(rig: Rig) -> None:
    rig.write("a.jsonl", native("one").encode() + b"\0\0" + native("two", 1).encode() + b'{"a\0b": 1\0}\n')
    rig.write("a.jsonl", native("three", 2))
    rig.start()
    rig.settle()
    assert rig.counted() == Counter(["one", "two", "three"])
    assert rig.rejected() == Counter(["bad_json"])


def test_a_hole_at_the_head_is_skipped_and_counted(rig: Rig) -> None:
    """A file whose first 100 MB were punched out, as a copytruncate under an open descriptor leaves it."""
    path = rig.write("a.jsonl", "")
    os.truncate(path, 100_000_000)
    rig.write("a.jsonl", natives("a", 0, 3))
    rig.start()
    rig.settle()
    assert rig.counted() == expected("a", 3)
    assert rig.status().totals.skipped == 1


def test_text_that_is_no_json_is_a_message_and_a_cut_object_a_dead_letter(rig: Rig) -> None:
    rig.write("a.jsonl", native("one") + '{"message": "cut of\n' + native("two", 1))
    rig.write("b.log", "just text\n")
    rig.start()
    rig.settle()
    assert rig.counted() == Counter(["one", "two", "just text"])
    assert rig.rejected() == Counter(["bad_json"])
    assert rig.journal("dead_letter.jsonl")[0]["line"] == '{"message": "cut of'
    assert rig.status().lag_bytes == 0


def test_a_line_of_ten_megabytes_is_stored_cut_with_its_length_and_the_next_one_whole(rig: Rig) -> None:
    long_line = native("x" * 10_000_000, 1)
    rig.write("a.jsonl", native("before") + long_line + native("after", 2))
    rig.start()
    rig.settle()
    cut = rig.records()[1]
    assert (cut.flags & Flag.CUT, cut.length) == (Flag.CUT, len(long_line) - 1)
    assert rig.messages()[0::2] == ["before", "after"]


def test_a_long_line_without_newline_waits_and_blocks_no_other_file(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(max_line_bytes=64 * 1024)
    rig.write("a.jsonl", native("before"))
    rig.write("b.jsonl", natives("b", 0, 3))
    rig.start()
    for _ in range(3):
        rig.write("a.jsonl", b"x" * 10_000_000)
        rig.settle(1)
    rig.write("b.jsonl", natives("b", 3, 3))
    rig.settle()
    assert rig.counted() == expected("b", 6) + Counter(["before"])
    assert [file.pending_bytes for file in rig.status().files] == [30_000_000]
    rig.write("a.jsonl", "\n" + native("after", 1))
    rig.settle()
    assert [record.length for record in rig.records() if record.flags & Flag.CUT] == [30_000_000]
    assert rig.counted()["after"] == 1


def test_a_file_that_begins_with_a_line_of_twenty_megabytes_is_read(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(max_line_bytes=64 * 1024)
    rig.write("a.jsonl", b"x" * 20_000_000 + b"\n" + native("after", 1).encode())
    rig.start()
    rig.settle()
    assert {record.length for record in rig.records()} == {20_000_000, len(native("after", 1)) - 1}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        pytest.param('{"a":' * 10_000 + "1" + "}" * 10_000, "too_deep", id="10,000 levels"),
        pytest.param("[" * 10_000 + "]" * 10_000, None, id="10,000 levels of arrays are text"),
        pytest.param('{"message": "m", "x": NaN, "y": -Infinity}', None, id="NaN"),
        pytest.param('{"message": "m", "x": ' + "9" * 400 + "}", None, id="an integer of 400 digits"),
        pytest.param('{"message": "m", "x": 1, "x": 2}', None, id="duplicate keys"),
        pytest.param('{"message": "\\ud800"}', None, id="half a surrogate pair"),
        pytest.param('{"message": 5, "level": {}, "timestamp": []}', None, id="fields of other types"),
    ],
)
def test_json_that_is_odd_is_stored_or_dead_lettered_and_never_stops_a_file(
    rig: Rig, line: str, reason: str | None
) -> None:
    rig.write("a.jsonl", native("before") + line + "\n" + native("after", 1))
    rig.start()
    rig.settle()
    assert rig.counted()["before"] == rig.counted()["after"] == 1
    assert rig.rejected() == (Counter([reason]) if reason else Counter())
    assert len(rig.records()) == (2 if reason else 3)
    assert rig.status().lag_bytes == 0


def test_random_bytes_are_accounted_for_and_leave_other_files_alone(rig: Rig) -> None:
    """Random bytes hold 11 % control bytes: most of their lines are stored as text, flagged as no UTF-8."""
    noise = random.Random(1).randbytes(500_000)
    rig.write("noise.log", noise)
    rig.write("b.jsonl", natives("b", 0, 3))
    rig.start()
    rig.settle(5)
    counts = rig.running.shipper.counts
    assert counts.read == counts.stored + counts.dead_letters + counts.skipped["blank"] > 1000
    assert {key: n for key, n in rig.counted().items() if key.startswith("b-")} == expected("b", 3)
    assert rig.status().state == "ok"


def test_a_start_at_the_end_reads_only_later_lines(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(start_at_end=True)
    rig.write("a.jsonl", natives("old", 0, 10) + native("torn", 10)[:30])
    rig.start()
    rig.settle()
    rig.write("a.jsonl", native("torn", 10)[30:] + natives("new", 0, 5))
    rig.write("later.jsonl", natives("later", 0, 5))
    rig.settle()
    assert rig.counted() == expected("new", 5) + expected("later", 5) + Counter(["torn"])


def test_a_start_at_the_end_of_an_empty_file_reads_all_that_comes(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(start_at_end=True)
    rig.write("a.jsonl", "")
    rig.write("b.jsonl", native("torn")[:30])
    rig.start()
    rig.settle()
    rig.write("a.jsonl", natives("a", 0, 5))
    rig.write("b.jsonl", native("torn")[30:] + natives("b", 0, 5))
    rig.settle()
    assert rig.counted() == expected("a", 5) + expected("b", 5) + Counter(["torn"])


def test_lines_written_between_a_start_at_the_end_and_its_first_turn_are_read(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(start_at_end=True)
    rig.write("a.jsonl", natives("old", 0, 10))
    rig.start()
    rig.write("a.jsonl", natives("new", 0, 5))
    rig.settle()
    assert rig.counted() == expected("new", 5)


def test_a_start_at_the_end_passes_over_compressed_files(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(start_at_end=True)
    rig.write("a.jsonl.1.gz", gzip.compress(natives("old", 0, 5000).encode()))
    rig.start()
    rig.rest(90)
    assert rig.counted() == Counter()
    assert rig.losses() == []


def test_a_damaged_checkpoint_does_not_make_a_start_at_the_end_skip_what_was_not_read(
    make_rig: Callable[..., Rig],
) -> None:
    """Only the very first start begins at the end: without a usable checkpoint everything is read."""
    rig = make_rig(start_at_end=True)
    rig.start()
    rig.write("a.jsonl", natives("a", 0, 5))
    rig.settle()
    rig.stop()
    rig.write("a.jsonl", natives("a", 5, 5))
    for path in rig.state.glob("checkpoint*"):
        path.write_bytes(b"")
    rig.start()
    rig.settle()
    assert rig.counted() == expected("a", 10)


def test_a_lost_checkpoint_does_not_make_a_start_at_the_end_skip_what_was_not_read(
    make_rig: Callable[..., Rig],
) -> None:
    rig = make_rig(start_at_end=True)
    rig.start()
    rig.write("a.jsonl", natives("a", 0, 5))
    rig.settle()
    rig.stop()
    rig.write("a.jsonl", natives("a", 5, 5))
    for path in rig.state.glob("checkpoint*"):
        path.unlink()
    rig.start()
    rig.settle()
    assert rig.counted() == expected("a", 10)


def test_a_growing_file_of_one_byte_is_read_as_soon_as_its_line_ends(rig: Rig) -> None:
    """No least size is waited for, and growing changes nothing of what was read."""
    rig.start()
    for name, first in (("one.log", "x"), ("ten.log", "0123456789"), ("line.log", "a line")):
        rig.write(name, first)
        rig.settle(1)
        rig.write(name, "\n")
    rig.rest(30)
    assert rig.counted() == Counter(["x", "0123456789", "a line"])
    for name in ("one.log", "ten.log", "line.log"):
        rig.write(name, f"more of {name}\n")
    rig.rest(30)
    assert rig.counted() == Counter(
        ["x", "0123456789", "a line", "more of one.log", "more of ten.log", "more of line.log"]
    )


def test_nothing_is_invented_where_lines_were_torn_by_several_writers(rig: Rig) -> None:
    """Two writers without O_APPEND's promise: a torn line is dead-lettered whole, its neighbours are stored."""
    torn = native("first", 1)[:40] + native("second", 2)
    rig.write("a.jsonl", native("zero") + torn + native("third", 3))
    rig.start()
    rig.settle()
    assert rig.counted() == Counter(["zero", "third"])
    assert rig.journal("dead_letter.jsonl")[0]["line"] == torn.rstrip("\n")
