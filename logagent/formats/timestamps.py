"""Timestamps: the forms in which lines tell their time, as microseconds since 1970. Pure: no I/O, no clock.

A time that a key can hold lies in [1970, 2091). Anything else, and anything that is no time, is 0. Fractions are
cut to microseconds, never rounded: rounding could move a line into the next second.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from functools import lru_cache
from typing import Final

from logagent.formats.key import MAX_TIME_US
from logagent.formats.times import SECOND_US, micros, utc_text

NO_TIME: Final = 0

_ISO: Final = re.compile(
    r"\s*(\d{4}-\d\d-\d\d)[Tt_ ](\d\d:\d\d:\d\d)(?:[.,](\d{1,30}))?"
    r"\s?(?:(Z|z|UTC|GMT)|([+-])(\d\d):?(\d\d)?)?\s*",
    re.ASCII,
)
_ZONE: Final = re.compile(r"([+-])(\d\d):(\d\d)", re.ASCII)
_DECIMAL: Final = re.compile(r"\d{1,20}(?:\.\d{1,30})?", re.ASCII)

_DIGITS_TO_ZERO: Final = str.maketrans("123456789", "000000000")
_CANONICAL_SHAPE: Final = "0000-00-00T00:00:00.000000Z\n"

_EPOCH_UNITS: Final[tuple[tuple[int, Decimal], ...]] = (
    (10**11, Decimal(SECOND_US)),  # seconds: 10^11 s lies in the year 5138
    (10**14, Decimal(1000)),  # milliseconds: from 1973
    (10**17, Decimal(1)),  # microseconds
    (10**20, Decimal("0.001")),  # nanoseconds
)
"""A bare number is read by its size: below the first limit in seconds, and so on."""


def within_key(us: int) -> int:
    """`us` if a key can hold it, else 0."""
    return us if 0 < us < MAX_TIME_US else NO_TIME


def text_us(text: str, naive: tzinfo = UTC) -> int:
    """The time that `text` is, or 0. A time without a zone is one of `naive`.

    >>> text_us("1970-01-01T00:00:01.5Z"), text_us("1970-01-01 00:00:01,0000019"), text_us("soon")
    (1500000, 1000001, 0)
    """
    return canonical_us(text) or _other_text_us(text, naive)


def canonical_us(text: str) -> int:
    """The time of `YYYY-MM-DDTHH:MM:SS.ffffffZ`, the one form of our own lines; 0 for what is not exactly that."""
    fraction = text[20:26]
    if len(text) == 27 and text[10:20:9] == "T." and text[26] == "Z" and fraction.isdigit() and fraction.isascii():
        second = utc_second_us(text[:19])
        return within_key(second + int(fraction)) if second else NO_TIME
    return NO_TIME


def canonical_run_us(texts: list[str]) -> list[int]:
    """`canonical_us` of each, up to the first that has none; what they look like is told of all at once."""
    shape = "\n".join(texts).translate(_DIGITS_TO_ZERO)  # n - 1 LF between n texts: none can stand within one
    if shape != _CANONICAL_SHAPE * (len(texts) - 1) + _CANONICAL_SHAPE[:-1]:
        return _canonical_one_by_one(texts)
    second_us, most = utc_second_us, MAX_TIME_US
    times = [second_us(text[:19]) + int(text[20:26]) for text in texts]
    if min(times) < SECOND_US or max(times) >= most:
        return _canonical_one_by_one(texts)
    return times


def _canonical_one_by_one(texts: list[str]) -> list[int]:
    times = []
    for text in texts:
        us = canonical_us(text)
        if not us:
            break
        times.append(us)
    return times


def zoned_us(text: str) -> int:
    """The time of `YYYY-MM-DD HH:MM:SS.ffffff+HH:MM`, as Python prints an aware datetime; 0 for what is no such."""
    fraction = text[20:26]
    second = utc_second_us(text[:19])
    if second and len(text) == 32 and text[19] == "." and fraction.isdigit() and fraction.isascii():
        return within_key(second - zone_us(text[26:]) + int(fraction))
    return NO_TIME


@lru_cache(maxsize=256)
def zone_us(text: str) -> int:
    """Microseconds that the zone `+HH:MM` is ahead of UTC; so much for what is no zone that no time is left."""
    found = _ZONE.fullmatch(text)
    if not found:
        return MAX_TIME_US
    ahead = (int(found.group(2)) * 3600 + int(found.group(3)) * 60) * SECOND_US
    return ahead if found.group(1) == "+" else -ahead


def canonical_text(us: int) -> str:
    """`utc_text`, faster where lines share their seconds."""
    second, fraction = divmod(us, SECOND_US)
    return "%s.%06dZ" % (_second_text(second), fraction)


@lru_cache(maxsize=4096)
def _second_text(second: int) -> str:
    return utc_text(second * SECOND_US)[:19]


def number_us(number: int | float) -> int:
    """The time that an epoch number is, its unit told by its size; 0 if it is none.

    >>> number_us(1_700_000_000) == number_us(1_700_000_000_000) == number_us(1.7e9)
    True
    """
    if isinstance(number, int):
        return _epoch_us(Decimal(number)) if 0 < number < 10**20 else NO_TIME
    return _epoch_us(Decimal(repr(number))) if 0 < number < 1e20 else NO_TIME


def any_us(value: object, naive: tzinfo = UTC) -> int:
    """The time of a JSON value: text, a number, or a number written as text."""
    if isinstance(value, str):
        return text_us(value, naive)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return number_us(value)
    return NO_TIME


@lru_cache(maxsize=4096)
def utc_second_us(text: str) -> int:
    """Microseconds of a UTC second `YYYY-MM-DDTHH:MM:SS`, or 0: lines share their seconds, so it is kept."""
    found = _ISO.fullmatch(text)
    return _civil_us(found.group(1), found.group(2), UTC) if found else NO_TIME


def _other_text_us(text: str, naive: tzinfo) -> int:
    if len(text) > 64:
        return NO_TIME
    found = _ISO.fullmatch(text)
    if found:
        return _matched_us(found, naive)
    return _epoch_us(Decimal(text)) if _DECIMAL.fullmatch(text) and len(text) >= 9 else NO_TIME


def _matched_us(found: re.Match[str], naive: tzinfo) -> int:
    date, clock, fraction, utc, sign, hours, minutes = found.groups()
    second = _civil_us(date, clock, UTC if utc or sign else naive)
    if not second:
        return NO_TIME
    if sign:
        ahead = (int(hours) * 3600 + int(minutes or 0) * 60) * SECOND_US
        second += -ahead if sign == "+" else ahead
    return within_key(second + int((fraction or "")[:6].ljust(6, "0")))


@lru_cache(maxsize=4096)
def _civil_us(date: str, clock: str, zone: tzinfo) -> int:
    """Microseconds of a civil second in `zone`; a leap second counts as the one after it. 0 if impossible."""
    leap = clock.endswith(":60")
    try:
        moment = datetime.fromisoformat(f"{date}T{clock[:6] + '59' if leap else clock}")
        return micros(moment.replace(tzinfo=zone)) + (SECOND_US if leap else 0)
    except (ValueError, OverflowError):
        return NO_TIME


def _epoch_us(number: Decimal) -> int:
    for limit, factor in _EPOCH_UNITS:
        if number < limit:
            return within_key(int(number * factor))
    return NO_TIME
