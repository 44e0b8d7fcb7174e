"""Which of two threads goes first: the one that appends, while it computes, before the one that reads on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event


class RightOfWay:
    """Taken by a store while it makes and inserts rows, or makes documents; the reading thread waits.

    A thread that inserts rows lets go of the interpreter at each, and a thread that computes beside it gives it back
    after 5 ms: inserting would stand still until the next batch is read, and what SQLite then does without the
    interpreter (words, commit) would have nothing left to run beside it.
    """

    def __init__(self) -> None:
        self._free = Event()
        self._free.set()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Within, others wait."""
        self._free.clear()
        try:
            yield
        finally:
            self._free.set()

    def wait(self, patience_s: float) -> None:
        """Wait until it is free, or patience ends; then it counts as free, so nobody loses patience twice."""
        if not self._free.wait(patience_s):
            self._free.set()
