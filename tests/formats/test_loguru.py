"""loguru's own lines: `serialize=True` and its default text format, written by loguru itself."""

from __future__ import annotations

import msgspec
from lines_corpus import CONTEXT, parse
from loguru import logger

from logagent.formats.lines import FileContext, Parsed
from logagent.formats.record import Flag


def written(call, **sink) -> Parsed:
    """What we read of what loguru writes when `call` logs."""
    pieces: list[str] = []
    number = logger.add(lambda message: pieces.append(str(message)), level="TRACE", **sink)
    try:
        call()
    finally:
        logger.remove(number)
    return parse("".join(pieces).encode(), FileContext(CONTEXT.origin, "etl"))


def fail() -> None:
    try:
        _ = 1 / 0
    except ZeroDivisionError:
        logger.exception("it broke")


def test_a_serialized_line_gives_what_was_logged():
    """Message, level, place, process and what was bound."""
    parsed = written(lambda: logger.bind(rows=3).warning("loaded {} rows", 3), serialize=True)
    (record,) = parsed.records
    line = record.line
    assert (line.message, line.level, line.level_no) == ("loaded 3 rows", "WARNING", 30)
    assert (line.function_name, bytes(line.extra_data)) == ("<lambda>", b'{"rows": 3}')
    assert line.file_path.endswith("test_loguru.py")
    assert record.own_us == record.ts_us > 0
    assert parsed.state.parser == "loguru"


def test_our_own_names_that_were_bound_go_to_our_own_fields():
    """execution_id, script_name and tags are fields; a bound `extra_data` is merged."""
    bound = logger.bind(execution_id="etl_1", script_name="s", tags=["a"], extra_data={"x": 1}, y=2)
    (record,) = written(lambda: bound.info("m"), serialize=True).records
    line = record.line
    assert (line.execution_id, line.script_name, line.tags) == ("etl_1", "s", ("a",))
    assert msgspec.json.decode(line.extra_data) == {"x": 1, "y": 2}


def test_a_serialized_exception_has_type_value_traceback_and_frames():
    """loguru has the traceback only in its formatted text."""
    (record,) = written(fail, serialize=True).records
    exception = msgspec.json.decode(record.line.exception)
    assert (exception["type"], exception["value"]) == ("ZeroDivisionError", "division by zero")
    assert "Traceback (most recent call last)" in exception["traceback"]
    assert exception["frames"][-1]["function"] == "fail"


def test_numbers_that_json_has_no_form_for_do_not_stop_a_line():
    """loguru writes NaN as it is."""
    (record,) = written(lambda: logger.bind(x=float("nan")).info("m"), serialize=True).records
    assert msgspec.json.decode(record.line.extra_data) == {"x": "NaN"}


def test_a_traceback_in_the_default_format_is_one_record():
    """Decorated tracebacks too, with diagnose's arrows."""
    parsed = written(lambda: (fail(), logger.info("next")))
    broken, following = parsed.records
    exception = msgspec.json.decode(broken.line.exception)
    assert (broken.line.level, broken.line.function_name) == ("ERROR", "fail")
    assert (exception["type"], exception["value"]) == ("ZeroDivisionError", "division by zero")
    assert exception["frames"][-1]["function"] == "fail"
    assert broken.flags & Flag.FOLDED
    assert broken.line.message.startswith("it broke\nTraceback")
    assert (following.line.message, following.line.function_name) == ("next", "<lambda>")


def test_a_message_of_several_lines_is_one_record():
    """Also with blank lines in it."""
    (record,) = written(lambda: logger.info("one\n\ntwo\n  three")).records
    assert record.line.message == "one\n\ntwo\n  three"


def test_a_coloured_line_reads_like_a_plain_one():
    """`colorize=True` into a file happens."""
    (record,) = written(lambda: logger.error("red"), colorize=True).records
    assert (record.line.message, record.line.level) == ("red", "ERROR")
