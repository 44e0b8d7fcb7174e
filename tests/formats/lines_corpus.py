"""Lines of every format, and hypothesis strategies that mix and damage them."""

from __future__ import annotations

from hypothesis import strategies as st

from logagent.formats.lines import FileContext, Parsed, ParserState, parse_block
from logagent.formats.record import Origin, Record
from logagent.formats.redaction import Redaction

NOW_US = 1_795_000_000_000_000
CONTEXT = FileContext(
    origin=Origin(host="host-1", file="/logs/etl.log", fingerprint=0x0123456789ABCDEF),
    script_name="etl",
    redaction=Redaction(),
    max_line_bytes=1000,
)

NATIVE = (
    b'{"v":1,"kind":"log","timestamp":"2026-07-01T12:00:00.000001Z","execution_id":"etl_1","script_name":"etl",'
    b'"pid":7,"hostname":"h","level":"INFO","level_no":20,"message":"loaded 3 rows","function_name":"load",'
    b'"file_path":"/app/etl.py","line_number":12,"extra_data":{"rows": 3},"tags":["load"]}',
    b'{"v":1,"kind":"log","timestamp":"2026-07-01T12:00:00.000002Z","message":"caf\xc3\xa9","extra_data":{}}',
    b'{"v":1,"kind":"log","timestamp":"2026-07-01T12:00:01.5+02:00","message":"zone","more":[1,{"a":null}]}',
    b'{"v":1,"kind":"log","timestamp":"soon","message":"no time"}',
    b'{"v":1,"kind":"log","timestamp":"2199-01-01T00:00:00.000000Z","message":"beyond 2091"}',
    b'{"v":1,"kind":"log","timestamp":"2026-11-25T00:00:00.000000Z","message":"ahead of the clock"}',
    b'{"v":1,"kind":"log","timestamp":"2026-07-01T12:00:00.000003Z","message":"m","extra_data":{"x":NaN}}',
    b'{"v":1,"kind":"log","timestamp":"2026-07-01T12:00:00.000003Z","message":"m","extra_data":[1],"pid":null}',
    b'{"v":1,"kind":"log","timestamp":"2026-07-01T12:00:00.000003Z","message":"m","extra_data":{"api_key":"k1"}}',
    b'{"v":1,"kind":"log","timestamp":"2026-07-01T12:00:00.000003Z","message":"postgres://u:pw@db/x failed"}',
    b'{"v":1,"kind":"log","timestamp":"2026-07-01T12:00:00.000003Z","message":"m","message":"the last wins"}',
    b'{"v":1,"kind":"log","timestamp":"2026-07-01T12:00:00.000003Z","message":"half a \\ud83d pair"}',
    b'{"v":1,"kind":"log","timestamp":"2026-07-01T12:00:00.000003Z","message":7}',
    b'{"v":1,"kind":"log","timestamp":"2026-07-01T12:00:00.000003Z","pid":99999999999999999999}',
    b'{"v":1,"kind":"log","timestamp":"2026-07-01T12:00:00.000003Z","message":"e","level":"ERROR","level_no":40,'
    b'"exception":{"type":"ValueError","value":"x","traceback":"Traceback","frames":[]}}',
    b'{"v":1,"kind":"run_start","timestamp":"2026-07-01T12:00:00.000000Z","execution_id":"etl_1",'
    b'"start_time":"2026-07-01T12:00:00.000000Z","metadata":{"version":"1.0"},"argv":["etl.py"],"managed":true}',
    b'{"v":1,"kind":"run_start","timestamp":"2026-07-01T12:00:00.000000Z"}',
    b'{"v":1,"kind":"run_end","timestamp":"2026-07-01T12:00:09.000000Z","execution_id":"etl_1",'
    b'"status":"failed","duration_seconds":9.5,"error":"ValueError: x"}',
    b'{"v":1,"kind":"learning","timestamp":"2026-07-01T12:00:09.000000Z","learning_id":"lrn_1",'
    b'"learning":"batches of 100","confidence":0.9,"context":{"n":100}}',
    b'{"v":1,"kind":"learning_event","timestamp":"2026-07-01T12:00:09.000000Z","learning_id":"lrn_1","action":"confirm"}',
    b'{"v":1,"kind":"resolution","timestamp":"2026-07-01T12:00:09.000000Z","error_fingerprint":"ef1","action":"resolve"}',
)

LOGURU = (
    b'{"text": "2026-07-01 12:00:02.764 | INFO | __main__:load:6 - hello\\n", "record": {"elapsed": {"repr": '
    b'"0:00:00.011737", "seconds": 0.011737}, "exception": null, "extra": {"rows": 0}, "file": {"name": "a.py", '
    b'"path": "/app/a.py"}, "function": "load", "level": {"icon": "\xe2\x84\xb9\xef\xb8\x8f", "name": "INFO", '
    b'"no": 20}, "line": 6, "message": "hello", "module": "a", "name": "__main__", "process": {"id": 11, "name": '
    b'"MainProcess"}, "thread": {"id": 1, "name": "MainThread"}, "time": {"repr": '
    b'"2026-07-01 12:00:02.764203+00:00", "timestamp": 1782907202.764203}}}',
)

FOREIGN = (
    b'{"event": "user logged in", "level": "warning", "timestamp": "2026-07-01T12:00:03.000001Z", "user": "ada"}',
    b'{"asctime": "2026-07-01 12:00:03,123", "levelname": "ERROR", "message": "boom", "lineno": 4, "funcName": "f"}',
    b'{"level":30,"time":1782907203123,"pid":42,"hostname":"node","msg":"pino here","reqId":"r1"}',
    b'{"@timestamp":"2026-07-01T12:00:03.5Z","log.level":"info","message":"ecs","ecs.version":"1.6.0"}',
    b'{"timeUnixNano":"1782907203123456789","severityNumber":17,"body":{"stringValue":"otlp"}}',
    b'{"answer": 42}',
    b"{}",
)

TEXT = (
    b"2026-07-01 12:00:04.123 | ERROR    | __main__:main:9 - it broke",
    b"2026-07-01 12:00:05.456 | INFO     | app.jobs:run:33 - next",
    b"Traceback (most recent call last):",
    b'  File "/app/etl.py", line 9, in main',
    b"    1 / 0",
    b"ZeroDivisionError: division by zero",
    b"    indented by \xff and \x00 bytes",
    b"password=hunter2",
    b"plain words",
    b"ERROR: something",
    b"2026-07-01 12:00:06 a line of another make",
    b'level=info msg="a logfmt line" time=2026-07-01T12:00:07Z rows=3',
    b"level=info msg=untimed rows=3",
    b'{"torn": "li',
    b"{",
    b"[1, 2]",
    b"x" * 1200,
    b"y" * 600,
    b'{"v":1,"kind":"log","timestamp":"2026-07-01T12:00:08.000000Z","message":"' + b"z" * 1200 + b'"}',
)

ODD = (
    b"",
    b"   ",
    b"\t\r",
    b"\0\0\0",
    b"\0 \0",
    b"\xef\xbb\xbf",
    b"\xff\xfeh\0e\0l\0l\0o\0",
    b"\x01\x02\x03\x04binary",
    b"{" * 300,
    b'{"a":' * 120 + b"1" + b"}" * 120,
    b'{"a":"' + b"[" * 200 + b'"}',
    b'{"a":' + b"9" * 400 + b"}",
    b'{"a":1e999}',
    b'{"a":1}{"b":2}',
)

ALL = NATIVE + LOGURU + FOREIGN + TEXT + ODD

_whole = st.sampled_from(ALL)
_dressed = st.builds(
    lambda before, line, after: before + line + after,
    st.sampled_from((b"", b"\0\0", b"\xef\xbb\xbf", b" ")),
    _whole,
    st.sampled_from((b"", b"\r", b"\0", b" ")),
)
_damaged = st.builds(
    lambda line, at, bytes_: (line[:at] + bytes_ + line[at + 1 :]).replace(b"\n", b""),
    _whole,
    st.integers(0, 400),
    st.binary(max_size=4),
)
_any = st.binary(max_size=40).map(lambda line: line.replace(b"\n", b""))
lines = st.lists(st.one_of(_whole, _whole, _dressed, _damaged, _any), max_size=25)
"""Files as lists of lines without their LF."""


def joined(parts: list[bytes] | tuple[bytes, ...]) -> bytes:
    return b"".join(part + b"\n" for part in parts)


def parse(block: bytes, context: FileContext = CONTEXT, state: ParserState | None = None) -> Parsed:
    return parse_block(block, 0, context, state or ParserState(), now_us=NOW_US, final=True)


def only(block: bytes, context: FileContext = CONTEXT) -> Record:
    """The record of a block that holds one."""
    parsed = parse(block + b"\n", context)
    assert parsed.rejects == []
    (record,) = parsed.records
    return record
