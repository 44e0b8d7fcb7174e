"""SHORTEST_PATH, ALL_SHORTEST_PATHS, K_SHORTEST_PATHS, K_PATHS: right where paths have one order, else refused."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from lark import Tree

from .ast import name_of
from .errors import ArangoError, Unsupported
from .expressions import Row
from .traversing import GRAPHS, Path, Walk, depths, edge_sets, vertex_id
from .values import rank

if TYPE_CHECKING:
    from .statements import Plan

OPTIONS: Final = frozenset(["weightAttribute", "defaultWeight"])
MOST_PATHS: Final = 2000


def compile_path(plan: Plan, statement: Tree[Any]) -> None:
    """Add the stage that looks for ways between two vertices."""
    names = [name_of(child.children[0]) for child in statement.children if child.data == "name"]
    parts = {str(child.data): child for child in statement.children}
    kind = str(parts["path_kind"].children[0]).upper()
    if (len(names) > 1) != (kind == "SHORTEST_PATH") and len(names) > 1:
        raise ArangoError(1501, "syntax error: too many variables for paths (while parsing)")
    at = statement.children.index(parts["path_kind"])
    ends = [plan.expression(tree) for tree in statement.children[at + 1 : at + 3]]
    direction = next(d for d in ("outbound", "inbound", "any_direction") if d in parts).removesuffix("_direction")
    low, high = depths(plan, parts.get("depth"))
    if (kind == "K_PATHS") != ("depth" in parts):
        raise Unsupported(f"{kind} with or without a depth")
    options = plan.options(parts.get("options"), OPTIONS)
    if options and kind in ("K_PATHS", "ALL_SHORTEST_PATHS"):
        raise Unsupported(f"options of {kind}")
    walk = Walk(plan, edge_sets(plan, next(c for c in statement.children if str(c.data) in GRAPHS), direction), {})
    plan.declare(*names)
    plan.query.nodes.append({"type": "ShortestPathNode" if kind == "SHORTEST_PATH" else "EnumeratePathsNode"})

    def stage(rows: Iterable[Row]) -> Iterator[Row]:
        for row in rows:
            start, target = (vertex_id(plan, end(row)) for end in ends)
            if start is None or target is None:
                continue
            if start == target:
                raise Unsupported("a path from a vertex to itself")
            found = _weighed(walk, start, target, options)
            if kind == "SHORTEST_PATH":
                yield from _steps(row, names, walk, next(_in_order(found), None))
                continue
            if kind == "ALL_SHORTEST_PATHS":
                found = [(weight, path) for weight, path in found if weight == min(found)[0]]
            if kind == "K_PATHS":
                found = [(weight, path) for weight, path in found if low <= weight <= high]
                if len(found) > 1:
                    raise Unsupported("the order of K_PATHS")
            for weight, path in _in_order(found):
                told = {} if kind == "K_PATHS" else {"weight": weight}
                yield {**row, names[0]: walk.value(path) | told}

    plan.stages.append(stage)


def _weighed(walk: Walk, start: str, target: str, options: dict[str, Any]) -> list[tuple[float, Path]]:
    """Every way without a vertex twice, lightest first."""
    found: list[tuple[float, Path]] = []
    open_: list[Path] = [Path((start,), ())]
    while open_:
        path = open_.pop()
        if path.vertices[-1] == target:
            found.append((sum((_weight(edge, options) for edge in path.edges), start=0), path))
            continue
        open_ += [longer for longer in walk.follow(path) if longer.vertices[-1] not in path.vertices]
        if len(open_) + len(found) > MOST_PATHS:
            raise Unsupported(f"more than {MOST_PATHS} paths")
    return sorted(found, key=lambda pair: pair[0])


def _weight(edge: dict[str, Any], options: dict[str, Any]) -> float:
    name = options.get("weightAttribute")
    if not name:
        return 1
    value = edge.get(name)
    weight: float = value if rank(value) == 2 else options.get("defaultWeight", 1)
    if weight < 0:
        raise Unsupported("a negative weight")
    return weight


def _in_order(found: list[tuple[float, Path]]) -> Iterator[tuple[float, Path]]:
    """Lightest first, as long as no two are of one weight: of those the order is not known."""
    for one, other in pairwise([*found, None]):
        if one is None:
            return
        if other is not None and math.isclose(one[0], other[0]):
            raise Unsupported("the order of paths of the same weight")
        yield one


def _steps(row: Row, names: list[str], walk: Walk, found: tuple[float, Path] | None) -> Iterator[Row]:
    if found is None:
        return
    for vertex, edge in zip(found[1].vertices, (None, *found[1].edges), strict=True):
        yield {**row, names[0]: walk.vertex(vertex)} | ({names[1]: edge} if len(names) > 1 else {})
