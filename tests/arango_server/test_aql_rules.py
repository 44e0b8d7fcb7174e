"""What the facts say of AQL and nobody recorded."""

from __future__ import annotations

from typing import Any

import pytest

from arango_server import ArangoServer
from arango_server.client import Client


def failure(client: Client, text: str, binds: dict[str, Any] | None = None) -> tuple[int, int]:
    """Status and number of a query that fails."""
    answer = client.send("POST", "/_api/cursor", {"query": text, "bindVars": binds or {}})
    return answer.status, answer.body.get("errorNum", 0)


def warnings(client: Client, text: str) -> tuple[list[Any], list[int]]:
    """Rows and numbers of warnings."""
    body = client.send("POST", "/_api/cursor", {"query": text}).body
    return body["result"], [warning["code"] for warning in body["extra"]["warnings"]]


VALUES = {
    "null < false AND false < 0 AND 0 < '' AND '' < [] AND [] < {}": True,
    "'2026' >= DATE_NOW()": True,
    "null < 5": True,
    "1 == 1.0": True,
    "[1, 2] < [1, 3]": True,
    "NOT 1 == 2": False,
    "!(1 == 2)": True,
    "null || 'x'": "x",
    "0 && 'x'": 0,
    "'' ?: 'y'": "y",
    "10 / 4": 2.5,
    "10 / 5": 2,
    "-7 % 3": -1,
    "'3' + '4'": 7,
    "9007199254740993 + 0": 9007199254740992,
    "23 * {}": 0,
    "24 + [2]": 26,
    "24 + [2, 4]": 24,
    "24 / '12'": 2,
    "3 NOT IN 4": False,
    "[1, 2, 3] ANY > 2": True,
    "[1, 2, 3] ALL IN [1, 2, 3, 4]": True,
    "[1, 2, 3] NONE == 4": True,
    "[1, 2, 3] AT LEAST (2) > 1": True,
    "2 IN 1..3": True,
    "'ab%' LIKE 'ab\\\\%'": True,
    "'disk full' LIKE '%FULL'": False,
    "'abc' =~ '^a.c$'": True,
    "[{a: [{b: 1}, {b: 2}]}, {a: [{b: 3}]}][*].a[*].b": [[1, 2], [3]],
    "[[1, [2]], [3]][**]": [1, [2], 3],
    "[1, 2, 3, 4][* FILTER CURRENT > 1 LIMIT 2 RETURN CURRENT * 10]": [20, 30],
    "[1, 2, 3][? FILTER CURRENT > 2]": True,
    "[1, 2, 3][-1]": 3,
    "{a: 1}['a']": 1,
    "{[CONCAT('a', 1)]: 2}": {"a1": 2},
    "DATE_ISO8601('2026-01-01T00:00:05.123456+00:00')": "2026-01-01T00:00:05.123Z",
    "DATE_SUBTRACT('2026-01-01T00:00:05.123456+00:00', 5, 'seconds')": "2026-01-01T00:00:00.123Z",
    "DATE_ADD('2026-01-01 00:00', 'PT5M')": "2026-01-01T00:05:00.000Z",
    "DATE_TIMESTAMP('1970-01-01T00:00:01Z')": 1000,
    "DATE_TRUNC('2026-03-04T05:06:07.890Z', 'hour')": "2026-03-04T05:00:00.000Z",
    "DATE_DIFF('2026-01-01', '2026-01-02', 'h')": 24,
    "DATE_FORMAT(0, '%yyyy-%mm-%dd %hh')": "1970-01-01 00",
    "COSINE_SIMILARITY([1, 0], [0, 1])": 0,
    "PERCENTILE([1, 2, 3, 4], 50)": 2,
    "MEDIAN([1, 2, 3, 4])": 2.5,
    "NOT_NULL(null, 3)": 3,
    "TO_NUMBER('1e3')": 1000,
    "TO_STRING(0.1 + 0.2)": "0.30000000000000004",
    "TO_BOOL([])": True,
    "MAX([OLD_VALUE, 2])": 2,
    "CONTAINS('disk full', 'full', true)": 5,
    "COUNT({a: 1, b: 2})": 2,
    "(FOR i IN 1..3 FILTER i > 1 RETURN i)": [2, 3],
}


@pytest.mark.parametrize("text", VALUES)
def test_expressions(client: Client, text: str) -> None:
    """Each as AQL computes it."""
    assert client.query(f"LET OLD_VALUE = null RETURN {text}") == [VALUES[text]]


def test_what_cannot_be_computed_is_null_with_a_warning(client: Client) -> None:
    """Division by zero 1562, bad dates 1572; failOnWarning makes them errors."""
    assert warnings(client, "RETURN 1 / 0") == ([None], [1562])
    assert warnings(client, "RETURN DATE_ISO8601('2026-01-01T00:00:00+0000')") == ([None], [1572])
    assert warnings(client, "RETURN DATE_HOUR('yesterday')") == ([None], [1572])
    body = {"query": "RETURN 1 / 0", "options": {"failOnWarning": True}}
    assert client.send("POST", "/_api/cursor", body).body["errorNum"] == 1562


FAILURES = {
    "RETURN @x": (400, 1551),
    "FOR x IN": (400, 1501),
    "RETURN d.sort": (400, 1501),
    "LET a = 1": (400, 1501),
    "LET a = 1 LET a = 2 RETURN a": (400, 1511),
    "RETURN FOO(1)": (400, 1540),
    "RETURN LENGTH()": (400, 1541),
    "FOR d IN nowhere RETURN d": (404, 1203),
    "FOR d IN c LIMIT 1 + LENGTH(c) RETURN d": (400, 1504),
    "FOR d IN c INSERT {} INTO c FOR x IN c RETURN x": (400, 1579),
    "REMOVE 'missing' IN c": (404, 1202),
    "FOR d IN c SEARCH d.x == 1 RETURN d": (400, 1501),
    "FOR d IN c COLLECT AGGREGATE n = 1 RETURN n": (400, 1574),
    "RETURN APPROX_NEAR_COSINE([1], [1])": (400, 1554),
    "FOR v IN 1..2 ANY 'c/1' GRAPH 'none' RETURN v": (404, 1924),
}


@pytest.mark.parametrize("text", FAILURES)
def test_failures(client: Client, text: str) -> None:
    """Each with ArangoDB's status and number."""
    assert failure(client, text) == FAILURES[text]


def test_a_surplus_bind_parameter_is_an_error(client: Client) -> None:
    """1552; collection parameters carry one more sign."""
    assert failure(client, "RETURN 1", {"x": 1}) == (400, 1552)
    assert (
        client.query("FOR d IN @@where FILTER d.@path == @x RETURN d", {"@where": "c", "path": ["a", "b"], "x": 1})
        == []
    )


def test_what_fails_while_it_runs_says_so(client: Client) -> None:
    """Unlike what fails before; FOR over something else than an array fails."""
    body = client.send("POST", "/_api/cursor", {"query": "REMOVE 'missing' IN c"}).body
    assert body["errorMessage"] == "AQL: document not found (while executing)"
    assert failure(client, "FOR i IN [1, 2] FOR x IN i RETURN x") == (400, 1563)


def test_what_was_changed_is_stored_behind_the_others(client: Client) -> None:
    """A whole scan meets it last."""
    client.query("FOR i IN 1..3 INSERT {_key: TO_STRING(i)} INTO c")
    client.query("UPDATE '1' WITH {m: 1} IN c")
    assert [d["_key"] for d in client.query("FOR d IN c RETURN d")] == ["2", "3", "1"]


def test_an_order_that_an_index_may_give_is_not_guessed(client: Client) -> None:
    """With one index for the condition it is its order; else refused where it shows and differs."""
    client.query("FOR i IN [3, 1, 2] INSERT {_key: TO_STRING(i), n: i % 2, m: i} INTO c")
    assert client.query("FOR d IN c FILTER d._key IN ['3', '1', '9'] RETURN d.m") == [1, 3]
    assert failure(client, "FOR d IN c RETURN d._key") == (501, 9)
    assert client.query("FOR d IN c SORT d.m RETURN d._key") == ["1", "2", "3"]
    assert client.query("FOR d IN c COLLECT WITH COUNT INTO n RETURN n") == [3]
    client.send("POST", "/_api/index?collection=c", {"type": "persistent", "fields": ["n", "m"]})
    assert client.query("FOR d IN c FILTER d.n IN [1, 0] RETURN d.m") == [2, 1, 3]
    assert failure(client, "FOR d IN c RETURN d.m") == (501, 9)
    assert failure(client, "FOR d IN c FILTER d.n == 1 OR d.n == 0 RETURN d") == (501, 9)
    client.send("POST", "/_api/index?collection=c", {"type": "persistent", "fields": ["n"]})
    assert failure(client, "FOR d IN c FILTER d.n == 1 RETURN d.m") == (501, 9)


def test_a_query_that_fails_writes_nothing(client: Client) -> None:
    """One transaction."""
    assert failure(client, "FOR i IN 1..3 INSERT {_key: i == 3 ? 'a b' : TO_STRING(i)} INTO c") == (400, 1221)
    assert client.query("RETURN LENGTH(c)") == [0]


def test_modifications(client: Client) -> None:
    """Insert, upsert, update, replace, remove; OLD and NEW; writesExecuted."""
    client.query("FOR i IN 1..3 INSERT {_key: TO_STRING(i), n: i} INTO c")
    upsert = "UPSERT {_key: '3'} INSERT {_key: '3', n: 0} UPDATE {n: OLD.n + 1} IN c RETURN NEW.n"
    assert client.query(upsert) == [4]
    assert client.query("UPSERT FILTER CURRENT.n == 9 INSERT {_key: '9'} UPDATE {x: 1} IN c RETURN OLD") == [None]
    assert client.query("UPDATE '1' WITH {m: 1} IN c RETURN [OLD.m, NEW.m, NEW.n]") == [[None, 1, 1]]
    assert client.query("FOR d IN c FILTER d.n == 2 REPLACE d WITH {z: 1} IN c RETURN NEW.n") == [None]
    body = {"query": "FOR d IN c LIMIT 2 REMOVE d IN c OPTIONS {ignoreErrors: true}"}
    assert client.send("POST", "/_api/cursor", body).body["extra"]["stats"]["writesExecuted"] == 2


def test_collect(client: Client) -> None:
    """Groups in order, aggregates, counts, members."""
    rows = "FOR d IN [{l: 'b', n: 1}, {l: 'a', n: 2}, {l: 'b', n: 3}] "
    assert client.query(rows + "COLLECT l = d.l WITH COUNT INTO n RETURN [l, n]") == [["a", 1], ["b", 2]]
    assert client.query(rows + "COLLECT l = d.l AGGREGATE s = SUM(d.n), m = MAX(d.n) RETURN [l, s, m]") == [
        ["a", 2, 2],
        ["b", 4, 3],
    ]
    assert client.query(rows + "COLLECT l = d.l INTO g = d.n RETURN g") == [[2], [1, 3]]
    assert client.query(rows + "COLLECT l = d.l INTO g RETURN g[*].d.n") == [[2], [1, 3]]
    assert client.query(rows + "COLLECT WITH COUNT INTO n RETURN n") == [3]
    assert client.query("FOR d IN [] COLLECT AGGREGATE n = COUNT(1), m = MAX(d) RETURN [n, m]") == [[0, None]]
    assert failure(client, rows + "COLLECT l = d.l RETURN d") == (404, 1203)


def test_windows(client: Client) -> None:
    """By rows, and by the distance of values."""
    rows = "FOR i IN [1, 2, 4, 8] "
    assert client.query(rows + "WINDOW {preceding: 1} AGGREGATE s = SUM(i) RETURN s") == [1, 3, 6, 12]
    assert client.query(rows + "WINDOW i WITH {preceding: 2, following: 0} AGGREGATE n = COUNT(1) RETURN n") == [
        1,
        2,
        2,
        1,
    ]
    times = "FOR t IN ['2026-01-01T00:00', '2026-01-01T00:10', '2026-01-01T00:30'] "
    window = "WINDOW t WITH {preceding: 'PT10M', following: 'PT20M'} AGGREGATE n = COUNT(1) RETURN n"
    assert client.query(times + window) == [2, 3, 1]


def test_traversals(client: Client) -> None:
    """By graph or edge set, missing vertices are null."""
    client.query("FOR k IN ['a', 'b', 'c'] INSERT {_key: k} INTO c")
    client.query(
        "FOR p IN ['ab', 'bc', 'cx'] INSERT {_from: CONCAT('c/', LEFT(p, 1)), _to: CONCAT('c/', RIGHT(p, 1))} INTO e"
    )
    walk = "FOR v, e, p IN 1..3 OUTBOUND 'c/a' e RETURN [v._key, LENGTH(p.edges)]"
    assert client.query(walk) == [["b", 1], ["c", 2], [None, 3]]
    breadth = "WITH c FOR v IN 0..2 ANY 'c/b' e OPTIONS {order: 'bfs', uniqueVertices: 'global'} RETURN v._key"
    assert set(client.query(breadth)) == {"a", "b", "c", None}


def test_full_count_and_plans(client: Client) -> None:
    """fullCount is before the last LIMIT; explain tells how data are reached."""
    client.query("FOR i IN 1..10 INSERT {n: i} INTO c")
    body = {"query": "FOR d IN c FILTER d.n > 4 LIMIT 2 RETURN 1", "options": {"fullCount": True}}
    assert client.send("POST", "/_api/cursor", body).body["extra"]["stats"]["fullCount"] == 6
    explain = {"query": "FOR d IN c FILTER d.n > 4 RETURN d"}
    before = client.send("POST", "/_api/explain", explain).body["plan"]["nodes"][1]["type"]
    client.send("POST", "/_api/index?collection=c", {"type": "persistent", "fields": ["n"]})
    after = client.send("POST", "/_api/explain", explain).body["plan"]["nodes"][1]["type"]
    assert (before, after) == ("EnumerateCollectionNode", "IndexNode")


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("[1, 2, 3][-1]", 3),
        ("[1, 2, 3][1.7]", 2),
        ("[1, 2, 3]['1']", 2),
        ("[1, 2, 3]['x']", None),
        ("[1, 2, 3][true]", None),
        ("[1, 2, 3][null]", None),
        ("[1, 2, 3][[0]]", None),
        ("{'1': 'x'}[1]", "x"),
        ("{'true': 'x'}[true]", None),
    ],
)
def test_an_element_is_reached_by_a_number_or_a_text(client: Client, expression: str, value: Any) -> None:
    """Anything else leads nowhere."""
    assert client.query(f"RETURN {expression}") == [value]


def test_places_of_a_date_are_told_apart_by_their_length(client: Client) -> None:
    """The longest that there is."""
    assert client.query("RETURN DATE_FORMAT('2020-02-03', '%w %ww %www')") == ["1 1w Mon"]


def test_a_broken_pattern_is_a_warning_of_its_own(client: Client) -> None:
    """1543, and null."""
    answer = client.send("POST", "/_api/cursor", {"query": "RETURN 'foo' =~ '('"}).body
    assert (answer["result"], [w["code"] for w in answer["extra"]["warnings"]]) == ([None], [1543])


def test_a_vector_search_has_one_form(client: Client) -> None:
    """Index, SORT by the score DESC, LIMIT; else 1554; untrained 1555."""
    near = "FOR d IN c LET s = APPROX_NEAR_COSINE(d.v, @q) SORT s DESC LIMIT 2 RETURN d._key"
    binds = {"q": [1.0, 0.0]}
    assert failure(client, near, binds) == (400, 1554)
    params = {"metric": "cosine", "dimension": 2, "nLists": 2}
    index = {"type": "vector", "fields": ["v"], "sparse": True, "params": params}
    assert client.send("POST", "/_api/index?collection=c", index).status == 201
    assert failure(client, near, binds) == (400, 1555)
    client.send("POST", "/_api/document/c", [{"_key": "x", "v": [1, 0]}, {"_key": "y", "v": [0, 1]}, {"_key": "z"}])
    assert client.query(near, binds) == ["x", "y"]
    assert failure(client, near.replace("DESC", "ASC"), binds) == (400, 1554)
    assert failure(client, near.replace("LIMIT 2", ""), binds) == (400, 1554)


@pytest.mark.parametrize(
    ("version", "more", "status"),
    [
        ("3.12.5", {"sparse": True}, 400),
        ("3.12.5", {}, 201),
        ("3.12.5", {"params": {"metric": "innerProduct", "dimension": 2, "nLists": 1}}, 400),
        ("3.12.6", {"sparse": True, "storedValues": ["n"]}, 400),
        ("3.12.7", {"sparse": True, "storedValues": ["n"]}, 201),
        ("3.12.8", {"params": {"metric": "cosine", "dimension": 2, "nLists": 2}}, 400),
        ("3.12.9", {"params": {"metric": "cosine", "dimension": 2, "nLists": 2}}, 201),
        ("3.12.9", {"params": {"metric": "cosine", "dimension": 2}}, 400),
        ("3.12.10", {"params": {"metric": "cosine", "dimension": 2}}, 201),
    ],
)
def test_a_vector_index_is_what_the_version_knows(version: str, more: dict[str, Any], status: int) -> None:
    """Sparse since 3.12.6, with values since 3.12.7, before its data since 3.12.9, without nLists since 3.12.10."""
    params = {"metric": "cosine", "dimension": 2, "nLists": 1}
    index = {"type": "vector", "fields": ["v"], "params": params, **more}
    with ArangoServer(version=version) as server, Client(server) as client:
        client.send("POST", "/_api/collection", {"name": "c"})
        client.send("POST", "/_api/document/c", [{"v": [1, 0]}])
        assert client.send("POST", "/_api/index?collection=c", index).status == status
        filtered = "FOR d IN c FILTER d.n == 1 LET s = APPROX_NEAR_COSINE(d.v, [1, 0]) SORT s DESC LIMIT 2 RETURN d"
        if version == "3.12.5" and status == 201:
            assert failure(client, filtered, {}) == (400, 1554)


LINK = {
    "fields": {
        "message": {"analyzers": ["text_en", "log_text"]},
        "level": {},
        "ts": {},
        "tags": {},
    }
}


def view_of_logs(client: Client) -> None:
    """A view with two analyzers on the message."""
    steps = [
        {"type": "multi_delimiter", "properties": {"delimiters": [" ", ":", "."]}},
        {"type": "norm", "properties": {"locale": "en", "case": "lower", "accent": False}},
    ]
    features = ["frequency", "norm", "position"]
    analyzer = {"name": "log_text", "type": "pipeline", "properties": {"pipeline": steps}, "features": features}
    assert client.send("POST", "/_api/analyzer", analyzer).status == 201
    assert client.send("POST", "/_api/analyzer", analyzer).status == 200
    assert client.send("POST", "/_api/view", {"name": "v", "type": "arangosearch", "links": {"c": LINK}}).status == 201
    client.send("POST", "/_api/document/c", [
        {"_key": "1", "message": "Disk full: cannot write", "level": "ERROR", "ts": 1, "tags": ["io"]},
        {"_key": "2", "message": "the disks are fine, the disks are very fine indeed", "level": "INFO", "ts": 2},
        {"_key": "3", "message": "write done", "level": "INFO", "ts": 3, "tags": ["io", "fast"]},
    ])  # fmt: skip


SEARCHES = {
    "ANALYZER(d.message IN TOKENS('disks', 'text_en'), 'text_en')": ["1", "2"],
    "ANALYZER(d.message == 'disks', 'log_text')": ["2"],
    "d.message == 'disks'": [],
    "ANALYZER(TOKENS('disk write', 'text_en') ALL == d.message, 'text_en')": ["1"],
    "PHRASE(d.message, 'disk full', 'log_text')": ["1"],
    "PHRASE(d.message, 'disk', 1, 'cannot', 'log_text')": ["1"],
    "ANALYZER(STARTS_WITH(d.message, 'writ'), 'log_text')": ["1", "3"],
    "d.level == 'INFO' AND d.ts > 2": ["3"],
    "d.ts >= 1 AND d.ts < 3": ["1", "2"],
    "d.tags == 'fast'": ["3"],
    "NOT (d.level IN ['INFO'])": ["1"],
    "(@x == null OR d.level == @x) AND d.ts >= 2": ["2", "3"],
    "d.unlinked == 1": [],
    "ANALYZER(LEVENSHTEIN_MATCH(d.message, 'dsik', 1), 'log_text')": ["1"],
    "IN_RANGE(d.ts, 1, 3, false, true)": ["2", "3"],
    "MIN_MATCH(d.level == 'INFO', d.ts == 3, d.tags == 'io', 2)": ["3"],
}


@pytest.mark.parametrize("condition", SEARCHES)
def test_searches(client: Client, condition: str) -> None:
    """By analyzer, phrase, prefix, exact values and ranges; a mismatch of analyzers is no rows, no error."""
    view_of_logs(client)
    binds = {"x": None} if "@x" in condition else {}
    found = client.query(f"FOR d IN v SEARCH {condition} SORT d._key RETURN d._key", binds)
    assert found == SEARCHES[condition]


def test_bm25_prefers_the_shorter_and_rarer(client: Client) -> None:
    """By the formula; a boost multiplies; without a term it is constant."""
    view_of_logs(client)
    search = "FOR d IN v SEARCH ANALYZER({}d.message IN TOKENS('disk', 'text_en'){}, 'text_en') "
    rows = client.query(search.format("", "") + "LET s = BM25(d) SORT s DESC RETURN [d._key, s]")
    boosted = client.query(search.format("BOOST(", ", 2)") + "LET s = BM25(d) SORT s DESC RETURN s")
    assert failure(client, search.format("", "") + "SORT BM25(d) DESC RETURN BM25(d)") == (501, 9)
    assert [row[0] for row in rows] == ["1", "2"]
    assert boosted == pytest.approx([2 * row[1] for row in rows])


def test_a_view_shows_a_write_only_after_its_commit() -> None:
    """Manual commits; waitForSync in SEARCH forces one."""
    with ArangoServer(view_commit_s=float("inf")) as server, Client(server) as client:
        client.send("POST", "/_api/collection", {"name": "c"})
        view_of_logs(client)
        count = "FOR d IN v SEARCH d.ts > 0 COLLECT WITH COUNT INTO n RETURN n"
        assert client.query(count) == [0]
        server.commit_views()
        client.query("INSERT {ts: 4} INTO c")
        assert client.query(count) == [3]
        server.commit_views()
        assert client.query(count) == [4]
        client.query("INSERT {ts: 5} INTO c")
        assert client.query(count.replace("> 0", "> 0 OPTIONS {waitForSync: true}")) == [5]


def test_a_search_alias_view_takes_the_analyzer_of_its_index(client: Client) -> None:
    """No ANALYZER() is needed."""
    fields = [{"name": "message", "analyzer": "text_en"}, "level"]
    client.send("POST", "/_api/index?collection=c", {"type": "inverted", "name": "inv", "fields": fields})
    client.send(
        "POST", "/_api/view", {"name": "a", "type": "search-alias", "indexes": [{"collection": "c", "index": "inv"}]}
    )
    client.send("POST", "/_api/document/c", [{"message": "disks", "level": "INFO"}, {"message": "x", "level": "INFO"}])
    assert client.query("FOR d IN a SEARCH d.message == 'disk' AND d.level == 'INFO' RETURN d.message") == ["disks"]
