"""`python -m tests.arango_server --port 0`: run the server until interrupted."""

from __future__ import annotations

import argparse
import threading

from .server import ArangoServer


def main() -> None:
    """Print the address and wait."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8529)
    parser.add_argument("--password", default="secret", help="root's")
    parser.add_argument("--view-commit-s", type=float, default=1.0)
    arguments = parser.parse_args()
    with ArangoServer(
        port=arguments.port, password=arguments.password, view_commit_s=arguments.view_commit_s
    ) as server:
        print(server.url, flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
