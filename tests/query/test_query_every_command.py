"""What holds for every command: budgets, harmless text, an answer or a reason, and no writing through questions."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from query_build import Story, filled, usual_story
from query_inside import ask_inside
from query_process import ask

from logagent.query.cli import COMMANDS

HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e\r\nnext\u2066"
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
ASKED = {
    "overview": [],
    "search": ["search", "timeout"],
    "search all": ["search"],
    "search ranked": ["search", "timeout", "--rank"],
    "runs": ["runs"],
    "show": ["show", "@last"],
    "show an event": ["show", "#KEY"],
    "show a time line": ["show", "@last", "--timeline"],
    "tail": ["tail", "--run", "@last-good", "--until-end", "-n", "1000"],
    "context": ["context", "#KEY"],
    "stats": ["stats", "--by", "function"],
    "stats as a chart": ["stats", "--by", "script", "--chart"],
    "fields": ["fields"],
    "perf": ["perf", "SCRIPT", "--days", "3660", "--chart"],
    "response": ["response", "SCRIPT"],
    "graph": ["graph", "@last"],
    "relate": ["relate", "@last"],
    "relate an event": ["relate", "#KEY"],
    "learn": ["learn", "search"],
    "learn show": ["learn", "show", "L-5f21c0"],
    "saved": ["saved"],
    "monitor": ["monitor", "--once"],
    "sql": ["sql", "SELECT * FROM log_events"],
    "schema": ["schema"],
    "why": ["why", "@last"],
    "diff": ["diff", "@last"],
    "errors": ["errors"],
    "similar": ["similar", "timeout"],
    "patterns": ["patterns"],
}
NOT_ASKED = {
    "export": "streams",
    "aql": "of the other store",
    "save": "prints nothing of a store",
    "mcp": "serves",
    "skill": "prints our own text",
    "resolve": "writes a line",
    "overdue": "tested with its own expectations",
}


@pytest.fixture(autouse=True)
def own_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def asked(name: str, url: str, key: str, script: str) -> list[str]:
    words = {"#KEY": key, "SCRIPT": script}
    return ["--store", url, *(words.get(word, word) for word in ASKED[name])]


def test_every_command_is_held_to_this() -> None:
    """A new command stands in one of the two tables."""
    assert set(COMMANDS) <= {name.split()[0] for name in ASKED} | set(NOT_ASKED)


texts = st.text(max_size=80) | st.sampled_from(["timeout " * 400, HOSTILE, "x" * 9_000, "timeout"])
logged = st.tuples(
    texts, st.sampled_from(["INFO", "ERROR", "WARNING"]), texts, st.dictionaries(texts, texts, max_size=3)
)


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """A run that ends, of anything that can be logged."""
    story = Story()
    script = draw(st.sampled_from(["etl", HOSTILE, "s" * 900]))
    story.start("etl_1", script)
    for message, level, function, extra in draw(st.lists(logged, min_size=1, max_size=30)):
        fault = {"type": "E", "value": message, "traceback": message * 3, "frames": []} if level == "ERROR" else None
        story.log(
            message, level, run="etl_1", script=script, function_name=function,
            extra={"response": extra, **extra}, exception=fault,
        )  # fmt: skip
    story.learn(draw(texts), "etl_1")
    story.end("etl_1", script=script, duration_seconds=2.0)
    return story


@pytest.mark.parametrize("name", ASKED)
@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(story=stories(), max_tokens=st.integers(200, 900))
def test_compact_keeps_its_budget_on_every_command(name: str, story: Story, max_tokens: int) -> None:
    """2.4 characters are a token; what was left out is said in the last line, and nothing controls a terminal."""
    with tempfile.TemporaryDirectory() as directory:
        url = filled(Path(directory), story.records)
        log = next(record for record in story.records if record.key and hasattr(record.line, "message"))
        arguments = asked(name, url, log.key, log.line.script_name)
        ended = ask_inside(*arguments, "-o", "compact", "--max-tokens", str(max_tokens))
    assert ended.code in (0, 1, 3, 5), ended.err
    assert len(ended.out) <= max_tokens * 2.4
    assert not CONTROL.search(ended.out.replace("\n", " ") + ended.err.replace("\n", " "))
    if ended.out:
        last = ended.out.splitlines()[-1]
        assert last.startswith("[") and last.endswith("quoted text was written by programs]")
        assert re.search("complete|clipped|left out|shown as|not here", last)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """A store where every text that can be told is hostile, and the key of an event."""
    story = Story()
    story.start("etl_1", HOSTILE, argv=(HOSTILE,), cwd=HOSTILE)
    fault = {"type": HOSTILE, "value": HOSTILE, "traceback": f"Traceback\n{HOSTILE}", "frames": []}
    event = story.log(
        f"timeout {HOSTILE}", "ERROR", script=HOSTILE, function_name=HOSTILE, file_path=HOSTILE, tags=(HOSTILE,),
        extra={HOSTILE: HOSTILE, "response": HOSTILE}, exception=fault, hostname=HOSTILE,
    )  # fmt: skip
    story.learn(HOSTILE, "etl_1", function_name=HOSTILE)
    story.end("etl_1", "failed", HOSTILE, error=HOSTILE, duration_seconds=1.0)
    yield filled(tmp_path_factory.mktemp("hostile"), story.records), event.key


@pytest.mark.parametrize("form", ["table", "jsonl", "json", "csv", "compact"])
@pytest.mark.parametrize("name", [name for name in ASKED if name != "tail"])
def test_control_characters_reach_no_terminal(name: str, form: str, hostile: tuple[str, str]) -> None:
    """Whatever the form, whoever wrote the log."""
    url, key = hostile
    ended = ask_inside(*asked(name, url, key, HOSTILE), "-o", form)
    assert ended.code in (0, 1, 3, 5), ended.err
    assert ended.out or ended.err
    assert not CONTROL.search(ended.out.replace("\n", " ")) and not CONTROL.search(ended.err.replace("\n", " "))


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> str:
    return filled(tmp_path_factory.mktemp("usual"), usual_story().records)


queries = st.text(max_size=60) | st.lists(
    st.sampled_from(
        [*'()"-*:<>=', "OR", "AND", "NOT", "level>=", "error", "run:@last", "extra.", "has:", "NEAR(", "^a"]
    ),
    max_size=8,
).map(" ".join)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=queries)
def test_any_query_is_answered_or_refused_at_its_position(usual: str, text: str) -> None:
    """Never an engine's error, never a traceback."""
    ended = ask_inside("--store", usual, "-o", "json", "search", "--", text)
    document = ended.document
    if ended.code == 0:
        assert document["ok"]
    elif ended.code == 2 and not text.endswith(".jsonl"):
        assert document["error"]["code"] == "bad_query"
        assert 0 <= document["error"].get("position", 0) <= len(text)
    else:
        assert ended.code == 3 and document["error"]["code"] == "not_found"


WRITES = [
    "DELETE FROM events",
    "UPDATE events SET message = 'x'",
    "INSERT INTO agent_memories VALUES ('a', 'b', 'c', x'7b7d', 1)",
    "WITH x AS (SELECT 1) DELETE FROM log_causality",
    "DROP TABLE events",
    "CREATE TABLE t (a)",
    "CREATE TEMP TABLE t AS SELECT 1",
    "CREATE TRIGGER t AFTER INSERT ON events BEGIN SELECT 1; END",
    "ALTER TABLE events RENAME TO e",
    "REINDEX",
    "VACUUM",
    "VACUUM INTO '/tmp/copy.db'",
    "ATTACH '/etc/passwd' AS p",
    "ATTACH ':memory:' AS m",
    "DETACH main",
    "PRAGMA writable_schema = 1",
    "PRAGMA query_only = OFF",
    "PRAGMA journal_mode = DELETE",
    "BEGIN",
    "SAVEPOINT s",
    "SELECT load_extension('/tmp/x.so')",
    "SELECT readfile('/etc/passwd')",
    "SELECT writefile('/tmp/x', 'y')",
    "SELECT edit('x', 'vi')",
    "SELECT fts3_tokenizer('x')",
    "INSERT INTO events_fts (events_fts) VALUES ('rebuild')",
    "SELECT 1; DELETE FROM events",
    "EXPLAIN DELETE FROM events",
    "SELECT * FROM pragma_journal_mode('delete')",
]
RUNAWAYS = [
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n",
    "SELECT count(*) FROM events a, events b, events c, events d, events e, events f, events g, events h, events i,"
    " events j, events k, events l, events m, events n, events o, events p",
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n",
    "SELECT hex(zeroblob(1000000000))",
    "SELECT printf('%.*c', 1000000000, 'x')",
    "SELECT " + "(" * 5_000 + "1" + ")" * 5_000,
    "SELECT 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' LIKE '" + "%a" * 5_000 + "b'",
]


@pytest.mark.parametrize("statement", WRITES)
def test_free_sql_cannot_write_attach_load_or_read_files(usual: str, statement: str) -> None:
    """Refused, and the store is what it was."""
    path = Path(usual.removeprefix("sqlite://"))
    before = path.read_bytes()
    ended = ask_inside("--store", usual, "-o", "json", "sql", "--", statement)
    assert ended.code in (2, 6), ended.out
    assert ended.document["error"]["code"] in ("bad_query", "not_permitted")
    assert path.read_bytes() == before


@pytest.mark.parametrize("statement", RUNAWAYS, ids=range(len(RUNAWAYS)))
def test_free_sql_cannot_run_away(usual: str, statement: str) -> None:
    """In time or in rows, each ends."""
    ended = ask_inside("--store", usual, "-o", "json", "sql", "--timeout", "0.5", "--", statement)
    assert ended.code in (0, 2, 5), ended.out[:500]


def test_a_shell_completes_runs_and_scripts_from_the_store(usual: str) -> None:
    """And commands without one; where there is no store, nothing is said."""

    def completed(*words: str) -> list[str]:
        said = {"_LOGAGENT_QUERY_COMPLETE": "bash_complete", "COMP_CWORD": str(len(words))}
        ended = ask(COMP_WORDS=" ".join(["logagent-query", *words]), **said)
        assert ended.err == ""
        return [line.removeprefix("plain,") for line in ended.out.splitlines() if line]

    assert completed("--store", usual, "show", "etl") == ["etl_2", "etl_1"]
    assert completed("--store", usual, "show", "@last-") == ["@last-failed", "@last-good"]
    assert completed("--store", usual, "perf", "re") == ["report"]
    assert completed("--store", usual, "search", "--run", "rep") == ["report_1"]
    assert completed("sea") == ["search"]
    assert completed("--store", "sqlite:///no/such.db", "perf", "x") == []
