"""The event loop that a handle keeps to itself: coroutines go in from any thread, results come out."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import CancelledError, Future
from typing import Any, TypeVar

from logagent.errors import QueryTimeout

_T = TypeVar("_T")


class OwnLoop:
    """A thread with an event loop (uvloop where there is one), from the first `run` to `close`."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._under_way: set[Future[Any]] = set()

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Wait for the coroutine's result.

        Raises:
            QueryTimeout: `interrupt` was called meanwhile.
        """
        future = asyncio.run_coroutine_threadsafe(work, self._started())
        self._under_way.add(future)
        try:
            return future.result()
        except CancelledError as error:
            raise QueryTimeout("the question was interrupted") from error
        finally:
            self._under_way.discard(future)

    def interrupt(self) -> None:
        """Cancel what is under way."""
        for future in list(self._under_way):
            future.cancel()

    def close(self) -> None:
        """End the loop and its thread; safe to call twice."""
        with self._lock:
            loop, self._loop = self._loop, None
            thread, self._thread = self._thread, None
        if loop is None or thread is None:
            return
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = _new_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="arangodb", daemon=True)
                self._thread.start()
            return self._loop


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
