"""The status tells the truth: forecast, copies, counts, and what the exit codes of the commands that show it mean."""

from __future__ import annotations

import gzip
import shutil
import time
from collections.abc import Callable

import msgspec
import pytest

from logagent.daemon.forecast import STEADY_S, Forecaster, Room
from logagent.errors import StoreCorrupt, StoreTooNew
from logagent.formats.redaction import Redaction
from logagent.formats.status import decode_status, encode_status
from logagent.formats.times import utc_text
from logagent.store.protocol import PruneCriteria
from tests.daemon.commands import logagent
from tests.daemon.rig import START_US, Rig, expected, native, natives


def test_the_room_that_is_filled_first_is_forecast() -> None:
    forecaster = Forecaster()
    forecaster.forecast([Room(0, 10_000, "of disk"), Room(0, 1_000, "of budget")], 0.0, is_reading=False)
    found = forecaster.forecast([Room(500, 9_500, "of disk"), Room(500, 500, "of budget")], 5.0, is_reading=False)
    assert (found.seconds, "of budget" in found.basis) == (5.0, True)


def test_what_is_being_read_threatens_only_while_it_grows_for_long() -> None:
    """Every burst is behind for a moment."""
    forecaster = Forecaster()
    waiting = {0.0: 0, 1.0: 1_000, STEADY_S - 1: 2_000, STEADY_S: 6_000, STEADY_S + 1: 0, STEADY_S + 2: 500}
    found = {at: forecaster.forecast([Room(size, 6_000, "")], at, is_reading=True) for at, size in waiting.items()}
    assert {at: forecast.seconds for at, forecast in found.items() if forecast.seconds} == {STEADY_S: STEADY_S}


@pytest.mark.parametrize(
    ("seconds", "text"), [(90, "90 s"), (150, "2 minutes"), (10_800, "3 hours"), (4e8, "4,630 days")]
)
def test_a_forecast_is_told_as_coarsely_as_it_is_known(rig: Rig, seconds: float, text: str) -> None:
    rig.start()
    rig.settle()
    path = rig.state / "status.json"
    status = decode_status(path.read_bytes())
    assert status is not None
    forecast = msgspec.structs.replace(status.forecast, seconds=seconds, basis="1 byte waits")
    path.write_bytes(encode_status(msgspec.structs.replace(status, forecast=forecast)))
    assert f"bytes may be lost in {text}: 1 byte waits" in logagent(rig, "status", code=1)


def test_an_outage_forecasts_when_deleted_bytes_are_given_up(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(max_deleted_bytes=1_000_000)
    rig.start()
    rig.settle()
    assert rig.status().forecast.seconds is None
    rig.take_store_away()
    for n in range(5):
        path = rig.write(f"{n}.jsonl", natives("a", 100 * n, 100))
        rig.rest(10)
        path.unlink()
    rig.rest(10)
    deleted = sum(file.lag for file in rig.status().files if file.state == "deleted")
    forecast = rig.status().forecast
    assert 0 < forecast.seconds < 60 * 1_000_000 / deleted
    assert f"{1_000_000 - deleted} bytes of max_deleted_bytes are left" in forecast.basis
    rig.bring_store_back()
    rig.rest(60)
    assert rig.status().forecast.seconds is None


def test_files_that_are_one_stream_are_told_the_one_seen_first_before_its_aliases(rig: Rig) -> None:
    rig.write("a.jsonl", natives("a", 0, 3))
    rig.write("other.jsonl", natives("b", 0, 3))
    rig.start()
    rig.settle()
    assert rig.status().copies == ()
    shutil.copy(rig.logs / "a.jsonl", rig.logs / "copy.jsonl")
    (rig.logs / "twin.jsonl.gz").write_bytes(gzip.compress((rig.logs / "a.jsonl").read_bytes()))
    rig.rest(10)
    (copies,) = rig.status().copies
    assert copies.path == str(rig.logs / "a.jsonl")
    assert sorted(copies.aliases) == [str(rig.logs / "copy.jsonl"), str(rig.logs / "twin.jsonl.gz")]
    for name in ("copy.jsonl", "twin.jsonl.gz"):
        (rig.logs / name).unlink()
    rig.rest(120)
    assert (rig.status().copies, rig.status().copies_total) == ((), 0)


def test_a_loss_of_which_nobody_knows_the_size_is_told_all_the_same(rig: Rig) -> None:
    packed = gzip.compress(natives("a", 0, 500).encode())
    (rig.logs / "a.jsonl.gz").write_bytes(packed[: len(packed) // 2])
    rig.start()
    rig.rest(120)
    totals = rig.status().totals
    assert (len(rig.losses()), totals.unknown_ends, totals.lost_bytes) == (1, 1, 0)


def test_what_was_masked_and_what_was_pruned_already_is_counted(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(redaction=Redaction())
    rig.write("a.jsonl", native("password=hunter2 and token=abcdefghijklmnop"))
    rig.start()
    rig.settle()
    assert rig.status().totals.redacted == 2
    assert rig.store is not None
    rig.store.prune(PruneCriteria(before_us=START_US + 1_000_000_000), limit=10)
    rig.stop()
    for checkpoint in rig.state.glob("checkpoint*"):
        checkpoint.unlink()
    rig.clock.advance(2_000_000)
    rig.start()
    rig.settle()
    totals = rig.status().totals
    assert (totals.read, totals.stored, totals.expired) == (1, 0, 1)


@pytest.mark.parametrize(("max_open", "pending"), [(0, 0), (900, 20)])
def test_a_file_that_cannot_be_opened_is_not_said_to_wait_for_a_newline(
    make_rig: Callable[..., Rig], max_open: int, pending: int
) -> None:
    rig = make_rig(max_open=max_open)
    rig.write("a.jsonl", native("half")[:20])
    rig.start()
    rig.settle()
    assert [(file.lag, file.pending_bytes) for file in rig.status().files] == [(20, pending)]


def test_full_dead_letters_are_a_reason(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(max_dead_letter_bytes=500)
    rig.write("a.jsonl", "{broken\n" * 10)
    rig.start()
    rig.settle()
    assert (rig.status().state, len(rig.losses())) == ("degraded", 10)
    assert "dead letters are full (500 bytes)" in rig.status().reasons[0]
    assert sum("degraded: dead letters are full" in text for _level, text in rig.log.said) == 1


def test_a_damaged_store_is_told_in_a_sentence_and_waited_for(rig: Rig) -> None:
    rig.write("a.jsonl", natives("a", 0, 3))
    rig.on_open_store = lambda store: setattr(store, "prepare", damaged)
    rig.start()
    rig.rest(30)
    assert rig.status().reasons == ("it is damaged",)
    assert not any("Traceback" in text for _level, text in rig.log.said)
    assert rig.store is not None
    del rig.store.prepare
    rig.rest(60)
    assert rig.counted() == expected("a", 3)


def damaged() -> None:
    raise StoreCorrupt("it is damaged")


def too_new() -> None:
    raise StoreTooNew("made by a newer logagent")


def test_a_store_of_a_newer_version_ends_the_daemon(rig: Rig) -> None:
    """No waiting mends that; `logagent run` ends with 2."""
    rig.on_open_store = lambda store: setattr(store, "prepare", too_new)
    rig.start()
    with pytest.raises(StoreTooNew):
        rig.turn()


def told(rig: Rig, **fields: object) -> None:
    """A daemon that is well but for these fields of its status, which it says it wrote just now."""
    rig.clock.step_wall(time.time() - rig.clock.now_us() / 1e6)
    rig.start()
    rig.settle()
    path = rig.state / "status.json"
    status = decode_status(path.read_bytes())
    assert status is not None
    path.write_bytes(encode_status(msgspec.structs.replace(status, **fields)))


@pytest.mark.parametrize(
    ("fields", "code", "word"),
    [
        pytest.param({}, 0, "ok  pid", id="well"),
        pytest.param({"state": "degraded"}, 1, "degraded", id="degraded"),
        pytest.param({"pid": 4_194_304 + 7}, 1, "gone (was ok)", id="its process is gone"),
        pytest.param({"updated_at": utc_text(START_US)}, 1, "s old", id="not heard of"),
    ],
)
def test_status_exits_0_only_while_the_daemon_is_well_and_there(
    rig: Rig, fields: dict[str, object], code: int, word: str
) -> None:
    told(rig, **fields)
    assert word in logagent(rig, "status", code=code)


def test_doctor_tells_of_a_daemon_that_is_not_heard_of(rig: Rig) -> None:
    rig.start()
    rig.settle()
    path = rig.state / "status.json"
    assert "s old: it is gone or hangs" in logagent(rig, "doctor", code=1)
    path.write_bytes(path.read_bytes()[:50])
    assert "cannot be read as a status" in logagent(rig, "doctor", code=1)


def test_doctor_tells_of_a_daemon_that_stopped_as_it_was_told_to(rig: Rig) -> None:
    """However long ago that was: it does not hang."""
    rig.start()
    rig.settle()
    rig.stop()
    said = logagent(rig, "doctor", code=1)
    assert "s ago, as it was told to: nothing is read, it was 0 bytes behind" in said
    assert "hangs" not in said


def test_doctor_tells_at_once_of_a_daemon_that_ended_without_a_word(rig: Rig) -> None:
    told(rig, pid=2**22 + 1)
    assert f"(pid {2**22 + 1}) is gone" in logagent(rig, "doctor", code=1)


def test_doctor_knows_what_mends_a_store_that_is_not_there(rig: Rig) -> None:
    """No server has to be started for a file."""
    said = logagent(rig, "doctor", "--store", f"sqlite://{rig.state}/other.db", code=1)
    assert said.splitlines()[-1] == "     mend: logagent init"
    said = logagent(rig, "doctor", "--store", "arangodb://nobody@127.0.0.1:1/logs", code=1)
    assert "bad  no password for arangodb://nobody@127.0.0.1:1/logs" in said.splitlines()[-1]


@pytest.mark.parametrize("days", ["nan", "inf", "1e30", "-1"])
def test_a_prune_refuses_days_that_are_none(rig: Rig, days: str) -> None:
    """Below zero everything would go that was ever stored."""
    rig.start()
    rig.settle()
    said = logagent(rig, "prune", "--older-than", days, code=2)
    assert "days, from 0 to 36500" in said and "Traceback" not in said


def test_a_prune_takes_no_reference_for_an_id(rig: Rig) -> None:
    """It would find no such run, and say that all went well."""
    rig.start()
    rig.settle()
    assert "--run takes a whole id" in logagent(rig, "prune", "--run", "@last", code=2)


def test_a_drain_tells_what_it_could_not_read(rig: Rig) -> None:
    """`logagent run --once` ends with 1 then: it is not done."""
    packed = gzip.compress(natives("a", 0, 500).encode())
    (rig.logs / "a.jsonl.gz").write_bytes(packed[: len(packed) // 2])
    said = logagent(rig, "run", "--once", "--watch", str(rig.logs), code=1)
    assert f"not read: {rig.logs}/a.jsonl.gz: gz stream without its end" in said
    (rig.logs / "a.jsonl.gz").write_bytes(packed)
    rig.start()
    assert rig.running.drain(60.0, lambda done, total: None).unread == []
    rig.running.close()
    rig.daemon = None
