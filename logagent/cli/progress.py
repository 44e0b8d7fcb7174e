"""Progress of long work, on a terminal only."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self


class Progress:
    """Shows `label 42 % (1.2 of 2.9 GB)` on stderr while called with (done, total) bytes; silent off a terminal."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._is_shown = sys.stderr.isatty()
        self._shown_at = 0.0

    def __enter__(self) -> Self:
        return self

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if self._is_shown and total > 0 and now - self._shown_at >= 0.1:
            self._shown_at = now
            share = 100 * done // total
            sys.stderr.write(f"\r{self._label} {share:3d} % ({done / 1e6:,.1f} of {total / 1e6:,.1f} MB) ")
            sys.stderr.flush()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._shown_at:
            sys.stderr.write("\r\x1b[K")
