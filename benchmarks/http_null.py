"""An HTTP server that counts lines and throws them away: `python -m benchmarks.http_null`, prints its port."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"


class Counter:
    """How many lines came; `GET` tells."""

    def __init__(self) -> None:
        self.lines = 0

    def serve(self, connection: socket.socket) -> None:
        """Answer requests until the other side is done."""
        stream = connection.makefile("rb")
        while request := stream.readline():
            headers = {}
            while (header := stream.readline()).strip():
                name, _, value = header.partition(b":")
                headers[name.strip().lower()] = value.strip()
            if headers.get(b"expect"):
                connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            body = stream.read(int(headers.get(b"content-length", b"0")))
            if body:
                self.lines += body.count(b"\n") + (not body.endswith(b"\n"))
            said = b"%d" % self.lines if request.startswith(b"GET") else b""
            connection.sendall(_ANSWER % (len(said), said))


def main() -> None:
    """Serve until killed."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=64)
    print(listening.getsockname()[1], flush=True)
    counter = Counter()
    while True:
        connection, _ = listening.accept()
        threading.Thread(target=counter.serve, args=(connection,), daemon=True).start()


@contextlib.contextmanager
def http_null() -> Iterator[str]:
    """The address of such a server, in a process of its own."""
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.http_null"], stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def lines_at(url: str) -> int:
    """How many lines came so far."""
    with urllib.request.urlopen(url) as answer:
        return int(answer.read())


if __name__ == "__main__":
    main()
