"""Scenarios: compressed files, whole, growing, damaged and beside their originals."""

from __future__ import annotations

import bz2
import gzip
import lzma
import random
import zlib
from collections import Counter
from collections.abc import Callable

import pytest
import zstandard

from logagent.errors import StoreUnavailable
from tests.daemon.rig import Rig, expected, native, natives

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "zst": lambda data: zstandard.ZstdCompressor(write_checksum=True).compress(data),
    "bz2": bz2.compress,
    "xz": lzma.compress,
}
kinds = pytest.mark.parametrize("kind", PACKERS)


def packed(kind: str, text: str) -> bytes:
    return PACKERS[kind](text.encode())


def noisy(prefix: str, count: int) -> str:
    """Lines that pack badly, so that half a file holds many of them."""
    dice = random.Random(prefix)
    return "".join(native(f"{prefix}-{n}", n, extra_data={"x": dice.randbytes(200).hex()}) for n in range(count))


@kinds
def test_a_compressed_file_is_read_whole(rig: Rig, kind: str) -> None:
    rig.write(f"a.jsonl.1.{kind}", packed(kind, natives("a", 0, 3000)))
    rig.start()
    rig.settle()
    assert rig.counted() == expected("a", 3000)


@kinds
def test_a_file_beside_its_compressed_twin_is_stored_once(rig: Rig, kind: str) -> None:
    rig.write("a.jsonl", natives("a", 0, 100))
    rig.write(f"a.jsonl.{kind}", packed(kind, natives("a", 0, 100)))
    rig.start()
    rig.settle()
    assert rig.counted() == expected("a", 100)


@kinds
def test_a_rotation_that_compresses_unread_lines_loses_none(rig: Rig, kind: str) -> None:
    path = rig.write("a.jsonl", natives("a", 0, 100))
    rig.start()
    rig.settle()
    rig.stop()
    rig.write(f"a.jsonl.1.{kind}", packed(kind, natives("a", 0, 200)))
    path.write_text(natives("b", 0, 10))
    rig.start()
    rig.rest(90)
    assert rig.counted() == expected("a", 200) + expected("b", 10)
    assert rig.status().totals.read == 110
    assert rig.losses() == []


@kinds
def test_a_compressed_file_that_is_still_written_is_read_once_and_complains_no_more(rig: Rig, kind: str) -> None:
    data = packed(kind, noisy("a", 500))
    rig.start()
    for part in range(0, len(data), len(data) // 5 + 1):
        rig.write(f"a.jsonl.1.{kind}", data[part : part + len(data) // 5 + 1])
        rig.rest(20)
    rig.rest(90)
    assert rig.counted() == expected("a", 500)
    assert rig.status().state == "ok"
    assert rig.losses() == []
    assert [level for level, _text in rig.log.said if level != "INFO"] == []


@kinds
def test_a_compressed_file_that_stays_cut_counts_as_far_as_it_goes_with_a_ledger_row(rig: Rig, kind: str) -> None:
    data = packed(kind, noisy("a", 3000))
    rig.write(f"a.jsonl.1.{kind}", data[: len(data) * 3 // 4])
    rig.start()
    rig.rest(50)
    assert rig.losses() == []
    rig.rest(60)
    stored = rig.counted()
    assert stored == expected("a", len(stored))
    assert len(stored) > (0 if kind == "xz" else 100)
    assert [(name, end) for name, _start, end in rig.losses()] == [(f"a.jsonl.1.{kind}", None)]


@kinds
def test_an_empty_compressed_file_is_no_loss(rig: Rig, kind: str) -> None:
    """Nothing was seen of it; it is read when it is written."""
    path = rig.write(f"a.jsonl.1.{kind}", b"")
    rig.start()
    rig.rest(300)
    assert (rig.status().state, rig.losses()) == ("ok", [])
    path.write_bytes(packed(kind, natives("a", 0, 5)))
    rig.settle()
    assert rig.counted() == expected("a", 5)


@kinds
def test_the_loss_of_a_cut_file_is_told_once_across_restarts(rig: Rig, kind: str) -> None:
    data = packed(kind, noisy("a", 3000))
    rig.write(f"a.jsonl.1.{kind}", data[: len(data) * 3 // 4])
    for _ in range(3):
        rig.start()
        rig.rest(120)
        rig.stop()
    assert len(rig.losses()) == 1
    assert set(rig.counted().values()) == {1}


@kinds
def test_a_damaged_compressed_file_counts_as_far_as_it_goes(rig: Rig, kind: str) -> None:
    """Formats that check only at a block's end give some damaged lines before they notice: those are stored too."""
    data = bytearray(packed(kind, noisy("a", 3000)))
    for at in range(len(data) * 3 // 4, len(data) * 3 // 4 + 64):
        data[at] ^= 0x55
    rig.write(f"a.jsonl.1.{kind}", bytes(data))
    rig.write("b.jsonl", natives("b", 0, 3))
    rig.start()
    rig.rest(120)
    keys = [record.key for record in rig.records()]
    assert len(keys) == len(set(keys)) > (2 if kind == "xz" else 1000)
    assert rig.counted() >= expected("b", 3)
    assert [name for name, _start, _end in rig.losses()] == [f"a.jsonl.1.{kind}"]


def test_a_cut_file_that_is_completed_later_is_read_to_its_end(rig: Rig) -> None:
    data = packed("gz", noisy("a", 1000))
    rig.write("a.jsonl.1.gz", data[:-5000])
    rig.start()
    rig.rest(120)
    rig.write("a.jsonl.1.gz", data[-5000:])
    rig.rest(60)
    assert rig.counted() == expected("a", 1000)


def test_a_cut_file_that_is_written_anew_from_its_start_is_read_to_its_end(rig: Rig) -> None:
    """A compression that was interrupted and runs again writes the same file from its first byte."""
    text = noisy("a", 1000)
    path = rig.write("a.jsonl.1.gz", packed("gz", text)[:-5000])
    rig.start()
    rig.rest(20)
    path.write_bytes(gzip.compress(text.encode(), compresslevel=1))
    rig.rest(120)
    assert rig.counted() == expected("a", 1000)
    assert rig.losses() == []


def test_something_else_named_gz_is_told_and_harms_nothing(rig: Rig) -> None:
    rig.write("a.log.gz", b"not compressed at all\n" * 100)
    rig.write("b.jsonl", natives("b", 0, 3))
    rig.start()
    rig.rest(120)
    assert rig.counted() == expected("b", 3)
    assert [name for name, _start, _end in rig.losses()] == ["a.log.gz"]


def test_members_set_end_to_end_are_one_stream(rig: Rig) -> None:
    rig.write("a.jsonl.gz", packed("gz", natives("a", 0, 10)) + packed("gz", natives("a", 10, 10)))
    rig.start()
    rig.settle()
    assert rig.counted() == expected("a", 20)


def test_an_outage_in_the_middle_of_a_compressed_file_doubles_nothing(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(max_batch_bytes=50_000)
    rig.write("a.jsonl.1.gz", packed("gz", natives("a", 0, 3000)))
    rig.start()
    assert rig.store is not None
    left = iter(range(3))

    def fails_after_three(batch: object) -> None:
        if next(left, None) is None:
            raise StoreUnavailable("away")

    rig.store.before = fails_after_three
    rig.turn()
    rig.bring_store_back()
    rig.rest(60)
    assert rig.counted() == expected("a", 3000)


def test_a_compressed_file_deleted_while_half_read_is_read_on_from_its_descriptor(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(max_batch_bytes=50_000)
    path = rig.write("a.jsonl.1.gz", packed("gz", natives("a", 0, 3000)))
    rig.start()
    rig.take_store_away()
    rig.turn()
    path.unlink()
    rig.settle()
    rig.bring_store_back()
    rig.rest(120)
    assert rig.counted() == expected("a", 3000)
    assert rig.losses() == []


def test_the_unterminated_last_line_of_a_compressed_file_is_stored(rig: Rig) -> None:
    rig.write("a.jsonl.1.gz", packed("gz", natives("a", 0, 3) + native("tail", 9).rstrip("\n")))
    rig.start()
    rig.rest(90)
    assert rig.counted() == expected("a", 3) + Counter(["tail"])


@pytest.mark.parametrize("pause_s", [20, 100])
@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_packer_that_pauses_within_a_record_doubles_none_of_its_lines(
    rig: Rig, pause_s: int, is_restarted: bool
) -> None:
    """Its original has the record whole; of what is packed the record seems over when the packer pauses."""
    head = "2026-11-22 15:00:00.000 | ERROR    | mod:function:1 - it broke\n"
    rest = "  File one\n  File two\n2026-11-22 15:00:01.000 | INFO     | mod:function:2 - next\n"
    original = rig.write("a.jsonl.1", head + rest)
    packer = zlib.compressobj(wbits=31)
    rig.write("a.jsonl.1.gz", packer.compress(head.encode()) + packer.flush(zlib.Z_SYNC_FLUSH))
    rig.start()
    rig.rest(pause_s)
    if is_restarted:
        rig.stop()
        rig.start()
        rig.settle()
    rig.write("a.jsonl.1.gz", packer.compress(rest.encode()) + packer.flush())
    original.unlink()
    rig.rest(90)
    messages = [record.line.message for record in rig.records()]
    assert messages == ["it broke\n  File one\n  File two", "next"]


@pytest.mark.parametrize("pauses_s", [(10, 10), (10, 70), (70, 10), (70, 70)])
@pytest.mark.parametrize("is_deleted", [False, True])
def test_a_packer_that_pauses_twice_within_a_record_doubles_none_of_its_lines(
    rig: Rig, pauses_s: tuple[int, int], is_deleted: bool
) -> None:
    """However far it has come: its original was read further, and has whole what is cut here."""
    parts = [
        "2026-11-22 15:00:00.000 | ERROR    | mod:function:1 - it broke\n",
        "  File one\n",
        "  File two\n2026-11-22 15:00:01.000 | INFO     | mod:function:2 - next\n",
    ]
    original = rig.write("a.jsonl.1", "".join(parts))
    packer = zlib.compressobj(wbits=31)
    rig.start()
    for part, pause_s in zip(parts, pauses_s, strict=False):
        rig.write("a.jsonl.1.gz", packer.compress(part.encode()) + packer.flush(zlib.Z_SYNC_FLUSH))
        rig.rest(pause_s)
    rig.write("a.jsonl.1.gz", packer.compress(parts[-1].encode()) + packer.flush())
    if is_deleted:
        original.unlink()
    rig.rest(90)
    messages = [record.line.message for record in rig.records()]
    assert messages == ["it broke\n  File one\n  File two", "next"]


def test_a_packed_file_that_stays_cut_within_a_record_is_let_go_though_its_original_has_it_whole(rig: Rig) -> None:
    text = "2026-11-22 15:00:00.000 | ERROR    | mod:function:1 - it broke\n  File one\n"
    rig.write("a.jsonl.1", text + "  File two\n")
    packer = zlib.compressobj(wbits=31)
    rig.write("a.jsonl.1.gz", packer.compress(text.encode()) + packer.flush(zlib.Z_SYNC_FLUSH))
    rig.start()
    rig.rest(120)
    assert (rig.status().state, rig.status().lag_bytes) == ("ok", 0)
    assert rig.messages() == ["it broke\n  File one\n  File two"]
