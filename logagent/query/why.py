"""Why a run failed: the evidence in one answer. It states facts and claims no cause."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice, takewhile
from typing import Any, Final

import msgspec

from logagent.formats.fold import CRASHED, FAILED, RUNNING, SUCCESS, error_state
from logagent.formats.record import Record
from logagent.formats.times import utc_text
from logagent.query.baseline import Baseline, baseline_of
from logagent.query.difference import difference
from logagent.query.documents import event_item, run_item, short_id
from logagent.query.earned import Earned, about_runs, earned_learnings
from logagent.query.errors import frames_told, hit_elsewhere, is_echo, shape_fields, shown_fingerprint
from logagent.query.expectations import late_messages
from logagent.query.item import Item, Page
from logagent.query.run_templates import TemplateReader
from logagent.query.runs import run_summary
from logagent.query.wording import command, is_plain_name
from logagent.store.groups import ErrorInRun, ErrorSelection
from logagent.store.protocol import Reader, RunSummary
from logagent.store.selection import Compare, Field, RunSelection, Selection

MAX_TOKENS: Final = 3_000
_ERRORS: Final = 3
_BEFORE: Final = 3
_DIFFERENCES: Final = 4
_LEARNINGS: Final = 3
_MOST_RUNS: Final = 1_000
_RUNS_AT_ONCE: Final = 20


def why(reader: Reader, reference: str = "@last-failed", now_us: int | None = None) -> Page:
    """What is known of a run's failure, in one item.

    Returns:
        {run, usual: band of its durations, base: the good run compared with, same_arguments, errors: the first three
        with fingerprint, own frames and whether each is new, before: the events before the first of them, or the
        run's last ones where its end was not logged or is unknown, diff: as
        `diff` has it, late: messages that usually come and have not, first_bad_run, learnings with their record}.

    Raises:
        NotFound: no such run.

    >>> why(reader)[0].errors[0].is_new
    True
    """
    summary = run_summary(reader, reference)
    baseline = baseline_of(reader, summary)
    templates = TemplateReader(reader)
    found = _ranked(reader.errors_in_runs(ErrorSelection(execution_id=summary.run.execution_id)), summary)
    item: dict[str, Any] = {
        "run": run_item(summary),
        "usual": baseline.band.document() if baseline.band else None,
        "base": run_item(baseline.run) if baseline.run else None,
        "same_arguments": baseline.same_arguments,
        "errors": [_error(reader, each, summary) for each in found[:_ERRORS]],
        "errors_total": len(found),
        "before": _before(reader, summary, found),
        "diff": difference(templates, summary, baseline.run, _DIFFERENCES) if baseline.run else None,
        "late": late_messages(reader, templates, summary, now_us) if now_us and _is_running(summary) else [],
        "first_bad_run": _first_bad_run(reader, summary, found),
        "learnings": _learnings(reader, summary, found),
    }
    return Page("why", [Item(item)], hints=_hints(summary, baseline, item["errors"]))


def _is_running(summary: RunSummary) -> bool:
    return summary.run.status == RUNNING


def _ranked(found: Sequence[ErrorInRun], summary: RunSummary) -> list[ErrorInRun]:
    """The errors of a run, the one it ended with first; that end itself only where nothing logged it."""
    logged = [each.shape for each in found if each.first_key]
    kept = [each for each in found if each.first_key or not is_echo(each.shape, logged)]
    ended_with = (summary.run.error or "").split(":")[0].rsplit(".", 1)[-1]
    return sorted(kept, key=lambda each: (ended_with not in each.shape.types[-1:], -each.last_us))


def _error(reader: Reader, error: ErrorInRun, summary: RunSummary) -> dict[str, Any]:
    tallies = reader.error_tallies(ErrorSelection(fingerprint=error.fingerprint))
    here = next((each for each in tallies if each.script_name == summary.run.script_name), None)
    earlier = reader.count_runs(RunSelection(script=summary.run.script_name, until_us=summary.started_us)).value
    resolution = reader.resolutions().get(error.fingerprint)
    fields = {
        "fingerprint": error.fingerprint,
        **shape_fields(error.shape),
        "count": error.count,
        "after": round((error.first_us - summary.started_us) / 1e6, 3),
        "is_new": here is None or here.first_started_us >= summary.started_us,
        "earlier_runs": earlier,
        "runs": here.runs if here else 1,
        "elsewhere": hit_elsewhere(tallies, summary.run.script_name),
        "state": error_state(resolution, max((each.last_us for each in tallies), default=error.last_us)),
    }
    if resolution is not None:
        fields |= {"resolved_by": resolution.by, "resolved_at": utc_text(resolution.ts_us)}
    fields |= _event_fields(reader, error, summary)
    # As in this run: lines have moved since the error was first seen, and other scripts come there in other ways.
    return fields | {"frames": frames_told(fields["exception"]) or fields["frames"]}


def _event_fields(reader: Reader, error: ErrorInRun, summary: RunSummary) -> dict[str, Any]:
    """What the event itself says; of a run's end, what the run says."""
    record = reader.event(error.first_key) if error.first_key else None
    if record is None:
        document = run_item(summary)
        return {"id": None, "message": summary.run.error or "", "exception": document.get("exception")}
    event = event_item(record)
    names = ("level", "message", "function_name", "file_path", "line_number", "exception")
    return {"id": short_id(event), **{name: event.get(name) for name in names}}


def _before(reader: Reader, summary: RunSummary, found: Sequence[ErrorInRun]) -> list[dict[str, Any]]:
    """The events just before the error, in the same run; its last ones where no event tells of the error."""
    record = reader.event(found[0].first_key) if found and found[0].first_key else None
    if record is not None:
        around = reader.around(record, _BEFORE, 0)
        return [_short_event(each, record.ts_us) for each in around if each.key != record.key]
    in_run = Selection(where=Compare(Field.RUN, "=", summary.run.execution_id))
    last = reader.events(in_run, _BEFORE).records
    # The end of a killed run is when somebody noticed; the last that is known of it is its last event.
    known_end_us = None if summary.run.status == CRASHED else summary.run.end_us
    ended_us = found[0].first_us if found else known_end_us
    return [_short_event(each, ended_us or last[0].ts_us) for each in reversed(last)]


def _short_event(record: Record, then_us: int) -> dict[str, Any]:
    return event_item(record) | {"before": round((then_us - record.ts_us) / 1e6, 3)}


def _first_bad_run(reader: Reader, summary: RunSummary, found: Sequence[ErrorInRun]) -> dict[str, Any] | None:
    """The first run of the unbroken row of bad ones that this run stands in, if it is not this run.

    `same_error` is None where one of the two names no error, as a run that was killed.
    """
    first = None
    row = 1
    for each in takewhile(lambda run: run.run.status != SUCCESS, islice(_ended_before(reader, summary), _MOST_RUNS)):
        first, row = each, row + 1
    if first is None:
        return None
    same = {e.fingerprint for e in reader.errors_in_runs(ErrorSelection(execution_id=first.run.execution_id))}
    return {
        "execution_id": first.run.execution_id,
        "started_at": utc_text(first.started_us),
        "runs": row,
        "same_error": found[0].fingerprint in same if found and same else None,
    }


def _ended_before(reader: Reader, summary: RunSummary) -> Iterator[RunSummary]:
    """Runs of the script before this one that have ended, the latest first; read as far as they are looked at."""
    selection = RunSelection(script=summary.run.script_name, status=(SUCCESS, FAILED, CRASHED))
    last = summary
    while True:
        after = (last.started_us, last.run.execution_id)
        page = reader.runs(msgspec.structs.replace(selection, after=after), _RUNS_AT_ONCE)
        yield from page.runs
        if not page.has_more:
            return
        last = page.runs[-1]


def _learnings(reader: Reader, summary: RunSummary, found: Sequence[ErrorInRun]) -> list[dict[str, Any]]:
    """Learnings for the same fingerprint: learnt in, or shown by, runs that had the error."""
    if not found:
        return []
    runs = reader.errors_in_runs(ErrorSelection(fingerprint=found[0].fingerprint))
    ids = {each.execution_id for each in runs} | {summary.run.execution_id}
    earned = earned_learnings(reader)
    known = about_runs(earned, ids - {""}, {each.first_key for each in runs if each.first_key})
    known += [each for each in earned if each not in known and _names(each, found[0].fingerprint)]
    return [each.document() for each in known[:_LEARNINGS]]


def _names(earned: Earned, fingerprint: str) -> bool:
    return shown_fingerprint(fingerprint) in " ".join([earned.learning.learning, *earned.learning.evidence])


def _hints(summary: RunSummary, baseline: Baseline, errors: Sequence[dict[str, Any]]) -> list[str]:
    run = summary.run.execution_id
    hints = [command("show", each["id"]) for each in errors[:1] if each["id"]]
    if is_plain_name(run):
        hints.append(command("diff", run) if baseline.run else command("show", run))
    return [*hints, *(command("similar", shown_fingerprint(each["fingerprint"])) for each in errors[:1])]
