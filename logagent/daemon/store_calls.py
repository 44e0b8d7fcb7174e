"""Calls into the store, in a thread of its own, one at a time: who waits for one looks after the files meanwhile."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, Final, ParamSpec, TypeVar

from logagent.daemon.surroundings import Clock
from logagent.errors import StoreUnavailable

_P = ParamSpec("_P")
_T = TypeVar("_T")
LOOK_EVERY_S: Final = 0.25


class StoreCalls:
    """A store that hangs must stop nothing but what is asked of it, not even the daemon's end.

    Attributes:
        deadline: when (monotonic) to stop asking and waiting; None while the daemon is not stopping.
        patience_s: how long one call is waited for.
    """

    def __init__(self, executor: Executor, clock: Clock, while_waiting: Callable[[float], None]) -> None:
        """`executor` has one thread.

        `while_waiting` is called now and then while a call is waited for, with the seconds that has taken. It may
        look, tell, and save what was seen, and nothing else.
        """
        self.deadline: float | None = None
        self.patience_s = math.inf
        self._executor = executor
        self._clock = clock
        self._while_waiting = while_waiting
        self._asked: list[Future[Any]] = []

    @property
    def is_stuck(self) -> bool:
        """True while a call has not come back, whether anybody waits for it or not."""
        return any(not future.done() for future in self._asked)

    def start(self, call: Callable[_P, _T], *args: _P.args, **more: _P.kwargs) -> Future[_T]:
        """Begin a call, to be waited for later.

        Raises:
            StoreUnavailable: the daemon has to stop: a store that is slow would hold it up with every call.
        """
        self._check_deadline()
        future = self._executor.submit(call, *args, **more)
        self._asked = [*(each for each in self._asked if not each.done()), future]
        return future

    def wait(self, future: Future[_T]) -> _T:
        """What a call comes to.

        Raises:
            StoreUnavailable: there is no answer in time; or what the call raises.
        """
        began = self._clock.monotonic()
        while True:
            try:
                return future.result(timeout=LOOK_EVERY_S)
            except TimeoutError:
                if future.done():
                    return future.result()  # just now; or the call itself ran into a time-out
            self._check_deadline()
            waited_s = self._clock.monotonic() - began
            self._while_waiting(waited_s)
            if waited_s >= self.patience_s:
                raise StoreUnavailable(f"the store has not answered for {waited_s:.0f} s")

    def _check_deadline(self) -> None:
        if self.deadline is not None and self._clock.monotonic() > self.deadline:
            raise StoreUnavailable("the store did not answer before the daemon had to stop")

    def __call__(self, call: Callable[_P, _T], *args: _P.args, **more: _P.kwargs) -> _T:
        """Make a call and wait for it.

        Raises:
            StoreUnavailable: as of `start` and `wait`; or what the call raises.
        """
        return self.wait(self.start(call, *args, **more))
