"""In which order a FOR over a collection gives its documents, where a query shows it and the server has a choice.

A scan gives them as they were stored, an index in its own order, and which of the two the optimizer takes is its own
affair. Where the orders differ for the documents that match, we refuse.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from lark import Tree

from .ast import name_of
from .errors import Unsupported
from .expressions import Row
from .storage import Collection
from .values import attribute_path, sort_key, truth

if TYPE_CHECKING:
    from .statements import Plan

MOST_PROJECTIONS: Final = 5
NAMES: Final = ("reference", "reference_quoted", "pair_short")
KEEPING_ORDER: Final = frozenset(["PUSH", "UNIQUE"])


def documents_in_order(
    plan: Plan, name: str, collection: Collection, after: list[Tree[Any]], conditions: set[str], fixed: set[str]
) -> Callable[[Row], list[dict[str, Any]]]:
    """The documents for a row outside, in their order as far as the query shows it.

    Raises:
        Unsupported: it shows it, and it is not known (when it runs).
    """
    walked, covering = _indexes(collection, after, name, conditions, fixed) if _is_shown(after) else ([], [])
    distances = _distances(collection, after) if _is_shown(after) else []
    if not walked and not covering and not distances:
        return lambda row: list(collection.documents.values())
    filters = []
    for statement in after:
        if statement.data != "filter_statement":
            break
        filters.append(plan.expression(statement.children[0]))

    far = [plan.expression(tree) for tree in distances]

    def in_order(row: Row) -> list[dict[str, Any]]:
        rows = ({**row, name: document} for document in collection.documents.values())
        stored = [one[name] for one in rows if all(truth(holds(one)) for holds in filters)]
        orders = [sorted(stored, key=lambda document, f=fields: _place(document, f)) for fields in walked or covering]
        orders += [sorted(stored, key=lambda document, f=distance: f({**row, name: document})) for distance in far]
        if not walked:
            orders.append(stored)
        if any(order != orders[0] for order in orders):
            raise Unsupported(f"documents of {collection.name} in no order of the query's own")
        return orders[0]

    return in_order


def _distances(collection: Collection, after: list[Tree[Any]]) -> list[Tree[Any]]:
    """By how far away something is a geo index may give its documents."""
    if all(index.definition["type"] != "geo" for index in collection.indexes):
        return []
    calls = [call for s in after if s.data == "filter_statement" for call in s.find_data("call")]
    return [call for call in calls if str(call.children[0].children[0]).upper() == "GEO_DISTANCE"]


def _place(document: dict[str, Any], fields: list[str]) -> list[Any]:
    return [sort_key(attribute_path(document, field.split("."))) for field in fields]


def _is_shown(after: list[Tree[Any]]) -> bool:
    """Does the result depend on the order of the rows?"""
    for statement in after:
        if statement.data == "sort_statement":
            return False
        if statement.data == "collect_statement":
            called = {str(found.children[0]).upper() for found in statement.find_data("function_name")}
            keeps = any(True for _ in statement.find_pred(lambda node: node.data in ("into_all", "into_expr")))
            return keeps or bool(called & KEEPING_ORDER)
        if statement.data == "return_statement":
            return any(True for _ in statement.find_pred(lambda node: node.data in NAMES))
        if statement.data == "limit_statement":
            return True
    return False


def _indexes(
    collection: Collection, after: list[Tree[Any]], name: str, conditions: set[str], fixed: set[str]
) -> tuple[list[list[str]], list[list[str]]]:
    """Fields of the indexes that a condition leads to; and of those that have all that is read."""
    read, either = _read_attributes(after, name), _in_alternatives(after, name)
    walked, covering = [], []
    for index in collection.indexes:
        shown = index.definition
        if shown["type"] not in ("primary", "persistent") or any("[*]" in field for field in shown["fields"]):
            continue
        there = {*shown["fields"], *shown.get("storedValues", [])} | ({"_id"} if shown["type"] == "primary" else set())
        # A sparse one is only used where all its attributes are compared with constants.
        if shown["fields"][0] in conditions and (not shown["sparse"] or fixed.issuperset(shown["fields"])):
            walked.append(shown["fields"])
        if (read and read <= there and not shown["sparse"]) or shown["fields"][0] in either:
            covering.append(shown["fields"])
    return walked, covering


def _in_alternatives(after: list[Tree[Any]], name: str) -> set[str]:
    """Attributes of which an OR in a FILTER speaks on each of its sides: it may become an IN, and use an index.

    A FILTER on a variable that is set to an attribute may use one as well.
    """
    found: set[str] = set()
    aliases: dict[str, set[str]] = {}
    for statement in after:
        for set_ in statement.children if statement.data == "let_statement" else ():
            if set_.children[1].data in ("attribute", "attribute_quoted"):
                aliases[name_of(set_.children[0].children[0])] = _read_attributes([set_.children[1]], name)
        for used in statement.find_pred(lambda n: n.data in NAMES) if statement.data == "filter_statement" else ():
            found |= aliases.get(name_of(used.children[0]), set())
        for either in statement.find_data("or_") if statement.data == "filter_statement" else ():
            sides = [_read_attributes([side], name) for side in either.children]
            if all(sides):
                found |= set.union(*sides)
    return found


def _read_attributes(after: list[Tree[Any]], name: str) -> set[str]:
    """Top-level attributes, if nothing but a few of them is read; else none."""
    references, attributes = 0, []
    for statement in after:
        references += sum(name_of(node.children[0]) == name for node in statement.find_data("reference"))
        for node in statement.find_pred(lambda node: node.data in ("attribute", "attribute_quoted")):
            base = node.children[0]
            if isinstance(base, Tree) and base.data == "reference" and name_of(base.children[0]) == name:
                attributes.append(name_of(node.children[1]))
    few = len(set(attributes)) <= MOST_PROJECTIONS
    return set(attributes) if few and references == len(attributes) else set()
