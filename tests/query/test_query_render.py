"""Answers as text: budgets kept, totals said, nothing that could steer a terminal."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logagent.errors import BadQuery
from logagent.formats.visible import visible
from logagent.query.item import Item, Page
from logagent.query.render.budget import Ways
from logagent.query.render.compact import compact
from logagent.query.render.delimited import csv_page
from logagent.query.render.escape import json_text
from logagent.query.render.table import plain_table, rich_table, uncoloured
from logagent.query.template import masked
from logagent.store.protocol import Total

CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e\r\nnext\ud800"


def event(message: str = "hello", number: int = 1, level: str = "INFO", **more: object) -> dict[str, object]:
    return {
        "timestamp": f"2026-11-22T12:00:{number % 60:02d}.000000Z",
        "execution_id": "etl_1",
        "script_name": "etl",
        "level": level,
        "message": message,
        "key": f"{number:014x}-{number:012x}-{number:016x}",
        **more,
    }


events = st.lists(
    st.builds(
        event,
        st.text(max_size=300) | st.just("x" * 20_000),
        st.integers(0, 2**40),
        st.sampled_from(["INFO", "ERROR", "é" * 50]) | st.text(max_size=500),
        execution_id=st.text(max_size=1_000),
        extra_data=st.dictionaries(st.text(max_size=5), st.text(max_size=50), max_size=3),
    ),
    max_size=40,
)


@settings(max_examples=40)
@given(events, st.integers(200, 3_000), st.integers(0, 10**9), st.text(max_size=6_000))
def test_compact_keeps_its_budget_whatever_it_is_given(
    items: list[dict[str, object]], max_tokens: int, beyond: int, asked: str
) -> None:
    """2.4 characters are a token; the total is said, and what is cut."""
    page = Page("event", items, total=Total(len(items) + beyond, True), truncated=beyond > 0, next="abc")
    text = compact(page, max_tokens, Ways(next=asked, more=asked))
    assert len(text) <= max_tokens * 2.4
    assert text.startswith(str(len(items) + beyond))
    assert f"of {max_tokens} tokens" in text
    assert ("complete" in text.splitlines()[-1]) or ("not here" in text) or ("clipped" in text) or ("shown" in text)


def test_compact_says_common_fields_once() -> None:
    """Eighty characters of run id on each line would be half the answer."""
    text = compact(Page("event", [event(number=1), event("bye", 2)]))
    assert text.count("etl_1") == 1
    assert "#00000000 12:00:01.000 I hello" in text


def test_compact_degrades_rows_to_templates() -> None:
    """A hundred alike lines are one line with their count."""
    page = Page("event", [event(f"Fetched page {n} from /data/{n}/file" + " x" * 30, n) for n in range(100)] * 2)
    page = Page("event", [*page.items, event("a", 1), event("b", 1)])
    text = compact(page, 300, Ways(more="logagent-query search x -o json"))
    assert "200x I Fetched page {n} from {path}" in text
    assert "rows shown as 3 templates; whole: logagent-query search x -o json" in text


def test_compact_names_the_command_for_the_rest() -> None:
    """The way on is complete as printed."""
    page = Page("event", [event()], total=Total(10_000, False), truncated=True, next="abc")
    text = compact(page, ways=Ways(next="logagent-query search x --next abc"))
    assert text.startswith("10000 or more events, 1 here\n")
    assert "9999 or more not here; next: logagent-query search x --next abc; quoted" in text


def test_compact_refuses_a_budget_that_holds_nothing() -> None:
    """Better an error than an answer without its total."""
    with pytest.raises(BadQuery, match="at least 200"):
        compact(Page("event", []), 199)


@pytest.mark.parametrize("kind", ["event", "detail", "row"])
def test_no_form_lets_a_control_character_through(kind: str) -> None:
    """Log text is untrusted: it may not move a cursor, rename a window or turn text around."""
    hostile = event(HOSTILE, extra_data={HOSTILE: HOSTILE}, function_name=HOSTILE, level=HOSTILE)
    page = Page(kind, [hostile | {"execution_id": HOSTILE}], hints=[HOSTILE])
    for text in (compact(page), plain_table(page), csv_page(page), json_text(page.to_dict())):
        assert not CONTROL.search(text)
        text.encode()


def test_a_coloured_table_holds_no_escape_of_the_log() -> None:
    """Colours are ours alone; rich's markup in a message is text."""
    text = rich_table(Page("event", [event("[red]boo[/red] \x1b[31m")]), 200)
    assert "[red]boo[/red] \\x1b[31m" in text


def test_a_narrow_terminal_cuts_nothing() -> None:
    """Short columns stay whole, so that an id can be copied and `crashed` is no `crashe`; long text is folded."""
    text = rich_table(Page("event", [event("refused " * 30)]), 40)
    assert event("x")["timestamp"][:19].replace("T", " ") in text
    assert text.count("refused") == 30
    wide = rich_table(Page("row", [{"first": "a" * 40, "second": "b" * 40, "third": "c" * 500}]), 80)
    assert "a" * 40 in wide
    assert "b" * 40 in wide
    assert wide.count("c") == 500


def test_a_row_that_is_wider_than_the_terminal_goes_on_below() -> None:
    """The terminal would break the lines anywhere, within an id too."""
    run = {
        "execution_id": "etl_20261122T140311Z_9f3c01ab",
        "started_at": "2026-11-22T14:03:11Z",
        "status": "failed",
        "duration_seconds": 1.0,
        "levels": {"ERROR": 1},
        "error": "ConnectionError: refused",
    }
    page = Page("run", [run, run | {"status": "success", "error": None}])
    assert uncoloured(rich_table(page, 60)).splitlines()[2:] == [
        "2026-11-22 14:03:11  failed   1.0s  0       1",
        "    etl_20261122T140311Z_9f3c01ab  ConnectionError: refused",
        "2026-11-22 14:03:11  success  1.0s  0       1",
        "    etl_20261122T140311Z_9f3c01ab",
        "2 runs",
    ]


def test_what_a_script_took_is_said_in_sentences_with_its_newest_runs() -> None:
    """Sixty runs as JSON would be most of an agent's budget."""
    recent = [{"execution_id": f"etl_{n}", "status": "success", "seconds": 2.0} for n in range(60)]
    found = {
        "script_name": "etl",
        "lookback_days": 7,
        "total_runs": 70,
        "successful_runs": 69,
        "failed_runs": 1,
        "crashed_runs": 0,
        "running_runs": 0,
        "avg_duration": 2.5,
        "p50": 2.0,
        "p95": 4.0,
        "usual": [1.0, 3.0],
        "outliers": [{"execution_id": "etl_slow", "status": "failed", "seconds": 90.0}],
        "error_trend": [{"time": "2026-11-22", "errors": 3}],
        "recent": recent,
        "chart_durations": "▁█",
    }
    assert compact(Page("performance", [found])).splitlines()[:8] == [
        "etl: 70 runs in 7 days: successful 69, failed 1",
        "took 2.5s on average, p50 2.0s, p95 4.0s; usual 1.0s to 3.0s",
        "unusual etl_slow failed 1m30s",
        "errors by day 2026-11-22 3",
        "durations ▁█",
        "newest first, 10 of 70",
        "  etl_0 success 2.0s",
        "  etl_1 success 2.0s",
    ]


@given(st.text())
def test_json_keeps_every_character(text: str) -> None:
    """Escaping is JSON's own, so a parser gets what was logged."""
    assert json.loads(json_text({"m": text}))["m"] == text


def test_json_keeps_half_a_surrogate_pair() -> None:
    """Scripts in other languages write them."""
    assert json.loads(json_text({"m": "\ud800"}))["m"] == "\ud800"


@given(st.text())
def test_visible_text_is_one_harmless_line(text: str) -> None:
    """No line break and nothing unprintable stays."""
    shown = visible(text)
    assert not CONTROL.search(shown)
    assert len(shown.splitlines()) <= 1


def test_csv_has_a_head_and_nested_values_as_json() -> None:
    """Any reader of CSV gets the columns by name."""
    page = Page("event", [event('say "hi", ok', extra_data={"a": [1, 2]})])
    (row,) = csv.DictReader(io.StringIO(csv_page(page)))
    assert (row["message"], row["extra_data"]) == ('say "hi", ok', '{"a":[1,2]}')


def test_templates_mask_what_varies_and_keep_words() -> None:
    """VM started and VM stopped are two things."""
    assert masked("VM 7 started") == "VM {n} started"
    assert masked("VM 7 stopped") == "VM {n} stopped"
    assert masked("id 9be2c41f-0000-4000-8000-000000000000 at 10.0.0.1:80") == "id {id} at {n}"


def test_items_are_read_only_with_attributes() -> None:
    """An answer cannot be changed by accident; a copy can."""
    item = Item({"message": "hi", "extra_data": {"user": {"id": 4}}, "tags": ["a"]})
    assert (item.extra_data.user.id, item["tags"]) == (4, ("a",))
    with pytest.raises(AttributeError, match="read-only"):
        item.message = "no"
    with pytest.raises(AttributeError, match="nearest: message"):
        _ = item.mesage
    copy = item.to_dict()
    copy["extra_data"]["user"]["id"] = 5
    assert item.extra_data.user.id == 4
