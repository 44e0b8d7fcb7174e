"""`logagent` as a process of its own, on a rig's directories."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw

from tests.daemon.rig import Rig

ROOT = Path(__file__).parent.parent.parent


def logagent(rig: Rig, *arguments: str, code: int = 0) -> str:
    """What `logagent` prints with these arguments on the rig's state directory; the exit code has to be `code`."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(rig.state), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "logagent", *arguments, "--state-dir", str(rig.state)],
        capture_output=True,
        text=True,
        env=environ,
        cwd=rig.state,
        timeout=60,
    )
    assert (done.returncode, done.stderr if code == 0 else "") == (code, ""), done.stderr + done.stdout
    return done.stdout or done.stderr


def logagent_json(rig: Rig, *arguments: str, code: int = 0) -> Any:
    """The document that `--json` gives."""
    return json.loads(logagent(rig, *arguments, "--json", code=code))


def delete_from_store(rig: Rig, message: str) -> None:
    """Delete the event with that message (or LIKE pattern) behind everybody's back."""
    with closing(apsw.Connection(str(rig.state / "logs.db"))) as db:
        db.execute("DELETE FROM events WHERE message LIKE ?", (message,))
        assert db.changes() == 1, f"{message} is not there"
