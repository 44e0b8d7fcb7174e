"""`LET [x, y] = …` and `FOR {name} IN …` as the plain statements that they stand for. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

from lark import Token, Tree

from .errors import Unsupported

Numbers = Iterator[int]


def expand(tree: Tree[Any]) -> None:
    """Rewrite all queries in a tree. What is taken apart gets a number as its name, which no query can say."""
    numbers = count(1)
    for query in list(tree.find_data("query")):
        query.children = [one for statement in query.children for one in _plain(statement, numbers)]


def _plain(statement: Any, numbers: Numbers) -> Iterator[Tree[Any]]:
    if statement.data == "for_destructured":
        if any(child.data == "search" for child in statement.children[2:]):
            raise Unsupported("SEARCH with a destructured variable")
        name = _name(numbers)
        yield Tree("for_in", [name, *statement.children[1:]])
        yield from _lets(statement.children[0], Tree("reference", name.children))
    elif statement.data == "let_statement" and any(child.data == "destructured" for child in statement.children):
        for child in statement.children:
            if child.data == "assignment":
                yield Tree("let_statement", [child])
                continue
            name = _name(numbers)
            yield Tree("let_statement", [Tree("assignment", [name, child.children[1]])])
            yield from _lets(child.children[0], Tree("reference", name.children))
    else:
        yield statement


def _name(numbers: Numbers) -> Tree[Any]:
    return Tree("name", [Token("NAME", str(next(numbers)))])


def _lets(target: Tree[Any], value: Tree[Any]) -> Iterator[Tree[Any]]:
    """The assignments that take `value` apart."""
    if target.data == "name":
        yield Tree("let_statement", [Tree("assignment", [target, value])])
    elif target.data == "array_pattern":
        is_array = Tree("call", [Tree("function_name", [Token("NAME", "IS_ARRAY")]), Tree("arguments", [value])])
        for at, part in enumerate(target.children):
            if part is not None:
                element = Tree("index", [value, Tree("number", [Token("NUMBER", str(at))])])
                yield from _lets(part, Tree("ternary", [is_array, element, Tree("null", [])]))
    else:
        for member in target.children:
            attribute = Tree("attribute", [value, member.children[0]])
            part = member.children[1] if len(member.children) > 1 else Tree("name", member.children)
            yield from _lets(part, attribute)
