"""What is SQLite's own: the file, its locks, its damage, its search index, free SQL."""

from __future__ import annotations

import os
import resource
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest
from store_corpus import START_US, event, in_order, learning, run_start

from logagent.errors import (
    BadQuery,
    ConfigError,
    NotPermitted,
    QueryTimeout,
    StoreCorrupt,
    StoreError,
    StoreTooNew,
    StoreUnavailable,
)
from logagent.formats.record import Record
from logagent.store import open_reader, open_store
from logagent.store.derived import Memory
from logagent.store.groups import ErrorSelection, ErrorTally
from logagent.store.protocol import Batch, PruneCriteria, Reader, Store
from logagent.store.selection import Direction, Selection, TextMatch


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file goes: in a directory that is not there yet."""
    return tmp_path / "state" / "logs.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    """A prepared store with one event."""
    opened = open_store(f"sqlite://{path}")
    opened.prepare()
    append(opened, event(0, "the first"))
    yield opened
    opened.close()


@pytest.fixture
def reader(store: Store, path: Path) -> Iterator[Reader]:
    """A reader beside it."""
    opened = open_reader(f"sqlite://{path}")
    yield opened
    opened.close()


def append(store: Store, *records: Record) -> int:
    """How many of them were new."""
    return store.append(Batch(in_order(records))).stored


def offsets(reader: Reader) -> list[int]:
    """What is there, oldest first."""
    return [r.offset for r in reader.events(Selection(direction=Direction.OLDEST_FIRST), 100_000).records]


def offsets_at(path: Path) -> list[int]:
    """What a new reader finds."""
    reader = open_reader(f"sqlite://{path}")
    try:
        return offsets(reader)
    finally:
        reader.close()


# URLs


@pytest.mark.parametrize("url", ["logs.db", "sqlite://", "sqlite:///", "mysql://x/y", "arangodb://host/db"])
def test_a_url_that_names_no_store_is_a_config_error(url: str) -> None:
    """Said before anything is opened."""
    with pytest.raises(ConfigError):
        open_store(url)
    with pytest.raises(ConfigError):
        open_reader(url)


def test_a_path_may_hold_any_character(tmp_path: Path) -> None:
    """Those that mean something in a URL are quoted."""
    store = open_store(f"sqlite://{tmp_path}/a%3Fb%23c%25 d/logs.db")
    store.prepare()
    append(store, event(1))
    assert offsets_at(Path(f"{tmp_path}/a%3Fb%23c%25 d/logs.db")) == [100]
    store.close()
    assert (tmp_path / "a?b#c% d" / "logs.db").exists()


# The file


def test_the_file_and_its_companions_are_private(store: Store, path: Path) -> None:
    """Whatever the umask."""
    modes = {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in path.parent.iterdir()}
    assert modes == {"logs.db": 0o600, "logs.db-wal": 0o600, "logs.db-shm": 0o600}


def test_preparing_again_changes_nothing(store: Store, reader: Reader) -> None:
    """The id stays, and what is stored."""
    assert store.prepare() == store.prepare() == reader.identity()
    assert offsets(reader) == [0]


def test_a_store_that_is_not_open_is_unavailable(path: Path) -> None:
    """Until prepare() has been called."""
    with pytest.raises(StoreUnavailable, match="prepare"):
        open_store(f"sqlite://{path}").append(Batch([event(1)]))


@pytest.mark.parametrize("what", ["logs.db", "logs.db-wal"])
def test_a_deleted_file_takes_no_more_rows(store: Store, path: Path, what: str) -> None:
    """Rows acknowledged after that would be gone with the last descriptor."""
    (path.parent / what).unlink()
    with pytest.raises(StoreUnavailable, match="deleted"):
        append(store, event(1))
    store.prepare()
    assert append(store, event(1)) == 1
    assert 100 in offsets_at(path)


def test_a_replaced_file_is_the_store_from_then_on(store: Store, reader: Reader, path: Path, tmp_path: Path) -> None:
    """For writer and reader alike."""
    before = store.prepare()
    other = open_store(f"sqlite://{tmp_path}/other.db")
    other.prepare()
    append(other, event(7))
    other.close()
    os.replace(tmp_path / "other.db", path)
    with pytest.raises(StoreUnavailable):
        append(store, event(1))
    assert store.prepare().store_id != before.store_id
    append(store, event(8))
    assert offsets(reader) == [700, 800]


def test_a_directory_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    """The sentence names the path."""
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailable, match=r"file/logs\.db"):
        open_store(f"sqlite://{tmp_path}/file/logs.db").prepare()


# Locks and other processes


def test_a_lock_held_elsewhere_is_waited_for_and_then_an_outage(store: Store, path: Path) -> None:
    """Afterwards the same call succeeds."""
    other = apsw.Connection(str(path))
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="lock"):
        append(store, event(1))
    other.close()
    assert append(store, event(1)) == 1


def test_two_writers_store_each_record_once(store: Store, reader: Reader, path: Path) -> None:
    """Two daemons on one store: the same files, in the same moment."""
    batches = [
        [event(n, execution_id=f"run-{n % 3}", line_number=n % 5) for n in range(k, k + 60)] for k in range(1, 900, 30)
    ]

    def ship(order: int) -> int:
        writer = open_store(f"sqlite://{path}")
        writer.prepare()
        try:
            return sum(append(writer, *batch) for batch in batches[::order])
        finally:
            writer.close()

    with ThreadPoolExecutor(2) as pool:
        stored = sum(pool.map(ship, (1, -1)))
    expected = {r.offset for batch in batches for r in batch}
    assert stored == len(expected)
    assert offsets(reader) == [0, *sorted(expected)]
    assert reader.overview().events.value == len(expected) + 1


def test_a_reader_sees_what_is_committed_at_once(store: Store, reader: Reader) -> None:
    """While the writer goes on."""
    for n in range(1, 5):
        append(store, event(n))
        assert offsets(reader)[-1] == n * 100


def test_an_export_holds_no_snapshot(store: Store, reader: Reader, path: Path) -> None:
    """While one is being read slowly, the log can be written back and cut."""
    append(store, *[event(n) for n in range(1, 5_000)])
    exported = reader.export(Selection(direction=Direction.OLDEST_FIRST))
    next(exported)
    append(store, event(6_000))
    other = apsw.Connection(str(path))
    busy, _, _ = next(other.execute("PRAGMA wal_checkpoint(TRUNCATE)"))
    other.close()
    assert busy == 0
    assert sum(1 for _ in exported) == 5_000


def test_handles_may_change_threads(store: Store, reader: Reader) -> None:
    """One thread at a time."""
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(append, store, event(1)).result() == 1
        assert pool.submit(offsets, reader).result() == [0, 100]


# Readers leave nothing behind


def test_a_reader_of_a_missing_store_says_how_one_is_made(tmp_path: Path) -> None:
    """And makes none."""
    with pytest.raises(StoreUnavailable, match="logagent run"):
        open_reader(f"sqlite://{tmp_path}/logs.db")
    assert list(tmp_path.iterdir()) == []


def test_a_reader_of_a_resting_store_makes_no_files_and_notices_a_writer(store: Store, path: Path) -> None:
    """Not even the companions of a database in WAL mode."""
    store.close()
    reader = open_reader(f"sqlite://{path}")
    assert offsets(reader) == [0]
    assert [entry.name for entry in path.parent.iterdir()] == ["logs.db"]
    store.prepare()
    append(store, event(1))
    assert offsets(reader) == [0, 100]
    store.close()
    assert offsets(reader) == [0, 100]
    reader.close()


def test_a_file_that_is_no_store_yet_is_unavailable(tmp_path: Path) -> None:
    """An empty file is what a daemon has just begun with."""
    (tmp_path / "logs.db").touch()
    with pytest.raises(StoreUnavailable, match="no store"):
        open_reader(f"sqlite://{tmp_path}/logs.db")


# Versions and damage


def test_a_newer_schema_is_refused_by_both(store: Store, path: Path) -> None:
    """Rather than read wrongly."""
    store.close()
    db = apsw.Connection(str(path))
    db.pragma("user_version", 99)
    db.close()
    with pytest.raises(StoreTooNew, match="99"):
        store.prepare()
    with pytest.raises(StoreTooNew, match="99"):
        open_reader(f"sqlite://{path}")


def test_a_database_of_something_else_is_left_alone(tmp_path: Path) -> None:
    """Nothing is added to it."""
    db = apsw.Connection(str(tmp_path / "logs.db"))
    db.execute("CREATE TABLE theirs (x)")
    db.close()
    with pytest.raises(StoreCorrupt, match="something else"):
        open_store(f"sqlite://{tmp_path}/logs.db").prepare()


@pytest.mark.parametrize("junk", [b"not a database at all" * 100, b"SQLite format 3\0" + b"\xff" * 5_000])
def test_a_damaged_header_is_said_loudly(tmp_path: Path, junk: bytes) -> None:
    """By writer and reader."""
    (tmp_path / "logs.db").write_bytes(junk)
    with pytest.raises(StoreCorrupt, match="damaged"):
        open_store(f"sqlite://{tmp_path}/logs.db").prepare()
    with pytest.raises(StoreCorrupt):
        open_reader(f"sqlite://{tmp_path}/logs.db")


def test_a_damaged_page_is_said_loudly(store: Store, path: Path) -> None:
    """Never half an answer, never another error."""
    append(store, *[event(n, f"message {n}") for n in range(1, 20_000)])
    store.close()
    with path.open("r+b") as file:
        for page in range(2, path.stat().st_size // 16_384):
            file.seek(page * 16_384)
            file.write(b"\xa5" * 200)
    with pytest.raises(StoreCorrupt):
        offsets_at(path)
    with pytest.raises(StoreCorrupt):
        store.prepare()
        append(store, event(30_000))
    store.close()


# Crashes and full disks

WRITER = """
import sys
sys.path[:0] = [sys.argv[2]]
from store_corpus import event, run_start
from logagent.store import open_store
from logagent.store.protocol import Batch
store = open_store("sqlite://" + sys.argv[1])
store.prepare()
number = int(sys.argv[3])
while True:
    store.append(Batch([event(n) for n in range(number, number + 500)]))
    number += 500
    print(number, flush=True)
"""


def test_kill_minus_nine_loses_nothing_that_was_acknowledged(path: Path, store: Store, reader: Reader) -> None:
    """Killed in the middle of appending, five times: batches are there whole, words and counts agree."""
    number = 500
    for _ in range(5):
        arguments = [sys.executable, "-c", WRITER, str(path), str(Path(__file__).parents[1]), str(number)]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            for _ in range(4):
                number = int(writer.stdout.readline())
            writer.send_signal(signal.SIGKILL)
            for line in writer.stdout:
                number = int(line) if line.endswith("\n") else number
        there = offsets(reader)
        assert set(there) >= {n * 100 for n in range(500, number)}
        assert len(there) % 500 == 1
        assert reader.overview().events.value == len(there)
        number = there[-1] // 100 + 1
    assert_sound(path)


def assert_sound(path: Path) -> None:
    """SQLite and its word index find no fault, and the counts are those of the rows."""
    db = apsw.Connection(str(path))
    assert db.execute("PRAGMA integrity_check").get == "ok"
    db.execute("INSERT INTO events_fts (events_fts, rank) VALUES ('integrity-check', 1)")
    counts = "SELECT run_id, site_id, level_id, {} FROM {} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
    by_hand = db.execute(counts.format("count(*)", "events")).fetchall()
    assert db.execute(counts.format("sum(count)", "tallies")).fetchall() == by_hand
    db.close()


def test_a_full_disk_is_an_outage_that_passes(path: Path, store: Store, reader: Reader) -> None:
    """Played by a limit on the size of files; what was acknowledged stays, the rest can be appended again."""
    batch = [event(n, f"message {n} " + "x" * 500) for n in range(1, 4_000)]
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, limit[1]))
    try:
        with pytest.raises(StoreUnavailable, match=r"logs\.db"):
            append(store, *batch)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, handler)
    assert offsets(reader) == [0]
    store.prepare()
    assert append(store, *batch) == len(batch)
    assert_sound(path)


def test_pruning_leaves_a_sound_store(path: Path, store: Store) -> None:
    """Rows, words and counts go together, and the space is given back."""
    append(store, *[event(n, f"message {n} " * 20, own=n % 2 == 0) for n in range(1, 5_000)], run_start(3), learning(4))
    store.mark()
    full = pages(path)
    while store.prune(PruneCriteria(before_us=START_US + 10**11), limit=700).deleted:
        pass
    assert_sound(path)
    assert offsets_at(path) == []
    left, free = pages(path)
    assert (left < full[0] / 2, free) == (True, 0)


def pages(path: Path) -> tuple[int, int]:
    """How many pages the file has, and how many of them hold nothing."""
    with closing(apsw.Connection(str(path))) as db:
        return db.execute("PRAGMA page_count").get, db.execute("PRAGMA freelist_count").get


# Searching by words


def test_a_common_word_is_found_in_order_of_time_whatever_the_order_of_arrival(store: Store, reader: Reader) -> None:
    """Exact where zones prove it, which for a page of the newest they nearly always do."""
    for start in (30_000, 1, 10_000, 20_000):
        append(store, *[event(n, "common") for n in range(start, start + 10_000)])
    page = reader.events(Selection(where=TextMatch("common")), 5)
    assert [r.offset for r in page.records] == [n * 100 for n in range(39_999, 39_994, -1)]
    assert (page.has_more, page.note) == (True, None)
    oldest = reader.events(Selection(where=TextMatch("common"), direction=Direction.OLDEST_FIRST), 5)
    assert [r.offset for r in oldest.records] == [100, 200, 300, 400, 500]


def test_beyond_the_bound_a_search_says_so(store: Store, reader: Reader) -> None:
    """The newest matches by arrival, with a note; ranking likewise."""
    append(store, *[event(n, "common") for n in range(40_000, 62_000)])
    append(store, *[event(n, "common rare") for n in range(1, 21_000)])
    page = reader.events(Selection(where=TextMatch("common")), 5)
    assert page.note is not None and "20,000" in page.note
    ranked = reader.ranked(Selection(), "common", 5)
    assert ranked.note is not None and "20,000" in ranked.note
    assert reader.ranked(Selection(until_us=START_US + 10**9), "common", 5).note is None


@pytest.mark.parametrize(
    "word", ['"', '"" OR "the', "the*", "NEAR(the first)", "message:the", "^the", "l1", "r1", "\0the", "\ud800"]
)
def test_no_word_is_syntax_and_none_reaches_the_marks(reader: Reader, word: str) -> None:
    """Neither FTS5's operators nor the tokens of our second column."""
    page = reader.events(Selection(where=TextMatch(word)), 5)
    assert len(page.records) == (word.strip("\0^*") == "the")


# Free SQL


def test_free_sql_answers_in_the_documents_names(store: Store, reader: Reader) -> None:
    """With parameters by place and by name."""
    append(store, run_start(1, argv=("a",)), learning(2), event(3, "x" * 70_000, extra_data=msgspec.Raw(b'{"n":1}')))
    (row,) = reader.free_query(
        "SELECT key, timestamp, length(message), extra_data ->> '$.n' FROM log_events WHERE offset = ?", [300]
    ).rows
    assert row == (event(3).key, "2026-09-21T14:13:23.000000Z", 70_000, 1)
    rows = reader.free_query("SELECT execution_id, status, start_time FROM script_runs WHERE pid = :pid", {"pid": 7})
    assert rows.columns == ("execution_id", "status", "start_time")
    assert rows.rows == [("run-a", "running", "2026-09-21T14:13:21.000000Z")]
    assert reader.free_query("SELECT learning, confidence FROM agent_learnings").rows == [("batches of 100", 0.8)]
    assert reader.free_query("SELECT level FROM log_events WHERE 0").columns == ("level",)
    assert reader.free_query("SELECT sum(count) FROM level_counts").rows == [(2,)]


@pytest.mark.parametrize(
    "text",
    [
        "DELETE FROM events",
        "UPDATE meta SET value = 1",
        "CREATE TABLE x (y)",
        "CREATE TEMP TABLE x (y)",
        "ATTACH '/tmp/x.db' AS x",
        "VACUUM INTO '/tmp/x.db'",
        "PRAGMA query_only = OFF",
        "PRAGMA writable_schema = ON",
        "SELECT * FROM pragma_database_list",
        "SELECT load_extension('x')",
        "SELECT fts3_tokenizer('x')",
        "INSERT INTO events_fts (events_fts) VALUES ('optimize')",
        "WITH x AS (SELECT 1) INSERT INTO meta SELECT 1, 2",
        "BEGIN IMMEDIATE",
        "DROP VIEW log_events",
        "REINDEX",
        "SELECT 1; DELETE FROM events",
        "ANALYZE",
    ],
)
def test_hostile_sql_is_not_permitted(reader: Reader, text: str) -> None:
    """Neither writing nor other files nor settings."""
    with pytest.raises(NotPermitted):
        reader.free_query(text)
    assert offsets(reader) == [0]


@pytest.mark.parametrize(
    ("text", "params"),
    [
        ("SELEC 1", ()),
        ("SELECT nothing FROM log_events", ()),
        ("SELECT 1; SELECT 2", ()),
        ("SELECT ?", ()),
        ("SELECT 1", (1,)),
        ("SELECT ?", (object(),)),
        ("SELECT " + "NOT " * 500 + "1", ()),
        ("SELECT zeroblob(1000000000)", ()),
        ("SELECT '\ud800'", ()),
    ],
)
def test_bad_sql_is_a_bad_query(reader: Reader, text: str, params: Any) -> None:
    """With SQLite's own words for why."""
    with pytest.raises(BadQuery):
        reader.free_query(text, params)


def test_an_endless_query_ends_at_its_deadline_with_what_it_had(reader: Reader) -> None:
    """And one with too many rows at its cap."""
    endless = "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n"
    capped = reader.free_query(endless, max_rows=10)
    assert (len(capped.rows), capped.truncated) == (10, True)
    with pytest.raises(QueryTimeout) as raised:
        reader.free_query(f"{endless} WHERE x < 3 OR x < 0", timeout_s=0.2)
    assert raised.value.partial.rows == [(1,), (2,)]


def test_every_error_of_a_store_is_one_of_ours(store: Store, path: Path) -> None:
    """Closing twice is none."""
    store.close()
    store.close()
    for call in (store.ping, lambda: store.mark(), lambda: store.stored_end(1), lambda: store.open_runs("x")):
        with pytest.raises(StoreError):
            call()


def made_older(path: Path) -> None:
    """The file as the first version left it."""
    db = apsw.Connection(str(path))
    added = ("log_causality", "log_embeddings", "agent_memories", "errors", "event_errors", "run_errors", "resolutions")
    for table in added:
        db.execute(f"DROP TABLE {table}")
    db.pragma("user_version", 1)
    db.close()


def test_an_older_file_is_read_as_it_is_and_brought_up_to_date_by_prepare(store: Store, path: Path) -> None:
    """What newer versions add is empty until then."""
    store.close()
    made_older(path)
    older = open_reader(store.url)
    assert len(older.events(Selection(), 5).records) == 1
    assert older.relations(["x"]) == [] and older.memories() == [] and older.vector_models() == {}
    store.prepare()
    assert store.save_memories([Memory("m", "note", "text")]) == 1
    assert len(older.memories()) == 1
    older.close()


def test_errors_stored_by_an_older_version_are_counted_by_prepare(store: Store, path: Path) -> None:
    """Until then the answer is that nobody knows, not that there are none."""
    store.append(Batch([event(7, "refused 3 times", level="ERROR")]))
    before = counted_errors(store.url)
    store.close()
    made_older(path)
    with pytest.raises(StoreUnavailable, match="logagent init"):
        counted_errors(store.url)
    store.prepare()
    assert counted_errors(store.url) == before and len(before) == 1


def counted_errors(url: str) -> list[ErrorTally]:
    reader = open_reader(url)
    try:
        return list(reader.error_tallies(ErrorSelection()))
    finally:
        reader.close()


def test_a_question_can_be_interrupted_from_another_thread(reader: Reader) -> None:
    """It ends as a time-out, long before its own."""
    endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(reader.free_query, endless, timeout_s=200.0)
        while not asked.done():
            reader.interrupt()
        with pytest.raises(QueryTimeout):
            asked.result()


def test_a_file_that_counted_each_error_event_once_counts_lines_from_now_on(store: Store, path: Path) -> None:
    """What was stored before counts as one line each."""
    store.append(Batch([event(7, "refused", level="ERROR")]))
    store.close()
    db = apsw.Connection(str(path))
    db.execute("ALTER TABLE event_errors DROP COLUMN lines")
    db.pragma("user_version", 3)
    db.close()
    store.prepare()
    store.append(Batch([event(8, "refused", level="ERROR")]))
    assert [each.count for each in counted_errors(store.url)] == [2]


def test_words_of_exceptions_are_found_once_an_older_file_is_brought_up_to_date(store: Store, path: Path) -> None:
    """Those that were stored before, too; and a prune takes them out of the index again."""
    fault = msgspec.Raw(b'{"type":"ConnectionError","value":"refused"}')
    store.append(Batch([event(7, "no batch", level="ERROR", exception=fault), event(8, "no other")]))
    store.close()
    db = apsw.Connection(str(path))
    with_exception = "rowid IN (SELECT id FROM events WHERE exception IS NOT NULL)"
    db.execute(f"DELETE FROM events_fts WHERE {with_exception}; DROP VIEW events_searched; {OLD_VIEW}")
    columns = "rowid, message, marks"
    db.execute(f"INSERT INTO events_fts ({columns}) SELECT {columns} FROM events_searched WHERE {with_exception}")
    db.pragma("user_version", 4)
    db.close()
    assert found(store.url, "refused") == []
    store.prepare()
    assert found(store.url, "refused") == found(store.url, "batch") == ["no batch"]
    store.prune(PruneCriteria(execution_ids=("run-a",)))
    db = apsw.Connection(str(path))
    db.execute("INSERT INTO events_fts (events_fts) VALUES ('integrity-check')")
    db.close()
    assert found(store.url, "refused") == []


OLD_VIEW = """CREATE VIEW events_searched AS
    SELECT id AS rowid, id, message, 'l' || level_id || ' r' || run_id || ' h' || ((key_hash >> 48) + 32768) AS marks
    FROM events;"""


def found(url: str, word: str) -> list[str]:
    reader = open_reader(url)
    try:
        return [record.line.message for record in reader.events(Selection(where=TextMatch(word)), 9).records]
    finally:
        reader.close()
