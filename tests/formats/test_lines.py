"""Blocks of lines: every line exactly once, whatever it is and wherever the file was cut."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lines_corpus import ALL, CONTEXT, NOW_US, joined, lines, only, parse

from logagent.formats.fingerprint import is_blank
from logagent.formats.key import StreamedHash, hash_prefix, line_hash
from logagent.formats.lines import (
    FileContext,
    Parsed,
    ParserState,
    own_time_of_cut_us,
    own_time_us,
    parse_block,
    parse_cut,
    parse_unterminated,
    script_name_of,
)
from logagent.formats.record import Flag, Record, Reject, TimeSource, flag_names


def plain(record: Record | Reject) -> object:
    """A record or reject as plain values, so that raw JSON compares by its bytes."""
    return type(record).__name__, msgspec.json.encode(record) if isinstance(record, Record) else record


def by_chunks(block: bytes, cuts: list[int]) -> Parsed:
    """Parse as the daemon does: whole lines up to each cut, what is not consumed again with the next."""
    ends = sorted({block.rfind(b"\n", 0, cut) + 1 for cut in cuts} | {len(block)})
    total = Parsed([], [], 0, 0, 0, 0, ParserState())
    for end in ends:
        final = end == len(block)
        piece = block[total.consumed : end]
        state = msgspec.json.decode(msgspec.json.encode(total.state), type=ParserState)
        found = parse_block(piece, total.consumed, CONTEXT, state, now_us=NOW_US, final=final)
        total = Parsed(
            total.records + found.records,
            total.rejects + found.rejects,
            total.consumed + found.consumed,
            total.blank_lines + found.blank_lines,
            total.nul_bytes + found.nul_bytes,
            total.redacted + found.redacted,
            found.state,
        )
    return total


@settings(max_examples=400, deadline=None)
@given(lines, st.lists(st.integers(0, 20_000), max_size=6))
def test_the_records_do_not_depend_on_where_a_file_was_cut_into_blocks(parts, cuts):
    """The heart of it: state and consumed carry exactly what the next block needs."""
    block = joined(parts)
    whole = parse(block)
    pieces = by_chunks(block, cuts)
    assert [plain(r) for r in whole.records] == [plain(r) for r in pieces.records]
    assert whole.rejects == pieces.rejects
    assert len(block) == whole.consumed == pieces.consumed
    assert (whole.blank_lines, whole.nul_bytes, whole.redacted, whole.state) == (
        pieces.blank_lines,
        pieces.nul_bytes,
        pieces.redacted,
        pieces.state,
    )


@settings(max_examples=300, deadline=None)
@given(lines, st.sampled_from(["", "native", "loguru", "json", "text"]))
def test_the_parser_tried_first_changes_nothing_but_time(parts, parser):
    """What a line says depends on its bytes, so a line of another format in a file comes out right."""
    block = joined(parts)
    first = parse(block, state=ParserState(parser="text", version=1))
    other = parse(block, state=ParserState(parser=parser, version=1))
    assert [plain(r) for r in first.records] == [plain(r) for r in other.records]
    assert first.rejects == other.rejects


@settings(max_examples=400, deadline=None)
@given(st.one_of(lines.map(joined), st.binary(max_size=300).map(lambda junk: junk + b"\n")))
@example(b"\n")
def test_any_bytes_at_all_are_covered_exactly_once_and_never_raise(block):
    """Spans do not overlap; between them there is nothing but line ends, blank lines and NULs."""
    parsed = parse(block)
    spans = sorted((r.offset, r.offset + r.length) for r in [*parsed.records, *parsed.rejects])
    position, gaps = 0, b""
    for start, end in spans:
        assert position <= start < end
        gaps += block[position:start]
        position = end
    gaps += block[position:]
    assert is_blank(gaps.replace(b"\n", b""))
    assert len(block) == parsed.consumed


@settings(max_examples=300, deadline=None)
@given(lines)
def test_a_key_is_own_time_offset_and_hash_of_the_raw_first_line(parts):
    """Design §5: a function of the file's bytes alone."""
    block = joined(parts)
    prefix = hash_prefix(CONTEXT.origin.fingerprint)
    for record in parse(block).records:
        line = block[record.offset : block.index(b"\n", record.offset)]
        assert record.hash == line_hash(prefix, record.offset, line)
        if len(line) <= CONTEXT.max_line_bytes:
            assert record.own_us == own_time_us(line, CONTEXT.naive_timezone)


@settings(max_examples=200, deadline=None)
@given(lines, st.integers(0, 5_000))
def test_nothing_is_folded_across_what_the_store_has_already(parts, stored_end):
    """A record that begins before `stored_end` does not reach beyond it, unless its first line does."""
    block = joined(parts)
    parsed = parse_block(block, 0, CONTEXT, ParserState(), now_us=NOW_US, final=True, stored_end=stored_end)
    for record in parsed.records:
        first_end = block.index(b"\n", record.offset)
        if record.offset < stored_end and record.offset + record.length > first_end:
            assert record.offset + record.length <= stored_end


@given(st.sampled_from(ALL), st.integers(0, 2_000))
@settings(max_examples=400, deadline=None)
def test_a_line_cut_anywhere_is_told_as_far_as_it_goes_and_never_refused_as_bad_json(line, at):
    """`parse_cut` sees only a head; torn JSON there is no fault of the line."""
    head = line[:at].lstrip(b"\0")
    if is_blank(head):
        return
    parsed = parse_cut(head, 5_000_000, 77, 100, CONTEXT, ParserState(), now_us=NOW_US)
    assert {"bad_json"}.isdisjoint(r.reason for r in parsed.rejects)
    for record in parsed.records:
        assert (record.offset, record.length, record.hash) == (100, 5_000_000, 77)
        assert record.own_us == own_time_of_cut_us(head, CONTEXT.naive_timezone)
        assert record.flags & Flag.CUT


def test_a_cut_native_line_keeps_its_time_run_and_the_head_of_its_message():
    """Salvage: what stood before the cut is read as if the line ended there."""
    line = (
        b'{"v":1,"kind":"log","timestamp":"2026-07-01T12:00:00.000001Z","execution_id":"etl_1","level":"ERROR",'
        b'"level_no":40,"extra_data":{"response":{"a":[1,2]}},"message":"' + b"long " * 1000 + b'"}'
    )
    streamed = StreamedHash(hash_prefix(CONTEXT.origin.fingerprint), 0)
    streamed.update(line)
    cut = parse_cut(line[:1000], len(line), streamed.value(), 0, CONTEXT, ParserState(), now_us=NOW_US)
    (record,) = cut.records
    assert own_time_us(line) == record.own_us
    assert (record.line.execution_id, record.line.level) == ("etl_1", "ERROR")
    assert record.line.message.startswith("long long ")
    assert bytes(record.line.extra_data) == b'{"response":{"a":[1,2]}}'
    assert flag_names(record.flags) == ("cut",)
    assert plain(record) == plain(parse(line + b"\n").records[0])


def test_a_line_without_its_own_time_inherits_the_one_before_it_across_blocks():
    """`last_us` is what crosses a block's border."""
    first = parse(b'{"event":"a","time":"2026-07-01T12:00:00Z"}\n')
    second = parse_block(b"plain\n", 500, CONTEXT, first.state, now_us=NOW_US)
    (record,) = second.records
    assert (first.records[0].ts_us, 0) == (record.ts_us, record.own_us)
    assert record.time_source == TimeSource.INHERITED


def test_an_observed_time_is_not_inherited():
    """Else all lines of an untimed file would be as old as its first."""
    first = parse(b"one\n")
    second = parse_block(b"two\n", 4, CONTEXT, first.state, now_us=NOW_US + 5)
    assert (first.records[0].ts_us, first.records[0].time_source) == (NOW_US, TimeSource.OBSERVED)
    assert (second.records[0].ts_us, second.records[0].time_source) == (NOW_US + 5, TimeSource.OBSERVED)


def test_blank_lines_and_nul_runs_are_skipped_and_counted():
    """A hole of NULs before a line is no part of it: its offset is its first byte after them."""
    parsed = parse(b"\n \t\r\n\0\0\0hello\n\0\0\n")
    (record,) = parsed.records
    assert (record.offset, record.length, record.line.message) == (8, 5, "hello")
    assert (parsed.blank_lines, parsed.nul_bytes) == (3, 5)


def test_cr_and_bom_are_hashed_but_not_stored():
    """Design §5: raw bytes as on disk; design §6: dropped from the record."""
    record = only(b"\xef\xbb\xbfhello\r")
    assert record.line.message == "hello"
    assert line_hash(hash_prefix(CONTEXT.origin.fingerprint), 0, b"\xef\xbb\xbfhello\r") == record.hash


def test_an_unterminated_last_line_is_a_record_with_a_flag():
    """It is shipped once, when its file is let go."""
    parsed = parse_unterminated(b"half a li", 10, CONTEXT, ParserState(), now_us=NOW_US)
    (record,) = parsed.records
    assert (record.offset, record.length, parsed.consumed) == (10, 9, 9)
    assert record.flags & Flag.UNTERMINATED


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"torn": "li', "bad_json"),
        (b'{"a":' * 101 + b"1" + b"}" * 101, "too_deep"),
        (b'{"a":' + b"[" * 50_000, "too_deep"),
        (b"\x01\x02\x03\x04ab", "binary"),
        (b"\xff\xfeh\0e\0l\0l\0o\0", "binary"),
        (b'{"v":1,"kind":"run_start","timestamp":"2026-07-01T12:00:00.000000Z"}', "bad_record"),
        (b'{"v":1,"kind":"log","timestamp":"2026-07-01T12:00:00.000000Z","message":7}', "bad_record"),
        (b'{"v":1,"kind":"log","timestamp":"2026-07-01T12:00:00.000000Z","pid":99999999999999999999}', "bad_record"),
    ],
)
def test_what_is_not_stored_is_rejected_by_a_reason_of_the_closed_list(line, reason):
    """Rejects carry the raw bytes and the key the line would have had."""
    (reject,) = parse(line + b"\n", FileContext(CONTEXT.origin, "etl")).rejects
    assert (reason, line, len(line)) == (reject.reason, reject.raw, reject.length)
    assert line_hash(hash_prefix(CONTEXT.origin.fingerprint), 0, line) == reject.hash


def test_a_hundred_levels_are_not_too_deep():
    """The limit is over 100; brackets within texts do not count."""
    assert parse(b'{"a":' * 100 + b"1" + b"}" * 100 + b"\n").rejects == []
    assert parse(b'{"a":"' + b"[" * 200 + b'\\""}\n').rejects == []


def test_bad_utf8_is_replaced_and_flagged_also_within_raw_json():
    """msgspec does not look into raw fields, so a block is looked at as a whole."""
    good, bad = parse(
        b'{"v":1,"kind":"log","timestamp":"2026-07-01T12:00:00.000000Z","extra_data":{"a":"b"}}\n'
        b'{"v":1,"kind":"log","timestamp":"2026-07-01T12:00:00.000000Z","extra_data":{"a":"\xff"}}\n'
    ).records
    assert flag_names(good.flags) == ()
    assert flag_names(bad.flags) == ("bad_utf8",)
    assert bytes(bad.line.extra_data).decode() == '{"a":"\ufffd"}'


def test_long_identity_fields_are_cut_and_the_message_is_not():
    """Indexes hold 1 KiB; the message is whole up to the line's limit."""
    name, message = b"n" * 3000, b"m" * 9000
    context = FileContext(CONTEXT.origin, "etl")
    record = only(
        b'{"v":1,"kind":"log","timestamp":"2026-07-01T12:00:00.000000Z","message":"%s","function_name":"%s"}'
        % (message, name),
        context,
    )
    assert (len(record.line.function_name), len(record.line.message)) == (1024, 9000)
    assert flag_names(record.flags) == ("cut",)


def test_a_time_more_than_a_day_ahead_is_kept_and_suspect():
    """Clock steps are shown, not repaired."""
    record = only(b'{"v":1,"kind":"log","timestamp":"2027-01-01T00:00:00.000000Z"}')
    assert flag_names(record.flags) == ("time_suspect",)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/logs/etl.jsonl", "etl"),
        ("etl.20260102T030405000000Z.4711.jsonl", "etl"),
        ("etl.20260102T030405000000Z.4711.jsonl.gz", "etl"),
        ("app.2026-01-31_14-03-11_123456.log.gz", "app"),
        ("app.log.1", "app"),
        ("app.log-20260131.gz", "app"),
        ("app.log.2.zst", "app"),
        ("my.script.v2.log", "my.script.v2"),
        (".log", ".log"),
        ("2026-01-31.log", "2026-01-31"),
        ("noext", "noext"),
    ],
)
def test_a_script_is_named_by_its_files_stem_without_rotation_suffixes(path, name):
    """The fallback for lines that do not name their script."""
    assert name == script_name_of(path)
