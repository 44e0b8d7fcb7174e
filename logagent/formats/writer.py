"""Who writes: what lines say about this process, its script and its machine. Standard library only.

Nothing here raises: what a system does not tell (no /proc, no repository) is None.
"""

from __future__ import annotations

import os
import re
import sys
from datetime import UTC, datetime, timedelta

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

SAFE_NAME_CHARS: Final = 100
"""File names end at 255 bytes, and a rotation suffix, a pid and an ending come behind the name."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_last_second: tuple[int, str] = (0, "1970-01-01T00:00:00")
"""Lines come by thousands within one second; its text is kept."""
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")
_EXECUTION_ID: Final = re.compile(r"(.+)_\d{8}T\d{6}Z_[0-9a-f]{8}")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


def safe_name(name: str) -> str:
    """The name with nothing in it that a path, a shell or a URL would read otherwise.

    >>> safe_name("../my etl!")
    'my_etl_'
    """
    return _UNSAFE.sub("_", name).lstrip("._-")[:SAFE_NAME_CHARS] or "script"


def default_script_name() -> str:
    """What this process is called: the stem of its main file, of a package run with `-m` its name, else `python`."""
    path = sys.argv[0] if getattr(sys, "argv", None) else ""
    directory, file_name = os.path.split(path)
    stem = os.path.splitext(file_name)[0]
    if stem == "__main__":
        stem = os.path.basename(directory)
    return "python" if stem in ("", "-c", "-m", "-") else stem


def generate_execution_id(script_name: str) -> str:
    """An id for one run: the name made safe, the UTC second, 8 random hex digits.

    >>> import re
    >>> bool(re.fullmatch(r"my_etl_\\d{8}T\\d{6}Z_[0-9a-f]{8}", generate_execution_id("my etl")))
    True
    """
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    return f"{safe_name(script_name)}_{stamp}_{os.urandom(4).hex()}"


def script_name_of(execution_id: str) -> str | None:
    """The safe name in a generated id, None in any other id.

    >>> script_name_of("etl_20260102T030405Z_0a1b2c3d")
    'etl'
    """
    match = _EXECUTION_ID.fullmatch(execution_id)
    return match[1] if match else None


def utc_stamp(moment: datetime) -> str:
    """RFC 3339 in UTC with six fraction digits and `Z`; a naive time is taken as local.

    >>> utc_stamp(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    '2026-01-02T03:04:05.000000Z'
    """
    global _last_second
    if moment.tzinfo is None:
        moment = moment.astimezone(UTC)
    since = moment - _EPOCH
    second = since.days * 86_400 + since.seconds
    known, text = _last_second
    if known != second:
        text = (_EPOCH + timedelta(seconds=second)).isoformat()[:19]
        _last_second = second, text  # one tuple: threads find the number and the text of the same second
    return f"{text}.{since.microseconds:06d}Z"


def now_stamp() -> str:
    """Now, as lines write it."""
    return utc_stamp(datetime.now(UTC))


def hostname() -> str:
    """The node name; `socket` would say the same and costs an import."""
    return os.uname().nodename


def line_head(kind: str, execution_id: str, script_name: str, timestamp: str) -> dict[str, Any]:
    """The fields that all native lines begin with."""
    return {
        "v": 1,
        "kind": kind,
        "timestamp": timestamp,
        "execution_id": execution_id,
        "script_name": script_name,
        "pid": os.getpid(),
        "hostname": hostname(),
    }


def boot_id() -> str | None:
    """Tells this start of the machine from the last one."""
    return _first_line("/proc/sys/kernel/random/boot_id")


def pid_namespace() -> str | None:
    """Says within what our pid has a meaning, as `pid:[4026531836]`."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return None


def process_start() -> int | None:
    """Clock ticks from boot to the start of this process: tells it from a later one with the same pid."""
    text = _first_line("/proc/self/stat")
    if text is None:
        return None
    # Field 2 is the program's name in brackets and may hold spaces and brackets itself.
    return int(text[text.rindex(")") + 2 :].split()[19])


def git_commit(start: str) -> str | None:
    """The commit checked out in the repository around `start`; read from its files, git is not started."""
    git = _git_directory(start)
    head = _first_line(os.path.join(git, "HEAD")) if git else None
    if git is None or head is None:
        return None
    if not head.startswith("ref: "):
        return head if _COMMIT.fullmatch(head) else None
    return _commit_of(git, head[5:])


def _git_directory(start: str) -> str | None:
    directory = os.path.abspath(start)
    while True:
        git = os.path.join(directory, ".git")
        if os.path.isdir(git):
            return git
        if (line := _first_line(git)) and line.startswith("gitdir: "):  # a worktree or a submodule
            return os.path.join(directory, line[8:])
        parent = os.path.dirname(directory)
        if parent == directory:
            return None
        directory = parent


def _commit_of(git: str, ref: str) -> str | None:
    common = _first_line(os.path.join(git, "commondir"))
    shared = os.path.join(git, common) if common else git
    for directory in (git, shared):
        commit = _first_line(os.path.join(directory, ref))
        if commit and _COMMIT.fullmatch(commit):
            return commit
    return _packed_commit(os.path.join(shared, "packed-refs"), ref)


def _packed_commit(path: str, ref: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                commit, _, name = line.rstrip("\n").partition(" ")
                if name == ref and _COMMIT.fullmatch(commit):
                    return commit
    except OSError:
        pass
    return None


def _first_line(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="replace") as lines:
            return lines.readline().strip()
    except OSError:
        return None
