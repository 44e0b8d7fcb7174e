"""Selective storage in the daemon: counted per rule and file, harmless to read again, understood by verify."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from logagent.daemon.checkpoint import decode_checkpoint
from logagent.errors import StoreUnavailable
from logagent.formats.storing import StoringRules
from tests.daemon.commands import delete_from_store
from tests.daemon.rig import Rig, native
from tests.daemon.test_verification import counts, verified

RULES = StoringRules(min_level="INFO", always_keep_tags=frozenset({"audit"}), folds_repeats=True)


def declare(rig: Rig, rules: StoringRules | None) -> None:
    """From the next start on, these rules hold."""
    context = msgspec.structs.replace(rig.rules.context, storing=rules)
    rig.rules = msgspec.structs.replace(rig.rules, context=context)


def debug(message: str, at: int, **fields: object) -> str:
    return native(message, at, level="DEBUG", level_no=10, **fields)


def repeats(message: str, first: int, count: int) -> str:
    return "".join(native(message, at) for at in range(first, first + count))


def run_under(rig: Rig, rules: StoringRules | None) -> None:
    """Start with these rules, ship what is there, stop."""
    declare(rig, rules)
    rig.start()
    rig.rest(30)
    rig.stop()


MIXED = debug("no", 0) + native("yes", 1) + debug("kept", 2, tags=["audit"]) + repeats("again", 3, 6) + native("end", 9)
STORED = ["yes", "kept", "again", "message repeated 5 times: again", "end"]


def test_what_rules_leave_out_is_counted_by_rule_in_status_and_per_file_in_the_checkpoint(rig: Rig) -> None:
    declare(rig, RULES)
    rig.write("a.jsonl", MIXED)
    rig.start()
    rig.rest(30)
    assert rig.messages() == STORED
    assert rig.status().totals.by_rule == {"below INFO": 1, "repeats": 4}
    rig.stop()
    (entry,) = decode_checkpoint((rig.state / "checkpoint.json").read_bytes()).files
    assert entry.cursor.left_out == {"below INFO": 1, "repeats": 4}


def test_verify_explains_every_line_under_the_rules_that_hold(rig: Rig) -> None:
    rig.write("a.jsonl", MIXED)
    run_under(rig, RULES)
    report = verified(rig)
    assert (counts(report), report.skipped) == ({"stored": 9}, {"below INFO": 1})
    assert counts(verified(rig, is_deep=False)) == {"stored": 9}


def test_verify_explains_lines_that_a_rule_left_out_which_holds_no_more(rig: Rig) -> None:
    rig.write("a.jsonl", MIXED)
    run_under(rig, RULES)
    rig.write("a.jsonl", debug("now stored", 20))
    run_under(rig, None)
    report = verified(rig)
    assert rig.messages() == [*STORED, "now stored"]
    assert (counts(report), report.skipped) == ({"stored": 10}, {"below INFO": 1})


def test_verify_takes_no_folded_line_and_no_lower_line_for_what_another_rule_left_out(rig: Rig) -> None:
    """Of two rules that may have left out a line, and a record that it may be in, each line gets its own."""
    rig.write(
        "a.jsonl",
        debug("no", 0, script_name="etl")
        + repeats("again", 1, 3)
        + debug("no", 4)
        + debug("kept", 5, tags=["audit"])
        + native("no", 6, script_name="etl"),
    )
    run_under(rig, msgspec.structs.replace(RULES, min_level_by_script={"etl": "WARNING"}))
    assert rig.messages() == ["again", "message repeated 2 times: again", "kept"]
    report = verified(rig)
    assert (counts(report), report.skipped) == ({"stored": 4}, {"below INFO": 1, "below WARNING": 2})


def test_a_line_that_was_stored_and_is_gone_is_not_excused_by_a_rule_declared_later(rig: Rig) -> None:
    rig.write("a.jsonl", "".join(debug(f"d-{n}", n) for n in range(4)))
    run_under(rig, None)
    delete_from_store(rig, "d-1")
    declare(rig, RULES)
    assert counts(verified(rig)) == {"stored": 3, "unexplained": 1}


def test_the_lines_of_a_folded_record_that_is_gone_are_unexplained(rig: Rig) -> None:
    rig.write("a.jsonl", MIXED)
    run_under(rig, RULES)
    delete_from_store(rig, "message repeated%")
    assert counts(verified(rig)) == {"stored": 4, "unexplained": 5}


def test_a_group_waits_for_quiet_and_is_then_stored(rig: Rig) -> None:
    declare(rig, RULES)
    rig.write("a.jsonl", repeats("again", 0, 4))
    rig.start()
    rig.turn()
    rig.clock.advance(3.0)
    rig.turn()
    assert rig.messages() == ["again"]
    rig.settle()
    assert rig.messages() == ["again", "message repeated 3 times: again"]


def test_groups_that_pauses_made_are_explained_though_verify_sees_one(rig: Rig) -> None:
    declare(rig, RULES)
    rig.start()
    for first in (0, 4, 8):
        rig.write("a.jsonl", repeats("again", first, 4))
        rig.rest(20)
    rig.stop()
    assert rig.messages() == ["again", "message repeated 3 times: again"] * 3
    assert counts(verified(rig)) == {"stored": 12}


def test_reading_again_without_a_checkpoint_adds_nothing_and_loses_nothing(rig: Rig) -> None:
    """The store ends within what would be one group now: lines beyond it stay lines beyond it."""
    rig.write("a.jsonl", repeats("again", 0, 4))
    run_under(rig, RULES)
    for name in ("checkpoint.json", "checkpoint.previous.json"):
        (rig.state / name).unlink(missing_ok=True)
    rig.write("a.jsonl", repeats("again", 4, 4))
    run_under(rig, RULES)
    assert rig.messages() == ["again", "message repeated 3 times: again"] * 2
    assert counts(verified(rig)) == {"stored": 8}


def test_a_lost_reply_makes_no_second_record(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(batch_size=1)
    declare(rig, RULES)
    rig.start()
    assert rig.store is not None

    def lose(_batch: object) -> None:
        raise StoreUnavailable("the reply was lost")

    rig.store.after = lose
    rig.write("a.jsonl", repeats("again", 0, 4))
    rig.settle()
    rig.write("a.jsonl", repeats("again", 4, 4))
    rig.rest(60)
    rig.store.after = lambda batch: None
    rig.rest(60)
    rig.stop()
    stored = rig.messages()
    assert stored[0] == "again" and counts(verified(rig)) == {"stored": 8}
    assert len({record.key for record in rig.records()}) == len(stored)


def test_rules_that_are_declared_by_a_reload_hold_for_files_followed_already(rig: Rig) -> None:
    rig.start()
    rig.write("a.jsonl", debug("before", 0))
    rig.settle()
    declare(rig, RULES)
    rig.running.files.apply(rig.rules)
    rig.write("a.jsonl", debug("after", 1) + native("info", 2))
    rig.settle()
    assert rig.messages() == ["before", "info"]
