"""The daemon over ArangoDB in its null mode: `python -m benchmarks.arango_null [LINES]`.

Our own server takes the documents, counts them and throws them away, in a process of its own; so what is measured is
reading, parsing, encoding and sending. Prints lines a second, by the clock and by the daemon's own CPU time.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks import corpus

ROOT = Path(__file__).parent.parent


def serve(pipe: Connection) -> None:
    """Run the server until told to end; say then what it has thrown away."""
    sys.path.insert(0, str(ROOT / "tests"))
    from arango_server import ArangoServer

    with ArangoServer() as server:
        pipe.send((server.port, server.password))
        pipe.recv()
        server.discards_documents = True
        pipe.send(None)
        pipe.recv()
        pipe.send(server.discarded)


def drained(logs: str, state: str) -> dict[str, Any]:
    """What draining these files took: prepare the store, switch the server to nothing, drain.

    Errors are counted in documents of their own, so more may be thrown away than there are lines.
    """
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    port, password = ours.recv()
    environ = {**os.environ, "ARANGO_PASSWORD": password, "PYTHONPATH": str(ROOT)}
    url = f"arangodb://root@127.0.0.1:{port}/null"
    prepare = "import sys; from logagent.store import open_store; s = open_store(sys.argv[1]); s.prepare(); s.close()"
    subprocess.run([sys.executable, "-c", prepare, url], env=environ, check=True)
    ours.send("discard")
    ours.recv()
    drain = [sys.executable, "-m", "benchmarks.draining", url, logs, state]
    done = subprocess.run(drain, env=environ, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    ours.send("end")
    discarded = ours.recv()
    server.join()
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert found["lines"] <= discarded, (found["lines"], discarded)
    return found


def main(lines: int) -> None:
    """Drain and tell."""
    with tempfile.TemporaryDirectory() as base:
        size = corpus.write(f"{base}/logs", lines)
        found = drained(f"{base}/logs", f"{base}/state")
    print(f"{lines:,} lines, {size / 1e6:.0f} MB: {lines / found['wall_s']:,.0f} lines/s by the clock,", end=" ")
    print(f"{lines / found['cpu_s']:,.0f} lines/s of one core, {found['memory_mb']:.0f} MB of memory")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 400_000)
