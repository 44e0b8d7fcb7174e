"""Why an answer is empty: which filter, taken away, would let something through."""

from __future__ import annotations

from typing import Final

import msgspec

from logagent.formats.times import utc_text
from logagent.query.item import Window
from logagent.query.wording import is_plain_name, query_text
from logagent.store.protocol import Reader, Total
from logagent.store.selection import And, Condition, RunSelection, Selection, TextMatch

_TRIED: Final = 6
_CAP: Final = 1_000
_LONGEST_SHOWN: Final = 80


def why_empty(reader: Reader, selection: Selection) -> list[str]:
    """Sentences on a selection that holds no event: what matches without the window, without each filter."""
    if not reader.count(Selection(), 1).value:
        return ["the store holds no events at all", *_last_run(reader)]
    parts = selection.where.conditions if isinstance(selection.where, And) else (selection.where,)
    nowhere = [part for part in parts[:_TRIED] if not reader.count(Selection(where=part), 1).value]
    if nowhere:
        said = [f"nothing in the store matches {_short(query_text(part))}, at any time" for part in nowhere]
        if any(isinstance(part, TextMatch) for part in nowhere):
            said.append("words are looked for in log events; ends of runs are known to `errors` and `similar`")
        return said + _last_run(reader)
    return [*_without_window(reader, selection), *_without_each(reader, selection, parts), *_last_run(reader)]


def _without_window(reader: Reader, selection: Selection) -> list[str]:
    window = Window(selection.since_us, selection.until_us)
    if window == Window():
        return []
    count = reader.count(Selection(where=selection.where), _CAP)
    return [f"in the window {window} nothing matches; without it {_events(count)}"]


def _without_each(reader: Reader, selection: Selection, parts: tuple[Condition, ...]) -> list[str]:
    """Which single filter hides something; a lone filter hides everything, which says nothing."""
    if len(parts) < 2:
        return []
    found = [(part, _count_without(reader, selection, parts, at)) for at, part in enumerate(parts[:_TRIED])]
    said = [f"without {_short(query_text(part))} {_events(count)}" for part, count in found if count.value]
    return said or ["every filter matches something, but all but one of them together still nothing"]


def _count_without(reader: Reader, selection: Selection, parts: tuple[Condition, ...], left_out: int) -> Total:
    rest = And(parts[:left_out] + parts[left_out + 1 :])
    return reader.count(msgspec.structs.replace(selection, where=rest, after=None), _CAP)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "..."


def _events(count: Total) -> str:
    if not count.value:
        return "nothing either"
    return f"{count.value}{'' if count.exact else ' or more'} events match"


def _last_run(reader: Reader) -> list[str]:
    runs = reader.runs(RunSelection(), 1).runs
    if not runs:
        return ["no run was ever seen"]
    last = runs[0]
    name = f" {last.run.execution_id}" if is_plain_name(last.run.execution_id) else ""
    return [f"the last run seen is{name} ({last.run.status}), begun {utc_text(last.started_us)}"]
