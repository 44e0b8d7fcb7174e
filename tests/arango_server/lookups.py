"""Which documents a FOR over a collection looks at: one by its key or all of them; and the plan's node for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from lark import Tree

from .ast import name_of
from .errors import ArangoError
from .expressions import Row, Scope
from .orders import documents_in_order
from .storage import Collection
from .values import Value

if TYPE_CHECKING:
    from .statements import Plan

Find = Callable[[Row], Iterable[dict[str, Any]]]
FLIPPED = {"==": "==", "<": ">", ">": "<", "<=": ">=", ">=": "<="}


def candidates(
    plan: Plan, name: str, collection: Collection, after: list[Tree[Any]], outer: Scope, options: dict[str, Value]
) -> Find:
    """A function from the row outside to the documents to look at; FILTER still checks each of them."""
    conditions = [c for s in _filters(after) for c in _conjuncts(s.children[0])]
    described = [found for c in conditions if (found := _describe(c, name)) is not None]
    fixed = {path for path, operator, tree in described if operator in ("==", "IN") and _free(tree, frozenset())}
    index = _index_for(collection, described, fixed, _sort_fields(after, name), options)
    stats = plan.query.stats
    node: dict[str, Any] = {"type": "EnumerateCollectionNode", "collection": collection.name, "random": False}
    if index is not None:
        node = {"type": "IndexNode", "collection": collection.name, "indexes": [index]}
    plan.query.nodes.append(node)
    counter = "scannedIndex" if index is not None else "scannedFull"
    key = next((tree for path, op, tree in described if path == "_key" and op == "==" and _free(tree, outer)), None)
    if key is not None:
        value = plan.expression(key, outer)

        def one(row: Row) -> Iterator[dict[str, Any]]:
            found = collection.documents.get(wanted) if isinstance(wanted := value(row), str) else None
            if found is not None:
                stats["scannedIndex"] += 1
                yield found

        return one

    in_order = documents_in_order(plan, name, collection, after, {path for path, _, _ in described}, fixed)

    def every(row: Row) -> Iterator[dict[str, Any]]:
        for document in in_order(row):
            stats[counter] += 1
            if stats[counter] % 500 == 0:
                plan.query.check_deadline()
            yield document

    return every


def _filters(after: list[Tree[Any]]) -> Iterator[Tree[Any]]:
    for statement in after:
        if statement.data == "filter_statement":
            yield statement
        elif statement.data not in ("let_statement", "sort_statement"):
            return


def _conjuncts(tree: Tree[Any]) -> Iterator[Tree[Any]]:
    if tree.data == "paren":
        yield from _conjuncts(tree.children[0])
    elif tree.data == "and_":
        for child in tree.children:
            yield from _conjuncts(child)
    else:
        yield tree


def _describe(tree: Tree[Any], name: str) -> tuple[str, str, Tree[Any]] | None:
    """(attribute path, operator, other side) of a comparison with an attribute of the variable."""
    if tree.data == "binary" and str(tree.children[1]) in FLIPPED:
        left, operator, right = tree.children
        if (path := path_of(left, name)) is not None:
            return path, str(operator), right
        if (path := path_of(right, name)) is not None:
            return path, FLIPPED[str(operator)], left
    if tree.data in ("in_", "like") and (path := path_of(tree.children[0], name)) is not None:
        return path, "IN" if tree.data == "in_" else "LIKE", tree.children[-1]
    return None


def path_of(tree: Tree[Any], name: str) -> str | None:
    """`a.b` of `name.a.b`; None for anything else."""
    names: list[str] = []
    while tree.data in ("attribute", "attribute_quoted"):
        names.append(name_of(tree.children[1]))
        tree = tree.children[0]
    if tree.data != "reference" or name_of(tree.children[0]) != name or not names:
        return None
    return ".".join(reversed(names))


def _free(tree: Tree[Any], outer: Scope) -> bool:
    """Does the expression use only what is known outside the FOR, and can it be computed there?"""
    if any(True for _ in tree.find_pred(lambda node: node.data in ("subquery", "call", "expand", "bind_source"))):
        return False
    return all(name_of(node.children[0]) in outer for node in tree.find_pred(lambda n: n.data == "reference"))


def _sort_fields(after: list[Tree[Any]], name: str) -> list[str]:
    for statement in after:
        if statement.data == "sort_statement":
            paths = [path_of(element.children[0], name) for element in statement.children]
            return [path for path in paths if path is not None] if None not in paths else []
        if statement.data not in ("filter_statement", "let_statement"):
            break
    return []


def _index_for(
    collection: Collection,
    described: list[tuple[str, str, Tree[Any]]],
    fixed: set[str],
    sort: list[str],
    options: dict[str, Value],
) -> dict[str, Any] | None:
    """The one that covers most; a sparse one only where all its attributes are compared with constants."""
    hint = options.get("indexHint")
    if options.get("disableIndex"):
        return None
    equal = {path for path, operator, _ in described if operator in ("==", "IN")}
    ranged = {path for path, operator, _ in described if operator not in ("==", "IN")}
    usable = []
    for index in collection.indexes:
        if index.definition["type"] == "inverted" and hint in (index.definition["name"], [index.definition["name"]]):
            usable.append(index.definition)
        if index.definition["type"] not in ("primary", "persistent", "edge"):
            continue
        if index.definition["sparse"] and not fixed.issuperset(index.definition["fields"]):
            continue
        first = index.definition["fields"][0]
        sorts = sort and index.definition["fields"][: len(sort)] == sort
        ranges = first in ranged and index.definition["type"] == "persistent"
        either = index.definition["type"] == "edge" and {"_from", "_to"} & equal
        if first in equal or ranges or either or (sorts and index.definition["type"] == "persistent"):
            usable.append(index.definition)
    if hint is not None:
        wanted = hint if isinstance(hint, list) else [hint]
        chosen = next((index for w in wanted for index in usable if index["name"] == w), None)
        if chosen is not None or options.get("forceIndexHint"):
            if chosen is None:
                raise ArangoError(1577, "could not use index hint to serve query")
            return chosen
    return max(usable, key=lambda index: sum(f in equal for f in index["fields"]), default=None)
