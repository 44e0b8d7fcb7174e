"""Levels: the names and numbers of severity that lines use, as ours. Pure: no I/O, no clock."""

from __future__ import annotations

from typing import Final

DEFAULT_LEVEL: Final = ("INFO", 20)
UNKNOWN_LEVEL_NO: Final = 20

LEVEL_NUMBERS: Final = {
    "TRACE": 5,
    "DEBUG": 10,
    "INFO": 20,
    "SUCCESS": 25,
    "WARNING": 30,
    "ERROR": 40,
    "CRITICAL": 50,
}

_ALIASES: Final = {
    "WARN": "WARNING",
    "FATAL": "CRITICAL",
    "ERR": "ERROR",
    "EXCEPTION": "ERROR",  # structlog's and loguru's `.exception()`
    "CRIT": "CRITICAL",
    "EMERG": "CRITICAL",
    "EMERGENCY": "CRITICAL",
    "ALERT": "CRITICAL",
    "PANIC": "CRITICAL",
    "DPANIC": "CRITICAL",
    "NOTICE": "INFO",
    "INFORMATION": "INFO",
    "INFORMATIONAL": "INFO",
    "VERBOSE": "DEBUG",
}

_BY_SIZE: Final = (
    (10, "TRACE"),
    (20, "DEBUG"),
    (30, "INFO"),
    (40, "WARNING"),
    (50, "ERROR"),
)
"""Pino's and bunyan's numbers: below 20 trace is 10, then debug 20, info 30, warn 40, error 50, fatal 60."""

_SYSLOG: Final = ("CRITICAL", "CRITICAL", "CRITICAL", "ERROR", "WARNING", "INFO", "INFO", "DEBUG")
"""Syslog's severities 0 to 7, which GELF has under the same name; pino's and bunyan's begin at 10."""

_OTLP: Final = ("TRACE", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
"""OTLP's severity numbers 1 to 24, four to a name."""


def named_level(name: str) -> tuple[str, int]:
    """Our name and number of a level by name; an unknown one is upper-cased and counts 20.

    >>> named_level("warn"), named_level("Audit"), named_level("FATAL")
    (('WARNING', 30), ('AUDIT', 20), ('CRITICAL', 50))
    """
    upper = name.strip().upper()
    known = _ALIASES.get(upper, upper)
    return known, LEVEL_NUMBERS.get(known, UNKNOWN_LEVEL_NO)


def pino_level(number: int) -> tuple[str, int]:
    """Our name and number of a level of pino or bunyan (10 trace ... 60 fatal).

    >>> pino_level(30), pino_level(35), pino_level(60)
    (('INFO', 20), ('INFO', 20), ('CRITICAL', 50))
    """
    if 0 <= number < len(_SYSLOG):
        return named_level(_SYSLOG[number])
    reached = [name for least, name in _BY_SIZE if number >= least]
    name = "CRITICAL" if number >= 60 else (reached[-1] if reached else "TRACE")
    return name, LEVEL_NUMBERS[name]


def python_level(number: int) -> tuple[str, int]:
    """Our name of a level number of Python's logging; the number stays.

    >>> python_level(30), python_level(35)
    (('WARNING', 30), ('WARNING', 35))
    """
    reached = [name for name, least in LEVEL_NUMBERS.items() if number >= least and name != "SUCCESS"]
    return (reached[-1] if reached else "TRACE"), max(0, min(number, 1000))


def otlp_level(number: int) -> tuple[str, int]:
    """Our name and number of an OTLP severity number (1 to 24); others are the default.

    >>> otlp_level(9), otlp_level(17), otlp_level(24)
    (('INFO', 20), ('ERROR', 40), ('CRITICAL', 50))
    """
    if not 1 <= number <= 24:
        return DEFAULT_LEVEL
    name = _OTLP[(number - 1) // 4]
    return name, LEVEL_NUMBERS[name]


def known_level_no(name: str) -> int | None:
    """The number of a level by one of its names, or None for a name that is no level.

    >>> known_level_no("warn"), known_level_no("loud")
    (30, None)
    """
    upper = name.strip().upper()
    return LEVEL_NUMBERS.get(_ALIASES.get(upper, upper))
