"""Too few descriptors for all files: each gets its turn."""

from __future__ import annotations

import shutil
from collections.abc import Callable

from tests.daemon.rig import Rig, expected, natives


def test_files_that_wait_for_a_descriptor_are_read_though_rotated_ones_hold_some(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(batch_size=1, quantum_bytes=200, max_batch_bytes=300, max_open=2)
    rig.start()
    rig.write("a.jsonl", natives("a", 1, 1))
    (rig.logs / "a.jsonl").rename(rig.logs / "a.2026-11-22_15-00-00_000001.jsonl")
    shutil.copy(rig.logs / "a.2026-11-22_15-00-00_000001.jsonl", rig.logs / "c2.jsonl")
    rig.write("a.jsonl", natives("b", 2, 1))
    rig.turn()
    (rig.logs / "a.jsonl").rename(rig.logs / "a.jsonl.3")
    rig.write("a.jsonl", natives("c", 3, 1))
    for _ in range(25):
        rig.turn()
        rig.clock.advance(10)
    assert rig.counted() == expected("a", 1, 1) + expected("b", 1, 2) + expected("c", 1, 3)
