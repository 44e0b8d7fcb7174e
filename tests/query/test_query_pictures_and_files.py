"""The commands that draw, keep, watch and export: graph, relate, learn, save, monitor, export, embed, charts."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import shlex
import signal
import sqlite3
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from query_build import Story, append, filled, usual_story
from query_inside import ask_inside
from query_process import PROGRAM, ask

from logagent.formats.status import Status, StoreStatus, encode_status
from logagent.formats.times import utc_text
from logagent.query import SyncAgentLogManager
from logagent.query.bare_files import open_log_file
from logagent.query.mcp.tools import Tools
from logagent.query.saved import saved_questions
from logagent.query.sources import Place


@pytest.fixture
def store(tmp_path: Path) -> str:
    return filled(tmp_path, usual_story().records)


@pytest.fixture(autouse=True)
def own_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def reported(directory: Path, url: str, *watched: str) -> None:
    """A daemon that is well has just said so."""
    now = utc_text(time.time_ns() // 1_000)
    store = StoreStatus(url=url)
    status = Status(pid=os.getpid(), started_at=now, updated_at=now, state="ok", store=store, watched=watched)
    (directory / "status.json").write_bytes(encode_status(status))


# Graphs


def test_a_graph_comes_as_dot_mermaid_json_or_lines(store: str) -> None:
    """Names are our own, labels are quoted."""
    mermaid = ask_inside("--store", store, "graph", "etl_2").out
    assert mermaid.splitlines()[0] == "flowchart TD" and "n0 --> n1" in mermaid
    dot = ask_inside("--store", store, "graph", "etl_2", "--as", "dot").out
    assert dot.startswith('digraph "etl_2" {') and "n0 -> n1;" in dot
    document = ask_inside("--store", store, "-o", "json", "graph", "etl_2").document
    assert set(document["items"][0]) == {"nodes", "edges", "metadata"}
    assert ask_inside("--store", store, "-o", "compact", "graph", "etl_2", "--as", "dot").code == 2
    assert ask_inside("--store", store, "graph", "nobody").code == 3


@pytest.mark.parametrize(
    ("form", "box"), [("mermaid", 'n1["WARNING 3x write 1 failed"]'), ("dot", 'n1 [label="WARNING 3x')]
)
def test_a_picture_folds_what_says_the_same_again_and_again(tmp_path: Path, form: str, box: str) -> None:
    """One box, with their number; arrows lead to it and from it. The document keeps each."""
    story = Story()
    story.log("begin")
    for number in (1, 2, 3):
        story.log(f"write {number} failed", "WARNING")
    story.log("end")
    url = filled(tmp_path, story.records)
    drawn = ask_inside("--store", url, "graph", "etl_1", "--as", form).out
    assert box in drawn and "n3" not in drawn
    assert drawn.count("->" if form == "dot" else "-->") == 2
    assert len(ask_inside("--store", url, "-o", "json", "graph", "etl_1").document["items"][0]["nodes"]) == 5


@pytest.mark.parametrize("text", ['" ]; click n0 href "x', "`<script>&#x;`", "a\n  n9 --> n0", 'q"] n9["x'])
def test_no_label_becomes_markup(tmp_path: Path, text: str) -> None:
    """A message cannot add nodes, links or attributes."""
    story = Story()
    story.log(text)
    url = filled(tmp_path, story.records)
    mermaid = ask_inside("--store", url, "graph", "etl_1").out.splitlines()
    assert len(mermaid) == 2 and re.fullmatch(r'  n0\["[^"<>&`]*"\]', mermaid[1])
    dot = ask_inside("--store", url, "graph", "etl_1", "--as", "dot").out.splitlines()
    assert len(dot) == 4 and re.fullmatch(r'  n0 \[label="(?:[^"\\]|\\.)*"\];', dot[2])


def test_relations_are_saved_only_when_asked_and_once(tmp_path: Path) -> None:
    """Then they can be walked from an event."""
    story = Story()
    first = story.log("write 1")
    story.log("write 2, retrying")
    third = story.log("write 3, retrying")
    url = filled(tmp_path, story.records)
    assert ask_inside("--store", url, "relate", "etl_1").lines[0]["relationship"] == "RETRY_OF"
    assert ask_inside("--store", url, "relate", first.key).lines == []
    for new in (1, 0):
        assert f"{new} of them new" in ask_inside("--store", url, "relate", "etl_1", "--save").note["hints"][0]
    assert ask_inside("--store", url, "relate", third.key, "--depth", "1").lines[0]["message"] == "write 2, retrying"
    assert ask_inside("--store", url, "relate", third.key, "--depth", "9").code == 2


# Learnings


def test_learning_writes_a_line_that_the_daemon_reads(store: str, tmp_path: Path) -> None:
    """On evidence, and only where a daemon has reported."""
    state = ("--state-dir", str(tmp_path))
    assert ask_inside("--store", store, *state, "learn", "add", "use fewer workers", "-e", "@last").code == 2
    reported(tmp_path, store)
    assert ask_inside("--store", store, *state, "learn", "add", "use fewer threads").code == 2
    assert ask_inside("--store", store, *state, "learn", "add", "use fewer threads", "-e", "nobody").code == 3
    added = ask_inside("--store", store, *state, "learn", "add", "use fewer threads", "-e", "@last-failed")
    assert added.code == 0 and added.lines[0]["action"] == "add"
    merged = ask_inside("--store", store, *state, "learn", "add", "Keep workers below 16!", "-e", "@last-failed")
    assert (merged.lines[0]["action"], merged.lines[0]["id"]) == ("confirm", "L-5f21c0")
    refuted = ask_inside("--store", store, *state, "learn", "refute", "L-5f21c0", "--reason", "it did not help")
    assert refuted.lines[0]["action"] == "refute"
    (file,) = (tmp_path / "logs").glob("*.jsonl")
    reader = open_log_file(str(file))
    assert [each.learning for each in reader.learnings()] == ["use fewer threads"]
    assert reader.learnings()[0].evidence == ("etl_2",)
    reader.close()
    assert [json.loads(line)["kind"] for line in file.read_text().splitlines()] == [
        "learning", "learning_event", "learning_event",
    ]  # fmt: skip


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_what_could_not_be_written_is_an_error(store: str, tmp_path: Path) -> None:
    """A full disk learns nothing, and says so."""
    reported(tmp_path, store)
    (tmp_path / "logs").mkdir()
    for name in ("learnings", "resolutions"):
        (tmp_path / f"logs/{name}.jsonl").symlink_to("/dev/full")
    where = ("--store", store, "--state-dir", str(tmp_path), "-o", "json")
    fingerprint = ask_inside(*where, "errors").document["items"][0]["fingerprint"]
    commands = (
        ("learn", "add", "use fewer threads", "-e", "@last"),
        ("learn", "confirm", "L-5f21c0"),
        ("resolve", fingerprint, "--by", "luck"),
    )
    for words in commands:
        ended = ask_inside(*where, *words)
        assert ended.code == 2
        assert "nothing was recorded" in ended.document["error"]["message"]
        assert "No space left" in ended.document["error"]["message"]
    tools = Tools(Place(store, str(tmp_path)), allow_write=True)
    answer = tools.call("record_learning", {"learning": "use fewer threads", "evidence": ["@last"]})
    tools.close()
    assert answer.is_error and "nothing was recorded" in answer.text


def test_a_learning_over_mcp_goes_by_what_the_daemon_watches(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it does on the command line: flags of the daemon are in no settings."""
    monkeypatch.setenv("LOGAGENT_LOG_DIR", str(tmp_path / "elsewhere/logs"))
    given = {"learning": "use fewer threads", "evidence": ["@last"]}

    def recorded(*watched: str) -> str:
        reported(tmp_path, store, *watched)
        tools = Tools(Place(store, str(tmp_path)), allow_write=True)
        try:
            return tools.call("record_learning", given).text
        finally:
            tools.close()

    assert "nothing watches" in recorded(str(tmp_path / "logs"))
    assert "written as a line" in recorded(str(tmp_path / "elsewhere"))
    assert (tmp_path / "elsewhere/logs/learnings.jsonl").exists()


def test_nothing_is_written_where_nothing_watches(store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the directory and the remedy."""
    reported(tmp_path, store)
    monkeypatch.setenv("LOGAGENT_WATCH", str(tmp_path / "elsewhere"))
    refused = ask_inside("--store", store, "--state-dir", str(tmp_path), "learn", "retire", "L-5f21c0")
    assert refused.code == 2 and "nothing watches" in refused.err
    monkeypatch.delenv("LOGAGENT_WATCH")
    reported(tmp_path, store, str(tmp_path / "other"))  # started with --watch: settings do not know
    refused = ask_inside("--store", store, "--state-dir", str(tmp_path), "learn", "retire", "L-5f21c0")
    assert refused.code == 2 and str(tmp_path / "other") in refused.err
    assert not (tmp_path / "logs").exists()


def test_what_is_learnt_goes_to_the_one_directory_that_is_watched(store: str, tmp_path: Path) -> None:
    """As with `logagent run --watch logs`, where nobody named a log directory; with several it takes a name."""
    watched = [tmp_path / "a", tmp_path / "b"]
    for directory in watched:
        directory.mkdir()
    given = ("--store", store, "--state-dir", str(tmp_path), "learn", "retire", "L-5f21c0")
    reported(tmp_path, store, *map(str, watched))
    assert ask_inside(*given).code == 2
    reported(tmp_path, store, str(watched[0]))
    assert ask_inside(*given).code == 0
    assert '"learning_id":"lrn_5f21c0' in (watched[0] / "learnings.jsonl").read_text()


def test_learnings_are_found_by_words_and_shown_by_id(store: str) -> None:
    """A unique beginning of six digits will do."""
    assert ask_inside("--store", store, "learn", "search", "workers").lines[0]["learning"] == "keep workers below 16"
    assert ask_inside("--store", store, "learn", "search", "giraffe").lines == []
    assert ask_inside("--store", store, "learn", "show", "L-5f21c0").lines[0]["confidence"] == pytest.approx(
        0.9, abs=0.4
    )
    assert ask_inside("--store", store, "learn", "show", "L-000000").code == 3
    assert ask_inside("--store", store, "learn", "show", "L-5").code == 2


# Saved questions


def test_a_saved_command_runs_as_if_typed(store: str, tmp_path: Path) -> None:
    """With more arguments behind it; the file is TOML that people can edit."""
    assert ask_inside("save", "bad", "search", "level>=error", "--limit", "1").code == 0
    found = ask_inside("--store", store, "saved", "bad", "--oldest-first")
    assert [line["level"] for line in found.lines] == ["ERROR"]
    assert ask_inside("saved").lines == [{"name": "bad", "command": "search 'level>=error' --limit 1"}]
    assert ask_inside("saved", "worse").code == 3
    assert ask_inside("save", "x", "rm", "-rf").code == 2
    assert ask_inside("save", "a b", "search").code == 2
    assert ask_inside("saved", "--remove", "bad").code == 0
    assert ask_inside("saved").lines == []
    (tmp_path / "config/logagent/queries.toml").write_text("[x\n")
    assert ask_inside("saved").code == 2


@pytest.mark.parametrize("word", ['"', "\\", "\x7f", "é😀", "a\nb", "'", "\t"])
def test_any_word_survives_the_file(word: str, tmp_path: Path) -> None:
    """What TOML has to escape comes back as it was."""
    assert ask_inside("save", "odd", "search", word).code == 0
    assert saved_questions(str(tmp_path / "config/logagent/queries.toml")) == {"odd": ["search", word]}


def test_the_hint_of_a_saved_command_runs_as_printed(store: str) -> None:
    """It names the command that was saved, not the name."""
    ask_inside("save", "all", "search")
    page = ask_inside("--store", store, "-o", "compact", "saved", "all", "--limit", "1").out
    following = re.search(r"next: (logagent-query .*?);", page)
    assert following, page
    assert ask_inside(*shlex.split(following[1])[1:]).code == 0


# Monitor


def test_one_look_has_everything_for_scripts(store: str, tmp_path: Path) -> None:
    """Levels, runs, errors, the daemon with its memory, the machine's."""
    reported(tmp_path, store)
    (look,) = ask_inside("--store", store, "--state-dir", str(tmp_path), "-o", "json", "monitor", "--once").document[
        "items"
    ]
    assert look["store"]["state"] == "ok" and look["levels"] == {}
    assert [run["execution_id"] for run in look["active_runs"]["newest"]] == ["report_1"]
    assert look["crashed_runs"]["total"] == 0
    assert [error["message"] for error in look["newest_errors"]] == ["db-7 refused connection"]
    assert look["daemon"]["state"] == "ok" and look["daemon"]["memory_bytes"] > 1_000_000
    assert 0 < look["machine"]["memory_percent"] <= 100


def test_the_monitor_survives_a_store_that_goes_and_comes(tmp_path: Path) -> None:
    """On a pipe a line per look; SIGINT ends it with 0 and without a word."""
    url = f"sqlite://{tmp_path}/logs.db"
    command = [*PROGRAM, "--store", url, "monitor"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        states = [json.loads(process.stdout.readline())["store"]["state"]]
        append(url, usual_story().records)
        while states[-1] != "ok":
            states.append(json.loads(process.stdout.readline())["store"]["state"])
        os.unlink(tmp_path / "logs.db")
        while states[-1] == "ok":
            states.append(json.loads(process.stdout.readline())["store"]["state"])
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
        assert process.stderr.read() == b""
    assert states[0] == "no_store" and states[-1] in ("no_store", "store_unavailable")


def test_the_monitor_draws_on_a_terminal_and_leaves_it_as_it_was(store: str) -> None:
    """The other screen is left again on Ctrl-C."""
    master, slave = pty.openpty()
    environ = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "30"}
    process = subprocess.Popen(
        [*PROGRAM, "--store", store, "monitor"], stdin=slave, stdout=slave, stderr=slave, env=environ
    )
    os.close(slave)
    seen = b""
    deadline = time.monotonic() + 30
    while b"newest errors" not in seen and time.monotonic() < deadline:
        if select.select([master], [], [], 1)[0]:
            seen += os.read(master, 65_536)
    process.send_signal(signal.SIGINT)
    while select.select([master], [], [], 5)[0]:
        try:
            seen += os.read(master, 65_536)
        except OSError:  # the other end is closed: Linux says so like this
            break
    os.close(master)
    assert process.wait(10) == 0
    assert b"\x1b[?1049h" in seen and b"\x1b[?1049l" in seen
    assert b"db-7 refused connection" in seen


# Files


def test_an_export_goes_into_a_sqlite_file(store: str, tmp_path: Path) -> None:
    """Every record a row; an existing file is left alone."""
    path = tmp_path / "out.sqlite"
    assert ask_inside("--store", store, "export", "--to", str(path)).note["returned"] == 10
    db = sqlite3.connect(path)
    assert dict(db.execute("SELECT kind, count(*) FROM records GROUP BY 1")) == {
        "log": 4, "run_start": 3, "run_end": 2, "learning": 1,
    }  # fmt: skip
    assert db.execute("SELECT extra_data ->> '$.user' FROM records WHERE message LIKE 'loaded%'").fetchone() == (42,)
    db.close()
    assert ask_inside("--store", store, "export", "--to", str(path)).code == 2
    assert ask_inside("--store", store, "export", "--to", str(tmp_path / "out.txt")).code == 2
    assert ask_inside("--store", store, "export", "level>=error", "--to", str(tmp_path / "e.db")).note["returned"] == 1
    assert not list(tmp_path.glob("*.unfinished"))


def test_an_export_goes_into_a_parquet_file_where_pyarrow_is(store: str, tmp_path: Path) -> None:
    """Elsewhere the error says what is missing."""
    path = tmp_path / "out.parquet"
    ended = ask_inside("--store", store, "export", "--to", str(path))
    try:
        from pyarrow import parquet
    except ImportError:
        assert ended.code == 2 and "pyarrow" in ended.err
        return
    table = parquet.read_table(path)
    assert table.num_rows == 10 and table.schema.field("ts_us").type == "int64"


# Pictures


def test_counts_and_durations_are_drawn_on_request(store: str) -> None:
    """A bar for each count; a column for each run; where the middle half lies."""
    bars = ask_inside("--store", store, "stats", "--chart").lines
    assert [len(each["chart"]) for each in bars] == [30, 15, 15]
    (perf,) = ask_inside("--store", store, "perf", "etl", "--days", "3660", "--chart").lines
    assert perf["chart_durations"] == "▄█" and perf["chart_band"].startswith("3.5s █")
    assert "chart_durations" not in ask_inside("--store", store, "perf", "etl", "--days", "3660").lines[0]


def test_a_run_has_a_time_line(tmp_path: Path) -> None:
    """Stretches of equal length, each with the worst it saw."""
    story = Story()
    for number in range(100):
        story.log(f"step {number}", "ERROR" if number == 50 else "INFO")
    url = filled(tmp_path, story.records)
    stretches = ask_inside("--store", url, "show", "etl_1", "--timeline").lines
    assert sum(each["events"] for each in stretches) == 100 and len(stretches) <= 24
    assert [each["message"] for each in stretches if each["level"] == "ERROR"] == ["step 50"]


# Vectors


def test_embedding_asks_for_an_embedder(store: str) -> None:
    """There is none by default, and nothing is sent anywhere."""
    program = ["-c", "from logagent.cli import main; main()"]
    ended = subprocess.run(
        [PROGRAM[0], *program, "embed", "--store", store], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2 and "no embedder" in ended.stderr


def test_help_names_every_command_of_the_group_learn() -> None:
    """Its own commands are found like others."""
    said = ask("learn", "--help").out
    assert all(name in said for name in ("add", "search", "show", "confirm", "refute", "retire"))


def test_saving_leaves_the_store_alone(store: str) -> None:
    """A name for a question is no question."""
    with SyncAgentLogManager(store) as log:
        before: Any = log.search().total
        ask_inside("save", "x", "search")
        assert log.search().total == before


def test_what_looked_at_a_part_says_so_in_its_last_line(tmp_path: Path) -> None:
    """Also where the budget leaves no room for sentences."""
    story = Story()
    for number in range(10_050):
        story.log(f"step {number}, retrying", "ERROR", extra={f"field{number % 20}": number})
    url = filled(tmp_path, story.records)
    for words in (["relate", "etl_1"], ["show", "etl_1", "--timeline"], ["fields"]):
        last = ask_inside("--store", url, "-o", "compact", "--max-tokens", "200", *words).out.splitlines()[-1]
        assert "not here" in last and "complete" not in last
    assert "the first 2000 of 10050 events" in ask_inside("--store", url, "-o", "compact", "graph", "etl_1").out


def test_the_new_questions_work_on_a_log_file_too(tmp_path: Path) -> None:
    """All but what has to be kept or written."""
    path = tmp_path / "etl.jsonl"
    line = {"kind": "log", "execution_id": "etl_1", "level": "INFO", "level_no": 20, "script_name": "etl"}
    said = [
        {**line, "timestamp": f"2026-11-22T12:00:0{n}.000000Z", "message": f"write {n}, retrying"} for n in range(3)
    ]
    path.write_text("".join(json.dumps(each) + "\n" for each in said))
    assert ask_inside("-o", "json", "graph", "etl_1", str(path)).out.count("RETRY_OF") == 2
    assert "n0 -. RETRY_OF .-> n0" in ask_inside("graph", "etl_1", str(path)).out
    assert len(ask_inside("relate", "etl_1", str(path)).lines) == 2
    assert ask_inside("show", "etl_1", str(path), "--timeline").lines[0]["events"] == 1
    assert ask_inside("stats", "--chart", str(path)).lines[0]["chart"]
    assert ask_inside("relate", "etl_1", str(path), "--save").code == 6
    assert ask_inside("learn", "retire", "L-5f21c0", str(path)).code == 6


def test_a_log_file_says_what_of_it_is_left_out(tmp_path: Path) -> None:
    """Lines that are no records, by their reason; in every answer."""
    path = tmp_path / "app.jsonl"
    path.write_bytes(b'{"message":"hello"}\n{"message":\n{"oh\n' + b"\x00\x01\x02\x03\x04" * 9 + b"\n{broken")
    document = ask_inside("-o", "json", "search", str(path)).document
    assert [item["message"] for item in document["items"]] == ["hello"]
    assert document["hints"][0] == "left out of the file, since they are no records: 4 lines (3 bad_json, 1 binary)"
    assert "4 lines" in ask_inside("-o", "compact", "search", str(path)).out
    assert "4 lines" in ask_inside("export", str(path)).err
    path.write_bytes(b'{"message":"hello"}\n')
    assert "left out" not in ask_inside("-o", "json", "search", str(path)).out


def test_a_text_file_taken_for_a_word_is_explained(store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that reads it, which runs as printed."""
    monkeypatch.setenv("LOGAGENT_STORE", store)
    (tmp_path / "app.log").write_text("2026-11-22 12:00:00.000 | ERROR    | m:f:1 - disk full\n")
    monkeypatch.chdir(tmp_path)
    hints = ask_inside("-o", "json", "search", "disk", "app.log").document["hints"]
    assert "app.log was taken for a word" in hints[0]
    assert hints[1] == "logagent-query --store app.log -o json search disk"
    assert ask_inside(*hints[1].split()[1:]).document["items"][0]["message"] == "disk full"
    assert "taken for a word" not in ask_inside("-o", "json", "search", "disk", "other.log").out


def test_several_bad_settings_stand_on_a_line_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """For people; a document keeps them in one text."""
    monkeypatch.setenv("LOG_BATCH_SIZE", "many")
    monkeypatch.setenv("LOG_RETENTION_DAYS", "never")
    said = ask_inside("runs").err.splitlines()
    assert said[0].startswith("error bad_config: ") and "\\n" not in "".join(said)
    assert any("LOG_RETENTION_DAYS" in line for line in said[1:])


def test_tail_follows_without_being_told_to(store: str) -> None:
    """As hands that know another tail would have it."""
    ended = ask_inside("--store", store, "tail", "-f", "--run", "etl_1", "--until-end")
    assert ended.code == 0
