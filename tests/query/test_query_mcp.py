"""The MCP server as a real process, asked by the SDK's own client."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from made_history import LEARNING, ORDER, Truth, history_store
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from query_build import Story, filled

from logagent.query.mcp.definitions import DEFINITIONS
from logagent.query.mcp.tools import Tools
from logagent.query.sources import Place

PROGRAM = ["-c", "from logagent.query.cli import main; main()"]
TOKENS = 2.4


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Truth]:
    return history_store(tmp_path_factory.mktemp("history"))


def with_client(url: str, ask: Callable[[Client], Awaitable[Any]], *options: str) -> Any:
    """What `ask` returns of a server that is started for it and ends with it."""
    server = StdioServerParameters(
        command=sys.executable, args=[*PROGRAM, "--store", url, "mcp", *options], env=dict(os.environ)
    )

    async def session() -> Any:
        async with Client(stdio_client(server)) as client:
            return await ask(client)

    return anyio.run(session)


def test_a_client_finds_nine_tools_that_read(history: tuple[str, Truth]) -> None:
    """And a tenth that writes only where that was allowed; annotated, in a stable order, under 3,000 tokens."""

    async def tools(client: Client) -> list[Any]:
        return [(await client.list_tools()).tools for _ in range(2)]

    first, second = with_client(history[0], tools)
    assert [tool.name for tool in first] == [tool.name for tool in second]
    assert [tool.name for tool in first] == [each.name for each in DEFINITIONS if not each.writes]
    assert len(first) == 9 and all(tool.annotations.read_only_hint for tool in first)
    (allowed, _) = with_client(history[0], tools, "--allow-write")
    assert allowed[-1].name == "record_learning" and not allowed[-1].annotations.read_only_hint
    assert not allowed[-1].annotations.idempotent_hint and first[0].annotations.idempotent_hint
    size = sum(len(json.dumps(tool.model_dump(mode="json", by_alias=True, exclude_none=True))) for tool in allowed)
    assert size / TOKENS < 3_000


def test_a_failure_is_explained_in_one_call(history: tuple[str, Truth]) -> None:
    """Text once, in `content`; `structuredContent` says only how to go on."""

    async def ask(client: Client) -> Any:
        return await client.call_tool("explain_failure", {})

    url, truth = history
    result = with_client(url, ask)
    (block,) = result.content
    assert not result.is_error and truth.failed in block.text and LEARNING in block.text
    assert len(block.text) / TOKENS < 1_000
    assert set(result.structured_content) == {"total", "returned", "truncated", "next", "suggested"}
    assert 1 <= len(result.structured_content["suggested"]) <= 3
    assert result.structured_content["suggested"][0]["tool"] == "get_event"


def test_every_suggested_call_runs_as_it_stands(tools: Tools) -> None:
    """Complete arguments; what they suggest in turn runs too."""
    waiting: list[tuple[str, dict[str, Any]]] = [("log_overview", {}), ("explain_failure", {})]
    waiting += [("list_runs", {"limit": 2}), ("find_learnings", {"about": "refused"})]
    seen: list[str] = []
    while waiting and len(seen) < 30:
        name, arguments = waiting.pop(0)
        answer = tools.call(name, arguments)
        assert not answer.is_error and answer.structured, answer.text
        seen.append(name)
        waiting += [(each["tool"], each["arguments"]) for each in answer.structured["suggested"] if len(seen) < 10]
    assert {"get_event", "compare_runs", "list_runs"} <= set(seen)


@pytest.fixture
def tools(history: tuple[str, Truth], tmp_path: Path) -> Any:
    opened = Tools(Place(history[0], str(tmp_path)), allow_write=True)
    yield opened
    opened.close()


CALLS: list[tuple[str, dict[str, Any], str]] = [
    ("log_overview", {}, "NEW 1x etl"),
    ("log_overview", {"since": "1h", "script": "etl"}, "1 error ·"),
    ("log_overview", {"since": "30d"}, "KeyError"),
    ("list_runs", {"script": "etl", "limit": "3"}, "3 here"),
    ("list_runs", {"order": "slowest", "since": "1d", "limit": 1}, "etl_"),
    ("get_run", {"run": "@last-good:etl"}, "12x I Fetched page {i} ({n} rows) from {url}"),
    ("get_run", {"run": '"@last-failed"'}, "Traceback"),
    ("search_logs", {"query": 'level>=error "Write failed"', "limit": 1}, "Write failed for good"),
    ("compare_runs", {"run": "@last-failed"}, '"workers":32'),
    ("find_learnings", {}, LEARNING),
    ("find_learnings", {"about": "db-7 refused connection"}, "export 3x"),
    ("query_store", {"statement": "SELECT count(*) AS n FROM script_runs"}, "n=60"),
]


@pytest.mark.parametrize(("name", "arguments", "truth"), CALLS)
def test_each_tool_answers(tools: Tools, name: str, arguments: dict[str, Any], truth: str) -> None:
    """In the compact form."""
    answer = tools.call(name, arguments)
    assert truth in answer.text and not answer.is_error


@pytest.mark.parametrize("form", ["#{}", "{}", '"#{}"', "`{}`", " #{} "])
def test_an_event_id_may_be_written_in_any_form(tools: Tools, form: str) -> None:
    """Loose in form."""
    explained = tools.call("explain_failure", {})
    assert explained.structured
    name = explained.structured["suggested"][0]["arguments"]["id"].removeprefix("#")
    assert "Write failed for good" in tools.call("get_event", {"id": form.format(name)}).text


BAD_CALLS: list[tuple[str, dict[str, Any], str]] = [
    ("list_runs", {"scrpt": "etl"}, "bad_query: no argument 'scrpt'; nearest: script"),
    ("list_runs", {"limit": 0}, "bad_query: limit 0 is out of range 1 to 1000"),
    ("list_runs", {"order": "fast"}, "bad_query: no order 'fast' (there are newest, slowest)"),
    ("list_runs", {"limit": "many"}, "bad_query: limit is a whole number"),
    ("list_runs", {"status": "sucess"}, "bad_query: no status 'sucess'; nearest: success"),
    ("get_run", {}, "bad_query: argument 'run' is missing"),
    ("get_run", {"run": "etl_1999"}, "not_found: no run 'etl_1999'"),
    ("get_event", {"id": "#00000000"}, "not_found: no event"),
    ("query_store", {"statement": "DELETE FROM events"}, "not_permitted"),
    ("search_logs", {"query": "level>=loud"}, "bad_query"),
    ("no_tool", {}, "bad_query: no tool 'no_tool'"),
    ("record_learning", {"learning": "x", "evidence": ["@last"]}, "bad_config: no daemon"),
]


@pytest.mark.parametrize(("name", "arguments", "said"), BAD_CALLS)
def test_a_bad_call_is_told_what_is_wrong(tools: Tools, name: str, arguments: dict[str, Any], said: str) -> None:
    """Strict in meaning: nothing invalid is replaced; a stable word first, the nearest valid thing named."""
    answer = tools.call(name, arguments)
    assert answer.is_error and answer.text.startswith(said)


def test_what_writes_is_not_permitted_unless_it_was_allowed(history: tuple[str, Truth], tmp_path: Path) -> None:
    """And says how it would be."""
    reading = Tools(Place(history[0], str(tmp_path)), allow_write=False)
    answer = reading.call("record_learning", {"learning": "x", "evidence": ["@last"]})
    assert answer.is_error and answer.text.startswith("not_permitted") and "--allow-write" in answer.text


def test_pages_follow_each_other_by_the_cursor(tools: Tools) -> None:
    """As suggested, until there is no next one."""
    arguments: dict[str, Any] = {"script": "report", "limit": 3}
    returned = []
    while True:
        answer = tools.call("list_runs", arguments)
        assert answer.structured
        returned.append(answer.structured["returned"])
        if answer.structured["next"] is None:
            break
        arguments = answer.structured["suggested"][0]["arguments"]
    assert sum(returned) == answer.structured["total"]["value"] == 7


def test_an_answer_stays_within_its_budget(tools: Tools) -> None:
    """And says that something was left out."""
    answer = tools.call("search_logs", {"query": "", "limit": 1_000, "max_tokens": 300})
    assert len(answer.text) / TOKENS <= 300 and "rows shown as" in answer.text


@pytest.mark.parametrize("max_tokens", [200, 500, 20_000])
def test_answers_of_several_parts_stay_within_it_too(tools: Tools, max_tokens: int) -> None:
    """What comes first has what the rest leaves; 200 tokens hold one part, and the line that says so."""
    for name in ("@last-failed", "@last-good:etl"):
        answer = tools.call("get_run", {"run": name, "max_tokens": max_tokens})
        assert len(answer.text) / TOKENS <= max(max_tokens, 223) and len(answer.text) <= 48_000
        assert ("templates" in answer.text) == (max_tokens > 200) or "left out" in answer.text


def test_a_question_too_long_to_repeat_is_not_suggested_again(tools: Tools) -> None:
    """The cursor alone is there; the answer keeps its bounds."""
    answer = tools.call("search_logs", {"query": "Fetched -" + "z" * 50_000, "limit": 5, "max_tokens": 20_000})
    assert answer.structured and answer.structured["next"]
    assert len(answer.text) <= 48_000 and len(json.dumps(answer.structured["suggested"])) < 3_000


def test_a_name_from_a_log_is_escaped_in_an_error(tmp_path: Path) -> None:
    """Control characters reach no agent as themselves."""
    story = Story()
    story.start("etl_\x1b[31m\u202e1", script="etl")
    tools = Tools(Place(filled(tmp_path, story.records), str(tmp_path)), allow_write=False)
    answer = tools.call("get_run", {"run": "etl_9"})
    assert answer.is_error and r"\x1b[31m\u202e1" in answer.text
    tools.close()


def test_an_order_in_a_log_message_is_only_ever_quoted(tools: Tools) -> None:
    """No suggestion, no hint and no next call holds a word of it."""
    for name, arguments, _ in CALLS:
        answer = tools.call(name, arguments)
        assert "evil.example" not in json.dumps(answer.structured)
        for line in answer.text.splitlines():
            assert not (line.startswith("next") and "evil" in line)
    found = tools.call("search_logs", {"query": "upstream"})
    assert ORDER in found.text and "written by programs" in found.text
