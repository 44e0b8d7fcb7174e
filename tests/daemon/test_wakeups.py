"""Wake-ups, for real: inotify and watchfiles over real directories."""

from __future__ import annotations

import ctypes
import errno
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from logagent.daemon.wakeups import Hint, InotifyWakeups, NoWakeups, Wakeups, WatchfilesWakeups
from tests.daemon.rig import Rig, expected, natives

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="inotify is Linux's")
pytestmark = linux


@pytest.fixture
def inotify(tmp_path: Path) -> Iterator[InotifyWakeups]:
    """Watches the test's directory."""
    with closing(InotifyWakeups()) as wakeups:
        assert wakeups.watch([os.fsencode(tmp_path)]) == [os.fsencode(tmp_path)]
        yield wakeups


def hinted(wakeups: Wakeups, is_there: Callable[[Hint], bool], timeout_s: float = 10.0) -> Hint:
    """Wait until the hints together hold what is looked for."""
    deadline, paths, is_everything = time.monotonic() + timeout_s, frozenset[bytes](), False
    while time.monotonic() < deadline:
        hint = wakeups.wait(0.2)
        paths, is_everything = paths | hint.paths, is_everything or hint.is_everything
        if is_there(Hint(paths, is_everything)):
            break
    return Hint(paths, is_everything)


def test_inotify_names_new_grown_renamed_and_deleted_files(inotify: InotifyWakeups, tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    for change in (path.touch, lambda: path.write_text("x"), lambda: path.rename(tmp_path / "b.log")):
        change()
        assert os.fsencode(path) in inotify.wait(5.0).paths
    (tmp_path / "b.log").unlink()
    assert os.fsencode(tmp_path / "b.log") in inotify.wait(5.0).paths


def test_inotify_names_files_whose_name_is_no_text(inotify: InotifyWakeups, tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/\xff\xfe.log"
    os.close(os.open(name, os.O_CREAT | os.O_WRONLY))
    assert name in inotify.wait(5.0).paths


def test_inotify_waits_no_longer_than_it_should_and_can_be_interrupted(inotify: InotifyWakeups) -> None:
    assert inotify.wait(0.01) == Hint()
    inotify.interrupt()
    began = time.monotonic()
    assert inotify.wait(30.0) == Hint()
    assert time.monotonic() - began < 10


def test_inotify_says_so_when_it_missed_something(inotify: InotifyWakeups, tmp_path: Path) -> None:
    """A real overflow of the kernel's queue: from then on anything may have changed."""
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    paths = [tmp_path / "a", tmp_path / "b"]
    for path in paths:
        path.touch()
    for n in range(limit + 100):
        os.utime(paths[n % 2])
    assert hinted(inotify, lambda hint: hint.is_everything).is_everything
    (tmp_path / "after").touch()
    assert os.fsencode(tmp_path / "after") in inotify.wait(5.0).paths


def test_a_directory_that_was_removed_and_made_again_is_watched_again(inotify: InotifyWakeups, tmp_path: Path) -> None:
    directory = tmp_path / "d"
    directories = [os.fsencode(tmp_path), os.fsencode(directory)]
    for _ in range(3):
        directory.mkdir()
        assert inotify.watch(directories) == [os.fsencode(directory)]
        (directory / "a.log").touch()
        assert (
            os.fsencode(directory / "a.log")
            in hinted(inotify, lambda hint: any(b"a.log" in p for p in hint.paths)).paths
        )
        (directory / "a.log").unlink()
        directory.rmdir()
        inotify.wait(0.5)


def test_a_directory_that_was_renamed_is_watched_under_its_new_name_and_its_old_one_again(
    inotify: InotifyWakeups, tmp_path: Path
) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    inotify.watch([os.fsencode(old)])
    old.rename(new)
    inotify.watch([os.fsencode(new)])
    (new / "a.log").touch()
    assert os.fsencode(new / "a.log") in inotify.wait(5.0).paths
    old.mkdir()
    assert inotify.watch([os.fsencode(old), os.fsencode(new)]) == [os.fsencode(old)]
    (old / "b.log").touch()
    assert os.fsencode(old / "b.log") in inotify.wait(5.0).paths


class FullLibc:
    """The C library on a machine where all inotify watches are taken."""

    def __init__(self, number: int) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._number = number

    def inotify_add_watch(self, *_: Any) -> int:
        ctypes.set_errno(self._number)
        return -1

    def __getattr__(self, name: str) -> Any:
        return getattr(self._libc, name)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES])
def test_directories_that_cannot_be_watched_are_told(tmp_path: Path, number: int) -> None:
    with closing(InotifyWakeups(FullLibc(number))) as wakeups:
        assert wakeups.watch([os.fsencode(tmp_path)]) == []
        assert wakeups.trouble is not None
        assert "found by sweeping" in wakeups.trouble


LIMITED = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from logagent.daemon.wakeups import InotifyWakeups, NoWakeups, open_wakeups
knob, expected = sys.argv[1].split("=")
try:
    Path("/proc/sys/user/" + knob).write_text("0")
except OSError:
    sys.exit(77)
wakeups = open_wakeups([b"/tmp"])
wakeups.watch([b"/tmp"])
assert type(wakeups).__name__ == expected, wakeups
assert "sweeping" in wakeups.trouble, wakeups.trouble
wakeups.close()
"""


@pytest.mark.parametrize("limit", ["max_inotify_watches=InotifyWakeups", "max_inotify_instances=NoWakeups"])
def test_a_machine_without_free_watches_or_instances_falls_back_to_sweeping_and_says_so(limit: str) -> None:
    """The kernel's own limits, set to 0 in a user namespace of its own."""
    root = str(Path(__file__).parent.parent.parent)
    ran = subprocess.run(
        ["unshare", "-U", "-r", sys.executable, "-c", LIMITED, limit, root], capture_output=True, text=True, timeout=60
    )
    if ran.returncode == 77 or "unshare" in ran.stderr:
        pytest.skip("no user namespaces here")
    assert ran.returncode == 0, ran.stderr


def test_without_wakeups_new_directories_are_swept_every_two_seconds_and_the_status_says_so(rig: Rig) -> None:
    rig.start()
    rig.wakeups.trouble = "the limit of inotify watches is reached"
    rig.running.look()
    rig.clock.advance(2.0)
    rig.running.look()
    rig.write("new/deep/a.jsonl", natives("a", 0, 3))
    rig.clock.advance(2.0)
    rig.running.look()
    for _ in range(3):
        rig.running.try_turn()
        rig.clock.advance(3.0)
    rig.running.try_turn()
    rig.running.shipper.settle()
    assert rig.counted() == expected("a", 3)
    assert (rig.status().state, rig.status().reasons) == ("degraded", ("the limit of inotify watches is reached",))


def test_no_wakeups_only_wait() -> None:
    with closing(NoWakeups("none here")) as wakeups:
        assert wakeups.wait(0.01) == Hint()
        wakeups.interrupt()
        assert wakeups.wait(30.0) == Hint()


def test_watchfiles_names_what_changed_also_in_nested_directories(tmp_path: Path) -> None:
    with closing(WatchfilesWakeups([os.fsencode(tmp_path)])) as wakeups:
        seen = Hint()
        for n in range(50):  # the library says not when it has begun to watch
            (tmp_path / f"{n}.log").touch()
            seen = hinted(wakeups, lambda hint: bool(hint.paths), 0.3)
            if seen.paths:
                break
        assert seen.paths
        (tmp_path / "x" / "y").mkdir(parents=True)
        seen = hinted(wakeups, lambda hint: any(b"/x" in path for path in hint.paths))
        assert any(b"/x" in path for path in seen.paths)
        assert wakeups.trouble is None


def test_watchfiles_survives_a_name_that_is_no_text(tmp_path: Path) -> None:
    """The library dies of it: that is told, everything is swept once, and it is started again."""
    odd = os.fsencode(tmp_path) + b"/\xff.log"
    with closing(WatchfilesWakeups([os.fsencode(tmp_path)], retry_s=1.0)) as wakeups:
        for _ in range(100):
            os.close(os.open(odd, os.O_CREAT | os.O_WRONLY))
            os.unlink(odd)
            if wakeups.wait(0.1).is_everything:
                break
        assert wakeups.trouble is not None
        assert "sweeping" in wakeups.trouble
        for n in range(50):
            (tmp_path / f"{n}.log").touch()
            if hinted(wakeups, lambda hint: bool(hint.paths), 0.3).paths:
                break
        assert wakeups.trouble is None


def test_watchfiles_waits_for_a_directory_that_is_not_there_yet(tmp_path: Path) -> None:
    """What cannot be watched is told, so that it is swept; and watched once it is there."""
    with closing(WatchfilesWakeups([os.fsencode(tmp_path / "later")], retry_s=0.05)) as wakeups:
        deadline = time.monotonic() + 10
        while wakeups.trouble is None and time.monotonic() < deadline:
            wakeups.wait(0.05)
        assert wakeups.trouble is not None
        (tmp_path / "later").mkdir()
        for n in range(50):
            (tmp_path / "later" / f"{n}.log").touch()
            if hinted(wakeups, lambda hint: bool(hint.paths), 0.3).paths:
                break
        assert wakeups.trouble is None
