"""What of questions is ArangoDB's alone: its language, its collections, and users who are not the daemon's."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from arango_server import ArangoServer
from click.testing import CliRunner
from query_build import append, usual_story
from query_inside import ask_inside

from logagent.cli.main import cli
from logagent.query.mcp.tools import Tools
from logagent.query.sources import Place, status_of

PASSWORD = "secret"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ArangoServer]:
    monkeypatch.setenv("ARANGO_PASSWORD", PASSWORD)
    with ArangoServer(password=PASSWORD) as running:
        yield running


@pytest.fixture
def url(server: ArangoServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """A filled store, chosen by the environment as a user who may only read."""
    root = f"arangodb://root@127.0.0.1:{server.port}/own"
    append(root, usual_story().records)
    server.create_user("asker", PASSWORD, own="ro")
    asker = root.replace("root", "asker")
    monkeypatch.setenv("LOGAGENT_STORE", asker)
    return asker


def test_aql_takes_parameters_by_name_and_says_when_rows_were_cut(url: str) -> None:
    """JSON where it is some, else text; as `sql` does, a cut is exit 5."""
    ask = ["aql", "FOR e IN log_events FILTER e.level == @level LIMIT @most RETURN {l: e.level}"]
    found = ask_inside(*ask, "-p", "level=ERROR", "-p", "most=1")
    assert (found.code, found.out) == (0, '{"l":"ERROR"}\n')
    cut = ask_inside("aql", "FOR e IN log_events SORT e._key RETURN e._key", "-n", "2")
    assert (cut.code, len(cut.out.splitlines())) == (5, 2)
    assert "NAME=VALUE" in ask_inside(*ask, "-p", "level").err


def test_schema_shows_what_aql_can_ask(url: str) -> None:
    """Trap: an empty answer with a hint in the other store's language."""
    found = ask_inside("schema", "-o", "json")
    document = json.loads(found.out)
    shown = {(each["table"], each["column"]) for each in document["items"]}
    assert {("log_events", "exception"), ("script_runs", "status"), ("log_error_runs", "fingerprint")} <= shown
    assert ask_inside(*shlex.split(document["hints"][0])[1:]).code == 0
    assert "log_events" in ask_inside("schema", "log_event").err


def test_over_mcp_the_limit_holds_for_aql_too(url: str, tmp_path: Path) -> None:
    """Trap: an argument that is silently ignored."""
    tools = Tools(Place(url, str(tmp_path)), allow_write=False)
    try:
        answer = tools.call(
            "query_store", {"statement": "FOR e IN log_events SORT e._key RETURN {k: e._key}", "limit": 2}
        )
    finally:
        tools.close()
    assert answer.text.count("k=") == 2


def test_a_daemon_that_logs_in_as_another_user_fills_the_same_store(
    server: ArangoServer, url: str, tmp_path: Path
) -> None:
    """Whoever asks by a URL of their own was told that no daemon had reported."""
    (tmp_path / "logs").mkdir()
    writes = ["--store", url.replace("asker", "root"), "--state-dir", str(tmp_path / "state")]
    assert CliRunner().invoke(cli, ["run", "--once", "--watch", str(tmp_path / "logs"), *writes]).exit_code == 0
    state = str(tmp_path / "state")
    for asked in (url, url.replace("127.0.0.1", "localhost")):
        found = ask_inside("--store", asked, "--state-dir", state, "search", "nothing-such", "-o", "compact")
        assert "no daemon has reported" not in found.out + found.err
    assert status_of(Place(url, state)) is not None and status_of(Place(url.replace("/own", "/other"), state)) is None
