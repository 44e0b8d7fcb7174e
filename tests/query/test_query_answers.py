"""What questions find: the language against a plain filter, pages, references, the agent's object."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from query_build import NOON_US, ORIGIN, Story, append, filled, usual_story

from logagent.errors import BadQuery, NotFound, StoreUnavailable
from logagent.formats.record import LogLine, Record
from logagent.query import AgentLogManager, SyncAgentLogManager, get_log_manager
from logagent.query.events import EventQuestion, search
from logagent.query.language import parse_query
from logagent.query.references import run_id_of
from logagent.store import open_reader
from logagent.store.protocol import Reader
from logagent.store.selection import And, Compare, CompareExtra, Condition, Field, Has, Not, Or, TextMatch

WORDS = ("alpha", "beta", "alphabet", "gamma", "db7")
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def many_events() -> list[Record]:
    """Sixty events whose fields take few values, so that any two conditions overlap."""
    dice = random.Random(7)
    story = Story()
    for run, seconds in (("r1", 1.5), ("r2", 30.0)):
        story.start(run)
        story.end(run, duration_seconds=seconds)
    for number in range(60):
        story.log(
            " ".join(dice.choices(WORDS, k=3)),
            dice.choice(["DEBUG", "INFO", "WARNING", "ERROR"]),
            run=dice.choice(["r1", "r2", "r3"]),
            script=dice.choice(["etl", "report"]),
            function_name=dice.choice([None, "load", "save"]),
            file_path=dice.choice([None, "/srv/app/src/db.py", "db.py"]),
            line_number=dice.choice([None, 10, 20]),
            tags=dice.choice([(), ("t",), ("t", "u")]),
            extra=dice.choice([{}, {"user": 42}, {"user": "42"}, {"user": "ann", "n": {"m": 1.5}}, {"user": True}]),
            exception=dice.choice([None, {"type": "E", "value": str(number)}]),
        )
    return story.records


RECORDS = many_events()
DURATIONS = {"r1": 1.5, "r2": 30.0}


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    reader = open_reader(filled(tmp_path_factory.mktemp("many"), RECORDS))
    yield reader
    reader.close()


@pytest.fixture(scope="module")
def usual_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return filled(tmp_path_factory.mktemp("usual"), usual_story().records)


@pytest.fixture
def usual(usual_url: str) -> Iterator[Reader]:
    reader = open_reader(usual_url)
    yield reader
    reader.close()


@pytest.fixture
def log(usual_url: str) -> Iterator[SyncAgentLogManager]:
    with SyncAgentLogManager(usual_url) as manager:
        yield manager


# ---- the language, said again in plain Python ----


def holds(condition: Condition, line: LogLine) -> bool:
    match condition:
        case And(conditions=parts):
            return all(holds(part, line) for part in parts)
        case Or(conditions=parts):
            return any(holds(part, line) for part in parts)
        case Not(condition=inner):
            return not holds(inner, line)
        case TextMatch(text=text, form=form):
            return text_holds(text.split(), form, line.message.split())
        case Compare(field=field, op=op, value=value):
            return compare_holds(field, op, value, line)
        case CompareExtra(path=path, op=op, value=value):
            return extra_holds(path, op, value, line)
        case Has(name=name):
            return has(name, line)


def text_holds(asked: list[str], form: str, words: list[str]) -> bool:
    places = range(len(words) - len(asked) + 1)
    if form == "prefix":
        return any(word.startswith(asked[0]) for word in words)
    return any(words[at : at + len(asked)] == asked for at in places)


COMPARED = {
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def compare_holds(field: Field, op: str, value: Any, line: LogLine) -> bool:
    if field is Field.TAG:
        return (value in line.tags) == (op == "=")
    if field is Field.FILE:
        path = line.file_path or ""
        return (path == value or path.endswith("/" + str(value))) == (op == "=")
    found: Any = {
        Field.LEVEL: line.level_no,
        Field.SCRIPT: line.script_name,
        Field.RUN: line.execution_id,
        Field.FUNCTION: line.function_name,
        Field.LINE: line.line_number,
        Field.DURATION: DURATIONS.get(line.execution_id),
    }[field]
    if found is None:
        return op == "!=" and field is not Field.DURATION
    return bool(COMPARED[op](found, value))


def extra_holds(path: tuple[str, ...], op: str, value: Any, line: LogLine) -> bool:
    found = extra_value(path, line)
    alike = type(found) is type(value) or {type(found), type(value)} == {int, float}
    if op == "!=":
        return not alike or found != value
    return alike and bool(COMPARED[op](found, value))


def extra_value(path: tuple[str, ...], line: LogLine) -> Any:
    found: Any = msgspec.json.decode(line.extra_data)
    for name in path:
        found = found.get(name, ...) if isinstance(found, dict) else ...
    return found


def has(name: str, line: LogLine) -> bool:
    if name.startswith("extra."):
        return extra_value(tuple(name.split(".")[1:]), line) is not ...
    return {
        "exception": line.exception is not None,
        "tags": bool(line.tags),
        "extra_data": bytes(line.extra_data) != b"{}",
        "run": line.execution_id != "unknown",
    }[name]


terms = st.sampled_from(
    [
        *("alpha", "alpha*", "beta", "db7", '"alpha beta"', '"beta gamma"', "nowhere", "GAMMA".lower()),
        *("level:error", "level>=warning", "level!=info", "level<20", "script:etl", "script!=etl", "run:r1", "run!=r2"),
        *("function:load", "function!=load", "file:db.py", "file:src/db.py", "file!=db.py", "line>10", "line!=10"),
        *("tag:t", "tag!=u", "duration>2s", "duration<=1.5s", "has:exception", "has:tags", "has:extra_data", "has:run"),
        *("has:extra.user", "has:extra.n.m", "extra.user=42", 'extra.user="42"', "extra.user!=42", "extra.n.m>1"),
        *("extra.user=ann", "extra.user=true", "extra.user>1", "extra.n.m=1.5"),
    ]
)
queries = st.recursive(
    terms,
    lambda inner: (
        st.tuples(inner, inner).map(" ".join)
        | st.tuples(inner, inner).map(lambda two: f"({two[0]} OR {two[1]})")
        | inner.map(lambda one: f"-({one})")
    ),
    max_leaves=5,
)


@given(text=queries)
def test_a_query_finds_what_a_plain_filter_finds(many: Reader, text: str) -> None:
    """In order, newest first, with the exact total."""
    condition = parse_query(text)
    events = [record for record in RECORDS if isinstance(record.line, LogLine)]
    expected = [record.key for record in events if isinstance(record.line, LogLine) and holds(condition, record.line)]
    page = search(many, EventQuestion(where=condition, limit=1_000))
    assert [item.key for item in page] == expected[::-1]
    assert (page.total.value, page.total.exact) == (len(expected), True)


@given(text=queries, limit=st.integers(1, 20))
def test_pages_together_are_the_whole(many: Reader, text: str, limit: int) -> None:
    """Whatever the size of a page, and with the same total on each."""
    whole = search(many, EventQuestion(where=parse_query(text), limit=1_000))
    keys: list[str] = []
    cursor: str | None = None
    for _ in itertools.count():
        page = search(many, EventQuestion(where=parse_query(text), limit=limit, next=cursor))
        assert page.total == whole.total
        keys += [item.key for item in page]
        cursor = page.next
        if cursor is None:
            break
    assert keys == [item.key for item in whole]


# ---- references ----


@pytest.mark.parametrize(
    ("reference", "execution_id"),
    [
        ("@last", "report_1"),
        ("@-1", "report_1"),
        ("@-2", "etl_2"),
        ("@last:etl", "etl_2"),
        ("@-2:etl", "etl_1"),
        ("@last-failed", "etl_2"),
        ("@last-good", "etl_1"),
        ("@last-good:etl", "etl_1"),
        ("etl_1", "etl_1"),
        ("rep", "report_1"),
    ],
)
def test_a_reference_is_a_run(usual: Reader, reference: str, execution_id: str) -> None:
    """The newest run that fits."""
    assert run_id_of(usual, reference) == execution_id


@pytest.mark.parametrize("reference", ["@first", "@-0", "@", "etl"])
def test_an_unknown_or_shared_reference_is_refused(usual: Reader, reference: str) -> None:
    """Never a run that only might be meant."""
    with pytest.raises(BadQuery):
        run_id_of(usual, reference)


def test_a_missing_run_names_the_nearest(usual: Reader) -> None:
    """One letter off is the usual mistake."""
    with pytest.raises(NotFound) as missing:
        run_id_of(usual, "reprot_1")
    assert missing.value.closest[0] == "report_1"
    with pytest.raises(NotFound, match="no failed or crashed runs of script 'report'"):
        run_id_of(usual, "@last-failed:report")


def test_a_reference_in_a_query_stays_what_it_was_on_the_first_page(tmp_path: Path) -> None:
    """A run that begins between two pages does not change the question."""
    story = Story()
    story.start("r1")
    for _ in range(3):
        story.log(run="r1")
    url = filled(tmp_path, story.records)
    with SyncAgentLogManager(url) as log:
        first = log.search("run:@last", limit=2)
        later = Story(msgspec.structs.replace(ORIGIN, fingerprint=3), start_us=NOON_US + 10**9)
        append(url, [later.start("r2"), later.log(run="r2")])
        second = log.search("run:@last", limit=2, next=first.next)
        assert [item.execution_id for item in (*first, *second)] == ["r1"] * 3
        assert [item.execution_id for item in log.search("run:@last")] == ["r2"]


# ---- the agent's object ----


def test_python_asks_by_bookmarks_as_commands_do(tmp_path: Path) -> None:
    """What was stored since the last question with that name, however old it is."""
    url = filled(tmp_path, usual_story().records)
    with SyncAgentLogManager(url, str(tmp_path)) as log:
        first = log.search("level>=error", since_read="me"), log.errors(since_read="me")
        again = log.search("level>=error", since_read="me"), log.errors(since_read="me")
        later = Story(msgspec.structs.replace(ORIGIN, fingerprint=3), start_us=NOON_US - 10**9)
        append(url, [later.log("disk is full", "ERROR")])
        news = log.search("level>=error", since_read="me"), log.errors(since_read="me")
    assert [[each.message for each in page] for page in first] == [["db-7 refused connection"]] * 2
    assert [len(page) for page in again] == [0, 0]
    assert [[each.message for each in page] for page in news] == [["disk is full"]] * 2


def test_python_asks_for_what_is_new(tmp_path: Path) -> None:
    """Errors that are news, and templates that nothing before a moment has."""
    story = usual_story()
    later = Story(msgspec.structs.replace(ORIGIN, fingerprint=3), start_us=NOON_US + 10**9)
    url = filled(
        tmp_path, [*story.records, later.log("loaded 43 rows", function_name="load"), later.log("disk is full")]
    )
    with SyncAgentLogManager(url, str(tmp_path)) as log:
        since = datetime.fromtimestamp(NOON_US / 1e6 + 900, UTC)
        assert [each.text for each in log.patterns(new_since=since)] == ["disk is full"]
        assert [each.message for each in log.errors(new=True)] == ["db-7 refused connection"]


def test_plain_text_means_any_word_best_first(log: SyncAgentLogManager) -> None:
    """No syntax: a colon or a quote in the text is text."""
    page = log.search_logs('failed: "retrying" (refused')
    assert [item.level for item in page] == ["WARNING", "ERROR"]
    assert page[0].score and page.total.value == 2


def test_search_filters_hold(log: SyncAgentLogManager) -> None:
    """Each of them, before the limit."""
    assert [item.level for item in log.search_logs("*", level="error")] == ["ERROR"]
    assert [item.level for item in log.search_logs("", level=">=warning", limit=1)] == ["ERROR"]
    assert len(log.search_logs("*", execution_id="etl_2")) == 2
    window = {"start": NOON + timedelta(seconds=4), "end": NOON + timedelta(seconds=5)}
    assert [item.level for item in log.search_logs("*", time_range=window)] == ["WARNING"]
    assert len(log.search_bm25_logs("refused", {"script_name": "etl", "tags": ["db"]})) == 1


def test_what_is_not_known_is_an_error(log: SyncAgentLogManager) -> None:
    """Nothing is ignored in silence."""
    with pytest.raises(BadQuery, match="nearest: level"):
        log.search_bm25_logs("x", {"levle": "ERROR"})
    with pytest.raises(BadQuery, match="naive"):
        log.search_logs("x", time_range={"start": datetime(2026, 11, 22)})
    with pytest.raises(TypeError):
        log.search_logs("x", levle="ERROR")  # type: ignore[call-arg]
    with pytest.raises(BadQuery, match="use sql"):
        log.query_logs("FOR e IN log_events RETURN e")


def test_a_summary_has_the_documented_shape(log: SyncAgentLogManager) -> None:
    """For a reference, too; an unknown run names the nearest."""
    summary = log.get_execution_summary("@last-failed")
    assert summary.execution_id == "etl_2"
    assert summary.run_info.status == "failed"
    assert summary.log_statistics == {"ERROR": 1, "WARNING": 1}
    assert summary.errors[0].message == "db-7 refused connection"
    assert summary.learnings[0].learning == "keep workers below 16"
    assert summary.total_logs == 2
    with pytest.raises(NotFound):
        log.get_execution_summary("nope")


def test_errors_come_with_what_stood_around_them(log: SyncAgentLogManager) -> None:
    """Of the same run, within so many seconds."""
    (found,) = log.find_execution_errors("etl_2", context_seconds=5)
    assert [each.level for each in found.context] == ["WARNING", "ERROR"]
    (found,) = log.find_execution_errors("etl_2", context_seconds=0)
    assert [each.level for each in found.context] == ["ERROR"]


def test_a_running_run_has_no_share_in_durations(usual_url: str) -> None:
    """An average over what is not finished would be a guess."""
    reader = open_reader(usual_url)
    from logagent.query.history import performance

    found = performance(reader, "etl", 1, NOON_US + 10**9)
    reader.close()
    assert (found.total_runs, found.successful_runs, found.failed_runs) == (2, 1, 1)
    assert (found.avg_duration, found.p50, found.p95) == (6.25, 3.5, 9.0)
    assert found.error_trend[0] == {"time": "2026-11-22", "errors": 1}


def test_the_newest_response_comes_whole(log: SyncAgentLogManager) -> None:
    """Of the script, or of the run."""
    assert log.get_latest_response("etl") == {"rows": 42}
    with pytest.raises(NotFound):
        log.get_latest_response("etl", "etl_2")


def test_a_graph_follows_the_run_and_its_retry(log: SyncAgentLogManager) -> None:
    """Nodes are events, edges say what led to what."""
    graph = log.build_execution_graph("etl_2")
    assert [node.level for node in graph.nodes] == ["WARNING", "ERROR", "LEARNING"]
    assert [edge.type for edge in graph.edges] == ["FOLLOWED_BY"]
    assert graph.metadata == {"execution_id": "etl_2", "total_logs": 2, "truncated": False}


def test_rules_find_retries_causes_and_fixes(tmp_path: Path) -> None:
    """From order, function, template and exception chain; a prefix is no fix."""
    story = Story()
    story.log("write batch 1, attempt 1", function_name="w", level="DEBUG")
    first = story.log("lost", "ERROR", function_name="w", exception={"type": "OSError", "value": "gone"})
    chained = {"type": "RuntimeError", "value": "x", "traceback": "OSError: gone\n\nThe above exception"}
    second = story.log("failed", "ERROR", function_name="w", exception=chained)
    story.log("prefix done", function_name="other")
    retry = story.log("write batch 1, attempt 2", "DEBUG", function_name="w")
    fixed = story.log("written", function_name="w")
    with SyncAgentLogManager(filled(tmp_path, story.records)) as log:
        found = {(r.relationship, r.from_log, r.to_log) for r in log.extract_log_relationships("etl_1")}
    assert found == {
        ("FIXED_BY", first.key, fixed.key),
        ("FIXED_BY", second.key, fixed.key),
        ("CAUSED_BY", second.key, first.key),
        ("RETRY_OF", retry.key, story.records[0].key),
    }


def test_learnings_that_recur_come_first(tmp_path: Path) -> None:
    """Alike but for spaces and case; unsure ones are left out."""
    story = Story()
    for number, (text, confidence) in enumerate(
        [("once", 0.9), ("Keep  Small", 0.8), ("keep small", 0.9), ("no", 0.1)]
    ):
        story.learn(text, learning_id=f"lrn_{number:032x}", confidence=confidence)
    with SyncAgentLogManager(filled(tmp_path, story.records)) as log:
        found = log.recurring_learnings()
    assert [(each.learning, each.occurrences) for each in found] == [("keep small", 2), ("once", 1)]


def test_counts_look_back_from_now(tmp_path: Path) -> None:
    """Minutes and hours before the call."""
    now_us = int(datetime.now(UTC).timestamp() * 1_000_000)
    story = Story(start_us=now_us - 10**7)
    story.start()
    story.log("boom", "ERROR", function_name="f")
    story.log("old", "ERROR", at_us=now_us - 10**12)
    with SyncAgentLogManager(filled(tmp_path, story.records)) as log:
        assert log.count_by_level() == {"ERROR": 1}
        (function,) = log.errors_by_function()
        assert (function.function, function.errors, function.samples[0].message) == ("f", 1, "boom")
        assert [run.execution_id for run in log.active_runs()] == ["etl_1"]


def test_pruning_wants_a_criterion(tmp_path: Path) -> None:
    """None deletes nothing; zero days is one."""
    with SyncAgentLogManager(filled(tmp_path, usual_story().records)) as log:
        assert log.prune_logs() == {"examined": 0, "deleted": 0}
        assert log.prune_logs(older_than_days=0, dry_run=True) == {"examined": 4, "deleted": 0}
        assert log.prune_logs(execution_ids=["etl_2"], level="WARNING") == {"examined": 1, "deleted": 1}
        assert len(log.search_logs("*")) == 3


def test_the_async_twin_answers_the_same(usual_url: str) -> None:
    """Same names, same arguments, same answers; concurrent calls take turns."""

    async def ask_twice() -> list[Any]:
        async with AgentLogManager(usual_url) as log:
            return await asyncio.gather(log.search_logs("refused"), log.get_execution_summary("@last-failed"))

    page, summary = asyncio.run(ask_twice())
    assert page[0].message == "db-7 refused connection"
    assert summary.total_logs == 2


def test_the_twins_have_the_same_methods() -> None:
    """What one can ask the other can."""

    only_in_one_thread = {"reader", "interrupt", "hybrid"}

    def methods(manager: type) -> set[str]:
        return {name for name in vars(manager) if not name.startswith("_")}

    assert methods(AgentLogManager) - {"close"} == methods(SyncAgentLogManager) - {"close", *only_in_one_thread}


def test_a_manager_outlives_a_store_that_is_not_there_yet(tmp_path: Path) -> None:
    """Neither a failed question nor a close leaves a dead object behind."""

    async def ask() -> int:
        log = await get_log_manager(f"sqlite://{tmp_path}/logs.db")
        assert log is await get_log_manager(f"sqlite://{tmp_path}/logs.db")
        with pytest.raises(StoreUnavailable, match="no store"):
            await log.search_logs("x")
        filled(tmp_path, usual_story().records)
        found = len(await log.search_logs("refused"))
        await log.close()
        found += len(await log.search_logs("refused"))
        await log.close()
        return found

    assert asyncio.run(ask()) == 2
