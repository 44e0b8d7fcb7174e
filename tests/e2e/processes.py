"""Real processes: daemons, writers, one who locks the store; and waiting for what they bring about."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from logagent.formats.status import Status, decode_status
from logagent.store import open_reader
from logagent.store.selection import Direction, Selection

REPOSITORY = Path(__file__).parents[2]
NAP_S = 0.02
QUERY = "from logagent.query.cli import main; main()"
_ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("LOGAGENT_")}
QUICK = {
    "LOGAGENT_FLUSH_INTERVAL_S": "0.2",
    "LOGAGENT_SWEEP_INTERVAL_S": "0.2",
    "LOGAGENT_IDLE_SWEEP_INTERVAL_S": "0.5",
}
"""Settings of a daemon whose test has no time to lose."""


def wait_for(condition: Callable[[], Any], within_s: float, what: str) -> Any:
    """What `condition` comes to once that is true; fails after `within_s` seconds."""
    deadline = time.monotonic() + within_s
    while not (outcome := condition()):
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        time.sleep(NAP_S)
    return outcome


class Process:
    """A Python process of the test's own, ended with its block."""

    def __init__(self, *arguments: str, log: Path, **environ: str) -> None:
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=REPOSITORY,
                env={**_ENVIRONMENT, **environ},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """kill -9, and wait for its end."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def terminate(self) -> None:
        self._process.send_signal(signal.SIGTERM)

    def ends(self, within_s: float) -> int:
        """Its exit code, negative for the signal that killed it."""
        return self._process.wait(timeout=within_s)

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        if self.is_alive:
            self.kill()

    def most_resident_bytes(self) -> int:
        """The most memory it has had so far; 0 once it is gone."""
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
        return 0


class Place:
    """A log directory and a state directory, and the daemons on them."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.logs = base / "logs"
        self.state = base / "state"
        self.logs.mkdir(parents=True)
        self.state.mkdir()
        self.store_url = f"sqlite://{self.state}/logs.db"
        self.said = base / "daemon.txt"

    def daemon(self, *arguments: str, state: Path | None = None, **environ: str) -> Process:
        """Start `logagent run` here, with quick settings unless told."""
        return Process(
            *("-m", "logagent", "run", "--watch", str(self.logs)),
            *("--state-dir", str(state or self.state), "--store", self.store_url, *arguments),
            log=self.said,
            **{**QUICK, **environ},
        )

    def writer(self, name: str, lines: int, *, seconds: float, rotation: str = "1 MB", script: str = "etl") -> Process:
        """A script that logs `<name>-<n>` for each n below `lines`, spread over about `seconds`."""
        return Process(
            *("-m", "tests.e2e.writer", str(self.logs), name, str(lines), str(seconds), rotation, script),
            log=self.base / "writers.txt",
        )

    def status(self) -> Status | None:
        """The status on disk."""
        with contextlib.suppress(OSError):
            return decode_status((self.state / "status.json").read_bytes())
        return None

    def is_run_by(self, daemon: Process) -> bool:
        """True once that daemon has come far enough to write a status (and to mind signals)."""
        status = self.status()
        return status is not None and status.pid == daemon.pid

    def stored(self) -> int:
        """How many log events the store has; 0 while there is none to ask."""
        if not (self.state / "logs.db").exists():
            return 0
        with contextlib.suppress(Exception), contextlib.closing(open_reader(self.store_url)) as reader:
            return reader.overview().events.value
        return 0

    def messages(self) -> Counter[str]:
        """How often the Reader finds each message."""
        with contextlib.closing(open_reader(self.store_url)) as reader:
            records = reader.export(Selection(direction=Direction.OLDEST_FIRST))
            return Counter(message for record in records if (message := getattr(record.line, "message", None)))

    def exported(self) -> Counter[str]:
        """How often `logagent-query export -o jsonl` shows each message."""
        return Counter(row["message"] for row in self.export() if row["kind"] == "log")

    def export(self) -> Iterator[dict[str, Any]]:
        with subprocess.Popen(
            [sys.executable, "-c", QUERY, "export", "--store", self.store_url, "-o", "jsonl"],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as process:
            assert process.stdout is not None
            yield from map(json.loads, process.stdout)
        assert process.returncode == 0

    def verified(self) -> dict[str, int]:
        """How many lines `logagent verify --deep` finds, by what became of them."""
        done = subprocess.run(
            [
                *(sys.executable, "-m", "logagent", "verify", "--deep", "--json", "--watch", str(self.logs)),
                *("--state-dir", str(self.state), "--store", self.store_url),
            ],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode in (0, 1), done.stderr
        lines: dict[str, int] = json.loads(done.stdout)["lines"]
        return lines

    def rows(self, name: str) -> list[dict[str, Any]]:
        """The rows of dead_letter.jsonl or losses.jsonl; a line torn by a kill is passed over."""
        path, found = self.state / name, []
        for row in path.read_bytes().split(b"\n") if path.exists() else ():
            with contextlib.suppress(ValueError):
                found.append(json.loads(row))
        return found

    def seen_inodes(self) -> set[int]:
        """The files that the checkpoint knows with as many bytes as they have."""
        with contextlib.suppress(OSError, ValueError):
            files = json.loads((self.state / "checkpoint.json").read_bytes())["body"]["files"]
            known = {entry["identity"]["inode"]: entry["size"] for entry in files}
            return {
                inode
                for path in self.logs.iterdir()
                if known.get(inode := path.stat().st_ino, -1) >= path.stat().st_size
            }
        return set()

    def seed(self, name: str, count: int, prefix: str = "line") -> None:
        """Append that many native lines to a file at once."""
        with (self.logs / name).open("ab") as file:
            file.write(b"".join(native(f"{prefix}-{n}", n) for n in range(count)))


def native(message: str, n: int) -> bytes:
    """A native line, `n` microseconds after a fixed time."""
    line = {"v": 1, "kind": "log", "timestamp": f"2026-01-01T00:00:{n // 10**6:02}.{n % 10**6:06}Z"}
    return (
        json.dumps({**line, "execution_id": "r", "level_no": 20, "level": "INFO", "message": message}).encode() + b"\n"
    )


def numbered(prefix: str, count: int) -> Counter[str]:
    """Each of `<prefix>-<n>` once."""
    return Counter(f"{prefix}-{n}" for n in range(count))
