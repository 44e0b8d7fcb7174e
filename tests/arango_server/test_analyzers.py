"""Analyzers: which tokens they make, in which order."""

from __future__ import annotations

from typing import Any

import pytest

from arango_server.client import Client

NGRAM = {"preserveOriginal": False, "streamType": "utf8"}
TEXT = {"locale": "en", "stopwords": [], "stemming": False}
MADE: list[tuple[str, dict[str, Any], str, list[str]]] = [
    ("ngram", NGRAM | {"min": 3, "max": 3}, "foobar", ["foo", "oob", "oba", "bar"]),
    ("ngram", NGRAM | {"min": 2, "max": 3}, "abc", ["ab", "abc", "bc"]),
    ("ngram", NGRAM | {"min": 2, "max": 2, "preserveOriginal": True}, "abc", ["ab", "abc", "bc"]),
    ("ngram", NGRAM | {"min": 2, "max": 3, "preserveOriginal": True}, "abc", ["ab", "abc", "bc"]),
    ("ngram", NGRAM | {"min": 5, "max": 5, "preserveOriginal": True}, "abc", ["abc"]),
    ("ngram", NGRAM | {"min": 2, "max": 2, "startMarker": "^", "endMarker": "$"}, "abc", ["^ab", "bc$"]),
    (
        "ngram",
        NGRAM | {"min": 2, "max": 2, "startMarker": "^", "endMarker": "$", "preserveOriginal": True},
        "abc",
        ["^ab", "^abc", "abc$", "bc$"],
    ),
    (
        "text",
        TEXT | {"edgeNgram": {"min": 3, "max": 6, "preserveOriginal": True}},
        "Ocean Equilibrium of",
        ["oce", "ocea", "ocean", "equ", "equi", "equil", "equili", "equilibrium", "of"],
    ),
    ("text", TEXT | {"edgeNgram": {"min": 3, "max": 6, "preserveOriginal": False}}, "of sea", ["sea"]),
    ("stem", {"locale": "de"}, "dolore", ["dolor"]),
    ("aql", {"queryString": "RETURN SOUNDEX(@param)"}, "example", ["E251"]),
    ("aql", {"queryString": "FOR p IN SPLIT(@param, ' ') RETURN p == 'x' ? null : p"}, "a x", ["a", ""]),
    ("aql", {"queryString": "FOR p IN [@param, null] RETURN p", "keepNull": False}, "a", ["a"]),
]


@pytest.mark.parametrize(("kind", "properties", "text", "tokens"), MADE)
def test_tokens(client: Client, kind: str, properties: dict[str, Any], text: str, tokens: list[str]) -> None:
    """As documented, and where that is silent as the source has it."""
    made = client.send("POST", "/_api/analyzer", {"name": "own", "type": kind, "properties": properties})
    assert made.status == 201, made.body
    assert client.query("RETURN TOKENS(@text, 'own')", {"text": text}) == [tokens]
    client.send("DELETE", "/_api/analyzer/own")
