"""Choosing, asserting, and what a query can ask about the server."""

from __future__ import annotations

import time
from typing import Any, Final

from ..errors import ArangoError, Unsupported
from ..functions.registry import MANY, aql, invalid_argument
from ..values import compare, rank, to_string, truth

MOST_SLEEP_S: Final = 5.0


@aql(1, MANY)
def not_null(_: Any, args: list[Any]) -> Any:
    return next((value for value in args if value is not None), None)


@aql(1, MANY)
def first_list(_: Any, args: list[Any]) -> Any:
    return next((value for value in args if isinstance(value, list)), None)


@aql(1, MANY)
def first_document(_: Any, args: list[Any]) -> Any:
    return next((value for value in args if isinstance(value, dict)), None)


@aql(5)
def in_range(context: Any, args: list[Any]) -> bool | None:
    value, low, high, with_low, with_high = args
    if not isinstance(with_low, bool) or not isinstance(with_high, bool):
        invalid_argument(context, "IN_RANGE")
        return None
    above, below = compare(value, low), compare(value, high)
    return (above > 0 or (above == 0 and with_low)) and (below < 0 or (below == 0 and with_high))


@aql(1)
def check_document(_: Any, args: list[Any]) -> bool:
    return isinstance(args[0], dict)


@aql(1)
def collection_count(context: Any, args: list[Any]) -> int:
    return len(context.database.collection(to_string(args[0])).documents)


@aql(0)
def current_database(context: Any, args: list[Any]) -> str:
    return str(context.database.name)


@aql(0)
def version(context: Any, args: list[Any]) -> str:
    return str(context.database.version)


@aql(1)
def sleep(context: Any, args: list[Any]) -> None:
    if rank(args[0]) != 2 or args[0] < 0:
        invalid_argument(context, "SLEEP")
        return
    seconds = args[0]
    context.slept_s += seconds
    if context.deadline is None and context.slept_s > MOST_SLEEP_S:
        raise Unsupported("sleeping for so long: everything else waits here")
    if context.deadline is not None:
        seconds = min(seconds, max(context.deadline - time.monotonic(), 0) + 0.001)
    time.sleep(seconds)
    context.check_deadline()


@aql(2)
def assert_(_: Any, args: list[Any]) -> bool:
    if not truth(args[0]):
        raise ArangoError(1593, to_string(args[1]))
    return True


@aql(2)
def warn(context: Any, args: list[Any]) -> bool:
    if not truth(args[0]):
        context.warn(1594, to_string(args[1]))
        return False
    return True


@aql(0, 1)
def fail(_: Any, args: list[Any]) -> None:
    raise ArangoError(1569, "FAIL(%s) called" % (to_string(args[0]) if args else ""))
