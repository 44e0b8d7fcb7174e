"""A TCP proxy that spoils HTTP on its way, one request at a time: what a network or a sick server does to us.

with FaultyProxy(server.port) as proxy:
    proxy.spoil(Fault.REPLY_LOST, times=2)
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from enum import Enum
from io import BufferedIOBase
from typing import Final, NamedTuple

WRITES: Final = "/_api/document/log_events"
"""Where the daemon sends its events; faults strike there unless told otherwise."""
_RST: Final = struct.pack("ii", 1, 0)


class Fault(Enum):
    """What becomes of a request."""

    RESET = "reset before anything was done"
    HANG = "nothing is done, no answer ever comes"
    SLOW = "done; the answer comes byte by byte"
    REPLY_LOST = "done; the answer is lost"
    HALF_A_REPLY = "done; the answer breaks off"
    GARBAGE = "nothing is done; the answer is no HTTP"
    NO_JSON = "nothing is done; the answer is a page of some other server"
    EMPTY = "nothing is done; some other server answers with an empty object"
    UNAUTHORIZED = "401"
    FORBIDDEN = "403"
    TOO_MANY = "429"
    BUSY = "503"
    NO_LEADER = "503, the shard's leader changes"


_STATUSES: Final = {
    Fault.UNAUTHORIZED: (401, 401, "not authorized to execute this request"),
    Fault.FORBIDDEN: (403, 11, "forbidden"),
    Fault.TOO_MANY: (429, 429, "too many requests"),
    Fault.BUSY: (503, 21003, "queue full"),
    Fault.NO_LEADER: (503, 1495, "not a leader"),
}


class _Planned(NamedTuple):
    fault: Fault
    where: str


class FaultyProxy:
    """Stands between a client and a server on this machine; as a context manager.

    `spoiled` counts what was done to whom, so that a test can see that its fault struck.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._planned: list[_Planned] = []
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._open: set[socket.socket] = set()
        self._listener: socket.socket | None = None
        self._released = threading.Event()
        self.port = 0
        self.spoiled: Counter[Fault] = Counter()

    def __enter__(self) -> FaultyProxy:
        self.listen()
        return self

    def __exit__(self, *_: object) -> None:
        self._released.set()
        self.refuse()
        for thread in self._threads:
            thread.join(timeout=10)

    def spoil(self, fault: Fault, times: int = 1, where: str = WRITES) -> None:
        """Plan a fault for the next requests whose path holds `where`."""
        with self._lock:
            self._planned += [_Planned(fault, where)] * times

    def refuse(self) -> None:
        """Refuse connections from now on, and cut those that are open."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        with self._lock:
            for each in self._open:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def listen(self) -> None:
        """Accept connections, on the same port as before."""
        listener = socket.create_server(("127.0.0.1", self.port), reuse_port=False, backlog=64)
        self.port, self._listener = listener.getsockname()[1], listener
        self._start(self._accept, listener)

    def _start(self, work: Callable[[socket.socket], None], given: socket.socket) -> None:
        thread = threading.Thread(target=work, args=(given,), name="faulty-proxy", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return  # closed: we refuse
            self._start(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        upstream = socket.create_connection(("127.0.0.1", self._target))
        with self._kept(client), self._kept(upstream), contextlib.suppress(OSError):
            source, answers = client.makefile("rb"), upstream.makefile("rb")
            with source, answers:
                while request := _message(source):
                    fault = self._fault_for(request)
                    if not self._goes_on(client, upstream, answers, request, fault):
                        return

    @contextlib.contextmanager
    def _kept(self, each: socket.socket) -> Iterator[None]:
        with self._lock:
            self._open.add(each)
        try:
            yield
        finally:
            with self._lock:
                self._open.discard(each)
            each.close()

    def _fault_for(self, request: bytes) -> Fault | None:
        path = request.split(b" ", 2)[1].decode()
        with self._lock:
            for planned in self._planned:
                if planned.where in path:
                    self._planned.remove(planned)
                    self.spoiled[planned.fault] += 1
                    return planned.fault
        return None

    def _goes_on(
        self,
        client: socket.socket,
        upstream: socket.socket,
        answers: BufferedIOBase,
        request: bytes,
        fault: Fault | None,
    ) -> bool:
        """Answer one request; True while the connection goes on."""
        if fault in _STATUSES:
            client.sendall(_refusal(*_STATUSES[fault]))
            return True
        match fault:  # what never reaches the server
            case Fault.RESET:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST)
                return False
            case Fault.HANG:
                self._released.wait()
                return False
            case Fault.GARBAGE:
                client.sendall(b"\x00\x16SSH-2.0-nothing here speaks HTTP\r\n\r\n")
                return False
            case Fault.NO_JSON:
                client.sendall(_response(200, b"<html>it works</html>"))
                return True
            case Fault.EMPTY:
                client.sendall(_response(200, b"{}"))
                return True
        upstream.sendall(request)
        answer = _message(answers)
        match fault:
            case Fault.REPLY_LOST:
                return False
            case Fault.HALF_A_REPLY:
                client.sendall(answer[:-1])
                return False
            case Fault.SLOW:
                for at in range(len(answer)):
                    client.sendall(answer[at : at + 1])
            case _:
                client.sendall(answer)
        return bool(answer)


def _message(source: BufferedIOBase) -> bytes:
    """One HTTP message, whole; empty at the end of the connection."""
    head, length = b"", 0
    while line := source.readline():
        head += line
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
        if line == b"\r\n":
            return head + source.read(length)
    return b""


def _refusal(status: int, number: int, text: str) -> bytes:
    body = {"error": True, "code": status, "errorNum": number, "errorMessage": text}
    return _response(status, json.dumps(body).encode())


def _response(status: int, body: bytes) -> bytes:
    return b"HTTP/1.1 %d Spoiled\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)
