"""The query language: text into conditions, by recursive descent. Pure: no I/O, no clock.

    query   = any
    any     = all { "OR" all }
    all     = one { [ "AND" ] one }
    one     = ( "-" | "NOT" ) one | "(" any ")" | phrase | comparison | word | word "*"

What cannot be understood is a `BadQuery` with the position, never a search for something else: a name before
`:` or `=` that is no field is an error, since a misspelt filter that silently finds nothing misleads.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from logagent.errors import BadQuery
from logagent.query.comparison import comparison
from logagent.store.selection import EVERYTHING, And, Condition, Not, Or, TextMatch

MAX_TERMS: Final = 200
MAX_DEPTH: Final = 20


class Token(NamedTuple):
    """A piece of the query: `kind` is word, phrase, compare, open, close, minus or end."""

    kind: str
    text: str
    position: int
    name: str = ""
    op: str = ""
    quoted: bool = False


def parse_query(text: str) -> Condition:
    """The condition that `text` asks for; empty text or `*` alone is everything.

    Run references (`run:@last`) and prefixes stay as written; `references.resolve` looks them up.

    Raises:
        BadQuery: with the 0-based position of what cannot be understood.

    >>> parse_query('timeout -level:debug')
    And(conditions=(TextMatch(text='timeout', form='word'), Not(condition=Compare(field=<Field.LEVEL: 'level'>, \
op='=', value=10))))
    """
    if text.strip() in ("", "*"):
        return EVERYTHING
    return _Parser(tokens(text)).whole()


_SPACE: Final = re.compile(r"[\s\x00-\x1f\x7f]+")
_PHRASE: Final = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_NAMED: Final = re.compile(r"([A-Za-z_][\w.\-]*)(:|!=|>=|<=|=|>|<)(?=[^\s\x00-\x1f\x7f)])")
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)


def tokens(text: str) -> list[Token]:
    """The pieces of `text`, ending with one of kind `end`."""
    _check_encodable(text)
    found: list[Token] = []
    at = 0
    while True:
        if space := _SPACE.match(text, at):
            at = space.end()
        if at >= len(text):
            break
        token, at = _token(text, at)
        found.append(token)
    if sum(token.kind in ("word", "phrase", "compare") for token in found) > MAX_TERMS:
        raise BadQuery(f"more than {MAX_TERMS} terms in one query", position=found[MAX_TERMS].position)
    return [*found, Token("end", "", len(text))]


def _check_encodable(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as wrong:
        raise BadQuery("the query is not valid UTF-8 here", position=wrong.start) from wrong


def _token(text: str, at: int) -> tuple[Token, int]:
    first = text[at]
    if first in "()":
        return Token("open" if first == "(" else "close", first, at), at + 1
    if first == "-":
        return Token("minus", first, at), at + 1
    if first == '"':
        value, end = _phrase(text, at)
        return Token("phrase", value, at, quoted=True), end
    if named := _NAMED.match(text, at):
        value, end, quoted = _value(text, named.end())
        return Token("compare", value, at, named.group(1), named.group(2), quoted), end
    word, end = _word(text, at)
    return Token("word", word, at), end


def _phrase(text: str, at: int) -> tuple[str, int]:
    found = _PHRASE.match(text, at)
    if not found:
        raise BadQuery('the quote that opens here is never closed; write \\" for a quote itself', position=at)
    return _ESCAPED.sub(r"\1", found.group(1)), found.end()


def _value(text: str, at: int) -> tuple[str, int, bool]:
    if text[at] == '"':
        return *_phrase(text, at), True
    return *_word(text, at), False


def _word(text: str, at: int) -> tuple[str, int]:
    """From `at` to a space, a quote, or a `)` that nothing inside the word opened (so `write()` is a word)."""
    depth = 0
    end = at
    while end < len(text) and text[end] != '"' and not _SPACE.match(text[end]):
        depth += {"(": 1, ")": -1}.get(text[end], 0)
        if depth < 0:
            break
        end += 1
    return text[at:end], end


class _Parser:
    """Holds where in the tokens we are; each method takes what it names and returns its condition."""

    def __init__(self, pieces: list[Token]) -> None:
        self._pieces = pieces
        self._at = 0
        self._depth = 0

    def whole(self) -> Condition:
        condition = self._any()
        if self._next.kind == "close":
            raise BadQuery("this ) closes nothing; quote it to search for it", position=self._next.position)
        return condition

    @property
    def _next(self) -> Token:
        return self._pieces[self._at]

    def _take(self) -> Token:
        token = self._next
        self._at += 1
        return token

    def _is_keyword(self, word: str) -> bool:
        return self._next.kind == "word" and self._next.text == word

    def _any(self) -> Condition:
        ways = [self._all()]
        while self._is_keyword("OR"):
            self._take()
            ways.append(self._all())
        return ways[0] if len(ways) == 1 else Or(tuple(ways))

    def _all(self) -> Condition:
        conditions = [self._one()]
        while self._next.kind not in ("close", "end") and not self._is_keyword("OR"):
            if self._is_keyword("AND"):
                self._take()
            conditions.append(self._one())
        return conditions[0] if len(conditions) == 1 else And(tuple(conditions))

    def _one(self) -> Condition:
        token = self._take()
        if token.kind == "minus" or (token.kind == "word" and token.text == "NOT"):
            return self._negated(token)
        if token.kind == "open":
            return self._group(token)
        if token.kind == "compare":
            return _compared(token)
        if token.kind == "phrase" or (token.kind == "word" and token.text not in ("AND", "OR")):
            return _text(token)
        raise BadQuery(_MISSING.get(token.kind, f"{token.text} needs a term on both sides"), position=token.position)

    def _negated(self, sign: Token) -> Condition:
        follows = self._next
        if sign.kind == "minus" and follows.position != sign.position + 1:
            raise BadQuery('nothing stands right after this -; quote it to search for it: "-"', position=sign.position)
        if follows.kind == "minus":
            raise BadQuery('two - in a row; quote what begins with one: "--flag"', position=sign.position)
        return Not(self._nested(sign, self._one))

    def _group(self, opening: Token) -> Condition:
        if self._next.kind == "close":
            raise BadQuery("nothing between these parentheses", position=opening.position)
        condition = self._nested(opening, self._any)
        if self._take().kind != "close":
            raise BadQuery("the ( that opens here is never closed", position=opening.position)
        return condition

    def _nested(self, token: Token, rule: Callable[[], Condition]) -> Condition:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise BadQuery(f"nested more than {MAX_DEPTH} deep", position=token.position)
        condition = rule()
        self._depth -= 1
        return condition


_MISSING: Final = {
    "end": "a term is missing at the end",
    "close": "a term is missing before this )",
}


def _text(token: Token) -> Condition:
    text = token.text
    if not any(character.isalnum() for character in text):
        raise BadQuery(f"{text!r} has no letter or digit to search for", position=token.position)
    if token.kind == "phrase":
        return TextMatch(text, "phrase")
    if "*" in text[:-1]:
        star = token.position + text.index("*")
        raise BadQuery("* stands only at the end of a word; quote it to search for it", position=star)
    return TextMatch(text[:-1], "prefix") if text.endswith("*") else TextMatch(text, "word")


def _compared(token: Token) -> Condition:
    try:
        return comparison(token.name, token.op, token.text, quoted=token.quoted)
    except BadQuery as wrong:
        # The comparison counts positions from its own name; the caret belongs into the whole query.
        raise BadQuery(str(wrong), position=token.position + (wrong.position or 0), hint=wrong.hint) from None
