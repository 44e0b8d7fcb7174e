"""Patterns, hashes, encodings: what is done with a string as a whole."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import string
import uuid
from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote

import orjson

from ..errors import ArangoError, Unsupported
from ..functions.registry import aql, invalid_argument, warn_in
from ..functions.strings import split_limit
from ..values import rank, to_json, to_number, to_string, truth


@lru_cache(maxsize=512)
def like_pattern(pattern: str, ignore_case: bool) -> re.Pattern[str]:
    """LIKE's pattern: % any number of characters, _ one, backslash escapes them and itself.

    Before a character that means something in a regular expression a backslash is dropped, likewise at the end.
    """
    if ignore_case and not pattern.isascii():
        raise Unsupported("LIKE in either case beyond ASCII")
    out, escaped = "", False
    for char in pattern:
        if char == "\\":
            out += r"\\" if escaped else ""
            escaped = not escaped
            continue
        if char in "%_":
            out += char if escaped else ".*" if char == "%" else "."
        else:
            out += (r"\\" if escaped and char not in "?+[(){}^$|.*" else "") + re.escape(char)
        escaped = False
    return re.compile(out, re.DOTALL | (re.IGNORECASE if ignore_case else 0))


ODD_LINE_ENDS: Final = re.compile("[\x0b\x0c\x85\u2028\u2029]")


def is_like(text: Any, pattern: Any, ignore_case: bool = False) -> bool:
    """Does the whole text match?"""
    text = to_string(text)
    if ODD_LINE_ENDS.search(text) or (ignore_case and not text.isascii()):
        raise Unsupported("LIKE on a text with line ends of other kinds, or in either case beyond ASCII")
    return like_pattern(to_string(pattern), ignore_case).fullmatch(text) is not None


@lru_cache(maxsize=512)
def icu_pattern(pattern: str, ignore_case: bool) -> re.Pattern[str]:
    """An ICU expression as Python's, where the two agree; else refused or None (invalid)."""
    if re.search(r"\[[^\]]*(\[|&&|--)|\\[pPQERXNhHvVkKuUzZGAL]|\(\?[^:=!]|[*+?}]\+|\[:", pattern):
        raise Unsupported(f"regular expression {pattern!r}")
    if re.search(r"\\[wWdDsSb]", pattern):
        flags = re.ASCII if re.fullmatch(r"[\x00-\x7f]*", pattern) else 0
        return re.compile(pattern.replace(r"\b", r"\b"), flags | (re.IGNORECASE if ignore_case else 0))
    return re.compile(pattern, re.IGNORECASE if ignore_case else 0)


def _regex(context: Any, name: str, args: list[Any], at: int) -> re.Pattern[str] | None:
    ignore_case = len(args) > at and truth(args[at])
    try:
        return icu_pattern(to_string(args[1]), ignore_case)
    except re.error:
        warn_in(context, name, 1543)
        return None


def matches_regex(context: Any, text: Any, pattern: Any) -> bool | None:
    """`=~`."""
    compiled = _regex(context, "REGEX_TEST", [text, pattern], 2)
    return None if compiled is None else compiled.search(to_string(text)) is not None


@aql(2, 3)
def like(_: Any, args: list[Any]) -> bool:
    return is_like(args[0], args[1], len(args) > 2 and truth(args[2]))


@aql(2, 3)
def regex_test(context: Any, args: list[Any]) -> bool | None:
    compiled = _regex(context, "REGEX_TEST", args, 2)
    return None if compiled is None else compiled.search(to_string(args[0])) is not None


@aql(2, 3)
def regex_matches(context: Any, args: list[Any]) -> list[str] | None:
    compiled = _regex(context, "REGEX_MATCHES", args, 2)
    match = compiled.search(to_string(args[0])) if compiled else None
    if match is None:
        return None
    return [match[0], *(group or "" for group in match.groups())]


@aql(3, 4)
def regex_replace(context: Any, args: list[Any]) -> str | None:
    compiled = _regex(context, "REGEX_REPLACE", args, 3)
    replacement = to_string(args[2])
    if "$" in replacement or "\\" in replacement:
        raise Unsupported("REGEX_REPLACE with references in the replacement")
    return None if compiled is None else compiled.sub(lambda _: replacement, to_string(args[0]))


@aql(2, 4)
def regex_split(context: Any, args: list[Any]) -> list[str] | None:
    limit = split_limit(context, "REGEX_SPLIT", args, 3)
    if limit is not None and limit <= 0:
        return [] if limit == 0 else None
    compiled = _regex(context, "REGEX_SPLIT", args, 2)
    if compiled is None:
        return None
    if compiled.match(""):
        raise Unsupported("REGEX_SPLIT with empty matches")
    parts = [part or "" for part in compiled.split(to_string(args[0]))]
    if len(parts) > 1 and (parts[-1] == "" or parts[0] == ""):
        raise Unsupported("REGEX_SPLIT with a match at the border")
    if len(parts) >= SPLIT_AT_ONCE:
        raise Unsupported(f"REGEX_SPLIT to {SPLIT_AT_ONCE} parts and more: the server does it piece by piece")
    return parts[:limit]


SPLIT_AT_ONCE: Final = 16


@aql(1)
def md5(_: Any, args: list[Any]) -> str:
    return hashlib.md5(to_string(args[0]).encode(), usedforsecurity=False).hexdigest()


@aql(1)
def sha1(_: Any, args: list[Any]) -> str:
    return hashlib.sha1(to_string(args[0]).encode(), usedforsecurity=False).hexdigest()


@aql(1)
def sha256(_: Any, args: list[Any]) -> str:
    return hashlib.sha256(to_string(args[0]).encode()).hexdigest()


@aql(1)
def sha512(_: Any, args: list[Any]) -> str:
    return hashlib.sha512(to_string(args[0]).encode()).hexdigest()


CASTAGNOLI: Final = 0x82F63B78


@aql(1)
def crc32(_: Any, args: list[Any]) -> str:
    crc = 0xFFFFFFFF
    for byte in to_string(args[0]).encode():
        crc ^= byte
        for _bit in range(8):
            crc = (crc >> 1) ^ (CASTAGNOLI if crc & 1 else 0)
    return f"{crc ^ 0xFFFFFFFF:X}"


@aql(1)
def fnv64(_: Any, args: list[Any]) -> str:
    number = 0xCBF29CE484222325
    for byte in to_string(args[0]).encode():
        number = (number ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{number:X}"


@aql(1)
def to_base64(_: Any, args: list[Any]) -> str:
    return base64.b64encode(to_string(args[0]).encode()).decode()


@aql(1)
def encode_uri_component(_: Any, args: list[Any]) -> str:
    return quote(to_string(args[0]), safe="-_.!~*'()")


@aql(0)
def uuid_(_: Any, args: list[Any]) -> str:
    return str(uuid.uuid4())


@aql(1)
def random_token(_: Any, args: list[Any]) -> str:
    length = int(to_number(args[0]))
    if not 0 <= length <= LONGEST_TOKEN:
        raise ArangoError(1542, "invalid argument type in call to function 'RANDOM_TOKEN()'")
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(length))


LONGEST_TOKEN: Final = 65_536


@aql(1)
def json_stringify(_: Any, args: list[Any]) -> str:
    return to_json(args[0]) if isinstance(args[0], str) else to_string(args[0]) if args[0] is not None else "null"


@aql(1)
def json_parse(context: Any, args: list[Any]) -> Any:
    if not isinstance(args[0], str):
        invalid_argument(context, "JSON_PARSE")
        return None
    try:
        return orjson.loads(args[0])
    except orjson.JSONDecodeError:
        invalid_argument(context, "JSON_PARSE")
        return None


IPV4: Final = re.compile(r"(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}")


@aql(1)
def is_ipv4(_: Any, args: list[Any]) -> bool:
    return isinstance(args[0], str) and IPV4.fullmatch(args[0]) is not None


@aql(1)
def ipv4_to_number(context: Any, args: list[Any]) -> int | None:
    if not is_ipv4(context, args):
        invalid_argument(context, "IPV4_TO_NUMBER")
        return None
    return int.from_bytes(bytes(int(part) for part in args[0].split(".")), "big")


@aql(1)
def ipv4_from_number(context: Any, args: list[Any]) -> str | None:
    number = int(args[0]) if rank(args[0]) == 2 else -1
    if not 0 <= number <= 0xFFFFFFFF:
        invalid_argument(context, "IPV4_FROM_NUMBER")
        return None
    return ".".join(str(byte) for byte in number.to_bytes(4, "big"))
