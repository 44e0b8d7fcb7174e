"""The tables, indexes and views, their version, and how an older file becomes a current one."""

from __future__ import annotations

import secrets
from typing import Final

import apsw

from logagent.errors import StoreCorrupt, StoreTooNew
from logagent.store.matching import MAX_EXCEPTION_CHARACTERS
from logagent.store.sqlite.backfill import count_errors
from logagent.store.sqlite.errors import SCHEMA as _ERRORS
from logagent.store.sqlite.errors import count_lines

VERSION: Final = 5
APPLICATION_ID: Final = 0x6C6F6761
"""`loga`, in the file's header: tells our file from any other database."""

ZONE_ROWS: Final = 4096
"""Events of one row in `zones`: by arrival, with the times they span."""

TOKENIZER: Final = ("unicode61", "remove_diacritics", "2")

FILE_PRAGMAS: Final = ("PRAGMA page_size = 16384", "PRAGMA auto_vacuum = INCREMENTAL")
"""Only to be had before the first table; 16 KiB pages measured 15 % cheaper than 4 KiB."""

# Order everywhere is (ts_us, offset, key). `own` is 1 where the key holds ts_us and 0 where it holds none, and
# key_hash is the unsigned hash less 2**63, so the unique index has exactly that order. A line without a time of
# its own may be given another ts_us when it is read again, so offset and hash alone tell it apart.
_EVENTS: Final = """
CREATE TABLE origins (
    id INTEGER PRIMARY KEY, host TEXT NOT NULL, file TEXT NOT NULL, fingerprint INTEGER NOT NULL
) STRICT;
CREATE INDEX origins_by_fingerprint ON origins (fingerprint);
CREATE TABLE sites (
    id INTEGER PRIMARY KEY, script TEXT NOT NULL, file TEXT, function TEXT, line INTEGER
) STRICT;
CREATE INDEX sites_by_script ON sites (script, function, line, file);
CREATE TABLE processes (id INTEGER PRIMARY KEY, hostname TEXT, pid INTEGER) STRICT;
CREATE INDEX processes_by_pid ON processes (pid, hostname);
CREATE TABLE levels (
    id INTEGER PRIMARY KEY, level_no INTEGER NOT NULL, name TEXT NOT NULL, UNIQUE (name, level_no)
) STRICT;
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    ts_us INTEGER NOT NULL, offset INTEGER NOT NULL, own INTEGER NOT NULL, key_hash INTEGER NOT NULL,
    length INTEGER NOT NULL,
    origin_id INTEGER NOT NULL, run_id INTEGER NOT NULL, site_id INTEGER NOT NULL,
    process_id INTEGER NOT NULL, level_id INTEGER NOT NULL,
    time_source INTEGER NOT NULL, flags INTEGER NOT NULL, ingested_us INTEGER NOT NULL,
    timestamp TEXT,
    message TEXT NOT NULL, extra_data BLOB, tags TEXT, exception BLOB, odd TEXT,
    UNIQUE (ts_us, offset, own, key_hash)
) STRICT;
CREATE UNIQUE INDEX events_without_time ON events (offset, key_hash) WHERE own = 0;
CREATE TABLE event_embeddings (event_id INTEGER PRIMARY KEY, embeddings BLOB NOT NULL) STRICT;
CREATE TABLE zones (id INTEGER PRIMARY KEY, first_us INTEGER NOT NULL, last_us INTEGER NOT NULL) STRICT;
CREATE TABLE sources (fingerprint INTEGER PRIMARY KEY, stored_end INTEGER NOT NULL) STRICT;
"""

_RUNS: Final = """
CREATE TABLE folded_lines (
    id INTEGER PRIMARY KEY,
    ts_us INTEGER NOT NULL, offset INTEGER NOT NULL, own INTEGER NOT NULL, key_hash INTEGER NOT NULL,
    length INTEGER NOT NULL, origin_id INTEGER NOT NULL,
    time_source INTEGER NOT NULL, flags INTEGER NOT NULL, ingested_us INTEGER NOT NULL,
    continuation_of TEXT,
    kind TEXT NOT NULL, subject TEXT NOT NULL, body BLOB NOT NULL,
    UNIQUE (ts_us, offset, own, key_hash)
) STRICT;
CREATE UNIQUE INDEX folded_without_time ON folded_lines (offset, key_hash) WHERE own = 0;
CREATE INDEX folded_by_subject ON folded_lines (subject, kind);
CREATE TABLE runs (
    id INTEGER PRIMARY KEY, execution_id TEXT NOT NULL UNIQUE,
    told_script TEXT NOT NULL DEFAULT '', event_script TEXT NOT NULL DEFAULT '',
    script_name TEXT AS (CASE WHEN told_script = '' THEN event_script ELSE told_script END) VIRTUAL,
    status TEXT NOT NULL DEFAULT 'unknown',
    start_us INTEGER, end_us INTEGER, crashed_us INTEGER, first_event_us INTEGER,
    started_us INTEGER AS (coalesce(start_us, first_event_us, end_us)) VIRTUAL,
    duration_seconds REAL, hostname TEXT, managed INTEGER NOT NULL DEFAULT 0,
    fingerprint INTEGER, pruned INTEGER NOT NULL DEFAULT 0, document BLOB
) STRICT;
CREATE INDEX runs_by_start ON runs (started_us, execution_id);
CREATE INDEX runs_by_script ON runs (script_name, started_us, execution_id);
CREATE INDEX runs_open ON runs (hostname) WHERE managed = 1 AND status = 'running';
INSERT INTO runs (id, execution_id) VALUES (0, 'unknown');
CREATE TABLE learnings (
    id INTEGER PRIMARY KEY, learning_id TEXT NOT NULL UNIQUE, ts_us INTEGER NOT NULL,
    execution_id TEXT NOT NULL, confidence REAL NOT NULL, status TEXT NOT NULL, document BLOB NOT NULL
) STRICT;
CREATE INDEX learnings_by_run ON learnings (execution_id, ts_us);
CREATE INDEX learnings_by_confidence ON learnings (confidence);
CREATE INDEX learnings_by_time ON learnings (ts_us);
"""

_COUNTS: Final = """
CREATE TABLE tallies (
    run_id INTEGER NOT NULL, site_id INTEGER NOT NULL, level_id INTEGER NOT NULL, count INTEGER NOT NULL,
    first_us INTEGER NOT NULL, last_us INTEGER NOT NULL, first_id INTEGER NOT NULL, last_id INTEGER NOT NULL,
    PRIMARY KEY (run_id, site_id, level_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE level_hours (
    hour INTEGER NOT NULL, level_id INTEGER NOT NULL, count INTEGER NOT NULL,
    first_us INTEGER NOT NULL, last_us INTEGER NOT NULL, PRIMARY KEY (hour, level_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE prune_log (
    id INTEGER PRIMARY KEY, before_us INTEGER, execution_ids TEXT, level_no INTEGER
) STRICT;
"""

# Filled by INSERT ... SELECT over a batch's ids, never by a trigger (measured: 3.8 times the whole write). The
# second column makes `word AND level` and `word in run` searches of the index alone; its bm25 weight is 0. Its third
# token, the first 16 bits of the hash, finds shown ids: 7 % of the write, where a tree of random hashes would slow
# down as it grows and a walk over the unique index takes 40 ms per million events.
# crisismerge 64 instead of 16: no stall of seconds near 2.5 M rows.
_SEARCH: Final = f"""
CREATE VIEW events_searched AS
    SELECT id, message, 'l' || level_id || ' r' || run_id || ' h' || ((key_hash >> 48) + 32768) AS marks
    FROM events;
CREATE VIRTUAL TABLE events_fts USING fts5 (
    message, marks, content='events_searched', content_rowid='id', tokenize='{" ".join(TOKENIZER)}'
);
INSERT INTO events_fts (events_fts, rank) VALUES ('pgsz', 16000), ('automerge', 8), ('crisismerge', 64);
"""


def _text_of(name: str) -> str:
    """SQL for a text in an exception; where there is none, nothing."""
    told = "CAST(exception AS TEXT)"
    return (
        f"CASE json_type({told}, '$.{name}') WHEN 'text'"
        f" THEN substr({told} ->> '$.{name}', 1, {MAX_EXCEPTION_CHARACTERS}) ELSE '' END"
    )


# Few events have an exception, so that they cost nothing; what `matching.exception_text` takes of it stands behind
# the message, so that words of both are found together, and no other column of the index is needed.
_SEARCHED: Final = f"""
CREATE VIEW events_searched AS
    SELECT id, message || CASE WHEN exception IS NULL OR NOT json_valid(CAST(exception AS TEXT)) THEN '' ELSE
        char(10) || {_text_of("type")} || ': ' || {_text_of("value")} END AS message,
        'l' || level_id || ' r' || run_id || ' h' || ((key_hash >> 48) + 32768) AS marks
    FROM events;
"""
_WITH_EXCEPTION: Final = (
    "SELECT e.id FROM event_errors x JOIN events e ON e.id = x.event_id WHERE e.exception IS NOT NULL"
)
_SEARCH_EXCEPTIONS: Final = f"""
DELETE FROM events_fts WHERE rowid IN ({_WITH_EXCEPTION});
DROP VIEW events_searched;
{_SEARCHED}
INSERT INTO events_fts (rowid, message, marks)
    SELECT id, message, marks FROM events_searched WHERE id IN ({_WITH_EXCEPTION});
"""


def whole_periods(column: str, length: int) -> str:
    """SQL for the number of whole periods since 1970, rounded down before it too."""
    return f"({column} - (({column} % {length} + {length}) % {length})) / {length}"


def _utc(column: str) -> str:
    """SQL for RFC 3339 text with six fraction digits; rounds down before 1970 too."""
    fraction = f"((({column}) % 1000000 + 1000000) % 1000000)"
    return (
        f"strftime('%Y-%m-%dT%H:%M:%S', (({column}) - {fraction}) / 1000000, 'unixepoch')"
        f" || printf('.%06dZ', {fraction})"
    )


def _unsigned_hex(column: str) -> str:
    """SQL for 16 hex digits of a stored hash or fingerprint; adding 2**63 at once would leave the integers."""
    return (
        f"printf('%016x', CASE WHEN {column} < 0 THEN {column} + 9223372036854775807 + 1"
        f" ELSE {column} - 9223372036854775807 - 1 END)"
    )


KEY: Final = f"printf('%014x-%012x-', e.ts_us * e.own, e.offset) || {_unsigned_hex('e.key_hash')}"
"""SQL for the key of an event `e`."""

_VIEWS: Final = f"""
CREATE VIEW log_events AS SELECT
    {KEY} AS key,
    {_utc("e.ts_us")} AS timestamp, e.ts_us AS ts_us, r.execution_id AS execution_id, s.script AS script_name,
    p.pid AS pid, p.hostname AS hostname, l.name AS level, l.level_no AS level_no,
    e.message || coalesce(e.odd ->> '$.rest', '') AS message,
    s.function AS function_name, s.file AS file_path, s.line AS line_number,
    coalesce(CAST(e.extra_data AS TEXT), '{{}}') AS extra_data, coalesce(e.tags, '[]') AS tags,
    CAST(e.exception AS TEXT) AS exception,
    CASE e.time_source WHEN 0 THEN 'own' WHEN 1 THEN 'inherited' ELSE 'observed' END AS time_source,
    o.host AS host, o.file AS file, {_unsigned_hex("o.fingerprint")} AS fingerprint,
    e.offset AS offset, e.length AS length, {_utc("e.ingested_us")} AS ingested_at, e.flags AS flags
FROM events e JOIN runs r ON r.id = e.run_id JOIN sites s ON s.id = e.site_id
    JOIN processes p ON p.id = e.process_id JOIN levels l ON l.id = e.level_id JOIN origins o ON o.id = e.origin_id;
CREATE VIEW script_runs AS SELECT
    execution_id, script_name, {_utc("start_us")} AS start_time, {_utc("end_us")} AS end_time, status,
    CAST(document AS TEXT) ->> '$.metadata' AS metadata, CAST(document AS TEXT) ->> '$.error' AS error,
    duration_seconds, CAST(document AS TEXT) ->> '$.pid' AS pid, hostname,
    CAST(document AS TEXT) ->> '$.argv' AS argv, CAST(document AS TEXT) ->> '$.cwd' AS cwd,
    CAST(document AS TEXT) ->> '$.git_commit' AS git_commit,
    CAST(document AS TEXT) ->> '$.parent_execution_id' AS parent_execution_id, managed, started_us
FROM runs WHERE id > 0;
CREATE VIEW agent_learnings AS SELECT
    learning_id, {_utc("ts_us")} AS timestamp, CAST(document AS TEXT) ->> '$.learning' AS learning, execution_id,
    CAST(document AS TEXT) ->> '$.context' AS context,
    CAST(document AS TEXT) ->> '$.function_name' AS function_name, confidence, status,
    CAST(document AS TEXT) ->> '$.confirmed' AS confirmed, CAST(document AS TEXT) ->> '$.refuted' AS refuted,
    CAST(document AS TEXT) ->> '$.evidence' AS evidence
FROM learnings;
CREATE VIEW level_counts AS SELECT
    {_utc("h.hour * 3600000000")} AS hour, l.name AS level, l.level_no AS level_no, h.count AS count
FROM level_hours h JOIN levels l ON l.id = h.level_id;
"""

# Named as the documents are, since free SQL asks them as they stand.
_DERIVED: Final = """
CREATE TABLE log_causality (
    from_log TEXT NOT NULL, to_log TEXT NOT NULL, relationship TEXT NOT NULL,
    confidence REAL NOT NULL, method TEXT NOT NULL, rationale TEXT NOT NULL,
    PRIMARY KEY (from_log, to_log, relationship)
) STRICT, WITHOUT ROWID;
CREATE INDEX log_causality_back ON log_causality (to_log);
CREATE TABLE log_embeddings (
    event_id INTEGER PRIMARY KEY, model TEXT NOT NULL, dimension INTEGER NOT NULL, vector BLOB NOT NULL
) STRICT;
CREATE INDEX log_embeddings_by_model ON log_embeddings (model);
CREATE TABLE agent_memories (
    memory_id TEXT PRIMARY KEY, memory_type TEXT NOT NULL, content TEXT NOT NULL, metadata BLOB NOT NULL,
    created_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX agent_memories_by_time ON agent_memories (created_us);
"""

_META: Final = "CREATE TABLE meta (name TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;"


def migrate(db: apsw.Connection) -> None:
    """Bring the schema to `VERSION`, one version at a time, inside the caller's transaction.

    Raises:
        StoreTooNew: the file was written by a newer version.
        StoreCorrupt: the file is a database of something else.
    """
    version = db.pragma("user_version")
    if version > VERSION:
        raise StoreTooNew(f"{db.filename} has schema {version}, this logagent knows {VERSION}: upgrade logagent")
    if version == 0 and db.execute("SELECT count(*) FROM sqlite_schema").get:
        raise StoreCorrupt(f"{db.filename} is a database of something else: give logagent a file of its own")
    for step in _MIGRATIONS[version:]:
        for part in step:
            if isinstance(part, str):
                db.execute(part)
            else:
                part(db)
    if version == 0:
        db.execute(
            "INSERT INTO meta VALUES ('store_id', ?), ('store_seq', 0), ('last_id', 0)", (secrets.token_hex(16),)
        )
        db.pragma("application_id", APPLICATION_ID)
    db.pragma("user_version", VERSION)


_MIGRATIONS: Final = (
    (_META, _EVENTS, _RUNS, _COUNTS, _SEARCH, _VIEWS),
    (_DERIVED,),
    (_ERRORS, count_errors),
    (count_lines,),
    (_SEARCH_EXCEPTIONS,),
)
"""What leads from version n to n + 1, in order; the first makes everything."""
