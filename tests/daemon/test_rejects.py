"""`logagent rejects`: dead letters are listed once each, shown harmlessly, and replayed without doubles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import msgspec
import pytest

from logagent.daemon.dead_letter import dead_letter
from logagent.daemon.letters import Letter, LetterBox
from logagent.daemon.replay import Replay, read_again, replay
from logagent.errors import RecordRejected
from logagent.formats.key import hash_prefix, line_hash
from logagent.formats.record import LogLine, Origin, Record, Reject
from logagent.store import open_store
from tests.daemon.commands import logagent, logagent_json
from tests.daemon.rig import START_US, Rig, native, natives

BROKEN = '{"level": "INFO", "message": "cut of'
DEEP = '{"a":' * 150 + "1" + "}" * 150


@pytest.fixture
def letters(rig: Rig) -> Rig:
    """A rig whose daemon wrote three dead letters among ten stored lines, and stopped."""
    rig.write("a.jsonl", natives("a", 0, 10) + f"{BROKEN}\n{DEEP}\n" + BROKEN + "!\n")
    rig.start()
    rig.settle()
    rig.stop()
    return rig


def lettered(line: bytes, offset: int = 0, reason: str = "bad_json") -> Reject:
    """A reject of today's file `a.jsonl`, as another parser might have made it."""
    origin = Origin("testhost", "a.jsonl", 77)
    return Reject(reason, "", offset, line_hash(hash_prefix(77), offset, line), len(line), origin, line)


def put(rig: Rig, *rejects: Reject) -> LetterBox:
    """Write dead letters as the daemon does."""
    with (rig.state / "dead_letter.jsonl").open("ab") as file:
        for reject in rejects:
            file.write(msgspec.json.encode(dead_letter(reject, START_US)) + b"\n")
    return LetterBox(str(rig.state))


def replayed(rig: Rig, box: LetterBox) -> Replay:
    """Replay all letters into the rig's store."""
    store = open_store(rig.store_url)
    try:
        store_id = store.prepare().store_id
        return replay(box.letters(), box, store, store_id, rig.rules.context, START_US + 60_000_000)
    finally:
        store.close()


def test_the_list_counts_by_reason_and_shows_the_newest_first(letters: Rig) -> None:
    listed = logagent_json(letters, "rejects", "list")
    assert (listed["total"], listed["returned"]) == (3, 3)
    assert Counter({row["reason"]: row["count"] for row in listed["reasons"]}) == Counter(bad_json=2, too_deep=1)
    assert [item["line"][-2:] for item in listed["items"]] == ["f!", "}}", "of"]


def test_a_bounded_list_says_how_many_there_are(letters: Rig) -> None:
    text = logagent(letters, "rejects", "list", "--limit", "1")
    assert "3 dead letters" in text
    assert "1 of 3" in text


def test_a_letter_that_was_written_twice_is_one(letters: Rig) -> None:
    path = letters.state / "dead_letter.jsonl"
    path.write_bytes(path.read_bytes() * 2 + b'{"v":1,"key":"torn')
    assert logagent_json(letters, "rejects", "list")["total"] == 3


def test_a_list_without_any_letters_says_so(rig: Rig) -> None:
    assert "0 dead letters" in logagent(rig, "rejects", "list")


def test_a_letter_is_shown_by_a_prefix_of_its_key_or_of_its_hash(letters: Rig) -> None:
    key = letters.journal("dead_letter.jsonl")[0]["key"]
    for name in (key, key[:30], "#" + key[-16:-8], key[-16:]):
        assert logagent_json(letters, "rejects", "show", name)["key"] == key


def test_a_prefix_that_no_letter_or_several_have_is_refused_with_a_reason(letters: Rig) -> None:
    assert "no dead letter" in logagent(letters, "rejects", "show", "#ffffffffffffffff", code=3)
    assert "3 dead letters begin" in logagent(letters, "rejects", "show", "0000", code=3)


def test_a_shown_line_cannot_steer_a_terminal(rig: Rig) -> None:
    put(rig, lettered(b"{ \x1b[31mred \xff\x07 \xe2\x80\xae"))
    shown = logagent(rig, "rejects", "show", "0000")
    assert "{ \\x1b[31mred \\xff\\x07 \\u202e" in shown
    assert not set(shown) & {"\x1b", "\x07", "‮"}


def test_what_still_fails_stays(letters: Rig) -> None:
    text = logagent(letters, "rejects", "replay")
    assert "3 dead letters tried: 0 stored, 0 already there, 0 expired, 3 still fail" in text
    assert logagent_json(letters, "rejects", "list")["total"] == 3


def test_what_parses_now_is_stored_once_and_open_no_more(letters: Rig) -> None:
    box = put(letters, lettered(native("mended", 5).strip().encode()))
    assert "1 stored" in logagent(letters, "rejects", "replay")
    assert letters.counted()["mended"] == 1
    assert "0 stored, 1 already there" in logagent(letters, "rejects", "replay")
    assert letters.counted()["mended"] == 1
    listed = logagent_json(letters, "rejects", "list")
    assert (listed["total"], listed["replayed"]) == (3, 1)
    assert len(box.replayed()) == 1


def test_a_replay_takes_only_the_reason_or_the_keys_it_is_given(letters: Rig) -> None:
    first, second = (lettered(native(name, 5).strip().encode(), 5) for name in ("first", "second"))
    put(letters, first, second)
    assert "1 dead letters tried: 1 stored" in logagent(letters, "rejects", "replay", second.key)
    assert (letters.counted()["first"], letters.counted()["second"]) == (0, 1)
    assert "1 dead letters tried" in logagent(letters, "rejects", "replay", "--reason", "too_deep")


def test_a_replayed_line_has_the_key_that_a_re_read_gives_it(rig: Rig) -> None:
    """A line that a former parser refused, replayed, then read again from its file: one record."""
    rig.write("a.jsonl", natives("a", 0, 3))
    rig.start()
    rig.settle()
    record = rig.records()[1]
    rig.stop()
    line = native("a-1", 1).strip().encode()
    refused = Reject("bad_json", "", record.offset, record.hash, len(line), record.origin, line)
    box = put(rig, refused)
    result = replayed(rig, box)
    assert (result.stored, result.already_there) == (0, 1)


def test_a_store_restored_from_before_a_replay_gets_the_lines_again(letters: Rig) -> None:
    box = put(letters, lettered(native("mended", 5).strip().encode()))
    replayed(letters, box)
    (letters.state / "logs.db").unlink()
    assert replayed(letters, box).stored == 1


def test_an_overlong_line_is_replayed_cut_under_its_own_hash(rig: Rig) -> None:
    reject = msgspec.structs.replace(lettered(native("x" * 50, 1).strip().encode()[:200]), length=10_000, hash=99)
    put(rig, reject)
    letter = next(iter(LetterBox(str(rig.state)).letters()))
    record = read_again(letter, rig.rules.context)
    assert isinstance(record, Record)
    assert (record.hash, record.length) == (99, 10_000)


def test_a_letter_that_holds_only_what_was_understood_keeps_its_key(rig: Rig) -> None:
    understood = msgspec.json.encode(LogLine(timestamp="2026-11-22T15:00:00.000000Z", message="understood"))
    reject = msgspec.structs.replace(lettered(understood, 40, "store_refused:1"), hash=4711, length=9000)
    put(rig, reject)
    record = read_again(next(iter(LetterBox(str(rig.state)).letters())), rig.rules.context)
    assert isinstance(record, Record)
    assert record.key == reject.key
    assert isinstance(record.line, LogLine) and record.line.message == "understood"


def test_a_line_without_a_time_is_replayed_at_the_time_it_was_refused(rig: Rig) -> None:
    put(rig, lettered(b'{"msg": "no time"}'))
    record = read_again(next(iter(LetterBox(str(rig.state)).letters())), rig.rules.context)
    assert isinstance(record, Record)
    assert record.ts_us == START_US


def test_a_record_that_the_store_refuses_again_does_not_keep_the_others_out(rig: Rig) -> None:
    class Picky:
        def __init__(self) -> None:
            self.inner = open_store(rig.store_url)
            self.inner.prepare()

        def append(self, batch: object) -> object:
            if any(record.line.message == "poison" for record in batch.records):  # type: ignore[attr-defined]
                raise RecordRejected("no", number=7)
            return self.inner.append(batch)  # type: ignore[arg-type]

    box = put(rig, *(lettered(native(name, n).strip().encode(), n) for n, name in enumerate(("a", "poison", "b"))))
    store = Picky()
    result = replay(box.letters(), box, store, "id", rig.rules.context, START_US)  # type: ignore[arg-type]
    store.inner.close()
    assert (result.stored, result.failing) == (2, Counter({"store_refused:7": 1}))
    assert len(box.replayed()) == 2


def test_a_replay_runs_beside_a_daemon(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig()
    rig.start()
    rig.write("a.jsonl", natives("a", 0, 5))
    rig.settle()
    put(rig, lettered(native("mended", 5).strip().encode()))
    assert "1 stored" in logagent(rig, "rejects", "replay")
    rig.write("a.jsonl", natives("a", 5, 5))
    rig.settle()
    assert rig.counted().total() == 11


def test_a_replay_makes_no_store(rig: Rig) -> None:
    put(rig, lettered(native("mended", 5).strip().encode()))
    assert "is not there yet" in logagent(rig, "rejects", "replay", code=4)


def test_letters_keep_bytes_that_are_no_text(rig: Rig) -> None:
    put(rig, lettered(b"\xff\xfe{"))
    letter = next(iter(LetterBox(str(rig.state)).letters()))
    assert isinstance(letter, Letter)
    assert letter.raw == b"\xff\xfe{"
