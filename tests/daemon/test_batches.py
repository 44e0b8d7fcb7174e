"""Batches while there is a backlog: full, and with something of every file."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from logagent.daemon.batch import BatchLimits
from logagent.daemon.shipper import ShipperLimits
from logagent.daemon.stream import BLOCK_BYTES
from tests.daemon.rig import Rig

LINES = 6_000
LINE = '{"v":1,"kind":"log","timestamp":"2026-11-22T14:%02d:%02d.%06dZ","message":"%s"}\n'


def backlog(file: int) -> str:
    """Some 1.9 MB of lines, written in turns with those of other files."""
    return "".join(LINE % (n // 600, n // 10 % 60, n % 10 * 100_000 + file, "x" * 250) for n in range(LINES))


def test_a_batch_is_full_though_another_is_under_way(make_rig: Callable[..., Rig]) -> None:
    """What is read and not acknowledged yet counts in its own batch alone."""
    rig = make_rig()
    rig.write("a.jsonl", backlog(0) * 4)
    rig.start()
    rig.turn()
    assert rig.store is not None
    sizes = [count * len(backlog(0)) // LINES for count in rig.store.appended[:-1]]
    assert min(sizes) > 3 << 20


def test_backlogs_written_side_by_side_go_on_side_by_side(make_rig: Callable[..., Rig]) -> None:
    """Every batch has something of all files, so each begins after the one before."""
    rig = make_rig(max_batch_bytes=1 << 20)
    for file in range(4):
        rig.write(f"{file}.jsonl", backlog(file))
    spans: list[tuple[int, int]] = []
    rig.on_open_store = lambda store: setattr(
        store, "before", lambda batch: spans.append((batch.records[0].ts_us, batch.records[-1].ts_us))
    )
    rig.start()
    rig.turn()
    assert len(spans) > 4
    assert all(before[1] <= after[0] + 60_000_000 for before, after in pairwise(spans))


def test_a_share_reads_a_block_at_least_and_the_quantum_at_most() -> None:
    """However many files wait, and however few."""
    limits = ShipperLimits(BatchLimits(max_bytes=16 * BLOCK_BYTES), quantum_bytes=4 * BLOCK_BYTES)
    blocks = [-(-limits.share_bytes(files) // BLOCK_BYTES) for files in (1, 4, 8, 16, 1_000)]
    assert blocks == [4, 4, 2, 1, 1]
