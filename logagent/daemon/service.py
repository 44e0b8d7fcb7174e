"""The daemon: the loop around turns, with its lock, its signals and its housekeeping.

Everything that decides about bytes is in `shipper` and below; this module only says when.
"""

from __future__ import annotations

import random
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Literal

import msgspec

from logagent.daemon.backoff import Backoff
from logagent.daemon.checkpoint_file import CheckpointFile
from logagent.daemon.crashed import CrashedRuns, Here
from logagent.daemon.dead_letter import DEAD_LETTERS, DeadLetters
from logagent.daemon.descriptors import NO_DESCRIPTOR
from logagent.daemon.discovery import Discovery, Look
from logagent.daemon.faults import Faults
from logagent.daemon.file import File
from logagent.daemon.files import Files
from logagent.daemon.follow_rules import FollowRules
from logagent.daemon.journal import Journal
from logagent.daemon.lock import StateLock
from logagent.daemon.losses import LEDGER, LossLedger
from logagent.daemon.monitoring import Monitoring, MonitoringRules
from logagent.daemon.notify import Notifier
from logagent.daemon.outages import Outages
from logagent.daemon.processes import is_alive
from logagent.daemon.report import Reporter, sentence_of
from logagent.daemon.retention import Retention
from logagent.daemon.shipper import Shipper, ShipperLimits
from logagent.daemon.store_calls import StoreCalls
from logagent.daemon.surroundings import Clock, Log
from logagent.daemon.tracker import printable
from logagent.daemon.wakeups import NOTHING, Hint, Wakeups
from logagent.errors import CheckpointTooNew, ConfigError, StateUnavailable, StoreError, StoreTooNew
from logagent.formats.status import Status
from logagent.store.protocol import Store

TURN_EVERY_S: Final = 0.05
"""Least time between turns without a backlog: a busy script wakes the daemon 20 times a second at most."""

HOUSEKEEPING_EVERY_S: Final = 5.0
STOP_WITHIN_S: Final = 3.0
SILENCE_S: Final = 30.0
"""A call into the store that takes longer is told as an outage, and waited for: it may still come through."""


class ServiceLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How often and how much; units in the names."""

    shipper: ShipperLimits = ShipperLimits()
    sweep_interval_s: float = 2.0
    idle_sweep_interval_s: float = 30.0
    max_deleted_bytes: int = 1 << 30
    max_dead_letter_bytes: int = 1 << 30
    backoff_max_s: float = 30.0
    retention_days: int = 0


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """What a running daemon can be told anew, checked before it is applied."""

    discovery: Discovery
    rules: FollowRules
    limits: ServiceLimits
    monitoring: MonitoringRules


class Drained(msgspec.Struct, frozen=True):
    """What a drain came to.

    `pending`: the files that still wait for their line's end, and of how many bytes. `unread`: what could not be read,
    and why.
    """

    outcome: Literal["done", "store_down", "stopped"]
    pending: list[tuple[str, int]]
    unread: list[tuple[str, str]]


class Daemon:
    """One daemon on one state directory."""

    def __init__(
        self,
        state_dir: str,
        discovery: Discovery,
        wakeups: Wakeups,
        store: Store,
        rules: FollowRules,
        *,
        limits: ServiceLimits,
        here: Here,
        clock: Clock,
        faults: Faults,
        log: Log,
        notifier: Notifier,
        monitoring: Monitoring | None = None,
        reload: Callable[[], Configuration] | None = None,
    ) -> None:
        """Take the lock and load the checkpoint. `reload` makes a new configuration when `reload_soon` was called.

        Raises:
            StateLocked: another daemon has the state directory.
            CheckpointTooNew: a newer logagent wrote the checkpoint.
            OSError: the state directory cannot be used.
        """
        self._lock = StateLock(state_dir)
        self._state_dir = state_dir
        self._discovery = discovery
        self._wakeups = wakeups
        self._store = store
        self._limits = limits
        self._clock = clock
        self._log = log
        self._notifier = notifier
        self._monitoring = monitoring
        self._make_configuration = reload
        self._is_reload_wanted = False
        checkpoint_file = CheckpointFile(state_dir, faults)
        try:
            checkpoint, checkpoint_damage = checkpoint_file.load()
        except CheckpointTooNew:
            self._lock.release()
            raise
        is_first_start = checkpoint is None and not checkpoint_damage
        self._retention = Retention(
            limits.retention_days, believed_us=checkpoint.believed_at(clock.now_us()) if checkpoint else None
        )
        ledger = LossLedger(Journal(f"{state_dir}/{LEDGER}"), faults)
        self.files = Files(rules, checkpoint.files if checkpoint else (), is_first_start=is_first_start)
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._calls = StoreCalls(self._executor, clock, self._look_meanwhile)
        dead_letters = DeadLetters(
            Journal(f"{state_dir}/{DEAD_LETTERS}"), faults, ledger, max_bytes=limits.max_dead_letter_bytes
        )
        self.shipper = Shipper(
            self.files,
            store,
            dead_letters,
            ledger,
            checkpoint_file,
            checkpoint,
            limits=limits.shipper,
            clock=clock,
            faults=faults,
            calls=self._calls,
        )
        self._crashed = CrashedRuns(here, is_alive)
        self._outages = Outages(Backoff(most_s=limits.backoff_max_s, random=random.random), clock, log)
        self._is_stopping = False
        self._is_loaded = False
        self._reporter = Reporter(
            state_dir,
            store.url,
            discovery,
            self.files,
            self.shipper,
            ledger,
            dead_letters,
            self._outages,
            wakeups,
            clock,
            max_deleted_bytes=limits.max_deleted_bytes,
        )
        self._reporter.damages = checkpoint_damage
        now = clock.monotonic()
        self._next_sweep = self._next_full_sweep = self._next_housekeeping = now
        self._notified: Status | None = None
        self._told: list[str] = []

    # ---- running -----------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Finish or abandon the turn, save, end; safe in a signal handler."""
        self._is_stopping = True
        self._calls.deadline = self._clock.monotonic() + STOP_WITHIN_S
        self._wakeups.interrupt()

    def reload_soon(self) -> None:
        """Go by the settings as they are now, before the next turn; safe in a signal handler."""
        self._is_reload_wanted = True
        self._wakeups.interrupt()

    def _reload(self) -> None:
        """Take up new settings; where they are wrong, keep the old ones and say why."""
        self._is_reload_wanted = False
        if self._make_configuration is None:
            return
        self._notifier.reloading()
        try:
            self.apply(self._make_configuration())
            self._log.info("settings loaded again")
        except ConfigError as error:
            self._log.error(f"settings not loaded, the old ones stay: {error}")
        self._notifier.ready("reading")

    def apply(self, configuration: Configuration) -> None:
        """Go by this configuration from now on.

        Raises:
            ConfigError: it cannot be; nothing was changed.
        """
        if self._monitoring is not None:
            self._monitoring.apply(configuration.monitoring)
        self._discovery = self._reporter.discovery = configuration.discovery
        self._limits = configuration.limits
        self._reporter.max_deleted_bytes = configuration.limits.max_deleted_bytes
        self._retention.days = configuration.limits.retention_days
        self.shipper.limits = configuration.limits.shipper
        self.files.apply(configuration.rules)
        self._next_full_sweep = self._clock.monotonic()

    def run(self) -> None:
        """Ship until `stop`."""
        self._log.info(f"logagent watches {self._roots()}; store {self._store.url}; state {self._state_dir}")
        for damage in self._reporter.damages:
            self._log.warning(damage)
        self._notifier.ready("reading")
        hint = Hint(is_everything=True)
        is_first = True  # what is there at the start has waited long enough
        while not self._is_stopping:
            began = self._clock.monotonic()
            if self._is_reload_wanted:
                self._reload()
            self.look(hint)
            has_backlog = self.try_turn(flush=is_first)
            is_first = False
            self._say_alive()
            if not has_backlog:
                time.sleep(max(TURN_EVERY_S - (self._clock.monotonic() - began), 0))
            hint = self._wait(0 if has_backlog else self._wait_s())
        self.finish()

    def drain(self, timeout_s: float, progress: Callable[[int, int], None]) -> Drained:
        """Ship what is there now, rotated and compressed files included, and end.

        `progress(done, total)` hears of it in bytes. Files that grow meanwhile are shipped up to the size seen first.
        """
        self.look(Hint(is_everything=True))
        goals = {id(file): (file, file.size) for file in self.files}
        total = sum(size for _file, size in goals.values())
        idle_rounds, before = 0, 0
        while not self._is_stopping:
            self._calls.patience_s = max(timeout_s - self._outages.lasted_s, 0)
            self.try_turn(flush=True, is_last=True)
            waiting = [file for file, size in goals.values() if not self._is_drained(file, size)]
            idle_rounds = idle_rounds + 1 if len(waiting) == before else 0
            before = len(waiting)
            progress(total - sum(min(file.lag, total) for file in waiting), total)
            if self._outages.current is not None:
                left_s = timeout_s - self._outages.lasted_s
                if left_s <= 0:
                    self.finish()
                    return self._drained("store_down")
                self._wait(min(self._outages.retry_in_s, left_s))
            elif not waiting or (idle_rounds > 3 and all(file.trouble == NO_DESCRIPTOR for file in waiting)):
                break
            else:
                self.files.refresh(self._clock.monotonic(), self._clock.now_us())
        if not self._is_stopping:
            self._call_crashed()
        is_saved = self.finish()
        return self._drained("stopped" if self._is_stopping else "done" if is_saved else "store_down")

    @property
    def is_stuck(self) -> bool:
        """True while a call into the store does not come back."""
        return self._calls.is_stuck

    def close(self) -> None:
        """Free the lock, the descriptors and the store; safe to call twice. A stuck store is left alone."""
        self._executor.shutdown(wait=not self.is_stuck, cancel_futures=True)
        for file in list(self.files):
            self.files.close(file)
        self._wakeups.close()
        self._notifier.close()
        if self._monitoring is not None:
            self._monitoring.close()
        if not self.is_stuck:
            self._store.close()
        self._lock.release()

    def _is_drained(self, file: File, size: int) -> bool:
        """Read as far as it was at the start, but for what cannot be read; a descriptor is free sooner or later."""
        if file.trouble is not None:
            return file.trouble != NO_DESCRIPTOR
        stream = file.stream
        if stream is None:
            return id(file) not in {id(busy) for busy in self.files.busy()}
        if not file.compression and stream.acknowledged.offset >= size:
            return True
        return file.is_settled

    def _drained(self, outcome: Literal["done", "store_down", "stopped"]) -> Drained:
        pending, unread = [], [(printable(path), reason) for path, reason in self.files.unreadable.items()]
        for file in self.files:
            if file.trouble is not None:
                unread.append((printable(file.path), file.trouble))
            elif file.pending_bytes:
                pending.append((printable(file.path), file.pending_bytes))
        return Drained(outcome, pending, unread)

    def _roots(self) -> str:
        return ", ".join(printable(root) for root in self._discovery.roots)

    # ---- looking -------------------------------------------------------------------------------------------------

    def look(self, hint: Hint = NOTHING) -> None:
        """Take in what changed on disk: what wake-ups hint at, what is due for a sweep."""
        now = self._clock.monotonic()
        if hint.is_everything or now >= self._next_full_sweep:
            self._next_full_sweep = now + self._limits.idle_sweep_interval_s
            self._take(self._discovery.sweep())
            self.files.refresh(now, self._clock.now_us())
            self.files.descriptors.close_idle(now, self.files.rules.idle_after_s)
            self._watch()
        elif now >= self._next_sweep or hint.paths:
            self._take(self._discovery.look_at(hint.paths))
            self._take(self._discovery.glance())
            self._watch()
        if now >= self._next_sweep:
            self._next_sweep = now + self._limits.sweep_interval_s
            self.files.refresh(now, self._clock.now_us())
            if self._wakeups.trouble or self.files.unreadable:
                self._next_full_sweep = self._next_sweep

    def _look_meanwhile(self, waited_s: float) -> None:
        """While the store takes its time: what comes and goes is opened and held all the same.

        A store that hangs is an outage, not a daemon that does: the watchdog is fed. A call into a file system that
        does not return starves it.
        """
        self.look(self._wakeups.wait(0))
        self.shipper.saving.save_seen()
        if waited_s >= min(SILENCE_S, self._calls.patience_s):
            self._outages.fall_silent(waited_s)
        self._report()
        self._say_alive()

    def _take(self, look: Look) -> None:
        self.files.take(look, self._clock.monotonic(), self._clock.now_us())

    def _watch(self) -> None:
        """Watch new directories, and look into them again: what is in them may have come before the watch did."""
        while new := self._wakeups.watch(self._discovery.directories):
            self._take(self._discovery.look_at(new))

    def _wait(self, seconds: float) -> Hint:
        """Wait for so long, or until something happens; a signal may have ended the look while the store was asked."""
        is_called = self._is_stopping or self._is_reload_wanted
        return self._wakeups.wait(0 if is_called else seconds)

    def _wait_s(self) -> float:
        """Seconds until anything is due."""
        now = self._clock.monotonic()
        if self._outages.current is not None:
            return max(min(self._outages.retry_in_s, self._next_sweep - now), 0)
        due = [self._next_sweep - now, self.shipper.next_due_s(), self._retention.wait_s(now)]
        return max(min(wait for wait in due if wait is not None), 0)

    # ---- shipping ------------------------------------------------------------------------------------------------

    def try_turn(self, *, flush: bool = False, is_last: bool = False) -> bool:
        """One turn, unless the store is known to be away; True if there is more to do at once."""
        now = self._clock.monotonic()
        if self._outages.retry_in_s > 0:
            self._keep_house_meanwhile(now)
            return False
        try:
            if not self._is_loaded:
                self._load()
            has_backlog = self.shipper.turn(flush=flush or self._outages.current is not None, is_last=is_last)
            if self._outages.current is not None:
                self.shipper.settle()  # the outage is over when something came through, not when it was sent
            self._keep_house(now)
            self._prune(now)
        except StoreTooNew:
            raise  # no waiting mends that
        except (StoreError, StateUnavailable) as error:
            self._fail(error)
            return False
        except Exception as error:  # noqa: BLE001  the one edge: a fault nobody foresaw must neither lose nor crash-loop
            self._log.error("".join(traceback.format_exception(error)))
            self._fail(error)
            return False
        self._outages.end()
        self._report()
        return has_backlog

    def _load(self) -> None:
        before = len(self.shipper.saving.rereads)
        self.shipper.saving.load()
        self._is_loaded = True
        for reason in self.shipper.saving.rereads[before:]:
            self._log.warning(reason)

    def _fail(self, error: Exception) -> None:
        """The store (or the state directory) is away: forget, wait, read again."""
        self.shipper.forget()
        self._is_loaded = False
        self._outages.fail(error)
        self._keep_house_meanwhile(self._clock.monotonic())

    def _keep_house_meanwhile(self, now: float) -> None:
        """In an outage: what can be seen to without the store."""
        self._outages.tell()
        if now >= self._next_housekeeping:
            self._next_housekeeping = now + HOUSEKEEPING_EVERY_S
            self._hold_budget()
            self.files.identify_new()
            self.shipper.saving.save_unmarked()  # sizes seen count, should the files go before the store comes back
        self._report()

    def _keep_house(self, now: float) -> None:
        """Every few seconds: deleted files over their budget, losses, runs that crashed."""
        if now < self._next_housekeeping:
            return
        self._next_housekeeping = now + HOUSEKEEPING_EVERY_S
        self._hold_budget()
        self.shipper.judge_losses()
        self._find_crashed(now)

    def _prune(self, now: float) -> None:
        """One small step of retention, while no batch is under way."""
        if not self._retention.is_due(now):
            return
        self.shipper.settle()
        before = self._retention.doubt
        self._calls(self._retention.step, self._store, now, self._clock.now_us())
        self.shipper.saving.believed_us = self._retention.believed_us
        if self._retention.doubt and not before:
            self._log.info(self._retention.doubt)

    def _hold_budget(self) -> None:
        for file in self.files.over_budget(self._limits.max_deleted_bytes):
            self._log.error(f"{printable(file.path)} was deleted unread and is over max_deleted_bytes: given up")
            self.files.give_up(file, self._clock.now_us())

    def _find_crashed(self, now: float) -> None:
        here = self._crashed.here
        self.shipper.settle()
        open_runs = self._calls(self._store.open_runs, here.hostname)
        self._mark_crashed(self._crashed.find(open_runs, self.files.is_read_to_end, now))

    def _mark_crashed(self, execution_ids: list[str]) -> None:
        if execution_ids:
            self._calls(self._store.mark_crashed, execution_ids, self._clock.now_us())
            self._log.warning(f"crashed without an end: {', '.join(execution_ids)}")

    def _call_crashed(self) -> None:
        """Before a drain ends: nobody will be there in ten seconds to see that a process is still gone.

        What it wrote as its last is read first.
        """
        here = self._crashed.here
        try:
            self.shipper.settle()
            gone = {run.execution_id for run in self._crashed.gone(self._calls(self._store.open_runs, here.hostname))}
            if not gone:
                return
            self.files.refresh(self._clock.monotonic(), self._clock.now_us())
            self.try_turn(flush=True, is_last=True)
            self.shipper.settle()
            still_open = [run for run in self._calls(self._store.open_runs, here.hostname) if run.execution_id in gone]
            self._mark_crashed([run.execution_id for run in still_open if self.files.is_read_to_end(run.fingerprint)])
        except (StoreError, StateUnavailable) as error:
            self._log.warning(f"runs that crashed stay open until the next start: {error}")

    def finish(self) -> bool:
        """Ship what was read, save, say so; False if it is to be read again, as the store did not take it in time."""
        self._notifier.stopping("stopping")
        is_saved = self._outages.current is None and self._is_loaded and self._saved_last()
        if not is_saved:
            self.shipper.saving.save_unmarked()  # what was seen counts, should files change before the next start
        self._report(is_last=True)
        self._log.info("stopped")
        return is_saved

    def _saved_last(self) -> bool:
        try:
            self.shipper.turn(flush=True)
            self.shipper.saving.save()
        except (StoreError, StateUnavailable) as error:
            self._log.warning(f"stopped without the last batch, it will be read again: {error}")
            return False
        return True

    def status(self) -> Status:
        """How the daemon is now."""
        return self._reporter.current()

    def _report(self, *, is_last: bool = False) -> None:
        if self._monitoring is not None:
            self._reporter.alerts = tuple(self._monitoring.raised)
        self._reporter.report(is_last=is_last)
        self._tell_troubles()
        if self._monitoring is not None:
            self._monitoring.observe(self._reporter.status, self._outages.lasted_s, self._clock.monotonic())

    def _tell_troubles(self) -> None:
        """Say in the log what is wrong with the state directory, and when that is over."""
        before, self._told = self._told, self._reporter.state_troubles
        for trouble in self._told:
            if trouble not in before:
                self._log.error(f"degraded: {trouble}")
        for trouble in before:
            if trouble not in self._told:
                self._log.warning(f"over: {trouble}")

    def _say_alive(self) -> None:
        """Feed systemd's watchdog from the loop itself: a turn that hangs feeds nothing."""
        self._notifier.alive()
        status = self._reporter.status
        if status is not None and status is not self._notified:
            self._notified = status
            self._notifier.status(sentence_of(status))
