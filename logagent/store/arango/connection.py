"""One request to ArangoDB and its answer: hosts in turn, a deadline for each, errors as ours.

Everything goes through the driver's raw request, which passes bytes untouched. The driver's own re-sends are off
(it would send again at once, without a pause): what is worth trying again is decided here.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeAlias, TypeVar

import aiohttp
import msgspec
from aiohttp.abc import AbstractStreamWriter
from arangoasync.auth import Auth
from arangoasync.client import ArangoClient
from arangoasync.connection import Connection as DriverConnection
from arangoasync.exceptions import ArangoClientError, ClientConnectionError
from arangoasync.http import AioHTTPClient
from arangoasync.request import Method, Request
from arangoasync.resolver import DefaultHostResolver
from arangoasync.response import Response

from logagent.errors import ConfigError, LogagentError, QueryTimeout, StoreAuthError, StoreUnavailable
from logagent.store.arango.access import Access
from logagent.store.arango.errors import Reaction, ServerError, translation
from logagent.store.arango.loop import OwnLoop
from logagent.store.arango.queries import query_text

_T = TypeVar("_T")
CONNECT_S: Final = 5.0
_CONNECTIONS: Final = 8
_CONFLICTS: Final = 8
"""So often a write that met another one is sent again at once; conflicts are over in milliseconds."""
_UNAUTHORIZED: Final = 401
_MADE: Final = (201, 202)
_MOST_ROWS: Final = 1_000_000
"""Rows of one answer. Nearly all our queries have a limit far below it; what is not answered whole is no answer."""
_FAILED: Final = (ArangoClientError, aiohttp.ClientError, TimeoutError, OSError)


class _Refusal(msgspec.Struct):
    errorNum: int = 0  # noqa: N815 - the server's own name
    errorMessage: str = ""  # noqa: N815


_REFUSAL = msgspec.json.Decoder(_Refusal)


ReadyBytes: TypeAlias = bytes | bytearray
"""A request's body; a large one is an array that grew and is sent as it is."""


class _Answer(msgspec.Struct):
    result: msgspec.Raw
    hasMore: bool = False  # noqa: N815


class _Body(aiohttp.Payload):
    """A request's bytes, copied by nobody: aiohttp would warn of so many, and read a stream 64 KiB at a time."""

    _PIECE: Final = 1 << 20

    def __init__(self, data: ReadyBytes) -> None:
        super().__init__(data, content_type="application/json")
        self._size = len(data)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """The body as text; nobody asks."""
        return bytes(self._value).decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Write all of it; a piece at a time, so that no server is sent more than it takes."""
        rest = memoryview(self._value)
        while rest:
            await writer.write(rest[: self._PIECE])
            rest = rest[self._PIECE :]


class _Http(AioHTTPClient):
    """The driver's client, less its way of logging in, which aiohttp is about to drop: the header is made once.

    Raises:
        ConfigError: there is no password now, or no certificates.
    """

    def __init__(self, access: Access) -> None:
        timeout = aiohttp.ClientTimeout(total=access.timeout_s, connect=CONNECT_S, sock_connect=CONNECT_S)
        connector = aiohttp.TCPConnector(limit=_CONNECTIONS, keepalive_timeout=60)
        super().__init__(connector, timeout, ssl_context=access.ssl_context())
        login = f"{access.username}:{access.password().reveal()}".encode()
        self._authorization = "Basic " + b64encode(login).decode()

    async def send_request(self, session: aiohttp.ClientSession, request: Request) -> Response:
        """Send a request of somebody who has logged in. What fails says why, which the driver would drop."""
        request.auth = None
        request.headers["authorization"] = self._authorization
        try:
            return await super().send_request(session, request)
        except ClientConnectionError as error:
            raise error.__cause__ or error from None


class Connection:
    """A database on one server or on the coordinators of a cluster. Any thread may call it.

    Args:
        too_long: what a query is that ran into its deadline, or whose answer is too long.
    """

    def __init__(
        self, access: Access, database: str | None = None, *, too_long: type[LogagentError] = QueryTimeout
    ) -> None:
        self.access = access
        self._too_long = too_long
        self._database = database or access.database
        self._loop = OwnLoop()
        self._client: ArangoClient | None = None
        self._driver: DriverConnection | None = None
        self._host = 0

    @property
    def url(self) -> str:
        """Where it leads, without secrets."""
        return self.access.url

    def call(
        self,
        method: Method,
        path: str,
        body: object = None,
        params: Mapping[str, str | int | bool] | None = None,
        *,
        allowed: tuple[int, ...] = (),
    ) -> Any:
        """The decoded answer to one request. A status in `allowed` is an answer, not an error.

        Raises:
            StoreError: as `translation` has it.
        """
        data = None if body is None else msgspec.json.encode(body)
        return self.read(self.send(method, path, data, params, allowed=allowed) or b"null", Any)

    def send(
        self,
        method: Method,
        path: str,
        data: ReadyBytes | None = None,
        params: Mapping[str, str | int | bool] | None = None,
        *,
        allowed: tuple[int, ...] = (),
        is_write: bool = False,
    ) -> bytes:
        """The same with ready bytes in and bytes out. ArangoDB says of a write that it was made, by its status.

        A page of some proxy before it says 200 to anything, and may be as empty as the answer that all is stored.
        """
        return self._translated(lambda: self._sent(method, path, data, params, allowed, is_write=is_write))

    def raw(self, method: Method, path: str, data: bytes, within_s: float) -> bytes:
        """The same, but the server's refusal is left to the caller to translate; and it has so long and no longer.

        Raises:
            ServerError: the server refuses.
            TimeoutError: there is no answer in time.
        """

        async def in_time() -> bytes:
            async with asyncio.timeout(within_s):
                return await self._without_conflict(lambda: self._sent(method, path, data, None, ()))

        return self._loop.run(in_time())

    def rows(self, name: str, kind: type[_T], /, **bound: Any) -> list[_T]:
        """The rows of the query in the file `name`, as `kind`."""
        return self.decoded(name, list[kind], bound)  # type: ignore[valid-type, no-any-return]

    def value(self, name: str, kind: type[_T], /, **bound: Any) -> _T:
        """The only row of the query in the file `name`, as `kind`."""
        found: list[_T] = self.decoded(name, list[kind], bound)  # type: ignore[valid-type]
        if not found:
            raise StoreUnavailable(f"{self.url} answers {name} without a row")
        return found[0]

    def execute(self, name: str, /, **bound: Any) -> None:
        """Run a query for what it changes."""
        self.rows(name, msgspec.Raw, **bound)

    def decoded(self, name: str, kind: Any, bound: Mapping[str, Any]) -> Any:
        """The rows of the query in the file `name`, decoded at once."""
        options = {"maxRuntime": self.access.timeout_s}
        body = {"query": query_text(name), "bindVars": bound, "batchSize": _MOST_ROWS, "options": options}
        sent = self.send(Method.POST, "/_api/cursor", msgspec.json.encode(body), is_write=True)
        answer: _Answer = self.read(sent, _Answer)
        if answer.hasMore:
            raise self._too_long(f"{self.url}: `{name}` has more than {_MOST_ROWS:,} rows: narrow what is asked")
        return self.read(answer.result, kind)

    def read(self, answer: bytes | msgspec.Raw, kind: Any) -> Any:
        """An answer decoded; one that is not JSON, or not of that kind, comes from no server that we know.

        Raises:
            StoreUnavailable: it is not of that kind.
        """
        try:
            return msgspec.json.decode(answer, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise StoreUnavailable(f"{self.url} answers what is no answer of ArangoDB: {error}") from error

    def interrupt(self) -> None:
        """Give up what is under way; it ends in `QueryTimeout`."""
        self._loop.interrupt()

    def close(self) -> None:
        """Close the sockets and end the loop; safe to call twice."""
        if self._client is not None:
            self._loop.run(self._close_client())
        self._loop.close()

    # ---- errors and conflicts --------------------------------------------------------------------------------

    def _translated(self, request: Callable[[], Awaitable[bytes]]) -> bytes:
        try:
            return self._loop.run(self._without_conflict(request))
        except ServerError as error:
            if error.reaction is Reaction.TOO_LONG:
                raise self._too_long(f"{self.url}: {error.text}") from error
            raise translation(error, self.url) from error

    async def _without_conflict(self, request: Callable[[], Awaitable[bytes]]) -> bytes:
        for attempt in range(_CONFLICTS):
            try:
                return await request()
            except ServerError as error:
                if error.reaction is not Reaction.CONFLICT:
                    raise
                await asyncio.sleep(0.002 * 2**attempt)
        return await request()

    # ---- hosts ----------------------------------------------------------------------------------------------

    async def _sent(
        self,
        method: Method,
        path: str,
        data: ReadyBytes | None,
        params: Mapping[str, Any] | None,
        allowed: tuple[int, ...],
        *,
        is_write: bool = False,
    ) -> bytes:
        response = await self._response(method, path, data, params)
        if response.status_code == _UNAUTHORIZED:
            await self._close_client()  # the next one logs in with the password that there is then
        if response.status_code in (_MADE if is_write else allowed) or (response.is_success and not is_write):
            return response.raw_body
        if response.is_success:
            raise StoreUnavailable(f"{self.url} answers what is no answer of ArangoDB: HTTP {response.status_code}")
        raise _server_error(response)

    async def _response(
        self, method: Method, path: str, data: ReadyBytes | None, params: Mapping[str, Any] | None
    ) -> Response:
        """The first answer that a host gives; each is tried once. Sending again is harmless: writes are idempotent."""
        trouble: BaseException | None = None
        for _ in self.access.servers:
            try:
                driver = await self._connected()
                body = None if data is None else _Body(data)
                request = Request(method, path, params=dict(params or {}), data=body)
                async with asyncio.timeout(self.access.timeout_s + CONNECT_S):
                    response = await driver.send_request(request)
            except _FAILED as error:
                trouble = error
                await self._next_host()
                continue
            if response.status_code != 503 or len(self.access.servers) == 1:
                return response
            trouble = _server_error(response)
            await self._next_host()
        if isinstance(trouble, ServerError):
            raise trouble
        raise StoreUnavailable(f"{self.url} does not answer: {_described(trouble)}") from trouble

    async def _connected(self) -> DriverConnection:
        if self._driver is None:
            self._client = ArangoClient(
                hosts=self.access.servers[self._host],
                host_resolver=DefaultHostResolver(host_count=1, max_tries=1),
                http_client=self._http(),
                compression=None,
            )
            auth = Auth(username=self.access.username)  # the password goes into `_Http` alone
            self._driver = (await self._client.db(self._database, auth=auth)).connection
        return self._driver

    def _http(self) -> _Http:
        try:
            return _Http(self.access)
        except ConfigError as error:  # it was in order at the start, and may be so again
            raise StoreAuthError(f"{self.url}: {error}") from error

    async def _next_host(self) -> None:
        """Leave this host; its connections may be half-dead, so they are not kept."""
        self._host = (self._host + 1) % len(self.access.servers)
        await self._close_client()

    async def _close_client(self) -> None:
        client, self._client, self._driver = self._client, None, None
        if client is not None:
            await client.close()


def _described(error: BaseException | None) -> str:
    """What went wrong, in a line; a time-out's own text is empty, and that of no connection shows an object of ours."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    is_about_certificate = isinstance(error, aiohttp.ClientConnectorCertificateError)
    if isinstance(error, aiohttp.ClientConnectorError) and not is_about_certificate:
        return f"cannot connect to {error.host}:{error.port}: {error.strerror or error.os_error}"
    return f"{error}" or type(error).__name__


def _server_error(response: Response) -> ServerError:
    try:
        said = _REFUSAL.decode(response.raw_body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        said = _Refusal(errorMessage=response.status_text)
    return ServerError(said.errorNum, response.status_code, said.errorMessage)
