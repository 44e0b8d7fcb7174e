"""`python -m logagent.hook`: one hook event of a coding agent as JSON on stdin, one native line in the log directory.

Standard library only, and quick: it runs before and after each tool call. It never fails its caller: whatever comes,
it prints nothing on stdout (an agent would read it) and exits 0. A session is a run; a pair of tool events gets its
duration by a small file per pending call.
"""

from __future__ import annotations

import json
import os
import sys
from hashlib import sha256
from time import time_ns

from logagent.formats.directories import log_directory, state_directory
from logagent.formats.native_line import object_line
from logagent.formats.sink import script_appender
from logagent.formats.writer import line_head, now_stamp, safe_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Final

SCRIPT: Final = "claude-code"
EVENTS: Final = (
    "PreToolUse", "PostToolUse", "UserPromptSubmit", "Stop", "SubagentStop", "SessionStart", "SessionEnd",
)  # fmt: skip
_MAX_INPUT_BYTES: Final = 8 * 1024 * 1024
_SUMMARY_CHARS: Final = 200
_LEVELS: Final = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40}
_TELLING: Final = ("command", "file_path", "path", "pattern", "query", "url", "description", "prompt")
_NOT_EXTRA: Final = frozenset({"hook_event_name", "session_id", "transcript_path", "cwd", "permission_mode"})


def main() -> None:
    """Read, append, exit 0."""
    try:
        write(sys.stdin.buffer.read(_MAX_INPUT_BYTES), os.environ)
    except BaseException as error:  # noqa: BLE001 - logging must never cost an agent its tool call
        sys.stderr.write(f"logagent.hook: {type(error).__name__}: {error}\n")
    sys.exit(0)


def write(given: bytes, environ: Mapping[str, str]) -> None:
    """Append the line of one event; of what is no event a warning that says so."""
    appender = script_appender(os.path.abspath(log_directory(environ)), SCRIPT)
    try:
        appender.append(event_line(given, _Pending(state_directory(environ)), time_ns() // 1_000))
    finally:
        appender.close()


def event_line(given: bytes, pending: _Pending, now_us: int) -> bytes:
    """The native line of an event."""
    event = _event(given)
    if event is None:
        what = "of over 8 MiB" if len(given) == _MAX_INPUT_BYTES else "that is no JSON object"
        return _log({}, "WARNING", f"a hook event {what}", {"length": len(given)})
    name = str(event.get("hook_event_name") or "unknown event")
    if name == "SessionStart":
        return _run_start(event)
    if name == "SessionEnd":
        pending.forget_session(_session(event))
        return _run_end(event)
    extra = {key: value for key, value in event.items() if key not in _NOT_EXTRA}
    extra["event"] = name
    if name == "PreToolUse":
        pending.begin(_call(event), now_us)
        return _log(event, "DEBUG", f"{_tool(event)} begins: {_summary(event)}", extra)
    if name == "PostToolUse":
        begun_us = pending.end(_call(event))
        if begun_us is not None:
            extra["duration_seconds"] = max(0, now_us - begun_us) / 1e6
        level, how = ("ERROR", "failed") if _failed(event.get("tool_response")) else ("INFO", "done")
        return _log(event, level, f"{_tool(event)} {how}: {_summary(event)}", extra)
    return _log(event, "INFO", _said(name, event), extra)


def _event(given: bytes) -> dict[str, Any] | None:
    try:
        event = json.loads(given)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) else None


def _session(event: Mapping[str, Any]) -> str:
    return safe_name(str(event.get("session_id") or "unknown"))


def _execution_id(event: Mapping[str, Any]) -> str:
    return f"{SCRIPT}_{_session(event)}" if event.get("session_id") else "unknown"


def _call(event: Mapping[str, Any]) -> tuple[str, str]:
    """What a call's two events have in common: its id where there is one, else tool and input."""
    name = event.get("tool_use_id") or json.dumps([event.get("tool_name"), event.get("tool_input")], sort_keys=True)
    return _session(event), sha256(str(name).encode("utf-8", "replace")).hexdigest()[:32]


def _tool(event: Mapping[str, Any]) -> str:
    return str(event.get("tool_name") or "tool")[:_SUMMARY_CHARS]


def _summary(event: Mapping[str, Any]) -> str:
    """The one value that says most of a tool's input."""
    given = event.get("tool_input")
    if not isinstance(given, dict):
        return str(given or "")[:_SUMMARY_CHARS]
    telling = next((given[name] for name in _TELLING if given.get(name)), "")
    return str(telling)[:_SUMMARY_CHARS]


def _failed(response: object) -> bool:
    if not isinstance(response, dict):
        return False
    return bool(response.get("is_error") or response.get("error") or response.get("success") is False)


def _said(name: str, event: Mapping[str, Any]) -> str:
    if name == "UserPromptSubmit":
        return f"Prompt: {str(event.get('prompt') or '')[:_SUMMARY_CHARS]}"
    return name


def _log(event: Mapping[str, Any], level: str, message: str, extra: Mapping[str, Any]) -> bytes:
    fields = line_head("log", _execution_id(event), SCRIPT, now_stamp())
    fields |= {"level": level, "level_no": _LEVELS[level], "message": message, "function_name": event.get("tool_name")}
    return object_line(fields | {"extra_data": dict(extra), "tags": ["hook"]})


def _run_start(event: Mapping[str, Any]) -> bytes:
    """Not managed: the session's process is not this one, so nobody may take it for crashed when this one is gone."""
    now = now_stamp()
    fields = line_head("run_start", _execution_id(event), SCRIPT, now)
    told = {"source": event.get("source"), "model": event.get("model")}
    fields |= {"start_time": now, "metadata": {name: value for name, value in told.items() if value}}
    return object_line(fields | {"argv": [], "cwd": event.get("cwd"), "managed": False})


def _run_end(event: Mapping[str, Any]) -> bytes:
    now = now_stamp()
    fields = line_head("run_end", _execution_id(event), SCRIPT, now)
    return object_line(fields | {"end_time": now, "status": "success", "extra_data": {"reason": event.get("reason")}})


class _Pending:
    """Tool calls that have begun: a file each, so that calls side by side do not meet."""

    def __init__(self, state_dir: str) -> None:
        self._directory = os.path.join(state_dir, "hook")

    def _path(self, call: tuple[str, str]) -> str:
        return os.path.join(self._directory, *call)

    def begin(self, call: tuple[str, str], now_us: int) -> None:
        """Remember when the call began; where that cannot be kept it gets no duration."""
        path = self._path(call)
        try:
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            with open(path, "w", encoding="ascii") as file:
                file.write(str(now_us))
        except OSError:
            pass

    def end(self, call: tuple[str, str]) -> int | None:
        """When the call began, once; None where nobody knows."""
        try:
            with open(self._path(call), encoding="ascii") as file:
                begun = file.read(32)
            os.unlink(self._path(call))
        except (OSError, ValueError):
            return None
        return int(begun) if begun.isdigit() else None

    def forget_session(self, session: str) -> None:
        """Drop calls that never ended."""
        directory = os.path.join(self._directory, session)
        try:
            for name in os.listdir(directory):
                os.unlink(os.path.join(directory, name))
            os.rmdir(directory)
        except OSError:
            pass


if __name__ == "__main__":
    main()
