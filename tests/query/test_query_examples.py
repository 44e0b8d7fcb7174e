"""Every example in a docstring of `logagent.query` runs.

In them `reader` and `log` stand over the store that `usual_story` fills.
"""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest
from query_build import filled, usual_story

import logagent.query
from logagent.query import SyncAgentLogManager
from logagent.store import open_reader

MODULES = [
    found.name
    for found in pkgutil.walk_packages(logagent.query.__path__, "logagent.query.")
    if not found.name.endswith("__main__")  # importing it runs the command line
]


@pytest.mark.parametrize("name", [*MODULES, "logagent.formats.status"])
def test_the_examples_run(name: str, tmp_path: Path) -> None:
    """As they are printed."""
    url = filled(tmp_path, usual_story().records)
    reader = open_reader(url)
    with SyncAgentLogManager(url) as log:
        result = doctest.testmod(importlib.import_module(name), extraglobs={"reader": reader, "log": log})
    reader.close()
    assert result.failed == 0
