"""Traversals of graphs and edge sets, depth first or breadth first, with PRUNE."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from lark import Tree

from .ast import name_of, string_of
from .errors import ArangoError, Unsupported
from .expressions import Row
from .storage import Collection
from .values import Value, to_number, truth

if TYPE_CHECKING:
    from .statements import Plan

OPTIONS: Final = frozenset(["order", "uniqueVertices", "uniqueEdges", "bfs"])
DIRECTIONS: Final = {"outbound": ("_from", "_to"), "inbound": ("_to", "_from")}


class Path(NamedTuple):
    """A path so far: vertex ids and edges."""

    vertices: tuple[str, ...]
    edges: tuple[dict[str, Any], ...]


class Walk:
    """One traversal's rules."""

    def __init__(self, plan: Plan, edges: list[tuple[Collection, str]], options: dict[str, Value]) -> None:
        self._database = plan.query.database
        self._edges = edges
        self.order = options.get("order", "bfs" if options.get("bfs") else "dfs")
        self.vertices = options.get("uniqueVertices", "none")
        self.edge_rule = options.get("uniqueEdges", "path")
        self.tells_doubles = self.vertices != "global" and not _takes_doubles_as_one(plan)
        if self.order not in ("dfs", "bfs") or self.edge_rule not in ("path", "none"):
            raise Unsupported(f"traversal options {options}")
        if self.vertices not in ("none", "path", "global") or (self.vertices == "global" and self.order == "dfs"):
            raise Unsupported(f"traversal options {options}")

    def vertex(self, identifier: str) -> Value:
        """The document, null where it is missing."""
        collection, _, key = identifier.partition("/")
        found = self._database.collections.get(collection)
        return found.documents.get(key) if found is not None else None

    def neighbours(self, identifier: str) -> list[tuple[dict[str, Any], str]]:
        """(edge, vertex at its other end) in the order of storage, per edge set and direction."""
        found = []
        for collection, direction in self._edges:
            for way in ("outbound", "inbound") if direction == "any" else (direction,):
                here, there = DIRECTIONS[way]
                at = collection.edges_at(here, identifier)
                if direction == "any" and self.tells_doubles and any(edge["_from"] == edge["_to"] for edge in at):
                    raise Unsupported("an edge from a vertex to itself in a walk in any direction")
                found += [(edge, edge[there]) for edge in at]
        return found

    def follow(self, path: Path) -> Iterator[Path]:
        """The paths that are one edge longer."""
        for edge, target in self.neighbours(path.vertices[-1]):
            if self.edge_rule == "path" and any(edge["_id"] == before["_id"] for before in path.edges):
                continue
            if self.vertices == "path" and target in path.vertices:
                continue
            yield Path((*path.vertices, target), (*path.edges, edge))

    def value(self, path: Path) -> dict[str, Any]:
        """The path variable."""
        return {"edges": list(path.edges), "vertices": [self.vertex(v) for v in path.vertices]}


def _takes_doubles_as_one(plan: Plan) -> bool:
    """Is what follows a COLLECT to which a row that comes twice is as one that comes once?"""
    following = plan.statements[plan.at + 1 :]
    if not following or following[0].data != "collect_statement":
        return False
    if any(str(part.data) in ("count_into", "into_all", "into_expr") for part in following[0].children):
        return False
    called = {str(name.children[0]).upper() for name in following[0].find_data("function_name")}
    return called <= {"MIN", "MAX"}


def compile_traversal(plan: Plan, statement: Tree[Any]) -> None:
    """Add the stage that walks from a start vertex."""
    names = [name_of(child.children[0]) for child in statement.children if child.data == "name"]
    parts = {str(child.data): child for child in statement.children}
    start = next(c for c in statement.children if str(c.data) not in NOT_START)
    low, high = depths(plan, parts.get("depth"))
    direction = next(d for d in ("outbound", "inbound", "any_direction") if d in parts).removesuffix("_direction")
    start_value = plan.expression(start)
    edges = edge_sets(plan, next(c for c in statement.children if str(c.data) in GRAPHS), direction)
    walk = Walk(plan, edges, plan.options(parts.get("options"), OPTIONS))
    plan.declare(*names)
    prune, pruned_name = None, None
    if "prune_expr" in parts:
        prune = plan.expression(parts["prune_expr"].children[0])
    elif "prune_named" in parts:
        prune = plan.expression(parts["prune_named"].children[1])
        pruned_name = name_of(parts["prune_named"].children[0])
        plan.declare(pruned_name)
    plan.query.nodes.append({"type": "TraversalNode"})
    wants_path = len(names) > 2 or prune is not None

    def rows_of(row: Row, identifier: str) -> Iterator[Row]:
        queue: deque[Path] = deque([Path((identifier,), ())])
        seen = {identifier}
        while queue:
            path = queue.pop() if walk.order == "dfs" else queue.popleft()
            depth = len(path.edges)
            found = {**row, names[0]: walk.vertex(path.vertices[-1])}
            if len(names) > 1:
                found[names[1]] = path.edges[-1] if path.edges else None
            if wants_path and len(names) > 2:
                found[names[2]] = walk.value(path)
            stop = prune is not None and truth(prune(found))
            if pruned_name is not None:
                found[pruned_name] = stop
            if depth < high and not stop:
                for longer in walk.follow(path):
                    if walk.vertices == "global":
                        if longer.vertices[-1] in seen:
                            continue
                        seen.add(longer.vertices[-1])
                    queue.append(longer)
            if depth >= low:
                yield found

    def stage(rows: Iterable[Row]) -> Iterator[Row]:
        for row in rows:
            identifier = vertex_id(plan, start_value(row))
            if identifier is not None:
                yield from rows_of(row, identifier)

    plan.stages.append(stage)


NOT_START: Final = frozenset(
    [
        "name",
        "depth",
        "outbound",
        "inbound",
        "any_direction",
        "graph_name",
        "graph_string",
        "graph_bind",
        "edge_sets",
        "options",
        "prune_expr",
        "prune_named",
    ]
)
GRAPHS: Final = frozenset(["graph_name", "graph_string", "graph_bind", "edge_sets"])


def vertex_id(plan: Plan, value: Value) -> str | None:
    if isinstance(value, dict):
        value = value.get("_id")
    if isinstance(value, str) and value.count("/") == 1:
        return value
    plan.query.warn(10, "Invalid start vertex. Must be _id string or an object with _id.")
    return None


def depths(plan: Plan, tree: Tree[Any] | None) -> tuple[int, int]:
    if tree is None:
        return 1, 1
    if not plan.query.expressions.is_constant(tree):
        raise Unsupported("a traversal depth that is not constant")
    value = plan.expression(tree.children[0])({})
    low, high = (value[0], value[-1]) if isinstance(value, list) else (value, value)
    if to_number(low) > to_number(high) or to_number(low) < 0:
        raise ArangoError(1501, "invalid traversal depth (while parsing)")
    return int(low), int(high)


def edge_sets(plan: Plan, tree: Tree[Any], direction: str) -> list[tuple[Collection, str]]:
    database = plan.query.database
    if tree.data != "edge_sets":
        token = tree.children[0]
        name = {"graph_name": name_of, "graph_string": string_of}.get(str(tree.data), lambda t: None)(token)
        if name is None:
            name = plan.query.bind(str(token)[1:])
        if name not in database.graphs:
            raise ArangoError(1924, f"graph '{name}' not found", status=404)
        definition = database.graphs[name]
        for edge in definition["edgeDefinitions"]:
            plan.query.read_source(edge["collection"])
        return [(database.collection(edge["collection"]), direction) for edge in definition["edgeDefinitions"]]
    sets = []
    for edge_set in tree.children:
        own = str(edge_set.children[0].data).removesuffix("_direction") if len(edge_set.children) > 1 else direction
        collection = plan.query.collection_of(edge_set.children[-1])
        if collection.kind != 3:
            raise ArangoError(1218, f"collection '{collection.name}' must be an edge collection")
        sets.append((collection, own))
    for collection, _ in sets:
        if collection.name in plan.query.modified:
            raise ArangoError(1579, "access after data-modification by traversal")
    return sets
