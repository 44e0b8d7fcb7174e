"""The server: its databases and users, its socket, and what tests may do to it."""

from __future__ import annotations

import base64
import ssl
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from . import endpoints
from .errors import ArangoError, Unsupported
from .functions.dates import parse_date
from .http import HEADERS, Request, Response, find_route
from .storage import Database, User, WriteOptions, tick
from .transactions import HEADER, INSIDE, Transaction, check_beside
from .values import attribute_path, rank, to_json

_ = endpoints
ADMIN: Final = "root"
RESULTS_CACHE: Final = {
    "mode": "off", "maxResults": 128, "maxResultsSize": 268_435_456, "maxEntrySize": 16_777_216, "includeSystem": False,
}  # fmt: skip


@dataclass(frozen=True)
class Logged:
    """One request as it came, and the status that went out."""

    method: str
    path: str
    request_bytes: int
    response_bytes: int
    status: int


class ArangoServer:
    """A strict stand-in for ArangoDB, as a context manager: `with ArangoServer() as server: server.url`.

    Args:
        password: root's.
        view_commit_s: how old a view's last commit must be for SEARCH to make a new one; 0 shows every write at
            once, infinity only what `commit_views` showed.
        vector_index: was the server started with `--vector-index`?
        is_cluster: is it a coordinator? It has all documents itself, but takes and shows a cluster's settings.
        tls: with whose certificate it answers; by default it speaks in the clear.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        password: str = "secret",
        version: str = "3.12.10",
        view_commit_s: float = 0.0,
        vector_index: bool = True,
        is_cluster: bool = False,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.version = version
        self.view_commit_s = view_commit_s
        self.vector_index = vector_index
        self.is_cluster = is_cluster
        self.password = password
        self.users: dict[str, User] = {ADMIN: User(ADMIN, password, databases={"*": "rw"})}
        self.databases: dict[str, Database] = {}
        self.cursors: dict[tuple[str, str], Any] = {}
        self.jobs: dict[str, Response] = {}
        self.transactions: dict[str, Transaction] = {}
        self.results_cache = dict(RESULTS_CACHE)
        self.requests: list[Logged] = []
        self.latency_s = 0.0
        self.bytes_used = 366_555
        self.license_usage: dict[str, Any] = {}
        self.discards_documents = False
        self.discarded = 0
        self._forced: list[tuple[int, int, str]] = []
        self._lock = threading.RLock()
        self._http = _HTTPServer(("127.0.0.1", port), _Handler)
        self._http.arango = self
        if tls is not None:
            self._http.socket = tls.wrap_socket(self._http.socket, server_side=True)
        self._thread: threading.Thread | None = None
        self.create_database("_system")

    def __enter__(self) -> ArangoServer:
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.close_connections()
        self._http.server_close()
        if self._thread is not None:
            self._thread.join()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._http.server_address[1])

    @property
    def url(self) -> str:
        """`http://127.0.0.1:port`."""
        return f"http://127.0.0.1:{self.port}"

    # what tests may do

    def create_database(self, name: str) -> Database:
        """As root would."""
        database = Database(name, self.version, vector_index=self.vector_index)
        database.view_commit_s = self.view_commit_s
        self.databases[name] = database
        return database

    def create_user(self, name: str, password: str, **rights: str) -> User:
        """A user with rights by database: `create_user("reader", "pw", logs="ro")`."""
        self.users[name] = User(name, password, databases=dict(rights))
        return self.users[name]

    def force_status(self, status: int, count: int = 1, number: int | None = None, message: str = "forced") -> None:
        """Answer the next requests so, without doing anything."""
        with self._lock:
            self._forced += [(status, number if number is not None else status, message)] * count

    def commit_views(self) -> None:
        """Let SEARCH see all that is written."""
        with self._lock:
            for database in self.databases.values():
                for view in database.views.values():
                    view.commit()

    def expire(self, now_s: float | None = None) -> int:
        """One round of the TTL indexes' background thread; how many documents it removed."""
        now, removed = time.time() if now_s is None else now_s, 0
        with self._lock:
            for database in self.databases.values():
                for collection in database.collections.values():
                    for index in collection.indexes:
                        if index.definition["type"] == "ttl":
                            removed += _expire(collection, index.definition, now)
        return removed

    # answering

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Response:
        """The answer to a request; nothing else happens meanwhile."""
        if self.latency_s:
            time.sleep(self.latency_s)
        kind = headers.get("x-arango-async")
        with self._lock:
            answer = self._answered(method, target, headers, body)
            if kind is None or answer.status == 401:
                return answer
            if kind not in ("true", "store"):
                return Response(501, Unsupported(f"x-arango-async: {kind}").body())
            number = tick()
            if kind == "store":
                self.jobs[number] = answer
            return Response(202, None, {"x-arango-async-id": number} if kind == "store" else {})

    def _answered(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Response:
        try:
            if self._forced:
                status, number, message = self._forced.pop(0)
                raise ArangoError(number, message, status=status)
            return self._dispatch(method, target, headers, body)
        except ArangoError as error:
            return Response(error.status, error.body())
        except Unsupported as refusal:
            return Response(501, refusal.body())

    def _dispatch(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Response:
        if unknown := set(headers) - HEADERS:
            raise Unsupported(f"request headers {', '.join(sorted(unknown))}")
        parts = urlsplit(target)
        path, name = _split_database(parts.path)
        route, arguments = find_route(method, path)
        params = dict(parse_qsl(parts.query, keep_blank_values=True))
        if unknown := set(params) - route.params:
            raise Unsupported(f"query parameters {', '.join(sorted(unknown))} of {method} {path}")
        user = None if route.open else self._authenticate(headers.get("authorization", ""))
        database = self.databases.get(name)
        if database is None:
            raise ArangoError(1228, "database not found")
        request = Request(self, method, path, path.split("/"), params, headers, body, database, user)
        if "collection" in route.params and "collection" not in params:
            raise ArangoError(1208, "illegal name")
        parts_of_path = [unquote(argument) for argument in arguments]
        transaction = self._transaction(headers, database, path)
        if transaction is None:
            return route.handler(request, *parts_of_path)
        transaction.enter()
        try:
            return route.handler(request, *parts_of_path)
        finally:
            transaction.leave()

    def _transaction(self, headers: dict[str, str], database: Database, path: str) -> Transaction | None:
        """The one that a request says it is in."""
        number = headers.get(HEADER)
        if number is None:
            check_beside(self.transactions, path)
            return None
        found = self.transactions.get(number)
        if found is None or found.database is not database or not path.startswith(INSIDE):
            raise Unsupported("a transaction that is not known, or a request that is not made in one")
        return found

    def _authenticate(self, header: str) -> User:
        kind, _, text = header.partition(" ")
        if kind.lower() == "bearer":
            raise Unsupported("bearer tokens")
        try:
            name, _, password = base64.b64decode(text).decode().partition(":")
        except ValueError:
            name, password = "", ""
        user = self.users.get(name)
        if kind.lower() != "basic" or user is None or not user.active or user.password != password:
            raise ArangoError(401, "not authorized to execute this request", status=401)
        return user


def _split_database(path: str) -> tuple[str, str]:
    path = path.rstrip("/") or "/"
    if path.startswith("/_db/"):
        _, _, name, rest = path.split("/", 3) if path.count("/") > 2 else (*path.split("/"), "")
        return f"/{rest}", unquote(name)
    return path, "_system"


def _expire(collection: Any, definition: dict[str, Any], now: float) -> int:
    path, limit = definition["fields"][0].split("."), now - definition["expireAfter"]
    gone = []
    for document in collection.documents.values():
        value = attribute_path(document, path)
        if isinstance(value, str):
            milliseconds = parse_date(value)
            value = None if milliseconds is None else milliseconds / 1000
        if rank(value) == 2 and value <= limit:
            gone.append(document["_key"])
    for key in gone:
        collection.remove(key, None, WriteOptions())
    return len(gone)


class _HTTPServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = True
    request_queue_size = 128
    arango: ArangoServer

    def __init__(self, *arguments: Any) -> None:
        self._open: set[Any] = set()
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        """End the threads that wait for a next request on a kept connection."""
        for request in list(self._open):
            try:
                request.shutdown(2)
            except OSError:
                self._open.discard(request)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _HTTPServer
    disable_nagle_algorithm = True
    wbufsize = -1

    def _handle(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        if "transfer-encoding" in headers:
            self.close_connection = True
            self._send(Response(501, Unsupported("chunked request bodies").body()), 0)
            return
        length = int(headers.get("content-length", "0"))
        body = self.rfile.read(length)
        try:
            answer = self.server.arango.answer(self.command, self.path, headers, body)
        except Exception as error:  # noqa: BLE001 - a fault of this server must reach the test as an answer
            answer = Response(501, Unsupported(f"(a fault of the test server) {error!r}").body())
            self.server.arango.requests.append(Logged("FAULT", repr(error), 0, 0, 501))
        self._send(answer, length)

    def _send(self, answer: Response, length: int) -> None:
        body = b"" if answer.body is None else to_json(answer.body).encode()
        logged = Logged(self.command, self.path, length, len(body), answer.status)
        self.server.arango.requests.append(logged)
        self.send_response_only(answer.status)
        self.send_header("Server", "ArangoDB")
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close" if self.close_connection else "Keep-Alive")
        self.send_header("x-arango-queue-time-seconds", "0.000000")
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _handle  # noqa: N815
