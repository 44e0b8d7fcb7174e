"""Calls into the store, in a thread of its own, one at a time: who waits for one looks after the files meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import ParamSpec, TypeVar

from logagent.daemon.surroundings import Clock
from logagent.errors import StoreUnavailable

_P = ParamSpec("_P")
_T = TypeVar("_T")
LOOK_EVERY_S = 0.25


class StoreCalls:
    """A store that hangs must stop nothing but what is asked of it, not even the daemon's end.

    Attributes:
        deadline: when (monotonic) to stop waiting for the store; None while the daemon is not stopping.
    """

    def __init__(self, executor: Executor, clock: Clock, while_waiting: Callable[[float], None]) -> None:
        """`executor` has one thread.

        `while_waiting` is called now and then while a call is waited for, with the seconds that has taken. It may
        look, tell, and save what was seen, and nothing else.
        """
        self.deadline: float | None = None
        self._executor = executor
        self._clock = clock
        self._while_waiting = while_waiting
        self._last: Future[object] | None = None

    @property
    def is_stuck(self) -> bool:
        """True while a call that nobody waits for any more has not come back."""
        return self._last is not None and not self._last.done()

    def start(self, call: Callable[_P, _T], *args: _P.args, **more: _P.kwargs) -> Future[_T]:
        """Begin a call, to be waited for later."""
        future = self._executor.submit(call, *args, **more)
        self._last = future  # type: ignore[assignment]
        return future

    def wait(self, future: Future[_T]) -> _T:
        """What a call comes to.

        Raises:
            StoreUnavailable: the daemon has to stop before there is an answer; or what the call raises.
        """
        began = self._clock.monotonic()
        while True:
            try:
                return future.result(timeout=LOOK_EVERY_S)
            except TimeoutError:
                if future.done():
                    raise
                if self.deadline is not None and self._clock.monotonic() > self.deadline:
                    raise StoreUnavailable("the store did not answer before the daemon had to stop") from None
                self._while_waiting(self._clock.monotonic() - began)

    def __call__(self, call: Callable[_P, _T], *args: _P.args, **more: _P.kwargs) -> _T:
        """Make a call and wait for it."""
        return self.wait(self.start(call, *args, **more))
