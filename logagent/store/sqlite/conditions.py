"""Conditions as SQL over `events e`, with bound values only.

Every piece of SQL here is true or false, never null, so that `Not` is plain.
"""

from __future__ import annotations

import json
import math
from functools import lru_cache
from typing import Any, Final

import apsw

from logagent.errors import BadQuery
from logagent.store.matching import ABSENT, compare_extra, value_at
from logagent.store.selection import (
    And,
    Compare,
    CompareExtra,
    Condition,
    Field,
    Has,
    Not,
    Operator,
    Or,
    Scalar,
    TextMatch,
)
from logagent.store.sqlite.tokens import Words
from logagent.store.text import storable

Sql = tuple[str, tuple[Any, ...]]
FALSE: Final[Sql] = ("0", ())
TRUE: Final[Sql] = ("1", ())

_NUMBERS: Final = {
    Field.LEVEL: "e.level_id IN (SELECT id FROM levels WHERE level_no {op} ?)",
    Field.LINE: "e.site_id IN (SELECT id FROM sites WHERE line {op} ?)",
    Field.PID: "e.process_id IN (SELECT id FROM processes WHERE pid {op} ?)",
    Field.DURATION: "e.run_id IN (SELECT id FROM runs WHERE duration_seconds {op} ?)",
}
_STRINGS: Final = {
    Field.SCRIPT: "e.site_id IN (SELECT id FROM sites WHERE script = ?)",
    Field.RUN: "e.run_id IN (SELECT id FROM runs WHERE execution_id = ?)",
    Field.FUNCTION: "e.site_id IN (SELECT id FROM sites WHERE function = ?)",
    Field.FILE: "e.site_id IN (SELECT id FROM sites WHERE file = ?1 OR substr(file, -length(?1) - 1) = '/' || ?1)",
    Field.TAG: "(e.tags IS NOT NULL AND ? IN (SELECT value FROM json_each(e.tags)))",
    Field.HOST: "ifnull((SELECT coalesce(p.hostname, o.host) FROM processes p, origins o"
    " WHERE p.id = e.process_id AND o.id = e.origin_id) = ?, 0)",
}
_HAS: Final = {
    "exception": "e.exception IS NOT NULL",
    "tags": "e.tags IS NOT NULL",
    "extra_data": "e.extra_data IS NOT NULL",
    "run": "e.run_id <> 0",
}
COUNTED: Final = frozenset(
    {Field.LEVEL, Field.SCRIPT, Field.RUN, Field.FUNCTION, Field.FILE, Field.LINE, Field.DURATION}
)
"""Fields whose SQL needs only run_id, site_id and level_id, so that it holds for `tallies e` too."""


def sql_of(condition: Condition, words: Words) -> Sql:
    """SQL that is true for the events the condition holds for.

    Raises:
        BadQuery: a field is asked what it cannot answer.
    """
    match condition:
        case And(conditions):
            return _joined(" AND ", [sql_of(c, words) for c in conditions], TRUE)
        case Or(conditions):
            return _joined(" OR ", [sql_of(c, words) for c in conditions], FALSE)
        case Not(inner):
            text, values = sql_of(inner, words)
            return f"NOT {text}", values
        case TextMatch():
            quoted = words.quoted(condition)
            within = "e.id IN (SELECT rowid FROM events_fts WHERE events_fts MATCH ?)"
            return (within, (quoted,)) if quoted else FALSE
        case Compare(field, op, value):
            return _compare(field, op, value)
        case CompareExtra(path, op, value):
            return "extra_compares(e.extra_data, ?, ?, ?)", (json.dumps(path), op, json.dumps(value))
        case Has(name):
            return _has(name)


def _joined(separator: str, parts: list[Sql], empty: Sql) -> Sql:
    if not parts:
        return empty
    return f"({separator.join(text for text, _ in parts)})", tuple(value for _, values in parts for value in values)


def _compare(field: Field, op: Operator, value: Scalar) -> Sql:
    if field in _NUMBERS:
        return _compare_number(_NUMBERS[field], field, op, value)
    if op not in ("=", "!="):
        raise BadQuery(f"{field} is text: only = and != compare it, not {op}")
    if not isinstance(value, str):
        return FALSE if op == "=" else TRUE
    text = _STRINGS[field]
    values = (storable(value),) * text.count("?1" if "?1" in text else "?")
    text = text.replace("?1", "?")
    return (text if op == "=" else f"NOT {text}"), values


def _compare_number(text: str, field: Field, op: Operator, value: Scalar) -> Sql:
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        return TRUE if op == "!=" and field != Field.DURATION else FALSE
    if op == "!=" and field != Field.DURATION:
        return f"NOT {text.format(op='=')}", (_bindable(value),)
    return text.format(op=op), (_bindable(value),)


def _bindable(value: int | float) -> int | float:
    return value if isinstance(value, float) or -(2**63) <= value < 2**63 else math.copysign(math.inf, value)


def _has(name: str) -> Sql:
    if name in _HAS:
        return _HAS[name], ()
    if name.startswith("extra.") and len(name) > len("extra."):
        return "extra_has(e.extra_data, ?)", (json.dumps(name.split(".")[1:]),)
    raise BadQuery(f"has:{name} is not known: exception, tags, extra_data, run, extra.<name>")


def is_counted(condition: Condition) -> bool:
    """Whether the tallies can answer this condition without looking at events."""
    match condition:
        case And(conditions) | Or(conditions):
            return all(map(is_counted, conditions))
        case Not(inner):
            return is_counted(inner)
        case Compare(field):
            return field in COUNTED
        case Has(name):
            return name == "run"
    return False


# Values inside extra_data are compared in Python: SQLite's own JSON functions take true for 1, and their paths
# cannot name every key.


def register_functions(db: apsw.Connection) -> None:
    """Give the connection the functions that the SQL made here calls."""
    db.create_scalar_function("extra_compares", _extra_compares, 4, deterministic=True)
    db.create_scalar_function("extra_has", _extra_has, 2, deterministic=True)


def _extra_compares(*arguments: Any) -> bool:
    extra_data, path_json, op, value_json = arguments
    return compare_extra(_at(extra_data, path_json), op, _decoded(value_json))


def _extra_has(*arguments: Any) -> bool:
    extra_data, path_json = arguments
    return _at(extra_data, path_json) is not ABSENT


def _at(extra_data: bytes | None, path_json: str) -> Any:
    return ABSENT if extra_data is None else value_at(extra_data, _decoded(path_json))


@lru_cache(maxsize=256)
def _decoded(text: str) -> Any:
    return json.loads(text)
