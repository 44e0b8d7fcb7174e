"""One AQL query: its bind parameters, sources, warnings, statistics; compiled whole, then run."""

from __future__ import annotations

import time
from typing import Any, Final

from lark import Token, Tree

from . import ast
from .errors import ArangoError, Unsupported
from .expressions import Expressions
from .searching import search_stage
from .statements import Plan
from .storage import Collection, Database, User
from .values import Value
from .views import View

STATISTICS: Final = (
    "writesExecuted", "writesIgnored", "documentLookups", "seeks", "scannedFull", "scannedIndex", "searchParallelism",
    "cursorsCreated", "cursorsRearmed", "cacheHits", "cacheMisses", "filtered", "httpRequests",
)  # fmt: skip


class Query:
    """One query on its way from text to values."""

    def __init__(
        self,
        database: Database,
        text: str,
        binds: dict[str, Value] | None = None,
        options: dict[str, Any] | None = None,
        user: User | None = None,
    ) -> None:
        self.database = database
        self.options = options or {}
        self.user = user
        self.warnings: list[dict[str, Any]] = []
        self.stats: dict[str, Any] = dict.fromkeys(STATISTICS, 0) | {"searchParallelism": 1}
        self.nodes: list[dict[str, Any]] = [{"type": "SingletonNode"}]
        self.modified: set[str] = set()
        self.variables: dict[str, Collection] = {}
        self.constants: dict[str, Value] = {}
        self.vector_sorts: set[str] = set()
        self.searches: dict[str, Any] = {}
        self.expressions = Expressions(self)
        self.sources: dict[str, str] = {}
        self._binds = binds or {}
        self._written: dict[str, tuple[Collection, Any]] = {}
        self.deadline: float | None = None
        self.slept_s = 0.0
        self.tree = ast.parse(text)
        self._check_binds()
        self._plan = Plan(self, self.tree, frozenset(), outermost=True)

    def _check_binds(self) -> None:
        tokens = self.tree.scan_values(lambda value: isinstance(value, Token) and value.type.startswith("BIND"))
        declared = {str(token)[1:] for token in tokens}
        for name in sorted(declared - set(self._binds)):
            raise ArangoError(1551, f"no value specified for declared bind parameter '{name}' (while parsing)")
        for name in sorted(set(self._binds) - declared):
            raise ArangoError(1552, f"bind parameter '{name}' was not declared in the query (while parsing)")

    def run(self) -> list[Value]:
        """All values. If it fails, nothing that it wrote stays."""
        limit = self.options.get("maxRuntime") or 0
        self.deadline = time.monotonic() + limit if limit else None
        found: list[Value] = []
        try:
            for value in self._plan.run({}):
                found.append(value)
                self.check_deadline()
            self.check_deadline()
            return found
        except BaseException as error:
            for collection, before in self._written.values():
                collection.restore(before)
            if isinstance(error, ArangoError):
                text = f"AQL: {error.message} (while executing)"
                raise ArangoError(error.number, text, status=error.status) from None
            raise

    def check_deadline(self) -> None:
        """Raise once the query has run for longer than its maxRuntime."""
        if self.deadline is not None and time.monotonic() > self.deadline:
            raise ArangoError(1500, "query killed")

    def plan(self, tree: Tree[Any], scope: frozenset[str]) -> Plan:
        """Compile a subquery."""
        return Plan(self, tree, scope)

    @property
    def writes(self) -> bool:
        """Does it modify anything?"""
        return bool(self.modified)

    def warn(self, number: int, message: str) -> None:
        """Add a warning; an error with failOnWarning."""
        if self.options.get("failOnWarning"):
            raise ArangoError(number, message, status=400)
        if len(self.warnings) < self.options.get("maxWarningCount", 10):
            self.warnings.append({"code": number, "message": message})

    def bind(self, name: str) -> Value:
        """A bind parameter's value."""
        return self._binds[name]

    def source(self, name: str) -> Collection | View:
        """A collection or view by name, if this user may read it."""
        found: Collection | View | None = self.database.collections.get(name) or self.database.views.get(name)
        if found is None:
            raise ArangoError(1203, f"collection or view not found: {name}")
        self.sources[name] = "read"
        return found

    read_source = source

    def source_of(self, tree: Tree[Any]) -> Collection | View:
        """The source that a reference or `@@bind` names."""
        token = tree.children[0]
        if token.type == "BIND_SOURCE":
            name = self._binds[str(token)[1:]]
            if not isinstance(name, str) or not name:
                raise ArangoError(
                    1553, f"bind parameter '{str(token)[1:]}' has an invalid value or type (while parsing)"
                )
            return self.source(name)
        return self.source(ast.name_of(token))

    def collection_of(self, tree: Tree[Any]) -> Collection:
        """Like `source_of`, and it must be a collection."""
        found = self.source_of(tree)
        if not isinstance(found, Collection):
            raise Unsupported(f"the view {found.name!r} where a collection is expected")
        return found

    def allow_writes(self, collection: Collection) -> None:
        """Raise unless the user may write."""
        if self.user is not None and self.user.rights_in(self.database.name, collection.name) != "rw":
            raise ArangoError(11, "forbidden")
        self.sources[collection.name] = "write"

    def begin_writing(self, collection: Collection) -> None:
        """Remember the collection as it is now, to be restored if the query fails."""
        if collection.name not in self._written:
            self._written[collection.name] = (collection, collection.checkpoint())

    def search_stage(self, *arguments: Any) -> Any:
        """The stage of a FOR over a view."""
        return search_stage(self, *arguments)
