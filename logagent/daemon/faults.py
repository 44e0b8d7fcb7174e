"""Named points where a test may make the daemon fail or die; nothing happens at them otherwise.

A fault is armed only by the hidden flag `--arm-faults` together with `LOGAGENT_FAULT=<point>[:n]`: the process then
kills itself the n-th time it comes by that point. Tests inside the process pass their own function instead.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

Faults: TypeAlias = Callable[[str], None]
"""Called with the point's name; may raise what the step itself could raise."""

POINTS: Final = (
    "before_read",
    "after_read",
    "before_dead_letter",
    "after_dead_letter_write",
    "after_dead_letter_fsync",
    "before_append",
    "after_append",
    "before_mark",
    "after_mark",
    "before_checkpoint_write",
    "after_checkpoint_write",
    "after_checkpoint_fsync",
    "after_checkpoint_link",
    "after_checkpoint_keep",
    "after_checkpoint_rename",
    "after_checkpoint_directory_fsync",
    "before_ledger_write",
    "after_ledger_write",
    "after_ledger_fsync",
)


def no_faults(point: str) -> None:
    """What runs in production: nothing."""


def kill_at(environ: Mapping[str, str]) -> Faults:
    """Kill this process the n-th time it comes by the point that `LOGAGENT_FAULT` names.

    Raises:
        ValueError: the point is unknown.
    """
    wanted, _, count = environ.get("LOGAGENT_FAULT", "").partition(":")
    if wanted not in POINTS:
        raise ValueError(f"LOGAGENT_FAULT={wanted!r}: no such point; there are {', '.join(POINTS)}")
    left = int(count or 1)

    def fault(point: str) -> None:
        nonlocal left
        if point == wanted:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return fault
