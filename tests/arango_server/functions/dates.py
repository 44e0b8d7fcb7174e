"""Dates: milliseconds since 1970 or strings in the forms that the server accepts, results always UTC."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo, available_timezones

from ..errors import Unsupported
from ..functions.registry import FUNCTIONS, Function, aql, invalid_argument
from ..values import rank, to_string, truth

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
FORM: Final = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d+))?)?(Z|z|[+-]\d{2}:\d{2})?)?"
)
LOOSE: Final = re.compile(r"[+-]?\d+(-\d{1,2}(-\d{1,2})?)?([T ].*)?")
BASIC_OFFSET: Final = re.compile(r".*\d[+-]\d{2}(\d{2})?")
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
MIN_MS: Final = -62_135_596_800_000
MAX_MS: Final = 253_402_300_799_999


def parse_date(text: str) -> int | None:
    """Milliseconds since 1970, or None if the server does not accept the text.

    Raises:
        Unsupported: we do not know whether it does.
    """
    text = text.strip(" \t\r\n")
    match = FORM.fullmatch(text)
    if match is None:
        if LOOSE.fullmatch(text) and not BASIC_OFFSET.fullmatch(text):
            raise Unsupported(f"date {text!r}: a form of which we do not know whether it is accepted")
        return None
    year, month, day = (int(match[at]) for at in (1, 2, 3))
    hour, minute, second = (int(match[at] or 0) for at in (4, 5, 6))
    if not (1 <= month <= 12 and 1 <= day <= 31 and hour <= 23 and minute <= 59 and second <= 59):
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
    hours, minutes = int(text[1:3]), int(text[4:6])
    if hours > 23 or minutes > 59 or (text[0] == "-" and minutes):
        raise Unsupported(f"time zone offset {text!r}: the server is known to compute it wrongly")
    return (hours * 60 + minutes) * 60_000 * (1 if text[0] == "+" else -1)


def to_ms(context: Any, value: Any) -> int | None:
    """A date argument as milliseconds; None after a warning if it is none."""
    if rank(value) == 2 and MIN_MS <= value <= MAX_MS:
        return int(value)
    if isinstance(value, str):
        found = parse_date(value)
        if found is not None:
            return found
        context.warn(1572, "invalid date value")
        return None
    if rank(value) == 2:
        context.warn(1572, "invalid date value")
        return None
    context.warn(1572, "invalid date value")
    return None


def iso(ms: int) -> str:
    """`YYYY-MM-DDTHH:MM:SS.mmmZ`."""
    return f"{moment(ms).strftime('%Y').zfill(4)}{moment(ms).strftime('-%m-%dT%H:%M:%S')}.{ms % 1000:03}Z"


def moment(ms: int) -> datetime:
    """As an aware datetime."""
    return EPOCH + timedelta(milliseconds=ms)


def _zone(context: Any, name: Any) -> ZoneInfo:
    if not isinstance(name, str) or name not in available_timezones():
        raise Unsupported(f"time zone {name!r}")
    return ZoneInfo(name)


def _local(context: Any, ms: int, zone: Any) -> int:
    shift = moment(ms).astimezone(_zone(context, zone)).utcoffset()
    return ms + int((shift or timedelta()).total_seconds() * 1000)


def _part(name: str, take: Callable[[datetime, int], Any]) -> None:
    def call(context: Any, args: list[Any]) -> Any:
        ms = to_ms(context, args[0])
        if ms is None:
            return None
        if len(args) > 1:
            ms = _local(context, ms, args[1])
        return take(moment(ms), ms)

    FUNCTIONS[name] = Function(name, 1, 2, call)


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


def _from_parts(context: Any, args: list[Any]) -> int | None:
    if len(args) == 1:
        return to_ms(context, args[0])
    if len(args) < 3 or any(rank(a) not in (2, 3) for a in args):
        context.warn(1572, "invalid date value")
        return None
    if any(rank(a) != 2 or a != int(a) for a in args):
        raise Unsupported("a date of parts that are not whole numbers")
    year, month, day, hour, minute, second, ms = [int(a) for a in args] + [0] * (7 - len(args))
    in_range = 1 <= year <= 9999 and 1 <= month <= 12 and 1 <= day <= 28
    if not in_range or not (0 <= hour <= 23 and 0 <= minute <= 59 and 0 <= second <= 59 and 0 <= ms <= 999):
        raise Unsupported("a date of parts outside their usual range")
    found = datetime(year, month, day, hour, minute, second, tzinfo=UTC) - EPOCH
    return found // timedelta(milliseconds=1) + ms


@aql(1, 7)
def date_timestamp(context: Any, args: list[Any]) -> int | None:
    return _from_parts(context, args)


@aql(1, 7)
def date_iso8601(context: Any, args: list[Any]) -> str | None:
    ms = _from_parts(context, args)
    return None if ms is None else iso(ms)


def _unit(context: Any, name: str, value: Any) -> str | None:
    unit = UNITS.get(value.lower()) if isinstance(value, str) else None
    if unit is None:
        invalid_argument(context, name)
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
    if len(args) > 2:
        raise Unsupported("DATE_TRUNC with a time zone")
    ms, unit = to_ms(context, args[0]), _unit(context, "DATE_TRUNC", args[1])
    if ms is None or unit is None:
        return None
    if unit == "week":
        raise Unsupported("DATE_TRUNC to weeks")
    return iso(truncate(ms, unit))


@aql(3, 4)
def date_round(context: Any, args: list[Any]) -> str | None:
    if len(args) > 3:
        raise Unsupported("DATE_ROUND with a time zone")
    ms, unit = to_ms(context, args[0]), _unit(context, "DATE_ROUND", args[2])
    if ms is None or unit is None:
        return None
    if unit in ("year", "month", "week") or ms < 0 or rank(args[1]) != 2 or args[1] != int(args[1]) or args[1] < 1:
        raise Unsupported("DATE_ROUND other than to whole days and below, since 1970")
    return iso(ms - ms % (int(args[1]) * MS[unit]))


DURATION: Final = re.compile(
    r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.(\d{1,3}))?S)?)?",
    re.IGNORECASE,
)


def parse_duration(text: str) -> list[tuple[int, str]] | None:
    """An ISO duration as amounts of units, or None."""
    match = DURATION.fullmatch(text)
    if match is None or len(text) < 3 or text.endswith(("T", "t")):
        return None
    units = ("year", "month", "week", "day", "hour", "minute", "second")
    parts = [(int(match[at]), unit) for at, unit in enumerate(units, 1) if match[at]]
    if match[8]:
        parts.append((int(match[8].ljust(3, "0")), "millisecond"))
    return parts


def shift(ms: int, amount: int, unit: str) -> int:
    """A moment so many units later."""
    if unit in MS:
        return ms + amount * MS[unit]
    when = moment(ms)
    if when.day > 28:
        raise Unsupported("adding months or years to a day after the 28th")
    months = when.year * 12 + when.month - 1 + amount * (12 if unit == "year" else 1)
    moved = datetime(months // 12, months % 12 + 1, when.day, tzinfo=UTC) - EPOCH
    return moved // timedelta(milliseconds=1) + ms % MS["day"]


def _shifted(context: Any, name: str, args: list[Any], sign: int) -> str | None:
    ms = to_ms(context, args[0])
    if ms is None:
        return None
    if len(args) == 2:
        parts = parse_duration(args[1]) if isinstance(args[1], str) else None
        if parts is None:
            context.warn(1572, "invalid date value") if isinstance(args[1], str) else invalid_argument(context, name)
            return None
    else:
        unit = _unit(context, name, args[2])
        if unit is None or rank(args[1]) != 2:
            invalid_argument(context, name)
            return None
        if args[1] != int(args[1]):
            raise Unsupported(f"{name} of a fraction of a unit")
        parts = [(int(args[1]), unit)]
    for amount, unit in parts:
        ms = shift(ms, sign * amount, unit)
    if not MIN_MS <= ms <= MAX_MS:
        context.warn(1572, "invalid date value")
        return None
    return iso(ms)


@aql(2, 3)
def date_add(context: Any, args: list[Any]) -> str | None:
    if len(args) > 3:
        raise Unsupported("DATE_ADD with a time zone")
    return _shifted(context, "DATE_ADD", args, 1)


@aql(2, 3)
def date_subtract(context: Any, args: list[Any]) -> str | None:
    return _shifted(context, "DATE_SUBTRACT", args, -1)


@aql(3, 4)
def date_diff(context: Any, args: list[Any]) -> int | float | None:
    one, other = to_ms(context, args[0]), to_ms(context, args[1])
    unit = _unit(context, "DATE_DIFF", args[2])
    if one is None or other is None or unit is None:
        return None
    if unit in ("year", "month"):
        raise Unsupported("DATE_DIFF in months or years")
    difference = (other - one) / MS[unit]
    if len(args) > 3 and truth(args[3]):
        return difference
    if not difference.is_integer():
        raise Unsupported("DATE_DIFF without fraction where the difference has one")
    return int(difference)


@aql(3, 6)
def date_compare(context: Any, args: list[Any]) -> bool | None:
    moments = [to_ms(context, args[0]), to_ms(context, args[1])]
    first = _unit(context, "DATE_COMPARE", args[2])
    last = _unit(context, "DATE_COMPARE", args[3]) if len(args) > 3 else first
    if None in moments or first is None or last is None:
        return None
    if "week" in (first, last) or FIELDS.index(first) > FIELDS.index(last):
        raise Unsupported("DATE_COMPARE of weeks or of a reversed range")
    zones = [args[4], args[5]] if len(args) > 5 else [args[4], args[4]] if len(args) > 4 else []
    local = [_local(context, ms, zone) for ms, zone in zip(moments, zones, strict=True)] if zones else moments
    return _fields(local[0], first, last) == _fields(local[1], first, last)


def _fields(ms: Any, first: str, last: str) -> list[int]:
    when = moment(ms)
    every = [when.year, when.month, when.day, when.hour, when.minute, when.second, ms % 1000]
    return every[FIELDS.index(first) : FIELDS.index(last) + 1]


@aql(2, 3)
def date_utctolocal(context: Any, args: list[Any]) -> str | None:
    if len(args) > 2 and truth(args[2]):
        raise Unsupported("DATE_UTCTOLOCAL with details of the zone")
    ms = to_ms(context, args[0])
    return None if ms is None else iso(_local(context, ms, args[1]))[:-1]


@aql(2, 3)
def date_localtoutc(context: Any, args: list[Any]) -> str | None:
    if len(args) > 2 and truth(args[2]):
        raise Unsupported("DATE_LOCALTOUTC with details of the zone")
    ms = to_ms(context, args[0])
    if ms is None:
        return None
    zone = _zone(context, args[1])
    naive = moment(ms).replace(tzinfo=None)
    offsets = {naive.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1)}
    if len(offsets) > 1:
        raise Unsupported("DATE_LOCALTOUTC of a time that there is twice or not at all")
    return iso(ms - int((offsets.pop() or timedelta()).total_seconds() * 1000))


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
PLACE: Final = re.compile(r"%(yyyyyy|yyyy|yy|y|mmmm|mmm|mm|m|dd|d|wwww|www|w|hh|h|ii|i|ss|s|fff|f|xxx|x|kk|k|[tzlqa%])")


@aql(2)
def date_format(context: Any, args: list[Any]) -> str | None:
    ms = to_ms(context, args[0])
    if ms is None:
        return None
    return PLACE.sub(lambda match: _placed(match[1], moment(ms), ms), to_string(args[1]))


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
        "a": str(days_in_month(when)), "%": "%",
    }  # fmt: skip
    if what not in table:
        raise Unsupported(f"DATE_FORMAT with %{what}")
    return table[what]
