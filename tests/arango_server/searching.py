"""FOR over a view with SEARCH: which documents match, and what their scores are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from lark import Tree

from .conditions import Conditions
from .errors import Unsupported
from .terms import Entry, Terms
from .views import View

if TYPE_CHECKING:
    from .expressions import Row, Scope
    from .query import Query

Stage = Callable[[Iterable["Row"]], Iterable["Row"]]
SEARCHED: Final = "\0search:"


def search_stage(
    query: Query, view: View, name: str, condition: Tree[Any] | None, scope: Scope, options: dict[str, Any]
) -> Stage:
    """Compile the condition, and give the stage that yields the documents."""
    if "collections" in options:
        raise Unsupported("SEARCH option collections")
    conditions = Conditions(query, view, name, scope)
    compiled = conditions.compile(condition, "identity") if condition is not None else None
    query.searches[name] = view

    def stage(rows: Iterable[Row]) -> Iterator[Row]:
        if options.get("waitForSync"):
            view.commit()
        interval = query.database.view_commit_s
        terms = Terms(view, [Entry(*found) for found in view.documents(interval)])
        for row in rows:
            for entry in terms.entries:
                if compiled is not None and not compiled.matches(terms, entry, row):
                    continue
                current = query.database.collections[entry.collection].documents.get(entry.document["_key"])
                # What has changed since the commit is not where the view remembers it.
                if current is not None and current["_rev"] == entry.document["_rev"]:
                    query.stats["scannedIndex"] += 1
                    yield {**row, name: current, SEARCHED + name: (compiled, terms, entry, row)}

    return stage
