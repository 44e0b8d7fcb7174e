"""Selective storage: what declared rules leave out, and that nothing depends on how a file was cut into blocks."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lines_corpus import CONTEXT, NOW_US, joined, lines, parse

from logagent.formats.lines import FileContext, Parsed, ParserState, parse_block
from logagent.formats.record import LogLine, Record
from logagent.formats.repeats import MAX_LINES, lines_told
from logagent.formats.storing import StoringRules, may_leave_out
from logagent.formats.times import utc_text

START_US = 1_782_907_200_000_000
ALL_RULES = StoringRules(
    min_level="INFO",
    min_level_by_script={"quiet": "ERROR"},
    always_keep_tags=frozenset({"audit"}),
    folds_repeats=True,
)
FOLDING = StoringRules(folds_repeats=True)


def under(rules: StoringRules, **changes: Any) -> FileContext:
    return msgspec.structs.replace(CONTEXT, storing=rules, **changes)


def log(message: str, second: float = 0, **fields: Any) -> bytes:
    line = {"v": 1, "kind": "log", "timestamp": utc_text(START_US + int(second * 1e6)), "message": message, **fields}
    return msgspec.json.encode(line)


def messages(parsed: Parsed) -> list[str]:
    return [record.line.message for record in parsed.records if isinstance(record.line, LogLine)]


def told(record: Record) -> dict[str, Any]:
    assert isinstance(record.line, LogLine)
    return msgspec.json.decode(record.line.extra_data)


# ---- least levels -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "is_stored"),
    [
        ({"level": "DEBUG", "level_no": 10}, False),
        ({"level": "INFO", "level_no": 20}, True),
        ({"level": "WARNING", "level_no": 30, "script_name": "quiet"}, False),
        ({"level": "ERROR", "level_no": 40, "script_name": "quiet"}, True),
        ({"level": "DEBUG", "level_no": 10, "tags": ["audit"]}, True),
        ({"level": "DEBUG", "level_no": 10, "tags": ["other"]}, False),
    ],
)
def test_a_line_below_its_scripts_least_level_is_left_out_unless_a_tag_keeps_it(fields, is_stored):
    parsed = parse(joined([log("m", **fields)]), under(ALL_RULES))
    assert (len(parsed.records), sum(parsed.left_out.values())) == ((1, 0) if is_stored else (0, 1))


def test_lines_that_are_no_log_or_name_no_level_are_always_stored():
    rest = (
        b'{"v":1,"kind":"run_start","timestamp":"2026-07-01T12:00:00.000000Z","execution_id":"r"}',
        b'{"v":1,"kind":"learning","timestamp":"2026-07-01T12:00:09.000000Z","learning_id":"lrn_1","learning":"x"}',
        b"words of no level",
    )
    parsed = parse(joined(rest), under(StoringRules(min_level="CRITICAL")))
    assert (len(parsed.records), parsed.left_out) == (3, {})


def test_what_is_left_out_is_counted_by_a_rule_that_says_what_it_can_mean():
    parsed = parse(joined([log("a", level="DEBUG", level_no=10), log("b")]), under(ALL_RULES))
    assert parsed.left_out == {"below INFO": 1}
    (kept,) = parsed.records
    assert (may_leave_out("below ERROR", kept), may_leave_out("below INFO", kept), may_leave_out("blank", kept)) == (
        True,
        False,
        False,
    )


# ---- repeats ------------------------------------------------------------------------------------------------------


def test_of_lines_that_say_the_same_the_first_stays_and_the_others_are_the_last_ones_record():
    parts = [log("again", n) for n in range(5)] + [log("other", 6)]
    plain, parsed = parse(joined(parts)), parse(joined(parts), under(FOLDING))
    assert messages(parsed) == ["again", "message repeated 4 times: again", "other"]
    folded, last = parsed.records[1], plain.records[4]
    assert (folded.key, folded.ts_us, folded.offset) == (last.key, last.ts_us, last.offset)
    assert told(folded) == {"repeated": 4, "first_key": plain.records[0].key, "last_key": last.key}
    assert (lines_told(folded), parsed.left_out) == (4, {"repeats": 3})


@pytest.mark.parametrize(
    "other",
    [
        {"execution_id": "r2"},
        {"level": "ERROR", "level_no": 40},
        {"line_number": 9},
        {"extra_data": {"row": 2}},
        {"exception": {"type": "E", "value": "", "traceback": "", "frames": []}},
    ],
)
def test_a_line_that_differs_in_more_than_its_time_says_something_else(other):
    parts = [log("m", 0), log("m", 1, **other), log("m", 2), log("m", 3, **other)]
    assert messages(parse(joined(parts), under(FOLDING))) == ["m"] * 4


def test_a_line_between_ends_a_group_be_it_blank_or_left_out():
    rules = StoringRules(min_level="INFO", folds_repeats=True)
    for between in (b"", b'{"broken', log("x", level="DEBUG", level_no=10)):
        parts = [log("m", 0), log("m", 1), between, log("m", 2), log("m", 3)]
        assert messages(parse(joined(parts), under(rules))) == ["m"] * 4


def test_a_group_is_bounded_in_lines_and_in_time():
    many = [log("m", n / 1000) for n in range(MAX_LINES + 4)]
    assert messages(parse(joined(many), under(FOLDING, max_line_bytes=1 << 20))) == [
        "m",
        f"message repeated {MAX_LINES} times: m",
        "m",
        "message repeated 2 times: m",
    ]
    slow = [log("m", 25 * n) for n in range(6)]
    assert messages(parse(joined(slow), under(FOLDING))) == ["m", "message repeated 2 times: m"] * 2


def test_a_group_is_held_until_the_next_line_and_takes_nothing_of_it_meanwhile():
    block = joined([log("m", n) for n in range(4)])
    first_end = block.index(b"\n") + 1
    held = parse_block(block, 0, under(FOLDING), ParserState(), now_us=NOW_US)
    assert (messages(held), held.consumed, held.left_out) == (["m"], first_end, {})
    closed = parse_block(block[first_end:], first_end, under(FOLDING), held.state, now_us=NOW_US, final=True)
    assert (messages(closed), closed.left_out) == (["message repeated 3 times: m"], {"repeats": 2})


def test_a_group_never_crosses_what_the_store_has():
    """What is read again beyond it is new to the store, so it must not vanish into a record that is there already."""
    block = joined([log("m", n) for n in range(8)])
    stored_end = len(block) // 2
    parsed = parse_block(block, 0, under(FOLDING), ParserState(), now_us=NOW_US, final=True, stored_end=stored_end - 1)
    assert messages(parsed) == ["m", "message repeated 3 times: m", "m", "message repeated 3 times: m"]


def test_a_line_that_only_looks_like_a_folded_one_stands_for_itself():
    forged = log(
        "message repeated 9 times: m",
        extra_data={"repeated": 9, "first_key": "a", "last_key": "00000000000000-0123456789abcdef"},
    )
    (record,) = parse(joined([forged])).records
    assert lines_told(record) == 1


def plain(record: Record) -> bytes:
    return msgspec.json.encode(record)


def by_chunks(block: bytes, cuts: list[int], context: FileContext) -> tuple[list[bytes], dict[str, int]]:
    """As the daemon does: whole lines up to each cut, what is not consumed again with the next; the state as JSON."""
    records: list[bytes] = []
    left_out: dict[str, int] = {}
    state, at = ParserState(), 0
    for end in sorted({block.rfind(b"\n", 0, cut) + 1 for cut in cuts} | {len(block)}):
        found = parse_block(block[at:end], at, context, state, now_us=NOW_US, final=end == len(block))
        state = msgspec.json.decode(msgspec.json.encode(found.state), type=ParserState)
        records += map(plain, found.records)
        left_out = {rule: left_out.get(rule, 0) + found.left_out.get(rule, 0) for rule in left_out | found.left_out}
        at += found.consumed
    assert at == len(block)
    return records, left_out


_said = st.lists(
    st.tuples(st.sampled_from([log("m", 1), log("m", 2), log("n", 3), log("m", 62.5), b"", b"{"]), st.integers(1, 6)),
    max_size=8,
).map(lambda runs: [line for line, times in runs for _ in range(times)])


@settings(max_examples=300, deadline=None)
@given(st.one_of(_said, lines, st.tuples(_said, lines).map(lambda two: two[0] + two[1] + two[0])), st.data())
def test_what_is_stored_does_not_depend_on_where_a_file_was_cut_into_blocks(parts, data):
    block = joined(parts)
    context = under(ALL_RULES)
    cuts = data.draw(st.lists(st.integers(0, len(block)), max_size=6))
    whole = parse(block, context)
    assert by_chunks(block, cuts, context) == (list(map(plain, whole.records)), dict(whole.left_out))


@settings(max_examples=200, deadline=None)
@given(st.one_of(_said, lines))
def test_every_record_of_the_plain_file_is_stored_folded_or_counted(parts):
    everything = {record.key: record for record in parse(joined(parts)).records}
    parsed = parse(joined(parts), under(ALL_RULES))
    assert {record.key for record in parsed.records} <= set(everything)
    assert len(parsed.records) + sum(parsed.left_out.values()) == len(everything)
    folded = sum(lines_told(record) - 1 for record in parsed.records)
    assert folded == parsed.left_out.get("repeats", 0)
