"""Questions about runs: which there were, what one did, what there is at all."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from logagent.errors import BadQuery, NotFound
from logagent.formats.fold import CRASHED, FAILED, RUNNING, SUCCESS, UNKNOWN
from logagent.formats.times import utc_text
from logagent.query.cursor import Cursor, decode_cursor, encode_cursor, question_digest
from logagent.query.documents import event_item, learning_item, run_item, short_id
from logagent.query.events import MAX_LIMIT, check_limit
from logagent.query.item import Item, Page, Window
from logagent.query.references import run_id_of
from logagent.query.wording import command, is_plain_name
from logagent.store.protocol import Reader, RunSummary, Total
from logagent.store.selection import And, Compare, Direction, Field, RunSelection, Selection

STATUSES: Final = (RUNNING, SUCCESS, FAILED, CRASHED, UNKNOWN)
ERROR_LEVEL: Final = 40
_FIRST_ERRORS: Final = 10
_RECENT: Final = 10
_FAILED: Final = 5


class RunQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """Which runs, and how many; `script` None and `status` () are no filter. `written` as in EventQuestion."""

    script: str | None = None
    status: tuple[str, ...] = ()
    window: Window = Window()
    limit: int = 50
    next: str | None = None
    written: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """What ties a cursor to this question."""
        return question_digest(["runs", *(self.written or (self.script, self.status, self.window))])


def runs(reader: Reader, question: RunQuestion) -> Page:
    """The runs that the question asks for, newest first.

    Raises:
        BadQuery: limit, status or cursor are malformed.
        NotFound: a script of that name never ran.

    >>> [run.status for run in runs(reader, RunQuestion(script="etl"))]
    ['failed', 'success']
    """
    check_limit(question.limit)
    _check_status(question.status)
    cursor = decode_cursor(question.next, question.digest) if question.next else None
    window = cursor.window if cursor else question.window
    selection = RunSelection(
        script=question.script,
        status=question.status,
        since_us=window.since_us,
        until_us=window.until_us,
        after=_position(cursor),
    )
    found = reader.runs(selection, question.limit)
    following = None
    if found.has_more and found.runs:
        last = found.runs[-1]
        position = (last.started_us, last.run.execution_id)
        following = encode_cursor(Cursor(question.digest, position, window.since_us, window.until_us, {}))
    return Page(
        "run",
        [run_item(each) for each in found.runs],
        total=reader.count_runs(msgspec.structs.replace(selection, after=None)),
        next=following,
        truncated=found.has_more,
        window=window,
        hints=[] if found.runs else _why_no_runs(reader, question),
    )


def slowest_runs(reader: Reader, question: RunQuestion) -> Page:
    """The runs that took longest, of the newest 10,000 that the question asks for; unfinished ones have no duration.

    >>> [run.execution_id for run in slowest_runs(reader, RunQuestion(limit=1))]
    ['etl_2']
    """
    found = runs(reader, msgspec.structs.replace(question, limit=MAX_LIMIT, next=None))
    taken = sorted((run for run in found if run.get("duration_seconds") is not None), key=_taken, reverse=True)
    hints = [f"of the newest {MAX_LIMIT} runs; there are more"] if found.truncated else list(found.hints)
    return Page("run", taken[: question.limit], total=Total(len(taken), True), window=found.window,
                truncated=len(taken) > question.limit, hints=hints)  # fmt: skip


def _taken(run: Item) -> float:
    return float(run.duration_seconds)


def _check_status(statuses: tuple[str, ...]) -> None:
    for status in statuses:
        if status not in STATUSES:
            near = difflib.get_close_matches(status, STATUSES, n=1)
            said = f"; nearest: {near[0]}" if near else ""
            raise BadQuery(f"no status {status!r}{said} (there are {', '.join(STATUSES)})")


def _position(cursor: Cursor | None) -> tuple[int, str] | None:
    if cursor is None:
        return None
    match cursor.position:
        case (int(started_us), str(execution_id)):
            return started_us, execution_id
    raise BadQuery("this cursor is of another kind of question")


def _why_no_runs(reader: Reader, question: RunQuestion) -> list[str]:
    overview = reader.overview()
    if not overview.runs:
        return ["no run was ever seen"]
    scripts = [name for name, _ in overview.scripts]
    if question.script is not None and question.script not in scripts:
        plain = [name for name in scripts if is_plain_name(name)]
        near = difflib.get_close_matches(question.script, plain, n=3) or plain[:3]
        return [f"no run of script {question.script!r} is stored; there are: {', '.join(near) or 'others'}"]
    counts = ", ".join(f"{count} {status}" for status, count in overview.runs_by_status.items())
    said = [f"there are {overview.runs} runs in all: {counts}"]
    if question.window != Window():
        said.append(f"in the window {question.window} none begins that matches")
    return said


def run_summary(reader: Reader, reference: str) -> RunSummary:
    """The run that a reference, an id or its unique beginning stands for.

    Raises:
        NotFound: there is none; `closest` has the nearest ids.
    """
    execution_id = run_id_of(reader, reference)
    found = reader.run(execution_id)
    if found is None:
        raise NotFound(f"no run {execution_id!r}")
    return found


def execution_summary(reader: Reader, reference: str) -> Item:
    """What a run was and came to: its document, counts by level, first errors, learnings.

    Returns:
        {execution_id, run_info, log_statistics: {level: count}, errors (first 10: timestamp, message, function,
        id), errors_total, learnings, total_logs}.

    Raises:
        NotFound: no such run; `closest` has the nearest ids.

    >>> execution_summary(reader, "@last-failed").log_statistics["ERROR"]
    1
    """
    summary = run_summary(reader, reference)
    execution_id = summary.run.execution_id
    errors = _errors(execution_id)
    return Item(
        {
            "execution_id": execution_id,
            "run_info": run_item(summary),
            "log_statistics": dict(summary.levels),
            "errors": [_error_line(event_item(each)) for each in reader.events(errors, _FIRST_ERRORS).records],
            "errors_total": reader.count(errors).value,
            "learnings": [learning_item(each) for each in reader.learnings(execution_id)],
            "total_logs": summary.total_events,
        }
    )


def _errors(execution_id: str) -> Selection:
    where = And((Compare(Field.RUN, "=", execution_id), Compare(Field.LEVEL, ">=", ERROR_LEVEL)))
    return Selection(where=where, direction=Direction.OLDEST_FIRST)


def _error_line(event: dict[str, Any]) -> dict[str, Any]:
    return {
        "timestamp": event["timestamp"],
        "message": event.get("message", ""),
        "function": event.get("function_name"),
        "id": short_id(event),
    }


def show_run(reader: Reader, reference: str) -> Page:
    """One run as a page with one item, the shape of `execution_summary`, and where to go from it.

    Raises:
        NotFound: no such run; `closest` has the nearest ids.
    """
    summary = execution_summary(reader, reference)
    hints = []
    if is_plain_name(summary.execution_id):
        hints.append(command("search", "--run", summary.execution_id, "--oldest-first"))
        if summary.errors_total:
            hints.append(command("search", "level>=error", "--run", summary.execution_id))
    return Page("execution", [summary], hints=hints)


def overview(reader: Reader, daemon: Mapping[str, Any]) -> Page:
    """What ran, what failed, and how far the daemon is: one item with everything.

    Args:
        daemon: `sources.daemon_of`, as the item shows it.

    >>> overview(reader, {})[0].runs
    3
    """
    there = reader.overview()
    recent = reader.runs(RunSelection(), _RECENT).runs
    failed = reader.runs(RunSelection(status=(FAILED, CRASHED)), _FAILED).runs
    item = {
        "events": {"value": there.events.value, "exact": there.events.exact},
        "runs": there.runs,
        "runs_by_status": dict(there.runs_by_status),
        "levels": dict(there.levels),
        "scripts": [{"script_name": name, "runs": count} for name, count in there.scripts],
        "first_event": None if there.first_us is None else utc_text(there.first_us),
        "last_event": None if there.last_us is None else utc_text(there.last_us),
        "recent_runs": [run_item(each) for each in recent],
        "failed_runs": [run_item(each) for each in failed],
        "daemon": dict(daemon),
    }
    return Page("overview", [item], total=Total(1, True), hints=_overview_hints(recent, failed))


def _overview_hints(recent: object, failed: object) -> list[str]:
    hints = [command("why")] if failed else []
    return [*hints, *([command("show", "@last")] if recent else []), command("errors")]


def active_runs(reader: Reader, limit: int = 100) -> Page:
    """Runs that began and have not ended."""
    return runs(reader, RunQuestion(status=(RUNNING,), limit=limit))
