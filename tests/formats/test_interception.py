"""Plain `logging` arrives in loguru with place, level, exception and extras, once."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from loguru import logger
from written import logs, only, sink

from logagent.formats import intercept_stdlib


@contextmanager
def bare_root() -> Iterator[logging.Logger]:
    """The root logger as Python starts with it, put back afterwards; a fixture would come before pytest's own."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers[:] = []
    root.setLevel(logging.WARNING)
    try:
        yield root
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


@pytest.fixture
def directory(tmp_path):
    """Where our sink writes during the test."""
    logger.remove()
    with sink(tmp_path):
        yield tmp_path


def test_a_record_arrives_with_its_place_level_extras_and_exception(directory):
    """As if loguru had been called there."""
    with bare_root():
        intercept_stdlib()
        try:
            raise ValueError("bad")
        except ValueError:
            logging.getLogger("library").exception("failed %s {braces}", "here", extra={"rows": 3})
        line = only(logs(directory))
        assert (line["message"], line["level"]) == ("failed here {braces}", "ERROR")
        assert line["function_name"] == test_a_record_arrives_with_its_place_level_extras_and_exception.__name__
        assert line["file_path"] == __file__
        assert line["extra_data"] == {"rows": 3}
        assert line["exception"]["type"] == "ValueError"


def test_levels_of_the_host_s_own_arrive_with_their_number(directory):
    """loguru knows the usual names; the others by number."""
    with bare_root():
        intercept_stdlib(level=1)
        for level in (5, logging.DEBUG, 35, logging.CRITICAL):
            logging.getLogger().log(level, "x")
        assert [line["level_no"] for line in logs(directory)] == [10, 35, 50]


def test_where_the_host_has_set_up_logging_its_levels_and_handlers_stay(directory):
    """An explicit level is obeyed."""
    with bare_root() as root:
        own = logging.NullHandler()
        root.addHandler(own)
        intercept_stdlib()
        logging.getLogger().info("below the host's level")
        assert (root.level, own in root.handlers) == (logging.WARNING, True)
        intercept_stdlib(level="INFO")
        logging.getLogger().info("now")
        assert [line["message"] for line in logs(directory)] == ["now"]


def test_where_nothing_is_set_up_info_arrives(directory):
    """Python's own default shows warnings only, to keep a terminal quiet."""
    with bare_root():
        intercept_stdlib()
        logging.getLogger("library").info("hello")
        assert only(logs(directory))["message"] == "hello"


def test_calling_twice_is_calling_once(directory):
    """Trap: one message becoming many."""
    with bare_root():
        assert intercept_stdlib() is intercept_stdlib()
        logging.getLogger().warning("once")
        assert len(logs(directory)) == 1


def test_loguru_sent_on_to_logging_does_not_come_back(directory):
    """Trap: a loop between the two."""
    with bare_root():
        intercept_stdlib()

        class Propagate(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                logging.getLogger(record.name).handle(record)

        back = logger.add(Propagate(), format="{message}", catch=False)
        logging.getLogger("library").warning("once")
        logger.remove(back)
        assert [line["message"] for line in logs(directory)] == ["once"]


def test_arguments_that_do_not_fit_the_message_do_not_cost_the_record(directory, capsys):
    """`logging` itself would print a traceback and drop it."""
    with bare_root():
        intercept_stdlib()
        logging.getLogger().warning("%d rows", "many")
        assert only(logs(directory))["message"] == "%d rows ('many',)"
        assert capsys.readouterr().err == ""
