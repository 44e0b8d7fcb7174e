"""Fingerprints of errors: what regroups them and what does not."""

from __future__ import annotations

import json
from collections.abc import Callable

import msgspec
import pytest

from logagent.formats.error_fingerprint import ErrorShape, OwnFrame, error_shape, is_fingerprint
from logagent.formats.exceptions import exception_fields
from logagent.formats.record import LogLine, RunEnd, RunStart


def raised(call: Callable[[], object]) -> msgspec.Raw:
    """The exception that the call raises, as a line carries it."""
    try:
        call()
    except (KeyError, ValueError) as error:
        return msgspec.Raw(json.dumps(exception_fields(error)).encode())
    raise AssertionError("nothing was raised")


def chained() -> None:
    try:
        int("x\nFake: line")
    except ValueError as error:
        raise KeyError("k") from error


def shape(**said: object) -> ErrorShape:
    found = error_shape(LogLine("", **{"level_no": 40, **said}))
    assert found is not None
    return found


def exception(line: int = 5, file: str = "/app/db.py", function: str = "write", value: str = "x 1") -> msgspec.Raw:
    frames = [{"file": file, "line": line, "function": function}]
    return msgspec.Raw(json.dumps({"type": "E", "value": value, "traceback": "", "frames": frames}).encode())


def test_the_golden_fingerprint_of_the_method() -> None:
    """Stored ones would fall apart if it changed without its version."""
    golden = ErrorShape(("ValueError", "KeyError"), (OwnFrame("/a/etl.py", "main", 3), OwnFrame("db.py", "write")))
    assert golden.fingerprint == "e1bc6d940df44b81"


def test_numbers_lines_and_directories_make_no_other_error() -> None:
    """A new version of the file moves the line."""
    first = shape(exception=exception(), message="batch 1")
    assert (
        shape(exception=exception(99, "/srv/v2/db.py", value="x 2"), message="batch 2").fingerprint == first.fingerprint
    )
    assert shape(exception=exception(function="read")).fingerprint != first.fingerprint


def test_the_chain_of_types_counts() -> None:
    """Read from the traceback, first raised first; a text that looks like a type is none."""
    found = shape(exception=raised(chained))
    assert found.types == ("ValueError", "KeyError")
    assert [frame.function for frame in found.frames] == ["raised", "chained"]


def test_two_scripts_share_an_error_below_their_entries() -> None:
    """Who else hit it is asked across scripts; an error in the entry itself is the script's own."""

    def through(*frames: tuple[str, str]) -> str:
        return ErrorShape(("E",), tuple(OwnFrame(file, function) for file, function in frames)).fingerprint

    below = ("db.py", "write")
    assert through(("etl.py", "<module>"), ("etl.py", "main"), below) == through(("export.py", "main"), below)
    assert through(("etl.py", "main")) != through(("export.py", "main"))
    assert through(("etl.py", "load"), below) != through(("export.py", "save"), below)


def test_frames_of_libraries_do_not_count() -> None:
    """Else an update of a library would regroup."""
    files = (
        "/v/lib/python3.11/site-packages/x.py",
        "/usr/lib/python3.12/json/decoder.py",
        "<frozen runpy>",
        "/app/a.py",
    )
    frames = [{"file": file, "line": 1, "function": "f"} for file in files]
    raw = msgspec.Raw(json.dumps({"type": "E", "frames": frames}).encode())
    assert [frame.file for frame in shape(exception=raw).frames] == ["/app/a.py"]


def test_without_frames_the_call_that_logged_it_stands_in() -> None:
    """A type alone would throw all of that type together."""
    raw = msgspec.Raw(b'{"type":"ValueError"}')
    one = shape(exception=raw, file_path="/app/a.py", function_name="f")
    assert one.frames == (OwnFrame("/app/a.py", "f", None),)
    assert one.fingerprint != shape(exception=raw, file_path="/app/a.py", function_name="g").fingerprint


def test_an_error_without_an_exception_goes_by_its_masked_message() -> None:
    """Words are never masked."""
    assert shape(message="VM 7 stopped").fingerprint == shape(message="VM 8 stopped").fingerprint
    assert shape(message="VM 7 stopped").fingerprint != shape(message="VM 7 started").fingerprint


@pytest.mark.parametrize(
    "raw", [b"1", b'"text"', b"[]", b"{}", b'{"type":3,"frames":7,"traceback":[]}', b"\xff", b"null"]
)
def test_whatever_stands_for_an_exception_gives_a_fingerprint(raw: bytes) -> None:
    """Foreign lines carry anything."""
    assert is_fingerprint(shape(exception=msgspec.Raw(raw)).fingerprint)


def test_only_errors_and_failed_ends_have_one() -> None:
    """A warning with an exception is an error that somebody caught."""
    assert error_shape(LogLine("", level_no=30)) is None
    assert error_shape(LogLine("", level_no=30, exception=exception())) is not None
    assert error_shape(RunEnd("", "r", status="success")) is None
    assert error_shape(RunStart("", "r")) is None
    ended = error_shape(RunEnd("", "r", status="failed", error="E: x", exception=exception()))
    assert ended is not None and ended.fingerprint == shape(exception=exception()).fingerprint
