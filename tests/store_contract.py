"""What every store does, whatever it is made of. A store's own test module supplies the fixture `url`.

Ranks and scores are not compared: sets and orders are.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_corpus import (
    FILE,
    START_US,
    event,
    in_order,
    learning,
    learning_event,
    record,
    run_end,
    run_start,
    selected,
)

from logagent.errors import BadQuery, NotPermitted, RecordRejected
from logagent.formats.key import hash_range
from logagent.formats.record import Flag, Origin, Record, Resolution
from logagent.formats.times import utc_text
from logagent.store import open_reader, open_store
from logagent.store.derived import Memory, Relation, Step, Vector
from logagent.store.groups import ErrorSelection
from logagent.store.matching import holds
from logagent.store.protocol import Batch, Holding, PruneCriteria, Reader, Receipt, Store, StoreIdentity, TallyBy
from logagent.store.selection import (
    And,
    Compare,
    CompareExtra,
    Direction,
    Field,
    Has,
    Not,
    Or,
    Position,
    RunSelection,
    Selection,
    TextMatch,
)

OLDEST = Direction.OLDEST_FIRST
EVERY_EVENT = Selection(direction=OLDEST)


AFTER_APPEND: list[Callable[[Store], None]] = []
"""What a store whose words follow a moment later has the tests wait for."""


def append(store: Store, *records: Record) -> Receipt:
    """One batch."""
    receipt = store.append(Batch(in_order(records)))
    for wait in AFTER_APPEND:
        wait(store)
    return receipt


def same(receipt: Receipt, *, stored: int, duplicates: int, expired: int = 0) -> bool:
    """Whether a receipt says so; a store that does not count duplicates takes them for stored."""
    if receipt.duplicates is None:
        return receipt == Receipt(stored=stored + duplicates, duplicates=None, expired=expired)
    return receipt == Receipt(stored=stored, duplicates=duplicates, expired=expired)


def all_of(reader: Reader, **selection: Any) -> list[Record]:
    """All log events of a selection, oldest first."""
    return list(reader.events(Selection(direction=OLDEST, **selection), 10_000).records)


# Appending


def test_what_is_appended_comes_back_equal(store: Store, reader: Reader) -> None:
    """Every field of every kind of line makes the round trip."""
    full = event(
        1,
        "a message",
        level="TRACE",
        level_no=5,
        v=2,
        pid=12,
        hostname="h",
        function_name="f",
        file_path="/x/y.py",
        line_number=3,
        extra_data=msgspec.Raw(b'{"a": [1, {"b": null}]}'),
        tags=("t", "u"),
        exception=msgspec.Raw(b'{"type":"E"}'),
        embeddings=msgspec.Raw(b"[0.5,1]"),
        flags=int(Flag.CUT | Flag.REDACTED),
        continuation_of="key",
    )
    resolution = record(Resolution(utc_text(START_US), "e7c1a9", "resolve", by="me"), START_US, 5)
    appended = in_order(
        [full, run_start(0), run_end(9, error="E: x"), learning(2), learning_event(3, "confirm"), resolution]
    )
    append(store, *appended)
    assert list(reader.export(EVERY_EVENT)) == appended


ODD_TEXTS = ["", "a\0b", "\ud800 \udfff", "\U0010ffff", "\U0010ffff\U000f0000\udc80", "ünï😀", "a\r\nb", "\ufeffx"]
LONG_TEXTS = ["x" * 70_000, "é" * 40_000, "\0" + "ü" * 70_000]


@pytest.mark.parametrize("text", [*ODD_TEXTS, *LONG_TEXTS])
def test_any_text_comes_back_equal(store: Store, reader: Reader, text: str) -> None:
    """NUL, lone surrogates, astral and long text, wherever text can stand."""
    odd = Origin("h" + text, "/p/" + text, 1)
    appended = in_order(
        [
            event(1, text, execution_id="r" + text, script_name=text, function_name=text, file_path=text, tags=(text,),
                  hostname=text, level="L" + text, level_no=20, origin=odd, continuation_of=text),
            run_start(2, "r" + text, script_name=text, argv=(text, text), cwd=text),
            learning(3, "lrn_" + text, function_name=text, evidence=(text,)),
            learning_event(4, "confirm", "lrn_" + text),
        ]
    )  # fmt: skip
    append(store, *appended)
    assert list(reader.export(EVERY_EVENT)) == appended
    assert [run.run.execution_id for run in reader.runs(RunSelection(script=text), 5).runs] == ["r" + text]
    assert [(each.learning_id, each.confirmed) for each in reader.learnings()] == [("lrn_" + text, 1)]
    assert len(all_of(reader, where=Compare(Field.FUNCTION, "=", text))) == 1


@pytest.mark.parametrize("timestamp", ["", "2026-01-01", "2026-09-21T14:13:20Z", "yesterday"])
def test_the_timestamp_comes_back_as_it_was_written(store: Store, reader: Reader, timestamp: str) -> None:
    """Only the usual form may be computed again."""
    line = msgspec.structs.replace(event(1).line, timestamp=timestamp)
    append(store, record(line, START_US, 1))
    assert all_of(reader)[0].line.timestamp == timestamp


def test_appending_again_stores_nothing_again(store: Store, reader: Reader) -> None:
    """Keys decide, also within one batch and for lines without a time."""
    records = [event(1), event(2, own=False), run_start(3), learning(4), run_end(5)]
    assert same(append(store, *records, event(1)), stored=5, duplicates=1)
    assert same(append(store, *records), stored=0, duplicates=5)
    assert reader.count(Selection()).value == 2


def test_a_line_without_a_time_is_one_record_whatever_time_it_is_given(store: Store, reader: Reader) -> None:
    """The time first seen is kept."""
    append(store, event(1, own=False))
    assert same(append(store, event(1, own=False, at_us=START_US + 999_000_000)), stored=0, duplicates=1)
    assert [r.ts_us for r in all_of(reader)] == [START_US + 1_000_000]


def test_the_same_line_at_another_offset_is_another_record(store: Store, reader: Reader) -> None:
    """Offsets are part of a key."""
    line = event(1).line
    append(store, record(line, START_US, 100), record(line, START_US, 200))
    assert [r.offset for r in all_of(reader)] == [100, 200]


def test_old_lines_read_late_are_told_apart_too(store: Store, reader: Reader) -> None:
    """A batch that spans far more than it holds."""
    records = [event(n) for n in range(6_000)]
    append(store, *records)
    late = [records[0], event(7_000), records[5_999]]
    assert same(append(store, *late), stored=1, duplicates=2)


def test_a_record_whose_key_holds_another_time_is_rejected_whole(store: Store, reader: Reader) -> None:
    """Nothing of its batch is stored by the embedded store; its index is named."""
    bad = msgspec.structs.replace(event(2), own_us=5)
    with pytest.raises(RecordRejected) as raised:
        append(store, event(1), bad)
    assert raised.value.index == 1


def test_a_number_beyond_64_bits_is_rejected(store: Store, reader: Reader) -> None:
    """And what comes after is stored."""
    with pytest.raises(RecordRejected):
        append(store, event(1), event(2, pid=10**30))
    assert same(append(store, event(1)), stored=1, duplicates=0)


def test_the_greatest_end_of_a_file_is_known_and_never_falls(store: Store) -> None:
    """Of lines of all kinds."""
    assert store.stored_end(FILE.fingerprint) is None
    append(store, event(7), run_start(9))
    append(store, event(3))
    store.prune(PruneCriteria(before_us=START_US * 2))
    assert store.stored_end(FILE.fingerprint) == 901 + 99


def test_the_lengths_of_what_is_stored_under_a_key_are_told(store: Store) -> None:
    """Of events with a time of their own and without, whatever length the one asked for has."""
    timeless = msgspec.structs.replace(event(5), own_us=0)
    append(store, event(1), timeless)
    longer = msgspec.structs.replace(event(1), length=500)
    assert store.stored_lengths([event(2), longer, timeless]) == [None, event(1).length, timeless.length]
    assert store.stored_lengths([]) == []


def test_account_tells_stored_expired_and_absent(store: Store) -> None:
    """For each record, in the order asked."""
    old, kept, start, missing = event(1, ingested_us=1), event(50), run_start(2), event(99)
    append(store, old, kept, start)
    store.prune(PruneCriteria(before_us=kept.ts_us))
    assert store.account([missing, start, kept, old]) == [
        Holding.ABSENT,
        Holding.STORED,
        Holding.STORED,
        Holding.EXPIRED,
    ]


def test_each_mark_is_the_next_number_whoever_makes_it(store: Store, reader: Reader) -> None:
    """The sequence that a checkpoint is compared with."""
    marks = [store.mark() for _ in range(3)]
    assert marks == [StoreIdentity(store.prepare().store_id, marks[0].store_seq + n) for n in range(3)]
    assert store.prepare() == reader.identity() == marks[-1]


def test_a_store_that_is_renewed_has_another_id_and_all_that_it_had(store: Store, reader: Reader) -> None:
    """Whatever a checkpoint with the former id says, it is no account of this store."""
    append(store, event(1))
    former = store.prepare()
    renewed = store.renew()
    assert renewed != former.store_id
    assert reader.identity() == store.prepare() == StoreIdentity(renewed, former.store_seq)
    assert len(all_of(reader)) == 1


# Folds


def test_a_run_comes_out_the_same_in_any_order(url: str, store: Store, reader: Reader) -> None:
    """Lines of a run one by one, forwards and backwards, some twice."""
    lines = [run_start(1, argv=("x",)), event(2), event(3, level="ERROR"), run_end(4, status="failed", error="E: x")]
    for line in lines:
        append(store, line)
    forwards = reader.run("run-a")
    backwards = []
    for line in reversed(lines):
        other = msgspec.structs.replace(
            line, line=msgspec.structs.replace(line.line, execution_id="run-b"), hash=line.hash ^ 1
        )
        append(store, other)
        append(store, other)
        backwards.append(other)
    found = reader.run("run-b")
    assert forwards is not None and found is not None
    assert found.levels == forwards.levels == {"INFO": 1, "ERROR": 1}
    assert msgspec.structs.replace(found.run, execution_id="run-a", keys=forwards.run.keys) == forwards.run
    assert (found.started_us, found.first_us, found.last_us) == (
        forwards.started_us,
        forwards.first_us,
        forwards.last_us,
    )


def test_logs_without_a_start_make_a_run_of_unknown_status(store: Store, reader: Reader) -> None:
    """Named after the script of its first event; the id `unknown` makes none."""
    append(store, event(5, script_name="late"), event(9, execution_id="unknown"))
    append(store, event(3, script_name="early"))
    runs = reader.runs(RunSelection(), 10).runs
    assert [(r.run.execution_id, r.run.status, r.run.script_name, r.started_us) for r in runs] == [
        ("run-a", "unknown", "early", START_US + 3_000_000)
    ]
    assert reader.run("unknown") is None


def test_a_run_marked_as_crashed_is_open_no_more_until_its_end_comes(store: Store, reader: Reader) -> None:
    """A real end wins, whenever it is read."""
    append(store, run_start(1, boot_id="b", pid_namespace=4, process_start=77), run_start(2, "other", managed=False))
    (open_run,) = store.open_runs("box")
    assert (open_run.execution_id, open_run.process_start, open_run.fingerprint) == ("run-a", 77, FILE.fingerprint)
    assert store.open_runs("elsewhere") == []
    store.mark_crashed(["run-a", "never heard of"], START_US + 5_000_000)
    assert store.open_runs("box") == []
    assert [r.run.execution_id for r in reader.runs(RunSelection(status=("crashed",)), 5).runs] == ["run-a"]
    append(store, run_end(3))
    found = reader.run("run-a")
    assert found is not None and found.run.status == "success"


def test_a_learning_is_folded_with_what_became_of_it(store: Store, reader: Reader) -> None:
    """Events that come before the learning count too."""
    append(store, learning_event(5, "confirm"))
    assert reader.learnings() == []
    append(store, learning(1), learning_event(6, "refute"))
    (found,) = reader.learnings("run-a")
    assert (found.status, found.confirmed, found.refuted) == ("refuted", 1, 1)
    assert reader.learnings("run-b") == []


# Selecting

MESSAGES = ["loaded 10 rows", "Error in load_rows: timeout", "connection to db-7 refused", "naïve Ünïcode café", "",
            "timeout timeout", "row 10 of file.py", "数据 loaded", "C'est \"quoted\" AND NOT (near*)"]  # fmt: skip
EXTRAS = [b"{}", b'{"user":42}', b'{"user":"42"}', b'{"a":{"b.c":true}}', b'{"user":null,"a\\"b":1.5}',
          b'{"user":true,"big":123456789012345678901234567890}']  # fmt: skip


FAULTS = (b'{"type":"E"}', b'{"type":"Timeout","value":"db-7 refused load_rows"}')


def corpus(seed: int = 1, size: int = 300) -> list[Record]:
    """Events with some of everything; some share their time, some have none."""
    rnd = random.Random(seed)
    choose = rnd.choice
    return [
        event(
            number,
            choose(MESSAGES),
            at_us=START_US + rnd.randrange(60) * 1_000_000,
            own=rnd.random() < 0.8,
            level=choose(["DEBUG", "INFO", "INFO", "ERROR", "CRITICAL"]),
            execution_id=choose(["run-a", "run-b", "unknown"]),
            script_name=choose(["etl", "export", ""]),
            function_name=choose([None, "load", "save"]),
            file_path=choose([None, "/srv/app/src/db.py", "src/db.py", "db.py"]),
            line_number=choose([None, 1, 7]),
            pid=choose([None, 5]),
            hostname=choose([None, "box", "far"]),
            tags=choose([(), ("x",), ("x", "y z")]),
            extra_data=msgspec.Raw(choose(EXTRAS)),
            exception=choose([None, *map(msgspec.Raw, FAULTS)]),
        )
        for number in range(size)
    ]


CORPUS = [*corpus(), run_end(70, "run-a", duration_seconds=2.5)]
DURATIONS = {"run-a": 2.5}

texts = st.builds(
    TextMatch,
    st.sampled_from(["rows", "loaded", "load", "timeout", "10", "load_rows", "cafe", "CAFÉ", "db-7 refused", "数据",
                     "--", "", 'a"b', "NOT", "near", "\0", "file.py row", "timeout timeout", "naive unicode"]),
    st.sampled_from(["word", "phrase", "prefix"]),
)  # fmt: skip
numbers = st.builds(
    Compare,
    st.sampled_from([Field.LEVEL, Field.LINE, Field.PID, Field.DURATION]),
    st.sampled_from(["=", "!=", "<", "<=", ">", ">="]),
    st.sampled_from([0, 1, 5, 7, 20, 40, 45, 2.5, 10**30]),
)
strings = st.builds(
    Compare,
    st.sampled_from([Field.SCRIPT, Field.RUN, Field.FUNCTION, Field.FILE, Field.TAG, Field.HOST]),
    st.sampled_from(["=", "!="]),
    st.sampled_from(
        ["etl", "run-a", "unknown", "load", "db.py", "src/db.py", "b.py", "x", "y z", "box", "", "'; --", "%"]
    ),
)
extras = st.builds(
    CompareExtra,
    st.sampled_from([("user",), ("a", "b.c"), ('a"b',), ("nothing", "here"), ("big",)]),
    st.sampled_from(["=", "!=", "<", "<=", ">", ">="]),
    st.sampled_from([42, "42", True, None, 1.5, "", 1, 10**30]),
)
has = st.sampled_from(["exception", "tags", "extra_data", "run", "extra.user", "extra.a"]).map(Has)
conditions = st.recursive(
    st.one_of(texts, numbers, strings, extras, has),
    lambda inner: st.one_of(
        inner.map(Not), st.lists(inner, max_size=3).map(tuple).map(And), st.lists(inner, max_size=3).map(tuple).map(Or)
    ),
    max_leaves=5,
)
times = st.none() | st.integers(-1, 61).map(lambda second: START_US + second * 1_000_000)
positions = st.none() | st.sampled_from(CORPUS[:-1]).map(lambda r: Position(r.ts_us, r.offset, r.key))
selections = st.builds(
    Selection,
    where=conditions,
    since_us=times,
    until_us=times,
    direction=st.sampled_from(Direction),
    after=positions,
)


@contextmanager
def filled(url: str, records: list[Record]) -> Iterator[Reader]:
    """A reader on a store that got the records in four batches, the newest not last."""
    store = open_store(url)
    store.prepare()
    for part in (1, 3, 0, 2):
        append(store, *records[part::4])
    reader = open_reader(url)
    try:
        yield reader
    finally:
        reader.close()
        store.close()


def test_selections_hold_what_a_plain_filter_holds(url: str) -> None:
    """Same events, same order, same counts, whatever the condition."""
    with filled(url, CORPUS) as reader:

        @settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
        @given(selections, st.sampled_from([1, 5, 1_000]))
        def check(selection: Selection, limit: int) -> None:
            expected = selected(CORPUS, selection, DURATIONS)
            page = reader.events(selection, limit)
            assert list(page.records) == expected[:limit]
            assert (page.has_more, page.note) == (len(expected) > limit, None)
            everywhere = msgspec.structs.replace(selection, after=None)
            total = len(selected(CORPUS, everywhere, DURATIONS))
            assert reader.count(selection) == reader.count(everywhere)
            assert reader.count(selection).value == total

        check()


def test_tallies_hold_what_counting_by_hand_gives(url: str) -> None:
    """Counts, first and last, by each thing, whatever the condition."""
    value_of: dict[TallyBy, Callable[[Record], str]] = {
        TallyBy.LEVEL: lambda r: r.line.level,
        TallyBy.SCRIPT: lambda r: r.line.script_name,
        TallyBy.RUN: lambda r: "" if r.line.execution_id == "unknown" else r.line.execution_id,
        TallyBy.FUNCTION: lambda r: r.line.function_name or "",
        TallyBy.FILE: lambda r: r.line.file_path or "",
        TallyBy.HOST: lambda r: r.line.hostname or r.origin.host,
        TallyBy.HOUR: lambda r: utc_text(r.ts_us)[:13],
        TallyBy.DAY: lambda r: utc_text(r.ts_us)[:10],
    }
    with filled(url, CORPUS) as reader:

        @settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
        @given(selections, st.sampled_from(TallyBy))
        def check(selection: Selection, by: TallyBy) -> None:
            expected: dict[str, list[int]] = {}
            for r in selected(CORPUS, msgspec.structs.replace(selection, after=None), DURATIONS):
                expected.setdefault(value_of[by](r), []).append(r.ts_us)
            found = reader.tally(selection, by)
            assert {t.value: (t.count, t.first_us, t.last_us) for t in found} == {
                value: (len(seen), min(seen), max(seen)) for value, seen in expected.items()
            }
            if by in (TallyBy.HOUR, TallyBy.DAY):
                assert [t.value for t in found] == sorted(expected, reverse=True)
            else:
                assert [t.value for t in found] == sorted(expected, key=lambda v: (-len(expected[v]), v))

        check()


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("where", [And(()), TextMatch("loaded"), Compare(Field.RUN, "=", "run-b")])
def test_pages_follow_each_other_without_gap_or_overlap(url: str, direction: Direction, where: Any) -> None:
    """Each page goes on after the last event of the one before."""
    with filled(url, CORPUS) as reader:
        selection, found = Selection(where=where, direction=direction), list[Record]()
        while True:
            page = reader.events(selection, 7)
            found += page.records
            if not page.has_more:
                break
            last = page.records[-1]
            selection = msgspec.structs.replace(selection, after=Position(last.ts_us, last.offset, last.key))
        assert found == selected(CORPUS, Selection(where=where, direction=direction))


def test_ranking_finds_any_of_the_words_within_the_selection(url: str) -> None:
    """The best first, newest first where scores are equal; text without a word finds nothing."""
    with filled(url, CORPUS) as reader:
        errors = Selection(where=Compare(Field.LEVEL, ">=", 40))
        page = reader.ranked(errors, "timeout? refused!", 1_000)
        either = And((Or((TextMatch("timeout"), TextMatch("refused"))), errors.where))
        assert {r.key for r in page.records} == {r.key for r in selected(CORPUS, Selection(where=either))}
        assert page.scores is not None and list(page.scores) == sorted(page.scores, reverse=True)
        pairs = list(zip(page.scores, page.records, strict=True))
        assert all(a[1].order > b[1].order for a, b in pairwise(pairs) if a[0] == b[0])
        assert list(reader.ranked(errors, "?! -", 10).records) == []


def test_an_event_is_found_by_key_and_by_shown_id(url: str) -> None:
    """Both for lines with and without a time; an unknown one is None."""
    with filled(url, CORPUS) as reader:
        for r in CORPUS[:40]:
            assert reader.event(r.key) == r
            assert r in reader.events_by_hash(*hash_range(r.short_id))
        assert reader.event(event(9_999).key) is None
        assert reader.event("no key") is None
        assert reader.events_by_hash(0, 0) == []
        assert len(reader.events_by_hash(0, 2**64 - 1, 3)) == 3


def test_neighbours_stay_within_the_run_or_the_file(url: str) -> None:
    """Oldest first, as many as there are."""
    with filled(url, CORPUS) as reader:
        of_run = selected(CORPUS, Selection(where=Compare(Field.RUN, "=", "run-a"), direction=OLDEST))
        assert reader.around(of_run[10], 3, 2) == of_run[7:13]
        assert reader.around(of_run[0], 3, 0) == of_run[:1]
        of_file = selected(CORPUS, EVERY_EVENT)
        lone = next(r for r in of_file[20:] if r.line.execution_id == "unknown")
        at = of_file.index(lone)
        assert reader.around(lone, 2, 2) == of_file[at - 2 : at + 3]


def test_arrivals_are_what_was_stored_since_the_mark(store: Store, reader: Reader) -> None:
    """Old events arrive too, none twice, also after the newest were pruned."""
    append(store, event(50))
    mark = reader.arrivals(Selection(), None, 10).mark
    append(store, event(1), event(60, "other"))
    first = reader.arrivals(Selection(where=TextMatch("loaded")), mark, 10)
    assert [r.offset for r in first.records] == [100]
    assert reader.arrivals(Selection(), first.mark, 10).records == []
    store.prune(PruneCriteria(execution_ids=("run-a",)))
    append(store, event(70, execution_id="run-b"), event(71, execution_id="run-b"))
    page = reader.arrivals(Selection(), first.mark, 1)
    rest = reader.arrivals(Selection(), page.mark, 5)
    assert [r.offset for r in (*page.records, *rest.records)] == [7_000, 7_100]
    with pytest.raises(BadQuery):
        reader.arrivals(Selection(), "x", 5)


def test_export_gives_every_kind_in_order_and_follows_script_and_run(url: str) -> None:
    """Other kinds only where the condition can be asked of them."""
    records = [*CORPUS, run_start(3), learning(5), run_start(6, "run-b", script_name="export")]
    with filled(url, records) as reader:
        assert list(reader.export(EVERY_EVENT)) == in_order(records)
        assert list(reader.export(Selection())) == in_order(records)[::-1]
        in_b = Compare(Field.RUN, "=", "run-b")
        of_b = [r for r in in_order(records) if getattr(r.line, "execution_id", None) == "run-b"]
        assert list(reader.export(Selection(where=in_b, direction=OLDEST))) == of_b
        worded = Selection(where=TextMatch("loaded"), direction=OLDEST)
        assert list(reader.export(worded)) == selected(records, worded)


def test_a_field_that_cannot_be_asked_is_an_error(reader: Reader) -> None:
    """Never an empty answer."""
    for wrong in (Has("colour"), Compare(Field.SCRIPT, "<", "x")):
        with pytest.raises(BadQuery):
            reader.events(Selection(where=wrong), 5)


# Runs


def test_runs_are_listed_newest_first_and_paged(store: Store, reader: Reader) -> None:
    """By start, else first event; ties by id, descending."""
    append(store, run_start(5, "c"), run_start(5, "a", script_name="x"), event(9, execution_id="b"), run_end(6, "a"))
    assert [r.run.execution_id for r in reader.runs(RunSelection(), 10).runs] == ["b", "c", "a"]
    page = reader.runs(RunSelection(), 2)
    last = page.runs[-1]
    rest = reader.runs(RunSelection(after=(last.started_us, last.run.execution_id)), 2)
    assert ([r.run.execution_id for r in rest.runs], page.has_more, rest.has_more) == (["a"], True, False)
    assert reader.run_ids("a") == ["a"]
    assert reader.run_ids() == ["b", "c", "a"]
    assert reader.count_runs(RunSelection(script="etl", status=("running", "unknown"))).value == 2
    assert reader.count_runs(RunSelection(since_us=START_US + 9_000_000)).value == 1


def test_the_overview_counts_events_and_runs(url: str) -> None:
    """From the first to the last event."""
    with filled(url, CORPUS) as reader:
        overview = reader.overview()
        assert overview.events.value == len(CORPUS) - 1 == sum(overview.levels.values())
        assert overview.runs_by_status == {"success": 1, "unknown": 1}
        assert overview.first_us == min(r.ts_us for r in CORPUS[:-1])
        assert overview.last_us == max(r.ts_us for r in CORPUS[:-1])


def test_an_empty_store_answers_everything_with_nothing(reader: Reader) -> None:
    """And without an error."""
    overview = reader.overview()
    assert (overview.events.value, overview.runs, overview.first_us) == (0, 0, None)
    assert reader.events(Selection(where=TextMatch("x")), 5).records == []
    assert list(reader.export(Selection())) == []
    assert reader.run("x") is None and reader.tally(Selection(), TallyBy.LEVEL) == []


# Pruning


def test_a_prune_goes_in_steps_and_counts_follow(store: Store, reader: Reader) -> None:
    """Counts, words and times are those of what is left; runs stay."""
    records = [event(n, level="ERROR" if n % 2 else "INFO") for n in range(20)]
    append(store, *records)
    criteria = PruneCriteria(before_us=records[10].ts_us, level_no=40)
    late = msgspec.structs.replace(criteria, before_us=START_US + 10**12)
    assert store.prune(criteria).deleted == 0, "just ingested"
    assert store.prune(late, dry_run=True).examined == 10
    assert [store.prune(late, limit=6).deleted for _ in range(3)] == [6, 4, 0]
    left = records[::2]
    assert all_of(reader) == left == all_of(reader, where=TextMatch("loaded"))
    found = reader.run("run-a")
    assert found is not None
    assert (found.levels, found.first_us, found.last_us) == ({"INFO": 10}, left[0].ts_us, left[-1].ts_us)
    assert reader.overview().levels == {"INFO": 10}


def test_no_criterion_prunes_nothing(store: Store, reader: Reader) -> None:
    """And zero is a criterion."""
    append(store, event(1))
    assert store.prune(PruneCriteria()).deleted == 0
    assert store.prune(PruneCriteria(before_us=0)).deleted == 0
    assert reader.count(Selection()).value == 1


def test_what_was_pruned_stays_out_when_its_file_is_read_again(store: Store, reader: Reader) -> None:
    """Though it is then ingested anew; an old line read for the first time is stored."""
    old, recent = event(1, ingested_us=1), event(2_000, ingested_us=1)
    append(store, old, recent)
    store.prune(PruneCriteria(before_us=recent.ts_us))
    again = msgspec.structs.replace(old, ingested_us=START_US * 2)
    unseen = event(3_000, at_us=old.ts_us, ingested_us=START_US * 2)
    assert same(append(store, again, recent, unseen), stored=1, duplicates=1, expired=1)


def test_a_pruned_run_stays_out(store: Store, reader: Reader) -> None:
    """Its start line and its learnings stay in."""
    records = [run_start(0), event(1), learning(2)]
    append(store, *records)
    store.prune(PruneCriteria(execution_ids=("run-a", "run-x")))
    assert same(append(store, *records, event(5)), stored=0, duplicates=2, expired=2)
    assert reader.run("run-a") is not None and len(reader.learnings()) == 1


def test_pruning_a_level_refuses_no_new_lines_of_it(store: Store, reader: Reader) -> None:
    """Only those that were there."""
    append(store, event(1, level="DEBUG"))
    store.prune(PruneCriteria(level_no=10))
    assert same(append(store, event(1, level="DEBUG"), event(2, level="DEBUG")), stored=1, duplicates=0, expired=1)


# Free queries


BOOM = {
    "type": "ConnectionError",
    "value": "refused",
    "traceback": "",
    "frames": [
        {"file": "/app/etl.py", "line": 41, "function": "main"},
        {"file": "/app/db.py", "line": 9, "function": "w"},
    ],
}


def boom(number: int, **said: Any) -> Record:
    """An event with an exception; the line in the frames is another each time."""
    frames = [{**frame, "line": number} for frame in BOOM["frames"]]
    exception = msgspec.Raw(msgspec.json.encode({**BOOM, "frames": frames}))
    return event(number, f"batch {number} failed", level="ERROR", exception=exception, **said)


def test_errors_are_counted_by_fingerprint_and_script(store: Store, reader: Reader) -> None:
    """Whatever the numbers in the message and the lines in the frames; sent again, counted once."""
    records = [
        run_start(0, "run-a"), boom(1), boom(2), run_start(3, "run-b"), boom(4, execution_id="run-b"),
        boom(5, execution_id="other", script_name="export"), event(6, "no more room", level="ERROR"),
    ]  # fmt: skip
    append(store, *records)
    append(store, *records)
    found = reader.error_tallies(ErrorSelection())
    assert [(e.script_name, e.runs, e.count, e.shape.types) for e in found] == [
        ("etl", 1, 1, ()),
        ("export", 1, 1, ("ConnectionError",)),
        ("etl", 2, 3, ("ConnectionError",)),
    ]
    assert (found[2].first_run, found[2].last_run) == ("run-a", "run-b")
    assert found[2].sample == boom(4, execution_id="run-b").key
    assert found[1].fingerprint == found[2].fingerprint != found[0].fingerprint


def test_an_error_of_lines_that_name_no_run_is_counted_in_none(store: Store, reader: Reader) -> None:
    """Beside those of the same script that name one."""
    append(store, run_start(0, "run-a"), boom(1), boom(2, execution_id="unknown"), boom(3, execution_id="unknown"))
    assert [(e.script_name, e.runs, e.count) for e in reader.error_tallies(ErrorSelection())] == [("etl", 1, 3)]


def repeated(number: int, lines: int, message: str, **more: Any) -> Record:
    """What the daemon makes of so many lines that say the same."""
    last = event(number, level="ERROR", **more)
    told = {"repeated": lines, "first_key": event(0).key, "last_key": last.key}
    said = {
        "message": f"message repeated {lines} times: {message}",
        "extra_data": msgspec.Raw(msgspec.json.encode(told)),
    }
    return msgspec.structs.replace(last, line=msgspec.structs.replace(last.line, **said))


def test_repeats_that_were_folded_count_as_what_happened(store: Store, reader: Reader) -> None:
    """One error, as often as it was logged; a line that only looks like it is another."""
    looks_so = event(4, "message repeated 9 times: no room", level="ERROR")
    early = event(1, "no room", level="ERROR"), repeated(2, 7, "no room", ingested_us=START_US)
    append(store, *early, repeated(3, 5, "no room"), looks_so)
    found = {e.shape.template: e.count for e in reader.error_tallies(ErrorSelection())}
    assert found == {"no room": 13, "message repeated {n} times: no room": 1}
    assert sorted(e.count for e in reader.errors_in_runs(ErrorSelection())) == [1, 13]
    store.prune(PruneCriteria(before_us=START_US + 2_500_000))
    assert sorted(e.count for e in reader.error_tallies(ErrorSelection())) == [1, 6]


def test_errors_are_selected_by_run_file_time_and_beginning(store: Store, reader: Reader) -> None:
    """A file by its trailing parts, among the frames and the call."""
    append(store, boom(1), event(2, "no room", level="ERROR", file_path="/app/io.py", function_name="write"))
    of_db = reader.error_tallies(ErrorSelection(file="app/db.py"))
    assert [e.shape.types for e in of_db] == [("ConnectionError",)]
    assert [e.shape.template for e in reader.error_tallies(ErrorSelection(file="io.py"))] == ["no room"]
    assert reader.error_tallies(ErrorSelection(file="o.py")) == []
    assert reader.error_tallies(ErrorSelection(fingerprint=of_db[0].fingerprint[:6])) == of_db
    assert [e.last_us for e in reader.error_tallies(ErrorSelection(since_us=START_US + 2_000_000))] == [
        START_US + 2_000_000
    ]
    assert len(reader.error_tallies(ErrorSelection(execution_id="run-a"))) == 2
    assert reader.error_tallies(ErrorSelection(execution_id="run-b")) == []


def test_errors_of_runs_come_latest_run_first_with_their_first_event(store: Store, reader: Reader) -> None:
    """In one run by their first event."""
    second = boom(9, execution_id="run-b")
    append(store, run_start(0), boom(1), boom(2), event(3, "x", level="ERROR"), run_start(8, "run-b"), second)
    found = reader.errors_in_runs(ErrorSelection())
    assert [(e.execution_id, e.count, e.first_key) for e in found] == [
        ("run-b", 1, second.key),
        ("run-a", 2, boom(1).key),
        ("run-a", 1, event(3).key),
    ]
    assert [r.key for r in reader.error_events(found[0].fingerprint)] == [second.key, boom(2).key, boom(1).key]
    assert [r.key for r in reader.error_events(found[0].fingerprint, "run-b")] == [second.key]


def test_a_run_that_ends_in_an_error_counts_it_without_an_event(store: Store, reader: Reader) -> None:
    """An exception that nobody logged is an error all the same."""
    ended = run_end(5, status="failed", error="ConnectionError: refused", exception=boom(1).line.exception)
    append(store, run_start(0), ended)
    append(store, run_start(0), ended)
    (found,) = reader.error_tallies(ErrorSelection())
    assert (found.is_end, found.count, found.sample) == (True, 1, None)
    append(store, boom(1))
    (logged,) = reader.error_tallies(ErrorSelection())
    assert (logged.fingerprint, logged.is_end, logged.count) == (found.fingerprint, False, 1)


def test_that_an_error_was_seen_outlives_its_events(store: Store, reader: Reader) -> None:
    """Else it would be new again."""
    append(store, run_start(0), boom(1), boom(2))
    store.prune(PruneCriteria(execution_ids=("run-a",)))
    found = reader.error_tallies(ErrorSelection())
    assert [(e.runs, e.count) for e in found] in ([(1, 0)], [])
    assert all(reader.error_events(e.fingerprint) == [] for e in found)


def test_the_last_word_on_an_error_counts(store: Store, reader: Reader) -> None:
    """Whatever the order in which its lines come."""

    def said(number: int, action: str) -> Record:
        line = Resolution(utc_text(START_US + number), "e1" + "0" * 14, action, by=f"fix {number}")
        return record(line, START_US + number, number * 100 + 5)

    append(store, said(2, "reopen"))
    append(store, said(1, "resolve"), said(3, "resolve"))
    (found,) = reader.resolutions().values()
    assert (found.action, found.by, found.ts_us) == ("resolve", "fix 3", START_US + 3)


def test_lines_and_call_sites_of_a_run_are_those_of_its_events(store: Store, reader: Reader) -> None:
    """Oldest first; counts by run, call site and level."""
    where = {"function_name": "load", "file_path": "/app/etl.py", "line_number": 7}
    mine = [event(1, "row 1", **where), event(2, "row 2", **where), event(3, "odd", level="WARNING", **where)]
    append(store, *mine, event(4, "elsewhere", execution_id="run-b"))
    assert [(line.key, line.message, line.line) for line in reader.run_lines("run-a", 2)] == [
        (mine[0].key, "row 1", 7),
        (mine[1].key, "row 2", 7),
    ]
    tallies = reader.site_tallies(["run-b", "run-a"])
    assert [(t.execution_id, t.level, t.count) for t in tallies] == [
        ("run-b", "INFO", 1), ("run-a", "INFO", 2), ("run-a", "WARNING", 1),
    ]  # fmt: skip
    assert tallies[1].first and tallies[1].last
    assert (tallies[1].first.message, tallies[1].last.message) == ("row 1", "row 2")
    assert list(reader.run_lines("nobody", 5)) == [] and list(reader.site_tallies(["nobody"])) == []


def test_a_free_query_cannot_write(reader: Reader) -> None:
    """Whatever it says."""
    with pytest.raises((NotPermitted, BadQuery)):
        reader.free_query("DELETE FROM log_events")


# What is derived


def relation(start: Record, end: str, kind: str = "RETRY_OF", confidence: float = 0.8) -> Relation:
    return Relation(start.key, end, kind, confidence, "rules-1", "said as a retry")


def test_relations_are_kept_once_and_found_from_both_ends(store: Store, reader: Reader) -> None:
    """Saved again they are renewed, not doubled; one may lead to a learning."""
    first, second, third = (event(number) for number in (1, 2, 3))
    append(store, first, second, third)
    edges = [relation(second, first.key), relation(third, first.key), relation(third, "lrn_\ud800", "LEARNED_FROM")]
    assert (store.save_relations(edges), store.save_relations(edges)) == (3, 0)
    assert list(reader.relations([first.key])) == edges[:2]
    assert set(reader.relations([third.key, "lrn_\ud800"])) == set(edges[1:])
    assert list(reader.relations([third.key, first.key], 1)) == edges[:1]
    assert list(reader.relations(["nobody"])) == list(reader.relations([])) == []
    renewed = relation(second, first.key, confidence=0.9)
    assert store.save_relations([renewed]) == 0
    assert reader.relations([second.key]) == [renewed]


def test_relations_are_walked_in_either_direction_the_nearest_first(store: Store, reader: Reader) -> None:
    """Each once however many ways lead to it, round circles, and on from ends that are not stored."""
    a, b, c, d, alone = (event(number) for number in (1, 2, 3, 4, 5))
    append(store, a, b, c, alone)  # d is not stored
    far = "lrn_\ud800"
    ab, ba, cb, cd, learnt, ad = (
        relation(a, b.key), relation(b, a.key), relation(c, b.key, "CAUSED_BY"), relation(c, d.key),
        relation(d, far, "LEARNED_FROM"), relation(a, a.key, "SELF"),
    )  # fmt: skip
    store.save_relations([ab, ba, cb, cd, learnt, ad])
    near = [Step(1, a.key, ad), Step(1, b.key, ab), Step(1, b.key, ba)]
    further = [Step(2, c.key, cb), Step(3, d.key, cd), Step(4, far, learnt)]
    assert [list(reader.walk(a.key, depth, 9)) for depth in (0, 1, 2, 5)] == [
        [], near, [*near, *further[:1]], [*near, *further],
    ]  # fmt: skip
    assert list(reader.walk(a.key, 5, 2)) == near[:2]
    assert list(reader.walk(d.key, 1, 9)) == [Step(1, c.key, cd), Step(1, far, learnt)]
    assert list(reader.walk(alone.key, 5, 9)) == list(reader.walk("nobody", 5, 9)) == []


def test_pruning_an_event_takes_its_relations_and_its_vector_along(store: Store, reader: Reader) -> None:
    """Whichever end it is; those of the others stay."""
    gone, first, second = event(1, execution_id="run-b"), event(2), event(3, own=False)
    append(store, gone, first, second)
    kept = relation(second, first.key)
    store.save_relations([kept, relation(first, gone.key), relation(gone, second.key)])
    store.save_vectors([Vector(each.key, "m", (1.0, 0.0)) for each in (gone, first)])
    store.prune(PruneCriteria(execution_ids=("run-b",)))
    assert list(reader.relations([gone.key, first.key, second.key])) == [kept]
    assert reader.vector_models() == {"m": 1}


def test_the_nearest_vectors_come_first_within_the_selection(store: Store, reader: Reader) -> None:
    """By cosine, of that model and length alone; the later event first where they are equal."""
    points = {1: (1.0, 0.0), 2: (2.0, 2.0), 3: (0.0, 3.0), 4: (1.0, 1.0), 5: (-1.0, 0.0)}
    events = {number: event(number, "odd" if number % 2 else "even", level="INFO") for number in points}
    append(store, *events.values(), event(6))
    assert store.save_vectors([Vector(events[n].key, "m", point) for n, point in points.items()]) == 5
    page = reader.nearest(Selection(), Vector("", "m", (5.0, 0.0)), 4)
    assert [r.offset // 100 for r in page.records] == [1, 4, 2, 3] and page.has_more
    assert page.scores == pytest.approx([1.0, 0.5**0.5, 0.5**0.5, 0.0], abs=1e-6)
    odd = reader.nearest(Selection(where=TextMatch("odd"), since_us=START_US + 2_000_000), Vector("", "m", (1, 0)), 9)
    assert [r.offset // 100 for r in odd.records] == [3, 5] and not odd.has_more
    assert reader.nearest(Selection(), Vector("", "other", (1.0, 0.0)), 9).records == []
    assert reader.nearest(Selection(), Vector("", "m", (1.0, 0.0, 0.0)), 9).records == []


def test_what_has_no_vector_by_a_model_is_known(store: Store, reader: Reader) -> None:
    """The last stored first; a vector by another model does not count, and is replaced."""
    first, second = event(1), event(2, level="ERROR")
    append(store, first, second)
    assert store.save_vectors([Vector(second.key, "old", (1.0,)), Vector(event(9).key, "old", (1.0,))]) == 1
    assert list(reader.without_vector(Selection(), "new", 10)) == [second, first]
    assert list(reader.without_vector(Selection(), "old", 10)) == [first]
    assert list(reader.without_vector(Selection(where=Compare(Field.LEVEL, ">=", 40)), "new", 10)) == [second]
    store.save_vectors([Vector(second.key, "new", (1.0,))])
    assert reader.vector_models() == {"new": 1}


def test_memories_are_replaced_by_id_and_come_newest_first(store: Store, reader: Reader) -> None:
    """What was there keeps its time."""
    run = Memory("mem_1", "execution", "etl failed \ud800", msgspec.Raw(b'{"a":1}'), 5)
    note = Memory("mem_2", "note", "keep workers low", created_us=7)
    assert (store.save_memories([run, note]), store.save_memories([note])) == (2, 0)
    assert list(reader.memories()) == [note, run]
    assert list(reader.memories("execution")) == [run] and list(reader.memories(limit=1)) == [note]
    store.save_memories([msgspec.structs.replace(run, content="etl passed", created_us=9)])
    assert list(reader.memories("execution")) == [msgspec.structs.replace(run, content="etl passed")]


def test_an_interrupt_without_a_question_stops_nothing(store: Store, reader: Reader) -> None:
    """The next question is answered as ever."""
    append(store, event(1))
    reader.interrupt()
    assert len(all_of(reader)) == 1


def test_words_of_an_exception_are_found_with_those_of_its_message(store: Store, reader: Reader) -> None:
    """Its type and text, behind the message; not the traceback. Whatever the exception looks like."""
    odd = [b'{"type":7,"value":null}', b'"refused"', b"[1]", b"null", b'{"value":"only refused \\u0000 here"}']
    append(store, boom(1), *(event(2 + n, "odd", exception=msgspec.Raw(raw)) for n, raw in enumerate(odd)))
    append(store, event(9, "refused"))

    def offsets(*texts: TextMatch) -> list[int]:
        where = And(texts)
        got = [record.offset // 100 for record in all_of(reader, where=where)]
        assert got == [r.offset // 100 for r in all_of(reader) if holds(where, r, {})]
        assert reader.count(Selection(where=where)).value == len(got)
        return got

    assert offsets(TextMatch("refused")) == [1, 6, 9]
    assert offsets(TextMatch("failed"), TextMatch("ConnectionError")) == [1]
    assert offsets(TextMatch("connectionerror refused", "phrase")) == [1]
    assert offsets(TextMatch("connectione", "prefix")) == [1]
    assert offsets(TextMatch("Traceback")) == []
    assert {r.offset // 100 for r in reader.ranked(Selection(), "refused", 10).records} == {1, 6, 9}
    store.prune(PruneCriteria(execution_ids=("run-a",)))
    assert offsets(TextMatch("refused")) == []


def test_whole_numbers_beyond_64_bits_compare_exactly(store: Store, reader: Reader) -> None:
    """A float is not near enough."""
    great = 2**80
    for number, value in enumerate((great, great + 1, -great)):
        append(store, event(number, extra_data=msgspec.Raw(f'{{"n":{value}}}'.encode())))
    for op, number in (("=", 0), (">", 1), ("<", 2)):
        where = CompareExtra(("n",), op, great)
        assert [record.offset for record in all_of(reader, where=where)] == [100 * number]
