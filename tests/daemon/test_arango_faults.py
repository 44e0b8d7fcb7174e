"""The daemon over ArangoDB behind a network that fails: everything once, paused meanwhile, healed by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from copy import deepcopy
from itertools import count
from pathlib import Path

import pytest
from arango_server import ArangoServer

from logagent.store import open_store
from tests.daemon.commands import logagent
from tests.daemon.rig import Rig, expected, natives
from tests.faults import WRITES, Fault, FaultyProxy

_NUMBERS = count(1)
TIMEOUT_S = "3"  # a busy machine answers within it, and one that hangs costs no more than that


@pytest.fixture(scope="module")
def server() -> Iterator[ArangoServer]:
    with ArangoServer() as running:
        yield running


@pytest.fixture
def proxy(server: ArangoServer) -> Iterator[FaultyProxy]:
    with FaultyProxy(server.port) as running:
        yield running


@pytest.fixture
def rig(
    make_rig: Callable[..., Rig], server: ArangoServer, proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Rig]:
    """A daemon that reaches its store through the proxy."""
    monkeypatch.setenv("ARANGO_PASSWORD", server.password)
    monkeypatch.setenv("LOGAGENT_ARANGO_TIMEOUT_S", TIMEOUT_S)
    made = make_rig()
    made.store_url = f"arangodb://root@127.0.0.1:{proxy.port}/faults_{next(_NUMBERS)}"
    yield made
    made.close()


@pytest.mark.parametrize("fault", Fault)
def test_whatever_the_network_does_each_line_is_stored_once(rig: Rig, proxy: FaultyProxy, fault: Fault) -> None:
    """One fault in the middle: the daemon pauses, what was spoilt is sent again, and nothing of it is there twice."""
    rig.write("a.jsonl", natives("a", 0, 30))
    rig.start()
    rig.settle()
    proxy.spoil(fault)
    rig.write("a.jsonl", natives("b", 0, 30))
    rig.settle()
    assert proxy.spoiled[fault] == 1
    paused = any(text.startswith("outage: ") for _, text in rig.log.said)
    assert paused or fault in (Fault.SLOW, Fault.NO_JSON)  # the latter is no refusal of anything, so is asked again
    rig.rest(120)
    assert rig.counted() == expected("a", 30) + expected("b", 30)
    assert (rig.status().state, rig.losses(), rig.rejected()) == ("ok", [], {})


@pytest.mark.parametrize("where", ["/_api/cursor", "/_api/document/log_lines", "/_api/document/log_errors"])
def test_no_request_of_a_batch_may_fail_for_good(rig: Rig, proxy: FaultyProxy, where: str) -> None:
    """A batch is several requests: after each of them the whole may be sent again."""
    rig.start()
    rig.settle()
    for fault in (Fault.REPLY_LOST, Fault.RESET, Fault.BUSY):
        proxy.spoil(fault, where=where)
    rig.write("a.jsonl", natives("a", 0, 30).replace('"level_no": 20', '"level_no": 40'))
    rig.write("b.jsonl", RUN)
    rig.rest(200)
    assert rig.counted() == expected("a", 30)
    assert len(rig.records()) == 32
    assert (rig.status().state, rig.rejected()) == ("ok", {})


RUN = "".join(
    f'{{"v":1,"kind":"{kind}","timestamp":"2026-11-22T15:00:0{second}.000000Z","execution_id":"run_1",'
    f'"script_name":"script"{more}}}\n'
    for second, (kind, more) in enumerate([("run_start", ""), ("run_end", ',"status":"success"')])
)


@pytest.mark.parametrize("fault", [Fault.NO_JSON, Fault.EMPTY])
@pytest.mark.parametrize("where", [WRITES, "/_api/cursor", "/_api/document/log_meta"])
def test_another_server_s_answer_is_an_outage_and_no_fault_of_ours(
    rig: Rig, proxy: FaultyProxy, where: str, fault: Fault
) -> None:
    """A proxy's page in maintenance, even one as empty as a store's answer that all is well: told in one line."""
    rig.start()
    rig.settle()
    proxy.spoil(Fault.BUSY)
    proxy.spoil(fault, times=3, where=where)
    rig.write("a.jsonl", natives("a", 0, 30))
    rig.rest(200)
    assert proxy.spoiled[fault] == 3
    assert rig.counted() == expected("a", 30)
    assert not [text for _, text in rig.log.said if "Traceback" in text]


@pytest.mark.parametrize("by_us", [True, False])
def test_an_older_copy_put_back_beneath_a_running_daemon_is_noticed(
    rig: Rig, server: ArangoServer, *, by_us: bool
) -> None:
    """By the next mark, though no request ever failed; or by the new id that another daemon gave it for that."""
    rig.write("a.jsonl", natives("a", 0, 10))
    rig.start()
    rig.settle()
    database = rig.store_url.rpartition("/")[2]
    copy = deepcopy(server.databases[database])
    rig.write("a.jsonl", natives("a", 10, 10))
    rig.settle()
    server.databases[database] = copy
    with closing(open_store(rig.store_url)) as other:
        other.prepare()
        if not by_us:
            other.renew()
            for _ in range(20):
                other.mark()
    rig.write("a.jsonl", natives("a", 20, 10))
    rig.rest(120)
    assert rig.counted() == expected("a", 30)
    said = " ".join(text for _, text in rig.log.said)
    assert "every file is read again" in said and "Traceback" not in said


def test_while_the_server_is_away_the_daemon_pauses_and_goes_on_by_itself(rig: Rig, proxy: FaultyProxy) -> None:
    """Ten minutes refused: an outage in the status, a line of the log a minute, then everything once."""
    rig.write("a.jsonl", natives("a", 0, 10))
    rig.start()
    rig.settle()
    proxy.refuse()
    rig.write("a.jsonl", natives("b", 0, 50))
    rig.rest(600)
    assert rig.status().state == "outage"
    told = [text for _, text in rig.log.said if "outage" in text]
    assert 8 <= len(told) <= 12
    proxy.listen()
    rig.rest(120)
    assert rig.counted() == expected("a", 10) + expected("b", 50)
    assert rig.status().state == "ok"
    assert any(text.startswith("outage over") for _, text in rig.log.said)


def test_twenty_lost_replies_under_load_double_nothing(rig: Rig, proxy: FaultyProxy) -> None:
    """Each time all is committed and nobody is told."""
    rig.start()
    rig.settle()
    proxy.spoil(Fault.REPLY_LOST, times=20)
    for part in range(40):
        rig.write("a.jsonl", natives(f"p{part}", 0, 25))
        rig.rest(60)
    assert proxy.spoiled[Fault.REPLY_LOST] == 20
    assert rig.counted() == {f"p{part}-{n}": 1 for part in range(40) for n in range(25)}


def test_what_the_store_does_not_count_is_not_told(rig: Rig) -> None:
    """Read again, all lines were there already; the server does not say so, and a 0 would be untrue."""
    rig.write("a.jsonl", natives("a", 0, 5))
    rig.start()
    rig.settle()
    rig.kill()
    for path in rig.state.glob("checkpoint*"):
        path.unlink()
    rig.start()
    rig.settle()
    assert rig.counted() == expected("a", 5)
    assert (rig.status().totals.stored, rig.status().totals.duplicates) == (5, None)
    assert "5 read, 5 stored or already there, " in logagent(rig, "status", code=1)


def test_a_wrong_password_pauses_loudly_and_names_no_password(rig: Rig, proxy: FaultyProxy) -> None:
    """What lasts until a person mends it is told as such."""
    rig.start()
    rig.settle()
    proxy.spoil(Fault.UNAUTHORIZED, times=3, where="/")
    rig.write("a.jsonl", natives("a", 0, 5))
    rig.turn()
    rig.rest(10)
    said = " ".join(text for _, text in rig.log.said)
    assert "refuses us" in said and "secret" not in said
    rig.rest(200)
    assert rig.counted() == expected("a", 5)


def test_a_changed_password_is_taken_from_its_file(
    rig: Rig, server: ArangoServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a restart; while the file is away or empty that is said, and nothing else happens."""
    server.create_user("shipper", "old", **{rig.store_url.rpartition("/")[2]: "rw"})
    with closing(open_store(rig.store_url)) as store:
        store.prepare()
    path = tmp_path / "pw"
    path.write_text("old\n")
    monkeypatch.delenv("ARANGO_PASSWORD")
    monkeypatch.setenv("ARANGO_PASSWORD_FILE", str(path))
    rig.store_url = rig.store_url.replace("root@", "shipper@")
    rig.start()
    rig.settle()
    server.users["shipper"].password = "new"
    rig.write("a.jsonl", natives("a", 0, 5))
    rig.rest(60)
    assert "refuses us" in rig.status().store.last_error
    path.write_text("")
    rig.rest(60)
    assert rig.status().store.last_error.endswith("is empty")
    path.write_text("new\n")
    rig.rest(60)
    assert (rig.status().state, rig.counted()) == ("ok", expected("a", 5))
    assert not [text for _, text in rig.log.said if "Traceback" in text]


def test_several_coordinators_are_tried_in_turn(rig: Rig, server: ArangoServer, proxy: FaultyProxy) -> None:
    """One of them is down: nothing is to be noticed."""
    database = rig.store_url.rpartition("/")[2]
    rig.store_url = f"arangodb://root@127.0.0.1:{proxy.port},127.0.0.1:{server.port}/{database}"
    rig.start()
    rig.settle()
    proxy.refuse()
    rig.write("a.jsonl", natives("a", 0, 5))
    rig.settle()
    assert rig.counted() == expected("a", 5)
    assert rig.status().state == "ok"
