"""The hook client: whatever comes in, one line goes out, the caller goes on, quickly."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from logagent.cli.hooks import our_command, with_ours, without_ours
from logagent.formats.fingerprint import content_hash
from logagent.formats.lines import FileContext, ParserState, parse_block
from logagent.formats.record import LogLine, Origin, Record, RunEnd, RunStart
from logagent.hook import EVENTS

MOST_S = 0.06
"""Processor time of the whole process, the least of several: what the machine does beside is not ours."""


def hook(directory: Path, event: Any, **environ: str) -> subprocess.CompletedProcess[bytes]:
    given = event if isinstance(event, bytes) else json.dumps(event).encode()
    own = {"LOGAGENT_LOG_DIR": str(directory / "logs"), "XDG_STATE_HOME": str(directory / "state"), **environ}
    return subprocess.run(
        [sys.executable, "-m", "logagent.hook"],
        input=given,
        capture_output=True,
        env={**os.environ, **own},
        check=False,
    )


def records(directory: Path) -> list[Record]:
    """The lines, as the daemon would read them."""
    (path,) = (directory / "logs").glob("*.jsonl")
    data = path.read_bytes()
    context = FileContext(Origin("box", str(path), content_hash(data.split(b"\n", 1)[0])), path.stem)
    parsed = parse_block(data, 0, context, ParserState(), now_us=time.time_ns() // 1_000, final=True)
    assert not parsed.rejects
    return list(parsed.records)


def tool(name: str, session: str = "s1", **more: Any) -> dict[str, Any]:
    return {
        "hook_event_name": name,
        "session_id": session,
        "cwd": "/srv/app",
        "tool_name": "Bash",
        "tool_input": {"command": "make test"},
        **more,
    }


def test_a_pair_of_tool_events_gets_its_duration(tmp_path: Path) -> None:
    """By tool and input where the agent names no call."""
    hook(tmp_path, tool("PreToolUse"))
    hook(tmp_path, tool("PostToolUse", tool_response={"stdout": "ok"}))
    begun, done = (record.line for record in records(tmp_path))
    assert isinstance(begun, LogLine) and isinstance(done, LogLine)
    assert (begun.message, done.message) == ("Bash begins: make test", "Bash done: make test")
    extra = msgspec.json.decode(done.extra_data)
    assert 0 < extra["duration_seconds"] < 30 and extra["tool_response"] == {"stdout": "ok"}
    assert begun.execution_id == done.execution_id == "claude-code_s1"
    assert list((tmp_path / "state/logagent/hook/s1").iterdir()) == []


def test_calls_side_by_side_are_told_apart_by_their_id(tmp_path: Path) -> None:
    """Another call's end takes no duration from it."""
    hook(tmp_path, tool("PreToolUse", tool_use_id="t1"))
    hook(tmp_path, tool("PostToolUse", tool_use_id="t2", tool_response={"is_error": True}))
    line = records(tmp_path)[1].line
    assert isinstance(line, LogLine) and line.level == "ERROR"
    assert "duration_seconds" not in msgspec.json.decode(line.extra_data)


def test_a_session_is_a_run(tmp_path: Path) -> None:
    """Its prompts and stops are lines of it; what never ended is forgotten at its end."""
    hook(tmp_path, {"hook_event_name": "SessionStart", "session_id": "s1", "source": "startup", "cwd": "/srv/app"})
    hook(tmp_path, tool("PreToolUse"))
    for name in ("UserPromptSubmit", "Stop", "SubagentStop"):
        hook(tmp_path, {"hook_event_name": name, "session_id": "s1", "prompt": "mend it"})
    hook(tmp_path, {"hook_event_name": "SessionEnd", "session_id": "s1", "reason": "exit"})
    lines = [record.line for record in records(tmp_path)]
    assert isinstance(lines[0], RunStart) and isinstance(lines[-1], RunEnd) and not lines[0].managed
    assert [line.message for line in lines[2:5] if isinstance(line, LogLine)] == [
        "Prompt: mend it",
        "Stop",
        "SubagentStop",
    ]
    assert {line.execution_id for line in lines} == {"claude-code_s1"}
    assert not (tmp_path / "state/logagent/hook/s1").exists()


@pytest.mark.parametrize(
    "given", [b"", b"nope", b"[1]", b"\xff\xfe", b"[" * 100_000, b'{"session_id": 7}', b'{"tool_input": [1]}', b"null"]
)
def test_bad_input_costs_nobody_anything(tmp_path: Path, given: bytes) -> None:
    """Exit 0, nothing on stdout, and a line that says so."""
    ended = hook(tmp_path, given)
    assert (ended.returncode, ended.stdout) == (0, b"")
    assert len(records(tmp_path)) == 1


def test_a_session_id_is_never_a_path(tmp_path: Path) -> None:
    """It comes from outside."""
    hook(tmp_path, tool("PreToolUse", session="../../../escaped"))
    assert not (tmp_path / "escaped").exists() and not (tmp_path.parent / "escaped").exists()


def test_a_directory_that_cannot_be_written_costs_nobody_anything(tmp_path: Path) -> None:
    """Said on stderr."""
    (tmp_path / "file").touch()
    ended = hook(tmp_path, tool("Stop"), LOGAGENT_LOG_DIR=str(tmp_path / "file/logs"))
    assert (ended.returncode, ended.stdout) == (0, b"") and ended.stderr


def test_the_whole_process_is_quick(tmp_path: Path) -> None:
    """It stands before and after each tool call."""

    def spent_s() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        hook(tmp_path, tool("PreToolUse"))
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(spent_s() for _ in range(10)) < MOST_S


def test_only_the_standard_library_is_needed(tmp_path: Path) -> None:
    """Agents run it with whatever Python there is."""
    root = Path(__file__).parents[1]
    code = "import logagent.hook, sys; print('loguru' in sys.modules, 'msgspec' in sys.modules)"
    ended = subprocess.run(
        [sys.executable, "-S", "-c", code],
        capture_output=True, cwd=root, env={**os.environ, "PYTHONPATH": str(root)}, check=True,
    )  # fmt: skip
    assert ended.stdout.split() == [b"False", b"False"]


OTHERS: dict[str, Any] = {
    "model": "x",
    "hooks": {
        "PreToolUse": [{"matcher": "Bash", "hooks": [{"type": "command", "command": "guard"}]}],
        "Notification": [{"hooks": [{"type": "command", "command": "bell"}]}],
    },
}


def test_installing_keeps_what_others_put_there() -> None:
    """And is the same the second time; every event once."""
    installed = with_ours(OTHERS)
    assert with_ours(installed) == installed
    assert installed["hooks"]["PreToolUse"][0] == OTHERS["hooks"]["PreToolUse"][0]
    assert installed["hooks"]["Notification"] == OTHERS["hooks"]["Notification"]
    assert all(our_command() in json.dumps(installed["hooks"][event]) for event in EVENTS)


@pytest.mark.parametrize("document", [OTHERS, {}, {"model": "x"}])
def test_uninstalling_leaves_what_was_there_before(document: dict[str, Any]) -> None:
    """Only ours goes, also from an entry that somebody shared with us."""
    assert without_ours(with_ours(document)) == document
    shared = {"hooks": {"Stop": [{"hooks": [{"command": our_command()}, {"command": "bell"}]}]}}
    assert without_ours(shared) == {"hooks": {"Stop": [{"hooks": [{"command": "bell"}]}]}}


def run_hooks(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "logagent", "hooks", *arguments], capture_output=True, text=True, check=False
    )


def test_the_command_changes_the_file_and_changes_it_back(tmp_path: Path) -> None:
    """A dry run shows and changes nothing; the mode stays."""
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps(OTHERS))
    settings.chmod(0o600)
    shown = run_hooks("install", "--dry-run", "--settings", str(settings))
    assert "logagent.hook" in shown.stdout and json.loads(settings.read_text()) == OTHERS
    run_hooks("install", "--settings", str(settings))
    assert "nothing to change" in run_hooks("install", "--settings", str(settings)).stdout
    assert settings.stat().st_mode & 0o777 == 0o600
    run_hooks("uninstall", "--settings", str(settings))
    assert json.loads(settings.read_text()) == OTHERS


@pytest.mark.parametrize("indent", [2, 4, "\t"])
def test_the_file_keeps_its_look(tmp_path: Path, indent: int | str) -> None:
    """Only lines of ours are shown as changed, and back again it is the same to the byte."""
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps(OTHERS, indent=indent) + "\n")
    before = settings.read_bytes()
    shown = run_hooks("install", "--dry-run", "--settings", str(settings)).stdout
    taken = [line for line in shown.splitlines() if line.startswith("-") and not line.startswith("---")]
    assert all(line.strip("- \t") in ("]", "}", "],", "},") for line in taken)
    run_hooks("install", "--settings", str(settings))
    run_hooks("uninstall", "--settings", str(settings))
    assert settings.read_bytes() == before


def test_an_event_too_large_to_read_is_told_of(tmp_path: Path) -> None:
    """As what it is; the caller goes on."""
    ended = hook(tmp_path, tool("PostToolUse", tool_response={"stdout": "x" * 9_000_000}))
    (line,) = [record.line for record in records(tmp_path)]
    assert (ended.returncode, ended.stdout) == (0, b"")
    assert isinstance(line, LogLine) and line.message == "a hook event of over 8 MiB"


def test_a_settings_file_that_is_no_json_is_left_as_it_is(tmp_path: Path) -> None:
    """It is the person's to mend."""
    settings = tmp_path / "settings.json"
    settings.write_text("{ // mine")
    ended = run_hooks("install", "--settings", str(settings))
    assert ended.returncode == 2 and settings.read_text() == "{ // mine"
