"""Times as people write them."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logagent.errors import BadQuery
from logagent.query.window import moment, python_window, resolve_window

NOW = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
NEW_YORK = ZoneInfo("America/New_York")  # 09:00 there, five hours behind

UNDERSTOOD = {
    "15m": datetime(2026, 11, 22, 13, 45, tzinfo=UTC),
    "2h": datetime(2026, 11, 22, 12, 0, tzinfo=UTC),
    "1h30m": datetime(2026, 11, 22, 12, 30, tzinfo=UTC),
    "7d": datetime(2026, 11, 15, 14, 0, tzinfo=UTC),
    "1w": datetime(2026, 11, 15, 14, 0, tzinfo=UTC),
    "now": NOW,
    "today": datetime(2026, 11, 22, 5, 0, tzinfo=UTC),
    "yesterday": datetime(2026, 11, 21, 5, 0, tzinfo=UTC),
    "08:30": datetime(2026, 11, 22, 13, 30, tzinfo=UTC),
    "2026-11-20": datetime(2026, 11, 20, 5, 0, tzinfo=UTC),
    "2026-07-01": datetime(2026, 7, 1, 4, 0, tzinfo=UTC),
    "2026-11-20 10:00": datetime(2026, 11, 20, 15, 0, tzinfo=UTC),
    "2026-11-20T10:00:00Z": datetime(2026, 11, 20, 10, 0, tzinfo=UTC),
    "2026-11-20T10:00:00+02:00": datetime(2026, 11, 20, 8, 0, tzinfo=UTC),
}


@pytest.mark.parametrize("text", UNDERSTOOD)
def test_a_time_means(text: str) -> None:
    """Without a zone it is meant locally, summer time of that day included."""
    assert moment(text, NOW, NEW_YORK) == UNDERSTOOD[text]


def test_a_clock_time_ahead_begins_a_window_yesterday() -> None:
    """A window that begins in the future is nobody's question."""
    window = resolve_window("10:00", None, NOW, NEW_YORK)
    assert str(window) == "2026-11-21T15:00:00.000000Z .. now"


def test_a_window_that_ends_before_it_begins_is_refused() -> None:
    """An empty window is told as such, with both ends."""
    with pytest.raises(BadQuery, match=r"13:00.*12:00"):
        resolve_window("1h", "2h", NOW)


@pytest.mark.parametrize("text", ["", "soon", "5", "25:00", "2026-13-01", "15 m", "-3h", "2026-11-22T99:00"])
def test_what_is_no_time_is_refused_with_the_forms(text: str) -> None:
    """The message lists what would have been understood."""
    with pytest.raises(BadQuery, match="yesterday"):
        moment(text, NOW, UTC)


@given(st.text(max_size=20) | st.from_regex(r"[0-9]{1,7}[smhdw]|[0-9]{4}-[0-9]{2}-[0-9]{2}.{0,6}", fullmatch=True))
def test_any_text_is_a_time_or_refused(text: str) -> None:
    """No input is an error of another kind."""
    with suppress(BadQuery):
        assert moment(text, NOW, UTC).tzinfo is not None


def test_in_python_a_naive_datetime_names_the_fix() -> None:
    """Its zone would be a guess, and five hours of logs hang on it."""
    with pytest.raises(BadQuery, match=r"naive.*timezone\.utc"):
        python_window({"start": datetime(2026, 11, 22)})


def test_in_python_any_zone_will_do() -> None:
    """An aware datetime is the same instant in every zone."""
    there = timezone(timedelta(hours=2))
    window = python_window({"start": datetime(2026, 11, 22, 14, tzinfo=there), "end": NOW})
    assert window.to_dict()["since"] == "2026-11-22T12:00:00.000000Z"


def test_in_python_an_unknown_name_is_an_error() -> None:
    """A filter that is silently ignored misleads."""
    with pytest.raises(BadQuery, match="since"):
        python_window({"since": NOW})
