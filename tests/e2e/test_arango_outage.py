"""The daemon on ArangoDB, under load: replies that are lost, a server that is away; each line once, in flat memory."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from arango_server import ArangoServer

from tests.e2e.processes import Place, Process, numbered, wait_for
from tests.faults import Fault, FaultyProxy

MB = 1_000_000


@pytest.fixture
def proxy(place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyProxy]:
    """Stands between the daemon and a server of ours."""
    with ArangoServer() as server, FaultyProxy(server.port) as running:
        monkeypatch.setenv("ARANGO_PASSWORD", server.password)
        place.store_url = f"arangodb://root@127.0.0.1:{server.port}/outage"
        yield running


class Load(threading.Thread):
    """Writes so many lines a second, to one file, until it is ended."""

    def __init__(self, place: Place, lines_s: int) -> None:
        super().__init__(name="load")
        self.lines = 0
        self._place, self._part = place, lines_s // 20
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(0.05):
            self._place.seed("a.jsonl", self._part, prefix=f"part{self.lines // self._part}")
            self.lines += self._part

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()

    def __enter__(self) -> Load:
        self.start()
        return self

    @property
    def expected(self) -> dict[str, int]:
        """Each line once."""
        return {text: 1 for part in range(self.lines // self._part) for text in numbered(f"part{part}", self._part)}


@pytest.mark.parametrize(
    ("outage_s", "lines_s", "lost_replies"),
    [
        (6, 200, 4),
        pytest.param(60, 400, 20, marks=[pytest.mark.soak, pytest.mark.timeout(600)]),
        pytest.param(150, 200, 20, marks=[pytest.mark.soak, pytest.mark.timeout(900)]),
    ],
)
def test_lost_replies_and_an_outage_under_load_double_nothing_and_cost_no_memory(
    place: Place, proxy: FaultyProxy, figure: Callable[[str], None], outage_s: float, lines_s: int, lost_replies: int
) -> None:
    """Meanwhile the log has a line at the start, one a minute, and one at the end."""
    port = place.store_url.rpartition(":")[2].partition("/")[0]
    through = place.store_url.replace(port, str(proxy.port))
    password = os.environ["ARANGO_PASSWORD"]
    with place.daemon("--store", through, ARANGO_PASSWORD=password) as daemon, Load(place, lines_s) as load:
        wait_for(lambda: place.is_run_by(daemon) and place.status().totals.stored > 0, 30, "it ships")  # type: ignore[union-attr]
        for _ in range(lost_replies):
            stored = place.status().totals.stored  # type: ignore[union-attr]
            proxy.spoil(Fault.REPLY_LOST)
            wait_for(lambda n=stored: place.status().totals.stored > n, 60, "it goes on")
            wait_for(lambda: place.status().state == "ok", 60, "it has recovered")  # type: ignore[union-attr]
        wait_for(lambda: proxy.spoiled[Fault.REPLY_LOST] == lost_replies, 20, "all those replies were lost")
        ahead, said = resident_bytes(daemon), len(outage_lines(place))
        proxy.refuse()
        began, during = time.monotonic(), [ahead]
        while time.monotonic() - began < outage_s:
            during.append(resident_bytes(daemon))
            time.sleep(0.2)  # the outage is as long as it is
        assert place.status().state == "outage"  # type: ignore[union-attr]
        proxy.listen()
        wait_for(lambda: place.status().state == "ok", 60, "the outage is over")  # type: ignore[union-attr]
        told = outage_lines(place)[said:]
        load.__exit__()
        wait_for(lambda: sum(place.messages().values()) >= load.lines, 120, "all is stored")
        after = resident_bytes(daemon)
    assert dict(place.messages()) == load.expected
    assert (place.rows("losses.jsonl"), place.rows("dead_letter.jsonl")) == ([], [])
    assert max(during) < ahead + 16 * MB
    assert after < ahead + 48 * MB  # a whole batch of what waited
    lasted_s = time.monotonic() - began
    assert 2 + outage_s // 60 <= len(told) <= 2 + lasted_s // 60
    figure(
        f"outage of {outage_s:.0f} s and {lost_replies} lost replies at {lines_s} lines/s: {load.lines:,} lines once, "
        f"memory {ahead / MB:.0f} MB before, {max(during) / MB:.0f} during, {after / MB:.0f} after, "
        f"{len(told)} lines in the log"
    )


def resident_bytes(daemon: Process) -> int:
    """The memory it has now."""
    with open(f"/proc/{daemon.pid}/statm") as file:
        return int(file.read().split()[1]) * 4096


def outage_lines(place: Place) -> list[str]:
    """What its log says of outages."""
    return [line for line in place.said.read_text().splitlines() if "outage" in line]
