"""Kinds of settings: how a raw value becomes a typed one, and which values there are.

A raw value is what TOML, an environment variable or a flag gave: text, number, boolean or a list of text. A
kind answers `parse` with the typed value or with ValueError; `expected` says which values there are, so that
every message names the range in the same words as the sample file. Plain classes, and patterns not compiled
up front: every command imports this, and as dataclasses they cost it 8 ms.
"""

from __future__ import annotations

import math
import os
import re
from typing import Any, Final, Protocol

from logagent.formats.levels import LEVEL_NUMBERS, named_level
from logagent.settings.addresses import parse_server_url, parse_store_url
from logagent.settings.secret import Secret

KIB: Final = 1024
MIB: Final = 1024 * KIB
GIB: Final = 1024 * MIB

_DURATION: Final = r"([0-9]{1,12}(?:\.[0-9]{0,12})?|\.[0-9]{1,12})\s*(ms|s|m|h|d)?"
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE: Final = r"([0-9]{1,18}(?:\.[0-9]{1,9})?)\s*([a-z]*)"
_BYTES: Final = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": KIB, "mib": MIB, "gib": GIB}
_WORDS: Final = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}


class Kind(Protocol):
    """What a setting's values look like."""

    expected: str
    """The values there are, with their unit, as the end of the sentence 'expected ...'."""

    def parse(self, raw: object) -> Any:
        """The typed value; relative paths stay relative.

        Raises:
            ValueError: `raw` is none of the values there are; the error's text, where there is one, is advice.
        """
        ...


def _number(raw: object) -> int | float:
    if isinstance(raw, bool) or not isinstance(raw, int | float) or not math.isfinite(raw):
        raise ValueError
    return raw


def _text(raw: object) -> str:
    if not isinstance(raw, str) or "\0" in raw:
        raise ValueError
    return raw.strip()


class Whole:
    """A whole number of something."""

    def __init__(self, low: int, high: int, unit: str) -> None:
        self.low, self.high = low, high
        self.expected = f"a whole number from {low} to {high} ({unit})"

    def parse(self, raw: object) -> int:
        value = int(raw) if isinstance(raw, str) and re.fullmatch(r"\s*[+-]?[0-9]{1,18}\s*", raw) else raw
        if isinstance(value, bool) or not isinstance(value, int) or not self.low <= value <= self.high:
            raise ValueError
        return value


class Seconds:
    """A span of time: a number of seconds, or text with a unit (`500ms`, `2s`, `5m`, `1h`, `7d`)."""

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high
        self.expected = f"a number of seconds from {low:g} to {high:g}, or text such as '500ms', '2s', '5m', '1h'"

    def parse(self, raw: object) -> float:
        value = _seconds(raw) if isinstance(raw, str) else float(_number(raw))
        if not self.low <= value <= self.high:
            raise ValueError
        return value


def _seconds(text: str) -> float:
    found = re.fullmatch(_DURATION, text.strip().lower())
    if not found:
        raise ValueError
    return float(found[1]) * _SECONDS[found[2] or "s"]


class Bytes:
    """A number of bytes, or text with a unit (`64 KiB`, `10 MB`, `1 GiB`)."""

    def __init__(self, low: int, high: int) -> None:
        self.low, self.high = low, high
        span = f"{shown_bytes(low)} to {shown_bytes(high)}"
        self.expected = f"a number of bytes from {span}, or text such as '4 MiB', '10 MB'"

    def parse(self, raw: object) -> int:
        value = _bytes(raw) if isinstance(raw, str) else _number(raw)
        if not isinstance(value, int) or not self.low <= value <= self.high:
            raise ValueError
        return value


def _bytes(text: str) -> int:
    found = re.fullmatch(_SIZE, text.strip().lower())
    if not found or found[2] not in _BYTES:
        raise ValueError
    return int(float(found[1]) * _BYTES[found[2]]) if "." in found[1] else int(found[1]) * _BYTES[found[2]]


def shown_bytes(value: int) -> str:
    """A size in the largest binary unit that divides it.

    >>> shown_bytes(4194304), shown_bytes(1000)
    ('4 MiB', '1000')
    """
    for unit, name in ((GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        if value and value % unit == 0:
            return f"{value // unit} {name}"
    return str(value)


class Switch:
    """On or off."""

    expected = "true or false"

    def parse(self, raw: object) -> bool:
        if isinstance(raw, bool):
            return raw
        word = _text(raw).lower()
        if word not in _WORDS:
            raise ValueError
        return _WORDS[word]


class Choice:
    """One word of a closed list, in any case."""

    def __init__(self, *words: str) -> None:
        self.words = words
        self.expected = "one of " + ", ".join(f'"{word}"' for word in words)

    def parse(self, raw: object) -> str:
        given = _text(raw).lower()
        for word in self.words:
            if word.lower() == given:
                return word
        raise ValueError


class Level:
    """The name of a level, under any of the names that lines use for it."""

    expected = "a level: " + ", ".join(LEVEL_NUMBERS)

    def parse(self, raw: object) -> str:
        name, _ = named_level(_text(raw))
        if name not in LEVEL_NUMBERS:
            raise ValueError
        return name


class LevelByScript:
    """Levels by the names of scripts: a table, or `script=LEVEL` parts."""

    expected = (
        'a table of levels by script, {etl = "WARNING"}, or a list of "etl=WARNING" '
        "(in an environment variable separated by commas)"
    )

    def parse(self, raw: object) -> tuple[tuple[str, str], ...]:
        if isinstance(raw, str):
            raw = [part for part in raw.split(",") if part.strip()]
        pairs = [_pair(part) for part in raw] if isinstance(raw, list | tuple) else None
        if isinstance(raw, dict):
            pairs = list(raw.items())
        if pairs is None:
            raise ValueError
        return tuple({_script(script): Level().parse(level) for script, level in pairs}.items())


def _pair(part: object) -> tuple[object, object]:
    if isinstance(part, tuple) and len(part) == 2:
        return part
    script, found, level = _text(part).rpartition("=")
    if not found:
        raise ValueError
    return script, level


def _script(raw: object) -> str:
    name = _text(raw)
    if not name:
        raise ValueError
    return name


class Text:
    """Text that `pattern` matches as a whole; `expected` says it in words."""

    def __init__(self, expected: str, pattern: str = r".+") -> None:
        self.expected = expected
        self.pattern = pattern

    def parse(self, raw: object) -> str:
        text = _text(raw)
        if not re.fullmatch(self.pattern, text):
            raise ValueError
        return text


class StoreUrl:
    """A store's URL; kept as its address shows it."""

    expected = "a store's URL: sqlite:///path or arangodb://[user@]host[:port][,host[:port]][/database]"

    def parse(self, raw: object) -> str:
        return parse_store_url(_text(raw)).url


class ServerUrl:
    """The URL of an ArangoDB server."""

    expected = "a server's URL: http://host:port or https://host:port"

    def parse(self, raw: object) -> str:
        return parse_server_url(_text(raw)).server


class Zone:
    """The name of a time zone."""

    expected = 'the name of a time zone, such as "UTC" or "Europe/Berlin"'

    def parse(self, raw: object) -> str:
        name = _text(raw)
        if name != "UTC":
            _look_up_zone(name)
        return name


def _look_up_zone(name: str) -> None:
    from zoneinfo import ZoneInfo  # only where a zone other than UTC is given: it costs 5 ms

    try:
        ZoneInfo(name)
    except (KeyError, OSError) as error:
        raise ValueError from error


class Path:
    """A path; `~` is the home directory."""

    def __init__(self, expected: str = "a path") -> None:
        self.expected = expected

    def parse(self, raw: object) -> str:
        text = _text(os.fspath(raw) if isinstance(raw, os.PathLike) else raw)
        if not text:
            raise ValueError
        return os.path.expanduser(text)


class Many:
    """A list of another kind; as one text, its parts stand between `separator`s."""

    def __init__(self, item: Kind, separator: str, plural: str) -> None:
        self.item = item
        self.separator = separator
        between = {"\n": "a line each", ",": "separated by commas"}.get(separator, f"separated by {separator!r}")
        self.expected = f"a list of {plural} (in an environment variable {between})"

    def parse(self, raw: object) -> tuple[Any, ...]:
        parts = raw.split(self.separator) if isinstance(raw, str) else raw
        if not isinstance(parts, list | tuple):
            raise ValueError
        kept = [part for part in parts if part != ""]
        return tuple(dict.fromkeys(self.item.parse(part) for part in kept))


class Pattern:
    """A regular expression."""

    expected = "a regular expression"

    def parse(self, raw: object) -> str:
        if not isinstance(raw, str):
            raise ValueError
        try:
            re.compile(raw)
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError from error
        return raw


class SecretText:
    """A password: any text, kept as it is."""

    expected = "text"

    def parse(self, raw: object) -> Secret:
        if not isinstance(raw, str):
            raise ValueError
        return Secret(raw)
