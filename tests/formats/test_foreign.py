"""Foreign JSON lines: real samples of each make, by one table of aliases."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lines_corpus import CONTEXT, only

from logagent.formats.foreign import ALIASES, from_fields
from logagent.formats.record import Flag, Record

STRUCTLOG = (
    b'{"user": "ada", "event": "user logged in", "level": "warning", "logger": "app", '
    b'"timestamp": "2026-07-01T12:00:03.000001Z"}'
)
STDLIB = (
    b'{"asctime": "2026-07-01 12:00:03,123", "name": "root", "levelname": "ERROR", "levelno": 40, "message": "boom", '
    b'"pathname": "/a.py", "lineno": 4, "funcName": "f", "process": 12, "exc_info": "Traceback (most recent call last)'
    b':\\n  File \\"/a.py\\", line 4, in f\\nValueError: x"}'
)
PINO = (
    b'{"level":50,"time":1782907203123,"pid":42,"hostname":"node","reqId":"r1","err":{"type":"TypeError",'
    b'"message":"bad","stack":"TypeError: bad\\n    at f (a.js:1:2)"},"msg":"request failed"}'
)
BUNYAN = b'{"name":"app","hostname":"b","pid":123,"level":60,"msg":"dead","time":"2026-07-01T12:00:03.123Z","v":0}'
ECS = (
    b'{"@timestamp":"2026-07-01T12:00:03.500Z","log.level":"error","message":"ecs","ecs.version":"1.6.0","log":'
    b'{"logger":"l","origin":{"function":"fn","file":{"line":7,"name":"x.py"}}},"process":{"pid":5,"thread":{"id":1}},'
    b'"error":{"type":"KeyError","message":"\'k\'","stack_trace":"Traceback"}}'
)
OTLP = (
    b'{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"svc"}}]},"scopeLogs":'
    b'[{"scope":{"name":"s"},"logRecords":[{"timeUnixNano":"1782907203123456789","severityNumber":13,"severityText":'
    b'"Warn","body":{"stringValue":"otlp"},"attributes":[{"key":"n","value":{"intValue":"5"}}],"traceId":"ab"}]}]}]}'
)


def extra(record: Record) -> dict[str, object]:
    return msgspec.json.decode(record.line.extra_data)


@pytest.mark.parametrize(
    ("line", "message", "level", "timestamp"),
    [
        (STRUCTLOG, "user logged in", "WARNING", "2026-07-01T12:00:03.000001Z"),
        (STDLIB, "boom", "ERROR", "2026-07-01T12:00:03.123000Z"),
        (PINO, "request failed", "ERROR", "2026-07-01T12:00:03.123000Z"),
        (BUNYAN, "dead", "CRITICAL", "2026-07-01T12:00:03.123000Z"),
        (ECS, "ecs", "ERROR", "2026-07-01T12:00:03.500000Z"),
        (OTLP, "otlp", "WARNING", "2026-07-01T12:00:03.123456Z"),
        (b'{"level":"info","ts":1782907203.1234567,"msg":"zap"}', "zap", "INFO", "2026-07-01T12:00:03.123456Z"),
        (
            b'{"short_message":"gelf","level":4,"timestamp":1782907203}',
            "gelf",
            "WARNING",
            "2026-07-01T12:00:03.000000Z",
        ),
        (b'{"log":"d","time":"2026-07-01T12:00:03.9999999Z"}', "d", "INFO", "2026-07-01T12:00:03.999999Z"),
    ],
)
def test_each_make_gives_message_level_and_time(line, message, level, timestamp):
    """The three that every line of a log has."""
    record = only(line)
    assert (record.line.message, record.line.level, record.line.timestamp) == (message, level, timestamp)


def test_what_no_alias_takes_goes_to_extra_data():
    """Nothing vanishes."""
    assert extra(only(STRUCTLOG)) == {"user": "ada", "logger": "app"}
    assert extra(only(PINO)) == {"reqId": "r1"}
    assert extra(only(BUNYAN)) == {"name": "app", "v": 0}
    assert extra(only(OTLP)) == {
        "resource": {"service.name": "svc"},
        "scope": {"name": "s"},
        "n": 5,
        "severityNumber": 13,
        "traceId": "ab",
    }


def test_a_nested_field_is_taken_out_of_what_holds_it():
    """ECS nests; an alias is a path there."""
    line = only(ECS).line
    assert (line.function_name, line.file_path, line.line_number, line.pid) == ("fn", "x.py", 7, 5)
    assert extra(only(ECS)) == {
        "ecs.version": "1.6.0",
        "log": {"logger": "l"},
        "process": {"thread": {"id": 1}},
    }


@pytest.mark.parametrize(
    ("line", "type_", "value"),
    [(STDLIB, "ValueError", "x"), (PINO, "TypeError", "bad"), (ECS, "KeyError", "'k'")],
)
def test_an_exception_has_our_form_whatever_its_make(line, type_, value):
    """Type, value, traceback, frames."""
    exception = msgspec.json.decode(only(line).line.exception)
    assert (exception["type"], exception["value"]) == (type_, value)
    assert isinstance(exception["frames"], list)


def test_an_object_without_a_message_is_its_own_message():
    """So that a search finds it, and a list of events shows it."""
    record = only(b'{"answer": 42}')
    assert (record.line.message, extra(record)) == ('{"answer":42}', {"answer": 42})
    assert record.flags & Flag.NO_LEVEL


def test_an_otlp_line_with_several_records_keeps_them_all():
    """One line is one record, by its key; the first of them leads."""
    line = OTLP.replace(b'"logRecords":[', b'"logRecords":[{"body":{"stringValue":"first"}},')
    record = only(line)
    assert record.line.message == "first"
    assert [each["body"] for each in extra(record)["log_records"]] == ["first", "otlp"]


def test_a_value_of_an_unusable_type_stays_where_it_is():
    """`process` is a pid in one make and a name in another."""
    record = only(b'{"msg":"m","process":"MainProcess","pid":"12","line":1e30,"tags":[1]}')
    assert record.line.pid == 12
    assert extra(record) == {"process": "MainProcess", "line": 1e30, "tags": [1]}


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**80), 2**80) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_names = st.sampled_from(
    sorted(
        {alias for aliases in ALIASES.values() for alias in aliases} | {"resourceLogs", "attributes", "level", "log"}
    )
)


@given(st.dictionaries(_names, _json, max_size=8))
def test_any_values_under_any_alias_make_a_record(fields):
    """A hostile object cannot raise, and its text ends up somewhere."""
    reading = from_fields(fields, CONTEXT.naive_timezone)
    assert msgspec.json.decode(msgspec.json.encode(reading.line))
