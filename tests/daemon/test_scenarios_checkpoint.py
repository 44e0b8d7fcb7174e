"""Scenarios: checkpoints that are damaged, lost, old, too new or cannot be written."""

from __future__ import annotations

import errno
import gzip
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from logagent.daemon.faults import POINTS
from logagent.errors import CheckpointTooNew, StateLocked, StoreUnavailable
from logagent.formats.status import decode_status
from tests.daemon.rig import Failing, Rig, expected, native, natives

CHECKPOINT_POINTS = [point for point in POINTS if "checkpoint" in point]
as_root = pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="only root may mount")

DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "cut": lambda data: data[: len(data) // 2],
    "a byte flipped": lambda data: data.replace(b'"offset":', b'"0ffset":', 1),
    "nuls": lambda data: b"\0" * len(data),
    "garbage": lambda data: bytes(range(256)) * 8,
    "another document": lambda data: b'{"hello": 1}\n',
    "a list": lambda data: b"[1, 2]\n",
    "deeply nested": lambda data: b"[" * 100_000,
    "a wrong checksum": lambda data: data.replace(b'"checksum":"', b'"checksum":"0', 1),
    "half of it twice": lambda data: data[: len(data) // 2] * 2,
}


def shipped(rig: Rig) -> Rig:
    """Ten lines stored over two generations of the checkpoint, five more on disk, the daemon stopped."""
    rig.write("a.jsonl", natives("a", 0, 5))
    rig.start()
    rig.settle()
    rig.write("a.jsonl", natives("a", 5, 5))
    rig.settle()
    rig.stop()
    rig.write("a.jsonl", natives("a", 10, 5))
    return rig


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_falls_back_to_the_previous_one(rig: Rig, damage: str) -> None:
    checkpoint = shipped(rig).state / "checkpoint.json"
    checkpoint.write_bytes(DAMAGES[damage](checkpoint.read_bytes()))
    rig.start()
    rig.settle()
    assert rig.counted() == expected("a", 15)
    assert any("checkpoint.json cannot be used" in reason for reason in rig.status().reasons)
    assert any(level == "WARNING" for level, _text in rig.log.said) or rig.status().reasons


@pytest.mark.parametrize("damage", DAMAGES)
def test_without_any_usable_checkpoint_everything_is_read_again_and_nothing_doubled(rig: Rig, damage: str) -> None:
    for checkpoint in shipped(rig).state.glob("checkpoint*.json"):
        checkpoint.write_bytes(DAMAGES[damage](checkpoint.read_bytes()))
    rig.start()
    rig.settle()
    assert rig.counted() == expected("a", 15)
    assert (rig.status().totals.stored, rig.status().totals.duplicates) == (5, 10)


def test_a_deleted_checkpoint_costs_a_re_read_and_no_double(rig: Rig) -> None:
    for checkpoint in shipped(rig).state.glob("checkpoint*"):
        checkpoint.unlink()
    rig.start()
    rig.settle()
    assert rig.counted() == expected("a", 15)
    assert any("no checkpoint was here" in reason for reason in rig.status().reasons)


def test_a_lost_checkpoint_doubles_no_text_folded_or_without_times(rig: Rig) -> None:
    head = "2026-01-31 14:03:11.123 | ERROR    | m:f:1 - failed\n"
    rig.write("folded.log", head + "Traceback:\n  File x\n" + head)
    rig.write("plain.log", "one\ntwo\n")
    rig.start()
    rig.rest(30)
    before = sorted(record.key for record in rig.records())
    rig.stop()
    for checkpoint in rig.state.glob("checkpoint*"):
        checkpoint.unlink()
    rig.start()
    rig.rest(30)
    assert sorted(record.key for record in rig.records()) == before
    assert len(before) == 4


def test_a_checkpoint_of_a_newer_version_is_refused_and_left_alone(rig: Rig) -> None:
    checkpoint = shipped(rig).state / "checkpoint.json"
    document = json.loads(checkpoint.read_text())
    newer = json.dumps({**document, "v": document["v"] + 1, "body": {"anything": "else"}})
    checkpoint.write_text(newer)
    with pytest.raises(CheckpointTooNew, match="run the newer logagent"):
        rig.start()
    assert checkpoint.read_text() == newer
    checkpoint.write_text(json.dumps(document))
    shutil.copy(rig.state / "checkpoint.previous.json", checkpoint)
    rig.start()  # and the refusal kept no lock
    rig.settle()
    assert rig.counted() == expected("a", 15)


def test_an_older_snapshot_of_the_state_doubles_nothing(rig: Rig) -> None:
    """As after power loss, or a restored backup of the state directory beside a newer store."""
    rig.write("a.jsonl", natives("a", 0, 5))
    rig.start()
    rig.settle()
    rig.stop()
    old = {path.name: path.read_bytes() for path in rig.state.glob("checkpoint*")}
    rig.write("a.jsonl", natives("a", 5, 5))
    rig.start()
    rig.settle()
    rig.stop()
    for name, content in old.items():
        (rig.state / name).write_bytes(content)
    rig.start()
    rig.settle()
    assert rig.counted() == expected("a", 10)
    assert rig.status().totals.duplicates == 5


def ship_now(rig: Rig) -> None:
    """All that is on disk; no time goes by, so no mark is due."""
    rig.look()
    rig.running.try_turn(flush=True)


def five_marked_and_five_not(rig: Rig) -> tuple[Path, dict[str, bytes]]:
    """Ten lines of one file are shipped; with the file, what of the store is synced."""
    path = rig.write("a.jsonl", natives("a", 0, 5))
    rig.start()
    rig.settle()
    synced = marked_now(rig)
    rig.write("a.jsonl", natives("a", 5, 5))
    ship_now(rig)
    return path, synced


def take_store_and_its_marks_away(rig: Rig) -> None:
    rig.take_store_away()
    assert rig.store is not None
    rig.store.mark = unavailable


def marked_now(rig: Rig) -> dict[str, bytes]:
    """The store's files at its mark; no other is due before time goes on."""
    rig.write("mark.jsonl", native("mark"))
    ship_now(rig)
    return store_files(rig)


def store_files(rig: Rig) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in rig.state.glob("logs.db*")}


def lose_power(rig: Rig, synced: dict[str, bytes]) -> None:
    """Of the store's files nothing is left but what was synced."""
    for path in rig.state.glob("logs.db*"):
        path.unlink()
    for name, content in synced.items():
        (rig.state / name).write_bytes(content)


def test_power_loss_in_an_outage_takes_nothing_that_the_checkpoint_counts_on(rig: Rig) -> None:
    """It takes what the store committed since its last mark, and the checkpoint is saved without a mark meanwhile."""
    _, synced = five_marked_and_five_not(rig)
    assert rig.counted() == expected("a", 10) + Counter(["mark"])
    take_store_and_its_marks_away(rig)
    rig.write("a.jsonl", natives("a", 10, 5))
    rig.rest(30)
    rig.kill()
    lose_power(rig, synced)
    rig.start()
    rig.settle()
    assert rig.counted() == expected("a", 15) + Counter(["mark"])
    assert rig.running.shipper.saving.rereads == []


def test_power_loss_in_an_outage_takes_nothing_from_a_packed_file_that_went_on_where_its_original_was(rig: Rig) -> None:
    """It knows no more of the store than its original did: that the last lines are there, but not to stay."""
    path, synced = five_marked_and_five_not(rig)
    (rig.logs / "a.jsonl.1.gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    ship_now(rig)
    take_store_and_its_marks_away(rig)
    rig.write("b.jsonl", natives("b", 0, 1))
    rig.rest(30)
    rig.kill()
    lose_power(rig, synced)
    rig.start()
    rig.rest(120)
    assert (rig.counted(), rig.losses()) == (expected("a", 10) + Counter(["mark", "b-0"]), [])
    assert rig.running.shipper.saving.rereads == []


def test_what_power_loss_takes_of_a_deleted_file_that_was_not_held_any_more_is_in_the_ledger(
    make_rig: Callable[..., Rig],
) -> None:
    """Its descriptor was needed for another file, and it was deleted before the store was marked."""
    rig = make_rig(max_open=1)
    path, synced = five_marked_and_five_not(rig)
    rig.write("b.jsonl", natives("b", 0, 1))
    rig.look()
    path.unlink()
    take_store_and_its_marks_away(rig)
    rig.rest(30)
    rig.kill()
    lose_power(rig, synced)
    rig.start()
    rig.rest(120)
    assert rig.counted() == expected("a", 5) + Counter(["mark", "b-0"])
    half = len(natives("a", 0, 5))
    assert rig.losses() == [("a.jsonl", half, half + len(natives("a", 5, 5)))]


@pytest.mark.parametrize("is_deleted", [False, True])
def test_power_loss_of_the_store_s_machine_alone_takes_nothing(rig: Rig, *, is_deleted: bool) -> None:
    """What was acknowledged since the last mark is sent again after any outage, though the daemon lived through it."""
    path = rig.write("a.jsonl", natives("a", 0, 5))
    rig.start()
    rig.settle()
    synced = store_files(rig)
    assert rig.store is not None
    rig.store.mark = unavailable
    rig.write("a.jsonl", natives("a", 5, 5))
    if is_deleted:
        path.unlink()
    rig.rest(30)
    assert (rig.status().state, rig.counted()) == ("outage", expected("a", 10))
    rig.store.inner.close()
    lose_power(rig, synced)
    rig.store.mark = rig.store.inner.mark
    rig.rest(120)
    assert rig.counted() == expected("a", 10)


def unavailable() -> NoReturn:
    raise StoreUnavailable("the store is away")


def test_a_temporary_checkpoint_left_by_power_loss_is_no_checkpoint(rig: Rig) -> None:
    (shipped(rig).state / "checkpoint.json.new").write_bytes(b"\0" * 100)
    rig.start()
    rig.settle()
    assert rig.counted() == expected("a", 15)
    assert rig.status().totals.duplicates == 0
    assert rig.status().reasons == ()


@pytest.mark.parametrize("point", CHECKPOINT_POINTS)
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_checkpoint_that_cannot_be_written_is_told_and_written_once_it_can(
    make_rig: Callable[..., Rig], point: str, number: int
) -> None:
    faults = Failing()
    rig = make_rig(faults=faults)
    rig.start()
    rig.settle()
    faults.errors[point] = OSError(number, os.strerror(number))
    rig.write("a.jsonl", natives("a", 0, 5))
    rig.settle()
    assert rig.counted() == expected("a", 5)
    assert rig.status().state == "degraded"
    assert any(os.strerror(number) in reason for reason in rig.status().reasons)
    faults.errors.clear()
    rig.rest(20)
    assert rig.status().state == "ok"
    told = f"the checkpoint cannot be written: {os.strerror(number)}"
    assert rig.log.said.count(("ERROR", f"degraded: {told}")) == 1
    assert rig.log.said.count(("WARNING", f"over: {told}")) == 1
    rig.stop()
    rig.start()
    rig.settle()
    assert (rig.counted(), rig.status().totals.duplicates) == (expected("a", 5), 0)


def test_without_hard_links_there_are_two_generations_all_the_same(make_rig: Callable[..., Rig]) -> None:
    faults = Failing()
    rig = make_rig(faults=faults)
    faults.errors["after_checkpoint_link"] = PermissionError(errno.EPERM, os.strerror(errno.EPERM))
    shipped(rig)
    checkpoint = rig.state / "checkpoint.json"
    checkpoint.write_bytes(b"")
    rig.start()
    rig.settle()
    assert rig.counted() == expected("a", 15)
    assert rig.status().state == "ok"
    assert rig.status().totals.duplicates < 10  # the previous generation knew some of them


@pytest.mark.parametrize("point", ["before_dead_letter", "after_dead_letter_fsync"])
def test_dead_letters_that_cannot_be_written_hold_the_batch_back(make_rig: Callable[..., Rig], point: str) -> None:
    """Dead letters stand before the store is asked: else a crash would lose the line."""
    faults = Failing()
    rig = make_rig(faults=faults)
    rig.start()
    faults.errors[point] = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    rig.write("a.jsonl", native("one") + "{broken\n" + native("two", 1))
    rig.rest(60)
    assert (rig.counted(), rig.status().state) == ({}, "outage")
    assert "dead letters cannot be written" in rig.status().reasons[0]
    assert (rig.status().store.state, rig.status().store.last_error) == ("ok", None)  # it is not the store
    faults.errors.clear()
    rig.rest(60)
    assert rig.counted() == {"one": 1, "two": 1}
    assert len({row["key"] for row in rig.journal("dead_letter.jsonl")}) == 1
    assert rig.status().state == "ok"


def test_a_ledger_that_cannot_be_written_is_written_later(make_rig: Callable[..., Rig]) -> None:
    faults = Failing()
    rig = make_rig(faults=faults)
    path = rig.write("a.jsonl", natives("a", 0, 5))
    size = path.stat().st_size
    rig.start()
    rig.take_store_away()
    rig.settle()
    rig.stop()
    path.unlink()
    faults.errors["before_ledger_write"] = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    rig.start()
    rig.rest(90)
    assert (rig.losses(), rig.status().state) == ([], "outage")
    faults.errors.clear()
    rig.rest(90)
    assert (rig.losses(), rig.status().state) == ([("a.jsonl", 0, size)], "ok")


@as_root
def test_a_full_state_directory_is_survived(make_rig: Callable[..., Rig]) -> None:
    """A real small file system: what does not fit is an outage or degraded, and heals when there is room again."""
    rig = make_rig()
    with mounted(rig.state, "size=2m"):
        rig.start()
        rig.write("a.jsonl", natives("a", 0, 5))
        rig.settle()
        (rig.state / "ballast").write_bytes(b"\0" * (rig_free(rig) - 8192))
        rig.write("a.jsonl", natives("a", 5, 2000) + "{broken\n" * 3)
        rig.rest(60)
        assert rig.status().state in ("outage", "degraded")
        assert rig.status().reasons
        on_disk = decode_status((rig.state / "status.json").read_bytes())
        assert on_disk is not None
        assert on_disk.state == rig.status().state  # written into the room that it has
        (rig.state / "ballast").unlink()
        rig.rest(60)
        assert rig.status().state == "ok"
        assert rig.counted() == expected("a", 2005)
        assert set(rig.rejected()) == {"bad_json"}
        rig.stop()


@as_root
def test_a_daemon_starts_on_a_state_directory_that_became_read_only_and_heals(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig()
    rig.store_url = f"sqlite://{rig.logs.parent}/logs.db"
    with mounted(rig.state, "size=2m"):
        shipped(rig)
        subprocess.run(["mount", "-o", "remount,ro", rig.state], check=True)
        daemon = rig.start()
        rig.settle()
        assert (rig.counted(), rig.status().state) == (expected("a", 15), "degraded")
        with pytest.raises(StateLocked):
            rig.start()
        rig.daemon = daemon
        subprocess.run(["mount", "-o", "remount,rw", rig.state], check=True)
        rig.write("a.jsonl", natives("a", 15, 5))
        rig.rest(20)
        assert (rig.counted(), rig.status().state) == (expected("a", 20), "ok")
        rig.stop()


def test_a_second_daemon_on_the_state_directory_is_refused_by_name(rig: Rig) -> None:
    first = rig.start()
    with pytest.raises(StateLocked, match=f"pid {os.getpid()}"):
        rig.start()
    rig.daemon = first


def test_a_lock_left_by_a_dead_daemon_holds_nobody_up(rig: Rig) -> None:
    (rig.state / "daemon.lock").write_text("999999\n")
    rig.start()
    assert (rig.state / "daemon.lock").read_text() == f"{os.getpid()}\n"


def rig_free(rig: Rig) -> int:
    return shutil.disk_usage(rig.state).free


class mounted:  # noqa: N801  reads as a word in `with mounted(...)`
    """A small tmpfs on a directory, gone at the end."""

    def __init__(self, point: Path, options: str) -> None:
        self._point = point
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", point], check=True)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        subprocess.run(["umount", "-l", self._point], check=True)
