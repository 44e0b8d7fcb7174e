"""`logagent verify`: says of every line where it is, finds what was damaged, and calls nothing lost that is not."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from logagent.daemon.audit import Audit
from logagent.daemon.discovery import Discovery
from logagent.daemon.losses import LostRanges
from logagent.daemon.patterns import Patterns
from logagent.daemon.verification import Known, Report, Verdict, verdict_of
from logagent.store import open_reader, open_store
from logagent.store.protocol import Holding, PruneCriteria
from tests.daemon.commands import ROOT, delete_from_store, logagent, logagent_json
from tests.daemon.rig import START_US, Rig, native, natives

HEAD = "2026-11-22 15:00:{second:02d}.000 | ERROR    | app:main:1 - {message}\n"
TRACEBACK = 'Traceback (most recent call last):\n  File "app.py", line 1, in main\nValueError: no\n'


def text(message: str, second: int) -> str:
    """A line of loguru's default format, which opens a record."""
    return HEAD.format(message=message, second=second)


@contextmanager
def audit(rig: Rig, sleep: Callable[[float], None]) -> Iterator[Audit]:
    store = open_store(rig.store_url)
    store.prepare()
    discovery = Discovery(
        [os.fsencode(root) for root in rig.roots],
        Patterns(rig.include, rig.exclude),
        skip=[os.fsencode(rig.state)],
        clock_ns=lambda: 0,
    )
    with closing(open_reader(rig.store_url)) as reader:
        yield Audit(str(rig.state), discovery, rig.rules, store, reader, sleep=sleep)
    store.close()


def verified(rig: Rig, *, is_deep: bool = True, sleep: Callable[[float], None] = lambda seconds: None) -> Report:
    """What an audit of the rig's files finds, with the rules that its daemon has."""
    with audit(rig, sleep) as one:
        return one.verify(is_deep=is_deep, progress=lambda done, total: None)


def counts(report: Report) -> dict[str, int]:
    """Lines by verdict, without those that nothing came to."""
    return {str(verdict): count for verdict, count in report.lines.items() if count}


def shipped(rig: Rig) -> None:
    """Start, ship what is there, stop."""
    rig.start()
    rig.rest(30)
    rig.stop()


# ---- the table --------------------------------------------------------------------------------------------------


def lost(start: int, end: int | None) -> LostRanges:
    ranges = LostRanges()
    ranges.add(start, end)
    return ranges


@pytest.mark.parametrize(
    ("holding", "known", "verdict"),
    [
        (Holding.STORED, Known(0, 99, {7}, lost(0, None)), Verdict.STORED),
        (Holding.ABSENT, Known(0, 99, {7}, lost(0, None)), Verdict.DEAD_LETTER),
        (Holding.ABSENT, Known(99, 51, set(), lost(0, None)), Verdict.START_AT_END),
        (Holding.ABSENT, Known(99, 50, set(), lost(40, 60)), Verdict.LOST),
        (Holding.ABSENT, Known(50, 0, set(), lost(60, 70)), Verdict.WAITING),
        (Holding.EXPIRED, Known(51, 0, set(), LostRanges()), Verdict.EXPIRED),
        (Holding.ABSENT, Known(51, 50, set(), LostRanges()), Verdict.UNEXPLAINED),
    ],
)
def test_the_verdict_on_a_line_at_50_follows_from_what_is_known(
    holding: Holding, known: Known, verdict: Verdict
) -> None:
    assert verdict_of(50, 7, holding, known) is verdict


# ---- sound files ------------------------------------------------------------------------------------------------


def test_lines_of_every_kind_are_all_explained(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(max_line_bytes=4096)
    rig.write("a.jsonl", natives("a", 0, 100) + "\n\r\n" + '{"broken\n' + native("x" * 9000, 1) + natives("a", 100, 5))
    rig.write("b.log", text("one", 1) + TRACEBACK + text("two", 2) + "\n")
    rig.write("c.log", "no time\nnor here\n")
    rig.write("empty.log", "")
    os.truncate(rig.write("hole.jsonl", ""), 300_000)
    rig.write("hole.jsonl", natives("h", 0, 2))
    shipped(rig)
    report = verified(rig)
    assert counts(report) == {"stored": 106 + 5 + 2 + 2, "dead_letter": 1}
    assert report.skipped["blank"] == 3
    assert report.skipped["nul"] >= 1
    assert report.sum_of("waiting_bytes") == 0


def test_runs_and_learnings_are_found_by_the_lines_folded_into_them(rig: Rig) -> None:
    start = native("", 1, kind="run_start", start_time="2026-11-22T15:00:00.000000Z")
    rig.write("a.jsonl", start.replace('"message": "", ', "").replace('"level": "INFO", "level_no": 20, ', ""))
    shipped(rig)
    assert [type(record.line).__name__ for record in rig.records()] == ["RunStart"]
    assert counts(verified(rig)) == {"stored": 1}


def test_what_is_not_read_yet_waits(rig: Rig) -> None:
    rig.write("a.jsonl", natives("a", 0, 10))
    shipped(rig)
    more = natives("a", 10, 3) + '{"half'
    rig.write("a.jsonl", more)
    rig.write("new.jsonl", natives("new", 0, 2))
    report = verified(rig)
    assert counts(report) == {"stored": 10, "waiting": 6}
    assert report.sum_of("waiting_bytes") == len(more) + len(natives("new", 0, 2))
    assert report.sum_of("pending_bytes") == 6


def test_an_unterminated_line_of_a_file_let_go_is_stored(rig: Rig) -> None:
    path = rig.write("a.jsonl", natives("a", 0, 3) + native("last", 3).strip())
    rig.start()
    rig.turn()
    path.rename(rig.logs / "a.jsonl.1")
    rig.write("a.jsonl", natives("b", 0, 1))
    rig.rest(120)
    rig.stop()
    assert rig.counted()["last"] == 1
    assert counts(verified(rig)) == {"stored": 5}


def test_copies_and_packed_twins_are_the_stream_they_copy(rig: Rig) -> None:
    path = rig.write("a.jsonl", natives("a", 0, 10))
    rig.write("plain.log", "no time\nnor here\n")
    shipped(rig)
    shutil.copy(path, rig.logs / "copy.jsonl")
    (rig.logs / "a.jsonl.1.gz").write_bytes(gzip.compress(path.read_bytes() + natives("a", 10, 5).encode()))
    report = verified(rig)
    assert counts(report) == {"stored": 10 + 2 + 10 + 10, "waiting": 5}
    shipped(rig)
    assert counts(verified(rig)) == {"stored": 10 + 2 + 10 + 15}


def test_a_file_written_anew_is_another_stream(rig: Rig) -> None:
    path = rig.write("plain.log", "no time\nnor here\n")
    rig.start()
    rig.rest(30)
    path.write_text("no time\nanother one\nand one more\n")
    rig.rest(30)
    rig.stop()
    assert counts(verified(rig)) == {"stored": 3}
    path.write_text("again\n")
    assert counts(verified(rig)) == {"waiting": 1}


def test_a_record_that_the_daemon_split_at_a_pause_is_found_in_its_parts(rig: Rig) -> None:
    """The traceback came six seconds after its head line, so it is a record of its own in the store."""
    rig.write("a.log", text("one", 1))
    rig.start()
    rig.rest(30)
    rig.write("a.log", TRACEBACK)
    rig.rest(30)
    rig.stop()
    assert len(rig.records()) == 2
    assert counts(verified(rig)) == {"stored": 4}


def test_the_part_of_a_split_record_that_is_missing_is_unexplained(rig: Rig) -> None:
    rig.write("a.log", text("one", 1))
    rig.start()
    rig.rest(30)
    rig.write("a.log", TRACEBACK)
    rig.rest(30)
    rig.stop()
    delete_from_store(rig, TRACEBACK.strip())
    report = verified(rig)
    assert counts(report) == {"stored": 1, "unexplained": 3}
    assert [example.offset for example in report.examples] == [len(text("one", 1))]


def test_folded_records_across_block_borders_are_whole(rig: Rig) -> None:
    rig.write("a.log", "".join(text(f"{n}" * 2000, n % 60) + TRACEBACK for n in range(400)))
    shipped(rig)
    assert counts(verified(rig)) == {"stored": 1600}


def test_pruned_lines_are_expired_and_those_without_a_time_too(rig: Rig) -> None:
    rig.write("a.jsonl", natives("a", 0, 10))
    rig.write("b.log", "no time\n")
    shipped(rig)
    with closing(open_store(rig.store_url)) as store:
        store.prepare()
        store.prune(PruneCriteria(before_us=START_US + 3_600_000_000))
    assert counts(verified(rig)) == {"expired": 11}


def test_lines_that_the_ledger_has_are_lost(rig: Rig) -> None:
    rig.write("a.jsonl", natives("a", 0, 10))
    shipped(rig)
    record = rig.records()[4]
    delete_from_store(rig, "a-4")
    row = '{{"v":1,"file":"x","fingerprint":"{:016x}","from":{},"to":{},"reason":"r"}}\n'
    end = record.offset + record.length
    (rig.state / "losses.jsonl").write_text(row.format(record.origin.fingerprint, record.offset, end))
    assert counts(verified(rig)) == {"stored": 9, "lost": 1}


def test_what_stood_there_before_a_start_at_the_end_is_skipped_by_that_rule(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(start_at_end=True)
    rig.write("a.jsonl", natives("a", 0, 10))
    rig.start()
    rig.settle()
    rig.write("a.jsonl", natives("a", 10, 5))
    rig.settle()
    rig.stop()
    assert counts(verified(rig)) == {"start_at_end": 10, "stored": 5}
    delete_from_store(rig, "a-10")
    assert counts(verified(rig)) == {"start_at_end": 10, "stored": 4, "unexplained": 1}


def test_without_a_checkpoint_or_with_another_store_what_is_missing_waits(rig: Rig) -> None:
    rig.write("a.jsonl", natives("a", 0, 10))
    shipped(rig)
    delete_from_store(rig, "a-4")
    for name in ("checkpoint.json", "checkpoint.previous.json"):
        (rig.state / name).rename(rig.state / f"{name}.away")
    report = verified(rig)
    assert (counts(report), len(report.notes)) == ({"stored": 9, "waiting": 1}, 1)
    for name in ("checkpoint.json", "checkpoint.previous.json"):
        (rig.state / f"{name}.away").rename(rig.state / name)
    (rig.state / "logs.db").unlink()
    report = verified(rig)
    assert (counts(report), "the store is another one" in report.notes[0]) == ({"waiting": 10}, True)


# ---- damage -----------------------------------------------------------------------------------------------------


def test_a_line_deleted_from_the_store_is_found_and_no_other(rig: Rig) -> None:
    rig.write("a.jsonl", natives("a", 0, 3000))
    rig.write("b.jsonl", natives("b", 0, 100))
    shipped(rig)
    delete_from_store(rig, "a-1500")
    told = logagent_json(rig, "verify", "--deep", "--watch", str(rig.logs), code=1)
    assert told["lines"]["unexplained"] == 1
    assert told["lines"]["stored"] == 3099
    offset = len(natives("a", 0, 1500))
    assert [(one["offset"], one["head"]) for one in told["unexplained"]] == [(offset, native("a-1500", 1500)[:80])]


def test_without_deep_the_bytes_that_were_not_checked_are_said(rig: Rig) -> None:
    rig.write("a.jsonl", natives("a", 0, 5000))
    shipped(rig)
    delete_from_store(rig, "a-2500")
    text = logagent(rig, "verify", "--watch", str(rig.logs))
    assert "nothing unexplained; looked at first and last lines of 1 files" in text
    assert "bytes were not checked: logagent verify --deep" in text


def test_without_deep_the_first_and_the_last_lines_are_looked_for(rig: Rig) -> None:
    rig.write("a.jsonl", natives("a", 0, 5000))
    rig.write("b.log", "".join(text(str(n), n % 60) + TRACEBACK for n in range(6000)))
    shipped(rig)
    report = verified(rig, is_deep=False)
    assert set(counts(report)) == {"stored"}
    assert 0 < report.sum_of("not_checked_bytes") < report.sum_of("size")
    delete_from_store(rig, "a-0")
    delete_from_store(rig, "a-4999")
    assert counts(verified(rig, is_deep=False))["unexplained"] == 2


def test_a_lost_store_commit_under_an_acknowledged_offset_is_told_in_full(rig: Rig) -> None:
    rig.write("a.jsonl", natives("a", 0, 200))
    shipped(rig)
    for n in range(50, 100):
        delete_from_store(rig, f"a-{n}")
    report = verified(rig)
    assert (counts(report)["unexplained"], len(report.examples)) == (50, 10)


def test_the_text_names_file_offset_and_first_bytes_harmlessly(rig: Rig) -> None:
    rig.write("a.log", text("\x1b[31mred", 1))
    shipped(rig)
    delete_from_store(rig, "%red")
    told = logagent(rig, "verify", "--deep", "--watch", str(rig.logs), code=1)
    assert "a.log @ 0" in told
    assert "\\x1b[31mred" in told
    assert "\x1b" not in told


def test_no_store_is_said_and_none_is_made(rig: Rig) -> None:
    assert "is not there yet" in logagent(rig, "verify", "--watch", str(rig.logs), code=4)
    assert not (rig.state / "logs.db").exists()


# ---- beside a live daemon ---------------------------------------------------------------------------------------


def test_what_seems_unexplained_is_looked_at_again(rig: Rig) -> None:
    """A line that turns up between two looks (here: put back behind our back) was never missing."""
    rig.write("a.jsonl", natives("a", 0, 10))
    shipped(rig)
    shutil.copy(rig.state / "logs.db", rig.state / "whole")
    delete_from_store(rig, "a-4")

    def put_back(seconds: float) -> None:
        for name in ("logs.db", "logs.db-wal", "logs.db-shm"):
            (rig.state / name).unlink(missing_ok=True)
        shutil.copy(rig.state / "whole", rig.state / "logs.db")

    assert counts(verified(rig, sleep=put_back)) == {"stored": 10}


def test_a_file_deleted_between_two_looks_is_no_file_that_is_there(rig: Rig) -> None:
    path = rig.write("a.jsonl", natives("a", 0, 10))
    rig.write("b.jsonl", natives("b", 0, 10))
    shipped(rig)
    delete_from_store(rig, "a-4")
    report = verified(rig, sleep=lambda seconds: path.unlink(missing_ok=True))
    assert counts(report) == {"stored": 10}


def test_what_waits_of_compressed_files_is_told_with_the_reason(rig: Rig) -> None:
    whole = natives("a", 0, 5) + native("half")[:20]
    rig.write("a.log.gz", gzip.compress(whole.encode())[:-4])
    rig.write("b.log.gz", b"no gz at all")
    rig.start()
    rig.settle()
    report = verified(rig)
    assert (report.sum_of("waiting_bytes"), report.sum_of("pending_bytes")) == (20 + 12, 20)
    assert all("gz stream" in (file.trouble or "") for file in report.files)


def test_a_hole_of_many_pieces_is_skipped_as_one_by_the_daemon_and_by_verify(rig: Rig) -> None:
    path = rig.write("a.jsonl", "")
    os.truncate(path, 3 << 20)
    rig.write("a.jsonl", native("behind"))
    rig.start()
    rig.settle()
    assert rig.status().totals.by_rule == verified(rig).skipped == {"nul": 1}


def test_nothing_is_called_unexplained_beside_a_daemon_that_ships_and_rotates(rig: Rig) -> None:
    """A real daemon, a writer with rotations, truncations and packed generations, and verify over and over."""
    environ: dict[str, Any] = {"PATH": os.environ["PATH"], "HOME": str(rig.state), "PYTHONPATH": str(ROOT)}
    arguments = ["run", "--watch", str(rig.logs), "--state-dir", str(rig.state)]
    daemon = subprocess.Popen(
        [sys.executable, "-m", "logagent", *arguments], env=environ, cwd=rig.state, stderr=subprocess.DEVNULL
    )
    done = threading.Event()
    try:
        _until(lambda: (rig.state / "logs.db").exists(), done)
        writer = threading.Thread(target=_write_and_rotate, args=(rig, done))
        writer.start()
        try:
            while len(list(rig.logs.iterdir())) < 12:
                for is_deep in (True, False):
                    assert verified(rig, is_deep=is_deep, sleep=done.wait).examples == []
        finally:
            done.set()
            writer.join()
    finally:
        daemon.terminate()
        daemon.wait(20)


def _until(is_so: Callable[[], bool], pause: threading.Event, tries: int = 400) -> None:
    while not is_so():
        tries -= 1
        assert tries, "it never came to that"
        pause.wait(0.05)


def _write_and_rotate(rig: Rig, done: threading.Event) -> None:
    """Native and plain lines, renamed, packed or truncated every so often."""
    n = 0
    while not done.is_set():
        rig.write("a.jsonl", natives("a", n, 200))
        rig.write("b.log", text(f"b-{n}", n % 60) + TRACEBACK + "plain text\n")
        n += 200
        if n % 2000 == 0:
            (rig.logs / "a.jsonl").rename(rig.logs / f"a.jsonl.{n}")
        if n % 6000 == 0:
            packed = gzip.compress((rig.logs / f"a.jsonl.{n}").read_bytes(), 1)
            (rig.logs / f"a.jsonl.{n}.gz").write_bytes(packed)
            (rig.logs / f"a.jsonl.{n}").unlink()
        if n % 5000 == 0:
            shutil.copy(rig.logs / "b.log", rig.logs / f"b.log.{n}")
            os.truncate(rig.logs / "b.log", 0)
        done.wait(0.02)
