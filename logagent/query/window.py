"""Times as people write them, into windows of integer microseconds. Pure: no I/O, no clock.

`15m 2h 7d 1w`, `now`, `today`, `yesterday`, `14:30`, ISO dates and times. A zone given wins; else the local
one counts, so every answer echoes the window in UTC.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Any, Final

from logagent.errors import BadQuery
from logagent.formats.times import EPOCH, micros
from logagent.query.item import Window

_SPAN: Final = re.compile(r"(?:[0-9]{1,6}(?:\.[0-9]{1,3})?[smhdw])+\Z")
_SPAN_PART: Final = re.compile(r"([0-9.]+)([smhdw])")
_SPAN_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_CLOCK: Final = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?\Z")
FORMS: Final = "15m, 2h, 7d, 1w, now, today, yesterday, 14:30, 2026-11-22, 2026-11-22T14:30:00Z"


def resolve_window(since: str | None, until: str | None, now: datetime, zone: tzinfo | None = None) -> Window:
    """The window between two times as written; None leaves that side open.

    Args:
        now: an aware datetime.
        zone: where times without one are meant; None is this machine's.

    Raises:
        BadQuery: a time is not understood, or the window ends before it begins.

    >>> str(resolve_window("2h", None, datetime(2026, 11, 22, 14, tzinfo=UTC)))
    '2026-11-22T12:00:00.000000Z .. now'
    """
    since_us = None if since is None else micros(moment(since, now, zone, latest_past=True))
    until_us = None if until is None else micros(moment(until, now, zone))
    if since_us is not None and until_us is not None and since_us >= until_us:
        raise BadQuery(f"the window is empty: it would run {Window(since_us, until_us)}")
    return Window(since_us, until_us)


def moment(text: str, now: datetime, zone: tzinfo | None = None, *, latest_past: bool = False) -> datetime:
    """The time that `text` names; a clock time is today's, with `latest_past` the last one that has been.

    Raises:
        BadQuery: none of the forms.

    >>> moment("yesterday", datetime(2026, 11, 22, 14, tzinfo=UTC), UTC)
    datetime.datetime(2026, 11, 21, 0, 0, tzinfo=datetime.timezone.utc)
    """
    asked = text.strip()
    try:
        found = _moment(asked, now, zone, latest_past=latest_past)
    except (ValueError, OverflowError):
        found = None
    if found is None:
        raise BadQuery(f"{text!r} is no time; write one of: {FORMS}")
    return found


def _moment(text: str, now: datetime, zone: tzinfo | None, *, latest_past: bool) -> datetime | None:
    today = now.astimezone(zone).date()
    match text.lower():
        case "now":
            return now
        case "today":
            return _zoned(datetime.combine(today, time()), zone)
        case "yesterday":
            return _zoned(datetime.combine(today - timedelta(days=1), time()), zone)
    if _SPAN.match(text):
        return max(now - _span(text), EPOCH)
    if clock := _CLOCK.match(text):
        hour, minute, second = (int(part or 0) for part in clock.groups())
        at = time(hour, minute, second)
        found = _zoned(datetime.combine(today, at), zone)
        if latest_past and found > now:
            return _zoned(datetime.combine(today - timedelta(days=1), at), zone)
        return found
    return _iso(text, zone)


def _span(text: str) -> timedelta:
    return timedelta(seconds=sum(float(number) * _SPAN_SECONDS[unit] for number, unit in _SPAN_PART.findall(text)))


def _iso(text: str, zone: tzinfo | None) -> datetime | None:
    if not re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        return None
    return _zoned(datetime.fromisoformat(text), zone)


def _zoned(moment: datetime, zone: tzinfo | None) -> datetime:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone) if zone else moment.astimezone()
    return moment.astimezone(UTC)


def python_window(time_range: Mapping[str, Any] | None) -> Window:
    """The window of `{"start": datetime, "end": datetime}`, either of which may be missing.

    Raises:
        BadQuery: other names, no datetimes, or naive ones.

    >>> python_window({"start": datetime(1970, 1, 2, tzinfo=UTC)})
    Window(since_us=86400000000, until_us=None)
    """
    given = dict(time_range or {})
    start, end = given.pop("start", None), given.pop("end", None)
    if given:
        raise BadQuery(f"time_range takes start and end, not {', '.join(map(repr, given))}")
    return Window(_aware_us("start", start), _aware_us("end", end))


def _aware_us(name: str, moment: object) -> int | None:
    if moment is None:
        return None
    if not isinstance(moment, datetime):
        raise BadQuery(f"time_range[{name!r}] is {type(moment).__name__}; give an aware datetime")
    if moment.tzinfo is None:
        fix = "datetime.now(timezone.utc), or .replace(tzinfo=timezone.utc)"
        raise BadQuery(f"time_range[{name!r}] is a naive datetime, so its zone is anyone's guess; use {fix}")
    return micros(moment)
