"""A daemon turned by hand over real files and a real SQLite store; time stands still unless a test moves it."""

from __future__ import annotations

import contextlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from logagent.daemon.batch import BatchLimits
from logagent.daemon.crashed import Here
from logagent.daemon.discovery import Discovery
from logagent.daemon.faults import Faults, no_faults
from logagent.daemon.follow_rules import FollowRules
from logagent.daemon.notify import Notifier
from logagent.daemon.patterns import Patterns
from logagent.daemon.service import Daemon, ServiceLimits
from logagent.daemon.shipper import ShipperLimits
from logagent.daemon.wakeups import NOTHING, Hint
from logagent.errors import StoreUnavailable
from logagent.formats.lines import FileContext
from logagent.formats.record import LogLine, Origin, Record
from logagent.formats.times import utc_text
from logagent.store import open_reader, open_store
from logagent.store.protocol import Batch, Receipt, Store
from logagent.store.selection import Direction, Selection

START_US = 1_795_359_600_000_000  # 2026-11-22T15:00:00Z
HERE = Here("testhost", "boot-1", "pid:[1]")


class FakeClock:
    """Both clocks, moved only by `advance` (or, for the wall clock alone, by `step_wall`)."""

    def __init__(self) -> None:
        self._wall_us = START_US
        self._monotonic = 1000.0

    def now_us(self) -> int:
        return self._wall_us

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        self._monotonic += seconds
        self._wall_us += int(seconds * 1e6)

    def step_wall(self, seconds: float) -> None:
        self._wall_us += int(seconds * 1e6)


class QuietLog:
    """Keeps what the daemon says, by level."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []

    def info(self, message: str, /) -> None:
        self.said.append(("INFO", message))

    def warning(self, message: str, /) -> None:
        self.said.append(("WARNING", message))

    def error(self, message: str, /) -> None:
        self.said.append(("ERROR", message))


class HandWakeups:
    """Never waits: the test turns the daemon, and says in `hint` what a wait comes back with."""

    trouble: str | None = None
    hint: Hint = NOTHING

    def watch(self, directories: Iterable[bytes]) -> list[bytes]:
        return []

    def wait(self, timeout_s: float) -> Hint:
        return self.hint

    def interrupt(self) -> None:
        pass

    def close(self) -> None:
        pass


class Failing:
    """Faults that a test switches on and off: the error that each named point raises."""

    def __init__(self) -> None:
        self.errors: dict[str, OSError] = {}

    def __call__(self, point: str) -> None:
        if point in self.errors:
            raise self.errors[point]


class FaultyStore:
    """A real store behind a door that a test can make fail: `before` and `after` run around each append.

    `after` runs when everything is committed already: raising there is a reply that got lost.
    """

    def __init__(self, store: Store) -> None:
        self.inner = store
        self.before: Callable[[Batch], None] = lambda batch: None
        self.after: Callable[[Batch], None] = lambda batch: None
        self.appended: list[int] = []
        self.mark = store.mark

    def append(self, batch: Batch) -> Receipt:
        self.before(batch)
        receipt = self.inner.append(batch)
        self.appended.append(len(batch.records))
        self.after(batch)
        return receipt

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


class Rig:
    """Directories, a clock, a store and a daemon over them."""

    def __init__(self, base: Path, *, faults: Faults = no_faults, **options: Any) -> None:
        self.logs = base / "logs"
        self.state = base / "state"
        self.logs.mkdir(exist_ok=True)
        self.state.mkdir(exist_ok=True)
        self.clock = FakeClock()
        self.log = QuietLog()
        self.wakeups = HandWakeups()
        self.faults = faults
        self.include: Sequence[str] = options.pop("include", ("**/*.jsonl", "**/*.log"))
        self.exclude: Sequence[str] = options.pop("exclude", ())
        self.roots: Sequence[Path] = options.pop("roots", (self.logs,))
        self.outside_links: bool = options.pop("outside_links", False)
        self.directory_clock_ns: int = options.pop("directory_clock_ns", 0)
        self.rules = FollowRules(
            host=HERE.hostname,
            context=FileContext(
                origin=Origin(HERE.hostname, "", 0),
                script_name="",
                max_line_bytes=options.pop("max_line_bytes", 1 << 20),
                redaction=options.pop("redaction", None),
            ),
            start_at_end=options.pop("start_at_end", False),
            close_after_s=options.pop("close_after_s", 60.0),
            max_open=options.pop("max_open", 900),
        )
        self.limits = ServiceLimits(
            shipper=ShipperLimits(
                batch=BatchLimits(
                    max_bytes=options.pop("max_batch_bytes", 4 << 20), records=options.pop("batch_size", 200)
                ),
                quantum_bytes=options.pop("quantum_bytes", 1 << 20),
            ),
            **options,
        )
        self.store_url = f"sqlite://{self.state}/logs.db"
        self.on_open_store: Callable[[FaultyStore], None] = lambda store: None
        self.store: FaultyStore | None = None
        self.daemon: Daemon | None = None

    # ---- the daemon's life ---------------------------------------------------------------------------------

    def start(self) -> Daemon:
        """Start a daemon (and look once)."""
        self.store = FaultyStore(open_store(self.store_url))
        self.on_open_store(self.store)
        discovery = Discovery(
            [os.fsencode(root) for root in self.roots],
            Patterns(self.include, self.exclude),
            skip=[os.fsencode(self.state)],
            outside_links=self.outside_links,
            clock_ns=lambda: self.directory_clock_ns,  # by default every directory counts as just changed
        )
        self.daemon = Daemon(
            str(self.state),
            discovery,
            self.wakeups,
            self.store,
            self.rules,
            limits=self.limits,
            here=HERE,
            clock=self.clock,
            faults=self.faults,
            log=self.log,
            notifier=Notifier(None),
        )
        self.look()
        return self.daemon

    def look(self) -> None:
        """Look at everything."""
        self.running.look(Hint(is_everything=True))

    def turn(self) -> None:
        """Look at everything and turn until there is no backlog."""
        self.look()
        while self.running.try_turn():
            pass

    def settle(self, turns: int = 3) -> None:
        """Look and turn for a while, so that whatever is due by age is done."""
        for _ in range(turns):
            self.turn()
            self.clock.advance(3.0)
        self.turn()

    def rest(self, seconds: float) -> None:
        """Let that much time go by in steps of ten seconds, turning at each."""
        while seconds > 0:
            self.clock.advance(min(seconds, 10.0))
            seconds -= 10.0
            self.turn()

    def stop(self) -> None:
        """SIGTERM."""
        self.running.finish()
        self.running.close()
        self.daemon = None

    def kill(self) -> None:
        """kill -9: nothing is finished or saved; what was handed to the store is waited for, as a commit would be."""
        self.running.close()
        self.daemon = None

    def take_store_away(self) -> None:
        """From now on no append comes through, until `bring_store_back`."""

        def away(batch: Batch) -> None:
            raise StoreUnavailable("the store is away")

        assert self.store is not None, "start() first"
        self.store.before = away

    def bring_store_back(self) -> None:
        """Appends come through again; the daemon notices within its backoff."""
        assert self.store is not None, "start() first"
        self.store.before = lambda batch: None

    @property
    def running(self) -> Daemon:
        assert self.daemon is not None, "start() first"
        return self.daemon

    def close(self) -> None:
        """End whatever still runs."""
        if self.daemon is not None:
            self.kill()

    # ---- what is on disk -----------------------------------------------------------------------------------

    def write(self, name: str, data: str | bytes) -> Path:
        """Append to a file below logs/, made with its directories if need be."""
        path = self.logs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(data.encode() if isinstance(data, str) else data)
        return path

    def status(self) -> Any:
        """The daemon's status as it would be written now."""
        return self.running.status()

    def journal(self, name: str) -> list[dict[str, Any]]:
        """The rows of dead_letter.jsonl or losses.jsonl."""
        path = self.state / name
        return [json.loads(row) for row in path.read_text().splitlines()] if path.exists() else []

    def losses(self) -> list[tuple[str, int, int | None]]:
        """The rows of the loss ledger: name of the file, first byte lost, byte behind the last (None: unknown)."""
        return [(os.path.basename(row["file"]), row["from"], row["to"]) for row in self.journal("losses.jsonl")]

    def rejected(self) -> Counter[str]:
        """How many dead letters there are for each reason."""
        return Counter(row["reason"] for row in self.journal("dead_letter.jsonl"))

    # ---- what is in the store ------------------------------------------------------------------------------

    def records(self) -> list[Record]:
        """Everything in the store, oldest first."""
        with contextlib.closing(open_reader(self.store_url)) as reader:
            return list(reader.export(Selection(direction=Direction.OLDEST_FIRST)))

    def messages(self) -> list[str]:
        """The messages of all log events, oldest first."""
        return [record.line.message for record in self.records() if isinstance(record.line, LogLine)]

    def counted(self) -> Counter[str]:
        """How often each message is stored."""
        return Counter(self.messages())


def native(message: str, at: int = 0, **fields: Any) -> str:
    """A native log line (with its LF) at `at` milliseconds after the start of time."""
    line = {
        "v": 1,
        "kind": "log",
        "timestamp": utc_text(START_US + at * 1000),
        "execution_id": "run_1",
        "script_name": "script",
        "level": "INFO",
        "level_no": 20,
        "message": message,
        **fields,
    }
    return json.dumps(line) + "\n"


def natives(prefix: str, first: int, count: int) -> str:
    """`count` native lines with the messages `<prefix>-<n>`, each with its own time."""
    return "".join(native(f"{prefix}-{n}", n) for n in range(first, first + count))


def expected(prefix: str, count: int, first: int = 0) -> Counter[str]:
    """What `natives` comes to if each is stored once."""
    return Counter(f"{prefix}-{n}" for n in range(first, first + count))


def kinds(records: Iterable[Record]) -> Counter[str]:
    """How many records of each kind."""
    return Counter(str(msgspec.structs.asdict(r.line).get("kind", type(r.line).__name__)) for r in records)
