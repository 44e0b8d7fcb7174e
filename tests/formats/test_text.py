"""Plain text: heads, continuations, logfmt, and any other line as a message."""

from __future__ import annotations

from datetime import timedelta, timezone

import msgspec
import pytest
from lines_corpus import CONTEXT, NOW_US, joined, only, parse

from logagent.formats.lines import FileContext, ParserState, parse_block, parse_cut, parse_unterminated
from logagent.formats.record import Flag, TimeSource

HEAD = b"2026-07-01 12:00:04.123 | ERROR    | app.jobs:main:9 - it broke"
TRACE = (
    b"Traceback (most recent call last):",
    b'  File "/app/etl.py", line 9, in main',
    b"    raise ValueError('a')",
    b"ValueError: a",
)
NATIVE = b'{"v":1,"kind":"log","timestamp":"2026-07-01T12:00:05.000000Z","message":"native"}'


def test_a_head_line_gives_time_level_place_and_message():
    """loguru's default format."""
    record = only(HEAD)
    line = record.line
    assert (line.level, line.function_name, line.line_number, line.message) == ("ERROR", "main", 9, "it broke")
    assert line.timestamp == "2026-07-01T12:00:04.123000Z"
    assert bytes(line.extra_data) == b'{"name":"app.jobs"}'


def test_a_time_without_a_zone_is_one_of_the_zone_that_is_set():
    """loguru's text has local times."""
    context = FileContext(CONTEXT.origin, "etl", naive_timezone=timezone(timedelta(hours=2)))
    assert only(HEAD, context).line.timestamp == "2026-07-01T10:00:04.123000Z"


def test_a_traceback_folds_into_the_record_before_it():
    """Key and offset of the first line, length of the span, the exception taken apart."""
    block = joined((HEAD, *TRACE, b""))
    parsed = parse(block)
    (record,) = parsed.records
    assert (record.offset, record.length) == (0, len(block) - 2)
    assert record.key == only(HEAD).key
    assert record.flags & Flag.FOLDED
    exception = msgspec.json.decode(record.line.exception)
    assert exception["frames"] == [{"file": "/app/etl.py", "line": 9, "function": "main"}]
    assert parsed.blank_lines == 1


def test_an_open_record_is_not_consumed_until_its_end_is_seen():
    """The daemon comes again with more, or says that no more will come."""
    block = joined((b"plain", HEAD, TRACE[0]))
    parsed = parse_block(block, 0, CONTEXT, ParserState(), now_us=NOW_US)
    assert (len(parsed.records), parsed.consumed) == (1, 6)
    closed = parse_block(block[6:], 6, CONTEXT, parsed.state, now_us=NOW_US, final=True)
    assert (len(closed.records), closed.consumed) == (1, len(block) - 6)


def test_a_continuation_after_the_record_was_closed_names_it():
    """After 5 s of quiet a record is closed; what comes later is a record with `continuation_of`."""
    first = parse_block(joined((HEAD,)), 0, CONTEXT, ParserState(), now_us=NOW_US, final=True)
    later = parse_block(joined(TRACE), 64, CONTEXT, first.state, now_us=NOW_US, final=True)
    (record,) = later.records
    assert record.continuation_of == first.records[0].key
    assert (record.own_us, record.ts_us) == (0, first.records[0].ts_us)
    assert record.time_source == TimeSource.INHERITED


def test_nothing_is_folded_beyond_what_the_store_has():
    """On a re-read the record keeps the span it was stored with."""
    block = joined((HEAD, *TRACE))
    border = len(HEAD) + 1 + len(TRACE[0]) + 1
    first, second = parse_block(block, 0, CONTEXT, ParserState(), now_us=NOW_US, final=True, stored_end=border).records
    assert (first.length, second.offset) == (border - 1, border)
    assert second.continuation_of == first.key


def test_a_fold_is_bounded_and_goes_on_as_continuations_of_its_head():
    """The bound is `max_line_bytes`, counted from the head: bytes alone decide."""
    parsed = parse(joined((HEAD, *[b"x" * 300] * 7)))
    assert all(record.length <= CONTEXT.max_line_bytes for record in parsed.records)
    assert {r.continuation_of for r in parsed.records[1:]} == {parsed.records[0].key}
    assert "".join(r.line.message for r in parsed.records).count("x") == 2100


def test_a_native_line_in_a_text_file_is_native():
    """Every line comes out right, whatever the file is taken for."""
    head, native, plain = parse(joined((HEAD, NATIVE, b"after"))).records
    assert (native.line.message, native.length) == ("native", len(NATIVE))
    assert (plain.line.message, plain.continuation_of) == ("after", None)
    assert head.length == len(HEAD)


def test_a_line_that_only_looks_like_json_belongs_to_the_text_around_it():
    """A message that prints a dictionary over several lines."""
    (record,) = parse(joined((HEAD, b"{", b'  "a": 1', b"}"))).records
    assert record.line.message == 'it broke\n{\n  "a": 1\n}'


def test_a_cut_or_unterminated_continuation_names_its_record():
    """They cannot fold: one is too long, the other has no end yet."""
    state = parse(joined((HEAD,))).state
    cut = parse_cut(b"x" * 1000, 5000, 1, 64, CONTEXT, state, now_us=NOW_US).records[0]
    tail = parse_unterminated(b"ValueError", 64, CONTEXT, state, now_us=NOW_US).records[0]
    assert cut.continuation_of == tail.continuation_of == only(HEAD).key


@pytest.mark.parametrize(
    ("line", "level", "timestamp"),
    [
        (b"2026-07-01 12:00:06,123 - app - WARNING - hm", "WARNING", "2026-07-01T12:00:06.123000Z"),
        (b"[2026-07-01T12:00:06Z] INFO: started", "INFO", "2026-07-01T12:00:06.000000Z"),
        (b"2026-07-01T12:00:06+02:00 FATAL out of disk", "CRITICAL", "2026-07-01T10:00:06.000000Z"),
        (b"ERROR: no time", "ERROR", None),
        (b"[WARN] no time", "WARNING", None),
    ],
)
def test_a_line_of_another_make_is_a_whole_message_with_the_time_and_level_it_tells(line, level, timestamp):
    """Nothing is cut out of a message whose format is not known."""
    record = only(line)
    assert (record.line.message, record.line.level) == (line.decode(), level)
    assert timestamp is None or record.line.timestamp == timestamp
    assert bool(record.own_us) == (timestamp is not None)


def test_a_line_without_a_level_is_info_with_a_flag():
    """Design §4, levels."""
    record = only(b"an error occurred, in words")
    assert (record.line.level, record.line.level_no) == ("INFO", 20)
    assert record.flags & Flag.NO_LEVEL


def test_a_logfmt_line_is_read_by_the_table_of_aliases():
    """Pairs from end to end, one of them a name that tells."""
    record = only(b'time=2026-07-01T12:00:07Z level=warn msg="a \\"quoted\\" text" rows=3 caller=a.go:4')
    line = record.line
    assert (line.level, line.message, line.timestamp) == ("WARNING", 'a "quoted" text', "2026-07-01T12:00:07.000000Z")
    assert msgspec.json.decode(line.extra_data) == {"rows": "3", "caller": "a.go:4"}


@pytest.mark.parametrize("line", [b"a=1 b=2", b"level=info and words", b"msg=one"])
def test_what_is_not_pairs_from_end_to_end_is_a_message(line):
    """Prose with an equals sign is prose."""
    assert only(line).line.message == line.decode()
