"""The asynchronous twin of `SyncAgentLogManager`: the same questions as coroutines, in a thread of its own."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial, wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from logagent.formats import end_run, log_agent_learning, script_execution, start_run
from logagent.query.agent import SyncAgentLogManager
from logagent.query.plug_ins import Embedder, MemoryBackend, RelationshipExtractor
from logagent.query.turns import Turns

P = ParamSpec("P")
R = TypeVar("R")


def _hop(
    method: Callable[Concatenate[SyncAgentLogManager, P], R],
) -> Callable[Concatenate[AgentLogManager, P], Coroutine[Any, Any, R]]:
    """The method as a coroutine that runs it in the manager's own thread."""

    @wraps(method)
    async def asked(self: AgentLogManager, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return await self._turns.take(partial(method, self._sync, *args, **kwargs))

    return asked


class AgentLogManager:
    """The asynchronous twin: `await log.search_logs("timeout")`; names, arguments and answers are the same."""

    log_agent_learning = staticmethod(log_agent_learning)
    script_execution = staticmethod(script_execution)
    start_run = staticmethod(start_run)
    end_run = staticmethod(end_run)

    query_logs = _hop(SyncAgentLogManager.query_logs)
    sql = _hop(SyncAgentLogManager.sql)
    search_logs = _hop(SyncAgentLogManager.search_logs)
    search_bm25_logs = _hop(SyncAgentLogManager.search_bm25_logs)
    hybrid_search = _hop(SyncAgentLogManager.hybrid_search)
    search = _hop(SyncAgentLogManager.search)
    event = _hop(SyncAgentLogManager.event)
    context = _hop(SyncAgentLogManager.context)
    stats = _hop(SyncAgentLogManager.stats)
    fields = _hop(SyncAgentLogManager.fields)
    overview = _hop(SyncAgentLogManager.overview)
    runs = _hop(SyncAgentLogManager.runs)
    slowest_runs = _hop(SyncAgentLogManager.slowest_runs)
    get_latest_response = _hop(SyncAgentLogManager.get_latest_response)
    get_execution_summary = _hop(SyncAgentLogManager.get_execution_summary)
    find_execution_errors = _hop(SyncAgentLogManager.find_execution_errors)
    analyze_historical_performance = _hop(SyncAgentLogManager.analyze_historical_performance)
    recurring_learnings = _hop(SyncAgentLogManager.recurring_learnings)
    errors_by_function = _hop(SyncAgentLogManager.errors_by_function)
    count_by_level = _hop(SyncAgentLogManager.count_by_level)
    active_runs = _hop(SyncAgentLogManager.active_runs)
    build_execution_graph = _hop(SyncAgentLogManager.build_execution_graph)
    extract_log_relationships = _hop(SyncAgentLogManager.extract_log_relationships)
    related = _hop(SyncAgentLogManager.related)
    create_execution_memory = _hop(SyncAgentLogManager.create_execution_memory)
    why = _hop(SyncAgentLogManager.why)
    diff = _hop(SyncAgentLogManager.diff)
    errors = _hop(SyncAgentLogManager.errors)
    similar = _hop(SyncAgentLogManager.similar)
    patterns = _hop(SyncAgentLogManager.patterns)
    overdue = _hop(SyncAgentLogManager.overdue)
    resolve = _hop(SyncAgentLogManager.resolve)
    reopen = _hop(SyncAgentLogManager.reopen)
    search_learnings = _hop(SyncAgentLogManager.search_learnings)
    show_learning = _hop(SyncAgentLogManager.show_learning)
    add_learning = _hop(SyncAgentLogManager.add_learning)
    confirm_learning = _hop(SyncAgentLogManager.confirm_learning)
    refute_learning = _hop(SyncAgentLogManager.refute_learning)
    retire_learning = _hop(SyncAgentLogManager.retire_learning)
    prune_logs = _hop(SyncAgentLogManager.prune_logs)

    def __init__(
        self,
        store: str | None = None,
        state_dir: str | None = None,
        *,
        embedder: Embedder | None = None,
        extractor: RelationshipExtractor | None = None,
        memory: MemoryBackend | None = None,
    ) -> None:
        """Args: as for SyncAgentLogManager."""
        self._sync = SyncAgentLogManager(store, state_dir, embedder=embedder, extractor=extractor, memory=memory)
        self._turns = Turns(self._sync.interrupt)

    async def __aenter__(self) -> AgentLogManager:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of the store and of the thread; the next question begins again."""
        await self._turns.take(self._sync.close)
        self._turns.end()


_managers: dict[tuple[str | None, str | None], AgentLogManager] = {}


async def get_log_manager(store: str | None = None, state_dir: str | None = None) -> AgentLogManager:
    """This process's manager for that store; one that could not reach it is as good as new for the next question."""
    return _managers.setdefault((store, state_dir), AgentLogManager(store, state_dir))
