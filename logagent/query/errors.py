"""Errors by fingerprint: which there are, since when, in whose runs, and which of them are new."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from logagent.errors import BadQuery, NotFound
from logagent.formats.error_fingerprint import ErrorShape, OwnFrame, has_entry, own_frames
from logagent.formats.fold import OPEN, REGRESSED, SUCCESS, ResolutionFold, error_state
from logagent.formats.times import utc_text
from logagent.query.documents import event_item, run_item, short_id
from logagent.query.item import Page, Window
from logagent.query.runs import run_summary
from logagent.query.wording import command
from logagent.store.groups import ErrorSelection, ErrorTally
from logagent.store.protocol import Reader, RunSummary, Total
from logagent.store.selection import RunSelection

NEW: Final = "new"
QUIET: Final = "quiet"
_MOST: Final = 100_000
_FINGERPRINT_START: Final = re.compile(r"(?:fp )?(e\d[0-9a-f]{0,14})\Z")
_SHOWN_DIGITS: Final = 8
_LAST_GOOD: Final = "@last-good"


class ErrorQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """Which errors.

    Attributes:
        only_new: never seen in the script before, see `errors`, or come back there since after it was resolved.
        since_run: what counts as before: all runs up to this one, of its script; `@last-good` is that of each script.
        file: errors that this file has a part in, by its trailing path parts.
        window: last seen in it.
    """

    script: str | None = None
    file: str | None = None
    only_new: bool = False
    since_run: str | None = None
    window: Window = Window()
    limit: int = 50


def errors(
    reader: Reader, question: ErrorQuestion | None = None, is_asked: Callable[[ErrorTally], bool] | None = None
) -> Page:
    """Errors by fingerprint, new ones first, then the last seen.

    An error is new that was first seen in a run of the script that began after its last good run (of those before
    the latest, so that errors of a latest run that passed count too), or after `since_run`. One that was resolved
    and came back in such a run is regressed, which is news as well. With `is_asked` only those count of which it says
    so, script by script.

    Returns:
        Items {fingerprint, status: new, regressed, open, quiet (its script has run since without it) or resolved,
        type, message, frames, count, runs, scripts, first, last, sample, resolved_by}.

    Raises:
        NotFound: `since_run` is no run.

    >>> [(each.type, each.status, each["count"]) for each in errors(reader)]
    [('ConnectionError', 'new', 1)]
    """
    asked = question or ErrorQuestion()
    before = _Before(reader, asked.since_run)
    selection = ErrorSelection(script=asked.script, file=asked.file, since_us=asked.window.since_us)
    resolutions = reader.resolutions()
    tallies = _without_echoes(reader, _tallies(reader, selection))
    if asked.window.until_us is not None:
        tallies = [each for each in tallies if each.last_us < asked.window.until_us]
    if asked.only_new or asked.since_run:
        tallies = [each for each in tallies if before.is_news(each, resolutions.get(each.fingerprint))]
    if is_asked is not None:
        tallies = [each for each in tallies if is_asked(each)]
    items = _grouped(tallies, resolutions, before)
    shown = items[: asked.limit]
    for item in shown:
        _add_sample(reader, item)
    return Page(
        "error_group",
        shown,
        total=Total(len(items), True),
        truncated=len(items) > len(shown),
        window=asked.window,
        hints=_hints(shown) if shown else _why_none(reader, asked, before),
    )


class _Before:
    """What each script had before: the start of the run up to which errors are known."""

    def __init__(self, reader: Reader, since_run: str | None) -> None:
        self._reader = reader
        self._known: dict[str, int | None] = {}
        self._exact_last_good = since_run == _LAST_GOOD
        self.run = run_summary(reader, since_run) if since_run and not self._exact_last_good else None
        self._latest: dict[str, RunSummary | None] = {}

    def knows_not(self, tally: ErrorTally) -> bool:
        """True for an error that the script had never had."""
        if not self._is_about(tally):
            return False
        since_us = self.since_us(tally.script_name)
        return since_us is None or tally.first_started_us > since_us

    def is_news(self, tally: ErrorTally, resolution: ResolutionFold | None) -> bool:
        """True too for an error that the script has had again, though it was resolved."""
        if self.knows_not(tally):
            return True
        if not self._is_about(tally) or error_state(resolution, tally.last_us) != REGRESSED:
            return False
        return tally.last_started_us > (self.since_us(tally.script_name) or 0)

    def _is_about(self, tally: ErrorTally) -> bool:
        return self.run is None or tally.script_name == self.run.run.script_name

    def since_us(self, script: str) -> int | None:
        """Start of the run up to which errors of the script are known; None where all are new."""
        if self.run is not None and self.run.run.script_name == script:
            return self.run.started_us
        if script not in self._known:
            self._known[script] = self._since(script)
        return self._known[script]

    def _since(self, script: str) -> int | None:
        latest = self.latest_of(script)
        if latest is None:
            return None
        after = None if self._exact_last_good else (latest.started_us, latest.run.execution_id)
        good = self._reader.runs(RunSelection(script=script, status=(SUCCESS,), after=after), 1).runs
        if good:
            return good[0].started_us
        # Without a good run there is nothing to be as good as: what the latest run alone has is new.
        return latest.started_us - 1

    def latest_of(self, script: str) -> RunSummary | None:
        """The script's latest run."""
        if script not in self._latest:
            runs = self._reader.runs(RunSelection(script=script), 1).runs if script else ()
            self._latest[script] = next(iter(runs), None)
        return self._latest[script]

    def has_run_since(self, tally: ErrorTally) -> bool:
        """True if the script has run again since it last had the error."""
        latest = self.latest_of(tally.script_name)
        return latest is not None and latest.started_us > tally.last_started_us


def _tallies(reader: Reader, selection: ErrorSelection) -> Sequence[ErrorTally]:
    """The errors of the selection; with a file, also those that came through it after they were first seen.

    Another script may enter on another way, and a file may have moved: the latest event or end tells of both.
    """
    found = reader.error_tallies(selection, _MOST)
    if selection.file is None:
        return found
    known = {(each.fingerprint, each.script_name) for each in found}
    every = reader.error_tallies(msgspec.structs.replace(selection, file=None), _MOST)
    module, file = OwnFrame(selection.file, "").module, "/" + selection.file.lstrip("/")
    return [
        each
        for each in every
        if (each.fingerprint, each.script_name) in known
        or (_may_touch(each.shape, module) and any(f"/{path}".endswith(file) for path in _latest_files(reader, each)))
    ]


def _may_touch(shape: ErrorShape, module: str) -> bool:
    """True if the fingerprint allows for the module: it is in it, or was where a script began, which is not."""
    return any(frame.module == module for frame in (*shape.frames, *shape.site)) or has_entry(shape)


def _latest_files(reader: Reader, tally: ErrorTally) -> list[str]:
    return [frame["file"] for frame in frames_told(_latest(reader, tally.sample, tally.last_run).get("exception"))]


def _latest(reader: Reader, sample: str | None, last_run: str) -> dict[str, Any]:
    """What an error's latest event says of it, or, where there is none, the end of its latest run."""
    record = reader.event(sample) if sample else None
    if record is not None:
        event = event_item(record)
        names = ("exception", "function_name", "file_path", "line_number")
        return {"message": event.get("message", ""), "id": short_id(event), **{name: event.get(name) for name in names}}
    run = reader.run(last_run)
    if run is None or not run.run.error:
        return {}
    return {"message": run.run.error, "exception": run_item(run).get("exception")}


def _without_echoes(reader: Reader, tallies: Sequence[ErrorTally]) -> list[ErrorTally]:
    """Less those that only ends of runs tell of, where each of these runs had logged the same failure on its way out.

    Looked up run by run: what one run logged and lived on with says nothing of another that ended in it.
    """
    logged: defaultdict[str, list[ErrorTally]] = defaultdict(list)
    for each in tallies:
        if not each.is_end:
            logged[each.script_name].append(each)
    runs: dict[tuple[str, str], set[str]] = {}

    def runs_of(tally: ErrorTally) -> set[str]:
        name = (tally.fingerprint, tally.script_name)
        if name not in runs:
            asked = ErrorSelection(fingerprint=tally.fingerprint, script=tally.script_name)
            runs[name] = {each.execution_id for each in reader.errors_in_runs(asked, _MOST)}
        return runs[name]

    def is_told_already(end: ErrorTally) -> bool:
        told = [each for each in logged[end.script_name] if is_echo(end.shape, [each.shape])]
        return bool(told) and runs_of(end) <= set().union(*map(runs_of, told))

    return [each for each in tallies if not (each.is_end and is_told_already(each))]


def is_echo(end: ErrorShape, logged: Iterable[ErrorShape]) -> bool:
    """True for a run's end that tells of a failure that was logged: the same type, on the same way if it says.

    What is logged where it is caught has seen only the inner frames of that way.
    """
    for shape in logged:
        same_type = end.types[-1:] == shape.types[-1:] if end.types else end.template == shape.template
        if same_type and (not end.frames or _is_same_way(_way(end), _way(shape))):
            return True
    return False


def _way(shape: ErrorShape) -> list[tuple[str, str]]:
    return [(frame.module, frame.function) for frame in shape.frames]


def _is_same_way(one: list[tuple[str, str]], other: list[tuple[str, str]]) -> bool:
    shared = min(len(one), len(other))
    return shared > 0 and one[-shared:] == other[-shared:]


def _grouped(
    tallies: Sequence[ErrorTally], resolutions: Mapping[str, ResolutionFold], before: _Before
) -> list[dict[str, Any]]:
    groups: defaultdict[str, list[ErrorTally]] = defaultdict(list)
    for each in tallies:
        groups[each.fingerprint].append(each)
    items = [_item(group, resolutions.get(fingerprint), before) for fingerprint, group in groups.items()]
    return sorted(items, key=lambda item: item["status"] not in (NEW, REGRESSED))


def _item(group: Sequence[ErrorTally], resolution: ResolutionFold | None, before: _Before) -> dict[str, Any]:
    latest = max(group, key=lambda each: each.last_us)
    item = {
        "fingerprint": latest.fingerprint,
        "status": _status(group, resolution, before),
        **shape_fields(latest.shape),
        "count": sum(each.count for each in group),
        "runs": sum(each.runs for each in group),
        "scripts": [_script(each) for each in group],
        "first": utc_text(min(each.first_us for each in group)),
        "last": utc_text(latest.last_us),
        "last_run": latest.last_run or None,
        "sample": latest.sample,
    }
    if resolution is not None and resolution.action == "resolve":
        item |= {"resolved_by": resolution.by, "resolved_at": utc_text(resolution.ts_us)}
    return item


def _script(tally: ErrorTally) -> dict[str, Any]:
    return {
        "script_name": tally.script_name,
        "count": tally.count,
        "runs": tally.runs,
        "first_run": tally.first_run,
        "last_run": tally.last_run,
        "last": utc_text(tally.last_us),
    }


def shape_fields(shape: ErrorShape) -> dict[str, Any]:
    """An error's shape as items show it: the last type, the chain, own frames with lines, the masked message."""
    return {
        "type": shape.types[-1] if shape.types else None,
        "types": list(shape.types),
        "message": shape.template,
        "frames": [_frame(each) for each in shape.frames],
    }


def _status(group: Sequence[ErrorTally], resolution: ResolutionFold | None, before: _Before) -> str:
    state = error_state(resolution, max(each.last_us for each in group))
    if state != OPEN:
        return state
    if any(before.knows_not(each) for each in group):
        return NEW
    return QUIET if all(map(before.has_run_since, group)) else OPEN


def _add_sample(reader: Reader, item: dict[str, Any]) -> None:
    """What the error's latest event said, or the end of its latest run, in place of the masked message.

    Its frames too: lines have moved since the error was first seen, and another script may have come there otherwise.
    """
    item |= _latest(reader, item["sample"], item["last_run"] or "")
    item["frames"] = frames_told(item.get("exception")) or item["frames"]


def frames_told(exception: Any) -> list[dict[str, Any]]:
    """Our own frames of an exception as an item has it; [] where it tells of none."""
    told = exception.get("frames") if isinstance(exception, Mapping) else None
    return [_frame(each) for each in own_frames(told)] if isinstance(told, list | tuple) else []


def _frame(frame: OwnFrame) -> dict[str, Any]:
    return {"file": frame.file, "function": frame.function, "line": frame.line}


def _hints(items: Sequence[Mapping[str, Any]]) -> list[str]:
    hints = [command("show", item["id"]) for item in items[:1] if item.get("id")]
    return [*hints, command("similar", shown_fingerprint(items[0]["fingerprint"]))]


def _why_none(reader: Reader, asked: ErrorQuestion, before: _Before) -> list[str]:
    known = len({each.fingerprint for each in reader.error_tallies(ErrorSelection(), _MOST)})
    if not known:
        return ["no error was ever stored"]
    said = f"{known} errors are known, none that matches"
    if asked.only_new or asked.since_run:
        since = f"since run {before.run.run.execution_id}" if before.run else "since the last good run of each script"
        said = f"{known} errors are known, none of them new {since}"
    return [said, command("errors")]


def shown_fingerprint(fingerprint: str) -> str:
    """The beginning of a fingerprint that people are shown."""
    return fingerprint[:_SHOWN_DIGITS]


def fingerprint_of(reader: Reader, text: str) -> str:
    """The whole fingerprint that a beginning of it stands for.

    Raises:
        BadQuery: no fingerprint, or a beginning that several share.
        NotFound: no error has it.
    """
    found = _FINGERPRINT_START.match(text.strip())
    if not found:
        raise BadQuery(f"{text!r} is no error fingerprint; they look like e1c7a9f0 (see errors)", position=0)
    tallies = reader.error_tallies(ErrorSelection(fingerprint=found.group(1)), _MOST)
    known = list(dict.fromkeys(each.fingerprint for each in tallies))
    if not known:
        raise NotFound(f"no error has the fingerprint {text}", hint=command("errors"))
    if len(known) > 1:
        raise BadQuery(f"several errors begin with {text}: {', '.join(known[:5])}", position=0)
    return known[0]


def is_fingerprint_start(text: str) -> bool:
    """True for what can only be meant as a fingerprint."""
    return len(text) >= 4 and bool(_FINGERPRINT_START.match(text))


def hit_elsewhere(tallies: Iterable[ErrorTally], script: str) -> list[dict[str, Any]]:
    """Where else an error was seen: {script_name, count, runs, last, ...}, the latest first."""
    others = sorted((each for each in tallies if each.script_name != script), key=lambda each: -each.last_us)
    return [_script(each) for each in others]
