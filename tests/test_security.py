"""Security: who can read what the daemon makes, and what hostile content and names can do."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from logagent.formats.times import utc_text

SECRET = "correct-horse-battery"
NOBODY = 65534

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def logagent(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def ship(base: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    return logagent("logagent", "run", "--once", "--watch", f"{base}/logs", "--state-dir", f"{base}/state", **environ)


def line(message: str, **fields: object) -> str:
    now = utc_text(time.time_ns() // 1000)
    return json.dumps({"v": 1, "kind": "log", "timestamp": now, "message": message, **fields}) + "\n"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A directory with logs/ holding one good line and one dead letter."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "a.jsonl").write_text(line("good") + '{"broken\n')
    return tmp_path


def test_everything_the_daemon_makes_is_closed_to_others(base: Path) -> None:
    ship(base)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (base / "state").iterdir()}
    assert {name for name, mode in modes.items() if mode & 0o007} == set()
    private = {name for name in modes if name.startswith(("checkpoint", "dead_letter", "losses", "daemon.lock"))}
    assert {modes[name] for name in private} == {0o600}
    assert stat.S_IMODE((base / "state").stat().st_mode) == 0o750


@needs_root
def test_a_user_outside_the_group_can_read_nothing(base: Path) -> None:
    ship(base)
    for directory in (base, *list(base.parents)[:-1]):
        directory.chmod(directory.stat().st_mode | 0o011)
    readable = [path.name for path in (base / "state").iterdir() if can_be_read(path, NOBODY)]
    assert readable == []
    assert can_be_read(base / "logs" / "a.jsonl", NOBODY), "the test itself must be able to see a readable file"


def can_be_read(path: Path, user: int) -> bool:
    done = subprocess.run(
        ["cat", path], user=user, group=user, extra_groups=[], capture_output=True, check=False, cwd="/"
    )
    return done.returncode == 0


def test_a_password_shows_in_no_output_and_no_file(base: Path) -> None:
    environ = {"ARANGO_PASSWORD": SECRET, "LOGAGENT_STORE": f"sqlite://{base}/state/logs.db"}
    outputs = [
        ship(base, **environ),
        logagent(
            "logagent", "check", "--explain", "--watch", f"{base}/logs", "--state-dir", f"{base}/state", **environ
        ),
        logagent("logagent", "doctor", "--watch", f"{base}/logs", "--state-dir", f"{base}/state", **environ),
        logagent("logagent", "status", "--state-dir", f"{base}/state", **environ),
        logagent("logagent", "run", "--store", f"arangodb://me:{SECRET}@localhost/db", "--state-dir", f"{base}/state"),
    ]
    files = b"".join(path.read_bytes() for path in (base / "state").iterdir())
    assert SECRET not in "".join(done.stdout + done.stderr for done in outputs)
    assert SECRET.encode() not in files


def test_a_password_is_refused_on_the_command_line(base: Path) -> None:
    done = logagent(
        "logagent", "run", "--store", f"arangodb://me:{SECRET}@localhost/db", "--state-dir", f"{base}/state"
    )
    assert done.returncode == 2
    assert "password" in done.stderr


def test_a_link_out_of_the_watched_directory_is_not_followed(base: Path) -> None:
    (base / "outside.jsonl").write_text(line("outside"))
    (base / "logs" / "link.jsonl").symlink_to(base / "outside.jsonl")
    (base / "logs" / "up").symlink_to(base)
    ship(base)
    found = logagent("logagent.query", "--state-dir", f"{base}/state", "search", "outside", "-o", "json")
    assert json.loads(found.stdout)["total"]["value"] == 0


def test_a_hostile_file_name_reaches_no_terminal_as_itself(base: Path) -> None:
    (base / "logs" / "\x1b]0;hacked\x07\u202egnp.jsonl").write_text(line("named") + "pending")
    ship(base)
    outputs = [
        logagent("logagent", "status", "--state-dir", f"{base}/state"),
        logagent("logagent", "check", "--watch", f"{base}/logs", "--state-dir", f"{base}/state"),
        logagent("logagent", "doctor", "--watch", f"{base}/logs", "--state-dir", f"{base}/state"),
    ]
    shown = "".join(done.stdout + done.stderr for done in outputs)
    assert "hacked" in shown
    assert not {"\x1b", "\x07", "\u202e"} & set(shown)


HOSTILE = [
    "\x1b[2J\x1b[31mred",
    "\u202egnp.exe",
    "<script>alert(1)</script>",
    "'; DROP TABLE events; --",
    "%s %n {0.__class__}",
    "x" * 300_000,
    "\u0000nul",
]


def test_hostile_messages_are_stored_whole_and_shown_harmless(base: Path) -> None:
    (base / "logs" / "h.jsonl").write_text("".join(line(text, script_name="hostile") for text in HOSTILE))
    ship(base)
    exported = logagent("logagent.query", "--state-dir", f"{base}/state", "export", "script:hostile", "-o", "jsonl")
    messages = [json.loads(row)["message"] for row in exported.stdout.splitlines()]
    table = logagent("logagent.query", "--state-dir", f"{base}/state", "search", "script:hostile", "-o", "table")
    assert sorted(messages) == sorted(HOSTILE)
    assert not {"\x1b", "\u202e", "\x00"} & set(table.stdout)


def test_deep_and_huge_lines_do_no_harm(base: Path) -> None:
    deep = '{"a":' * 50_000 + "1" + "}" * 50_000
    (base / "logs" / "h.jsonl").write_text(deep + "\n" + line("y" * 10_000_000) + line("neighbour"))
    done = ship(base)
    found = logagent("logagent.query", "--state-dir", f"{base}/state", "search", "neighbour", "-o", "json")
    assert done.returncode == 0
    assert json.loads(found.stdout)["total"]["value"] == 1


def test_no_socket_listens_by_default(base: Path) -> None:
    arguments = ["logagent", "run", "--watch", f"{base}/logs", "--state-dir", f"{base}/state"]
    daemon = subprocess.Popen([sys.executable, "-m", *arguments], stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: (base / "state" / "status.json").exists())
        assert listening(daemon.pid) == set()
    finally:
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(timeout=10) == 0


def listening(pid: int) -> set[str]:
    """The sockets of that process, by inode."""
    targets = [os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir()]
    return {target for target in targets if target.startswith("socket:")}


def wait_until(condition: Callable[[], bool], deadline_s: float = 20.0) -> None:
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, "it did not come in time"
        time.sleep(0.02)
