"""The lines of answers that compare and explain: why, diff, errors, patterns, what is late. Pure: no I/O, no clock.

What a program wrote stands as text in a line of ours, escaped and cut; commands never come from here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from logagent.formats.fold import CRASHED
from logagent.formats.visible import visible
from logagent.query.render.lines import (
    Fields,
    clip,
    clock,
    duration_text,
    exception_line,
    learning_line,
    level_letter,
    message_of,
    place_of,
    value_text,
)

_SHOWN_DIGITS: Final = 8
_MAX_TEXT: Final = 160
_MAX_LATER_TEXT: Final = 100
_MAX_STEP: Final = 60
_MAX_FRAMES: Final = 5
_NAMES: Final = 2


def why_lines(item: Fields, limit: int) -> list[str]:
    """The evidence pack."""
    limit = min(limit, _MAX_TEXT)
    lines = [_run_head(item["run"], item["usual"], limit), *_base_line(item, limit)]
    for at, error in enumerate(item["errors"]):
        most = limit if at == 0 else min(limit, _MAX_LATER_TEXT)
        lines += _error_lines(error, str(item["run"].get("script_name", "")), most)
    if not item["errors"]:
        lines.append("no error was logged, and the run's end names none")
    if item["errors_total"] > len(item["errors"]):
        lines.append(f"... {item['errors_total'] - len(item['errors'])} more errors in this run")
    lines += _headed("BEFORE" if item["errors"] else "LAST", [_before_line(event, limit) for event in item["before"]])
    if item["diff"]:
        lines += _headed("DIFF", list(_difference_parts(item["diff"], limit)))
    lines += _headed("LATE", [late_line(late, limit) for late in item["late"]])
    lines += _headed("SINCE", _since(item["first_bad_run"], limit))
    return lines + _headed("LEARNT", [earned_line(each, limit) for each in item["learnings"]])


def _run_head(run: Fields, usual: Fields | None, limit: int) -> str:
    status = str(run["status"]).upper() if run["status"] in ("failed", "crashed") else str(run["status"])
    error = visible(str(run.get("error") or "")).split(":")[0]
    start, last, end = (str(run.get(name) or "")[11:19] for name in ("started_at", "last_event", "end_time"))
    until = f"{last or start}Z, found gone {end}Z" if run["status"] == CRASHED else f"{end or last}Z"
    took = duration_text(run.get("duration_seconds"))
    band = f"; usual {band_text(usual)}, n={usual['runs']}" if usual else ""
    parts = ["run", visible(str(run["execution_id"])), visible(str(run.get("script_name", ""))), status, error]
    return clip(" ".join(filter(None, parts)), 2 * limit) + f" · {start}Z -> {until} ({took}{band})"


def band_text(band: Fields) -> str:
    """`6m10s-7m30s`."""
    return f"{duration_text(band['low'])}-{duration_text(band['high'])}"


def _base_line(item: Fields, limit: int) -> list[str]:
    base = item["base"]
    if not base:
        return ["base none: no earlier run of this script succeeded"]
    took = duration_text(base.get("duration_seconds"))
    said = "same arguments" if item["same_arguments"] else "other arguments"
    return [
        f"base {clip(visible(str(base['execution_id'])), 2 * limit)} {visible(str(base['status']))} ({took}), {said}"
    ]


def _error_lines(error: Fields, script: str, limit: int) -> Iterator[str]:
    times = f" {error['count']}x" if error["count"] > 1 else ""
    where = clip(place_of(error), limit)
    parts = ["ERROR", error.get("id") or "at the run's end", f"+{error['after']:.1f}s", where + times]
    yield " ".join(filter(None, parts)) + f"  fp {error['fingerprint'][:_SHOWN_DIGITS]}  {_news(error, script)}"
    said = visible(str(error.get("message") or ""))
    exception = error.get("exception")
    about = exception_line(exception) if isinstance(exception, Mapping) else ""
    yield "  " + clip(about or said, limit)
    if about and said and said not in about:
        yield "  logged as: " + clip(said, limit)
    if error["frames"]:
        yield "  own frames: " + frames_text(error["frames"])


def _news(error: Fields, script: str) -> str:
    name = visible(script)
    before = error["earlier_runs"]
    earlier = f"{before} earlier run{'s' if before > 1 else ''} without it" if before else "its first run"
    known = f"NEW for {name} ({earlier})" if error["is_new"] else f"in {_runs(error)} of {name}"
    others = [f"{each['count']}x in {_name(each)}, last {each['last'][:10]}" for each in error["elsewhere"][:_NAMES]]
    state = ""
    if error["state"] != "open":
        by = clip(visible(str(error.get("resolved_by") or "?")), _MAX_TEXT)
        state = f'; {error["state"]} (resolved {str(error.get("resolved_at"))[:10]} by "{by}")'
    return "; ".join([known, *others]) + state


def _name(script: Fields) -> str:
    return clip(visible(str(script["script_name"])), 60) or "no script"


def _runs(seen: Fields) -> str:
    return f"{seen['runs'] or 'no'} run{'s' if seen['runs'] > 1 else ''}"


def frames_text(frames: Sequence[Fields]) -> str:
    """`etl.py:41 main -> db.py:118 write_batch`, the innermost ones."""
    said = [_frame(frame) for frame in frames[-_MAX_FRAMES:]]
    return " -> ".join(["...", *said] if len(frames) > _MAX_FRAMES else said)


def _frame(frame: Fields) -> str:
    file = visible(str(frame["file"]).rsplit("/", 1)[-1])
    at = f"{file}:{frame['line']}" if frame.get("line") else file
    return clip(f"{at} {visible(str(frame['function']))}", 80)


def _before_line(event: Fields, limit: int) -> str:
    where, level = clip(place_of(event), 60), level_letter(str(event["level"]))
    return " ".join(filter(None, (f"-{event['before']:.1f}s", level, where, message_of(event, limit))))


def _headed(head: str, lines: Sequence[str]) -> list[str]:
    """Lines under a head that stands before the first."""
    return [f"{head if not at else '':<7} {line}" for at, line in enumerate(lines)]


def difference_lines(item: Fields, limit: int) -> list[str]:
    """Two runs and what is different."""
    run, base = item["run"], item["base"]
    took = [duration_text(each.get("duration_seconds")) for each in (base, run)]
    said = "same arguments" if item["same_arguments"] else "other arguments"
    lines = [
        f"base {clip(visible(str(base['execution_id'])), limit)} {visible(str(base['status']))} ({took[0]})",
        f"run  {clip(visible(str(run['execution_id'])), limit)} {visible(str(run['status']))} ({took[1]}), {said}",
    ]
    parts = list(_difference_parts(item, limit))
    return lines + (parts or ["no difference in templates, counts, arguments or commit"])


def _difference_parts(diff: Fields, limit: int) -> Iterator[str]:
    new, missing, moved, drift = (diff[name] for name in ("new", "missing", "moved", "drift"))
    yield from (f"+ {each['count']}x {_template(each, limit)}  ({each['id']})" for each in new)
    yield from _more(diff, "new", new)
    yield from (f"- {each['count']}x {_template(each, limit)}" for each in missing)
    yield from _more(diff, "missing", missing)
    yield from (f"~ {each['base_count']}->{each['count']} {_template(each, limit)}" for each in moved)
    yield from _more(diff, "moved", moved)
    yield from (
        f"~ {visible(each['field'])} {each['base']:g}->{each['run']:g} (median) in {_template(each, limit)}"
        for each in drift
    )
    yield from (
        f"~ {duration_text(each['base'])}->{duration_text(each['run'])} {_step(each, limit)}" for each in diff["steps"]
    )
    yield from _more(diff, "steps", diff["steps"])
    yield from (f"~ said by {_functions(each, limit)}: {_template(each, limit)}" for each in diff["renamed"])
    yield from _more(diff, "renamed", diff["renamed"])
    if diff["first_divergence"]:
        yield f"first divergence after {diff['first_divergence']}"
    for name, (old, now) in diff["changed"].items():
        yield f"{visible(name)} {clip(value_text(old), limit)} -> {clip(value_text(now), limit)}"
    if not diff["exact"]:
        yield "counted by call site, named by samples: these runs have more than 5000 events"


def _functions(renamed: Fields, limit: int) -> str:
    return " -> ".join(clip(visible(str(renamed[name] or "no function")), limit) for name in ("base", "run"))


def _step(step: Fields, limit: int) -> str:
    limit = min(limit, _MAX_STEP)
    return f"from {_template(step['after'], limit) if step['after'] else 'the start'} to {_template(step['to'], limit)}"


def _template(each: Fields, limit: int) -> str:
    return f"{level_letter(str(each['level']))} {clip(visible(str(each['text'])), limit)}"


def _more(diff: Fields, name: str, shown: Sequence[Fields]) -> Iterator[str]:
    left = diff["totals"][name] - len(shown)
    if left > 0:
        yield f"... {left} more {name}"


def _since(first: Fields | None, limit: int) -> list[str]:
    if not first:
        return []
    error = {True: " with the same error", False: " with another error", None: ""}[first["same_error"]]
    name = clip(visible(str(first["execution_id"])), 2 * limit)
    return [f"{first['runs']} bad runs in a row, the first {name} {first['started_at'][:16]}Z{error}"]


def earned_line(learning: Fields, limit: int) -> str:
    """`L-5f21c0 0.82 (applied 3, next run ok 3): "text"`."""
    if "applied" not in learning:
        return learning_line(learning, limit)
    record = (
        f"(applied {learning['applied']}, next run ok {learning['passed']})" if learning["applied"] else "(untried)"
    )
    twins = f" +{len(learning['merged'])} alike" if learning["merged"] else ""
    said = clip(visible(str(learning["learning"])), limit)
    return f'{learning["id"]} {learning["confidence"]:.2f} {record}{twins}: "{said}"'


def late_line(late: Fields, limit: int) -> str:
    """`I Committed {n} rows: by +6m00s in 57 of 58 good runs, not here`."""
    by = duration_text(late["by"])
    return f"{_template(late, limit)}: by +{by} in {late['runs']} of {late['of']} good runs, not here"


def overdue_lines(item: Fields, limit: int) -> list[str]:
    """A running run against its band, or a script gone silent."""
    mark = "OVERDUE" if item["is_overdue"] else "in time"
    usual = f"usual {band_text(item['usual'])}, n={item['usual']['runs']}" if item["usual"] else "no band yet"
    name = clip(visible(str(item["script_name"])), limit)
    if item["what"] == "silent":
        head = f"{mark} {name} silent for {duration_text(item['elapsed'])}; {usual} between starts"
        return [f"{head}; last {visible(item['run'])}"]
    head = f"{mark} {clip(visible(str(item['run'])), limit)} running {duration_text(item['elapsed'])}; {usual}"
    return [head, *("  late " + late_line(late, limit) for late in item["late"])]


def error_group_lines(item: Fields, limit: int) -> list[str]:
    """One error: how new, how often, where, its latest message."""
    scripts = ", ".join(f"{_name(each)} {each['count']}x in {_runs(each)}" for each in item["scripts"][:4])
    head = f"{item['fingerprint'][:_SHOWN_DIGITS]} {item['status'].upper()} {item['count']}x {scripts}"
    lines = [f"{head}; {item['first'][:16]}Z .. {item['last'][:16]}Z {item.get('id') or ''}".rstrip()]
    exception = item.get("exception")
    about = exception_line(exception) if isinstance(exception, Mapping) else visible(str(item.get("type") or ""))
    said = visible(str(item["message"]))
    text = said if about in said else f"{about} · {said}"
    lines.append("  " + clip(text, min(limit, 2 * _MAX_TEXT)))
    if item["frames"]:
        lines.append("  own frames: " + frames_text(item["frames"]))
    if item.get("resolved_by"):
        lines.append(f'  resolved {item["resolved_at"][:10]} by "{clip(visible(str(item["resolved_by"])), limit)}"')
    return lines


def similar_lines(item: Fields, limit: int) -> list[str]:
    """One thing that is like what was asked: an error with what resolved it, a template, a learning."""
    alike = f"{item['likeness']:.0%}"
    if item["what"] == "error":
        head, *rest = error_group_lines(item, limit)
        held = f"; {item['held']}" if item.get("held") else ""
        return [f"{alike} error {head}{held}", *rest, *("  " + earned_line(each, limit) for each in item["learnings"])]
    if item["what"] == "learning":
        return [f"{alike} learning {earned_line(item, limit)}"]
    return [f"{alike} events {pattern_line(item, limit)}"]


def pattern_line(item: Fields, limit: int) -> str:
    """`37x I Pool: {idle} idle  load etl.py:7 .. last 14:03:11.000 #9be2c41f`."""
    at = f"{item['first'][:10]} {clock(item['first'])[:8]} .. {item['last'][:10]} {clock(item['last'])[:8]}"
    where = clip(place_of(item), 60)
    return " ".join(filter(None, (f"{item['count']}x", _template(item, limit), where, at, item["id"])))


def resolution_line(item: Fields, limit: int) -> str:
    """`e1c7a9f0 resolved by "text"`."""
    return f'{item["fingerprint"][:_SHOWN_DIGITS]} {item["action"]} by "{clip(visible(str(item["by"])), limit)}"'


def _single(line: Callable[[Fields, int], str]) -> Callable[[Fields, int], list[str]]:
    return lambda item, limit: [line(item, limit)]


FINDINGS: Final[dict[str, Callable[[Fields, int], list[str]]]] = {
    "why": why_lines,
    "difference": difference_lines,
    "error_group": error_group_lines,
    "pattern": _single(pattern_line),
    "overdue": overdue_lines,
    "similar": similar_lines,
    "resolution": _single(resolution_line),
    "learning": _single(earned_line),
}
