"""Statements as stages: each takes rows and gives rows; a plan is the stages of one query or subquery."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any, Final

from lark import Tree

from . import collecting, modifying, paths, traversing, vectors, windows
from .ast import name_of
from .errors import ArangoError, Unsupported
from .expressions import Closure, Row, Scope, is_source
from .lookups import candidates
from .storage import Collection
from .values import Value, identity, sort_key, truth, type_name

if TYPE_CHECKING:
    from .query import Query

Stage = Callable[[Iterable[Row]], Iterable[Row]]
FOR_OPTIONS: Final = frozenset(
    ["indexHint", "forceIndexHint", "disableIndex", "maxProjections", "useCache", "lookahead"]
)
SEARCH_OPTIONS: Final = frozenset(
    ["collections", "conditionOptimization", "countApproximate", "parallelism", "waitForSync"]
)


class Plan:
    """The stages of one query. Building it finds every fault that does not depend on data."""

    def __init__(self, query: Query, tree: Tree[Any], scope: Scope, *, outermost: bool = False) -> None:
        self.query = query
        self.scope = scope
        self.local: list[str] = []
        self.stages: list[Stage] = []
        self.result: Callable[[Iterable[Row]], Iterator[Value]] | None = None
        self.statements = [child for child in tree.children if child.data != "with_collections"]
        self.outermost = outermost
        for child in tree.children:
            if child.data == "with_collections":
                for source in child.children:
                    query.collection_of(source)
        for at, statement in enumerate(self.statements):
            self.at = at
            self._add(statement)
        self._check_end()

    def run(self, row: Row) -> Iterator[Value]:
        """The query's values for one row of the query around it."""
        rows: Iterable[Row] = (row,)
        for stage in self.stages:
            rows = stage(rows)
        if self.result is None:
            for _ in rows:
                pass
            return iter(())
        return self.result(rows)

    def expression(self, tree: Tree[Any], scope: Scope | None = None) -> Closure:
        """Compile an expression in the present scope."""
        return self.query.expressions.compile(tree, self.scope if scope is None else scope)

    def declare(self, *names: str) -> None:
        """Bring variables into scope.

        Raises:
            ArangoError: 1511 one is there already.
        """
        for name in names:
            if name in self.scope:
                raise ArangoError(1511, f"variable '{name}' is assigned multiple times (while parsing)")
            self.scope |= {name}
            self.query.constants.pop(name, None)
            if not name[0].isdigit():
                self.local.append(name)

    def options(self, tree: Tree[Any] | None, known: frozenset[str]) -> dict[str, Value]:
        """OPTIONS as a dictionary; unknown ones are refused."""
        if tree is None:
            return {}
        found = self.query.expressions.constant(tree.children[0], self.scope)
        if unknown := set(found) - known:
            raise Unsupported(f"OPTIONS {', '.join(sorted(unknown))}")
        return dict(found)

    def _check_end(self) -> None:
        if self.result is None and not any(s.data in modifying.STATEMENTS for s in self.statements):
            raise ArangoError(1501, "syntax error, unexpected end of query string near '' at position 1:1")

    def _add(self, statement: Tree[Any]) -> None:
        if self.result is not None:
            raise ArangoError(1501, "syntax error, unexpected statement after RETURN")
        method = getattr(self, f"_{statement.data}", None)
        if method is not None:
            method(statement)
        elif statement.data in modifying.STATEMENTS:
            modifying.compile_modification(self, statement)
        else:
            raise Unsupported(f"AQL statement {statement.data}")

    # FOR

    def _for_in(self, statement: Tree[Any]) -> None:
        names = [name_of(child.children[0]) for child in statement.children if child.data == "name"]
        source = next(child for child in statement.children if child.data not in ("name",))
        parts = {child.data: child for child in statement.children if isinstance(child, Tree)}
        if len(names) > 1:
            raise Unsupported("FOR with several variables over something else than a traversal")
        if "prune_expr" in parts or "prune_named" in parts:
            raise ArangoError(1501, "syntax error: PRUNE without a traversal")
        if is_source(source, self.scope):
            self._for_source(names[0], source, parts)
            return
        if "search" in parts:
            raise ArangoError(1501, "SEARCH condition used on non-view (while parsing)")
        self.options(parts.get("options"), FOR_OPTIONS)
        array = self.expression(source)
        self.declare(names[0])
        self.query.nodes.append({"type": "EnumerateListNode"})
        name, query = names[0], self.query

        def stage(rows: Iterable[Row]) -> Iterator[Row]:
            for row in rows:
                found = array(row)
                if not isinstance(found, list):
                    expected = "collection or array expected as operand to FOR loop"
                    raise ArangoError(1563, f"{expected}; you provided a value of type '{type_name(found)}'")
                for at, element in enumerate(found):
                    if at % 500 == 0:
                        query.check_deadline()
                    yield {**row, name: element}

        self.stages.append(stage)

    def _for_source(self, name: str, source: Tree[Any], parts: dict[str, Tree[Any]]) -> None:
        found = self.query.source_of(source)
        if isinstance(found, Collection):
            if "search" in parts:
                raise ArangoError(1501, "SEARCH condition used on non-view (while parsing)")
            options = self.options(parts.get("options"), FOR_OPTIONS)
            self._for_collection(name, found, options)
            return
        options = self.options(parts.get("options"), SEARCH_OPTIONS)
        if found.properties.get("primarySort") and self._shows_order():
            raise Unsupported("a view with primarySort in no order of the query's own")
        self.declare(name)
        self.query.nodes.append({"type": "EnumerateViewNode", "view": found.name})
        condition = parts["search"].children[0] if "search" in parts else None
        self.stages.append(self.query.search_stage(found, name, condition, self.scope, options))

    def _shows_order(self) -> bool:
        """Does the result tell in which order that FOR gave its rows?"""
        later = self.statements[self.at + 1 :]
        if {"sort_statement", "collect_statement"} & {str(statement.data) for statement in later}:
            return False
        reads = ("reference", "reference_quoted", "pair_short")
        return bool(later) and any(True for _ in later[-1].find_pred(lambda node: node.data in reads))

    def _for_collection(self, name: str, collection: Collection, options: dict[str, Value]) -> None:
        query = self.query
        if collection.name in query.modified:
            raise ArangoError(1579, f"access after data-modification by collection '{collection.name}'")
        outer = self.scope
        self.declare(name)
        query.variables[name] = collection
        find = candidates(self, name, collection, self.statements[self.at + 1 :], outer, options)

        def stage(rows: Iterable[Row]) -> Iterator[Row]:
            for row in rows:
                for document in find(row):
                    yield {**row, name: document}

        self.stages.append(stage)

    def _for_traversal(self, statement: Tree[Any]) -> None:
        traversing.compile_traversal(self, statement)

    def _for_path(self, statement: Tree[Any]) -> None:
        paths.compile_path(self, statement)

    # plain statements

    def _filter_statement(self, statement: Tree[Any]) -> None:
        condition, stats = self.expression(statement.children[0]), self.query.stats
        self.query.nodes.append({"type": "FilterNode"})

        def stage(rows: Iterable[Row]) -> Iterator[Row]:
            for row in rows:
                if truth(condition(row)):
                    yield row
                else:
                    stats["filtered"] += 1

        self.stages.append(stage)

    def _let_statement(self, statement: Tree[Any]) -> None:
        for assignment in statement.children:
            name = name_of(assignment.children[0].children[0])
            vectors.check_let(self, name, assignment.children[1])
            value = self.expression(assignment.children[1])
            self.declare(name)
            if self.query.expressions.is_constant(assignment.children[1]):
                self.query.constants[name] = value({})
            self.query.nodes.append({"type": "CalculationNode"})
            self.stages.append(_let_stage(name, value))

    def _sort_statement(self, statement: Tree[Any]) -> None:
        keys: list[tuple[Closure, bool]] = []
        for element in statement.children:
            if element.children[0].data == "null":
                continue
            descending = len(element.children) > 1 and str(element.children[1]).upper() == "DESC"
            vectors.check_sort(self, element.children[0], descending)
            keys.append((self.expression(element.children[0]), descending))
        self.query.nodes.append({"type": "SortNode"})
        if not keys:
            if any(before.data == "collect_statement" for before in self.statements[: self.at]):
                raise Unsupported("SORT null after COLLECT: groups in no order")
            return
        self.stages.append(lambda rows: _sorted(rows, keys))

    def _limit_statement(self, statement: Tree[Any]) -> None:
        numbers = [self._limit_number(child) for child in statement.children]
        offset, count = (numbers[0], numbers[1]) if len(numbers) > 1 else (0, numbers[0])
        self.query.nodes.append({"type": "LimitNode"})
        last = not any(later.data == "limit_statement" for later in self.statements[self.at + 1 :])
        if self.outermost and last and self.query.options.get("fullCount"):
            self.stages.append(self._full_count_stage(offset, count))
            return
        self.stages.append(lambda rows: islice(rows, offset, offset + count))

    def _limit_number(self, tree: Tree[Any]) -> int:
        if not self.query.expressions.is_constant(tree):
            raise ArangoError(1504, "number out of range (while parsing)")
        value = self.expression(tree)({})
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0 or value != int(value):
            raise ArangoError(1504, "LIMIT value is out of range or no number (while parsing)")
        return int(value)

    def _full_count_stage(self, offset: int, count: int) -> Stage:
        def stage(rows: Iterable[Row]) -> Iterator[Row]:
            seen = 0
            for seen, row in enumerate(rows, 1):
                if offset < seen <= offset + count:
                    yield row
            self.query.stats["fullCount"] = seen

        return stage

    def _collect_statement(self, statement: Tree[Any]) -> None:
        collecting.compile_collect(self, statement)

    def _window_rows(self, statement: Tree[Any]) -> None:
        windows.compile_rows(self, statement)

    def _window_range(self, statement: Tree[Any]) -> None:
        windows.compile_range(self, statement)

    def _return_statement(self, statement: Tree[Any]) -> None:
        distinct = len(statement.children) > 1
        called = statement.find_data("function_name")
        if any(str(name.children[0]).upper() == "BM25" for name in called):
            raise Unsupported("BM25() in RETURN: its last digits are of single precision")
        value = self.expression(statement.children[-1])
        self.query.nodes.append({"type": "ReturnNode"})
        if not distinct:
            self.result = lambda rows: (value(row) for row in rows)
            return

        def once(rows: Iterable[Row]) -> Iterator[Value]:
            seen: set[Any] = set()
            for row in rows:
                found = value(row)
                key = identity(found)
                if key not in seen:
                    seen.add(key)
                    yield found

        self.result = once


MOST_KEPT_IN_ORDER: Final = 16
"""Rows. The server's way of sorting keeps equal ones in their order up to so many, and perhaps not beyond."""


def _sorted(rows: Iterable[Row], keys: list[tuple[Closure, bool]]) -> list[Row]:
    made = [([sort_key(key(row)) for key, _ in keys], row) for row in rows]
    for at, (_, descending) in reversed(list(enumerate(keys))):
        # reverse=True keeps equal rows in their order, too.
        made.sort(key=lambda pair, at=at: pair[0][at], reverse=descending)  # type: ignore[misc]
    if len(made) > MOST_KEPT_IN_ORDER and any(one[0] == other[0] for one, other in pairwise(made)):
        raise Unsupported(f"the order of equal ones among more than {MOST_KEPT_IN_ORDER} rows")
    return [row for _, row in made]


def _let_stage(name: str, value: Closure) -> Stage:
    def stage(rows: Iterable[Row]) -> Iterator[Row]:
        for row in rows:
            yield {**row, name: value(row)}

    return stage
