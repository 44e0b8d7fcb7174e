"""The table of AQL functions: which we have, how many arguments they take, and which exist that we refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple, Protocol

from ..errors import ArangoError, Unsupported

Value = Any
MANY: Final = 10_000


class Context(Protocol):
    """What a function may ask of the query that runs it."""

    database: Any
    user: str

    def warn(self, number: int, message: str) -> None:
        """Add a warning; with failOnWarning this raises."""
        ...


class Function(NamedTuple):
    """One function: `call(context, arguments)`."""

    name: str
    least: int
    most: int
    call: Callable[[Any, list[Value]], Value]


FUNCTIONS: Final[dict[str, Function]] = {}


def aql(
    least: int, most: int | None = None, *names: str
) -> Callable[[Callable[[Any, list[Value]], Value]], Callable[[Any, list[Value]], Value]]:
    """Register a function under its own name in capitals, or under `names`."""

    def register(call: Callable[[Any, list[Value]], Value]) -> Callable[[Any, list[Value]], Value]:
        for name in names or (call.__name__.upper().rstrip("_"),):
            FUNCTIONS[name] = Function(name, least, least if most is None else most, call)
        return call

    return register


REFUSED: Final = frozenset(
    [
        "APPLY",
        "CALL",
        "PASSTHRU",
        "NOEVAL",
        "NOOPT",
        "V8",
        "FULLTEXT",
        "NEAR",
        "WITHIN",
        "WITHIN_RECTANGLE",
        "IS_IN_POLYGON",
        "GEO_MULTIPOINT",
        "GEO_POLYGON",
        "GEO_MULTIPOLYGON",
        "GEO_LINESTRING",
        "GEO_MULTILINESTRING",
        "GEO_CONTAINS",
        "GEO_INTERSECTS",
        "GEO_EQUALS",
        "GEO_AREA",
        "GEO_IN_RANGE",
        "DISTANCE",
        "MINHASH",
        "MINHASH_MATCH",
        "HASH",
        "DECODE_REV",
        "COLLECTIONS",
        "PREGEL_RESULT",
        "SHARD_ID",
        "SCHEMA_GET",
        "SCHEMA_VALIDATE",
        "OFFSET_INFO",
        "TFIDF",
        "NGRAM_MATCH",
        "LEVENSHTEIN_MATCH",
        "WITHIN",
        "DECAY_GAUSS",
        "DECAY_EXP",
        "DECAY_LINEAR",
        "APPROX_NEAR_L2",
        "APPROX_NEAR_INNER_PRODUCT",
        "EDGES",
        "NEIGHBORS",
        "CURRENT_USER",
        "INTERNAL",
        "REPLICATE",
        "MAKE_DISTRIBUTE_INPUT",
    ]
)


FAMILIES: Final = ("GEO_", "BIT_", "DATE_", "NGRAM_", "REGEX_", "IS_", "TO_", "DECAY_", "MINHASH_", "IPV4_", "SCHEMA_")
"""Of these families we may not know every name."""


def look_up(name: str, count: int) -> Function:
    """The function of that name for so many arguments.

    Raises:
        ArangoError: 1540 no such function, 1541 wrong number of arguments.
        Unsupported: ArangoDB has it, we do not.
    """
    name = name.upper()
    if name in REFUSED or (name not in FUNCTIONS and name.startswith(FAMILIES)):
        raise Unsupported(f"AQL function {name}()")
    function = FUNCTIONS.get(name)
    if function is None:
        raise ArangoError(1540, f"usage of unknown function '{name}()'", status=400)
    if not function.least <= count <= function.most:
        raise ArangoError(
            1541,
            f"invalid number of arguments for function '{name}()', expected number of arguments: "
            f"minimum: {function.least}, maximum: {function.most}",
        )
    return function


def invalid_argument(context: Context, name: str) -> None:
    """Warn as most functions do about an argument of the wrong type; the result is null."""
    context.warn(1542, f"invalid argument type in call to function '{name}()'")


def warn_in(context: Context, name: str, number: int) -> None:
    """Any other warning of a function."""
    context.warn(number, f"in function '{name}()': {TEXTS[number]}")


TEXTS: Final = {
    10: "bad parameter",
    1543: "invalid regex value",
    1561: "invalid arithmetic value",
    1563: "array expected",
    1572: "invalid date value",
}
