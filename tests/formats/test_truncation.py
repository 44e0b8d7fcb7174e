"""Short forms for showing: the rules of the requirements, word by word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logagent.formats import log_safe_results, truncate_large_value


@pytest.mark.parametrize(
    ("text", "limit", "short"),
    [
        ("a" * 100, 100, "a" * 100),
        ("a" * 50 + "b" * 51, 100, "a" * 50 + "..." + "b" * 50),
        ("abcdef", 5, "ab...ef"),
        ("abcdef", 1, "a...f"),
        ("abcdef", 0, "..."),
        ("", 0, ""),
    ],
)
def test_a_long_string_is_its_first_half_dots_and_its_last_half(text, limit, short):
    """Half is `limit // 2`, at least 1; a limit of 0 leaves only the dots."""
    assert truncate_large_value(text, max_str_len=limit) == short


def test_an_image_keeps_its_header_and_loses_the_middle_of_its_data():
    """`data:image/...;base64,`; short data stays whole, other data URIs are strings like any other."""
    header = "data:image/svg+xml;charset=utf-8;base64,"
    assert truncate_large_value(header + "A" * 60 + "B" * 60) == header + "A" * 50 + "..." + "B" * 50
    assert truncate_large_value(header + "A" * 100) == header + "A" * 100
    assert truncate_large_value("data:text/plain;base64," + "A" * 200).startswith("data:text/plain;base64,AAA")
    assert len(truncate_large_value("data:text/plain;base64," + "A" * 200)) == 103


def test_a_long_list_becomes_its_length_and_the_type_of_its_first_element():
    """Of exactly the limit it stays a list."""
    assert truncate_large_value(list(range(11))) == "[<11 int elements>]"
    assert truncate_large_value(list(range(10))) == list(range(10))
    assert truncate_large_value([{}, 1], max_list_elements_shown=1) == "[<2 dict elements>]"
    assert truncate_large_value([], max_list_elements_shown=0) == []


def test_containers_are_gone_through_and_other_values_stay_as_they_are():
    """The value passed in is not changed."""
    value = {"a": ["x" * 10, ("y" * 10, 5)], "n": None, "o": object}
    short = truncate_large_value(value, max_str_len=2)
    assert short == {"a": ["x...x", ("y...y", 5)], "n": None, "o": object}
    assert value["a"][0] == "x" * 10


def test_a_value_that_contains_itself_comes_to_an_end():
    """Dots where it begins again."""
    value: dict[str, object] = {"a": 1}
    value["self"] = value
    assert truncate_large_value(value) == {"a": 1, "self": "..."}


@given(text=st.text(), limit=st.integers(0, 50))
def test_a_shortened_string_is_never_much_longer_than_the_limit(text, limit):
    """Two halves, at least a character each, and the dots."""
    short = truncate_large_value(text, max_str_len=limit)
    assert short == text or len(short) <= max(limit, 2) + 3


def test_results_are_shortened_row_by_row():
    """Defaults of `truncate_large_value`."""
    assert log_safe_results([{"id": 1, "v": [0.5] * 11}, {}]) == [{"id": 1, "v": "[<11 float elements>]"}, {}]


@pytest.mark.parametrize(
    ("results", "text"),
    [({"a": 1}, "results is a dict"), ("rows", "results is a str"), ([{}, {}, "x"], r"results\[2\] is a str")],
)
def test_results_that_are_no_list_of_dictionaries_are_a_type_error(results, text):
    """The index is named."""
    with pytest.raises(TypeError, match=text):
        log_safe_results(results)
