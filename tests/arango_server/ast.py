"""From query text to a tree: lexing, parsing, and the texts of syntax errors. Pure."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from importlib import resources
from typing import Any, Final

import lark
from lark import Token, Tree

from . import destructuring
from .errors import ArangoError, Unsupported

RESERVED: Final = frozenset(
    [
        "aggregate",
        "all",
        "all_shortest_paths",
        "and",
        "any",
        "asc",
        "collect",
        "desc",
        "distinct",
        "false",
        "filter",
        "for",
        "graph",
        "in",
        "inbound",
        "insert",
        "into",
        "k_paths",
        "k_shortest_paths",
        "let",
        "like",
        "limit",
        "none",
        "not",
        "null",
        "or",
        "outbound",
        "remove",
        "replace",
        "return",
        "shortest_path",
        "sort",
        "true",
        "update",
        "upsert",
        "window",
        "with",
    ]
)
GRAMMAR: Final = resources.files(__package__).joinpath("grammar.lark").read_text(encoding="utf-8")
PARSER: Final = lark.Lark(GRAMMAR, parser="lalr", lexer="contextual", propagate_positions=True, maybe_placeholders=True)


@lru_cache(maxsize=256)
def parse(text: str) -> Tree[Any]:
    """The query's tree.

    Raises:
        ArangoError: 1501 it is no AQL, 1502 it is empty.
    """
    if not text.strip():
        raise ArangoError(1502, "query is empty")
    if len(re.findall(r"[(\[]", text)) > 2000:
        raise Unsupported("a query nested that deeply")
    try:
        tree = PARSER.parse(text)
    except lark.exceptions.UnexpectedInput as error:
        raise _syntax_error(text, error) from None
    for token in tree.scan_values(lambda value: isinstance(value, Token) and value.type == "NAME"):
        if token.lower() in RESERVED:
            raise syntax_error_at(text, token.line, token.column)
    destructuring.expand(tree)
    return tree.children[0]


def _syntax_error(text: str, error: lark.exceptions.UnexpectedInput) -> ArangoError:
    line, column = max(error.line, 1), max(error.column, 1)
    if isinstance(error, lark.exceptions.UnexpectedToken) and error.token.type == "$END":
        return ArangoError(1501, f"syntax error, unexpected end of query string near '' at position {line}:{column}")
    return syntax_error_at(text, line, column)


def syntax_error_at(text: str, line: int, column: int) -> ArangoError:
    """ArangoDB's number and form; it also names the kind of token, which we leave out."""
    rest = text.splitlines()[line - 1][column - 1 :] if line <= len(text.splitlines()) else ""
    near = rest if len(rest) <= 32 else rest[:32] + "..."
    return ArangoError(1501, f"syntax error near '{near}' at position {line}:{column}")


def name_of(token: Token) -> str:
    """A name, its backticks taken off."""
    if token.type != "QUOTED":
        return str(token)
    return _unescape(str(token)[1:-1])


ESCAPES: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


def _unescape(text: str) -> str:
    if "\\" not in text:
        return text

    def one(match: re.Match[str]) -> str:
        if match[1].startswith("u"):
            return chr(int(match[1][1:], 16))
        return ESCAPES.get(match[1], match[1])

    joined = re.sub(r"\\(u[0-9a-fA-F]{4}|.)", one, text, flags=re.DOTALL)
    return joined.encode("utf-16", "surrogatepass").decode("utf-16")


def string_of(token: Token) -> str:
    """A string literal's value."""
    return _unescape(str(token)[1:-1])


def number_of(token: Token) -> int | float:
    """A number literal's value."""
    text = str(token).lower()
    if text.startswith(("0x", "0b")):
        return int(text, 0)
    if any(char in text for char in ".e"):
        number = float(text)
        if math.isinf(number):
            raise Unsupported("a number that is too large for a double")
        return number
    whole = int(text)
    return whole if whole < 2**63 else float(whole)
