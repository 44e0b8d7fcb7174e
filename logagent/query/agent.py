"""The agent's one object: every question, and the writing side's own functions, as methods.

`agent_async.AgentLogManager` has the same methods as coroutines. Questions go to the store read-only and log nothing.
The store is opened by the first question and, where that failed, tried again by the next.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from logagent.embedders import configured_embedder
from logagent.formats import end_run, log_agent_learning, script_execution, start_run
from logagent.query import (
    bookmarks,
    counts,
    events,
    findings,
    free,
    history,
    hybrid,
    learning,
    memory,
    plain_search,
    pruning,
    relations,
    runs,
)
from logagent.query.execution_errors import execution_errors
from logagent.query.item import Item, Page
from logagent.query.language import parse_query
from logagent.query.plug_ins import Embedder, HybridSearch, MemoryBackend, RelationshipExtractor
from logagent.query.sources import Place, daemon_of, find_place, open_source, status_of
from logagent.query.unseen import wait_for_ends
from logagent.query.window import python_window
from logagent.settings import load_settings
from logagent.store.protocol import Reader


class SyncAgentLogManager:
    """Questions to one store, and writing to the log files that the daemon ships.

    >>> with SyncAgentLogManager(store="/no/such/file.jsonl") as log:
    ...     log.search_logs("timeout")
    Traceback (most recent call last):
        ...
    logagent.errors.NotFound: no file '/no/such/file.jsonl'; a store is named by a URL, as in sqlite:///logs.db
    """

    log_agent_learning = staticmethod(log_agent_learning)
    script_execution = staticmethod(script_execution)
    start_run = staticmethod(start_run)
    end_run = staticmethod(end_run)

    def __init__(
        self,
        store: str | None = None,
        state_dir: str | None = None,
        *,
        embedder: Embedder | None = None,
        extractor: RelationshipExtractor | None = None,
        memory: MemoryBackend | None = None,
    ) -> None:
        """Plug-ins take the place of what settings name and of what is built in.

        Args:
            store: its URL, or a log file; by default what settings say.
            state_dir: the daemon's; by default what settings say.
            extractor: finds relations beside the built-in rules.
        """
        self._given = (store, state_dir)
        self._embedder = embedder
        self._extractor = extractor
        self._memory = memory
        self._reader: Reader | None = None
        self._opened: Place | None = None

    def __enter__(self) -> SyncAgentLogManager:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the store; the next question opens it again."""
        if self._reader is not None:
            self._reader.close()
            self._reader = self._opened = None

    @property
    def _place(self) -> Place:
        """Where the open store is, else where settings say so."""
        return self._opened or find_place(*self._given)

    @property
    def reader(self) -> Reader:
        """The store's reading handle, opened when first needed; it knows of the runs that have ended by now.

        As far as that can be waited for: see `unseen`.
        """
        if self._reader is None:
            place = self._place
            self._reader, self._opened = open_source(place.url), place
        wait_for_ends(self._reader, status_of(self._place))
        return self._reader

    def interrupt(self) -> None:
        """Called from another thread: the question under way ends soon, as a QueryTimeout."""
        if self._reader is not None:
            self._reader.interrupt()

    def query_logs(self, aql_query: str, bind_vars: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """The answer of one AQL query on an ArangoDB store; on SQLite a BadQuery that names `sql`."""
        return [item.to_dict() for item in free.aql(self.reader, aql_query, bind_vars)]

    def sql(self, text: str, params: Sequence[Any] | Mapping[str, Any] = ()) -> Page:
        """The rows of one SELECT on an SQLite store, at most 1,000, within 5 seconds.

        >>> log.sql("SELECT count(*) AS n FROM log_events WHERE level = ?", ["ERROR"])[0].n
        1
        """
        return free.sql(self.reader, text, params)

    def search_logs(
        self,
        query: str,
        execution_id: str | None = None,
        level: str | None = None,
        time_range: Mapping[str, Any] | None = None,
        limit: int = 100,
    ) -> Page:
        """Events with any word of the plain text, best first by BM25; `*` or "" lists the newest first.

        Args:
            level: that level alone, or `">=WARNING"`.
            time_range: {"start": datetime, "end": datetime}, aware, either may be missing.

        >>> log.search_logs("refused connection", level="ERROR")[0].message
        'db-7 refused connection'
        """
        filters = {"execution_id": execution_id, "level": level, "time_range": time_range}
        return plain_search.search_text(self.reader, query, filters, limit)

    def search_bm25_logs(self, text_query: str, filters: Mapping[str, Any] | None = None, limit: int = 50) -> Page:
        """The same, with filters by field name (script_name, level, tags, time_range, ...).

        >>> len(log.search_bm25_logs("refused", {"script_name": "etl"}))
        1
        """
        return plain_search.search_text(self.reader, text_query, filters or {}, limit)

    def hybrid_search(
        self,
        query: str,
        search_type: str = "hybrid",
        collection: str = "log_events",
        limit: int = 50,
        filters: Mapping[str, Any] | None = None,
    ) -> Page:
        """By words (`bm25`), by meaning (`vector`) or both (`hybrid`); the mode that was used is in `page.hints`.

        Args:
            collection: log_events, or by words alone agent_learnings and agent_memories.

        >>> page = log.hybrid_search("workers", "bm25", "agent_learnings")
        >>> page[0].learning, page.hints
        ('keep workers below 16', ('searched by bm25',))
        """
        return self.hybrid.search(query, search_type, collection, limit, filters)

    @property
    def hybrid(self) -> HybridSearch:
        """The same as an object that is a HybridSearch."""
        if self._embedder is None:
            self._embedder = configured_embedder(load_settings(flags={"state_dir": self._given[1]}))
        return hybrid.StoreSearch(self.reader, self._embedder)

    def search(
        self,
        text: str = "",
        *,
        time_range: Mapping[str, Any] | None = None,
        limit: int = 100,
        next: str | None = None,  # noqa: A002
        since_read: str | None = None,
    ) -> Page:
        """Events by the query language of `logagent-query search`, newest first; `next` is a page's cursor.

        Args:
            since_read: a bookmark's name: only what was stored since the last question with it.

        >>> page = log.search("level>=warning -retrying")
        >>> page.total.value, page[0].level, page.next
        (1, 'ERROR', None)
        """
        window = python_window(time_range)
        question = events.EventQuestion(where=parse_query(text), window=window, limit=limit, next=next)
        if since_read is not None:
            return bookmarks.arrived_since(self._place.state_dir, since_read, self.reader, question)
        return events.search(self.reader, question)

    def event(self, event: str) -> Page:
        """One event, whole, by its shown id (`#9be2c41f`) or its key.

        >>> log.event(log.search("refused")[0].key)[0].function_name
        'write'
        """
        return events.event(self.reader, event)

    def context(self, event: str, before: int = 10, after: int = 10) -> Page:
        """What happened around an event, in the order of its run.

        >>> [each.level for each in log.context(log.search("refused")[0].key, before=1, after=1)]
        ['WARNING', 'ERROR']
        """
        return events.context(self.reader, event, before, after)

    def stats(self, by: str = "level", query: str = "", *, time_range: Mapping[str, Any] | None = None) -> Page:
        """Events counted by level, script, run, function, file, host, hour or day.

        >>> log.stats("script")[0].to_dict()["count"]
        3
        """
        return counts.stats(self.reader, by, parse_query(query), python_window(time_range))

    def fields(self, query: str = "", *, time_range: Mapping[str, Any] | None = None) -> Page:
        """Which fields matching events have, and their commonest values.

        >>> [each.field for each in log.fields("loaded") if each.field.startswith("extra")]
        ['extra.response', 'extra.user']
        """
        return counts.fields(self.reader, parse_query(query), python_window(time_range))

    def overview(self) -> Page:
        """What ran, what failed, how far the daemon is: one item.

        >>> log.overview()[0].runs_by_status.failed
        1
        """
        return runs.overview(self.reader, daemon_of(self._place, status_of(self._place), _now_us()))

    def runs(
        self,
        script: str | None = None,
        *,
        status: str | Sequence[str] = (),
        time_range: Mapping[str, Any] | None = None,
        limit: int = 50,
        next: str | None = None,  # noqa: A002
    ) -> Page:
        """Runs, newest first; `status` is one or several, `next` a page's cursor.

        >>> [run.execution_id for run in log.runs("etl", status=["failed"])]
        ['etl_2']
        """
        return runs.runs(self.reader, _run_question(script, status, time_range, limit, next))

    def slowest_runs(
        self,
        script: str | None = None,
        *,
        status: str | Sequence[str] = (),
        time_range: Mapping[str, Any] | None = None,
        limit: int = 50,
    ) -> Page:
        """The runs that took longest first.

        >>> log.slowest_runs(limit=1)[0].execution_id
        'etl_2'
        """
        return runs.slowest_runs(self.reader, _run_question(script, status, time_range, limit, None))

    def get_latest_response(self, script_name: str, execution_id: str | None = None) -> Any:
        """The newest `extra_data.response` of a script, whole; NotFound if it never bound one.

        >>> log.get_latest_response("etl")
        {'rows': 42}
        """
        return events.latest_response(self.reader, script_name, execution_id)

    def get_execution_summary(self, execution_id: str) -> Item:
        """A run: {execution_id, run_info, log_statistics, errors, learnings, total_logs}; also for `@last`.

        >>> log.get_execution_summary("@last-failed").errors[0].message
        'db-7 refused connection'
        """
        return runs.execution_summary(self.reader, execution_id)

    def find_execution_errors(self, execution_id: str, context_seconds: float = 5) -> Page:
        """Each error of a run with the run's events around it.

        >>> [event.level for event in log.find_execution_errors("etl_2")[0].context]
        ['WARNING', 'ERROR']
        """
        return execution_errors(self.reader, execution_id, context_seconds)

    def analyze_historical_performance(self, script_name: str, lookback_days: int = 7) -> Item:
        """Counts by status, durations (avg_duration, p50, p95) and error_trend of a script's runs.

        >>> log.analyze_historical_performance("etl", lookback_days=3650).failed_runs
        1
        """
        return history.performance(self.reader, script_name, lookback_days, _now_us())

    def recurring_learnings(self, min_confidence: float = 0.8, limit: int = 10) -> Page:
        """Learnings of at least that confidence, alike ones together, the most often said first.

        >>> log.recurring_learnings()[0].learning
        'keep workers below 16'
        """
        return counts.recurring_learnings(self.reader, min_confidence, limit)

    def errors_by_function(self, hours: float = 24, limit: int = 5, samples: int = 3) -> Page:
        """Functions with the most errors in the last hours, with their newest ones.

        >>> [(each.function, each.errors) for each in log.errors_by_function(hours=100_000)]
        [('write', 1)]
        """
        return counts.errors_by_function(self.reader, hours, limit, samples, _now_us())

    def count_by_level(self, minutes: float = 5) -> Item:
        """Events per level in the last minutes: {level: count}.

        >>> log.count_by_level(minutes=10_000_000)["ERROR"]
        1
        """
        return counts.count_by_level(self.reader, minutes, _now_us())

    def active_runs(self) -> Page:
        """Runs that began and have not ended.

        >>> [run.execution_id for run in log.active_runs()]
        ['report_1']
        """
        return runs.active_runs(self.reader)

    def build_execution_graph(self, execution_id: str, include_relationships: bool = True) -> Item:
        """A run as {nodes, edges, metadata}: what followed, fixed and caused what.

        >>> [edge.type for edge in log.build_execution_graph("etl_2").edges]
        ['FOLLOWED_BY']
        """
        return relations.execution_graph(
            self.reader, execution_id, include_relationships=include_relationships, extractor=self._extractor
        )

    def extract_log_relationships(self, execution_id: str, save: bool = False) -> Page:
        """Relations between a run's events: {from_log, to_log, relationship, confidence, method, rationale}.

        Args:
            save: keep them as `log_causality` edges; again makes no edge twice.

        >>> len(log.extract_log_relationships("etl_2"))
        0
        """
        if save:
            return relations.extracted_and_saved(self.reader, self._place.url, execution_id, self._extractor)
        return relations.extracted(self.reader, execution_id, self._extractor)

    def related(self, event: str, depth: int = 2) -> Page:
        """What saved relations lead to from an event, in either direction, nearest first.

        >>> len(log.related(log.search("refused")[0].key))
        0
        """
        return relations.related(self.reader, event, depth)

    def create_execution_memory(self, execution_id: str) -> Item:
        """Keep what a run came to: {memory_id, memory_type, content, metadata}; again renews the same memory.

        >>> log.create_execution_memory("etl_2").content.splitlines()[0]
        'etl failed after 9.0s'
        """
        backend = self._memory or memory.StoreMemory(self._place.url)
        return memory.execution_memory(self.reader, backend, execution_id)

    def why(self, run: str = "@last-failed") -> Page:
        """The evidence on a run's failure in one item: errors, what came before, the difference to the last good run.

        >>> log.why()[0].errors[0].message
        'db-7 refused connection'
        """
        return findings.why(self.reader, run, _now_us())

    def diff(self, run: str, base: str | None = None, everything: bool = False) -> Page:
        """What a run did otherwise than its base, by default the last good run of the script before it.

        >>> [each.text for each in log.diff("etl_2")[0].missing]
        ['loaded {n} rows']
        """
        return findings.diff(self.reader, run, base, everything=everything)

    def errors(
        self,
        script: str | None = None,
        *,
        new: bool = False,
        since_run: str | None = None,
        file: str | None = None,
        time_range: Mapping[str, Any] | None = None,
        limit: int = 50,
        since_read: str | None = None,
    ) -> Page:
        """Errors by fingerprint, the new ones first.

        Args:
            since_read: a bookmark's name: only what was stored since the last question with it.

        >>> [(each.type, each.status) for each in log.errors()]
        [('ConnectionError', 'new')]
        """
        window = python_window(time_range)
        question = findings.ErrorQuestion(
            script=script, only_new=new, since_run=since_run, file=file, window=window, limit=limit
        )
        if since_read is not None:
            return bookmarks.errors_since(self._place.state_dir, since_read, self.reader, question)
        return findings.errors(self.reader, question)

    def similar(self, text: str, limit: int = 10) -> Page:
        """Errors, events and learnings like a text, an event (`#9be2c41f`) or an error fingerprint.

        >>> log.similar("refused connection")[0].what
        'error'
        """
        return findings.similar(self.reader, text, limit)

    def patterns(
        self,
        query: str = "",
        *,
        run: str | None = None,
        rare: bool = False,
        new_since: datetime | None = None,
        limit: int = 50,
    ) -> Page:
        """Events by template, the most frequent first.

        Args:
            new_since: only templates that nothing before then has.

        >>> log.patterns(run="etl_1")[0].text
        'loaded {n} rows'
        """
        since_us = python_window({"start": new_since}).since_us if new_since is not None else None
        question = findings.PatternQuestion(
            where=parse_query(query), run=run, rare=rare, new_since_us=since_us, limit=limit
        )
        return findings.patterns(self.reader, question)

    def overdue(self, script: str | None = None) -> Page:
        """Running runs against their usual band, messages that are late, scripts gone silent.

        >>> log.overdue()[0].run
        'report_1'
        """
        return findings.overdue(self.reader, script, _now_us())

    def resolve(self, fingerprint: str, by: str) -> Page:
        """Say by a line that an error is resolved, and by what; it reopens by itself when it comes back.

        Raises:
            ConfigError: nothing watches the log directory, or it cannot be written to.
        """
        return findings.resolve(self.reader, self._write, fingerprint, by)

    def reopen(self, fingerprint: str, by: str = "") -> Page:
        """Take back that an error is resolved.

        Raises: as `resolve`.
        """
        return findings.resolve(self.reader, self._write, fingerprint, by, "reopen")

    def search_learnings(self, text: str = "", limit: int = 20, *, with_gone: bool = False) -> Page:
        """Learnings with any of the words, best first, with what they have earned; without words all, newest first.

        >>> log.search_learnings("workers")[0].learning
        'keep workers below 16'
        """
        return learning.search_learnings(self.reader, text, limit, with_gone=with_gone)

    def show_learning(self, learning_id: str) -> Page:
        """One learning with its evidence and what became of it.

        >>> log.show_learning("L-5f21c0")[0].stated
        0.9
        """
        return learning.shown(self.reader, learning_id)

    def add_learning(
        self,
        text: str,
        evidence: Sequence[str],
        *,
        function: str | None = None,
        confidence: float = 0.8,
        context: Mapping[str, Any] | None = None,
    ) -> Page:
        """Write down what was learnt by a line, with events and runs that show it; what is known is confirmed instead.

        Raises:
            BadQuery, NotFound: no such evidence.
            ConfigError: nothing watches the log directory, or it cannot be written to.
        """
        return learning.add(
            self.reader, self._write, text, evidence=evidence, function=function, confidence=confidence, context=context
        )

    def confirm_learning(self, learning_id: str, reason: str = "") -> Page:
        """Say by a line that a learning was applied and held. Raises: as `add_learning`."""
        return self._act("confirm", learning_id, reason)

    def refute_learning(self, learning_id: str, reason: str = "") -> Page:
        """Say by a line that a learning did not hold. Raises: as `add_learning`."""
        return self._act("refute", learning_id, reason)

    def retire_learning(self, learning_id: str, reason: str = "") -> Page:
        """Say by a line that a learning no longer matters. Raises: as `add_learning`."""
        return self._act("retire", learning_id, reason)

    def _act(self, action: str, learning_id: str, reason: str) -> Page:
        return learning.act(self._write, learning.learning_of(self.reader, learning_id), action, reason=reason)

    @property
    def _write(self) -> learning.Write:
        """What writes a line where the daemon finds it."""
        return learning.writer_for(self._place, status_of(self._place))

    def prune_logs(
        self,
        older_than_days: float | None = None,
        execution_ids: Sequence[str] | None = None,
        level: str | None = None,
        dry_run: bool = False,
    ) -> Item:
        """Delete the log events for which all that is given holds: {examined, deleted}; nothing given, nothing.

        >>> log.prune_logs(older_than_days=0, level="DEBUG", dry_run=True)
        Item({'examined': 0, 'deleted': 0})
        """
        return pruning.prune(
            self._place.url,
            older_than_days=older_than_days,
            execution_ids=execution_ids,
            level=level,
            dry_run=dry_run,
            now_us=_now_us(),
        )


def _run_question(
    script: str | None,
    status: str | Sequence[str],
    time_range: Mapping[str, Any] | None,
    limit: int,
    following: str | None,
) -> runs.RunQuestion:
    window = python_window(time_range)
    statuses = (status,) if isinstance(status, str) else tuple(status)
    written = (str(script), str(statuses), str(window))
    return runs.RunQuestion(script=script, status=statuses, window=window, limit=limit, next=following, written=written)


def _now_us() -> int:
    return time.time_ns() // 1_000


_managers: dict[tuple[str | None, str | None], SyncAgentLogManager] = {}


def get_sync_log_manager(store: str | None = None, state_dir: str | None = None) -> SyncAgentLogManager:
    """This process's manager for that store; one that could not reach it is as good as new for the next question."""
    return _managers.setdefault((store, state_dir), SyncAgentLogManager(store, state_dir))
