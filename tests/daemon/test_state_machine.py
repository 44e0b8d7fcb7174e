"""Any sequence of what can happen to log files, a daemon and its store: every line is accounted for exactly once.

What "accounted for" means is in `promise`; here is only what happens. A daemon is turned by hand over real files and a
real SQLite store, and killed at any fault point.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from logagent.daemon.faults import POINTS
from logagent.errors import RecordRejected, StoreUnavailable
from logagent.formats.times import utc_text
from logagent.store import open_store
from logagent.store.protocol import Batch, PruneCriteria
from tests.daemon.promise import MAX_LINE_BYTES, Found, Promise, stored
from tests.daemon.rig import FaultyStore, Rig

LIVE = ("a.jsonl", "b.log")
STATE_FILES = ("checkpoint.json", "checkpoint.previous.json")
STORE_FILES = ("logs.db", "logs.db-wal", "logs.db-shm")
POISON = "poison"
PACK: dict[str, Callable[[bytes], bytes]] = {"gz": gzip.compress, "zst": zstandard.ZstdCompressor().compress}

kinds = st.sampled_from(
    ("native", "native", "text", "loguru", "continuation", "foreign", "untimed", "blank", "bad_json", "long", "poison",
     "run", "crlf")
)  # fmt: skip
points = st.sampled_from(POINTS) | st.sampled_from([point for point in POINTS if "ledger" in point])  # a loss is rare


class Died(BaseException):
    """kill -9, as a fault point sees it."""


class LogFiles(RuleBasedStateMachine):
    """What can happen, as rules."""

    # ---- the stage -------------------------------------------------------------------------------------------

    @initialize(
        batch_size=st.sampled_from((1, 5, 200)),
        quantum_bytes=st.sampled_from((200, 1 << 20)),
        max_batch_bytes=st.sampled_from((300, 4 << 20)),
        max_open=st.sampled_from((2, 900)),
        first=st.lists(kinds, min_size=1, max_size=3),
        armed=st.dictionaries(points, st.integers(1, 3), max_size=2),
    )
    def set_the_stage(self, first: list[str], armed: dict[str, int], **options: int) -> None:
        self.base = Path(tempfile.mkdtemp(prefix="logagent-machine-"))
        self.rig = Rig(self.base, faults=self.fault, max_line_bytes=MAX_LINE_BYTES, **options)
        self.promise = Promise(self.rig.logs, self.rig.state)
        self.lines_written = self.files_made = 0
        self.armed = armed
        self.is_store_away = False
        self.lost_replies = 0
        self.unfinished: dict[str, bytes] = {}
        self.packing: dict[Path, bytes] = {}
        self.is_store_replaced = False
        self.image: bytes | None = None
        self.offsets: dict[object, int] = {}
        self.declared: object = None
        self.write(LIVE[0], first)

    def fault(self, point: str) -> None:
        if point in self.armed:
            self.armed[point] -= 1
            if self.armed[point] == 0:
                del self.armed[point]
                raise Died(point)

    @property
    def is_up(self) -> bool:
        return self.rig.daemon is not None

    @property
    def files(self) -> list[Path]:
        return sorted(path for path in self.rig.logs.iterdir() if path not in self.packing)

    def found(self) -> list[Found]:
        records = self.rig.records() if (self.rig.state / "logs.db").exists() else []
        return [*stored(records), *self.promise.dead_letters()]

    # ---- scripts write ---------------------------------------------------------------------------------------

    def line(self, kind: str) -> bytes:
        """One line of that kind; but for blank ones, each has its own token."""
        if kind == "blank":
            return b" \n"
        self.lines_written += 1
        token = f"w{self.lines_written};"
        time = utc_text(self.rig.clock.now_us() + self.lines_written)
        native = {"v": 1, "kind": "log", "message": token, "timestamp": time, "execution_id": "run", "level_no": 20}
        texts = {
            "native": json.dumps(native),
            "crlf": json.dumps(native) + "\r",
            "poison": json.dumps({**native, "message": token + POISON}),
            "long": json.dumps({**native, "extra_data": {"x": "y" * 3000}}),
            "run": json.dumps({"v": 1, "kind": "run_start", "timestamp": time, "execution_id": token}),
            "foreign": json.dumps({"time": time, "level": "info", "msg": token}),
            "untimed": json.dumps({"level": "info", "msg": token}),
            "loguru": f"{time[:10]} {time[11:23]} | INFO     | mod:function:1 - {token}",
            "text": f"{token} happened",
            "continuation": f"    {token} goes on",
            "bad_json": f'{{"{token} broken',
        }
        return texts[kind].encode() + b"\n"

    @rule(name=st.sampled_from(LIVE), kinds=st.lists(kinds, max_size=5))
    def write(self, name: str, kinds: list[str]) -> None:
        """Whole lines behind the end of a half one; with none it is just finished, and a new file is empty."""
        self.rig.write(name, self.unfinished.pop(name, b"") + b"".join(map(self.line, kinds)))

    @rule(name=st.sampled_from(LIVE), kind=kinds.filter(lambda kind: kind not in ("blank", "continuation")))
    def write_half_a_line(self, name: str, kind: str) -> None:
        line = self.unfinished.pop(name, b"") + self.line(kind)
        half = len(line) - 4
        self.rig.write(name, line[:half])
        self.unfinished[name] = line[half:]

    @rule(seconds=st.sampled_from((0.3, 1, 3, 8, 30, 100)))
    def time_goes_by(self, seconds: float) -> None:
        self.rig.clock.advance(seconds)

    # ---- rotations and other changes to files ----------------------------------------------------------------

    def next_name(self, name: str, form: str) -> Path:
        self.files_made += 1
        n = self.files_made
        stem, _, suffix = name.split(".")[0], "", LIVE[0 if name.startswith("a") else 1].split(".")[1]
        names = {
            "number": f"{stem}.{suffix}.{n}",
            "time": f"{stem}.2026-11-22_15-00-00_{n:06}.{suffix}",
            "other": f"c{n}.{suffix}",
        }
        return self.rig.logs / names[form]

    forms = st.sampled_from(("number", "time"))

    def live_file(self, name: str) -> Path | None:
        """That one, or the other where it is not there."""
        return next((path for path in (self.rig.logs / live for live in (name, *LIVE)) if path.exists()), None)

    @rule(name=st.sampled_from(LIVE), form=forms)
    def rotate(self, name: str, form: str) -> None:
        path = self.live_file(name)
        if path is not None:
            path.rename(self.next_name(path.name, form))
            self.unfinished.pop(path.name, None)

    @rule(index=st.integers(0, 20), form=forms, pack=st.sampled_from(sorted(PACK)))
    def compress(self, index: int, form: str, pack: str) -> None:
        """Write a compressed form and delete the original, as loguru and gzip do."""
        path = self.any_file(index)
        if path is None or path.suffix in (".gz", ".zst"):
            return
        packed = self.next_name(path.name, form)
        packed.with_name(packed.name + "." + pack).write_bytes(PACK[pack](path.read_bytes()))
        self.remove(path)

    @rule(index=st.integers(0, 20), pack=st.sampled_from(sorted(PACK)))
    def compress_by_halves(self, index: int, pack: str) -> None:
        """Half of a compressed form while the original is still there; the next time the other half."""
        path = self.any_file(index)
        if self.packing:
            self.finish_compressing()
            return
        if path is None or path.suffix in (".gz", ".zst") or path.name in LIVE:
            return
        data = PACK[pack](path.read_bytes())
        packed = path.with_name(path.name + "." + pack)
        packed.write_bytes(data[: len(data) // 2])
        self.packing[packed] = data[len(data) // 2 :]

    def finish_compressing(self) -> None:
        for packed, rest in self.packing.items():
            with packed.open("ab") as file:
                file.write(rest)
            original = packed.with_suffix("")
            if original.exists():
                self.remove(original)
        self.packing.clear()

    def any_file(self, index: int) -> Path | None:
        files = self.files
        return files[index % len(files)] if files else None

    def remove(self, path: Path) -> None:
        self.promise.will_be_deleted(path)
        path.unlink()
        self.unfinished.pop(path.name, None)

    @rule(index=st.integers(0, 20))
    def delete(self, index: int) -> None:
        path = self.any_file(index)
        if path is not None:
            self.remove(path)

    @rule(name=st.sampled_from(LIVE), keep=st.integers(0, 3))
    def truncate(self, name: str, keep: int) -> None:
        path = self.live_file(name)
        if path is not None:
            self.cut(path, keep)

    def cut(self, path: Path, keep: int) -> None:
        kept = b"".join(path.read_bytes().splitlines(keepends=True)[:keep])
        self.promise.will_be_cut(path)
        os.truncate(path, len(kept))
        self.unfinished.pop(path.name, None)

    @rule(name=st.sampled_from(LIVE), kinds=st.lists(kinds, min_size=1, max_size=5))
    def rewrite_in_place(self, name: str, kinds: list[str]) -> None:
        path = self.live_file(name)
        if path is not None:
            self.cut(path, 0)
            self.write(path.name, kinds)

    @rule(name=st.sampled_from(LIVE), keep=st.integers(0, 3), kinds=st.lists(kinds, max_size=5))
    def replace(self, name: str, keep: int, kinds: list[str]) -> None:
        """Write another file and rename it onto this one, as `sed -i` and editors do."""
        path, new = self.live_file(name), self.base / "new"
        if path is not None:
            kept = path.read_bytes().splitlines(keepends=True)[:keep]
            new.write_bytes(b"".join(kept) + b"".join(map(self.line, kinds)))
            self.remove(path)
            new.rename(path)

    @rule(index=st.integers(0, 20), form=st.sampled_from(("number", "time", "other")))
    def copy(self, index: int, form: str) -> None:
        path = self.any_file(index)
        if path is not None and path.suffix not in (".gz", ".zst"):
            shutil.copy(path, self.next_name(path.name, form))

    @rule(name=st.sampled_from(LIVE), form=forms)
    def copytruncate(self, name: str, form: str) -> None:
        path = self.live_file(name)
        if path is not None:
            shutil.copy(path, self.next_name(path.name, form))
            self.cut(path, 0)

    # ---- the daemon lives and dies ---------------------------------------------------------------------------

    def doing(self, act: Callable[[], object]) -> None:
        """The daemon does something; a fault point on its way may kill it. The statistics tell how often which did."""
        try:
            act()
        except Died as death:
            event(f"killed {death}")
            self.rig.kill()

    def start(self) -> None:
        self.promise.restarted(self.found())
        self.rig.on_open_store = self.store_opened
        self.promise.seen(self.rig.clock.now_us())
        self.doing(self.rig.start)

    def store_opened(self, store: FaultyStore) -> None:
        store.before, store.after = self.before_append, self.after_append

    def before_append(self, batch: Batch) -> None:
        if self.is_store_away:
            raise StoreUnavailable("away")
        for index, record in enumerate(batch.records):
            if POISON in str(record.line):
                raise RecordRejected("poison", number=7, index=None if index % 2 else index)

    def after_append(self, batch: Batch) -> None:
        """All is committed; the reply may get lost."""
        if self.lost_replies:
            self.lost_replies -= 1
            raise StoreUnavailable("the reply was lost")

    @rule()
    def start_or_look(self) -> None:
        if not self.is_up:
            self.start()
        else:
            self.promise.seen(self.rig.clock.now_us())
            self.doing(self.rig.look)

    @rule()
    def catch_up(self) -> None:
        """Hypothesis takes the rule whose name comes first more often than others, so this is meant to be it."""
        if not self.is_up:
            self.start()
        if self.is_up:
            self.turn_once()

    def turn_once(self) -> None:
        self.promise.seen(self.rig.clock.now_us())
        self.doing(self.turns)

    def turns(self) -> None:
        self.rig.look()
        for _ in range(500):
            if not self.rig.running.try_turn():
                return
        raise AssertionError("the daemon never comes to rest")

    @precondition(lambda self: self.is_up)
    @rule()
    def turn_a_little(self) -> None:
        self.promise.written()
        self.doing(self.rig.running.try_turn)

    @rule(seconds=st.sampled_from((3, 20, 70)), name=st.sampled_from(LIVE), kinds=st.lists(kinds, max_size=3))
    def turn_for_a_while(self, seconds: int, name: str, kinds: list[str]) -> None:
        """While a script writes."""
        for second in range(0, seconds, 10):
            self.catch_up()
            self.rig.clock.advance(min(seconds, 10))
            self.write(name, kinds[second // 10 : second // 10 + 1])

    @precondition(lambda self: self.is_up)
    @rule(is_killed=st.booleans())
    def end(self, is_killed: bool) -> None:
        if is_killed:
            self.rig.kill()
        else:
            self.promise.written()
            self.doing(self.rig.stop)

    @rule(point=points, after=st.integers(1, 3))
    def die_at(self, point: str, after: int) -> None:
        """From now on the daemon dies when it comes by this point."""
        self.armed[point] = after

    # ---- the store -------------------------------------------------------------------------------------------

    @rule(lost_replies=st.sampled_from((0, 0, 1)))
    def store_goes_away_or_comes_back(self, lost_replies: int) -> None:
        """Or only the next reply gets lost."""
        self.lost_replies = lost_replies
        self.is_store_away = not self.is_store_away and not lost_replies

    def wait_for_the_append(self) -> None:
        if self.is_up:
            self.rig.running._executor.submit(lambda: None).result()

    @precondition(lambda self: self.is_up and (self.rig.state / "logs.db").exists())
    @rule(age_s=st.sampled_from((0, 10)), level_no=st.sampled_from((None, 20)))
    def prune(self, age_s: int, level_no: int | None) -> None:
        """As another process does it, between two appends."""
        self.wait_for_the_append()
        before = self.rig.records()
        with contextlib.closing(open_store(self.rig.store_url)) as store:
            store.prepare()
            before_us = self.rig.clock.now_us() - age_s * 1_000_000
            while store.prune(PruneCriteria(before_us=before_us, level_no=level_no)).deleted:
                pass
        self.promise.pruned_before_us = max(self.promise.pruned_before_us, before_us)
        kept = {record.key for record in self.rig.records()}
        self.promise.expired += stored(record for record in before if record.key not in kept)

    @rule()
    def copy_the_state(self) -> None:
        """The checkpoint and the store: either may be put back later."""
        copy_files(self.rig.state, self.base / "checkpoint-copy", STATE_FILES)
        if (self.rig.state / "logs.db").exists():
            self.wait_for_the_append()
            copy_files(self.rig.state, self.base / "store-copy", STORE_FILES)
            self.expired_then = list(self.promise.expired)

    @precondition(lambda self: (self.base / "store-copy").exists())
    @rule()
    def put_the_store_back(self) -> None:
        self.rig.close()
        copy_files(self.base / "store-copy", self.rig.state, STORE_FILES)
        self.promise.expired = list(self.expired_then)
        self.is_store_replaced = True
        shutil.rmtree(self.base / "checkpoint-copy", ignore_errors=True)

    # ---- the checkpoint --------------------------------------------------------------------------------------

    @precondition(lambda self: not self.is_up)
    @rule(how=st.sampled_from(("older", "deleted", "deleted newest", b"", b"\0" * 100, b'{"v":1,"checksum":"', b"x")))
    def lose_the_checkpoint(self, how: str | bytes) -> None:
        """An older one is put back, it is deleted, or these bytes stand in its place."""
        newest = self.rig.state / "checkpoint.json"
        if isinstance(how, bytes):
            newest.write_bytes(how)
        elif how == "older" and (self.base / "checkpoint-copy").exists():
            copy_files(self.base / "checkpoint-copy", self.rig.state, STATE_FILES)
        else:
            for name in STATE_FILES if how == "deleted" else STATE_FILES[:1]:
                (self.rig.state / name).unlink(missing_ok=True)
        self.checkpoint_lost()

    def checkpoint_lost(self) -> None:
        self.promise.is_checkpoint_lost = True
        self.image, self.offsets = None, {}

    # ---- what holds after every step -------------------------------------------------------------------------

    @invariant()
    def the_checkpoint_is_never_ahead_of_the_store(self) -> None:
        if not hasattr(self, "base") or not self.is_new_image():
            return
        if self.is_store_replaced:
            if not (self.is_up and self.rig.running._is_loaded):
                return
            self.is_store_replaced = False
            self.offsets = {}
        records = self.rig.records() if (self.rig.state / "logs.db").exists() else []
        assert self.promise.ahead(records) == []
        self.offsets_never_go_back()

    def is_new_image(self) -> bool:
        path = self.rig.state / "checkpoint.json"
        image = path.read_bytes() if path.exists() else None
        is_new, self.image = image != self.image, image
        return is_new and image is not None

    def offsets_never_go_back(self) -> None:
        checkpoint = self.promise.checkpoint()
        if checkpoint is None:
            return
        daemon = self.rig.daemon
        declared = (id(daemon), len(daemon.shipper.saving.rereads)) if daemon else self.declared
        before = self.offsets if declared == self.declared or not (declared and declared[1]) else {}
        self.declared = declared
        now: dict[object, int] = {}
        may_go_back_to: dict[object, int] = {}
        for entry in checkpoint.files:
            key = (entry.identity, entry.fingerprint, entry.rewrites)
            now[key] = max(entry.cursor.offset, now.get(key, 0))
            unended = entry.cursor.unended or entry.cursor
            may_go_back_to[key] = min(unended.offset, now[key])
        back = {key: (before[key], offset) for key, offset in now.items() if offset < before.get(key, 0)}
        assert back == {}
        self.offsets = may_go_back_to

    def teardown(self) -> None:
        if not hasattr(self, "base"):
            return
        try:
            if sys.exc_info()[0] is None:
                self.everything_is_accounted_for()
        finally:
            self.rig.close()
            shutil.rmtree(self.base, ignore_errors=True)

    def everything_is_accounted_for(self) -> None:
        """Let everything heal and settle; then the promise has to be kept."""
        self.is_store_away, self.lost_replies = False, 0
        self.finish_compressing()
        if self.armed:
            self.settle()  # losses are told late: here it may still die of that
            self.armed.clear()
        self.settle()
        assert self.promise.judge(self.rig.records()) == []

    def settle(self) -> None:
        for _ in range(25):
            self.catch_up()
            self.rig.clock.advance(10)


def copy_files(source: Path, target: Path, names: Sequence[str]) -> None:
    """Copy these files of a directory; those it does not have vanish from the target."""
    target.mkdir(exist_ok=True)
    for name in names:
        (target / name).unlink(missing_ok=True)
        if (source / name).exists():
            shutil.copy(source / name, target / name)


SOAK = settings.get_current_profile_name() == "soak"
TestLogFiles = LogFiles.TestCase
TestLogFiles.pytestmark = pytest.mark.machine
TestLogFiles.settings = settings(
    max_examples=2_000 if SOAK else 200,
    stateful_step_count=40 if SOAK else 25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def test_what_went_on_in_a_copy_s_place_does_so_again_after_an_older_store_was_put_back() -> None:
    """It has no times; the daemon was killed before the checkpoint was due. (Too rare to be met by chance.)"""
    state = LogFiles()
    state.set_the_stage(["native"], {}, batch_size=1, quantum_bytes=200, max_batch_bytes=300, max_open=2)
    state.catch_up()
    state.truncate("a.jsonl", 0)
    state.copy_the_state()
    state.copy(0, "number")
    state.rewrite_in_place("a.jsonl", ["text"])
    state.copy(0, "number")
    state.write("a.jsonl", ["bad_json"])
    state.catch_up()
    state.put_the_store_back()
    state.teardown()
