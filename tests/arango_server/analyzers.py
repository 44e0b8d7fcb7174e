"""Analyzers: from a text to its tokens with their positions. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import snowballstemmer

from .errors import ArangoError, Unsupported

FEATURES: Final = frozenset(["frequency", "norm", "position", "offset"])
ENGLISH: Final = snowballstemmer.stemmer("english")
REFUSED: Final = frozenset(
    [
        "aql",
        "collation",
        "segmentation",
        "wildcard",
        "geojson",
        "geopoint",
        "geo_s2",
        "minhash",
        "classification",
        "nearest_neighbors",
        "pattern",
    ]
)


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


def _english(given: dict[str, Any]) -> str:
    locale = str(given.get("locale", ""))
    if not re.fullmatch(r"en([_.].*)?|C", locale):
        raise Unsupported(f"analyzer locale {locale!r}")
    return locale


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
    _known("text", given, "locale", "case", "accent", "stemming", "stopwords")
    full = {
        "locale": _english(given),
        "case": given.get("case", "lower"),
        "stopwords": given.get("stopwords"),
        "accent": given.get("accent", False),
        "stemming": given.get("stemming", True),
    }
    if full["stopwords"] is None:
        raise Unsupported("a text analyzer without explicit stopwords: it would load files of the server")
    if full["case"] not in ("lower", "upper", "none"):
        raise ArangoError(10, "invalid 'case'")
    stop = set(full["stopwords"])

    def split(text: str, strict: bool) -> list[str]:
        found = (normal(word, full["case"], full["accent"]) for word in words(text, strict))
        kept = [word for word in found if word not in stop]
        return ENGLISH.stemWords(kept) if full["stemming"] else kept

    return full, split


def _norm(given: dict[str, Any]) -> tuple[dict[str, Any], Split]:
    _known("norm", given, "locale", "case", "accent")
    full = {"locale": _english(given), "case": given.get("case", "none"), "accent": given.get("accent", True)}
    return full, lambda text, strict: [normal(text, full["case"], full["accent"])]


def _stem(given: dict[str, Any]) -> tuple[dict[str, Any], Split]:
    _known("stem", given, "locale")
    return {"locale": _english(given)}, lambda text, strict: [ENGLISH.stemWord(text)]


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
        if strict and ('"' in text or mark * 2 in text or text.startswith(mark) or text.endswith(mark)):
            raise Unsupported("delimiter analyzer: quotes or empty parts")
        return text.split(mark)

    return {"delimiter": mark}, split


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
    simple = full["min"] == full["max"] and full["preserveOriginal"] is False and full["streamType"] == "utf8"
    if not simple or full["startMarker"] or full["endMarker"]:
        raise Unsupported("ngram analyzers other than of one size, utf8, without original and markers")
    size = int(full["min"])
    return full, lambda text, strict: [text[at : at + size] for at in range(len(text) - size + 1)]


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
    "pipeline": _pipeline,
}
BUILT_IN: Final[dict[str, Analyzer]] = {}
BUILT_IN["identity"] = Analyzer("identity", "identity", *_identity({})[:1], ["frequency", "norm"], _identity({})[1])
_TEXT_EN: Final = _text({"locale": "en", "case": "lower", "stopwords": [], "accent": False, "stemming": True})
BUILT_IN["text_en"] = Analyzer("text_en", "text", _TEXT_EN[0], ["frequency", "position", "norm"], _TEXT_EN[1])


def _unknown(text: str, strict: bool) -> list[str]:
    raise Unsupported("built-in analyzers of other languages than English")


for _language in ("de", "es", "fi", "fr", "it", "nl", "no", "pt", "ru", "sv", "zh"):
    _name, _properties = f"text_{_language}", _TEXT_EN[0] | {"locale": _language}
    BUILT_IN[_name] = Analyzer(_name, "text", _properties, ["frequency", "position", "norm"], _unknown)
