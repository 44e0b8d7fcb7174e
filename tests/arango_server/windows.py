"""WINDOW: aggregates over the rows around each row, by position or by value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from lark import Tree

from .collecting import Aggregate, aggregate, aggregates
from .errors import ArangoError, Unsupported
from .expressions import Row
from .functions.dates import amount_of, parse_date, parse_duration, shift
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
    limits = _limits_of_numbers if all(rank(bound) == 2 for bound in bounds) else _limits_of_times
    folded = aggregates(plan, statement.children[2])
    plan.declare(*(name for name, _, _ in folded))
    plan.query.nodes.append({"type": "WindowNode"})

    def stage(rows: Iterable[Row]) -> Iterator[Row]:
        every = [(limits(value(row), *bounds), row) for row in rows]
        every.sort(key=lambda pair: pair[0].place)
        for own, row in every:
            around = [one for other, one in every if own.low <= other.place <= own.high]
            yield _with_aggregates(plan, folded, row, around)

    plan.stages.append(stage)


class _Limits(NamedTuple):
    """A row's place, and what lies around it."""

    place: float
    low: float
    high: float


def _limits_of_numbers(value: Value, before: float, after: float) -> _Limits:
    if rank(value) != 2:
        raise Unsupported("WINDOW over values that are no numbers")
    return _Limits(value, value - before, value + after)


def _limits_of_times(value: Value, before: Value, after: Value) -> _Limits:
    """Of a time as a text, or of milliseconds, with durations around it."""
    place = parse_date(value) if isinstance(value, str) else value if rank(value) == 2 else None
    if place is None:
        raise Unsupported("WINDOW with durations over what are no times")
    return _Limits(place, _moved(place, before, -1), _moved(place, after, 1))


def _moved(place: int, duration: Value, sign: int) -> int:
    parts = [] if duration == 0 else parse_duration(duration) if isinstance(duration, str) else None
    if parts is None:
        raise Unsupported(f"the duration {duration!r} in WINDOW")
    amounts = [amount_of(amount, unit) for amount, unit in parts]
    moved = shift(place, sign * sum(a[0] for a in amounts), sign * sum(a[1] for a in amounts))
    if moved is None:
        raise Unsupported("WINDOW over the end of time")
    return moved
