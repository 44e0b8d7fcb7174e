"""Type checks and casts."""

from __future__ import annotations

import re
from typing import Any, Final

from .. import values
from ..functions.dates import parse_date
from ..functions.numbers import finite
from ..functions.registry import aql

KEY: Final = re.compile(r"[A-Za-z0-9_\-.@()+,=;$!*'%:]{1,254}")


@aql(1)
def is_null(_: Any, args: list[Any]) -> bool:
    return args[0] is None


@aql(1)
def is_bool(_: Any, args: list[Any]) -> bool:
    return isinstance(args[0], bool)


@aql(1)
def is_number(_: Any, args: list[Any]) -> bool:
    return values.rank(args[0]) == 2


@aql(1)
def is_string(_: Any, args: list[Any]) -> bool:
    return isinstance(args[0], str)


@aql(1, 1, "IS_ARRAY", "IS_LIST")
def is_array(_: Any, args: list[Any]) -> bool:
    return isinstance(args[0], list)


@aql(1, 1, "IS_OBJECT", "IS_DOCUMENT")
def is_object(_: Any, args: list[Any]) -> bool:
    return isinstance(args[0], dict)


@aql(1)
def is_datestring(_: Any, args: list[Any]) -> bool:
    return isinstance(args[0], str) and parse_date(args[0]) is not None


@aql(1)
def is_key(_: Any, args: list[Any]) -> bool:
    return isinstance(args[0], str) and KEY.fullmatch(args[0]) is not None


@aql(1)
def typename(_: Any, args: list[Any]) -> str:
    return values.type_name(args[0])


@aql(1)
def to_bool(_: Any, args: list[Any]) -> bool:
    return values.truth(args[0])


@aql(1)
def to_number(_: Any, args: list[Any]) -> Any:
    """Always a double."""
    return finite(float(values.to_number(args[0])))


@aql(1)
def to_string(_: Any, args: list[Any]) -> str:
    return values.to_string(args[0])


@aql(1, 1, "TO_ARRAY", "TO_LIST")
def to_array(_: Any, args: list[Any]) -> list[Any]:
    return values.to_array(args[0])
