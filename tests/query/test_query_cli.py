"""`logagent-query` as a process: what it prints where, and how it exits."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import time
from pathlib import Path

import apsw
import msgspec
import pytest
from query_build import ORIGIN, Story, append, filled, usual_story
from query_process import PROGRAM, Ended, ask, ask_as_printed, no_such

from logagent.formats.status import Status, StoreStatus, encode_status
from logagent.formats.times import utc_text


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    return filled(tmp_path_factory.mktemp("store"), usual_story().records)


def asked(store: str, *arguments: str) -> Ended:
    return ask("--store", store, *arguments)


def test_help_needs_no_store_and_no_library() -> None:
    """An agent's first question is answered before anything heavy is imported."""
    code = "import sys; from logagent.query import cli; cli.run(['--help']); print(*sys.modules)"
    ended = subprocess.run([PROGRAM[0], "-c", code], capture_output=True, check=True, text=True)
    loaded = set(ended.stdout.splitlines()[-1].split())
    assert not loaded & {"msgspec", "apsw", "rich", "loguru", "asyncio", "logagent.store"}
    assert "search" in ended.stdout


def test_a_search_imports_no_loop_and_no_logger(store: str) -> None:
    """Each would cost more than the whole question."""
    question = ["--store", store, "search", "x"]
    code = f"import sys; from logagent.query import cli; cli.run({question!r}); print(*sys.modules)"
    ended = subprocess.run([PROGRAM[0], "-c", code], capture_output=True, check=True, text=True)
    loaded = set(ended.stdout.splitlines()[-1].split())
    assert not loaded & {"rich", "loguru", "asyncio", "importlib.metadata"}


def test_without_a_command_it_tells_what_ran_and_failed(store: str) -> None:
    """The overview is the answer to no question."""
    (overview,) = asked(store, "-o", "json").document["items"]
    assert overview["runs_by_status"] == {"failed": 1, "running": 1, "success": 1}
    assert [run["execution_id"] for run in overview["failed_runs"]] == ["etl_2"]
    assert overview["daemon"]["state"] == "absent"


def test_the_overview_says_how_far_the_daemon_is(tmp_path: Path) -> None:
    """From the status file beside the store; one that is old speaks of a daemon that is gone."""
    url = filled(tmp_path, usual_story().records)
    status = Status(
        pid=7, started_at="", updated_at="2026-01-01T00:00:00.000000Z", state="ok", store=StoreStatus(url=url)
    )
    (tmp_path / "status.json").write_bytes(encode_status(status))
    (overview,) = ask("--store", url, "-o", "json").document["items"]
    assert overview["daemon"]["state"] == "stale"
    assert "last heard of 2026-01-01" in overview["daemon"]["says"]


def test_a_daemon_that_was_stopped_is_not_called_ok(tmp_path: Path) -> None:
    """Not for a moment: its last word says so."""
    url = filled(tmp_path, usual_story().records)
    now = utc_text(time.time_ns() // 1_000)
    status = Status(pid=7, started_at=now, updated_at=now, state="stopped", lag_bytes=9, store=StoreStatus(url=url))
    (tmp_path / "status.json").write_bytes(encode_status(status))
    (overview,) = ask("--store", url, "-o", "json").document["items"]
    assert overview["daemon"]["state"] == "stopped"
    assert f"was stopped {now}, 9 bytes were not stored then" in overview["daemon"]["says"]


def test_a_pipe_gets_json_lines_and_one_line_of_metadata(store: str) -> None:
    """stdout is data only."""
    ended = asked(store, "search", "failed")
    assert [line["message"] for line in ended.lines] == ["Write batch 7 failed, retrying"]
    assert ended.note["total"] == {"value": 1, "exact": True}


def test_an_event_line_has_the_shape_of_an_export(store: str) -> None:
    """The line's fields in their order, the daemon's after them, six fraction digits."""
    (line,) = asked(store, "search", "refused").lines
    found = [exported for exported in asked(store, "export").lines if exported["key"] == line["key"]]
    assert [line] == found
    assert list(line) == [
        *("v", "kind", "timestamp", "execution_id", "script_name", "level", "level_no", "message"),
        *("function_name", "file_path", "line_number", "extra_data", "tags", "exception"),
        *("key", "ts_us", "time_source", "host", "file", "fingerprint", "offset", "length", "ingested_at"),
    ]
    assert line["timestamp"] == "2026-11-22T12:00:05.000000Z"


def test_an_export_has_every_kind_in_order(store: str) -> None:
    """Also the lines of runs and learnings."""
    kinds = [line["kind"] for line in asked(store, "export").lines]
    assert kinds == [record.line.__struct_config__.tag for record in usual_story().records]


def test_an_export_of_a_query_has_events_only(store: str) -> None:
    """Run lines have no words to match."""
    assert [line["kind"] for line in asked(store, "export", "refused").lines] == ["log"]


def test_json_is_one_document(store: str) -> None:
    """The envelope of every answer."""
    document = asked(store, "search", "-o", "json").document
    assert list(document) == ["ok", "total", "returned", "truncated", "next", "window", "items", "hints"]


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (["search", "levle:error"], 2, "bad_query"),
        (["search", "--since", "soon"], 2, "bad_query"),
        (["search", "--limit", "0"], 2, "bad_query"),
        (["search", "--limit", "many"], 2, "bad_query"),
        (["search", "--level", "loud"], 2, "bad_query"),
        (["serch"], 2, "bad_query"),
        (["show"], 2, "bad_query"),
        (["show", "nope"], 3, "not_found"),
        (["show", "@last:nope"], 3, "not_found"),
        (["show", "#00000000"], 3, "not_found"),
        (["perf", "nope"], 3, "not_found"),
        (["response", "report"], 3, "not_found"),
        (["search", "absent.jsonl"], 3, "not_found"),
        (["sql", "DELETE FROM events"], 6, "not_permitted"),
        (["sql", "nonsense"], 2, "bad_query"),
        (["aql", "FOR e IN log_events RETURN e"], 2, "bad_query"),
    ],
)
def test_a_failure_has_its_code_in_text_and_in_json(store: str, arguments: list[str], code: int, word: str) -> None:
    """Programs go by exit code and word; text goes to stderr, the document to stdout."""
    said = asked(store, *arguments)
    assert (said.code, said.out) == (code, "")
    assert said.err.startswith(f"error {word}: ")
    told = asked(store, *arguments, "-o", "json")
    assert (told.code, told.document["ok"], told.document["error"]["code"]) == (code, False, word)


def test_no_store_is_told_with_what_to_do(tmp_path: Path) -> None:
    """Exit 4; nothing is made by asking."""
    ended = ask("--store", no_such(tmp_path), "search", "x", "-o", "json")
    assert (ended.code, ended.document["error"]["code"]) == (4, "no_store")
    assert "logagent run" in ended.document["error"]["hint"]
    assert not list(tmp_path.iterdir())


def test_a_newer_store_is_not_guessed_at(tmp_path: Path) -> None:
    """Exit 7."""
    url = filled(tmp_path, usual_story().records)
    with apsw.Connection(url.removeprefix("sqlite://")) as db:
        db.pragma("user_version", 999)
    db.close()
    assert ask("--store", url, "search", "x").code == 7


def test_rows_that_are_cut_exit_5(store: str) -> None:
    """The rows there are come all the same."""
    ended = asked(store, "sql", "SELECT message FROM log_events", "--limit", "2")
    assert (ended.code, len(ended.lines), ended.note["truncated"]) == (5, 2, True)


def test_a_query_that_takes_too_long_gives_what_it_found(store: str) -> None:
    """Exit 5, in every form: the rows until then, and that they are not all."""
    endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c WHERE x = 1"
    ended = asked(store, "sql", endless, "--timeout", "0.3")
    assert (ended.code, ended.lines) == (5, [{"x": 1}])
    document = asked(store, "sql", endless, "--timeout", "0.3", "-o", "json").document
    assert (document["ok"], document["items"], document["truncated"]) == (False, [{"x": 1}], True)


def test_a_word_to_leave_out_is_never_taken_for_an_option(store: str) -> None:
    """It has to be quoted with the query; without, that is said instead of a wrong search."""
    assert "quote the whole query" in asked(store, "search", "batch", "-write").err
    for word in ("-slow", "-retrying", "-load", "-nothing", "-out", "-error"):
        assert asked(store, "search", "batch", word).code in (2, 3), word
    assert asked(store, "search", "failed -retrying").lines == []


def test_expecting_something_exits_1_without_it(store: str) -> None:
    """`-e` makes a search a check."""
    assert asked(store, "search", "nothinglikeit").code == 0
    assert asked(store, "search", "-e", "nothinglikeit").code == 1
    assert asked(store, "search", "-e", "refused").code == 0


def test_an_empty_answer_says_why(store: str) -> None:
    """What would match without the window, which word occurs nowhere, the last run, the daemon."""
    hints = " ".join(asked(store, "search", "refused", "--until", "2020-01-01").note["hints"])
    assert "without it 1 events match" in hints
    assert "the last run seen is report_1" in hints
    assert "no daemon" in hints
    hints = " ".join(asked(store, "search", "refused script:report").note["hints"])
    assert "without script:report 1 events match" in hints
    assert "nothing in the store matches xyzzy" in " ".join(asked(store, "search", "refused xyzzy").note["hints"])


def test_pages_follow_without_gap_or_double(store: str) -> None:
    """The command is repeated with the cursor; a relative window stays where it was."""
    first = asked(store, "search", "--limit", "3", "--since", "100w")
    second = asked(store, "search", "--limit", "3", "--since", "100w", "--next", first.note["next"])
    whole = asked(store, "search", "--since", "100w")
    assert [e["key"] for e in first.lines + second.lines] == [e["key"] for e in whole.lines]
    assert second.note["next"] is None
    assert second.note["window"]["since"] == first.note["window"]["since"]


def test_a_cursor_of_another_question_is_refused(store: str) -> None:
    """Its pages would not fit together."""
    first = asked(store, "search", "--limit", "1")
    assert asked(store, "search", "x", "--limit", "1", "--next", first.note["next"]).code == 2
    assert asked(store, "runs", "--limit", "1", "--next", first.note["next"]).code == 2
    assert asked(store, "search", "--next", "rubbish").code == 2


def test_every_command_in_a_hint_runs_as_printed(store: str) -> None:
    """With the source it came from."""
    answers = [asked(store, *words, "-o", "json").document for words in ([], ["show", "@last-failed"], ["schema"])]
    commands = [hint for answer in answers for hint in answer["hints"] if hint.startswith("logagent-query")]
    assert len(commands) >= 5
    for command in commands:
        assert ask_as_printed(command).code == 0, command


def test_the_next_command_of_a_compact_answer_runs_as_printed(store: str) -> None:
    """Also behind a query that begins with a dash."""
    text = asked(store, "search", "-o", "compact", "--limit", "1", "--", "-nothere").out
    command = text.split("next: ")[1].split("; quoted")[0]
    page = ask_as_printed(command)
    assert page.code == 0
    assert (
        "Write batch" in ask_as_printed(page.out.split("next: ")[1].split("; quoted")[0]).out or "refused" in page.out
    )


def test_show_gives_a_run_or_an_event(store: str) -> None:
    """By reference, prefix, or shown id with or without its #."""
    assert asked(store, "show", "@last-failed").lines[0]["run_info"]["status"] == "failed"
    assert asked(store, "show", "report").lines[0]["execution_id"] == "report_1"
    assert asked(store, "show", "@-2").lines[0]["execution_id"] == "etl_2"
    assert asked(store, "show", "@last-good:etl").lines[0]["execution_id"] == "etl_1"
    (event,) = asked(store, "search", "refused").lines
    short = event["key"][-16:-8]
    assert asked(store, "show", "#" + short).lines == [event]
    assert asked(store, "show", short).lines == [event]
    assert asked(store, "show", event["key"]).lines == [event]


def test_a_shared_prefix_is_refused_with_the_ids(store: str) -> None:
    """Never one of several at random."""
    ended = asked(store, "show", "etl")
    assert ended.code == 2
    assert "etl_2, etl_1" in ended.err


def test_context_stays_inside_the_run(store: str) -> None:
    """In the run's order, the event marked."""
    (event,) = asked(store, "search", "refused").lines
    around = asked(store, "context", event["key"]).lines
    assert [(e["message"], e.get("here")) for e in around] == [
        ("Write batch 7 failed, retrying", None),
        ("db-7 refused connection", True),
    ]


def test_runs_filter_and_page(store: str) -> None:
    """By script and status, newest first."""
    assert [run["execution_id"] for run in asked(store, "runs", "etl").lines] == ["etl_2", "etl_1"]
    assert [run["execution_id"] for run in asked(store, "runs", "--failed").lines] == ["etl_2"]
    first = asked(store, "runs", "--limit", "2")
    second = asked(store, "runs", "--limit", "2", "--next", first.note["next"])
    assert [run["execution_id"] for run in first.lines + second.lines] == ["report_1", "etl_2", "etl_1"]


def test_tail_until_end_exits_with_the_verdict(store: str) -> None:
    """What the run logged comes first; the run's end decides."""
    failed = asked(store, "tail", "--run", "etl_2", "--until-end")
    assert (failed.code, [line["level"] for line in failed.lines]) == (1, ["WARNING", "ERROR"])
    assert asked(store, "tail", "--run", "@last-good", "--until-end").code == 0


def test_an_unknown_option_is_taken_for_a_word_to_leave_out_only_where_it_may_be_one(store: str) -> None:
    """One dash, behind a command that takes words."""
    assert "quote the whole query" in asked(store, "search", "-timeout").err
    for command, said in ((("export", "--limit", "2"), "export --help"), (("learn", "-o", "table"), "learn --help")):
        err = asked(store, *command).err
        assert err.rstrip().endswith(f"See logagent-query {said}") and "quote" not in err


def test_a_compact_tail_says_that_there_was_more_before(store: str) -> None:
    """The last line tells how complete it is."""
    foot = {
        count: asked(store, "tail", "--run", "etl_2", "--until-end", "-n", count, "-o", "compact").out.splitlines()[-1]
        for count in ("0", "1", "2")
    }
    assert foot["2"].startswith("[2 events, complete; ")
    assert foot["1"].startswith("[1 events, complete from the first one shown; -n shows earlier ones; ")
    assert foot["0"].startswith("[0 events, complete from the first one shown; ")


def test_values_of_fields_are_shown_as_a_query_would_have_them(tmp_path: Path) -> None:
    """Text bare, all else as JSON."""
    story = Story()
    story.log(extra={"flag": True, "name": "ann", "deep": {"a": [1, None]}})
    found = {line["field"]: list(line["top"]) for line in asked(filled(tmp_path, story.records), "fields").lines}
    assert [found[f"extra.{name}"] for name in ("flag", "name", "deep")] == [["true"], ["ann"], ['{"a":[1,null]}']]


def test_a_compact_schema_has_a_line_per_table(store: str) -> None:
    """An agent that wants to write SQL reads all of it for few tokens."""
    head, *tables, _hint, foot = asked(store, "schema", "-o", "compact").out.splitlines()
    named = {line.split(": ")[0]: line.split(": ")[1].split(", ") for line in tables}
    listed = asked(store, "schema").lines
    assert [(table, column) for table in named for column in named[table]] == [tuple(line.values()) for line in listed]
    assert head == f"{len(listed)} columns" and "complete" in foot


def test_tail_shows_what_arrives_later_even_if_it_is_old(tmp_path: Path) -> None:
    """A line from before an outage is stored after it, and is news all the same."""
    story = Story()
    story.start()
    story.log("first")
    url = filled(tmp_path, story.records)
    command = [*PROGRAM, "--store", url, "tail", "--run", "etl_1", "--until-end"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as tail:
        assert tail.stdout is not None
        assert json.loads(tail.stdout.readline())["message"] == "first"
        late = Story(msgspec.structs.replace(ORIGIN, fingerprint=2), start_us=story.records[0].ts_us - 10**9)
        append(url, [late.log("late")])
        assert json.loads(tail.stdout.readline())["message"] == "late"
        append(url, [story.end("etl_1", "success")])
        assert tail.stdout.read() == ""
    assert tail.returncode == 0


def test_a_closed_pipe_is_no_error(tmp_path: Path) -> None:
    """`| head` ends the command in silence."""
    story = Story()
    for number in range(3_000):
        story.log(f"line {number} " + "x" * 100)
    url = filled(tmp_path, story.records)
    with subprocess.Popen(
        [*PROGRAM, "--store", url, "export"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as export:
        assert export.stdout is not None and export.stderr is not None
        export.stdout.readline()
        export.stdout.close()
        assert export.stderr.read() == b""
    assert export.returncode == -signal.SIGPIPE


def test_a_log_file_is_read_in_place_of_a_store(tmp_path: Path) -> None:
    """Any reading command takes one; lines of other formats too."""
    path = tmp_path / "etl.jsonl"
    lines = [msgspec.json.encode(record.line) for record in usual_story().records]
    path.write_bytes(b"\n".join(lines) + b"\nnot json at all\n{broken\n")
    assert [line["message"] for line in ask("search", "refused", str(path)).lines] == ["db-7 refused connection"]
    assert ask("--store", str(path), "-o", "json").document["items"][0]["daemon"]["state"] == "none"
    assert ask("show", "@last-failed", str(path)).lines[0]["execution_id"] == "etl_2"
    assert ask("search", "json", "--store", str(path)).lines[0]["message"] == "not json at all"
    assert ask("sql", "SELECT count(*) AS n FROM script_runs", str(path)).lines == [{"n": 3}]


def test_a_terminal_gets_a_table_without_the_logs_escapes(tmp_path: Path) -> None:
    """Log text cannot steer the terminal it is shown on; colours are ours."""
    story = Story()
    story.log("evil \x1b]0;owned\x07 \x9b2J \u202e", "ERROR", script="\x1b[2J", run="\x1b[31m")
    url = filled(tmp_path, story.records)
    shown = on_a_terminal("--store", url, "search")
    assert "evil \\x1b]0;owned\\x07 \\x9b2J \\u202e" in " ".join(shown.split())
    assert "\x1b]0;" not in shown
    assert "\x1b[2J" not in shown
    assert "\x9b" not in shown


def test_a_long_answer_goes_through_less_which_is_told_to_show_colours(store: str, tmp_path: Path) -> None:
    """It shows `ESC[1m` otherwise, all over the table; and where somebody chose its options, no colour is sent."""
    less = tmp_path / "less"
    less.write_text('#!/bin/sh\necho "LESS is $LESS"\ncat\n')
    less.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    shown = on_a_terminal("--store", store, "schema", PATH=path, LESS="", PAGER="")
    assert shown.startswith("LESS is -R") and "\x1b[1mTABLE" in shown
    assert "\x1b" not in on_a_terminal("--store", store, "schema", PATH=path, LESS="-M", PAGER="")


def on_a_terminal(*arguments: str, **environ: str) -> str:
    leader, follower = pty.openpty()
    environ = {**os.environ, "TERM": "xterm", "COLUMNS": "200", **environ}
    with subprocess.Popen([*PROGRAM, *arguments], stdin=follower, stdout=follower, env=environ):
        os.close(follower)
        shown = b""
        while piece := read_terminal(leader):
            shown += piece
    os.close(leader)
    return shown.decode()


def read_terminal(leader: int) -> bytes:
    try:
        return os.read(leader, 65536)
    except OSError:  # Linux says so when the other side is closed
        return b""


def test_csv_and_compact_and_table_come_on_request(store: str) -> None:
    """Whatever stdout is."""
    assert asked(store, "search", "refused", "-o", "csv").out.startswith("timestamp,kind,level,")
    assert asked(store, "search", "refused", "-o", "compact").out.startswith("1 event\n")
    assert asked(store, "search", "refused", "-o", "table").out.startswith("TIME (UTC)")
    assert asked(store, "search", "-o", "xml").code == 2


def test_ranking_puts_the_best_match_first(store: str) -> None:
    """And says the score."""
    lines = asked(store, "search", "--rank", "failed OR retrying OR refused").lines
    assert lines[0]["message"] == "Write batch 7 failed, retrying"
    assert asked(store, "search", "--rank", "level:error").code == 2


def test_counts_are_exact(store: str) -> None:
    """By anything an event has."""
    assert {row["level"]: row["count"] for row in asked(store, "stats").lines} == {"INFO": 2, "ERROR": 1, "WARNING": 1}
    assert asked(store, "stats", "--by", "script", "level>=warning").lines[0]["count"] == 2
    assert asked(store, "stats", "--by", "hour").lines[0]["hour"] == "2026-11-22T12"
    assert asked(store, "stats", "--by", "moon").code == 2
    assert {"field": "extra.user", "events": 1, "distinct": 1, "top": {"42": 1}} in asked(store, "fields").lines


def test_a_group_without_a_command_names_those_there_are(store: str) -> None:
    """One line, not a page of help with its line breaks escaped."""
    ended = asked(store, "learn")
    assert ended.code == 2
    assert "Missing command. Of logagent-query learn there are add, confirm" in ended.err
    assert len(ended.err.splitlines()) == 1


def test_perf_without_a_script_shows_how_it_is_asked(store: str) -> None:
    assert "as `logagent-query perf ...`" in asked(store, "perf").err
