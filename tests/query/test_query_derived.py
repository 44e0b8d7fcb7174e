"""Relations, memories and search by meaning: rules and their traps, plug-ins, what is kept and what is not."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from query_build import Story, filled, usual_story

from logagent.embedders import open_embedder
from logagent.embedders.pending import embed_pending
from logagent.errors import BadQuery, ConfigError, EmbedderUnavailable, NotFound, NotPermitted
from logagent.query import AgentLogManager, SyncAgentLogManager
from logagent.query.hybrid import fused
from logagent.query.plug_ins import Embedder, HybridSearch, MemoryBackend, RelationshipExtractor
from logagent.query.rules import RuleExtractor
from logagent.store import open_reader, open_store

TOPICS = ("database", "network", "disk")
SYNONYMS = {"db": "database", "sql": "database", "socket": "network", "wire": "network", "volume": "disk"}


class Topics:
    """An embedder whose points are what a text is about."""

    name = "topics-1"

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return [self._point(text.lower().split()) for text in texts]

    def _point(self, words: list[str]) -> list[float]:
        meant = [SYNONYMS.get(word, word) for word in words]
        return [0.1 + meant.count(topic) for topic in TOPICS]


@pytest.fixture
def url(tmp_path: Path) -> str:
    story = Story()
    story.start("etl_1")
    story.log("database is slow", "WARNING", script="etl")
    story.log("db refuses clients", "ERROR", script="etl")
    story.log("socket closed", "ERROR", script="web", run="web_1")
    story.log("volume is full", script="web", run="web_1")
    return filled(tmp_path, story.records)


def embedded(url: str, embedder: Embedder) -> int:
    store, reader = open_store(url), open_reader(url)
    store.prepare()
    try:
        return embed_pending(store, reader, embedder)
    finally:
        reader.close()
        store.close()


# Relations


def relations_of(directory: Path, story: Story) -> set[tuple[str, str, str]]:
    with SyncAgentLogManager(filled(directory, story.records)) as log:
        return {(r.relationship, r.from_log, r.to_log) for r in log.extract_log_relationships("etl_1")}


def test_a_prefix_is_no_fix(tmp_path: Path) -> None:
    """Only whole words claim a fix."""
    story = Story()
    story.log("lost the table", "ERROR")
    story.log("prefix set, suffixed, unresolved, fixture loaded")
    assert relations_of(tmp_path, story) == set()


@pytest.mark.parametrize("said", ["fix applied", "It is FIXED.", "the pool recovered", "resolved: yes"])
def test_a_whole_word_claims_a_fix(tmp_path: Path, said: str) -> None:
    """Whatever its letter case and what stands around it."""
    story = Story()
    error = story.log("lost the table", "ERROR")
    fix = story.log(said)
    with SyncAgentLogManager(filled(tmp_path, story.records)) as log:
        (found,) = log.extract_log_relationships("etl_1")
    assert (found.relationship, found.from_log, found.to_log) == ("FIXED_BY", error.key, fix.key)
    assert (found.method, found.confidence) == ("rules-2", 0.5)


def test_the_first_success_of_the_same_template_fixes(tmp_path: Path) -> None:
    """Also in another function; a retry's announcement is no success."""
    story = Story()
    error = story.log("write batch 7", "ERROR", function_name="a")
    story.log("write batch 8, attempt 2", function_name="a")
    fix = story.log("write batch 9", function_name="b")
    story.log("write batch 10", function_name="a")
    assert relations_of(tmp_path, story) == {("FIXED_BY", error.key, fix.key)}


def test_a_chained_exception_is_found_by_its_line_in_the_traceback(tmp_path: Path) -> None:
    """Modules before the type do not matter; the latest of several is the cause."""
    story = Story()
    older = {"type": "TimeoutError", "value": "30 s", "traceback": "TimeoutError: 30 s"}
    story.log("first", "ERROR", exception=older)
    cause = story.log("second", "ERROR", exception=older)
    chained = {"type": "E", "value": "x", "traceback": "asyncio.TimeoutError: 30 s\n\nduring that\n\nE: x"}
    effect = story.log("third", "ERROR", exception=chained)
    assert relations_of(tmp_path, story) == {("CAUSED_BY", effect.key, cause.key)}


def test_a_learning_comes_from_its_evidence_or_from_its_function(tmp_path: Path) -> None:
    """Named events are certain, the function's last event before it is not."""
    story = Story()
    named = story.log("slow", function_name="load")
    story.log("slower", function_name="load")
    story.learn("small batches", evidence=(named.key,), learning_id="lrn_" + "a" * 32)
    last = story.log("done", function_name="save")
    story.learn("save late", evidence=("etl_1",), function_name="save", learning_id="lrn_" + "b" * 32)
    assert relations_of(tmp_path, story) == {
        ("LEARNED_FROM", named.key, "lrn_" + "a" * 32),
        ("LEARNED_FROM", last.key, "lrn_" + "b" * 32),
    }


def test_saving_again_makes_no_edge_twice(tmp_path: Path) -> None:
    """They are edges of `log_causality`, for free SQL too."""
    story = Story()
    for number in range(3):
        story.log(f"write {number}, retrying")
    with SyncAgentLogManager(filled(tmp_path, story.records)) as log:
        pages = [log.extract_log_relationships("etl_1", save=True) for _ in range(2)]
        assert [page.hints[0] for page in pages] == [f"saved 2 relations, {new} of them new" for new in (2, 0)]
        edges = log.sql("SELECT from_log, to_log FROM log_causality ORDER BY 1")
        assert [edge.from_log for edge in edges] == sorted(each.from_log for each in pages[0])


def test_what_is_related_to_nothing_or_no_event_is_told(tmp_path: Path) -> None:
    """With how to save relations; a depth that makes no sense is refused."""
    story = Story()
    alone = story.log("write 1")
    with SyncAgentLogManager(filled(tmp_path, story.records)) as log:
        assert log.related(alone.key).hints == ("logagent-query relate etl_1 --save",)
        with pytest.raises(BadQuery):
            log.related(alone.key, depth=0)
        with pytest.raises(NotFound):
            log.related("#00000000")


def test_related_walks_to_the_depth_asked(tmp_path: Path) -> None:
    """Each edge once, the nearest first, with what stands at its far end."""
    story = Story()
    for number in range(4):
        story.log(f"write batch {number}, attempt {number}")
    with SyncAgentLogManager(filled(tmp_path, story.records)) as log:
        log.extract_log_relationships("etl_1", save=True)
        found = log.related(story.records[0].key, depth=2)
        assert [(each.depth, each.other) for each in found] == [(1, story.records[1].key), (2, story.records[2].key)]
        assert found[0].message == "write batch 1, attempt 1"
        assert len(log.related(story.records[1].key, depth=5)) == 3


def test_a_graph_is_bounded_with_a_mark(tmp_path: Path) -> None:
    """The first 2,000 events; the metadata tell how many there are."""
    story = Story()
    for number in range(2_010):
        story.log(f"step {number}", "ERROR" if number % 2 else "INFO", function_name=f"f{number % 7}")
    with SyncAgentLogManager(filled(tmp_path, story.records)) as log:
        began = time.monotonic()
        graph = log.build_execution_graph("etl_1")
        assert time.monotonic() - began < 20, "each rule is one walk"
        page = log.extract_log_relationships("etl_1")
    assert graph.metadata == {"execution_id": "etl_1", "total_logs": 2_010, "truncated": True}
    assert len(graph.nodes) == 2_000
    assert not page.total.exact and "2,000" in page.hints[0]


def test_a_graph_holds_what_an_extractor_finds_and_what_was_saved(tmp_path: Path) -> None:
    """A plug-in stands beside the rules, and is named as the method."""

    class Echo:
        def extract_relationships(self, text_a: str, text_b: str) -> list[dict[str, Any]]:
            return [{"type": "ECHOES", "confidence": 0.3}] if text_a == text_b else []

    story = Story()
    first, second = story.log("ping", function_name="a"), story.log("ping", function_name="b")
    url = filled(tmp_path, story.records)
    assert isinstance(Echo(), RelationshipExtractor) and isinstance(RuleExtractor(), RelationshipExtractor)
    with SyncAgentLogManager(url, extractor=Echo()) as log:
        (found,) = log.extract_log_relationships("etl_1", save=True)
    assert (found.relationship, found.method) == ("ECHOES", "Echo")
    with SyncAgentLogManager(url) as log:
        edges = [(edge["from"], edge.to, edge.type) for edge in log.build_execution_graph("etl_1").edges]
        alone = log.build_execution_graph("etl_1", include_relationships=False)
    assert edges == [(first.key, second.key, "FOLLOWED_BY"), (first.key, second.key, "ECHOES")]
    assert [edge.type for edge in alone.edges] == ["FOLLOWED_BY"]


def test_the_rules_tell_two_texts_apart() -> None:
    """The built-in extractor on texts alone."""
    rules = RuleExtractor().extract_relationships
    assert rules("load failed", "load fixed") == [{"type": "FIXED_BY", "confidence": 0.5}]
    assert rules("load failed", "prefix written") == []
    assert rules("retry 1", "retry 2") == [{"type": "RETRY_OF", "confidence": 0.8}]
    assert [each["type"] for each in rules("OSError: refused", "OSError: refused\n\nRuntimeError: x")] == ["CAUSED_BY"]


# Memories


def test_a_memory_of_a_run_is_made_once(tmp_path: Path) -> None:
    """Again it is the same; a text that is no run is none."""
    with SyncAgentLogManager(filled(tmp_path, usual_story().records)) as log:
        first = log.create_execution_memory("@last-failed")
        assert log.create_execution_memory("etl_2") == first
        assert "ConnectionError: refused" in first.content and "keep workers below 16" in first.content
        found = log.hybrid_search("refused", "bm25", "agent_memories")
        assert [each.memory_id for each in found] == [first.memory_id]
        with pytest.raises(NotFound):
            log.create_execution_memory("nobody")


def test_another_backend_takes_the_memory(tmp_path: Path) -> None:
    """The store is then left alone."""
    kept: list[tuple[str, str]] = []

    class Notebook:
        def add_memory(self, content: str, memory_type: str, metadata: Any = None) -> str:
            kept.append((memory_type, metadata["subject"]))
            return "1"

    assert isinstance(Notebook(), MemoryBackend)
    with SyncAgentLogManager(filled(tmp_path, usual_story().records), memory=Notebook()) as log:
        assert log.create_execution_memory("etl_1").memory_id == "1"
        assert not log.reader.memories()
    assert kept == [("execution", "etl_1")]


def test_a_log_file_keeps_nothing(tmp_path: Path) -> None:
    """Neither relations nor memories have a place there."""
    path = tmp_path / "etl.jsonl"
    path.write_text('{"kind":"log","timestamp":"2026-11-22T12:00:00.000000Z","execution_id":"etl_1","message":"x"}\n')
    with SyncAgentLogManager(str(path)) as log:
        with pytest.raises(NotPermitted):
            log.extract_log_relationships("etl_1", save=True)
        with pytest.raises(NotPermitted):
            log.create_execution_memory("etl_1")


# Search by meaning


def test_a_mode_that_is_not_configured_is_an_error_that_names_the_fix(url: str) -> None:
    """Never another mode in silence."""
    with SyncAgentLogManager(url) as log:
        for mode in ("vector", "hybrid"):
            with pytest.raises(BadQuery, match="LOGAGENT_EMBEDDER"):
                log.hybrid_search("x", mode)
        with pytest.raises(BadQuery, match="nearest: vector"):
            log.hybrid_search("x", "vectors")
        with pytest.raises(BadQuery, match="there are log_events"):
            log.hybrid_search("x", "bm25", "logs")
        assert log.hybrid_search("slow", "bm25").hints == ("searched by bm25",)
        assert isinstance(log.hybrid, HybridSearch)


def test_meaning_finds_what_words_do_not(url: str) -> None:
    """Fused, an event that both lists have comes first; each list is filtered alike."""
    assert embedded(url, Topics()) == 4
    assert embedded(url, Topics()) == 0
    with SyncAgentLogManager(url, embedder=Topics()) as log:
        assert {each.message for each in log.hybrid_search("database", "vector", limit=2)} == {
            "database is slow",
            "db refuses clients",
        }
        both = log.hybrid_search("database", limit=2)
        assert [each.message for each in both] == ["database is slow", "db refuses clients"]
        assert both[0].found_by == {"bm25": 1, "vector topics-1": both[0].found_by["vector topics-1"]}
        assert both.truncated and both.hints[0] == "searched by hybrid (bm25 and vector topics-1)"
        web = log.hybrid_search("database", filters={"script_name": "web"})
        assert {each.script_name for each in web} == {"web"}
        with pytest.raises(BadQuery):
            log.hybrid_search("database", filters={"script": "web"})


def test_without_vectors_hybrid_is_bm25_and_says_so(url: str) -> None:
    """Vectors of another model are no vectors."""
    with SyncAgentLogManager(url, embedder=Topics()) as log:
        page = log.hybrid_search("slow")
        assert [each.message for each in page] == ["database is slow"]
        assert page.hints[0] == "searched by bm25 alone (bm25)" and "logagent embed" in page.hints[1]
        other = Topics()
        other.name = "topics-2"
        embedded(url, other)
        assert "topics-2" in log.hybrid_search("slow").hints[1]
        assert len(log.hybrid_search("slow", "vector")) == 0


def test_an_absent_list_adds_nothing_to_a_fusion() -> None:
    """One list fused is that list."""
    items = [{"key": "a"}, {"key": "b"}]
    assert [each["key"] for each in fused({"bm25": items})] == ["a", "b"]
    assert fused({}) == []


class _Service(BaseHTTPRequestHandler):
    """Answers in each of the three forms, or not with vectors at all."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        vectors = Topics().embed(asked["input"])
        forms = {
            "/v1/embeddings": {"data": [{"index": i, "embedding": v} for i, v in enumerate(vectors)][::-1]},
            "/api/embed": {"embeddings": vectors},
            "/embed": vectors,
            "/few": vectors[1:],
            "/none": {"said": "hello"},
        }
        answer = forms.get(self.path)
        self.send_response(200 if answer is not None else 503)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Quiet."""


@pytest.fixture
def service() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Service) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("form", ["/v1/embeddings", "/api/embed", "/embed"])
def test_a_service_gives_vectors_in_any_of_the_usual_forms(service: str, form: str) -> None:
    """In the order of the texts, under the model's name."""
    embedder = open_embedder(f"{service}{form}#topics")
    assert isinstance(embedder, Embedder) and embedder.name == "topics"
    assert embedder.embed(["db", "disk"]) == Topics().embed(["db", "disk"])
    assert embedder.embed([]) == []


def test_the_command_embeds_what_is_stored_once(url: str, service: str) -> None:
    """In steps, up to the limit; the model's name stands with each vector."""

    def embed(*arguments: str) -> subprocess.CompletedProcess[str]:
        program = [sys.executable, "-c", "from logagent.cli import main; main()"]
        command = [*program, "embed", "--store", url, "--embedder", f"{service}/embed#topics", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    said = [embed("--level", "error").stdout, embed("--limit", "1").stdout, embed().stdout, embed().stdout]
    assert said == [f"{count} events embedded by topics\n" for count in (2, 1, 1, 0)]
    with SyncAgentLogManager(url) as log:
        assert log.reader.vector_models() == {"topics": 4}
    assert embed("--level", "errr").returncode == 2


@pytest.mark.parametrize("form", ["/few", "/none", "/absent"])
def test_a_service_without_vectors_is_unavailable(service: str, form: str) -> None:
    """Too few, none, or a refusal."""
    with pytest.raises(EmbedderUnavailable):
        open_embedder(service + form).embed(["a", "b"])


def test_what_is_no_embedder_is_a_setting_to_change(tmp_path: Path) -> None:
    """A directory without a model, or nothing at all."""
    for place in (str(tmp_path), str(tmp_path / "absent"), "ftp://host"):
        with pytest.raises(ConfigError):
            open_embedder(place)


# Cancelling


def test_cancelling_a_call_interrupts_its_query(url: str) -> None:
    """The next question is answered at once, not after the query's own deadline."""
    endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"

    async def cancel_and_ask() -> float:
        async with AgentLogManager(url) as log:
            await log.active_runs()
            asked = asyncio.ensure_future(log.sql(endless))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asked, 0.3)
            began = time.monotonic()
            await log.active_runs()
            return time.monotonic() - began

    assert asyncio.run(cancel_and_ask()) < 3


def test_cancelling_a_call_stops_no_other(url: str) -> None:
    """Neither the one whose turn it is, nor the ones behind."""
    slow = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 3000000) SELECT max(i) AS last FROM n"

    async def cancel_the_waiting() -> tuple[int, int]:
        async with AgentLogManager(url) as log:
            first = asyncio.ensure_future(log.sql(slow))
            second, third = asyncio.ensure_future(log.sql(slow)), asyncio.ensure_future(log.active_runs())
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(second, 0.05)
            return (await first)[0].last, len(await third)

    assert asyncio.run(cancel_the_waiting()) == (3_000_000, 1)
