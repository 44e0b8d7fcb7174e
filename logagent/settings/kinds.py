"""Kinds of settings: how a raw value becomes a typed one, and which values there are.

A raw value is what TOML, an environment variable or a flag gave: text, number, boolean or a list of text. A
kind answers `parse` with the typed value or with ValueError; `expected` says which values there are, so that
every message names the range in the same words as the sample file.
"""

from __future__ import annotations

import json
import math
import os
import re
from dataclasses import dataclass
from typing import Any, Final, Protocol

from logagent.settings.addresses import parse_server_url, parse_store_url
from logagent.settings.secret import Secret

KIB: Final = 1024
MIB: Final = 1024 * KIB
GIB: Final = 1024 * MIB

_DURATION: Final = re.compile(r"([0-9]{1,12}(?:\.[0-9]{0,12})?|\.[0-9]{1,12})\s*(ms|s|m|h|d)?", re.ASCII)
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE: Final = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,9})?)\s*([a-z]*)", re.ASCII)
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

    @property
    def expected(self) -> str:
        """The values there are, with their unit, as the end of the sentence 'expected ...'."""
        ...

    def parse(self, raw: object) -> Any:
        """The typed value; relative paths stay relative.

        Raises:
            ValueError: `raw` is none of the values there are; the error's text, where there is one, is advice.
        """
        ...

    def toml(self, value: Any) -> str:
        """The value as written in TOML."""
        ...


def _number(raw: object) -> int | float:
    if isinstance(raw, bool) or not isinstance(raw, int | float) or not math.isfinite(raw):
        raise ValueError
    return raw


def _text(raw: object) -> str:
    if not isinstance(raw, str) or "\0" in raw:
        raise ValueError
    return raw.strip()


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number of something."""

    low: int
    high: int
    unit: str

    @property
    def expected(self) -> str:
        return f"a whole number from {self.low} to {self.high} ({self.unit})"

    def parse(self, raw: object) -> int:
        value = int(raw) if isinstance(raw, str) and re.fullmatch(r"\s*[+-]?[0-9]{1,18}\s*", raw) else raw
        if isinstance(value, bool) or not isinstance(value, int) or not self.low <= value <= self.high:
            raise ValueError
        return value

    def toml(self, value: int) -> str:
        return str(value)


@dataclass(frozen=True, slots=True)
class Seconds:
    """A span of time: a number of seconds, or text with a unit (`500ms`, `2s`, `5m`, `1h`, `7d`)."""

    low: float
    high: float

    @property
    def expected(self) -> str:
        return f"a number of seconds from {self.low:g} to {self.high:g}, or text such as '500ms', '2s', '5m', '1h'"

    def parse(self, raw: object) -> float:
        value = _seconds(raw) if isinstance(raw, str) else float(_number(raw))
        if not self.low <= value <= self.high:
            raise ValueError
        return value

    def toml(self, value: float) -> str:
        return f"{value:g}"


def _seconds(text: str) -> float:
    found = _DURATION.fullmatch(text.strip().lower())
    if not found:
        raise ValueError
    return float(found[1]) * _SECONDS[found[2] or "s"]


@dataclass(frozen=True, slots=True)
class Bytes:
    """A number of bytes, or text with a unit (`64 KiB`, `10 MB`, `1 GiB`)."""

    low: int
    high: int

    @property
    def expected(self) -> str:
        low, high = shown_bytes(self.low), shown_bytes(self.high)
        return f"a number of bytes from {low} to {high}, or text such as '4 MiB', '10 MB'"

    def parse(self, raw: object) -> int:
        value = _bytes(raw) if isinstance(raw, str) else _number(raw)
        if not isinstance(value, int) or not self.low <= value <= self.high:
            raise ValueError
        return value

    def toml(self, value: int) -> str:
        text = shown_bytes(value)
        return text if text.isdigit() else f'"{text}"'


def _bytes(text: str) -> int:
    found = _SIZE.fullmatch(text.strip().lower())
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


@dataclass(frozen=True, slots=True)
class Switch:
    """On or off."""

    expected: str = "true or false"

    def parse(self, raw: object) -> bool:
        if isinstance(raw, bool):
            return raw
        word = _text(raw).lower()
        if word not in _WORDS:
            raise ValueError
        return _WORDS[word]

    def toml(self, value: bool) -> str:
        return "true" if value else "false"


@dataclass(frozen=True, slots=True)
class Choice:
    """One word of a closed list, in any case."""

    words: tuple[str, ...]

    @property
    def expected(self) -> str:
        return "one of " + ", ".join(f'"{word}"' for word in self.words)

    def parse(self, raw: object) -> str:
        given = _text(raw).lower()
        for word in self.words:
            if word.lower() == given:
                return word
        raise ValueError

    def toml(self, value: str) -> str:
        return json.dumps(value)


@dataclass(frozen=True, slots=True)
class Text:
    """Text that `pattern` matches as a whole; `expected` says it in words."""

    expected: str
    pattern: str = r".+"

    def parse(self, raw: object) -> str:
        text = _text(raw)
        if not re.fullmatch(self.pattern, text):
            raise ValueError
        return text

    def toml(self, value: str | None) -> str:
        return json.dumps(value or "")


@dataclass(frozen=True, slots=True)
class StoreUrl:
    """A store's URL; kept as its address shows it."""

    expected: str = "a store's URL: sqlite:///path or arangodb://[user@]host[:port][/database]"

    def parse(self, raw: object) -> str:
        return parse_store_url(_text(raw)).url

    def toml(self, value: str | None) -> str:
        return json.dumps(value or "")


@dataclass(frozen=True, slots=True)
class ServerUrl:
    """The URL of an ArangoDB server."""

    expected: str = "a server's URL: http://host:port or https://host:port"

    def parse(self, raw: object) -> str:
        return parse_server_url(_text(raw)).server

    def toml(self, value: str) -> str:
        return json.dumps(value)


@dataclass(frozen=True, slots=True)
class Zone:
    """The name of a time zone."""

    expected: str = 'the name of a time zone, such as "UTC" or "Europe/Berlin"'

    def parse(self, raw: object) -> str:
        name = _text(raw)
        if name != "UTC":
            _look_up_zone(name)
        return name

    def toml(self, value: str) -> str:
        return json.dumps(value)


def _look_up_zone(name: str) -> None:
    from zoneinfo import ZoneInfo  # only where a zone other than UTC is given: it costs 5 ms

    try:
        ZoneInfo(name)
    except (KeyError, OSError) as error:
        raise ValueError from error


@dataclass(frozen=True, slots=True)
class Path:
    """A path; `~` is the home directory."""

    expected: str = "a path"

    def parse(self, raw: object) -> str:
        text = _text(os.fspath(raw) if isinstance(raw, os.PathLike) else raw)
        if not text:
            raise ValueError
        return os.path.expanduser(text)

    def toml(self, value: str | None) -> str:
        return json.dumps(value or "")


@dataclass(frozen=True, slots=True)
class Many:
    """A list of another kind; as one text, its parts stand between `separator`s."""

    item: Kind
    separator: str
    plural: str

    @property
    def expected(self) -> str:
        between = {"\n": "a line each", ",": "separated by commas"}.get(
            self.separator, f"separated by {self.separator!r}"
        )
        return f"a list of {self.plural} (in an environment variable {between})"

    def parse(self, raw: object) -> tuple[Any, ...]:
        parts = raw.split(self.separator) if isinstance(raw, str) else raw
        if not isinstance(parts, list | tuple):
            raise ValueError
        kept = [part for part in parts if part != ""]
        return tuple(dict.fromkeys(self.item.parse(part) for part in kept))

    def toml(self, value: tuple[Any, ...]) -> str:
        return "[" + ", ".join(self.item.toml(item) for item in value) + "]"


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular expression."""

    expected: str = "a regular expression"

    def parse(self, raw: object) -> str:
        if not isinstance(raw, str):
            raise ValueError
        try:
            re.compile(raw)
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError from error
        return raw

    def toml(self, value: str) -> str:
        return json.dumps(value)


@dataclass(frozen=True, slots=True)
class SecretText:
    """A password: any text, kept as it is."""

    expected: str = "text"

    def parse(self, raw: object) -> Secret:
        if not isinstance(raw, str):
            raise ValueError
        return Secret(raw)

    def toml(self, value: Secret | None) -> str:
        return json.dumps(str(value))
