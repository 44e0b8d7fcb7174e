"""Computed values: attributes that the server derives from the document at each write."""

from __future__ import annotations

from typing import Any, Final

from .errors import ArangoError

KNOWN: Final = frozenset(["name", "expression", "overwrite", "computeOn", "keepNull", "failOnWarning"])
FORBIDDEN: Final = frozenset(["_key", "_id", "_rev", "_from", "_to"])


def check_definitions(definitions: Any) -> list[dict[str, Any]]:
    """The list with its defaults filled in.

    Raises:
        ArangoError: 10 one of them is not allowed.
    """
    if not isinstance(definitions, list):
        raise ArangoError(10, "'computedValues' must be an array")
    return [_checked(definition) for definition in definitions]


def _checked(definition: Any) -> dict[str, Any]:
    from . import ast

    wanted = isinstance(definition, dict) and {"name", "expression", "overwrite"} <= set(definition) <= KNOWN
    if not wanted or definition["name"] in FORBIDDEN or "." in definition["name"]:
        raise ArangoError(10, "invalid 'computedValues' entry")
    tree = ast.parse(definition["expression"])
    inner = any(True for _ in tree.find_pred(lambda node: node.data in ("subquery", "for_in", "let_statement")))
    if len(tree.children) != 1 or tree.children[0].data != "return_statement" or inner:
        raise ArangoError(10, "invalid 'computedValues' expression: it must be one RETURN")
    return {"computeOn": ["insert", "update", "replace"], "keepNull": True, "failOnWarning": False} | definition


def compute(definitions: list[dict[str, Any]], document: dict[str, Any], operation: str) -> dict[str, Any]:
    """The document with its computed attributes; each sees the document as it came."""
    from .query import Query
    from .storage import Database

    made = dict(document)
    for definition in definitions:
        if operation not in definition["computeOn"] or (definition["name"] in document and not definition["overwrite"]):
            continue
        options = {"failOnWarning": definition["failOnWarning"]}
        binds = {"doc": document} if "@doc" in definition["expression"] else {}
        nowhere = Database("computed", "", vector_index=False)
        value = Query(nowhere, definition["expression"], binds, options).run()[0]
        if value is not None or definition["keepNull"]:
            made[definition["name"]] = value
        else:
            made.pop(definition["name"], None)
    return made
