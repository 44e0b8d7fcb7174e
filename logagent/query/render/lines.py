"""One short line per item, for each kind of item. Pure: no I/O, no clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from logagent.formats.visible import visible, visible_lines
from logagent.query.documents import short_id
from logagent.query.render.escape import json_text

Fields: TypeAlias = Mapping[str, Any]
_LETTERS: Final = {
    "TRACE": "T",
    "DEBUG": "D",
    "INFO": "I",
    "SUCCESS": "S",
    "WARNING": "W",
    "ERROR": "E",
    "CRITICAL": "C",
}


def clip(text: str, limit: int) -> str:
    """The text, or its beginning and how many characters are missing.

    >>> clip("abcdefgh", 4)
    'abcd…+4'
    """
    return text if len(text) <= limit else f"{text[:limit]}…+{len(text) - limit}"


def duration_text(seconds: float | None) -> str:
    """A duration as people say it.

    >>> duration_text(281.4), duration_text(0.0312), duration_text(None)
    ('4m41s', '31ms', '-')
    """
    if seconds is None:
        return "-"
    if seconds < 1:
        return f"{seconds * 1000:.0f}ms"
    if seconds < 60:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02d}m" if hours else f"{minutes}m{rest:02d}s"


def clock(timestamp: str) -> str:
    """The time of day with milliseconds, of RFC 3339 text."""
    return timestamp[11:23]


def level_letter(level: str) -> str:
    """One letter for the usual levels, the whole name for others."""
    return _LETTERS.get(level, visible(level))


def message_of(event: Fields, limit: int) -> str:
    """Message and exception, each at most `limit` characters, on one line."""
    said = clip(visible(str(event.get("message", ""))), limit)
    exception = event.get("exception")
    if isinstance(exception, Mapping) and (about := exception_line(exception)) not in said:
        said += " · " + clip(about, limit)
    return said


def exception_line(exception: Fields) -> str:
    """`Type: text` of an exception."""
    kind, value = exception.get("type") or "exception", exception.get("value") or ""
    return visible(f"{kind}: {value}" if value else str(kind))


def place_of(event: Fields) -> str:
    """`function file.py:118`, as far as the event says."""
    function = visible(str(event.get("function_name") or ""))
    path = str(event.get("file_path") or "")
    file = visible(path.rsplit("/", 1)[-1])
    line = event.get("line_number")
    at = f"{file}:{line}" if file and line is not None else file
    return " ".join(part for part in (function, at) if part)


def event_line(event: Fields, limit: int) -> str:
    """`#9be2c41f 14:07:52.114 E write_batch db.py:118 message {"bound":1}`."""
    extra = event.get("extra_data")
    parts = [
        (">" if event.get("here") else "") + short_id(event),
        clock(str(event["timestamp"])),
        level_letter(str(event.get("level", ""))),
        clip(place_of(event), limit),
        message_of(event, limit),
        clip(visible(json_text(_plain(extra))), limit) if extra else "",
    ]
    return " ".join(part for part in parts if part)


def _plain(value: Any) -> Any:
    return value.to_dict() if hasattr(value, "to_dict") else value


def run_line(run: Fields, limit: int) -> str:
    """`etl_...9f3c01ab FAILED 2026-11-22 14:03:11Z 4m41s 143 events 3 E ConnectionError: ...`."""
    started = str(run.get("started_at") or run.get("start_time") or "")
    levels = run.get("levels") or {}
    parts = [
        clip(visible(str(run["execution_id"])), limit),
        visible(str(run["status"])).upper() if run["status"] in ("failed", "crashed") else visible(str(run["status"])),
        f"{started[:10]} {started[11:19]}Z" if started else "",
        duration_text(run.get("duration_seconds")),
        f"{run.get('total_logs', 0)} events",
        *(f"{levels[name]}{_LETTERS[name]}" for name in ("WARNING", "ERROR", "CRITICAL") if levels.get(name)),
        clip(visible(str(run.get("error") or "")), limit),
    ]
    return " ".join(part for part in parts if part)


def execution_lines(execution: Fields, limit: int) -> list[str]:
    """A run with its first errors and learnings."""
    run = execution["run_info"]
    lines = [run_line(run, limit)]
    told = [name for name in ("argv", "cwd", "git_commit", "parent_execution_id", "metadata") if run.get(name)]
    lines += [f"{name} {clip(value_text(run[name]), limit)}" for name in told]
    lines.append("levels " + counts_text(execution["log_statistics"]))
    exception = run.get("exception")
    if isinstance(exception, Mapping) and exception.get("traceback"):
        lines += ["  " + line for line in _last_lines(str(exception["traceback"]), limit)]
    lines += [_error_text(each, limit) for each in execution["errors"]]
    if execution["errors_total"] > len(execution["errors"]):
        lines.append(f"... {execution['errors_total'] - len(execution['errors'])} more errors")
    lines += [learning_line(each, limit) for each in execution["learnings"]]
    return lines


def _last_lines(traceback: str, limit: int) -> list[str]:
    """The end of a traceback says most: as many of its last lines as `limit` characters hold."""
    kept: list[str] = []
    room = limit
    for line in reversed(visible_lines(traceback.rstrip("\n"))):
        room -= len(line)
        if room < 0:
            kept.append("...")
            break
        kept.append(line)
    return kept[::-1]


def _error_text(error: Fields, limit: int) -> str:
    function = visible(str(error.get("function") or ""))
    return f"E {error['id']} {clock(str(error['timestamp']))} {function} {clip(visible(str(error['message'])), limit)}"


def learning_line(learning: Fields, limit: int) -> str:
    """`L-5f21c0 0.82 active "text"`."""
    said = clip(visible(str(learning["learning"])), limit)
    return f'{learning["id"]} {learning["confidence"]:.2f} {learning["status"]} "{said}"'


def counts_text(counts: Fields) -> str:
    """`ERROR 3, INFO 40`, or `none`."""
    return ", ".join(f"{visible(str(name))} {count}" for name, count in counts.items()) or "none"


def overview_lines(overview: Fields, limit: int) -> list[str]:
    """What ran, what failed, how far the daemon is."""
    events = overview["events"]
    span = f" {overview['first_event']} .. {overview['last_event']}" if overview["first_event"] else ""
    lines = [
        f"events {events['value']}{'' if events['exact'] else '+'}{span}: {counts_text(overview['levels'])}",
        f"runs {overview['runs']}: {counts_text(overview['runs_by_status'])}",
        clip(visible(str(overview["daemon"]["says"])), limit),
    ]
    if overview["failed_runs"]:
        lines += ["failed", *("  " + run_line(run, limit) for run in overview["failed_runs"])]
    told = {run["execution_id"] for run in overview["failed_runs"]}
    recent = [run for run in overview["recent_runs"] if run["execution_id"] not in told]
    if recent:
        lines += ["recent, less those" if told else "recent", *("  " + run_line(run, limit) for run in recent)]
    return lines


def detail_lines(item: Fields, limit: int) -> list[str]:
    """Every field on a line of its own, a traceback on several."""
    lines: list[str] = []
    for name, value in item.items():
        if isinstance(value, Mapping) and value.get("traceback"):
            rest = {key: each for key, each in _plain(value).items() if key not in ("traceback", "frames")}
            lines += [f"{visible(name)}: {clip(visible(json_text(rest)), limit)}"]
            lines += ["  " + line for line in _last_lines(str(value["traceback"]), 4 * limit)]
        else:
            lines.append(f"{visible(name)}: {clip(value_text(value), limit)}")
    return lines


def performance_lines(found: Fields, limit: int) -> list[str]:
    """A script's runs, how long they took, and what stands out; pictures where they were asked for."""
    statuses = {name: found[f"{name}_runs"] for name in ("successful", "failed", "crashed", "running")}
    script = clip(visible(str(found["script_name"])), limit)
    lines = [
        f"{script}: {found['total_runs']} runs in {found['lookback_days']} days: "
        + counts_text({name: count for name, count in statuses.items() if count})
    ]
    if found["usual"]:
        mean, median, high, usual = (
            *(duration_text(found[name]) for name in ("avg_duration", "p50", "p95")),
            " to ".join(map(duration_text, found["usual"])),
        )
        lines.append(f"took {mean} on average, p50 {median}, p95 {high}; usual {usual}")
    lines += ["unusual " + _taken_text(run, limit) for run in found["outliers"]]
    lines.append("errors by day " + counts_text({day["time"]: day["errors"] for day in found["error_trend"]}))
    lines += [f"{name.removeprefix('chart_'):<9} {found[name]}" for name in _CHARTS if found.get(name)]
    newest = found["recent"][:_SHOWN_RUNS]
    if newest:
        lines.append(f"newest first, {len(newest)} of {found['total_runs']}")
    return [*lines, *("  " + _taken_text(run, limit) for run in newest)]


_SHOWN_RUNS: Final = 10
_CHARTS: Final = ("chart_durations", "chart_band", "chart_errors")


def _taken_text(run: Fields, limit: int) -> str:
    status = visible(str(run["status"]))
    return f"{clip(visible(str(run['execution_id'])), limit)} {status} {duration_text(run['seconds'])}"


def value_text(value: Any) -> str:
    """A value on one line: text as it is, the rest as JSON."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, tuple):
        value = [_plain(each) for each in value]
    return visible(json_text(_plain(value)))


def pair_line(item: Fields, limit: int) -> str:
    """`name=value name=value`, for kinds without a line of their own."""
    return " ".join(f"{visible(name)}={clip(value_text(value), limit)}" for name, value in item.items())


def _single(line: Callable[[Fields, int], str]) -> Callable[[Fields, int], list[str]]:
    return lambda item, limit: [line(item, limit)]


LINES: Final[dict[str, Callable[[Fields, int], list[str]]]] = {
    "event": _single(event_line),
    "run": _single(run_line),
    "learning": _single(learning_line),
    "execution": execution_lines,
    "overview": overview_lines,
    "detail": detail_lines,
    "performance": performance_lines,
}


def item_lines(kind: str, item: Fields, limit: int) -> list[str]:
    """The lines of one item, each of its long texts at most `limit` characters."""
    return LINES.get(kind, _single(pair_line))(item, limit)


def common(items: Sequence[Fields], names: Sequence[str]) -> dict[str, Any]:
    """The fields among `names` that have one same value in all items, to be said once."""
    if len(items) < 2:
        return {}
    first = items[0]
    return {
        name: first[name]
        for name in names
        if first.get(name) is not None and all(item.get(name) == first[name] for item in items)
    }
