"""Strings: joining, cutting, trimming, finding, replacing."""

from __future__ import annotations

import re
from typing import Any, Final

from ..errors import Unsupported
from ..functions.registry import MANY, aql, invalid_argument
from ..values import to_number, to_string, truth

BLANKS: Final = "\r\n\t "


@aql(1, MANY)
def concat(_: Any, args: list[Any]) -> str:
    parts = args[0] if len(args) == 1 and isinstance(args[0], list) else args
    return "".join(to_string(part) for part in parts)


@aql(2, MANY)
def concat_separator(_: Any, args: list[Any]) -> str:
    parts = args[1] if len(args) == 2 and isinstance(args[1], list) else args[1:]
    return to_string(args[0]).join(to_string(part) for part in parts if part is not None)


@aql(1)
def char_length(_: Any, args: list[Any]) -> int:
    return len(to_string(args[0]))


@aql(1)
def lower(_: Any, args: list[Any]) -> str:
    return to_string(args[0]).lower()


@aql(1)
def upper(_: Any, args: list[Any]) -> str:
    return to_string(args[0]).upper()


@aql(2, 3)
def substring(_: Any, args: list[Any]) -> str:
    text, offset = to_string(args[0]), int(to_number(args[1]))
    start = max(len(text) + offset, 0) if offset < 0 else offset
    if len(args) < 3:
        return text[start:]
    return text[start : start + max(int(to_number(args[2])), 0)]


@aql(2, 5)
def substring_bytes(context: Any, args: list[Any]) -> str | None:
    data = to_string(args[0]).encode()
    offset = int(to_number(args[1]))
    start = max(len(data) + offset, 0) if offset < 0 else min(offset, len(data))
    end = len(data) if len(args) < 3 else min(start + max(int(to_number(args[2])), 0), len(data))
    try:
        before, middle, after = data[:start].decode(), data[start:end].decode(), data[end:].decode()
    except UnicodeDecodeError:
        invalid_argument(context, "SUBSTRING_BYTES")
        return None
    left = int(to_number(args[3])) if len(args) > 3 else 0
    right = int(to_number(args[4])) if len(args) > 4 else left
    if left < 0 or right < 0:
        raise Unsupported("SUBSTRING_BYTES with a negative number of characters around")
    return before[len(before) - min(left, len(before)) :] + middle + after[:right]


@aql(2)
def left(_: Any, args: list[Any]) -> str:
    return to_string(args[0])[: max(int(to_number(args[1])), 0)]


@aql(2)
def right(_: Any, args: list[Any]) -> str:
    text, count = to_string(args[0]), max(int(to_number(args[1])), 0)
    return text[len(text) - min(count, len(text)) :]


@aql(1, 2)
def trim(_: Any, args: list[Any]) -> str:
    text = to_string(args[0])
    if len(args) == 1:
        return text.strip(BLANKS)
    if isinstance(args[1], str):
        return text.strip(args[1])
    return {1: text.lstrip, 2: text.rstrip}.get(int(to_number(args[1])), text.strip)(BLANKS)


@aql(1, 2)
def ltrim(_: Any, args: list[Any]) -> str:
    return to_string(args[0]).lstrip(to_string(args[1]) if len(args) > 1 else BLANKS)


@aql(1, 2)
def rtrim(_: Any, args: list[Any]) -> str:
    return to_string(args[0]).rstrip(to_string(args[1]) if len(args) > 1 else BLANKS)


@aql(1, 3)
def split(context: Any, args: list[Any]) -> list[str] | None:
    text = to_string(args[0])
    if len(args) == 1 or args[1] is None:
        return [text]
    limit = int(to_number(args[2])) if len(args) > 2 else -1
    if len(args) > 2 and limit < 0:
        invalid_argument(context, "SPLIT")
        return None
    separators = [to_string(s) for s in (args[1] if isinstance(args[1], list) else [args[1]])]
    if "" in separators:
        raise Unsupported("SPLIT with an empty separator")
    parts = re.split("|".join(re.escape(s) for s in separators), text) if separators else [text]
    return parts if limit < 0 else parts[:limit]


def _replacements(context: Any, args: list[Any]) -> dict[str, str] | None:
    search, replace = args[1], args[2] if len(args) > 2 else None
    if isinstance(search, dict):
        return {key: to_string(value) for key, value in search.items()}
    wanted = search if isinstance(search, list) else [search]
    if isinstance(replace, list):
        if not isinstance(search, list):
            return {to_string(search): to_string(replace[0]) if replace else ""}
        texts = [to_string(r) for r in replace]
    else:
        texts = [to_string(replace)] * len(wanted)
    found: dict[str, str] = {}
    for position, word in enumerate(wanted):
        if not isinstance(word, str):
            raise Unsupported("SUBSTITUTE of something else than strings")
        found.setdefault(word, texts[position] if position < len(texts) else "")
    return found


@aql(2, 4)
def substitute(context: Any, args: list[Any]) -> str | None:
    # With an object, the limit is the third argument.
    limit_at = 2 if isinstance(args[1], dict) else 3
    limit = int(to_number(args[limit_at])) if len(args) > limit_at else -1
    if isinstance(args[1], dict) and len(args) > 3:
        raise Unsupported("SUBSTITUTE with an object and four arguments")
    if len(args) > limit_at and limit < 0:
        invalid_argument(context, "SUBSTITUTE")
        return None
    table = _replacements(context, args)
    if table is None or "" in table:
        raise Unsupported("SUBSTITUTE of an empty string")
    text = to_string(args[0])
    if not table or limit == 0:
        return text
    ordered = list(table)
    if any(a != b and a.startswith(b) for a in ordered for b in ordered):
        raise Unsupported("SUBSTITUTE where one search string starts with another")
    pattern = "|".join(re.escape(word) for word in ordered)
    return re.sub(pattern, lambda match: table[match[0]], text, count=max(limit, 0))


@aql(2, 3)
def contains(_: Any, args: list[Any]) -> bool | int:
    text, search = to_string(args[0]), to_string(args[1])
    position = text.find(search) if search else -1
    if len(args) > 2 and truth(args[2]):
        return position
    return position >= 0


def _find_bounds(args: list[Any], length: int) -> tuple[int, int] | None:
    start = int(to_number(args[2])) if len(args) > 2 else 0
    end = int(to_number(args[3])) + 1 if len(args) > 3 and args[3] is not None else length
    return None if start < 0 or end < start or end < 0 else (start, end)


@aql(2, 4)
def find_first(_: Any, args: list[Any]) -> int:
    text, search = to_string(args[0]), to_string(args[1])
    if not search:
        raise Unsupported("FIND_FIRST of an empty string")
    bounds = _find_bounds(args, len(text))
    return -1 if bounds is None else text.find(search, *bounds)


@aql(2, 4)
def find_last(_: Any, args: list[Any]) -> int:
    text, search = to_string(args[0]), to_string(args[1])
    if not search:
        raise Unsupported("FIND_LAST of an empty string")
    bounds = _find_bounds(args, len(text))
    return -1 if bounds is None else text.rfind(search, *bounds)


@aql(2, 3)
def repeat(context: Any, args: list[Any]) -> str | None:
    count = int(to_number(args[1]))
    if count < 0:
        invalid_argument(context, "REPEAT")
        return None
    return (to_string(args[2]) if len(args) > 2 else "").join([to_string(args[0])] * count)


@aql(1)
def reverse(_: Any, args: list[Any]) -> Any:
    if isinstance(args[0], list):
        return args[0][::-1]
    if isinstance(args[0], str):
        if any(char > "\uffff" or "\u0300" <= char <= "\u036f" or char == "\ufe0f" for char in args[0]):
            raise Unsupported("REVERSE of combining or supplementary characters")
        return args[0][::-1]
    raise Unsupported("REVERSE of neither array nor string")


@aql(1)
def to_char(_: Any, args: list[Any]) -> str | None:
    number = to_number(args[0])
    return chr(int(number)) if 0 <= number <= 0x10FFFF else None


@aql(2)
def levenshtein_distance(_: Any, args: list[Any]) -> int:
    one, other = to_string(args[0]), to_string(args[1])
    plain, transposed = _distance(one, other, False), _distance(one, other, True)
    if plain != transposed:
        raise Unsupported("LEVENSHTEIN_DISTANCE where a transposition would matter")
    return plain


def _distance(one: str, other: str, transpositions: bool) -> int:
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, char in enumerate(one, 1):
        current = [row]
        for column, other_char in enumerate(other, 1):
            best = min(last[column] + 1, current[-1] + 1, last[column - 1] + (char != other_char))
            swapped = row > 1 and column > 1 and char == other[column - 2] and one[row - 2] == other_char
            if transpositions and swapped:
                best = min(best, before[column - 2] + 1)
            current.append(best)
        before, last = last, current
    return last[-1]


@aql(1)
def to_hex(_: Any, args: list[Any]) -> str:
    return to_string(args[0]).encode().hex()
