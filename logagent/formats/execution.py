"""Runs: their start and end lines, around a block of code or by hand."""

from __future__ import annotations

import os
import sys
from time import monotonic

from logagent.formats.appender import Appender
from logagent.formats.current_run import (
    UNKNOWN_EXECUTION,
    Run,
    current_execution_id,
    current_run,
    enter,
    leave,
    parent_execution_id,
)
from logagent.formats.exceptions import error_text, exception_fields
from logagent.formats.native_line import object_line
from logagent.formats.sink import active_appenders, append_to_all
from logagent.formats.writer import (
    boot_id,
    default_script_name,
    generate_execution_id,
    git_commit,
    line_head,
    now_stamp,
    pid_namespace,
    process_start,
    script_name_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType
    from typing import Any, Final

    from loguru import Logger

STATUSES: Final = ("success", "failed")
_started_by_hand: Final[dict[str, Run]] = {}


class ExecutionId(str):
    """The id of a run: text like any other, that also has a logger."""

    script_name: str

    def __new__(cls, execution_id: str, script_name: str) -> ExecutionId:
        new = super().__new__(cls, execution_id)
        new.script_name = script_name
        return new

    def __reduce__(self) -> tuple[Any, ...]:
        return ExecutionId, (str(self), self.script_name)

    @property
    def logger(self) -> Logger:
        """loguru's logger bound to this run, for code that runs outside of it."""
        from loguru import logger

        return logger.bind(execution_id=str(self), script_name=self.script_name)


def script_execution(script_name: str, metadata: Mapping[str, Any] | None = None) -> ScriptExecution:
    """A run around a `with` or `async with` block; yields its execution id.

    Every log call inside carries the id: in functions, libraries and tasks called from the block; in threads too,
    which begin without a context, as long as it is clear which run they belong to: the main thread's, or the only one.
    Child processes find the id of the outermost run in `LOGAGENT_EXECUTION_ID`; their log lines carry it, and a run
    of their own has it as parent.

    Whatever is raised, also KeyboardInterrupt, SystemExit and cancellation, ends the run as `failed` with type, text
    and traceback, and is raised on. Only `sys.exit()` with 0 or nothing ends it as `success`: that is what it says.

    The lines go to the files of the sinks that were added, else to `$LOGAGENT_LOG_DIR`, else to `logs` in the state
    directory. A file that cannot be written raises nothing.

    Args:
        script_name: of the run and of the lines inside it.
        metadata: what tells this run from others, as `{"version": "1.0"}`.

    Raises:
        TypeError: metadata is not a mapping.
        RuntimeError: the same object is entered twice.

    >>> with script_execution("etl", {"version": "1.0"}) as execution_id:
    ...     execution_id.logger.debug("inside")
    ...     current_execution_id() == execution_id
    True
    """
    return ScriptExecution(script_name, metadata)


class ScriptExecution:
    """One run as a context manager, sync and async; made by `script_execution`, to be entered once."""

    def __init__(self, script_name: str, metadata: Mapping[str, Any] | None) -> None:
        self._script_name = script_name
        self._metadata = _checked(metadata)
        self._run: Run | None = None

    def __enter__(self) -> ExecutionId:
        if self._run:
            raise RuntimeError("this run has begun already: call script_execution() for each `with`")
        self._run = _begin(self._script_name, self._metadata, managed=True)
        return ExecutionId(self._run.execution_id, self._script_name)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._run is not None
        if self._run.pid != os.getpid():
            return  # a forked child that leaves the block by its own way; the run is the parent's
        failed = error is not None and not _is_clean_exit(error)
        _end(self._run, "failed" if failed else "success", error if failed else None)

    async def __aenter__(self) -> ExecutionId:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)


def start_run(script_name: str, metadata: Mapping[str, Any] | None = None) -> str:
    """Begin a run where no block can stand around it; `end_run` ends it, in this process or another.

    Until then the log calls of this task or thread carry its id. It is not `managed`: if nobody ends it, it stays
    `running`, since its process may be gone while the work goes on.

    Returns:
        The execution id.

    >>> execution_id = start_run("nightly")
    >>> end_run(execution_id)
    """
    run = _begin(script_name, _checked(metadata), managed=False)
    _started_by_hand[run.execution_id] = run
    return ExecutionId(run.execution_id, script_name)


def end_run(execution_id: str, status: str = "success", error: str | BaseException | None = None) -> None:
    """End a run that `start_run` began.

    Args:
        status: `success` or `failed`.
        error: why; of an exception the traceback is kept too.

    Raises:
        ValueError: the status is neither.

    >>> end_run(start_run("nightly"), "failed", "no input")
    """
    if status not in STATUSES:
        raise ValueError(f"status {status!r} is not one of {', '.join(STATUSES)}")
    execution_id = str(execution_id)
    run = _started_by_hand.pop(execution_id, None)
    if run is None:  # begun by another process
        script_name = script_name_of(execution_id) or default_script_name()
        append_to_all(active_appenders(script_name), _end_line(execution_id, script_name, None, status, error))
    else:
        _end(run, status, error)


def write_beside_logs(line: Callable[[str, str], bytes]) -> None:
    """Write a line, made from execution id and script name of the caller, after what was logged so far."""
    run = current_run()
    if run:
        run.write(line(run.execution_id, run.script_name))
        return
    script_name = default_script_name()
    append_to_all(active_appenders(script_name), line(current_execution_id() or UNKNOWN_EXECUTION, script_name))


def _begin(script_name: str, metadata: dict[str, Any], *, managed: bool) -> Run:
    appenders = active_appenders(script_name)
    run = Run(generate_execution_id(script_name), script_name, lambda line: _write(appenders, script_name, line))
    append_to_all(appenders, _start_line(run, metadata, managed=managed))
    enter(run)
    return run


def _end(run: Run, status: str, error: str | BaseException | None) -> None:
    duration_s = round(monotonic() - run.started_s, 6)
    leave(run)
    run.write(_end_line(run.execution_id, run.script_name, duration_s, status, error))


def _write(appenders: list[Appender], script_name: str, line: bytes) -> None:
    """To where the run began, which may be watched when a later sink's directory is not, and to the sinks of now."""
    by_path = {appender.path: appender for appender in (*appenders, *active_appenders(script_name))}
    append_to_all(by_path.values(), line)


def _start_line(run: Run, metadata: dict[str, Any], *, managed: bool) -> bytes:
    now = now_stamp()
    cwd = _working_directory()
    commit = git_commit(cwd) if cwd else None
    fields = line_head("run_start", run.execution_id, run.script_name, now)
    fields |= {"start_time": now, "metadata": metadata, "argv": [str(arg) for arg in getattr(sys, "argv", [])]}
    fields |= {"cwd": cwd, "python": sys.version.split()[0]}
    if commit:
        fields["git_commit"] = commit
    fields |= {
        "parent_execution_id": parent_execution_id(),
        "managed": managed,
        "boot_id": boot_id(),
        "pid_namespace": pid_namespace(),
        "process_start": process_start(),
    }
    return object_line(fields)


def _end_line(
    execution_id: str, script_name: str, duration_s: float | None, status: str, error: str | BaseException | None
) -> bytes:
    now = now_stamp()
    fields = line_head("run_end", execution_id, script_name, now)
    fields |= {"end_time": now, "status": status}
    if duration_s is not None:
        fields["duration_seconds"] = duration_s
    if isinstance(error, BaseException):
        fields |= {"error": error_text(error), "exception": exception_fields(error)}
    elif error is not None:
        fields["error"] = str(error)
    return object_line(fields)


def _is_clean_exit(error: BaseException) -> bool:
    return isinstance(error, SystemExit) and error.code in (None, 0)


def _checked(metadata: Mapping[str, Any] | None) -> dict[str, Any]:
    try:
        return dict(metadata or {})
    except (TypeError, ValueError):
        raise TypeError(f"metadata is a {type(metadata).__name__}, expected a mapping") from None


def _working_directory() -> str | None:
    try:
        return os.getcwd()
    except OSError:  # deleted under us
        return None
