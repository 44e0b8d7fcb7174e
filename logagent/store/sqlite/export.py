"""Everything in order, page by page: no read lasts longer than a page, so the log can be written back meanwhile."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Any, Final, TypeVar

import apsw
import msgspec

from logagent.formats.record import Record
from logagent.store.matching import holds_for_all_kinds
from logagent.store.selection import And, Compare, Condition, Direction, Field, Not, Or, Position, Selection
from logagent.store.sqlite.conditions import sql_of
from logagent.store.sqlite.folding import SELECTED as FOLDED_SELECTED
from logagent.store.sqlite.folding import folded_record
from logagent.store.sqlite.plan import place
from logagent.store.sqlite.rows import JOINED, SELECTED, record_of
from logagent.store.sqlite.tokens import Words

_PAGE_ROWS: Final = 2_000
_T = TypeVar("_T")
Ask = Callable[[Callable[[apsw.Connection], list[Record]]], list[Record]]


def exported(ask: Ask, selection: Selection) -> Iterator[Record]:
    """Log events and, where the selection allows, lines of all other kinds, merged into one order."""
    newest = selection.direction is Direction.NEWEST_FIRST
    streams = [_paged(ask, selection, _events)]
    if holds_for_all_kinds(selection.where):
        streams.append(_paged(ask, selection, _folded))
    return heapq.merge(*streams, key=attrgetter("order"), reverse=newest)


def _paged(
    ask: Ask, selection: Selection, page: Callable[[apsw.Connection, Selection], list[Record]]
) -> Iterator[Record]:
    while True:
        records = ask(lambda db, now=selection: page(db, now))  # type: ignore[misc]
        yield from records
        if len(records) < _PAGE_ROWS:
            return
        last = records[-1]
        selection = msgspec.structs.replace(selection, after=Position(last.ts_us, last.offset, last.key))


def _events(db: apsw.Connection, selection: Selection) -> list[Record]:
    text, values = sql_of(selection.where, Words(db))
    rows = _page(db, f"SELECT {SELECTED} FROM events e {JOINED}", "e", selection, text, values)
    return [record_of(row) for row in rows]


def _folded(db: apsw.Connection, selection: Selection) -> list[Record]:
    text, values = _folded_sql(selection.where)
    rows = _page(db, FOLDED_SELECTED, "f", selection, text, values)
    return [folded_record(row) for row in rows]


def _page(
    db: apsw.Connection, head: str, table: str, selection: Selection, text: str, values: tuple[Any, ...]
) -> Iterator[tuple[Any, ...]]:
    newest = selection.direction is Direction.NEWEST_FIRST
    columns = [f"{table}.{name}" for name in ("ts_us", "offset", "own", "key_hash")]
    for bound, op in ((selection.since_us, ">="), (selection.until_us, "<")):
        if bound is not None:
            text, values = f"{text} AND {columns[0]} {op} ?", (*values, bound)
    if selection.after is not None:
        text += f" AND ({', '.join(columns)}) {'<' if newest else '>'} (?, ?, ?, ?)"
        values = (*values, *place(selection.after))
    order = ", ".join(column + (" DESC" if newest else "") for column in columns)
    return iter(db.execute(f"{head} WHERE {text} ORDER BY {order} LIMIT {_PAGE_ROWS}", values))


_FOLDED_FIELDS: Final = {
    Field.SCRIPT: "ifnull(CAST(f.body AS TEXT) ->> '$.script_name', '')",
    Field.RUN: "ifnull(CAST(f.body AS TEXT) ->> '$.execution_id', 'unknown')",
}
"""As `holds_for_all_kinds` allows."""


def _folded_sql(condition: Condition) -> tuple[str, tuple[Any, ...]]:
    match condition:
        case And(conditions) | Or(conditions) if conditions:
            parts = [_folded_sql(part) for part in conditions]
            joint = " AND " if isinstance(condition, And) else " OR "
            return f"({joint.join(text for text, _ in parts)})", tuple(v for _, values in parts for v in values)
        case Not(inner):
            text, values = _folded_sql(inner)
            return f"NOT {text}", values
        case Compare(field, op, value):
            return f"({_FOLDED_FIELDS[field]} {'=' if op == '=' else '<>'} ?)", (value,)
    return ("0" if isinstance(condition, Or) else "1"), ()
