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


def main(lines: int) -> None:
    """Prepare the store, switch the server to nothing, drain, and tell."""
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=(theirs,))
    server.start()
    port, password = ours.recv()
    environ = {**os.environ, "ARANGO_PASSWORD": password, "PYTHONPATH": str(ROOT)}
    url = f"arangodb://root@127.0.0.1:{port}/null"
    with tempfile.TemporaryDirectory() as base:
        logs, state = os.path.join(base, "logs"), os.path.join(base, "state")
        os.makedirs(logs)
        size = corpus.write(logs, lines)
        prepare = (
            "import sys; from logagent.store import open_store; s = open_store(sys.argv[1]); s.prepare(); s.close()"
        )
        subprocess.run([sys.executable, "-c", prepare, url], env=environ, check=True)
        ours.send("discard")
        ours.recv()
        drain = [sys.executable, "-m", "benchmarks.draining", url, logs, state]
        found = json.loads(subprocess.run(drain, env=environ, check=True, capture_output=True, text=True).stdout)
    ours.send("end")
    discarded = ours.recv()
    server.join()
    assert found["lines"] == lines <= discarded, (discarded, found["lines"])  # errors are documents, too
    print(f"{lines:,} lines, {size / 1e6:.0f} MB: {lines / found['wall_s']:,.0f} lines/s by the clock,", end=" ")
    print(f"{lines / found['cpu_s']:,.0f} lines/s of one core, {found['memory_mb']:.0f} MB of memory")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 400_000)
