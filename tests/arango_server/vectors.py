"""APPROX_NEAR_COSINE: only over a vector index, with SORT DESC and LIMIT after it; computed exactly here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lark import Tree

from .ast import name_of
from .errors import ArangoError, Unsupported
from .functions.numbers import cosine
from .indexes import release
from .values import Value, attribute_path, rank

if TYPE_CHECKING:
    from .expressions import Closure, Row, Scope
    from .query import Query
    from .statements import Plan

NAME: Final = "APPROX_NEAR_COSINE"


def _is_call(tree: Tree[Any]) -> bool:
    return tree.data == "call" and str(tree.children[0].children[0]).upper() == NAME


def check_let(plan: Plan, name: str, value: Tree[Any]) -> None:
    """A LET with the function: the statements around it must have the one form that works.

    Raises:
        ArangoError: 1554 they have not.
    """
    if any(_is_call(node) for node in value.find_data("call")) and not _is_call(value):
        raise ArangoError(1554, "AQL query uses a vector function in a way that no index can serve")
    if not _is_call(value):
        return
    before, after = plan.statements[: plan.at], plan.statements[plan.at + 1 :]
    if not before or before[-1].data not in ("for_in", "filter_statement"):
        raise ArangoError(1554, "AQL query: no vector index could be used")
    filters = sum(s.data == "filter_statement" for s in before[1:]) if before[0].data == "for_in" else 9
    _check_filters(plan, filters)
    _check_after(after, name)
    plan.query.vector_sorts.add(name)


def _check_filters(plan: Plan, filters: int) -> None:
    """None before 3.12.6, since then one."""
    if filters > (release(plan.query.database.version) >= (3, 12, 6)):
        raise ArangoError(1554, "AQL query: no vector index could be used: too many FILTERs")


def _check_after(after: list[Tree[Any]], name: str) -> None:
    kinds = [str(statement.data) for statement in after[:2]]
    if kinds != ["sort_statement", "limit_statement"]:
        raise ArangoError(1554, "AQL query: no vector index could be used: SORT and LIMIT must follow")
    sort = after[0].children
    by = sort[0].children
    descending = len(by) > 1 and str(by[1]).upper() == "DESC"
    is_score = by[0].data == "reference" and name_of(by[0].children[0]) == name
    if len(sort) != 1 or not is_score or not descending:
        raise ArangoError(1554, "AQL query: no vector index could be used: SORT must be by the score, DESC")


def check_sort(plan: Plan, key: Tree[Any], descending: bool) -> None:
    """The function directly in SORT."""
    if _is_call(key):
        kinds = [str(statement.data) for statement in plan.statements[plan.at + 1 : plan.at + 2]]
        if not descending or kinds != ["limit_statement"]:
            raise ArangoError(1554, "AQL query: no vector index could be used")
        plan.query.vector_sorts.add("")


def compile_near(query: Query, arguments: list[Tree[Any]], scope: Scope) -> Closure:
    """The score of one document."""
    if not query.vector_sorts:
        raise ArangoError(1554, "AQL query: no vector index could be used: SORT and LIMIT must follow")
    if len(arguments) > 2:
        _check_options(query, arguments[2], scope)
    for at in (0, 1):
        found = _indexed(query, arguments[at])
        if found is not None:
            document, path, dimension = found
            other = query.expressions.compile(arguments[1 - at], scope)
            return _score(query, document, path, dimension, other)
    raise ArangoError(1554, "AQL query: no vector index over that attribute")


def _check_options(query: Query, tree: Tree[Any], scope: Scope) -> None:
    options = query.expressions.compile(tree, scope)({})
    if not isinstance(options, dict):
        raise ArangoError(1554, "the options of a vector function must be an object")
    if set(options) - {"nProbe"}:
        raise Unsupported(f"{NAME} with options {sorted(options)}")


def _indexed(query: Query, tree: Tree[Any]) -> tuple[str, list[str], int] | None:
    names: list[str] = []
    while tree.data in ("attribute", "attribute_quoted"):
        names.append(name_of(tree.children[1]))
        tree = tree.children[0]
    if tree.data != "reference" or not names:
        return None
    variable = name_of(tree.children[0])
    collection = query.variables.get(variable)
    path = names[::-1]
    for index in collection.indexes if collection is not None else []:
        definition = index.definition
        if definition["type"] == "vector" and definition["fields"] == [".".join(path)]:
            if definition["params"]["metric"] != "cosine":
                continue
            if definition.get("trainingState") != "ready" and index.state() != "ready":
                raise ArangoError(1555, "vector index is not trained")
            return variable, path, definition["params"]["dimension"]
    return None


def _score(query: Query, name: str, path: list[str], dimension: int, other: Closure) -> Closure:
    def score(row: Row) -> Value:
        wanted, stored = other(row), attribute_path(row.get(name), path)
        if not isinstance(wanted, list) or len(wanted) != dimension or any(rank(e) != 2 for e in wanted):
            raise ArangoError(1554, f"a vector of {dimension} numbers was expected")
        if not isinstance(stored, list):
            return None
        return cosine(query, wanted, stored)

    return score
