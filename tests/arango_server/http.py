"""One HTTP request and its answer: parameters, headers and bodies, each of them known or refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import orjson

from .errors import ArangoError, Unsupported
from .storage import Collection, Database, User

if TYPE_CHECKING:
    from .server import ArangoServer

HEADERS: Final = frozenset(
    [
        "host",
        "user-agent",
        "accept",
        "accept-encoding",
        "content-type",
        "content-length",
        "connection",
        "authorization",
        "charset",
        "x-arango-driver",
        "x-arango-queue-time-seconds",
        "x-arango-async",
        "x-arango-trx-id",
        "if-match",
        "if-none-match",
        "cache-control",
        "pragma",
    ]
)


@dataclass
class Request:
    """A request whose database and user are found already."""

    server: ArangoServer
    method: str
    path: str
    parts: list[str]
    params: dict[str, str]
    headers: dict[str, str]
    body: bytes
    database: Database
    user: User | None

    def json(self) -> Any:
        """The body; an empty one is refused like any other bad one.

        Raises:
            ArangoError: 600.
            Unsupported: it is bad in another way than the recorded one.
        """
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            if not re.search("quotes|key", str(error)):
                raise Unsupported("the text about a body that is no JSON") from None
            raise ArangoError(600, "VPackError error: Expecting '\"' or '}'") from None

    def object(self, *known: str) -> dict[str, Any]:
        """The body as an object with none but known attributes."""
        body = self.json()
        if not isinstance(body, dict):
            raise ArangoError(400, "expecting JSON object body", status=400)
        if unknown := set(body) - set(known):
            raise Unsupported(f"attributes {', '.join(sorted(unknown))} in {self.method} {self.path}")
        return body

    def flag(self, name: str, default: bool = False) -> bool:
        """A boolean parameter."""
        value = self.params.get(name)
        if value is None:
            return default
        if value.lower() in ("true", "1", "yes", "on", "y"):
            return True
        if value.lower() in ("false", "0", "no", "off", "n"):
            return False
        raise Unsupported(f"parameter {name}={value}")

    def need(self, right: str, collection: str | None = None) -> None:
        """Raise unless the user may read (`ro`) or write (`rw`) here."""
        if self.user is None:
            return
        held = self.user.rights_in(self.database.name, collection)
        if held == "none" or (right == "rw" and held != "rw"):
            raise ArangoError(11, "forbidden")

    def need_admin(self) -> None:
        """Raise unless the user may administrate: write to _system."""
        if self.user is not None and self.user.rights_in("_system") != "rw":
            raise ArangoError(11, "forbidden")

    def collection(self, name: str, right: str = "ro") -> Collection:
        """A collection that the user may use so."""
        found = self.database.collection(name)
        self.need(right, found.name)
        return found


@dataclass
class Response:
    """Status, body and headers of an answer."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


Handler = Callable[..., Response]


@dataclass(frozen=True)
class Route:
    """An endpoint: which methods and paths, which parameters, and who answers."""

    method: str
    pattern: re.Pattern[str]
    params: frozenset[str]
    handler: Handler
    open: bool = False


ROUTES: Final[list[Route]] = []


def route(method: str, path: str, params: str = "", *, is_open: bool = False) -> Callable[[Handler], Handler]:
    """Register a handler; `{}` in the path is one part of it, given as an argument."""
    pattern = re.compile(re.escape(path).replace(r"\{\}", "([^/]+)"))

    def register(handler: Handler) -> Handler:
        ROUTES.append(Route(method, pattern, frozenset(params.split()), handler, is_open))
        return handler

    return register


def find_route(method: str, path: str) -> tuple[Route, tuple[str, ...]]:
    """The endpoint for a request, and the parts of its path.

    Raises:
        Unsupported: there is none.
    """
    for candidate in ROUTES:
        match = candidate.pattern.fullmatch(path)
        if match is not None and candidate.method == method:
            return candidate, match.groups()
    raise Unsupported(f"{method} {path}")


def ok(code: int = 200, /, **attributes: Any) -> Response:
    """An answer in ArangoDB's envelope."""
    return Response(code, {"error": False, "code": code, **attributes})
