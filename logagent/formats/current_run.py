"""Which run a call belongs to: the run of its task or thread, of its process, of its parent process.

The one piece of state that scripts share with us without holding it: a context variable (it flows into tasks),
the runs open in this process (for threads, which start with an empty context), and `LOGAGENT_EXECUTION_ID`
in the environment (for child processes).
"""

from __future__ import annotations

import os
import threading
from contextvars import ContextVar
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

EXECUTION_ID_VARIABLE: Final = "LOGAGENT_EXECUTION_ID"
UNKNOWN_EXECUTION: Final = "unknown"
"""The execution id of a line that was given none; it makes no run."""
MAX_ID_CHARS: Final = 1024


class Run:
    """One open run.

    Attributes:
        write: writes one line to the files that the run's start line went to, and to those added since.
        pid: the process that began it; a forked child finds the run in its memory and must not end it.
        thread: ident of the thread that began it.
        started_s: monotonic seconds.
        enclosing: the run that was current before it in the same context.
        is_open: until it is left.
    """

    __slots__ = ("enclosing", "execution_id", "is_open", "pid", "script_name", "started_s", "thread", "write")

    def __init__(self, execution_id: str, script_name: str, write: Callable[[bytes], None]) -> None:
        self.execution_id = execution_id
        self.script_name = script_name
        self.write = write
        self.pid = os.getpid()
        self.thread = threading.get_ident()
        self.started_s = monotonic()
        self.enclosing: Run | None = None
        self.is_open = True


_current: Final[ContextVar[Run | None]] = ContextVar("logagent_run", default=None)
_outermost: Final[list[Run]] = []
"""Runs of this process that stand in no other, oldest first."""
_lock = threading.Lock()
_inherited: str | None = None
"""What the environment said before the first of them."""


def current_run() -> Run | None:
    """The innermost open run around the caller; in a thread without one, the run that covers the process."""
    return _current.get() or (_covering_run() if _outermost else None)


def current_execution_id() -> str | None:
    """The id that lines written here carry; None outside any run.

    Own run first, then the run of the process, then what a parent process left in `LOGAGENT_EXECUTION_ID`.

    >>> current_execution_id() is None
    True
    """
    run = current_run()
    return run.execution_id if run else _outer_execution_id()


def parent_execution_id() -> str | None:
    """The run that a run begun here stands in.

    Two threads with a run each are siblings, so only a run of the main thread is taken for a parent across threads.
    """
    if enclosing := _current.get() or _main_run():
        return enclosing.execution_id
    return _outer_execution_id()


def enter(run: Run) -> None:
    """Make `run` the current one of this task or thread; the outermost is exported to child processes."""
    global _inherited
    run.enclosing = _current.get()
    around = run.enclosing or _main_run()
    _current.set(run)
    if around is not None and around.pid == run.pid:
        return
    with _lock:
        if not _outermost:
            _inherited = _environment_id()
        _outermost.append(run)
        _export()


def leave(run: Run) -> None:
    """Undo `enter`; runs may end in any order, and in another task than began them.

    A task that was started inside the run and outlives it keeps the run's id: that is where it came from.
    """
    run.is_open = False
    if _current.get() is run:
        _current.set(_open_one(run.enclosing))
    with _lock:
        if run in _outermost:
            _outermost.remove(run)
            _export()


def _open_one(run: Run | None) -> Run | None:
    while run is not None and not run.is_open:
        run = run.enclosing
    return run


def _covering_run() -> Run | None:
    """For a thread without a run: the main thread's, else the only one; no guess between two.

    The main thread itself and sibling tasks of a run's thread are in no other run: they have contexts of their own.
    """
    here = threading.get_ident()
    if here == threading.main_thread().ident:
        return None
    if run := _main_run():
        return run
    others = tuple(_outermost)
    return others[0] if len(others) == 1 and others[0].thread != here else None


def _main_run() -> Run | None:
    """The oldest run of the main thread, as seen by other threads."""
    main = threading.main_thread().ident
    if threading.get_ident() == main:
        return None
    return next((run for run in tuple(_outermost) if run.thread == main), None)


def _outer_execution_id() -> str | None:
    """The parent process's run. With runs open here the environment names one of them, no parent of the others."""
    return _inherited if _outermost else _environment_id()


def _environment_id() -> str | None:
    return os.environ.get(EXECUTION_ID_VARIABLE, "")[:MAX_ID_CHARS] or None


def _export() -> None:
    execution_id = _outermost[0].execution_id if _outermost else _inherited
    if execution_id is None:
        os.environ.pop(EXECUTION_ID_VARIABLE, None)
    else:
        os.environ[EXECUTION_ID_VARIABLE] = execution_id


def _forget_runs_of_the_parent() -> None:
    """A forked child is a child process: the runs are its parent's, and the environment names them."""
    global _lock
    _lock = threading.Lock()
    _outermost.clear()


os.register_at_fork(after_in_child=_forget_runs_of_the_parent)
