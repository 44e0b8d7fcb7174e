"""Calls into a store that is slow, or does not answer at all."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from logagent.daemon.service import Daemon
from logagent.daemon.store_calls import StoreCalls
from logagent.daemon.wakeups import NOTHING, Hint
from logagent.errors import StoreCorrupt, StoreUnavailable
from logagent.formats.status import decode_status
from logagent.store.protocol import Batch
from tests.daemon.rig import FakeClock, HandWakeups, Rig, expected, natives

TIMEOUT_S = 3.0
STOPS_WITHIN_S = 5.0


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


def calls_on(executor: ThreadPoolExecutor, clock: FakeClock | None = None) -> StoreCalls:
    return StoreCalls(executor, clock or FakeClock(), lambda waited_s: None)


class JustThen(Future[str]):
    """A future whose answer comes at the very instant at which waiting for it ends."""

    def result(self, timeout: float | None = None) -> str:
        if not self.done():
            self.set_result("answer")
            raise TimeoutError
        return super().result(timeout)


def test_an_answer_that_comes_just_when_the_wait_is_over_is_taken(executor: ThreadPoolExecutor) -> None:
    assert calls_on(executor).wait(JustThen()) == "answer"


def test_a_time_out_of_the_call_itself_is_told(executor: ThreadPoolExecutor) -> None:
    def time_out() -> None:
        raise TimeoutError("of the wire")

    with pytest.raises(TimeoutError, match="of the wire"):
        calls_on(executor)(time_out)


def test_a_call_that_hangs_is_not_forgotten_for_one_that_waited_behind_it(executor: ThreadPoolExecutor) -> None:
    """Else the store would be closed under the call, and the end of the process would wait for it."""
    calls, release = calls_on(executor), threading.Event()
    calls.start(release.wait, 20)
    calls.start(len, "behind").cancel()
    assert calls.is_stuck
    release.set()
    calls(len, "more")
    assert not calls.is_stuck


def test_after_the_deadline_a_store_is_not_asked_however_quick_it_answers(executor: ThreadPoolExecutor) -> None:
    clock, asked = FakeClock(), list[int]()
    calls = calls_on(executor, clock)
    calls.deadline = clock.monotonic() + TIMEOUT_S
    calls(asked.append, 1)
    clock.advance(TIMEOUT_S + 1)
    with pytest.raises(StoreUnavailable, match="had to stop"):
        calls(asked.append, 2)
    assert asked == [1]


def test_a_store_that_is_slow_with_every_call_does_not_hold_up_the_stop(rig: Rig) -> None:
    """It is asked about each of a hundred losses: what is not judged by then is judged after the next start."""
    rig.start()
    rig.settle()
    rig.take_store_away()
    paths = [rig.write(f"{n}.jsonl", natives(f"f{n}", 0, 2)) for n in range(100)]
    rig.rest(10)
    rig.stop()
    for path in paths:
        path.unlink()
    rig.start()
    store, told_at = rig.store, list[float]()
    assert store is not None

    def slow(fingerprint: int) -> int | None:
        if not told_at:
            told_at.append(rig.clock.monotonic())
            rig.running.stop()
        rig.clock.advance(0.2)
        end: int | None = store.inner.stored_end(fingerprint)
        return end

    store.stored_end = slow
    while not told_at:
        rig.clock.advance(10.0)
        rig.turn()
    rig.running.finish()
    assert rig.clock.monotonic() - told_at[0] < STOPS_WITHIN_S
    rig.kill()
    rig.start()
    rig.rest(40)
    assert len(rig.losses()) == 100


class RealInterrupts(HandWakeups):
    """Each interruption ends one wait, as it does in a pipe; else the time goes by that is waited for."""

    def __init__(self, clock: FakeClock) -> None:
        self.is_interrupted = False
        self._clock = clock

    def wait(self, timeout_s: float) -> Hint:
        if not self.is_interrupted:
            self._clock.advance(timeout_s)
        self.is_interrupted = False
        return NOTHING

    def interrupt(self) -> None:
        self.is_interrupted = True


@pytest.mark.parametrize("work", [Daemon.run, lambda daemon: daemon.drain(600.0, lambda done, total: None)])
def test_a_signal_while_the_store_is_asked_ends_the_wait_after_it(
    make_rig: Callable[..., Rig], work: Callable[[Daemon], object]
) -> None:
    """The look that goes on meanwhile must not take it away."""
    rig = make_rig(sweep_interval_s=600.0, idle_sweep_interval_s=600.0)
    rig.wakeups = wakeups = RealInterrupts(rig.clock)
    failures, told_at = itertools.count(), list[float]()

    def fail(_batch: Batch) -> None:
        if next(failures) == 6:  # the next try is half a minute away
            told_at.append(rig.clock.monotonic())
            rig.running.stop()
            while wakeups.is_interrupted:
                threading.Event().wait(0.01)
        raise StoreUnavailable("away")

    rig.on_open_store = lambda store: setattr(store, "before", fail)
    rig.write("a.jsonl", natives("a", 0, 5))
    work(rig.start())
    assert rig.clock.monotonic() - told_at[0] < STOPS_WITHIN_S


@pytest.mark.parametrize("method", ["prepare", "append", "mark", "open_runs"])
def test_a_drain_does_not_wait_longer_for_a_store_that_hangs_than_for_one_that_is_away(rig: Rig, method: str) -> None:
    """The time counts from when the store fell silent, whatever time-outs it has of its own."""
    release = threading.Event()

    def hang(*_: object) -> None:
        release.wait(10)
        raise StoreUnavailable("too late")

    def wait(_timeout_s: float) -> Hint:
        rig.clock.advance(0.5)
        return NOTHING

    rig.wakeups.wait = wait  # type: ignore[method-assign]
    rig.on_open_store = lambda store: setattr(store, method, hang)
    rig.write("a.jsonl", natives("a", 0, 5))
    began = rig.start() and rig.clock.monotonic()
    drained = rig.running.drain(TIMEOUT_S, lambda done, total: None)
    assert (drained.outcome, rig.running.is_stuck) == ("store_down", True)
    assert rig.clock.monotonic() - began <= TIMEOUT_S + 1.0
    release.set()
    while rig.running.is_stuck:
        threading.Event().wait(0.01)


def test_a_store_that_is_found_damaged_at_the_stop_does_not_keep_the_daemon_from_saying_that_it_stopped(
    rig: Rig,
) -> None:
    def damaged() -> None:
        raise StoreCorrupt("logs.db is damaged")

    rig.start()
    rig.turn()
    assert rig.store is not None
    rig.store.mark = damaged
    rig.write("a.jsonl", natives("a", 0, 5))
    rig.look()
    rig.stop()
    assert decode_status((rig.state / "status.json").read_bytes()).state == "stopped"
    rig.start()
    rig.settle()
    assert rig.counted() == expected("a", 5)
