"""The table of scenarios: what it names is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parent.parent
TABLE = TESTS.parent / "docs" / "scenarios.md"


def test_every_test_that_the_table_of_scenarios_names_exists() -> None:
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", TABLE.read_text(encoding="utf-8"))
    assert len(named) > 100
    assert [f"{file}::{name}" for file, name in named if name not in names_in(TESTS / file)] == []


def test_every_row_of_the_table_of_scenarios_names_a_test() -> None:
    rows = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    assert [row for row in rows[1:] if "::" not in row.split("|")[3]] == []


def names_in(path: Path) -> set[str]:
    """What a module defines at its top."""
    if not path.exists():
        return set()
    body = ast.parse(path.read_text(encoding="utf-8")).body
    functions = {node.name for node in body if isinstance(node, ast.FunctionDef)}
    assigned = {target for node in body if isinstance(node, ast.Assign) for target in map(ast.unparse, node.targets)}
    return functions | assigned
