"""WINDOW: aggregates over the rows around each row, by position or by value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from lark import Tree

from .collecting import Aggregate, aggregate, aggregates
from .errors import ArangoError, Unsupported
from .expressions import Row
from .values import Value, rank

if TYPE_CHECKING:
    from .statements import Plan


def _bounds(plan: Plan, tree: Tree[Any]) -> tuple[Value, Value]:
    found = plan.query.expressions.constant(tree, plan.scope)
    if unknown := set(found) - {"preceding", "following"}:
        raise Unsupported(f"WINDOW with {', '.join(sorted(unknown))}")
    return found.get("preceding", 0), found.get("following", 0)


def _with_aggregates(plan: Plan, folded: list[Aggregate], row: Row, around: list[Row]) -> Row:
    return {**row, **{n: aggregate(plan, f, [value(one) for one in around]) for n, f, value in folded}}


def compile_rows(plan: Plan, statement: Tree[Any]) -> None:
    """By position: so many rows before and after."""
    bounds = _bounds(plan, statement.children[0])
    limits = [None if bound == "unbounded" else bound for bound in bounds]
    if any(limit is not None and (rank(limit) != 2 or limit < 0) for limit in limits):
        raise ArangoError(1501, "WINDOW bounds must be numbers or 'unbounded'")
    folded = aggregates(plan, statement.children[1])
    plan.declare(*(name for name, _, _ in folded))
    plan.query.nodes.append({"type": "WindowNode"})

    def stage(rows: Iterable[Row]) -> Iterator[Row]:
        every = list(rows)
        for at, row in enumerate(every):
            start = 0 if limits[0] is None else max(at - int(limits[0]), 0)
            end = len(every) if limits[1] is None else at + int(limits[1]) + 1
            yield _with_aggregates(plan, folded, row, every[start:end])

    plan.stages.append(stage)


def compile_range(plan: Plan, statement: Tree[Any]) -> None:
    """By value: rows whose number lies so near; they come out sorted by it."""
    value = plan.expression(statement.children[0])
    bounds = _bounds(plan, statement.children[1])
    if any(rank(bound) != 2 for bound in bounds):
        raise Unsupported("WINDOW over durations")
    folded = aggregates(plan, statement.children[2])
    plan.declare(*(name for name, _, _ in folded))
    plan.query.nodes.append({"type": "WindowNode"})

    def stage(rows: Iterable[Row]) -> Iterator[Row]:
        every = [(value(row), row) for row in rows]
        if any(rank(number) != 2 for number, _ in every):
            raise Unsupported("WINDOW over values that are no numbers")
        every.sort(key=lambda pair: pair[0])
        for number, row in every:
            around = [one for other, one in every if number - bounds[0] <= other <= number + bounds[1]]
            yield _with_aggregates(plan, folded, row, around)

    plan.stages.append(stage)
