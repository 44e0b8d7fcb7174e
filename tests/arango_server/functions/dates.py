"""Dates: milliseconds since 1970 or strings in the forms that the server accepts, results always UTC."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo, available_timezones

from ..errors import Unsupported
from ..functions.numbers import finite
from ..functions.registry import FUNCTIONS, Function, aql, invalid_argument, warn_in
from ..values import rank, to_number

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
FORM: Final = re.compile(
    r"\+?0*(\d{1,4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?"
    r"(?:[T ](\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d+))?)?)?(Z|z|[+-]\d{1,2}:\d{1,2})?",
    re.ASCII,
)
UNITS: Final[dict[str, str]] = {
    word: unit
    for unit, words in {
        "year": "years year y",
        "month": "months month m",
        "week": "weeks week w",
        "day": "days day d",
        "hour": "hours hour h",
        "minute": "minutes minute i",
        "second": "seconds second s",
        "millisecond": "milliseconds millisecond f",
    }.items()
    for word in words.split()
}
MS: Final = {
    "week": 604_800_000,
    "day": 86_400_000,
    "hour": 3_600_000,
    "minute": 60_000,
    "second": 1000,
    "millisecond": 1,
}
FIELDS: Final = ("year", "month", "day", "hour", "minute", "second", "millisecond")
YEAR_0_MS: Final = -62_167_219_200_000
MIN_MS: Final = -62_135_596_800_000
MAX_MS: Final = 253_402_300_799_999


def parse_date(text: str) -> int | None:
    """Milliseconds since 1970, or None if the server does not accept the text.

    Raises:
        Unsupported: it is one that we cannot compute with.
    """
    match = FORM.fullmatch(text.strip(" \t\r\n"))
    if match is None:
        return None
    year, month, day = (int(match[at] or 1) for at in (1, 2, 3))
    hour, minute, second = (int(match[at] or 0) for at in (4, 5, 6))
    if not (1 <= month <= 12 and 1 <= day <= 31 and hour <= 23 and minute <= 59 and second <= 59):
        return None
    zone = re.fullmatch(r"[+-](\d+):(\d+)", match[8] or "")
    if zone is not None and (int(zone[1]) > 23 or int(zone[2]) > 59):
        return None
    if year == 0:
        raise Unsupported("dates of the year 0")
    fraction = int((match[7] or "").ljust(3, "0")[:3])
    # The day is not checked against its month: it runs over into the next one.
    days = date(year, month, 1).toordinal() + day - 1 - EPOCH.toordinal()
    return ((days * 24 + hour) * 60 + minute) * 60_000 + second * 1000 + fraction - _offset(match[8])


def _offset(text: str | None) -> int:
    if text is None or text in "Zz":
        return 0
    hours, minutes = map(int, text[1:].split(":"))
    if text[0] == "-" and minutes:
        raise Unsupported(f"time zone offset {text!r}: the server is known to compute it wrongly")
    return (hours * 60 + minutes) * 60_000 * (1 if text[0] == "+" else -1)


def to_ms(context: Any, name: str, value: Any) -> int | None:
    """A date argument of that function as milliseconds; None after a warning if it is none."""
    if rank(value) == 2:
        if YEAR_0_MS <= value < MIN_MS:
            raise Unsupported("dates of the year 0")
        if MIN_MS <= value <= MAX_MS:
            return int(value)
    elif not isinstance(value, str):
        invalid_argument(context, name)
        return None
    found = parse_date(value) if isinstance(value, str) else None
    if found is None:
        warn_in(context, name, 1572)
    return found


def iso(ms: int) -> str:
    """`YYYY-MM-DDTHH:MM:SS.mmmZ`."""
    return f"{moment(ms).strftime('%Y').zfill(4)}{moment(ms).strftime('-%m-%dT%H:%M:%S')}.{ms % 1000:03}Z"


def moment(ms: int) -> datetime:
    """As an aware datetime."""
    return EPOCH + timedelta(milliseconds=ms)


def zone_of(context: Any, name: Any) -> ZoneInfo:
    if not isinstance(name, str) or name not in available_timezones():
        raise Unsupported(f"time zone {name!r}")
    return ZoneInfo(name)


def local_ms(context: Any, ms: int, zone: Any) -> int:
    shift = moment(ms).astimezone(zone_of(context, zone)).utcoffset()
    return ms + int((shift or timedelta()).total_seconds() * 1000)


def utc_ms(context: Any, ms: int, zone: Any) -> int:
    """The moment when clocks in the zone show that time."""
    naive, found = moment(ms).replace(tzinfo=None), zone_of(context, zone)
    offsets = {naive.replace(tzinfo=found, fold=fold).utcoffset() for fold in (0, 1)}
    if len(offsets) > 1:
        raise Unsupported("a local time that there is twice or not at all")
    return ms - int((offsets.pop() or timedelta()).total_seconds() * 1000)


def _part(name: str, take: Callable[[datetime, int], Any]) -> None:
    def call(context: Any, args: list[Any]) -> Any:
        ms = to_ms(context, name, args[0])
        if ms is None:
            return None
        if len(args) > 1:
            ms = local_ms(context, ms, args[1])
        return take(moment(ms), ms)

    FUNCTIONS[name] = Function(name, 1, 1 if name in ("DATE_SECOND", "DATE_MILLISECOND") else 2, call)


def days_in_month(when: datetime) -> int:
    """28 to 31."""
    following = date(when.year + when.month // 12, when.month % 12 + 1, 1) if when.year < 9999 else None
    return 31 if following is None else (following - date(when.year, when.month, 1)).days


def is_leap(when: datetime) -> bool:
    """Has the year 366 days?"""
    return when.year % 4 == 0 and (when.year % 100 != 0 or when.year % 400 == 0)


for _name, _take in {
    "DATE_YEAR": lambda d, _: d.year,
    "DATE_MONTH": lambda d, _: d.month,
    "DATE_DAY": lambda d, _: d.day,
    "DATE_HOUR": lambda d, _: d.hour,
    "DATE_MINUTE": lambda d, _: d.minute,
    "DATE_SECOND": lambda d, _: d.second,
    "DATE_MILLISECOND": lambda _, ms: ms % 1000,
    "DATE_DAYOFWEEK": lambda d, _: d.isoweekday() % 7,
    "DATE_DAYOFYEAR": lambda d, _: d.timetuple().tm_yday,
    "DATE_ISOWEEK": lambda d, _: d.isocalendar().week,
    "DATE_ISOWEEKYEAR": lambda d, _: {"week": d.isocalendar().week, "year": d.isocalendar().year},
    "DATE_LEAPYEAR": lambda d, _: is_leap(d),
    "DATE_QUARTER": lambda d, _: (d.month + 2) // 3,
    "DATE_DAYS_IN_MONTH": lambda d, _: days_in_month(d),
}.items():
    _part(_name, _take)


@aql(0)
def date_now(_: Any, args: list[Any]) -> int:
    return time.time_ns() // 1_000_000


def _from_parts(context: Any, name: str, args: list[Any]) -> int | None:
    if len(args) == 1:
        return to_ms(context, name, args[0])
    if len(args) < 3 or any(rank(a) not in (2, 3) for a in args):
        invalid_argument(context, name)
        return None
    year, month, day, hour, minute, second, ms = [int(to_number(a)) for a in args] + [0] * (7 - len(args))
    if year > 9999 or min(year, month, day, hour, minute, second, ms) < 0:
        warn_in(context, name, 1572)
        return None
    if year == 0 or not 1 <= month <= 12 or not 1 <= day <= 31:
        raise Unsupported("a date of the year 0, or of a month or a day that there is in no year")
    days = date(year, month, 1).toordinal() + day - 1 - EPOCH.toordinal()
    found = ((days * 24 + hour) * 60 + minute) * 60_000 + second * 1000 + min(ms, 999)
    if found > MAX_MS:
        raise Unsupported("a date after the year 9999")
    return found


@aql(1, 7)
def date_timestamp(context: Any, args: list[Any]) -> int | None:
    return _from_parts(context, "DATE_TIMESTAMP", args)


@aql(1, 7)
def date_iso8601(context: Any, args: list[Any]) -> str | None:
    ms = _from_parts(context, "DATE_ISO8601", args)
    return None if ms is None else iso(ms)


def _unit(context: Any, name: str, value: Any) -> str | None:
    """A unit by its name; None after a warning, of another number for a word that is none."""
    if not isinstance(value, str):
        invalid_argument(context, name)
        return None
    unit = UNITS.get(value.lower())
    if unit is None:
        warn_in(context, name, 1572)
    return unit


def truncate(ms: int, unit: str) -> int:
    """The start of the year, month, ... in which that moment lies."""
    when = moment(ms)
    if unit in ("year", "month"):
        start = datetime(when.year, when.month if unit == "month" else 1, 1, tzinfo=UTC)
        return (start - EPOCH) // timedelta(milliseconds=1)
    return ms - ms % MS[unit]


@aql(2, 3)
def date_trunc(context: Any, args: list[Any]) -> str | None:
    ms = to_ms(context, "DATE_TRUNC", args[0])
    if ms is None:
        return None
    unit = _unit(context, "DATE_TRUNC", args[1])
    if unit == "week":
        warn_in(context, "DATE_TRUNC", 1572)
    if unit in (None, "week"):
        return None
    if len(args) > 2:
        return iso(utc_ms(context, truncate(local_ms(context, ms, args[2]), str(unit)), args[2]))
    return iso(truncate(ms, str(unit)))


@aql(3, 4)
def date_round(context: Any, args: list[Any]) -> str | None:
    """To whole days and below; the unit is told in small letters."""
    ms = to_ms(context, "DATE_ROUND", args[0])
    if ms is None:
        return None
    unit = UNITS.get(args[2]) if isinstance(args[2], str) else None
    if rank(args[1]) != 2 or int(args[1]) < 1 or unit in (None, "year", "month", "week"):
        invalid_argument(context, "DATE_ROUND")
        return None
    step = int(args[1]) * MS[str(unit)]
    if len(args) > 3:
        ms = local_ms(context, ms, args[3])
    ms = int(math.copysign(abs(ms) // step * step, ms))
    return iso(utc_ms(context, ms, args[3]) if len(args) > 3 else ms)


DURATION: Final = re.compile(
    r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:[.,](\d{1,3}))?S)?)?",
    re.ASCII,
)


def parse_duration(text: str) -> list[tuple[int, str]] | None:
    """An ISO duration as amounts of units, or None."""
    match = DURATION.fullmatch(text)
    if match is None or len(text) < 2:
        return None
    units = ("year", "month", "week", "day", "hour", "minute", "second")
    parts = [(int(match[at]), unit) for at, unit in enumerate(units, 1) if match[at]]
    if match[8]:
        parts.append((int(match[8].ljust(3, "0")), "millisecond"))
    return parts


def shift(ms: int, months: int, rest_ms: int) -> int | None:
    """A moment so many months and milliseconds later; None before the year 1 and after 9999.

    A day that its new month has not runs over into the next one.
    """
    when = moment(ms)
    count = when.year * 12 + when.month - 1 + months
    if not 12 <= count < 12 * 10_000:
        return None
    days = date(count // 12, count % 12 + 1, 1).toordinal() + when.day - 1 - EPOCH.toordinal()
    moved = days * MS["day"] + ms % MS["day"] + rest_ms
    return moved if MIN_MS <= moved <= MAX_MS else None


def amount_of(amount: float, unit: str) -> tuple[int, int]:
    """Months and milliseconds; of a fraction of a year its months, of those 30 days each."""
    months, rest = 0, amount
    if unit in ("year", "month"):
        whole = math.trunc(rest * 12) if unit == "year" else math.trunc(rest)
        if unit == "year" and rest != int(rest):
            whole = math.trunc(rest) * 12 + math.trunc(math.fmod(rest, 1) * 12)
        months = whole
        rest = math.fmod(math.fmod(rest, 1) * 12, 1) if unit == "year" else math.fmod(rest, 1)
        return months, math.trunc(rest * 30 * MS["day"])
    return 0, math.trunc(rest * MS[unit])


def _shifted(context: Any, name: str, args: list[Any], sign: int) -> str | None:
    ms = to_ms(context, name, args[0])
    if ms is None:
        return None
    zone = None
    if len(args) == 4 or (len(args) == 3 and isinstance(args[1], str)):
        args, zone = args[:-1], args[-1]
        ms = local_ms(context, ms, zone)
    if len(args) == 2:
        if not isinstance(args[1], str):
            invalid_argument(context, name)
            return None
        parts = parse_duration(args[1])
        if parts is None:
            warn_in(context, name, 1572)
            return None
    else:
        if rank(args[1]) != 2:
            invalid_argument(context, name)
            return None
        unit = _unit(context, name, args[2])
        if unit is None:
            return None
        parts = [(args[1], unit)]
    amounts = [amount_of(amount, unit) for amount, unit in parts]
    moved = shift(ms, sign * sum(a[0] for a in amounts), sign * sum(a[1] for a in amounts))
    if moved is None:
        if sign * sum(a[0] for a in amounts) + sign * sum(a[1] for a in amounts) < 0:
            raise Unsupported("dates of the year 0")
        warn_in(context, name, 1572)
        return None
    return iso(moved if zone is None else utc_ms(context, moved, zone))


@aql(2, 4)
def date_add(context: Any, args: list[Any]) -> str | None:
    return _shifted(context, "DATE_ADD", args, 1)


@aql(2, 4)
def date_subtract(context: Any, args: list[Any]) -> str | None:
    return _shifted(context, "DATE_SUBTRACT", args, -1)


@aql(3, 6)
def date_diff(context: Any, args: list[Any]) -> int | float | None:
    one = to_ms(context, "DATE_DIFF", args[0])
    other = None if one is None else to_ms(context, "DATE_DIFF", args[1])
    unit = None if other is None else _unit(context, "DATE_DIFF", args[2])
    if one is None or other is None or unit is None:
        return None
    as_float = len(args) > 3 and args[3] is True
    zones = [zone for zone in args[3:] if not isinstance(zone, bool)]
    if len(zones) < len(args[3:]) - 1 or len(zones) > 2 or any(isinstance(zone, bool) for zone in args[4:]):
        raise Unsupported("DATE_DIFF with zones in another place")
    if zones:
        one, other = local_ms(context, one, zones[0]), local_ms(context, other, zones[-1])
    difference = (other - one) / (MS | AVERAGE_MS)[unit]
    if as_float:
        return finite(difference)
    return int(math.copysign(math.floor(abs(difference) + 0.5), difference))


AVERAGE_MS: Final = {"year": 31_556_952_000, "month": 2_629_746_000}
"""Of the Gregorian calendar."""


@aql(3, 6)
def date_compare(context: Any, args: list[Any]) -> bool | None:
    moments = []
    for each in args[:2]:
        moments.append(to_ms(context, "DATE_COMPARE", each))
        if moments[-1] is None:
            return None
    first = UNITS.get(args[2].lower()) if isinstance(args[2], str) else None
    if first is None:
        invalid_argument(context, "DATE_COMPARE")
        return None
    last = UNITS.get(args[3].lower()) if len(args) > 3 and isinstance(args[3], str) else first
    if last is None or (len(args) > 3 and not isinstance(args[3], str)):
        raise Unsupported("DATE_COMPARE with a range that is none")
    if "week" in (first, last) or FIELDS.index(first) > FIELDS.index(last):
        raise Unsupported("DATE_COMPARE of weeks or of a reversed range")
    zones = [args[4], args[5]] if len(args) > 5 else [args[4], args[4]] if len(args) > 4 else []
    local = [local_ms(context, ms, zone) for ms, zone in zip(moments, zones, strict=True)] if zones else moments
    return _fields(local[0], first, last) == _fields(local[1], first, last)


def _fields(ms: Any, first: str, last: str) -> list[int]:
    when = moment(ms)
    every = [when.year, when.month, when.day, when.hour, when.minute, when.second, ms % 1000]
    return every[FIELDS.index(first) : FIELDS.index(last) + 1]
