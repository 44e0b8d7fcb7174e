"""The compact form, for agents: totals first, common fields once, a line per item, within a budget of tokens.

What does not fit is degraded, never cut in silence: rows, rows with long texts clipped, templates with counts,
counts. The last line says what was left out and the command that gets it. Pure: no I/O, no clock.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from logagent.errors import BadQuery
from logagent.formats.visible import visible
from logagent.query.documents import short_id
from logagent.query.item import Item, Page, Window
from logagent.query.render.budget import CHARACTERS_PER_TOKEN, DEFAULT_TOKENS, MIN_TOKENS, Ways
from logagent.query.render.kinds import WITHOUT_HEAD, item_lines
from logagent.query.render.lines import clip, common, counts_text, level_letter
from logagent.query.template import grouped
from logagent.query.wording import PROGRAM

_WHOLE: Final = 1_000_000
_CLIPS: Final = (_WHOLE, 400, 120)
_FEWEST_TEMPLATES: Final = 3
_HOISTED: Final = ("script_name", "execution_id")
_NOUNS: Final = {
    "execution": "run", "error_group": "error", "count": "row", "similar": "thing alike", "earned": "learning",
    "overdue": "expectation", "pattern": "template",
}  # fmt: skip
_COUNTED_NOUNS: Final = (
    "event", "run", "row", "learning", "error", "template", "expectation", "column", "field", "relation",
)  # fmt: skip
_PLURALS: Final = {
    **{name: name + "s" for name in _COUNTED_NOUNS},
    "thing alike": "things alike",
}
_LONGEST_HEAD: Final = 150
_NOTICE: Final = "quoted text was written by programs"


class _Rung(msgspec.Struct, frozen=True):
    """One way to say it: its lines, and what it leaves out ('' for nothing)."""

    lines: Sequence[str]
    left_out: str = ""


def compact(page: Page, max_tokens: int = DEFAULT_TOKENS, ways: Ways | None = None) -> str:
    """The page as text of at most `max_tokens` (2.4 characters each), whatever it holds.

    Raises:
        BadQuery: fewer than 200 tokens.

    >>> print(compact(Page("run", [{"execution_id": "etl_1", "status": "success", "total_logs": 3}])))
    1 run
    etl_1 success - 3 events
    [43 of 2000 tokens, complete; quoted text was written by programs]
    <BLANKLINE>
    """
    if max_tokens < MIN_TOKENS:
        raise BadQuery(f"--max-tokens {max_tokens} is too few; at least {MIN_TOKENS}")
    budget = int(max_tokens * CHARACTERS_PER_TOKEN)
    ways = _short_enough(ways or Ways(), budget)
    for rung in _rungs(page, budget):
        text = _assembled(page, rung, max_tokens, ways)
        if len(text) <= budget:
            return text
    return _assembled(page, _Rung([], "items left out"), max_tokens, Ways())


def _short_enough(ways: Ways, budget: int) -> Ways:
    """A command is shown whole or not at all: one that repeats an endless query would push the answer out."""
    room = budget // 3
    return Ways(*(way if way and len(way) <= room else None for way in (ways.next, ways.more)))


def _rungs(page: Page, budget: int) -> Iterator[_Rung]:
    for limit in _CLIPS:
        lines = _rows(page, limit)
        clipped = "" if limit == _WHOLE else f"texts over {limit} characters are clipped"
        yield _Rung([*lines, *_hints(page)], clipped)
        yield _Rung(lines, clipped)
    if page.kind == "event":
        yield from _template_rungs(page)
        levels = Counter(str(item.get("level")) for item in page)
        yield _Rung([clip("levels " + counts_text(levels), _LONGEST_HEAD)], "rows shown as counts")
    else:
        yield from _fewer_rows(page, budget)


def _rows(page: Page, limit: int) -> list[str]:
    if page.kind == "column":
        return _tables(page)
    shared = common(page, _HOISTED) if page.kind == "event" else {}
    lines = [" ".join(f"{name}={clip(visible(str(value)), limit)}" for name, value in shared.items())] if shared else []
    run = shared.get("execution_id")
    date = ""
    for item in page:
        if page.kind == "event":
            lines += _turns(item, run, date, limit)
            run, date = item.get("execution_id"), item.timestamp[:10]
        lines += item_lines(page.kind, item, limit)
    return lines


def _tables(page: Page) -> list[str]:
    """A line per table: with one per column its name would be most of the answer."""
    columns: dict[str, list[str]] = {}
    for item in page:
        columns.setdefault(visible(str(item["table"])), []).append(visible(str(item["column"])))
    return [f"{table}: {', '.join(names)}" for table, names in columns.items()]


def _turns(item: Item, run: str | None, date: str, limit: int) -> list[str]:
    """What changes from the event before to this one: said on a line of its own instead of on each."""
    said = [item.timestamp[:10]] if item.timestamp[:10] != date else []
    if item.get("execution_id") != run:
        said.append("in " + clip(visible(str(item.get("execution_id"))), limit))
    return ["-- " + " ".join(said)] if said else []


def _template_rungs(page: Page) -> Iterator[_Rung]:
    groups = grouped(page)
    lines = [
        f"{group.count}x {level_letter(group.level)} {clip(visible(group.text), 160)} (newest {short_id(group.newest)})"
        for group in groups
    ]
    shown = len(lines)
    while shown >= min(_FEWEST_TEMPLATES, max(len(lines), 1)):
        missing = sum(group.count for group in groups[shown:])
        rest = f", {len(groups) - shown} templates ({missing} events) left out" if missing else ""
        yield _Rung(lines[:shown], f"rows shown as {shown} templates{rest}")
        shown = shown * 2 // 3


def _fewer_rows(page: Page, budget: int) -> Iterator[_Rung]:
    lines = _rows(page, _CLIPS[-1])
    shown = min(len(lines), budget)
    while shown:
        yield _Rung(lines[:shown], f"{len(lines) - shown} of {len(lines)} lines left out")
        shown = shown * 2 // 3


def _hints(page: Page) -> list[str]:
    commands = [hint for hint in page.hints if hint.startswith(PROGRAM)]
    says = [visible(hint) for hint in page.hints if not hint.startswith(PROGRAM)]
    return says + (["next " + " · ".join(commands)] if commands else [])


def _assembled(page: Page, rung: _Rung, max_tokens: int, ways: Ways) -> str:
    body = "".join(line + "\n" for line in [*_head(page), *rung.lines])
    foot = _foot(page, rung, ways)
    used = math.ceil((len(body) + len(foot) + len(f"[ of {max_tokens} tokens]\n") + 5) / CHARACTERS_PER_TOKEN)
    return f"{body}[{used} of {max_tokens} tokens{foot}]\n"


def _head(page: Page) -> list[str]:
    if page.kind in WITHOUT_HEAD and len(page) == 1:
        return []
    value, exact = page.total.value, page.total.exact
    noun = _NOUNS.get(page.kind, page.kind)
    if value != 1 or not exact:
        noun = _PLURALS.get(noun, noun)
    said = f"{value}{'' if exact else ' or more'} {noun}"
    if len(page) != value:
        said += f", {len(page)} here"
    if page.window != Window():
        said += f" · {page.window}"
    return [clip(said, _LONGEST_HEAD)]


def _foot(page: Page, rung: _Rung, ways: Ways) -> str:
    parts = []
    if rung.left_out:
        parts.append(rung.left_out + (f"; whole: {ways.more}" if ways.more else ""))
    if page.truncated:
        beyond = f"{max(page.total.value - len(page), 1)}{'' if page.total.exact else ' or more'}"
        parts.append(f"{beyond} not here" + (f"; next: {ways.next}" if ways.next else ""))
    return ", " + "; ".join(parts or ["complete"]) + "; " + _NOTICE
