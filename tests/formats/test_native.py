"""Native lines: nothing that a writer put in vanishes, and what is impossible is refused."""

from __future__ import annotations

from itertools import takewhile

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lines_corpus import CONTEXT, NATIVE, only, parse

from logagent.formats.native import from_fields, read, read_good_run
from logagent.formats.reading import Reading, Refusal
from logagent.formats.record import Flag, LogLine, RunStart, kind_of

HEAD = b'{"v":1,"kind":"log","timestamp":"2026-07-01T12:00:00.000001Z",'


def test_every_kind_of_line_is_read_as_its_own_struct():
    """Design §4's table of kinds."""
    kinds = {kind_of(record.line) for record in parse(b"\n".join(NATIVE) + b"\n").records}
    assert kinds == {"log", "run_start", "run_end", "learning", "learning_event", "resolution"}


@pytest.mark.parametrize("kind", ["log", "run_end"])
def test_an_exception_is_passed_through_as_an_object(kind):
    """A decoder of `Raw | None` takes null alone: every line with an exception would have been refused."""
    exception = b'{"type":"ValueError","value":"x","traceback":"t","frames":[]}'
    head = HEAD.replace(b'"log"', b'"%s"' % kind.encode()) + b'"execution_id":"e","exception":'
    for line in (head + exception + b"}", head + exception + b',"hue":1}'):
        assert bytes(only(line).line.exception) == exception


def test_unknown_fields_go_to_extra_data_beside_what_is_there():
    """Unknown fields vanish in msgspec unless they are forbidden, so they are."""
    record = only(HEAD + b'"message":"m","extra_data":{"a":1},"hue":{"b":[2]}}')
    assert msgspec.json.decode(record.line.extra_data) == {"a": 1, "hue": {"b": [2]}}


def test_extra_data_of_a_good_line_is_passed_through_byte_by_byte():
    """Nested JSON is never taken apart on its way to the store."""
    record = only(HEAD + b'"extra_data":{"b" : 1.50,"a":123456789012345678901234567890}}')
    assert bytes(record.line.extra_data) == b'{"b" : 1.50,"a":123456789012345678901234567890}'


@pytest.mark.parametrize(
    ("field", "stored"),
    [
        (b'"extra_data":null', b"{}"),
        (b'"extra_data":[1,2]', b'{"extra_data":[1,2]}'),
        (b'"extra_data":"text"', b'{"extra_data":"text"}'),
        (b'"extra_data":{"x":NaN,"y":-Infinity}', b'{"x":"NaN","y":"-Infinity"}'),
        (b'"extra_data":{"x":1e999,"y":-1E+400,"z":1e5}', b'{"x":"1e999","y":"-1E+400","z":100000.0}'),
        (b'"extra_data":{"x":' + b"9" * 400 + b"}", b'{"x":"' + b"9" * 400 + b'"}'),
        (b'"extra_data":{"x":NaN,"a":1,"a":2}', b'{"x":"NaN","a":2}'),
    ],
)
def test_extra_data_is_always_an_object_of_standard_json(field, stored):
    """Stores and their JSON functions rely on it."""
    assert bytes(only(HEAD + field + b"}").line.extra_data) == stored


def test_null_is_absent():
    """Other writers write null where ours writes nothing."""
    record = only(HEAD + b'"message":"m","tags":null,"pid":null,"exception":null}')
    assert (record.line.tags, record.line.pid, record.line.exception) == ((), None, None)


def test_a_time_in_another_form_is_stored_in_the_one_form():
    """Six digits and Z, whatever zone it was written in; the fraction is cut."""
    record = only(b'{"v":1,"kind":"log","timestamp":"2026-07-01T14:00:00.1234569+02:00"}')
    assert record.line.timestamp == "2026-07-01T12:00:00.123456Z"


def test_a_timestamp_that_is_none_is_kept_and_the_time_inherited():
    """Nothing vanishes, and the key says that there was no time."""
    first, second = parse(HEAD + b'"message":"a"}\n{"v":1,"kind":"log","timestamp":"soon","message":"b"}\n').records
    assert (second.own_us, second.ts_us) == (0, first.ts_us)
    assert bytes(second.line.extra_data) == b'{"timestamp":"soon"}'


@pytest.mark.parametrize(
    "line",
    [
        b'{"v":1,"kind":"run_start","timestamp":"2026-07-01T12:00:00.000000Z"}',
        b'{"v":1,"kind":"run_end","timestamp":"2026-07-01T12:00:00.000000Z","execution_id":""}',
        HEAD + b'"message":["m"]}',
        HEAD + b'"line_number":9223372036854775808}',
        b'{"v":1,"kind":"log","timestamp":5}',
    ],
)
def test_an_impossible_line_is_refused_and_says_why(line):
    """`bad_record`: it goes to the dead letters whole."""
    (reject,) = parse(line + b"\n").rejects
    assert reject.reason == "bad_record"
    assert reject.detail


def test_a_foreign_object_that_happens_to_have_a_kind_is_no_native_line():
    """Only our version beside our kind makes a claim to be ours."""
    record = only(b'{"kind":"Event","message":"from elsewhere"}')
    assert bytes(record.line.extra_data) == b'{"kind":"Event"}'


_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([*LogLine.__struct_fields__, *RunStart.__struct_fields__, "x"]), _values))
def test_any_values_under_our_names_are_a_line_or_refused(fields):
    """A hostile writer cannot raise, whatever it puts where."""
    made = from_fields({"v": 1, "kind": "log", **fields}, CONTEXT.naive_timezone)
    assert isinstance(made, Reading | Refusal)


@pytest.mark.parametrize("line", NATIVE)
def test_the_fast_way_says_what_the_long_way_says(line):
    """Where both take a line, they agree; the fast way may only take fewer."""
    (lines, times), long_ = read_good_run([line]), read(line)
    if lines:
        assert long_ is not None
        assert (msgspec.json.encode(lines[0]), times[0]) == (msgspec.json.encode(long_.line), long_.own_us)


@given(st.lists(st.sampled_from(NATIVE), max_size=8))
def test_a_run_ends_at_the_first_line_that_is_not_good_by_itself(contents):
    """What is looked at for many lines at once comes to the same as line by line."""
    alone = [read_good_run([content]) for content in contents]
    good = list(takewhile(lambda found: found[0], alone))
    lines, times = read_good_run(contents)
    assert [msgspec.json.encode(line) for line in lines] == [msgspec.json.encode(found[0][0]) for found in good]
    assert times == [found[1][0] for found in good]


def test_a_script_that_is_not_named_is_the_files():
    """Falls back to the stem without its rotation suffix."""
    assert only(HEAD + b'"message":"m"}').line.script_name == "etl"
    assert not only(HEAD + b'"message":"m"}').flags & Flag.NO_LEVEL
