"""The lines of runs as templates look at them: few attributes, or only counts by call site."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from logagent.store.arango.connection import Connection
from logagent.store.groups import RunLine, SiteTally
from logagent.store.text import original, original_or_none, storable


class _Line(msgspec.Struct):
    key: str = msgspec.field(name="_key")
    ts_us: int
    level: str
    message: str
    function_name: str | None = None
    file_path: str | None = None
    line_number: int | None = None


class _Site(msgspec.Struct):
    execution_id: str
    level: str
    function_name: str | None
    file_path: str | None
    line_number: int | None
    count: int
    first_us: int
    last_us: int
    first: _Line | None
    last: _Line | None


def lines(connection: Connection, execution_id: str, limit: int) -> list[RunLine]:
    """Up to `limit` events of a run, oldest first."""
    rows = connection.rows("run_lines", _Line, execution_id=storable(execution_id), limit=max(limit, 0))
    return [_line(row) for row in rows]


def _line(row: _Line) -> RunLine:
    return RunLine(
        row.ts_us, row.key, original(row.level), original_or_none(row.function_name),
        original_or_none(row.file_path), row.line_number, original(row.message),
    )  # fmt: skip


def sites(connection: Connection, execution_ids: Sequence[str]) -> list[SiteTally]:
    """Counts by run, call site and level, in the order of `execution_ids` and of the first event."""
    ids = {storable(each): place for place, each in enumerate(execution_ids)}
    rows = connection.rows("run_sites", _Site, ids=list(ids))
    rows.sort(key=lambda row: ids[row.execution_id])
    return [_site(row) for row in rows]


def _site(row: _Site) -> SiteTally:
    return SiteTally(
        original(row.execution_id), original(row.level), original_or_none(row.function_name),
        original_or_none(row.file_path), row.line_number, row.count, row.first_us, row.last_us,
        _line(row.first) if row.first else None, _line(row.last) if row.last else None,
    )  # fmt: skip
