"""The query language: what is understood, and what is refused where."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from logagent.errors import BadQuery
from logagent.query.language import parse_query
from logagent.query.render.failure import error_text
from logagent.query.wording import query_text
from logagent.store.selection import (
    EVERYTHING,
    And,
    Compare,
    CompareExtra,
    Field,
    Has,
    Not,
    Or,
    TextMatch,
)


def word(text: str) -> TextMatch:
    return TextMatch(text)


UNDERSTOOD = {
    "": EVERYTHING,
    " * ": EVERYTHING,
    "timeout": word("timeout"),
    "a b": And((word("a"), word("b"))),
    "a AND b": And((word("a"), word("b"))),
    "a b OR c": Or((And((word("a"), word("b"))), word("c"))),
    "a (b OR c)": And((word("a"), Or((word("b"), word("c"))))),
    '"refused by peer"': TextMatch("refused by peer", "phrase"),
    r'"say \"hi\""': TextMatch('say "hi"', "phrase"),
    "-retry": Not(word("retry")),
    "NOT retry": Not(word("retry")),
    "conn*": TextMatch("conn", "prefix"),
    "write()": word("write()"),
    "(write())": word("write()"),
    "12:30": word("12:30"),
    "ValueError:": word("ValueError:"),
    "don't": word("don't"),
    "level>=warning": Compare(Field.LEVEL, ">=", 30),
    "level:ERROR": Compare(Field.LEVEL, "=", 40),
    "level!=20": Compare(Field.LEVEL, "!=", 20),
    "script:x": Compare(Field.SCRIPT, "=", "x"),
    'script:"my script"': Compare(Field.SCRIPT, "=", "my script"),
    "run:@last": Compare(Field.RUN, "=", "@last"),
    "run:@last-failed:etl": Compare(Field.RUN, "=", "@last-failed:etl"),
    "function_name=f": Compare(Field.FUNCTION, "=", "f"),
    "tag!=t": Compare(Field.TAG, "!=", "t"),
    "line>10": Compare(Field.LINE, ">", 10),
    "duration>2s": Compare(Field.DURATION, ">", 2.0),
    "duration<=1m30s": Compare(Field.DURATION, "<=", 90.0),
    "has:exception": Has("exception"),
    "-has:extra.user": Not(Has("extra.user")),
    'extra.user="42"': CompareExtra(("user",), "=", "42"),
    "extra.user=42": Or((CompareExtra(("user",), "=", 42), CompareExtra(("user",), "=", "42"))),
    "extra.ok=true": Or((CompareExtra(("ok",), "=", True), CompareExtra(("ok",), "=", "true"))),
    "extra.none:null": CompareExtra(("none",), "=", None),
    "extra.a.b>1.5": CompareExtra(("a", "b"), ">", 1.5),
}


@pytest.mark.parametrize("text", UNDERSTOOD)
def test_a_query_means(text: str) -> None:
    """Each form of the language has one meaning."""
    assert parse_query(text) == UNDERSTOOD[text]


REFUSED = {
    "levle:error": 0,
    "a levle:error": 2,
    "level>=loud": 7,
    "script>x": 6,
    "duration>soon": 9,
    "line:x": 5,
    "has:luck": 4,
    "extra..x=1": 0,
    'a "open': 2,
    "a OR": 4,
    "OR a": 0,
    "(a": 0,
    "a)": 1,
    "()": 0,
    "a - b": 2,
    "--flag": 0,
    "===": 0,
    "*fix": 0,
    "a*b": 1,
    "http://host": 0,
    "a \udcff": 2,
    "(" * 30 + "a" + ")" * 30: 20,
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_not_understood_is_refused_at_its_position(text: str) -> None:
    """A query is never taken for something else than was typed."""
    with pytest.raises(BadQuery) as refused:
        parse_query(text)
    assert refused.value.position == REFUSED[text]


def test_a_misspelt_field_names_the_nearest() -> None:
    """The message says what may have been meant, and how to search for the text itself."""
    with pytest.raises(BadQuery, match=r"nearest: level.*extra\.levle:.*quote it"):
        parse_query("levle:error")


def test_the_caret_stands_under_the_position() -> None:
    """Also behind characters that are shown escaped."""
    with pytest.raises(BadQuery) as refused:
        parse_query("a\tlevel>=loud")
    _, shown, caret = error_text(refused.value, "a\tlevel>=loud").splitlines()[:3]
    assert shown[caret.index("^") :] == "loud"


@given(st.text(max_size=60) | st.text('()"-*: \\a=ORND><!.@\x00', max_size=30))
@example('"' * 9)
@example("\\")
def test_any_text_gives_a_condition_or_a_position(text: str) -> None:
    """No input is an error of another kind."""
    try:
        parse_query(text)
    except BadQuery as refused:
        assert refused.position is not None
        assert 0 <= refused.position <= len(text)


@given(st.text('()"-*: \\a=ORND><!.@19', max_size=30))
def test_a_condition_in_words_means_the_same(text: str) -> None:
    """What hints print parses, and to the same again from then on."""
    try:
        condition = parse_query(text)
    except BadQuery:
        return
    said = query_text(condition)
    assert query_text(parse_query(said)) == query_text(parse_query(query_text(parse_query(said))))


WORDED = [
    *("", "timeout", "a b", "a b OR c", "a (b OR c)", '"refused by peer"', r'"say \"hi\""', "-retry", "conn*"),
    *("level>=warning", "level!=20", 'script:"my script"', "run:@last", "tag!=t", "line>10", "duration<=1m30s"),
    *("-has:extra.user", 'extra.user="42"', "extra.a.b>1.5", "extra.none:null"),
]


@pytest.mark.parametrize("text", WORDED)
def test_wording_is_the_way_back(text: str) -> None:
    """The words of a condition parse to that condition."""
    assert parse_query(query_text(UNDERSTOOD[text])) == UNDERSTOOD[text]
