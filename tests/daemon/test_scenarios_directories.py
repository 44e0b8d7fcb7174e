"""Scenarios: directories that come, go, cannot be read or are mounted elsewhere."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import pytest

from logagent.daemon.wakeups import Hint
from tests.daemon.rig import Rig, expected, native, natives

as_root = pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="only root may mount")


def test_nested_directories_made_later_with_files_in_them_are_found_by_the_next_sweep(rig: Rig) -> None:
    rig.start()
    rig.settle()
    rig.write("one/two/three/a.jsonl", natives("a", 0, 5))
    rig.clock.advance(2.0)
    rig.running.look()
    rig.turn()
    rig.settle()
    assert rig.counted() == expected("a", 5)


def test_nested_directories_are_found_at_once_from_the_hint_of_the_outermost(rig: Rig) -> None:
    rig.start()
    rig.write("one/two/three/a.jsonl", natives("a", 0, 5))
    rig.running.look(Hint(frozenset([os.fsencode(rig.logs / "one")])))
    while rig.running.try_turn(flush=True):
        pass
    rig.running.shipper.settle()
    assert rig.counted() == expected("a", 5)


def test_a_watched_directory_that_is_not_there_yet_is_told_and_then_read(rig: Rig) -> None:
    rig.roots = (rig.logs / "later",)
    rig.start()
    rig.turn()
    assert (rig.status().state, len(rig.status().reasons)) == ("degraded", 1)
    rig.write("later/a.jsonl", natives("a", 0, 3))
    rig.settle()
    assert rig.counted() == expected("a", 3)
    assert rig.status().state == "ok"


def test_what_was_unread_in_a_removed_directory_is_read_from_descriptors(rig: Rig) -> None:
    rig.start()
    rig.take_store_away()
    rig.write("d/a.jsonl", natives("a", 0, 5))
    rig.settle()
    shutil.rmtree(rig.logs / "d")
    rig.write("d/a.jsonl", natives("b", 0, 5))
    rig.settle()
    rig.bring_store_back()
    rig.rest(120)
    assert rig.counted() == expected("a", 5) + expected("b", 5)
    assert rig.losses() == []


def test_a_renamed_directory_keeps_its_files_places(rig: Rig) -> None:
    rig.write("d/a.jsonl", natives("a", 0, 5))
    rig.write("d/t.log", "untimed text\n")
    rig.start()
    rig.rest(30)
    (rig.logs / "d").rename(rig.logs / "e")
    rig.write("e/a.jsonl", natives("a", 5, 5))
    rig.rest(90)
    rig.stop()
    rig.start()
    rig.rest(30)
    assert rig.counted() == expected("a", 10) + Counter(["untimed text"])
    assert rig.losses() == []


def test_a_directory_moved_out_and_back_is_stored_once(rig: Rig) -> None:
    rig.write("d/a.jsonl", natives("a", 0, 5))
    rig.start()
    rig.settle()
    shutil.move(rig.logs / "d", rig.state.parent / "aside")
    rig.rest(300)
    shutil.move(rig.state.parent / "aside", rig.logs / "d")
    rig.write("d/a.jsonl", natives("a", 5, 5))
    rig.rest(30)
    assert rig.counted() == expected("a", 10)
    assert rig.losses() == []


def test_the_daemons_own_state_is_never_read(rig: Rig) -> None:
    """State below a watched directory: dead letters and ledger are JSON lines, and would feed themselves."""
    rig.roots = (rig.state.parent,)
    rig.write("a.jsonl", native("good") + "{broken\n")
    rig.start()
    rig.rest(60)
    assert rig.counted() == {"good": 1}
    assert len(rig.journal("dead_letter.jsonl")) == 1
    assert rig.status().totals.read == 2


@as_root
def test_a_mount_that_vanishes_and_comes_back_loses_no_place(rig: Rig) -> None:
    """Could not look is not deleted: another device under the path says that the mount is away."""
    source, point = rig.state.parent / "source", rig.logs / "mount"
    source.mkdir()
    point.mkdir()
    run("mount", "-t", "tmpfs", "none", source)
    try:
        run("mount", "--bind", source, point)
        rig.write("mount/a.jsonl", natives("a", 0, 5))
        rig.write("mount/unread.jsonl", native("half")[:20])
        rig.start()
        rig.settle()
        for is_running in (True, False):
            if not is_running:
                rig.stop()
            run("umount", "-l", point)
            if not is_running:
                rig.start()
            rig.rest(700)
            run("mount", "--bind", source, point)
            rig.rest(30)
        rig.write("mount/a.jsonl", natives("a", 5, 5))
        rig.write("mount/unread.jsonl", native("half")[20:])
        rig.rest(30)
        assert rig.counted() == expected("a", 10) + Counter(["half"])
        assert rig.losses() == []
        assert rig.status().totals.duplicates == 0
    finally:
        rig.close()
        subprocess.run(["umount", "-l", point], check=False, capture_output=True)
        run("umount", "-l", source)


@as_root
def test_files_below_a_mount_that_vanishes_are_not_taken_for_deleted(rig: Rig) -> None:
    """Neither in its directories, which are not there without it, nor where only a wake-up told of a file."""
    point = rig.logs / "mount"
    point.mkdir()
    run("mount", "-t", "tmpfs", "none", point)
    try:
        rig.start()
        path = rig.write("mount/deep/a.jsonl", natives("a", 0, 5) + native("half")[:20])
        hinted = rig.write("mount/b.jsonl", natives("b", 0, 5) + native("half")[:20])
        rig.running.look(Hint(frozenset({os.fsencode(path.parent), os.fsencode(hinted)})))
        rig.settle()
        rig.rest(700)  # no descriptor is held any more
        for is_running in (True, False):
            if not is_running:
                rig.stop()
            run("mount", "-t", "tmpfs", "none", rig.logs)
            try:
                if not is_running:
                    rig.start()
                rig.rest(120)
                assert (rig.losses(), rig.status().totals.lost_bytes) == ([], 0)
                assert any("file system that is not there" in reason for reason in rig.status().reasons)
            finally:
                run("umount", "-l", rig.logs)
            rig.rest(30)
            assert not any("file system that is not there" in reason for reason in rig.status().reasons)
        assert rig.counted() == expected("a", 5) + expected("b", 5)
        assert rig.status().totals.duplicates == 0
    finally:
        rig.close()
        run("umount", "-l", point)


def run(*command: str | Path) -> None:
    subprocess.run(command, check=True, capture_output=True)


PERMISSIONS = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from tests.daemon.rig import Rig, expected, natives

def warm_up(base):
    "Import what is imported late, while the interpreter's own files may be read."
    base.mkdir()
    rig = Rig(base)
    rig.write("a.jsonl", natives("a", 0, 1))
    rig.start()
    rig.settle()
    rig.counted()
    rig.stop()

base = Path(sys.argv[1])
warm_up(base / "warm")
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
rig = Rig(base)
path = rig.write("d/a.jsonl", natives("a", 0, 5))
other = rig.write("e/b.jsonl", natives("b", 0, 5))
path.chmod(0)
(rig.logs / "e").chmod(0)
rig.start()
rig.rest(30)
assert rig.status().state == "degraded", rig.status()
assert sum("ermission" in reason for reason in rig.status().reasons) == 2, rig.status().reasons
assert not rig.counted()
path.chmod(0o644)
(rig.logs / "e").chmod(0o755)
rig.rest(30)
assert rig.counted() == expected("a", 5) + expected("b", 5), rig.counted()
assert rig.status().state == "ok", rig.status().reasons
(rig.logs / "d").chmod(0)
(rig.logs / "e").chmod(0)
rig.rest(700)
rig.stop()
rig.start()
rig.rest(120)
assert rig.status().state == "degraded", rig.status()
(rig.logs / "d").chmod(0o755)
(rig.logs / "e").chmod(0o755)
rig.write("d/a.jsonl", natives("a", 5, 5))
rig.rest(30)
assert rig.counted() == expected("a", 10) + expected("b", 5)
assert rig.losses() == [] and rig.status().totals.duplicates == 0, (rig.losses(), rig.status().totals)
rig.stop()
"""


def test_what_may_not_be_read_is_told_and_read_once_it_may() -> None:
    """Files and directories without permission, at first and later, running and across a restart.

    Root may read everything, so another user does: in a process of its own.
    """
    base = Path(tempfile.mkdtemp())  # pytest's own directories are closed to other users
    if os.geteuid() == 0:
        os.chown(base, 65534, 65534)
    try:
        ran = subprocess.run(
            [sys.executable, "-c", PERMISSIONS, str(base), str(Path(__file__).parent.parent.parent)],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert ran.returncode == 0, ran.stderr[-3000:]
    finally:
        for directory in (base / "logs").glob("*"):
            directory.chmod(0o755)
        shutil.rmtree(base, ignore_errors=True)
