"""Differences between two runs: templates new, missing and moved in count, numbers and times that drifted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from statistics import median
from typing import Any, Final, TypeAlias

from logagent.errors import NotFound
from logagent.formats.levels import LEVEL_NUMBERS
from logagent.query.baseline import Baseline, arguments, baseline_of
from logagent.query.documents import plain, run_item, short_id
from logagent.query.item import Item, Page
from logagent.query.run_templates import Counted, Identity, RunTemplates, TemplateReader
from logagent.query.runs import run_summary
from logagent.query.wording import command, is_plain_name
from logagent.store.protocol import Reader, RunSummary

_LEAST_MOVE: Final = 3
_LEAST_RATIO: Final = 1.5
_DRIFT_RATIO: Final = 3.0
_LEAST_STEP_US: Final = 100_000
_LEAST_STEP_SHARE: Final = 0.05
"""Of all that the base took: a step that adds less than that made no run slow."""
_MOST_SHOWN: Final = 20
_Step: TypeAlias = tuple[Identity | None, Identity]
_FIELDS: Final = ("argv", "git_commit", "cwd", "python", "hostname", "metadata")


def diff(reader: Reader, reference: str, base: str | None = None, *, everything: bool = False) -> Page:
    """What a run did otherwise than its base: by default the last good run of the same script before it.

    Returns:
        One item {run, base, same_arguments, changed: {field: [base, run]}, new, missing, moved, drift: templates,
        steps: what took otherwise between two templates that both runs have, renamed: templates that another function
        says now, first_divergence: id of the last event in common, exact}; lists of at most 20 unless `everything`.

    Raises:
        NotFound: no such run, or nothing to compare it with.

    >>> diff(reader, "etl_2")[0].missing[0].text
    'loaded {n} rows'
    """
    summary = run_summary(reader, reference)
    found = baseline_of(reader, summary) if base is None else Baseline(run_summary(reader, base), False, None)
    if found.run is None:
        raise NotFound(
            f"no good run of script {summary.run.script_name!r} before {summary.run.execution_id}; name a base",
            hint=command("runs"),
        )
    same = arguments(found.run.run) == arguments(summary.run)
    item = difference(TemplateReader(reader), summary, found.run, _MOST_SHOWN if not everything else 1_000_000)
    item = {"run": run_item(summary), "base": run_item(found.run), "same_arguments": same, **item}
    return Page("difference", [Item(item)], hints=_hints(summary, found.run))


def _hints(summary: RunSummary, base: RunSummary) -> list[str]:
    names = (summary.run.execution_id, base.run.execution_id)
    return [command("diff", *names, "--all"), command("why", names[0])] if all(map(is_plain_name, names)) else []


def difference(templates: TemplateReader, run: RunSummary, base: RunSummary, most: int) -> dict[str, Any]:
    """The difference as fields of an item, each list's most telling first, with how many there are."""
    here, there = templates.of_run(run.run.execution_id), templates.of_run(base.run.execution_id)
    renamed = _renamed(here, there)
    there = _under_new_names(there, renamed)
    new = _telling(each for key, each in here.counted.items() if key not in there.counted)
    missing = _telling(each for key, each in there.counted.items() if key not in here.counted)
    both = [(there.counted[key], each) for key, each in here.counted.items() if key in there.counted]
    moved = sorted((pair for pair in both if _has_moved(*pair)), key=lambda pair: -abs(pair[1].count - pair[0].count))
    drift = [found for pair in both for found in _drift(*pair)]
    steps = _steps(here, there, run, base)
    return {
        "changed": _changed(run, base),
        "new": [_document(each, run) for each in new[:most]],
        "missing": [_document(each, base) for each in missing[:most]],
        "moved": [_document(each, run) | {"base_count": old.count} for old, each in moved[:most]],
        "drift": drift[:most],
        "steps": steps[:most],
        "renamed": [_rename(old, now) for old, now in renamed.items()][:most],
        "totals": {
            "new": len(new),
            "missing": len(missing),
            "moved": len(moved),
            "drift": len(drift),
            "steps": len(steps),
            "renamed": len(renamed),
        },
        "first_divergence": _divergence(here, there),
        "exact": here.is_exact and there.is_exact,
    }


def _renamed(here: RunTemplates, there: RunTemplates) -> dict[Identity, Identity]:
    """By its identity in the base, what another function says now in the same words, and only that one."""
    mine, theirs = _by_words(here, there), _by_words(there, here)
    return {old[0]: mine[words][0] for words, old in theirs.items() if len(old) == len(mine.get(words, ())) == 1}


def _by_words(one: RunTemplates, other: RunTemplates) -> dict[tuple[str, str], list[Identity]]:
    found: defaultdict[tuple[str, str], list[Identity]] = defaultdict(list)
    for identity in one.counted.keys() - other.counted.keys():
        found[identity[1:]].append(identity)
    return found


def _under_new_names(there: RunTemplates, renamed: Mapping[Identity, Identity]) -> RunTemplates:
    if not renamed:
        return there
    return RunTemplates(
        {renamed.get(identity, identity): each for identity, each in there.counted.items()},
        [(renamed.get(identity, identity), key) for identity, key in there.order],
        [(renamed.get(identity, identity), ts_us) for identity, ts_us in there.times],
        there.is_exact,
    )


def _rename(old: Identity, now: Identity) -> dict[str, Any]:
    return {"level": now[1], "text": now[2], "base": old[0] or None, "run": now[0] or None}


def _telling(found: Iterable[Counted]) -> list[Counted]:
    """Severe ones first, then frequent ones."""
    return sorted(found, key=lambda each: (-LEVEL_NUMBERS.get(each.level, 20), -each.count))


def _document(counted: Counted, run: RunSummary) -> dict[str, Any]:
    return {
        "level": counted.level,
        "function": counted.function,
        "text": counted.template.text,
        "count": counted.count,
        "first": round((counted.first_us - run.started_us) / 1e6, 3),
        "id": short_id({"key": counted.first_key}),
    }


def _has_moved(base: Counted, run: Counted) -> bool:
    low, high = sorted((base.count, run.count))
    return high - low >= _LEAST_MOVE and high >= _LEAST_RATIO * low


def _drift(base: Counted, run: Counted) -> list[dict[str, Any]]:
    """Fields whose usual number is another by three times, or is 0 where it never was."""
    found = []
    for index, field in enumerate(run.template.fields):
        pair = base.numbers(index), run.numbers(index)
        if all(pair) and _drifted(*map(median, pair)):
            said = {"field": field, "base": median(pair[0]), "run": median(pair[1])}
            found.append({"level": run.level, "text": run.template.text, "count": run.count, **said})
    return found


def _drifted(old: float, new: float) -> bool:
    low, high = sorted((abs(old), abs(new)))
    return high > 0 and (low == 0 or high / low >= _DRIFT_RATIO) and high - low >= 1


def _steps(here: RunTemplates, there: RunTemplates, run: RunSummary, base: RunSummary) -> list[dict[str, Any]]:
    """Steps that took half as long again as in the base, or the other way round, the largest difference first.

    A step leads from an event to the next one, of those whose templates both runs have; each moment of a run is in
    one step, and alike steps are added up, so that loops and retries count as what they took altogether.
    """
    shared = here.counted.keys() & there.counted.keys()
    mine, theirs = _took(here, shared, run.started_us), _took(there, shared, base.started_us)
    least_us = max(_LEAST_STEP_US, _LEAST_STEP_SHARE * sum(theirs.values()))
    found = []
    for step in mine.keys() & theirs.keys():
        low, high = sorted((mine[step], theirs[step]))
        if high - low >= least_us and high >= _LEAST_RATIO * low:
            found.append(step)
    found.sort(key=lambda step: (-abs(mine[step] - theirs[step]), str(step)))
    return [_step(*step, theirs[step], mine[step]) for step in found]


def _took(templates: RunTemplates, shared: AbstractSet[Identity], start_us: int) -> dict[_Step, int]:
    took: defaultdict[_Step, int] = defaultdict(int)
    before, before_us = None, start_us
    for identity, ts_us in templates.times:
        if identity in shared:
            took[before, identity] += max(0, ts_us - before_us)
            before, before_us = identity, ts_us
    return took


def _step(before: Identity | None, then: Identity, base_us: int, run_us: int) -> dict[str, Any]:
    ends = {name: {"level": end[1], "text": end[2]} if end else None for name, end in (("after", before), ("to", then))}
    return {**ends, "base": round(base_us / 1e6, 3), "run": round(run_us / 1e6, 3)}


def _changed(run: RunSummary, base: RunSummary) -> dict[str, list[Any]]:
    pairs = {name: (plain(getattr(base.run, name)), plain(getattr(run.run, name))) for name in _FIELDS}
    return {name: [old, new] for name, (old, new) in pairs.items() if old != new}


def _divergence(here: RunTemplates, there: RunTemplates) -> str | None:
    """The last event up to which both runs went the same way; None where they never did, or never parted."""
    last = None
    for (mine, key), (theirs, _) in zip(here.order, there.order, strict=False):
        if mine != theirs:
            return last
        last = short_id({"key": key})
    return last if len(here.order) != len(there.order) else None
