"""COLLECT: groups, their aggregates, counts and members."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from lark import Tree

from .ast import name_of
from .errors import ArangoError, Unsupported
from .expressions import Closure, Row
from .functions.arrays import distinct
from .functions.numbers import float_sum
from .functions.registry import FUNCTIONS
from .values import Value, identity, rank, sort_key

if TYPE_CHECKING:
    from .statements import Plan

Aggregate = tuple[str, str, Closure]
OVER_ARRAYS: Final = frozenset(
    [
        "MIN",
        "MAX",
        "AVERAGE",
        "AVG",
        "STDDEV",
        "STDDEV_POPULATION",
        "STDDEV_SAMPLE",
        "VARIANCE",
        "VARIANCE_POPULATION",
        "VARIANCE_SAMPLE",
        "BIT_AND",
        "BIT_OR",
        "BIT_XOR",
        "COUNT_DISTINCT",
        "COUNT_UNIQUE",
    ]
)
AGGREGATORS: Final = OVER_ARRAYS | {"LENGTH", "COUNT", "SUM", "UNIQUE", "SORTED_UNIQUE", "PUSH"}


def aggregates(plan: Plan, tree: Tree[Any] | None) -> list[Aggregate]:
    """The assignments of AGGREGATE, compiled in the scope before.

    Raises:
        ArangoError: 1574 it is no call of an aggregate function.
    """
    found: list[Aggregate] = []
    for assignment in tree.children if tree is not None else []:
        call = assignment.children[1]
        function = str(call.children[0].children[0]).upper() if call.data == "call" else ""
        if function not in AGGREGATORS:
            raise ArangoError(1574, "invalid aggregate expression")
        arguments = call.children[1].children if len(call.children) > 1 else []
        if not arguments and function in ("LENGTH", "COUNT"):
            raise Unsupported(f"{function}() of nothing: documented, and no call of a function")
        if len(arguments) != 1:
            raise ArangoError(1541, f"invalid number of arguments for function '{function}()'")
        value: Closure = plan.expression(arguments[0])
        found.append((name_of(assignment.children[0].children[0]), function, value))
    return found


def aggregate(plan: Plan, function: str, elements: list[Value]) -> Value:
    """One aggregate over the values of a group."""
    if function in ("LENGTH", "COUNT"):
        return len(elements)
    if function == "PUSH":
        return elements
    if function == "UNIQUE":
        return distinct(elements)
    if function == "SORTED_UNIQUE":
        return sorted(distinct(elements), key=sort_key)
    if function in ("COUNT_DISTINCT", "COUNT_UNIQUE"):
        return len(distinct(elements))
    if function == "SUM":
        numbers = [element for element in elements if element is not None]
        if not elements or any(rank(number) != 2 for number in numbers):
            return None
        return float_sum(numbers)
    if function not in ("MIN", "MAX") and any(e is not None and rank(e) != 2 for e in elements):
        return None
    return FUNCTIONS[function].call(plan.query, [elements])


def compile_collect(plan: Plan, statement: Tree[Any]) -> None:
    """Add the stage; afterwards only the outer variables and the new ones are in scope."""
    parts = {child.data: child for child in statement.children}
    options = plan.options(parts.get("options"), frozenset(["method", "disableIndex"]))
    if options.get("method", "sorted") not in ("sorted", "hash"):
        raise Unsupported(f"COLLECT method {options['method']!r}")
    keys = [
        (name_of(assignment.children[0].children[0]), plan.expression(assignment.children[1]))
        for assignment in (parts["assignments"].children if "assignments" in parts else [])
    ]
    folded = aggregates(plan, parts.get("aggregate"))
    if "count_into" in parts and folded:
        raise ArangoError(1501, "syntax error: AGGREGATE cannot be combined with WITH COUNT")
    if not keys and not folded and not set(parts) & {"count_into", "into_all", "into_expr"}:
        raise ArangoError(1501, "syntax error: COLLECT without anything to collect")
    into = _into(plan, parts)
    introduced = [name for name, _ in keys] + [name for name, _, _ in folded] + ([into[0]] if into else [])
    plan.scope -= frozenset(plan.local)
    hidden = list(plan.local)
    plan.local = []
    plan.declare(*introduced)
    plan.query.nodes.append({"type": "CollectNode"})

    def stage(rows: Iterable[Row]) -> Iterator[Row]:
        groups: dict[Any, tuple[list[Value], list[Row]]] = {}
        base: Row = {}
        for row in rows:
            base = row
            values = [value(row) for _, value in keys]
            groups.setdefault(tuple(map(identity, values)), (values, []))[1].append(row)
        if not keys and not groups:
            groups[()] = ([], [])
        outer = {name: value for name, value in base.items() if name not in hidden}
        for values, members in sorted(groups.values(), key=lambda group: sort_key(group[0])):
            made = {name: value for (name, _), value in zip(keys, values, strict=True)}
            made |= {n: aggregate(plan, f, [value(row) for row in members]) for n, f, value in folded}
            if into is not None:
                made[into[0]] = into[1](members)
            yield {**outer, **made}

    plan.stages.append(stage)


def _into(plan: Plan, parts: dict[str, Tree[Any]]) -> tuple[str, Any] | None:
    if "count_into" in parts:
        return name_of(parts["count_into"].children[0].children[0]), len
    if "into_expr" in parts:
        name, expression = parts["into_expr"].children
        value = plan.expression(expression)
        return name_of(name.children[0]), lambda members: [value(row) for row in members]
    if "into_all" not in parts:
        return None
    children = parts["into_all"].children
    kept = list(plan.local)
    if len(children) == 1 and any(name[0].isdigit() for name in plan.scope):
        raise Unsupported("INTO with all variables, some of them destructured")
    if len(children) > 1:
        kept = [name_of(name.children[0]) for name in children[1].children]
        if missing := [name for name in kept if name not in plan.scope]:
            raise ArangoError(1512, f"unknown variable '{missing[0]}' (while parsing)")
    return name_of(children[0].children[0]), lambda members: [{n: row.get(n) for n in kept} for row in members]
