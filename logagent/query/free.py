"""Free questions in the store's own language, read-only, capped, with a deadline."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from logagent.errors import BadQuery, QueryTimeout
from logagent.query.item import Page
from logagent.query.wording import command
from logagent.store.protocol import Reader, Rows, Total


def sql(
    reader: Reader,
    text: str,
    params: Sequence[Any] | Mapping[str, Any] = (),
    *,
    max_rows: int = 1_000,
    timeout_s: float = 5.0,
) -> Page:
    """The rows of one SELECT on an SQLite store; `truncated` says that `max_rows` came first.

    Raises:
        BadQuery: no SQL, or the store is no SQLite.
        NotPermitted: it would do more than read.
        QueryTimeout: `partial` is the page of the rows until then.

    >>> sql(reader, "SELECT status FROM script_runs ORDER BY 1").items[0].status
    'failed'
    """
    if not reader.url.startswith("sqlite:"):
        raise BadQuery(
            "this store is ArangoDB: ask it in AQL", hint=command("aql", "FOR e IN log_events LIMIT 5 RETURN e")
        )
    try:
        return _page(reader.free_query(text, params, max_rows=max_rows, timeout_s=timeout_s))
    except QueryTimeout as late:
        if isinstance(late.partial, Rows):
            late.partial = _page(late.partial)
        raise


def aql(
    reader: Reader,
    text: str,
    bind_vars: Mapping[str, Any] | None = None,
    *,
    max_rows: int = 1_000,
    timeout_s: float = 5.0,
) -> Page:
    """The rows of one AQL query on an ArangoDB store; `truncated` says that `max_rows` came first.

    Raises:
        BadQuery: no AQL, or the store is no ArangoDB.
        NotPermitted: it would do more than read.
        QueryTimeout: it ran into its deadline.
    """
    if reader.url.startswith("sqlite:"):
        hint = command("sql", "SELECT timestamp, level, message FROM log_events ORDER BY ts_us DESC LIMIT 5")
        raise BadQuery("AQL is ArangoDB's language and this store is SQLite: use sql", hint=hint)
    return _page(reader.free_query(text, bind_vars or {}, max_rows=max_rows, timeout_s=timeout_s))


def _page(rows: Rows) -> Page:
    names = _distinct(rows.columns)
    items = [dict(zip(names, map(_shown, row), strict=True)) for row in rows.rows]
    return Page("row", items, total=Total(len(items), not rows.truncated), truncated=rows.truncated)


def _distinct(columns: Sequence[str]) -> list[str]:
    """Two columns of one name are both kept: the second becomes `name_2`."""
    names: list[str] = []
    for column in columns:
        name, number = column, 2
        while name in names:
            name, number = f"{column}_{number}", number + 1
        names.append(name)
    return names


def _shown(value: Any) -> Any:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def schema(reader: Reader, table: str | None = None) -> Page:
    """What `sql` or `aql` can ask: tables with their columns, or collections with their attributes.

    Raises:
        BadQuery: no such table.

    >>> schema(reader, "agent_learnings")[0].column
    'learning_id'
    """
    tables = reader.tables()
    if table is not None and table not in tables:
        near = difflib.get_close_matches(table, tables, n=1)
        said = f"; nearest: {near[0]}" if near else ""
        raise BadQuery(f"no table {table!r}{said} (there are {', '.join(tables)})")
    names = (table,) if table else tables
    items = [{"table": name, "column": column} for name in names for column in tables[name]]
    return Page("column", items, hints=[_example(reader)])


def _example(reader: Reader) -> str:
    if reader.url.startswith("sqlite:"):
        return command("sql", "SELECT level, count(*) AS n FROM log_events GROUP BY level ORDER BY n DESC")
    return command("aql", "FOR e IN log_events COLLECT level = e.level WITH COUNT INTO n RETURN {level, n}")
