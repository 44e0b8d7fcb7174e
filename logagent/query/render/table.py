"""Tables for people: plain columns on a pipe, rich ones with colour on a terminal. Pure: no I/O, no clock."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from logagent.formats.visible import visible
from logagent.query.documents import short_id
from logagent.query.item import Page, Window
from logagent.query.render.kinds import AS_LINES as _AS_LINES
from logagent.query.render.kinds import item_lines
from logagent.query.render.lines import (
    clip,
    duration_text,
    message_of,
    place_of,
    value_text,
)

Column: TypeAlias = tuple[str, Callable[[Mapping[str, Any]], str]]
_WIDEST: Final = 2_000
_WIDEST_WHOLE: Final = 48
_NARROWEST: Final = 20
_GAP: Final = 2
_INDENT: Final = 4
_COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")
_PADDING: Final = re.compile(r" +((?:\x1b\[[0-9;]*m)*)$", re.MULTILINE)
_EVENT_COLUMNS: Final[tuple[Column, ...]] = (
    ("TIME (UTC)", lambda event: str(event["timestamp"])[:23].replace("T", " ")),
    ("LEVEL", lambda event: visible(str(event.get("level", "")))),
    ("SCRIPT", lambda event: visible(str(event.get("script_name", "")))),
    ("WHERE", lambda event: clip(place_of(event), 60)),
    ("ID", lambda event: (">" if event.get("here") else "") + short_id(event)),
    ("MESSAGE", lambda event: message_of(event, _WIDEST)),
)
_RUN_COLUMNS: Final[tuple[Column, ...]] = (
    ("STARTED (UTC)", lambda run: str(run["started_at"])[:19].replace("T", " ")),
    ("STATUS", lambda run: visible(str(run["status"]))),
    ("TOOK", lambda run: duration_text(run.get("duration_seconds"))),
    ("EVENTS", lambda run: str(run.get("total_logs", 0))),
    ("ERRORS", lambda run: str(sum(run["levels"].get(name, 0) for name in ("ERROR", "CRITICAL")))),
    ("RUN", lambda run: visible(str(run["execution_id"]))),
    ("ERROR", lambda run: clip(visible(str(run.get("error") or "")), 200)),
)
_COLUMNS: Final = {"event": _EVENT_COLUMNS, "run": _RUN_COLUMNS}
_NOUNS: Final = {"count": "row", "error_group": "error"}
_COLOURS: Final = {
    "DEBUG": "dim",
    "WARNING": "yellow",
    "ERROR": "red",
    "CRITICAL": "bold red",
    "failed": "red",
    "crashed": "bold red",
    "success": "green",
    "running": "cyan",
}


def plain_table(page: Page) -> str:
    """The page as aligned columns, or as lines for what is no list.

    >>> print(plain_table(Page("row", [{"a": 1, "b": "x"}])), end="")
    A  B
    1  x
    1 row
    """
    if page.kind in _AS_LINES:
        return _block([*(line for item in page for line in item_lines(page.kind, item, _WIDEST)), *page.hints])
    heads, rows = _cells(page)
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in [heads, *rows]]
    return _block([*(line.rstrip() for line in lines if page.items), summary(page), *page.hints])


def _block(lines: Sequence[str]) -> str:
    return "".join(visible(line) + "\n" for line in lines)


def _cells(page: Page) -> tuple[list[str], list[list[str]]]:
    columns = _COLUMNS.get(page.kind) or _own_columns(page)
    return [head for head, _ in columns], [[cell(item) for _, cell in columns] for item in page]


def _own_columns(page: Page) -> tuple[Column, ...]:
    names = list(dict.fromkeys(name for item in page for name in item))
    return tuple((visible(name).upper(), _cell(name)) for name in names)


def _cell(name: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda item: clip(value_text(item[name]), _WIDEST) if item.get(name) is not None else ""


def summary(page: Page) -> str:
    """One line on how many there are, and how many are here."""
    total = f"{page.total.value}{'' if page.total.exact else '+'}"
    noun = _NOUNS.get(page.kind, page.kind)
    said = f"{len(page)} of {total} {noun}s" if page.truncated else f"{total} {noun}"
    if not page.truncated and total != "1":
        said += "s"
    return said + (f" in {page.window}" if page.window != Window() else "")


def rich_table(page: Page, width: int) -> str:
    """The page with colours as ANSI text, for a terminal of that width.

    Short columns stay whole, whatever the width: a cell cut short would deceive. Where they do not fit side by side, a
    row goes on below, indented.
    """
    from io import StringIO

    from rich.cells import cell_len
    from rich.console import Console
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    if page.kind in _AS_LINES:
        return plain_table(page)
    heads, rows = _cells(page)
    widest = [max(map(cell_len, column)) for column in zip(heads, *rows, strict=True)]
    least = [
        size if size <= _WIDEST_WHOLE and head not in ("MESSAGE", "ERROR") else min(size, _NARROWEST)
        for head, size in zip(heads, widest, strict=True)
    ]
    console = Console(file=StringIO(), force_terminal=True, width=width, highlight=False)
    if _line_width(least) > width:
        for row in [heads, *rows]:
            for indent, cells in _stacked(row, least, width):
                styles = ["bold" if row is heads else _COLOURS.get(cell.strip(), "") for cell in cells]
                line = Text(" " * _GAP).join(map(Text, cells, styles))
                console.print(Padding(line, (0, 0, 0, indent)))
    elif page.items:
        table = Table(box=None, header_style="bold", pad_edge=False)
        for head, size, smallest in zip(heads, widest, least, strict=True):
            table.add_column(head, overflow="fold", no_wrap=size == smallest, min_width=smallest)
        for row in rows:
            table.add_row(*(Text(cell, style=_COLOURS.get(cell, "")) for cell in row))
        console.print(table)
    console.print(Text(_block([summary(page), *page.hints]), style="dim"), end="")
    file = console.file
    assert isinstance(file, StringIO)
    return _PADDING.sub(r"\1", file.getvalue())


def uncoloured(table: str) -> str:
    """The same without our colours; the log's own escapes have been made visible before.

    >>> uncoloured("\x1b[31mfailed\x1b[0m")
    'failed'
    """
    return _COLOUR.sub("", table)


def _stacked(row: Sequence[str], widths: Sequence[int], width: int) -> Iterator[tuple[int, list[str]]]:
    """The cells in as many lines as they need, each with its indent; lines that would be empty are left out.

    >>> list(_stacked(["1", "two", "three"], [3, 3, 9], 13))
    [(0, ['1  ', 'two']), (4, ['three    '])]
    """
    from rich.cells import cell_len

    line: list[str] = []
    indent = used = 0
    for cell, size in zip(row, widths, strict=True):
        if line and used + size > width:
            if any(map(str.strip, line)):
                yield indent, line
            line, indent, used = [], _INDENT, _INDENT
        line.append(cell + " " * (size - cell_len(cell)))
        used += size + _GAP
    if any(map(str.strip, line)):
        yield indent, line


def _line_width(columns: Sequence[int]) -> int:
    return sum(columns) + _GAP * len(columns)
