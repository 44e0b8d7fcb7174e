"""Which expressions the server computes once, before a query runs: then they warn once, however many rows there are."""

from __future__ import annotations

from typing import Any, Final

from lark import Tree

from .ast import name_of

VARYING: Final = frozenset((
    "RAND", "RANDOM_TOKEN", "UUID", "DATE_NOW", "SLEEP", "FAIL", "ASSERT", "WARN", "DOCUMENT", "COLLECTION_COUNT",
    "CURRENT_DATABASE", "VERSION", "TOKENS",
))  # fmt: skip
"""Functions with other values each time, with effects, or that read something."""
MOVING: Final = frozenset(["call", "subquery", "bind_source", "expand", "array_question"])
NAMES: Final = frozenset(["reference", "reference_quoted", "pair_short"])


def is_folded(trees: list[Tree[Any]], constants: dict[str, Any]) -> bool:
    """Are they made of literals, bind parameters and variables that are set to such?"""
    for tree in trees:
        for node in tree.iter_subtrees():
            if node.data in MOVING or (node.data in NAMES and name_of(node.children[0]) not in constants):
                return False
    return True
