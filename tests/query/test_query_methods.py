"""Every method of the manager, by its documented arguments and shape, in both twins."""

from __future__ import annotations

import asyncio
import inspect
from pathlib import Path
from typing import Any

import pytest
from query_build import filled, usual_story

import logagent.query
from logagent.query import AgentLogManager, SyncAgentLogManager

ASKED: dict[str, tuple[tuple[Any, ...], set[str]]] = {
    "sql": (("SELECT 1 AS one",), {"one"}),
    "search_logs": (("refused",), {"message", "level", "key", "score"}),
    "search_bm25_logs": (("refused", {"level": "ERROR"}), {"message", "score"}),
    "hybrid_search": (("refused", "bm25"), {"message", "score"}),
    "search": (("refused",), {"message", "level", "timestamp"}),
    "overview": ((), {"runs", "events", "daemon"}),
    "runs": (("etl",), {"execution_id", "status"}),
    "slowest_runs": ((), {"execution_id", "duration_seconds"}),
    "stats": (("script",), {"script", "count"}),
    "fields": ((), {"field"}),
    "search_learnings": (("workers",), {"learning", "applied"}),
    "show_learning": (("L-5f21c0",), {"learning", "stated"}),
    "find_execution_errors": (("etl_2",), {"context"}),
    "recurring_learnings": ((), {"learning", "confidence", "occurrences"}),
    "errors_by_function": ((100_000,), {"function", "errors", "samples"}),
    "active_runs": ((), {"execution_id", "status"}),
    "extract_log_relationships": (("etl_2",), set()),
    "get_execution_summary": (
        ("etl_2",),
        {"execution_id", "run_info", "log_statistics", "errors", "learnings", "total_logs"},
    ),
    "analyze_historical_performance": (
        ("etl", 3_660),
        {"total_runs", "successful_runs", "failed_runs", "crashed_runs", "running_runs", "avg_duration", "p50", "p95",
         "error_trend"},
    ),
    "build_execution_graph": (("etl_2",), {"nodes", "edges", "metadata"}),
    "prune_logs": ((), {"examined", "deleted"}),
    "count_by_level": ((10_000_000,), {"ERROR"}),
    "create_execution_memory": (("etl_2",), {"memory_id", "content"}),
}  # fmt: skip
ARGUMENTS = {
    "query_logs": "aql_query, bind_vars=None",
    "search_logs": "query, execution_id=None, level=None, time_range=None, limit=100",
    "search_bm25_logs": "text_query, filters=None, limit=50",
    "get_latest_response": "script_name, execution_id=None",
    "build_execution_graph": "execution_id, include_relationships=True",
    "extract_log_relationships": "execution_id, save=False",
    "prune_logs": "older_than_days=None, execution_ids=None, level=None, dry_run=False",
    "get_execution_summary": "execution_id",
    "find_execution_errors": "execution_id, context_seconds=5",
    "analyze_historical_performance": "script_name, lookback_days=7",
    "recurring_learnings": "min_confidence=0.8, limit=10",
    "errors_by_function": "hours=24, limit=5, samples=3",
    "count_by_level": "minutes=5",
    "active_runs": "",
    "related": "event, depth=2",
    "create_execution_memory": "execution_id",
}
"""As requirements F has them."""


@pytest.fixture
def url(tmp_path: Path) -> str:
    return filled(tmp_path, usual_story().records)


def plain(answer: Any) -> Any:
    """Without the window, which goes by the clock."""
    return answer.to_dict() if hasattr(answer, "keys") else [item.to_dict() for item in answer]


@pytest.mark.parametrize("name", ASKED)
def test_a_method_answers_with_its_documented_fields_in_both_twins(name: str, url: str) -> None:
    """The first item of a list, or the one answer; the twins agree but for what the clock says."""
    arguments, fields = ASKED[name]

    async def ask() -> Any:
        async with AgentLogManager(url) as log:
            return await getattr(log, name)(*arguments)

    with SyncAgentLogManager(url) as log:
        found = getattr(log, name)(*arguments)
    assert plain(asyncio.run(ask())) == plain(found)
    if fields:
        assert fields <= set(found if hasattr(found, "keys") else found[0])


@pytest.mark.parametrize("name", ARGUMENTS)
@pytest.mark.parametrize("manager", [AgentLogManager, SyncAgentLogManager])
def test_a_method_takes_the_documented_arguments(manager: type, name: str) -> None:
    """Names, order and defaults are the users'."""
    parameters = list(inspect.signature(getattr(manager, name)).parameters.values())[1:]
    told = [p.name if p.default is p.empty else f"{p.name}={p.default!r}" for p in parameters]
    assert ", ".join(told) == ARGUMENTS[name]


def test_the_public_names_are_these() -> None:
    """Each is there; another would have to be meant."""
    assert set(logagent.query.__all__) == {
        "AgentLogManager", "Embedder", "HybridSearch", "Item", "MemoryBackend", "Page", "RelationshipExtractor",
        "SyncAgentLogManager", "get_log_manager", "get_sync_log_manager",
    }  # fmt: skip
    assert all(getattr(logagent.query, name) for name in logagent.query.__all__)
    with pytest.raises(AttributeError):
        logagent.query.nothing  # noqa: B018


def test_one_status_is_as_good_as_a_list_of_one(tmp_path: Path) -> None:
    """Of a text each letter would be a status."""
    with SyncAgentLogManager(filled(tmp_path, usual_story().records)) as log:
        assert [run.execution_id for run in log.runs(status="failed")] == ["etl_2"]
        assert [run.execution_id for run in log.slowest_runs(status="failed")] == ["etl_2"]
