"""Search functions outside SEARCH: what they compute when called as plain functions."""

from __future__ import annotations

from typing import Any

from ..errors import Unsupported
from ..functions.registry import aql, invalid_argument
from ..values import to_number, to_string


@aql(1, 2)
def tokens(context: Any, args: list[Any]) -> Any:
    analyzer = context.database.analyzer(args[1] if len(args) > 1 else "identity")
    return _tokens(analyzer, args[0])


def _tokens(analyzer: Any, value: Any) -> Any:
    if isinstance(value, str):
        return [token.text for token in analyzer.tokens(value)]
    if isinstance(value, list):
        return [_tokens(analyzer, element) for element in value]
    raise Unsupported("TOKENS of something else than strings and arrays")


@aql(2, 3)
def starts_with(context: Any, args: list[Any]) -> bool | None:
    if not isinstance(args[0], str):
        invalid_argument(context, "STARTS_WITH")
        return None
    if isinstance(args[1], str):
        return args[0].startswith(args[1])
    if not isinstance(args[1], list):
        invalid_argument(context, "STARTS_WITH")
        return None
    least = int(to_number(args[2])) if len(args) > 2 else 1
    if least < 0:
        invalid_argument(context, "STARTS_WITH")
        return None
    return sum(args[0].startswith(to_string(prefix)) for prefix in args[1]) >= least
