"""The made-up history of `benchmarks/history.py` as a store, for tests of what compares and explains."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

from history import LEARNING, NOW_US, ORDER, RESOLVED_BY, Truth, make_history, store_files  # noqa: E402

__all__ = [
    "LEARNING",
    "NOW_US",
    "ORDER",
    "RESOLVED_BY",
    "ROOT",
    "Truth",
    "history_store",
    "make_history",
    "store_files",
]


def history_store(directory: Path) -> tuple[str, Truth]:
    """The URL of a new store with it, and what is true of it."""
    truth = make_history(directory, NOW_US)
    url = f"sqlite://{directory}/logs.db"
    store_files(url, directory / "logs")
    return url, truth
