"""BM25 and the other functions that only mean something together with a view or a vector index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lark import Tree

from . import vectors
from .ast import name_of
from .errors import ArangoError, Unsupported
from .values import to_number

if TYPE_CHECKING:
    from .expressions import Closure, Row, Scope
    from .query import Query

SEARCH_ONLY: Final = frozenset(["BM25", "ANALYZER", "BOOST", "PHRASE", "EXISTS", "MIN_MATCH", vectors.NAME])


def compile_score(query: Query, name: str, arguments: list[Tree[Any]], scope: Scope) -> Closure:
    """The closure of such a function outside SEARCH.

    Raises:
        ArangoError: 1541 wrong number of arguments, 10 not over a view's variable.
    """
    if name == vectors.NAME:
        if not 2 <= len(arguments) <= 3:
            raise ArangoError(1541, f"invalid number of arguments for function '{name}()'")
        return vectors.compile_near(query, arguments, scope)
    if name != "BM25":
        raise Unsupported(f"{name}() outside SEARCH")
    if not 1 <= len(arguments) <= 3:
        raise ArangoError(1541, "invalid number of arguments for function 'BM25()'")
    tree = arguments[0]
    variable = name_of(tree.children[0]) if tree.data == "reference" else ""
    if variable not in query.searches or variable not in scope:
        raise ArangoError(10, "BM25() is only available over the variable of a FOR over a view")
    numbers = [query.expressions.compile(argument, scope) for argument in arguments[1:]]

    def score(row: Row) -> float:
        compiled, terms, entry, before = row["\0search:" + variable]
        k = to_number(numbers[0](row)) if numbers else 1.2
        b = to_number(numbers[1](row)) if len(numbers) > 1 else 0.75
        return float(compiled.score(terms, entry, before, k, b)) if compiled is not None else 0.0

    return score
