"""The same history in both stores gets the same answers, in every form."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from made_history import NOW_US, ROOT, Truth, make_history, store_files
from query_build import NOON_US, Story, append, ended_after_another_swallowed
from query_inside import ask_inside
from query_process import Ended

from logagent.formats.record import Origin
from logagent.formats.times import SECOND_US
from logagent.query.errors import ErrorQuestion, errors
from logagent.query.why import why
from logagent.store import open_reader

sys.path.insert(0, str(ROOT / "tests"))

from arango_server import ArangoServer
from eval_answers import DIFFERS, questions

PASSWORD = "secret"
FORMS = ("compact", "json")
MORE = """
why @last-failed:export
why FAILED
why HANGING
diff FAILED BASE --all
diff SLOW
errors
errors --new
errors --script etl
errors --file db.py
errors --file sources/etl.py
errors --since-run @last-good
similar EVENT
similar metrics
patterns
patterns --rare
patterns --new-since 12h
patterns -r FAILED
overdue
overdue export
learn search
learn search refuses
learn show L-5f21c0
runs
runs --failed
show FAILED --timeline
show FAILED
show EVENT
context EVENT
stats
stats --by script
stats --by hour
stats --by run
stats --by function
fields
perf etl --days 30
search refused
search Pool waiting --rank
search pool OR batch -n 7
search script:etl level>=warning
search has:exception -n 40
search
graph FAILED
relate FAILED
tail --run FAILED --until-end -n 1000
"""
"""What the fifteen questions leave out; the `first bad run` is in `why`, drift in `diff`."""


class Stores(NamedTuple):
    """Where the same records are, and what is true of them."""

    sqlite: str
    arango: str
    truth: Truth
    event: str


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """The whole history, in an SQLite file and in our ArangoDB server."""
    directory = tmp_path_factory.mktemp("history")
    truth = make_history(directory, NOW_US)
    with pytest.MonkeyPatch.context() as patch, ArangoServer(password=PASSWORD) as server:
        patch.setenv("ARANGO_PASSWORD", PASSWORD)
        urls = f"sqlite://{directory}/logs.db", f"arangodb://root@127.0.0.1:{server.port}/history"
        for url in urls:
            store_files(url, directory / "logs")
        found = ask_inside("--store", urls[0], "-o", "json", "errors", "--new").document
        yield Stores(*urls, truth, found["items"][0]["id"])


def both(stores: Stores, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> list[Ended]:
    """The answers of the two, but for what `DIFFERS` names."""
    monkeypatch.setenv("ARANGO_PASSWORD", PASSWORD)
    answers = []
    for url in (stores.sqlite, stores.arango):
        monkeypatch.setenv("LOGAGENT_STORE", url)
        ended = ask_inside(*words)
        answers.append(Ended(ended.code, DIFFERS.sub("-", ended.out), DIFFERS.sub("-", ended.err)))
    return answers


@pytest.mark.parametrize("number", range(15))
def test_the_fifteen_questions(stores: Stores, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As agents and programs read the answers."""
    asked = questions(stores.truth)[number]
    for form in FORMS:
        ours, theirs = both(stores, ("-o", form, *asked.command), monkeypatch)
        assert ours == theirs
        assert ours.code == 0
        assert form != "compact" or all(truth in theirs.out for truth in asked.truths)


@pytest.mark.parametrize("line", MORE.strip().splitlines())
def test_every_other_question(stores: Stores, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What compares, explains, counts and lists."""
    truth = stores.truth
    names = {"FAILED": truth.failed, "BASE": truth.base, "SLOW": truth.slow, "HANGING": truth.hanging}
    names["EVENT"] = stores.event
    words = tuple(names.get(word, word) for word in line.split())
    for form in FORMS:
        ours, theirs = both(stores, ("-o", form, *words), monkeypatch)
        assert ours == theirs
        assert ours.out, ours.err


def test_what_is_exported_is_the_same(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every record of every kind, byte for byte."""
    ours, theirs = both(stores, ("export",), monkeypatch)
    assert ours == theirs
    assert len(ours.out.splitlines()) > 1_000


def test_what_differs_is_little() -> None:
    """A time in an answer is compared, unless it ends in `now`."""
    line = "2 errors · 2026-11-22T02:08:51.090952Z .. now"
    assert DIFFERS.sub("-", line) == "2 errors · -"
    assert DIFFERS.sub("-", "2026-11-22T02:08:51.090952Z .. 2026-11-23T02:08:51.090952Z") != "-"


@pytest.fixture(params=["sqlite", "arango"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An empty store of either sort."""
    if request.param == "sqlite":
        yield f"sqlite://{tmp_path}/logs.db"
        return
    monkeypatch.setenv("ARANGO_PASSWORD", PASSWORD)
    with ArangoServer(password=PASSWORD) as server:
        yield f"arangodb://root@127.0.0.1:{server.port}/logs"


def unread_errors(url: str, directory: Path, *more: str) -> list[tuple[str, int]]:
    words = ("--store", url, "--state-dir", str(directory), "-o", "json", "errors", "--since-read", "ann", *more)
    return [(item["message"], item["count"]) for item in ask_inside(*words).document["items"]]


def test_a_bookmark_shows_late_errors_and_ends_of_runs_too(store_url: str, tmp_path: Path) -> None:
    """An old error that is stored now has not been read yet; one that is stored again is shown again."""
    story = Story()
    story.start("etl_1")
    story.log("disk full", "ERROR", run="etl_1")
    append(store_url, story.records)
    assert unread_errors(store_url, tmp_path) == [("disk full", 1)]
    assert unread_errors(store_url, tmp_path) == []
    late = Story(Origin("box", "/srv/logs/late.jsonl", 0xBEEF), NOON_US - 3600 * SECOND_US)
    late.log("old but late", "ERROR", run="etl_0")
    late.log("disk full", "ERROR", run="etl_1")
    late.end("etl_9", "failed", error="ValueError: no rows")
    append(store_url, late.records)
    assert sorted(unread_errors(store_url, tmp_path, "-n", "2") + unread_errors(store_url, tmp_path)) == [
        ("ValueError: no rows", 1),
        ("disk full", 2),
        ("old but late", 1),
    ]
    append(store_url, late.records)
    assert unread_errors(store_url, tmp_path) == []


@pytest.mark.parametrize("in_one_run", [False, True])
def test_a_run_that_ended_in_what_another_lived_on_with_is_told_of(store_url: str, in_one_run: bool) -> None:
    """The end is no echo of a failure that came on another way, or in another run."""
    append(store_url, ended_after_another_swallowed(in_one_run).records)
    reader = open_reader(store_url)
    (found,) = errors(reader, ErrorQuestion(only_new=True))
    assert [each.function for each in found.frames] == ["main", "write", "connect"]
    assert (found.message, found.last_run) == ("PoolFull: db-7 refused 32 clients", "bad")
    item = why(reader)[0]
    assert item.errors[0].message == "PoolFull: db-7 refused 32 clients" and item.errors[0].is_new
    assert item.before[-1].message == "write failed, retrying"
    reader.close()
