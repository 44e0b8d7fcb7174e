"""API calls: shown short, stored whole, in the name of the function that makes them."""

from __future__ import annotations

import pytest
from loguru import logger
from written import logs, only, sink

from logagent.formats import log_api_error, log_api_request, log_api_response


@pytest.fixture
def directory(tmp_path):
    """Where our sink writes during the test."""
    logger.remove()
    with sink(tmp_path):
        yield tmp_path


def test_a_request_is_shown_short_and_stored_whole(directory):
    """Trap: truncation is for showing, never for storing."""
    data = {"prompt": "x" * 500, "format": "{} {braces}"}
    log_api_request("llm", data)
    line = only(logs(directory))
    assert line["message"].startswith("llm request: {'prompt': '" + "x" * 50 + "...")
    assert line["extra_data"] == {"service": "llm", "request": data}
    assert line["function_name"] == "test_a_request_is_shown_short_and_stored_whole"


def test_a_response_is_bound_as_response(directory):
    """Where `get_latest_response` finds it; without `truncate` it is shown whole too."""
    log_api_response("llm", "y" * 5000, truncate=False)
    line = only(logs(directory))
    assert line["message"] == "llm response: " + "y" * 5000
    assert line["extra_data"]["response"] == "y" * 5000


def test_an_error_keeps_its_traceback_and_the_request(directory):
    """Errors may be text too."""
    try:
        raise TimeoutError("no answer")
    except TimeoutError as error:
        log_api_error("llm", error, {"prompt": "hello"})
    log_api_error("llm", "refused")
    failed, refused = logs(directory)
    assert (failed["level"], failed["message"]) == ("ERROR", "llm error: TimeoutError: no answer")
    assert failed["exception"]["frames"][0]["file"] == __file__
    assert failed["extra_data"]["request"] == {"prompt": "hello"}
    assert (refused["message"], refused["extra_data"]) == ("llm error: refused", {"service": "llm"})
