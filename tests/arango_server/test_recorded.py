"""Answers of a real server, replayed: each is reproduced, or refused by our own 501, never answered otherwise."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from arango_server import ArangoServer
from arango_server.client import Answer, Client
from arango_server.datasets import DATASETS, load
from arango_server.errors import Unsupported
from arango_server.javascript import unquote
from arango_server.shell import Shell, values_in
from arango_server.shell_things import ShellError

REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLES = Path(os.environ.get("LOGAGENT_TEST_ARANGO_EXAMPLES", REPOSITORY.parent / "shared" / "arango-examples.jsonl"))
VARYING = frozenset((
    "_rev", "_oldRev", "id", "globallyUniqueId", "objectId", "lastValue", "executionTime", "peakMemoryUsage",
    "revision", "checksum", "bytesUsed", "time", "createdAt", "modifiedAt", "nextBatchId", "figures", "identifiers",
))  # fmt: skip
# Counters of the real optimizer and its caches, which say nothing about the answer.
COUNTERS = frozenset((
    "seeks", "documentLookups", "cursorsCreated", "cursorsRearmed", "cacheHits", "cacheMisses", "scannedIndex",
))  # fmt: skip
ACCESS = re.compile(r"(EnumerateCollection|Index|EnumerateView|Insert|Update|Replace|Remove|Upsert|Traversal)Node")
Example = dict[str, Any]


def examples(kind: str) -> list[Example]:
    """The recorded examples of a kind; none if they are not here."""
    if not EXAMPLES.exists():
        return []
    with EXAMPLES.open(encoding="utf-8") as lines:
        return [example for example in map(json.loads, lines) if example["kind"] == kind]


def plain(value: Any, name: str = "") -> Any:
    """A value without what differs from run to run."""
    if isinstance(value, dict):
        return {k: plain(v, k) for k, v in value.items() if k not in VARYING and k not in COUNTERS}
    if isinstance(value, list):
        return [plain(element, name) for element in value]
    if name == "selectivityEstimate" and value != 1:
        raise Unsupported("an estimate, which the server comes to in its own time")
    if isinstance(value, float):
        return float(f"{value:.12g}")
    if isinstance(value, str):
        return re.sub(r"\bidx_\d+|\b\d{5,}\b|\b_l6z[\w-]+", "*", value)
    return value


class Tally:
    """How many were reproduced and refused; the wrong ones fail the test."""

    def __init__(self, kind: str, capture: pytest.CaptureFixture[str]) -> None:
        self._kind = kind
        self._capture = capture
        self._counts: Counter[str] = Counter()
        self._wrong: list[str] = []

    def count(self, name: str, run: Callable[[], tuple[Any, Any]]) -> None:
        """Run one example, which gives (recorded, ours)."""
        try:
            recorded, ours = run()
        except Unsupported:
            self._counts["refused"] += 1
            return
        if recorded == ours:
            self._counts["reproduced"] += 1
        else:
            self._wrong.append(
                f"{name}\n  recorded {json.dumps(recorded)[:1500]}\n  ours     {json.dumps(ours)[:1500]}"
            )

    def finish(self) -> None:
        """Print the line of the table."""
        total = self._counts.total() + len(self._wrong)
        reproduced, refused = self._counts["reproduced"], self._counts["refused"]
        with self._capture.disabled():
            print(f"\n{self._kind}: reproduced {reproduced} of {total}, refused {refused}, wrong {len(self._wrong)}")
        assert not self._wrong, "\n".join(self._wrong)


needs_examples = pytest.mark.skipif(not EXAMPLES.exists(), reason="the recorded examples are not beside the repository")


@needs_examples
def test_recorded_queries_are_reproduced_or_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """kind aql: the whole result, in order."""
    tally = Tally("aql", capsys)
    for example in examples("aql"):
        if example["nondeterministic"]:
            continue
        with ArangoServer() as server, Client(server) as client:
            tally.count(example["name"], lambda e=example, c=client: _query(c, e))  # type: ignore[misc]
    tally.finish()


def _query(client: Client, example: Example) -> tuple[Any, Any]:
    if example["dataset"]:
        if example["dataset"] not in DATASETS:
            raise Unsupported(f"dataset {example['dataset']}")
        load(client, example["dataset"])
    # The text was recorded as it stands in a JavaScript template, with that language's escapes.
    text = unquote(f"`{example['query']}`")
    body = {"query": text, "bindVars": example["bindVars"], "options": example["queryOptions"] or {}}
    answer = client.send("POST", "/_api/cursor", body)
    if answer.status == 501:
        raise Unsupported(answer.body["errorMessage"])
    return plain(example["output"]), plain(answer.body.get("result", answer.body))


@needs_examples
def test_recorded_requests_are_reproduced_or_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """kind http: status, body and the headers that mean something."""
    tally = Tally("http", capsys)
    groups: dict[tuple[str, str], list[Example]] = defaultdict(list)
    for example in examples("http"):
        groups[example["page"], example["name"]].append(example)
    for (_, name), group in groups.items():
        if group[0]["deployment"] != "single" and not group[0]["path"].startswith("/_admin/license"):
            continue
        wanted = [example for example in group if example["status"] is not None]
        with ArangoServer() as server, Client(server) as client:
            for example in wanted:
                tally.count(name, lambda e=example, c=client, g=group: _request(c, e, g))  # type: ignore[misc]
    tally.finish()


def _request(client: Client, example: Example, group: list[Example]) -> tuple[Any, Any]:
    if (example["method"], example["path"]) == ("GET", "/_api/user"):
        raise Unsupported("a list of users: a real server's are of all that was done on it before")
    shell = Shell(client)
    source = example["setup_js"] if isinstance(example["setup_js"], str) else ""
    if "logCurlRequest" in source:
        try:
            shell.run(source)
        except Unsupported:
            # The example may have had its answer before the script asked for something that we have not.
            if len(shell.answers) <= example["seq"] or shell.answers[example["seq"]].status == 501:
                raise
        if len(shell.answers) <= example["seq"]:
            raise Unsupported("a script whose requests are not all seen")
        answer = shell.answers[example["seq"]]
    elif len(group) == 1:
        body = example.get("request_body_text") or example["request_body"]
        answer = client.send(example["method"], example["path"], body)
    else:
        raise Unsupported("a sequence of requests without its script")
    if answer.status == 501:
        raise Unsupported(answer.body["errorMessage"])
    return _essence(example["status"], example["response_body"], example["headers"] or {}), _essence_of(answer)


def _essence_of(answer: Answer) -> Any:
    return _essence(answer.status, answer.body, answer.headers)


def _essence(status: int, body: Any, headers: dict[str, str]) -> Any:
    lowered = {name.lower(): plain(value) for name, value in headers.items()}
    kept = {name: lowered[name] for name in ("etag", "location", "x-arango-error-codes") if name in lowered}
    shown = plain(body)
    if isinstance(shown, dict) and isinstance(shown.get("plan"), dict):
        # Of a plan we only claim how data are reached and changed.
        shown = [node["type"] for node in shown["plan"]["nodes"] if ACCESS.fullmatch(node["type"])]
    if isinstance(shown, dict) and "stats" in shown and "edges" in shown:
        del shown["stats"]
    if isinstance(shown, dict) and shown.get("errorNum") == 1501:
        # We say where a query stops being AQL, not by which token.
        del shown["errorMessage"]
    if isinstance(shown, dict) and isinstance(shown.get("result"), list):
        # System collections are not ours to show.
        rows = shown["result"]
        shown["result"] = [row for row in rows if not (isinstance(row, dict) and row.get("isSystem") is True)]
    return [status, shown, kept]


@needs_examples
def test_recorded_sessions_are_reproduced_or_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """kind arangosh: each value that the session shows."""
    tally = Tally("arangosh", capsys)
    earlier: dict[str, list[Example]] = defaultdict(list)
    for example in examples("arangosh"):
        before = earlier[example["page"]]
        tally.count(example["name"], lambda e=example, b=tuple(before): _session_or_sequel(e, b))  # type: ignore[misc]
        before.append(example)
    tally.finish()


class _GoesOn(Unsupported):
    """A session that needs what an earlier one of its page made."""


def _session_or_sequel(example: Example, before: tuple[Example, ...]) -> tuple[Any, Any]:
    with ArangoServer() as server, Client(server) as client:
        try:
            return _session(client, example)
        except _GoesOn:
            if not before:
                raise
    with ArangoServer() as server, Client(server) as client:
        for one in before:
            with contextlib.suppress(Unsupported, ShellError):
                Shell(client).run(one["source"])
            client.prefix = ""
        return _session(client, example)


def _session(client: Client, example: Example) -> tuple[Any, Any]:
    if "_explain" in example["source"] or "_profileQuery" in example["source"] or "explain" in example["source"]:
        raise Unsupported("plans as text")
    if '"shardKeys"' in example["output_text"]:
        raise Unsupported("a session on a cluster")
    recorded = values_in(example["output_text"])
    shell = Shell(client)
    try:
        shell.run(example["source"])
    except ShellError as error:
        if re.match(r"\[ArangoError (1203|1703)", str(error)) and str(error) not in recorded:
            raise _GoesOn("a session that goes on from an earlier one") from None
        shell.shown.append(str(error))
    if shell.shows_unknown:
        raise Unsupported("showing an object")
    shown = json.loads(json.dumps(shell.shown))
    if "new Date()" in example["source"]:
        recorded, shown = _without_times(recorded), _without_times(shown)
    return plain(recorded), plain(shown)


def _without_times(value: Any) -> Any:
    """The moments at which a script ran."""
    return json.loads(re.sub(r'"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"', '"*"', json.dumps(value)))
