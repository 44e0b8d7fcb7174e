"""One thread in which questions take turns; one that nobody waits for any more is stopped, and no other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TypeVar

R = TypeVar("R")


class Turns:
    """A reader belongs to one at a time, so there is one thread; it is made when first needed.

    Args:
        stop: ends the question under way, from another thread.
    """

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop
        self._thread: ThreadPoolExecutor | None = None
        self._lock = Lock()
        self._current: object = None

    async def take(self, question: Callable[[], R]) -> R:
        """The question's answer, when its turn has come. Cancelled, it is stopped, or its turn never comes."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="logagent-query")
        turn = object()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._ask, question, turn)
        except asyncio.CancelledError:
            self._stop_turn(turn)
            raise

    def end(self) -> None:
        """Wait for the last turn, and let go of the thread."""
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.shutdown()

    def _ask(self, question: Callable[[], R], turn: object) -> R:
        self._set_current(turn)
        try:
            return question()
        finally:
            self._set_current(None)

    def _set_current(self, turn: object) -> None:
        with self._lock:
            self._current = turn

    def _stop_turn(self, turn: object) -> None:
        """Under the lock, so that the next one's turn cannot begin between looking and stopping."""
        with self._lock:
            if self._current is turn:
                self._stop()
