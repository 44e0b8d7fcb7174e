"""The contract of stores, held by SQLite."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.register_assert_rewrite("store_contract")

from store_contract import *  # noqa: E402, F403


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Where a new store goes."""
    return f"sqlite://{tmp_path}/logs.db"
