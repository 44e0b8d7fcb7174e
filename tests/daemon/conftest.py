"""Fixtures of the daemon's tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.rig import Rig


@pytest.fixture
def make_rig(tmp_path: Path) -> Iterator[Callable[..., Rig]]:
    """Makes rigs with options; ends whatever still runs in them."""
    made: list[Rig] = []

    def make(**options: Any) -> Rig:
        base = tmp_path / str(len(made))
        base.mkdir()
        made.append(Rig(base, **options))
        return made[-1]

    yield make
    for rig in made:
        rig.close()


@pytest.fixture
def rig(make_rig: Callable[..., Rig]) -> Rig:
    """A rig with the defaults, not started."""
    return make_rig()
