"""Scenarios: many files, few descriptors, huge lines: what is needed grows with nothing of that.

Sizes are scaled down here; `-m soak` runs them in full.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from logagent.daemon.checkpoint import FileEntry
from logagent.daemon.identity import Identity
from logagent.daemon.tracker import MAX_GONE, worth_keeping
from logagent.store import open_reader
from logagent.store.selection import Direction, Selection
from tests.daemon.rig import Rig, expected, native, natives

ROOT = str(Path(__file__).parent.parent.parent)
MIB = 1 << 20
MEMORY_CAP_MIB = 160
"""Of the whole daemon: some 50 MiB are the interpreter and the libraries, 20 two batches."""


def in_full(*values: Any) -> list[Any]:
    """A small value for every run, and the full one for `make soak`."""
    small, full = values
    return [small, pytest.param(full, marks=[pytest.mark.soak, pytest.mark.timeout(1800)])]


def test_a_thousand_empty_files_make_no_noise_and_no_state(rig: Rig) -> None:
    for n in range(1000):
        rig.write(f"{n % 10}/{n}.log", "")
    rig.start()
    rig.rest(60)
    assert [text for level, text in rig.log.said if level != "INFO"] == []
    assert rig.status().state == "ok"
    rig.stop()
    assert (rig.state / "checkpoint.json").stat().st_size < 1000


def test_empty_and_unfinished_files_hold_no_descriptor_that_another_needs(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(max_open=20)
    for n in range(50):
        rig.write(f"empty{n}.log", "")
        rig.write(f"half{n}.jsonl", native(f"half-{n}")[:40])
        rig.write(f"whole{n}.jsonl", native(f"whole-{n}"))
    rig.start()
    rig.rest(60)
    assert rig.counted() == expected("whole", 50)
    assert rig.status().state == "ok"
    for n in range(50):
        rig.write(f"half{n}.jsonl", native(f"half-{n}")[40:])
    rig.rest(60)
    assert rig.counted() == expected("whole", 50) + expected("half", 50)


def test_files_that_grow_while_no_descriptor_is_free_are_behind_and_read_in_their_turn(
    make_rig: Callable[..., Rig],
) -> None:
    rig = make_rig(max_open=10)
    paths = [rig.write(f"{n}.jsonl", native(f"m-{n}-0", n)) for n in range(100)]
    rig.start()
    rig.rest(60)
    rig.take_store_away()
    for n, path in enumerate(paths):
        with path.open("a") as file:
            file.write(native(f"m-{n}-1", n))
    rig.rest(60)
    assert rig.status().lag_bytes == sum(len(native(f"m-{n}-1", n)) for n in range(100))
    rig.bring_store_back()
    rig.rest(90)
    assert rig.counted() == Counter(f"m-{n}-{line}" for n in range(100) for line in range(2))
    assert (rig.status().lag_bytes, rig.status().state) == (0, "ok")


@pytest.mark.parametrize("count", in_full(1_000, 10_000))
def test_idle_files_hold_no_descriptors_and_cost_next_to_nothing(make_rig: Callable[..., Rig], count: int) -> None:
    """Ten minutes after their last line; a quiet sweep is measured in CPU time: a few % of a core, of 2 s each."""
    rig = make_rig(directory_clock_ns=1 << 62)  # no directory changed just now
    for n in range(count):
        rig.write(f"{n % 100}/{n}.jsonl", native(f"m-{n}", n))
    rig.start()
    rig.rest(700)
    assert rig.counted() == expected("m", count)
    assert sum(file.tail is not None for file in rig.running.files) == 0
    spent = cpu_s()
    for _ in range(15):
        rig.clock.advance(2.0)
        rig.running.look()
        rig.running.try_turn()
    assert (cpu_s() - spent) / 30 < 0.05 * max(count / 10_000, 0.5)


def cpu_s() -> float:
    return time.process_time()


@pytest.mark.parametrize("count", in_full(1_000, 10_000))
def test_a_line_a_minute_in_each_of_many_files_is_stored_with_bounded_lag(
    make_rig: Callable[..., Rig], count: int
) -> None:
    rig = make_rig(max_open=count // 10)
    paths = [rig.write(f"{n % 100}/{n}.jsonl", native(f"m-{n}-0", n)) for n in range(count)]
    rig.start()
    for minute in range(1, 4):
        rig.rest(60)
        assert rig.status().lag_bytes == 0
        for n, path in enumerate(paths):
            with path.open("a") as file:
                file.write(native(f"m-{n}-{minute}", n))
    rig.rest(60)
    assert rig.counted() == Counter(f"m-{n}-{minute}" for n in range(count) for minute in range(4))


@pytest.mark.parametrize("count", in_full(1_000, 100_000))
def test_files_created_and_deleted_leave_a_bounded_checkpoint(rig: Rig, count: int) -> None:
    """What is gone is remembered for seven days, and then no more."""
    rig.start()
    for start in range(0, count, 250):
        names = [f"{n}.jsonl" for n in range(start, min(start + 250, count))]
        for name in names:
            rig.write(name, native(name, start))
        rig.rest(20)
        for name in names:
            (rig.logs / name).unlink()
        rig.rest(20)
    rig.rest(30)
    assert len(rig.messages()) == count
    assert rig.losses() == []
    assert rig.status().files_total == 0
    rig.clock.advance(8 * 86_400)
    rig.write("last.jsonl", native("last"))
    rig.rest(30)
    assert (rig.state / "checkpoint.json").stat().st_size < 2000


def test_of_the_files_gone_only_the_newest_hundred_thousand_are_remembered() -> None:
    entries = [FileEntry(path="", identity=Identity(1, n, 1), gone_us=n) for n in range(MAX_GONE + 10)]
    kept = worth_keeping(entries, set(), now_us=MAX_GONE)
    assert (len(kept), kept[0].gone_us) == (MAX_GONE, 10)


def test_what_is_not_over_is_remembered_beyond_a_hundred_thousand() -> None:
    """On a mount that is away, or gone with a loss to be judged."""
    away = FileEntry(path="away", identity=Identity(2, 1, 1), gone_us=None)
    unread = FileEntry(path="unread", identity=Identity(2, 2, 1), gone_us=0, size=7)
    over = [FileEntry(path="", identity=Identity(1, n, 1), gone_us=n) for n in range(1, MAX_GONE + 10)]
    kept = worth_keeping([away, unread, *over], set(), now_us=MAX_GONE)
    assert kept[:2] == [away, unread]
    assert len(kept) == MAX_GONE + 2


# ---- a process of its own: its limits and its memory are its own -------------------------------------------------

ONCE = """
import resource, sys
limit, *arguments = sys.argv[1:]
if int(limit):
    resource.setrlimit(resource.RLIMIT_NOFILE, (int(limit), int(limit)))
from logagent.cli import main
sys.argv = ["logagent", *arguments]
try:
    main()
finally:
    with open("/proc/self/status") as file:
        print(next(line.split()[1] for line in file if line.startswith("VmHWM")))
"""


class Drained:
    """`logagent run --once` over a directory, in a process of its own: its peak of memory, and what it stored."""

    def __init__(self, base: Path, *, most_files: int = 0) -> None:
        self._store = f"sqlite://{base}/state/logs.db"
        command = (sys.executable, "-c", ONCE, str(most_files), "run", "--once")
        ran = subprocess.run(
            [*command, "--watch", base / "logs", "--state-dir", base / "state"],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": ROOT, "LOGAGENT_NAIVE_TIMEZONE": "UTC"},
            capture_output=True,
            text=True,
            timeout=1500,
        )
        assert ran.returncode == 0, ran.stderr[-3000:]
        self.peak_mib = int(ran.stdout.split()[-1]) / 1024

    def messages(self) -> Counter[str]:
        with closing(open_reader(self._store)) as reader:
            records = reader.export(Selection(direction=Direction.OLDEST_FIRST))
            return Counter(record.line.message for record in records)  # type: ignore[union-attr]

    def lengths(self) -> list[int]:
        with closing(open_reader(self._store)) as reader:
            return sorted(r.length for r in reader.export(Selection(direction=Direction.OLDEST_FIRST)))


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """The watched directory, with one ordinary file in it."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "ordinary.jsonl").write_text(natives("ordinary", 0, 10))
    return tmp_path / "logs"


linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="measured by /proc")


@linux
def test_three_hundred_files_are_stored_by_a_process_that_may_open_128(logs: Path) -> None:
    for n in range(300):
        (logs / f"{n}.jsonl").write_text(native(f"m-{n}", n))
    assert Drained(logs.parent, most_files=128).messages() == expected("m", 300) + expected("ordinary", 10)


@linux
@pytest.mark.parametrize("mebibytes", in_full(4, 50))
def test_random_bytes_named_log_take_bounded_memory(logs: Path, mebibytes: int) -> None:
    (logs / "noise.log").write_bytes(random.Random(1).randbytes(mebibytes * MIB))
    drained = Drained(logs.parent)
    assert drained.peak_mib < MEMORY_CAP_MIB
    assert {k: n for k, n in drained.messages().items() if k.startswith("ordinary")} == expected("ordinary", 10)


@linux
@pytest.mark.parametrize("mebibytes", in_full(64, 1024))
def test_a_huge_line_takes_bounded_memory_and_its_neighbour_is_whole(logs: Path, mebibytes: int) -> None:
    with (logs / "huge.jsonl").open("wb") as file:
        for _ in range(mebibytes):
            file.write(b"x" * MIB)
        file.write(b"\n" + native("after").encode())
    with (logs / "endless.jsonl").open("wb") as file:
        for _ in range(mebibytes):
            file.write(b"y" * MIB)
    drained = Drained(logs.parent)
    assert drained.peak_mib < MEMORY_CAP_MIB
    assert drained.lengths()[-1] == mebibytes * MIB
    assert drained.messages()["after"] == 1
    assert len(drained.lengths()) == 12


@linux
@pytest.mark.parametrize("mebibytes", in_full(200, 500))
def test_a_hole_takes_bounded_memory(logs: Path, mebibytes: int) -> None:
    with (logs / "hole.jsonl").open("wb") as file:
        file.truncate(mebibytes * MIB)
        file.seek(0, os.SEEK_END)
        file.write(natives("behind", 0, 5).encode())
    drained = Drained(logs.parent)
    assert drained.peak_mib < MEMORY_CAP_MIB
    assert drained.messages() == expected("ordinary", 10) + expected("behind", 5)


@linux
@pytest.mark.parametrize("files", [1, 8])
@pytest.mark.parametrize("mebibytes", in_full(8, 1024))
def test_a_backlog_is_stored_once_in_bounded_memory(logs: Path, mebibytes: int, files: int) -> None:
    lines = mebibytes * MIB // files // 1000
    for number in range(files):
        with (logs / f"{number}.jsonl").open("w") as file:
            for n in range(lines):
                file.write(native(f"f{number}-{n}", n, extra_data={"x": "y" * 750}))
    began = time.monotonic()
    drained = Drained(logs.parent)
    print(f"{mebibytes / (time.monotonic() - began):.1f} MiB/s from {files} files")
    assert drained.peak_mib < MEMORY_CAP_MIB
    assert drained.messages() == sum((expected(f"f{n}", lines) for n in range(files)), expected("ordinary", 10))
