"""Dates in time zones, and dates as texts of a form."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from ..errors import Unsupported
from .dates import MIN_MS, MS, days_in_month, is_leap, iso, local_ms, moment, to_ms, utc_ms, zone_of
from .registry import aql, invalid_argument

TZDB: Final = "2026a"
"""The time zones' version that a recorded 3.12.10 tells."""
LAST_LISTED_MS: Final = 2_208_988_800_000
"""2040: until then zones have their changes listed, afterwards each year is as the one before."""


def _rule(ms: int, zone: ZoneInfo) -> tuple[str | None, timedelta | None, timedelta | None]:
    when = moment(ms).astimezone(zone)
    return when.tzname(), when.utcoffset(), when.dst()


def _edge(ms: int, zone: ZoneInfo, step: int, limit: int) -> str | None:
    """When the rule began that holds at a moment (step < 0), or when it ends; None if not before the limit."""
    here, found = _rule(ms, zone), ms
    while _rule(found, zone) == here:
        found += step
        if (found - limit) * step > 0:
            return None
    inside, outside = found - step, found
    while abs(outside - inside) > 1:
        middle = (inside + outside) // 2
        inside, outside = (middle, outside) if _rule(middle, zone) == here else (inside, middle)
    return iso(max(inside, outside))


def _details(zone: ZoneInfo, ms: int) -> dict[str, Any]:
    name, offset, dst = _rule(ms, zone)
    begin = _edge(ms, zone, -MS["day"], MIN_MS)
    if begin is None:
        raise Unsupported("the beginning of a time zone's first rule")
    end = _edge(ms, zone, MS["day"], max(ms + 3 * MS["day"] * 366, LAST_LISTED_MS))
    seconds = int(offset.total_seconds()) if offset else 0
    return {"name": name, "begin": begin, "end": end, "dst": bool(dst), "offset": seconds}


def _asked(context: Any, name: str, args: list[Any]) -> tuple[int, bool] | None:
    """The moment, and whether the zone's details are wanted."""
    ms = to_ms(context, name, args[0])
    if ms is None:
        return None
    if not isinstance(args[1], str) or (len(args) > 2 and not isinstance(args[2], bool)):
        invalid_argument(context, name)
        return None
    return ms, len(args) > 2 and args[2]


@aql(2, 3)
def date_utctolocal(context: Any, args: list[Any]) -> Any:
    asked = _asked(context, "DATE_UTCTOLOCAL", args)
    if asked is None:
        return None
    ms, wants_details = asked
    zone = zone_of(context, args[1])
    found = moment(ms).astimezone(zone)
    is_utc = not found.utcoffset() and not found.dst()
    local = iso(local_ms(context, ms, args[1]))[: None if is_utc else -1]
    return {"local": local, "tzdb": TZDB, "zoneInfo": _details(zone, ms)} if wants_details else local


@aql(2, 3)
def date_localtoutc(context: Any, args: list[Any]) -> Any:
    asked = _asked(context, "DATE_LOCALTOUTC", args)
    if asked is None:
        return None
    ms, wants_details = asked
    utc = utc_ms(context, ms, args[1])
    return (
        {"utc": iso(utc), "tzdb": TZDB, "zoneInfo": _details(zone_of(context, args[1]), utc)}
        if wants_details
        else iso(utc)
    )


MONTHS: Final = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
WEEKDAYS: Final = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
PLACE: Final = re.compile(
    r"%(&|yyyyyy|yyyy|yy|y|mmmm|mmm|mm|m|dd|d|wwww|www|w|hh|h|ii|i|ss|s|fff|f|xxx|x|kk|k|[tzlqa%]|)"
)


@aql(2, 3)
def date_format(context: Any, args: list[Any]) -> str | None:
    ms = to_ms(context, "DATE_FORMAT", args[0])
    if ms is None:
        return None
    if not isinstance(args[1], str):
        invalid_argument(context, "DATE_FORMAT")
        return None
    if len(args) > 2:
        if re.search(r"%[tzTZ]", args[1]):
            raise Unsupported("DATE_FORMAT of a whole date in a time zone")
        ms = local_ms(context, ms, args[2])
    if moment(ms).year < 1000:
        raise Unsupported("DATE_FORMAT of years before 1000")
    return PLACE.sub(lambda match: _placed(match[1], moment(ms), ms), args[1])


def _placed(what: str, when: datetime, ms: int) -> str:
    week = when.isocalendar().week
    day = when.timetuple().tm_yday
    table = {
        "t": str(ms), "z": iso(ms), "w": str(when.isoweekday() % 7), "y": str(when.year), "yy": f"{when.year % 100:02}",
        "yyyy": f"{when.year:04}", "yyyyyy": f"+{when.year:06}", "m": str(when.month), "mm": f"{when.month:02}",
        "mmm": MONTHS[when.month - 1][:3], "mmmm": MONTHS[when.month - 1], "d": str(when.day), "dd": f"{when.day:02}",
        "www": WEEKDAYS[when.isoweekday() % 7][:3], "wwww": WEEKDAYS[when.isoweekday() % 7], "h": str(when.hour),
        "hh": f"{when.hour:02}", "i": str(when.minute), "ii": f"{when.minute:02}", "s": str(when.second),
        "ss": f"{when.second:02}", "f": str(ms % 1000), "fff": f"{ms % 1000:03}", "x": str(day), "xxx": f"{day:03}",
        "k": str(week), "kk": f"{week:02}", "l": "1" if is_leap(when) else "0", "q": str((when.month + 2) // 3),
        "a": str(days_in_month(when)), "%": "%", "&": "", "": "",
    }  # fmt: skip
    if what not in table:
        raise Unsupported(f"DATE_FORMAT with %{what}")
    return table[what]
