"""Analyzers: from a text to its tokens with their positions. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

import snowballstemmer

from .errors import ArangoError, Unsupported

FEATURES: Final = frozenset(["frequency", "norm", "position", "offset"])
STEMMERS: Final = {"en": snowballstemmer.stemmer("english"), "de": snowballstemmer.stemmer("german")}


class Token(NamedTuple):
    """A term and its place among the tokens, from 0."""

    text: str
    position: int


Split = Callable[[str, bool], list[str]]


class Analyzer:
    """A named analyzer with its definition as the server shows it."""

    def __init__(self, name: str, kind: str, properties: dict[str, Any], features: list[str], split: Split) -> None:
        self.name = name
        self.kind = kind
        self.properties = properties
        self.features = features
        self._split = split

    @property
    def has_plain_places(self) -> bool:
        """Does each token stand one place behind the one before?"""
        sizes = [self.properties.get(name) for name in ("min", "max")]
        return self.kind != "aql" and "edgeNgram" not in self.properties and sizes[0] == sizes[1]

    def tokens(self, text: str, *, strict: bool = True) -> list[Token]:
        """The text's tokens; strict refuses texts of whose tokens we are not sure."""
        return [Token(word, at) for at, word in enumerate(self._split(text, strict))]

    def is_same(self, other: Analyzer) -> bool:
        """The same definition?"""
        mine = (self.kind, self.properties, sorted(self.features))
        return mine == (other.kind, other.properties, sorted(other.features))

    def shown(self, database: str) -> dict[str, Any]:
        """As an answer has it; built-in ones have no database in their name."""
        name = self.name if self.name in BUILT_IN else f"{database}::{self.name}"
        return {"name": name, "type": self.kind, "properties": self.properties, "features": self.features}


def make_analyzer(name: str, kind: Any, properties: Any, features: Any) -> Analyzer:
    """An analyzer by its description.

    Raises:
        ArangoError: 10 it is no valid one.
        Unsupported: a kind or property that we do not know.
    """
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,253}", name):
        raise ArangoError(10, f"invalid characters in analyzer name '{name}'")
    if not isinstance(kind, str):
        raise ArangoError(10, "bad parameter")
    listed = list(features or [])
    if set(listed) - FEATURES:
        raise ArangoError(10, "unrecognized analyzer feature")
    if ("offset" in listed and "position" not in listed) or ("position" in listed and "frequency" not in listed):
        raise ArangoError(10, "missing feature 'frequency' or 'position' required by another")
    full, split = _build(kind, properties or {})
    return Analyzer(name, kind, full, listed, split)


def _build(kind: str, given: dict[str, Any]) -> tuple[dict[str, Any], Split]:
    builder = BUILDERS.get(kind)
    if builder is None:
        raise Unsupported(f"analyzer type {kind!r}")
    return builder(given)


def _known(kind: str, given: dict[str, Any], *names: str) -> None:
    if unknown := set(given) - set(names):
        raise Unsupported(f"properties of a {kind} analyzer: {', '.join(sorted(unknown))}")


def _locale(given: dict[str, Any]) -> str:
    locale = str(given.get("locale", ""))
    if not re.fullmatch(r"(en|de)([_.].*)?|C", locale):
        raise Unsupported(f"analyzer locale {locale!r}")
    return locale


def _stemmed(words: list[str], locale: str) -> list[str]:
    if locale == "C":
        raise Unsupported("stemming in no language")
    return list(STEMMERS[locale[:2]].stemWords(words))


def normal(text: str, case: str, accent: bool) -> str:
    """Case and accents as `norm` and `text` treat them."""
    if not accent:
        parts = unicodedata.normalize("NFD", text)
        text = unicodedata.normalize("NFC", "".join(c for c in parts if unicodedata.category(c) != "Mn"))
    return {"lower": text.lower(), "upper": text.upper(), "none": text}[case]


# Unicode word segmentation for scripts with spaces: letters, digits and connectors; apostrophe and full stop join
# letters with letters and digits with digits, comma and semicolon join digits.
WORD: Final = re.compile(
    r"(?:[\w\u0300-\u036f]|(?<=[^\W\d_])['.\u2019\u00b7\u2027](?=[^\W\d_])|(?<=\d)['.,;\u2019](?=\d))+"
)
DICTIONARY: Final = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u30ff\u3400-\u9fff\uac00-\ud7ff]")


def words(text: str, strict: bool) -> list[str]:
    """Words by Unicode's rules, as far as they are simple."""
    if strict and (DICTIONARY.search(text) or any(ord(char) > 0xFFFF for char in text)):
        raise Unsupported("word boundaries in scripts without spaces or outside the basic plane")
    return [word for word in WORD.findall(text) if any(char != "_" for char in word)]


def _identity(given: dict[str, Any]) -> tuple[dict[str, Any], Split]:
    _known("identity", given)
    return {}, lambda text, strict: [text]


def _text(given: dict[str, Any]) -> tuple[dict[str, Any], Split]:
    _known("text", given, "locale", "case", "accent", "stemming", "stopwords", "edgeNgram")
    full = {
        "locale": _locale(given),
        "case": given.get("case", "lower"),
        "stopwords": given.get("stopwords"),
        "accent": given.get("accent", False),
        "stemming": given.get("stemming", True),
    }
    if full["stopwords"] is None:
        raise Unsupported("a text analyzer without explicit stopwords: it would load files of the server")
    if full["case"] not in ("lower", "upper", "none"):
        raise ArangoError(10, "invalid 'case'")
    stop, edge = set(full["stopwords"]), given.get("edgeNgram")
    if edge is not None:
        if set(edge) != {"min", "max", "preserveOriginal"} or not 1 <= edge["min"] <= edge["max"]:
            raise Unsupported(f"edgeNgram {edge}")
        full["edgeNgram"] = edge

    def split(text: str, strict: bool) -> list[str]:
        found = (normal(word, full["case"], full["accent"]) for word in words(text, strict))
        kept = [word for word in found if word not in stop]
        whole = _stemmed(kept, full["locale"]) if full["stemming"] else kept
        return whole if edge is None else [part for word in whole for part in _beginnings(word, edge)]

    return full, split


def _beginnings(word: str, edge: dict[str, Any]) -> list[str]:
    """A word's first characters, so many at least and at most; itself behind them where it is none of them."""
    found = [word[:size] for size in range(edge["min"], min(edge["max"], len(word)) + 1)]
    return found + ([word] if edge["preserveOriginal"] and word not in found else [])


def _norm(given: dict[str, Any]) -> tuple[dict[str, Any], Split]:
    _known("norm", given, "locale", "case", "accent")
    full = {"locale": _locale(given), "case": given.get("case", "none"), "accent": given.get("accent", True)}
    return full, lambda text, strict: [normal(text, full["case"], full["accent"])]


def _stem(given: dict[str, Any]) -> tuple[dict[str, Any], Split]:
    _known("stem", given, "locale")
    return {"locale": _locale(given)}, lambda text, strict: _stemmed([text], given["locale"])


def _stopwords(given: dict[str, Any]) -> tuple[dict[str, Any], Split]:
    _known("stopwords", given, "stopwords", "hex")
    listed, is_hex = given.get("stopwords", []), bool(given.get("hex", False))
    stop = {bytes.fromhex(word).decode() for word in listed} if is_hex else set(listed)
    return {"stopwords": listed, "hex": is_hex}, lambda text, strict: [] if text in stop else [text]


def _delimiter(given: dict[str, Any]) -> tuple[dict[str, Any], Split]:
    _known("delimiter", given, "delimiter")
    mark = given.get("delimiter")
    if not isinstance(mark, str) or not mark:
        raise Unsupported("a delimiter analyzer without a delimiter")

    def split(text: str, strict: bool) -> list[str]:
        if strict and (mark * 2 in text or text.startswith(mark) or text.endswith(mark)):
            raise Unsupported("delimiter analyzer: empty parts")
        if strict and '"' in text:
            return _quoted_parts(text, mark)
        return text.split(mark)

    return {"delimiter": mark}, split


def _quoted_parts(text: str, mark: str) -> list[str]:
    """Parts between marks; one that stands in quotes as a whole may have marks in it."""
    if '"' in mark:
        raise Unsupported("delimiter analyzer: quotes in the delimiter")
    parts = re.findall(rf'(?:"[^"]+"|[^"])+?(?={re.escape(mark)}|$)', text)
    parts = [parts[0], *(part.removeprefix(mark) for part in parts[1:])] if parts else []
    if mark.join(parts) != text or any('"' in part and not re.fullmatch('"[^"]+"', part) for part in parts):
        raise Unsupported("delimiter analyzer: quotes within a part")
    return [part.strip('"') for part in parts]


def _multi_delimiter(given: dict[str, Any]) -> tuple[dict[str, Any], Split]:
    _known("multi_delimiter", given, "delimiters")
    marks = given.get("delimiters")
    if not isinstance(marks, list) or not marks or not all(isinstance(m, str) and m for m in marks):
        raise ArangoError(10, "invalid 'delimiters'")
    if any(a != b and a.startswith(b) for a in marks for b in marks):
        raise Unsupported("delimiters of which one starts with another")
    pattern = re.compile("|".join(re.escape(mark) for mark in marks))
    return {"delimiters": marks}, lambda text, strict: [part for part in pattern.split(text) if part]


def _ngram(given: dict[str, Any]) -> tuple[dict[str, Any], Split]:
    _known("ngram", given, "min", "max", "preserveOriginal", "streamType", "startMarker", "endMarker")
    full = {
        "min": given.get("min"),
        "max": given.get("max"),
        "preserveOriginal": given.get("preserveOriginal"),
        "streamType": given.get("streamType", "binary"),
        "startMarker": given.get("startMarker", ""),
        "endMarker": given.get("endMarker", ""),
    }
    if any(type(full[name]) is not int for name in ("min", "max")) or not 1 <= full["min"] <= full["max"]:
        raise Unsupported("ngram analyzers without sizes")
    if not isinstance(full["preserveOriginal"], bool) or full["streamType"] not in ("utf8", "binary"):
        raise Unsupported("ngram analyzers without preserveOriginal, or of another streamType")

    def split(text: str, strict: bool) -> list[str]:
        if full["streamType"] == "binary" and not text.isascii():
            raise Unsupported("parts of characters")
        return list(_ngrams(text, full))

    return full, split


def _ngrams(text: str, full: dict[str, Any]) -> Iterator[str]:
    """From each place on, the shorter ones first; the whole text, if wanted, behind those of the first place."""
    head, tail, whole = full["startMarker"], full["endMarker"], []
    if full["preserveOriginal"]:
        whole = [f"{head}{text}"] * bool(head) + [f"{text}{tail}"] * bool(tail) or [text]
    for start in range(len(text)):
        for end in range(start + full["min"], min(start + full["max"], len(text)) + 1):
            if end - start == len(text) and whole:
                break
            if start == 0 and head:
                yield head + text[:end]
            else:
                yield text[start:end] + (tail if end == len(text) else "")
        yield from whole
        whole = []


AQL_PROPERTIES: Final = {"collapsePositions": False, "keepNull": True, "batchSize": 10, "memoryLimit": 1_048_576}


def _aql(given: dict[str, Any]) -> tuple[dict[str, Any], Split]:
    """What a query makes of the text; it reads nothing else."""
    from .query import Query
    from .storage import Database

    _known("aql", given, "queryString", "collapsePositions", "keepNull", "batchSize", "memoryLimit", "returnType")
    text = given.get("queryString")
    full = {"queryString": text, **AQL_PROPERTIES, "returnType": "string"} | given
    if not isinstance(text, str) or "@param" not in text or full["returnType"] != "string":
        raise Unsupported("an aql analyzer without a query, or that returns something else than strings")
    query = text

    def split(text: str, strict: bool) -> list[str]:
        nowhere = Database("analyzer", "", vector_index=False)
        rows = Query(nowhere, query, {"param": text}).run()
        if any(not isinstance(row, str) and row is not None for row in rows):
            raise Unsupported("an aql analyzer whose query returns something else than strings")
        return [row or "" for row in rows if row is not None or full["keepNull"]]

    return full, split


def _pipeline(given: dict[str, Any]) -> tuple[dict[str, Any], Split]:
    _known("pipeline", given, "pipeline")
    parts = [(part["type"], *_build(part["type"], part.get("properties", {}))) for part in given.get("pipeline", [])]
    if not parts:
        raise ArangoError(10, "an empty pipeline")

    def split(text: str, strict: bool) -> list[str]:
        found = [text]
        for _, _, step in parts:
            found = [made for word in found for made in step(word, strict)]
        return found

    return {"pipeline": [{"type": kind, "properties": full} for kind, full, _ in parts]}, split


BUILDERS: Final[dict[str, Callable[[dict[str, Any]], tuple[dict[str, Any], Split]]]] = {
    "identity": _identity,
    "text": _text,
    "norm": _norm,
    "stem": _stem,
    "stopwords": _stopwords,
    "delimiter": _delimiter,
    "multi_delimiter": _multi_delimiter,
    "ngram": _ngram,
    "aql": _aql,
    "pipeline": _pipeline,
}
BUILT_IN: Final[dict[str, Analyzer]] = {}
BUILT_IN["identity"] = Analyzer("identity", "identity", *_identity({})[:1], ["frequency", "norm"], _identity({})[1])
for _language in ("en", "de"):
    _full, _split = _text({"locale": _language, "stopwords": []})
    BUILT_IN[f"text_{_language}"] = Analyzer(
        f"text_{_language}", "text", _full, ["frequency", "position", "norm"], _split
    )


def _unknown(text: str, strict: bool) -> list[str]:
    raise Unsupported("built-in analyzers of other languages than English and German")


for _language in ("es", "fi", "fr", "it", "nl", "no", "pt", "ru", "sv", "zh"):
    _name, _properties = f"text_{_language}", BUILT_IN["text_en"].properties | {"locale": _language}
    BUILT_IN[_name] = Analyzer(_name, "text", _properties, ["frequency", "position", "norm"], _unknown)
