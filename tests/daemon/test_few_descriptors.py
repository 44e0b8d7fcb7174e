"""Too few descriptors for all files: each gets its turn, and none is taken for another meanwhile."""

from __future__ import annotations

import gzip
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from logagent.daemon.descriptors import ANOTHER_FILE, NO_DESCRIPTOR, Descriptors
from logagent.daemon.discovery import Sighting
from logagent.daemon.facts import facts_of, identity_at
from logagent.daemon.file import File
from logagent.daemon.identity import Identity
from tests.daemon.rig import Rig, expected, natives


def without_a_free_descriptor(make_rig: Callable[..., Rig]) -> Rig:
    """A daemon whose only descriptor is held by a deleted file, until that is let go."""
    rig = make_rig(max_open=1)
    deleted = rig.write("b.jsonl", natives("b", 0, 1))
    rig.start()
    rig.turn()
    deleted.unlink()
    rig.look()
    return rig


def in_an_outage_without_a_free_descriptor(make_rig: Callable[..., Rig]) -> Rig:
    """A daemon whose only descriptor is held by a file that cannot be shipped."""
    rig = make_rig(max_open=1)
    rig.write("b.jsonl", natives("b", 0, 1))
    rig.start()
    rig.take_store_away()
    rig.turn()
    return rig


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


def seen_as(path: Path, name: str, *, earlier_ns: int = 0) -> File:
    """A file as a look saw it under that name, so much before its inode changed last; never opened yet."""
    facts = path.stat()
    sighting = Sighting(
        os.fsencode(path.with_name(name)), facts.st_dev, facts.st_ino, facts.st_size, facts.st_ctime_ns - earlier_ns
    )
    return File(sighting, Identity(facts.st_dev, facts.st_ino, 0), None)


def test_an_inode_number_given_to_a_file_with_other_packing_before_it_was_opened_is_another_file(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.log.1.gz"
    path.write_bytes(gzip.compress(b"line\n"))
    file = seen_as(path, "b.log")
    assert not Descriptors(10).open(file, os.fsencode(path))
    assert file.trouble == ANOTHER_FILE


def test_an_inode_number_given_to_a_younger_file_before_it_was_opened_is_another_file(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"line\n")
    with path.open("rb") as opened:
        if facts_of(opened.fileno()).identity.birth < 1 << 32:
            pytest.skip("this file system keeps no birth times")
    file = seen_as(path, "a.log", earlier_ns=10**9)
    assert not Descriptors(10).open(file, os.fsencode(path))
    assert file.trouble == ANOTHER_FILE
    descriptors, same = Descriptors(10), seen_as(path, "a.log")
    assert descriptors.open(same, os.fsencode(path))
    descriptors.close(same)


def test_an_inode_number_given_to_another_file_is_told_without_a_descriptor(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"line\n")
    found = identity_at(os.fsencode(path))
    if found is None:
        pytest.skip("this file system keeps no birth times")
    file = seen_as(path, "a.log")
    for known_birth, trouble in ((found.birth, NO_DESCRIPTOR), (found.birth - 1, ANOTHER_FILE)):
        file.identity = Identity(file.identity.device, file.identity.inode, known_birth)
        assert not Descriptors(0).open(file, os.fsencode(path))
        assert file.trouble == trouble


def test_a_file_that_was_never_opened_is_told_from_the_next_with_its_inode_number(make_rig: Callable[..., Rig]) -> None:
    rig = in_an_outage_without_a_free_descriptor(make_rig)
    sizes = {}
    for name, lines in (("a.jsonl", 1), ("c.jsonl", 2)):
        path = rig.write(name, natives(name, 0, lines))
        sizes[name] = path.stat().st_size
        rig.look()
        path.unlink()
    rig.bring_store_back()
    rig.rest(60)
    assert rig.losses() == [(name, 0, size) for name, size in sizes.items()]


def test_what_was_lost_of_a_file_that_could_not_be_opened_is_told_by_the_name_it_was_seen_under(
    make_rig: Callable[..., Rig],
) -> None:
    rig = without_a_free_descriptor(make_rig)
    path = rig.write("a.jsonl", natives("a", 0, 1))
    rig.look()
    os.truncate(path, 0)
    path.rename(path.with_name("a.jsonl.1"))
    rig.rest(60)
    assert rig.losses() == [("a.jsonl", 0, len(natives("a", 0, 1)))]


def test_what_was_seen_of_a_file_that_could_not_be_opened_is_in_the_ledger_though_the_daemon_was_killed(
    make_rig: Callable[..., Rig],
) -> None:
    rig = without_a_free_descriptor(make_rig)
    rig.write("a.jsonl", "")
    rig.look()
    path = rig.write("a.jsonl", natives("a", 0, 1))
    rig.turn()
    rig.clock.advance(5)
    rig.turn()
    rig.kill()
    path.unlink()
    rig.start()
    rig.rest(60)
    assert rig.losses() == [("a.jsonl", 0, len(natives("a", 0, 1)))]


def test_what_was_seen_of_a_file_that_could_not_be_opened_is_in_the_ledger_though_its_inode_number_was_given_on(
    make_rig: Callable[..., Rig],
) -> None:
    rig = in_an_outage_without_a_free_descriptor(make_rig)
    for lines in (1, 2):
        path = rig.write("a.jsonl", natives("a", 0, lines))
        rig.look()
    size = path.stat().st_size
    path.unlink()
    rig.write("c.jsonl", natives("c", 0, 1))
    rig.look()
    rig.bring_store_back()
    rig.rest(60)
    assert rig.losses() == [("a.jsonl", 0, size)]


def test_what_was_seen_of_a_file_that_could_not_be_opened_is_in_the_ledger_though_it_was_cut_and_grew_since(
    make_rig: Callable[..., Rig],
) -> None:
    rig = make_rig(max_open=1)
    rig.write("b.jsonl", '{"half')
    rig.start()
    rig.turn()
    rig.take_store_away()
    rig.write("b.jsonl", " of a line}\n")  # from now on its descriptor cannot be had
    rig.turn()
    path = rig.write("a.jsonl", natives("a", 0, 3))
    rig.look()
    size = path.stat().st_size
    path.write_text(natives("b", 0, 2))
    rig.look()
    rig.write("a.jsonl", natives("b", 2, 9))
    rig.look()
    rig.bring_store_back()
    rig.rest(120)
    assert rig.counted() == expected("b", 11)
    assert rig.losses() == [("a.jsonl", 0, size)]


def test_what_was_seen_of_a_file_that_could_not_be_opened_is_in_the_ledger_though_it_was_cut_since(
    make_rig: Callable[..., Rig],
) -> None:
    rig = make_rig(max_open=1)
    kept = rig.write("a.jsonl", natives("a", 1, 1))
    rig.start()
    rig.settle()
    holder = rig.write("b.jsonl", natives("b", 1, 1) + '{"half')
    rig.turn()
    rig.take_store_away()
    rig.write("b.jsonl", " of a line}\n")  # from now on its descriptor cannot be had
    rig.turn()
    rig.write("a.jsonl", natives("a", 2, 3))
    rig.look()
    size = kept.stat().st_size
    os.truncate(kept, len(natives("a", 1, 1)))
    rig.look()
    rig.bring_store_back()
    rig.rest(120)
    assert holder.exists()
    assert rig.counted() == expected("a", 1, 1) + expected("b", 1, 1)
    assert rig.losses() == [("a.jsonl", len(natives("a", 1, 1)), size)]


def test_what_a_file_grew_by_that_could_not_be_opened_is_lost_with_what_was_known_of_it(
    make_rig: Callable[..., Rig],
) -> None:
    rig = in_an_outage_without_a_free_descriptor(make_rig)
    path = rig.write("a.jsonl", natives("a", 0, 1))
    rig.look()
    rig.stop()
    rig.write("a.jsonl", natives("a", 1, 4))
    rig.start()
    rig.take_store_away()
    rig.turn()
    path.unlink()
    rig.bring_store_back()
    rig.rest(60)
    assert rig.losses() == [("a.jsonl", 0, len(natives("a", 0, 5)))]
