"""Strings: joining, cutting, trimming, finding, replacing."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import Any, Final

from ..errors import Unsupported
from ..functions.registry import MANY, aql, invalid_argument, warn_in
from ..values import rank, to_number, to_string, truth

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
    """Of a string its characters; of arrays and objects the bytes of their text."""
    text = to_string(args[0])
    return len(text.encode()) if isinstance(args[0], (list, dict)) else len(text)


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
    if not isinstance(args[0], str):
        warn_in(context, "SUBSTRING_BYTES", 10)
        return None
    data = args[0].encode()
    offset = int(to_number(args[1]))
    start = max(len(data) + offset, 0) if offset < 0 else min(offset, len(data))
    end = len(data) if len(args) < 3 else min(start + max(int(to_number(args[2])), 0), len(data))
    try:
        before, middle, after = data[:start].decode(), data[start:end].decode(), data[end:].decode()
    except UnicodeDecodeError:
        warn_in(context, "SUBSTRING_BYTES", 10)
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
    side = int(args[1]) if rank(args[1]) == 2 else 0
    return {1: text.lstrip, 2: text.rstrip}.get(side, text.strip)(BLANKS)


@aql(1, 2)
def ltrim(_: Any, args: list[Any]) -> str:
    return to_string(args[0]).lstrip(to_string(args[1]) if len(args) > 1 else BLANKS)


@aql(1, 2)
def rtrim(_: Any, args: list[Any]) -> str:
    return to_string(args[0]).rstrip(to_string(args[1]) if len(args) > 1 else BLANKS)


@aql(1, 3)
def split(context: Any, args: list[Any]) -> list[Any] | None:
    limit = split_limit(context, "SPLIT", args, 2)
    if limit is not None and limit <= 0:
        return [] if limit == 0 else None
    if len(args) == 1:
        return [args[0]]
    if isinstance(args[1], dict):
        invalid_argument(context, "SPLIT")
        return None
    separators = args[1] if isinstance(args[1], list) else [args[1]]
    if not separators or not all(isinstance(s, str) for s in separators):
        raise Unsupported("SPLIT by something else than strings")
    text = to_string(args[0])
    if "" in separators:
        if len(text) > LONGEST_SPELT or any(char > "\uffff" for char in text):
            raise Unsupported("SPLIT of a longer text into its characters")
        return list(text)[:limit]
    return re.split("|".join(re.escape(s) for s in separators), text)[:limit]


LONGEST_SPELT: Final = 14
"""Characters; beyond them the server goes on in a way that nobody wrote down."""


def split_limit(context: Any, name: str, args: list[Any], at: int) -> int | None:
    """How many parts at most: None for all of them, below 0 where the answer is null."""
    if len(args) <= at:
        return None
    if rank(args[at]) != 2:
        invalid_argument(context, name)
        return -1
    return int(args[at])


def _replacements(args: list[Any]) -> dict[str, str] | None:
    """By search string; null where something is no string."""
    search, replace = args[1], args[2] if len(args) > 2 else ""
    if isinstance(search, dict):
        wanted, texts = list(search), list(search.values())
    else:
        wanted = search if isinstance(search, list) else [search]
        texts = replace if isinstance(replace, list) else [replace] * max(len(wanted), 1)
        if not isinstance(replace, (list, str)):
            return None
    if not all(isinstance(word, str) for word in wanted) or not all(t is None or isinstance(t, str) for t in texts):
        return None
    found: dict[str, str] = {}
    for position, word in enumerate(wanted):
        found.setdefault(word, (texts[position] if position < len(texts) else None) or "")
    return found


@aql(2, 4)
def substitute(context: Any, args: list[Any]) -> str | None:
    # With an object, the limit is the third argument.
    limit_at = 2 if isinstance(args[1], dict) else 3
    limit = min(int(to_number(args[limit_at])), 1 << 30) if len(args) > limit_at else -1
    if isinstance(args[1], dict) and len(args) > 3:
        raise Unsupported("SUBSTITUTE with an object and four arguments")
    if len(args) > limit_at and limit < 0:
        raise Unsupported("SUBSTITUTE with a negative limit")
    table = _replacements(args)
    if table is None:
        invalid_argument(context, "SUBSTITUTE")
        return None
    if "" in table:
        raise Unsupported("SUBSTITUTE of an empty string")
    text = to_string(args[0])
    check_searchable(text, *table)
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
        if position > 0 and not text[:position].isascii():
            raise Unsupported("CONTAINS: the place after characters beyond ASCII")
        return position
    return position >= 0


def check_searchable(*texts: str) -> None:
    """Refuse what the server's collation finds otherwise than byte by byte."""
    if any((char < " " and char not in "\t\n\r") or char == "\x7f" or char > "\u00ff" for t in texts for char in t):
        raise Unsupported("looking for text with control characters or beyond Latin letters")


def _found_at(name: str, args: list[Any]) -> list[int]:
    """Where a text is found, from place to place without overlaps, as far as it lies within the bounds."""
    text, search = to_string(args[0]), to_string(args[1])
    if not search:
        raise Unsupported(f"{name} of an empty string")
    check_searchable(text, search)
    start = int(to_number(args[2])) if len(args) > 2 else 0
    end = int(to_number(args[3])) if len(args) > 3 and args[3] is not None else len(text)
    if start < 0 or end < start:
        return []
    places = [match.start() for match in re.finditer(re.escape(search), text)]
    return [place for place in places if place >= start and place + len(search) - 1 <= end]


@aql(2, 4)
def find_first(_: Any, args: list[Any]) -> int:
    return next(iter(_found_at("FIND_FIRST", args)), -1)


@aql(2, 4)
def find_last(_: Any, args: list[Any]) -> int:
    return [-1, *_found_at("FIND_LAST", args)][-1]


@aql(2, 3)
def repeat(context: Any, args: list[Any]) -> str | None:
    count = int(to_number(args[1]))
    if count < 0:
        invalid_argument(context, "REPEAT")
        return None
    if count * (len(to_string(args[0])) + 1) > 1 << 20:
        raise Unsupported("REPEAT to more than a million characters")
    return (to_string(args[2]) if len(args) > 2 else "").join([to_string(args[0])] * count)


@aql(1)
def reverse(context: Any, args: list[Any]) -> Any:
    if isinstance(args[0], list):
        return args[0][::-1]
    if isinstance(args[0], str):
        if any(char > "\uffff" for char in args[0]):
            raise Unsupported("REVERSE of supplementary characters")
        return args[0][::-1]
    warn_in(context, "REVERSE", 1563)
    return None


@aql(1)
def to_char(context: Any, args: list[Any]) -> str | None:
    code = int(args[0]) if rank(args[0]) == 2 else -1
    if code < 0:
        invalid_argument(context, "TO_CHAR")
        return None
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        raise Unsupported("TO_CHAR of no character")
    return chr(code)


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


SOUNDS: Final = {
    letter: str(code)
    for code, letters in enumerate(("bfpv", "cgjkqsxz", "dt", "l", "mn", "r"), 1)
    for letter in letters
}


@aql(1)
def soundex(_: Any, args: list[Any]) -> str:
    """The first letter as a capital, and the sounds of those behind it, each once as long as it lasts."""
    text = re.sub("^[^a-zA-Z]+", "", to_string(args[0]))
    found, before = text[:1].upper(), ""
    for letter in text[1:].lower():
        code = SOUNDS.get(letter, "")
        found += code if code != before else ""
        before = code
    return found[:4].ljust(4, "0") if found else ""


@aql(1)
def to_hex(_: Any, args: list[Any]) -> str:
    return to_string(args[0]).encode().hex()


def _single(number: float) -> float:
    """In single precision, in which the server computes likeness."""
    return float(struct.unpack("f", struct.pack("f", number))[0])


def _likeness(text: str, target: str, size: int, same: Callable[[str, str], float]) -> float:
    """The most that n-grams of the target, in their order, are like those of the text; all together."""
    grams, best = [text[at : at + size] for at in range(len(text) - size + 1)], [0.0]
    best += [0.0] * len(grams)
    corner = 0.0  # the server does not begin each row anew with it
    for start in range(len(target) - size + 1):
        for at, gram in enumerate(grams, 1):
            above = best[at]
            best[at] = max(best[at - 1], above, _single(corner + same(target[start : start + size], gram)))
            corner = above
    return best[-1]


def _similarity(context: Any, name: str, args: list[Any], *, places: bool) -> float | None:
    text, target, size = args[0], args[1], int(args[2]) if rank(args[2]) == 2 else None
    if not isinstance(text, str) or not isinstance(target, str) or size is None:
        invalid_argument(context, name)
        return None
    if size < 1:
        raise Unsupported(f"the text of the warning about {name} with n-grams of no size")
    if places and len(target) > len(text):
        text, target = target, text
    if min(len(text), len(target)) < size:
        if not places:
            return float(text == target)
        equal_places = sum(one == other for one, other in zip(target, text, strict=False))
        return _single(equal_places / len(text)) if text else 1.0
    if places:
        found = _likeness(text, target, size, lambda one, other: _single(sum(map(str.__eq__, one, other)) / size))
        return _single(found / (len(text) - size + 1))
    return _single(_likeness(text, target, size, lambda one, other: float(one == other)) / (len(target) - size + 1))


@aql(3)
def ngram_similarity(context: Any, args: list[Any]) -> float | None:
    """How many of the second text's n-grams are in the first one."""
    return _similarity(context, "NGRAM_SIMILARITY", args, places=False)


@aql(3)
def ngram_positional_similarity(context: Any, args: list[Any]) -> float | None:
    """How alike the n-grams of two texts are, character by character."""
    return _similarity(context, "NGRAM_POSITIONAL_SIMILARITY", args, places=True)
