"""Addresses: where a store is, as a URL and taken apart. Pure: no I/O, no clock.

`sqlite:///path` (the path is absolute) and `arangodb://[user@]host[:port][,host[:port]]...[/database]`, with TLS
`arangodb+https://...`. No URL holds a password, so that every one may be shown.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

ARANGO_PORT: Final = 8529
WEB_PORTS: Final = {"http": 80, "https": 443}

NO_PASSWORD_HERE: Final = (
    "a URL is shown and logged: leave the password out and use ARANGO_PASSWORD or ARANGO_PASSWORD_FILE"
)

_HOST_PORT: Final = r"(\[[0-9A-Fa-f:.]+\]|[^:/@?#\[\]\s]+)(?::([0-9]{1,5}))?"
_THIS_MACHINE: Final = ("localhost", "127.0.0.1", "[::1]")
_HOSTS: Final = r"([^@/?#\s]+)"
_ARANGO: Final = r"arangodb(\+https?)?://(?:([^@/:?#\s]+)@)?" + _HOSTS + r"(?:/([A-Za-z][A-Za-z0-9_-]{0,63}))?/?"
_SERVER: Final = r"(?:(https?)://)?" + _HOSTS + "/?"


class SqliteAddress(NamedTuple):
    """An embedded store: the absolute path of its file."""

    path: str

    @property
    def url(self) -> str:
        """The address in one word, as everywhere shown."""
        return "sqlite://" + self.path


class ArangoAddress(NamedTuple):
    """An ArangoDB server and the database in it; None is what the URL leaves to other settings.

    `others` are further coordinators of the same cluster, to be tried in turn.
    """

    host: str
    port: int
    is_secure: bool = False
    username: str | None = None
    database: str | None = None
    others: tuple[tuple[str, int], ...] = ()

    @property
    def server(self) -> str:
        """The servers in one word, as ARANGO_URL takes them: `http://host:port`, further ones after a comma."""
        return f"http{'s' if self.is_secure else ''}://{self._hosts}"

    @property
    def servers(self) -> tuple[str, ...]:
        """Each server by itself, for a client: `http://host:port`."""
        scheme = "https" if self.is_secure else "http"
        return tuple(f"{scheme}://{host}:{port}" for host, port in ((self.host, self.port), *self.others))

    @property
    def places(self) -> frozenset[tuple[str, int]]:
        """Host and port of each server; this machine has one name."""
        hosts = ((self.host, self.port), *self.others)
        return frozenset(("localhost" if host in _THIS_MACHINE else host, port) for host, port in hosts)

    @property
    def _hosts(self) -> str:
        return ",".join(f"{host}:{port}" for host, port in ((self.host, self.port), *self.others))

    @property
    def url(self) -> str:
        """The address in one word, as everywhere shown."""
        user = f"{self.username}@" if self.username else ""
        scheme = "arangodb+https" if self.is_secure else "arangodb"
        return f"{scheme}://{user}{self._hosts}" + (f"/{self.database}" if self.database else "")


def parse_store_url(text: str) -> SqliteAddress | ArangoAddress:
    """The address that a store's URL names.

    Raises:
        ValueError: it is none; the error's text, where there is one, is advice.

    >>> parse_store_url("arangodb://ann@db.example/logs").url
    'arangodb://ann@db.example:8529/logs'
    """
    if text.startswith("sqlite://"):
        return SqliteAddress(_sqlite_path(text.removeprefix("sqlite://")))
    found = re.fullmatch(_ARANGO, text)
    if not found:
        raise ValueError(NO_PASSWORD_HERE if has_password(text) else "")
    scheme, username, hosts, database = found.groups()
    (host, port), *others = _host_list(hosts, text, ARANGO_PORT)
    return ArangoAddress(host, port, scheme == "+https", username, database, tuple(others))


def is_same_store(one: str, other: str) -> bool:
    """Whether two URLs lead to one store, whoever logs in there and whichever of a cluster's hosts they name.

    >>> is_same_store("arangodb://shipper@localhost/logs", "arangodb://asker@127.0.0.1:8529/logs")
    True
    """
    try:
        here, there = parse_store_url(one), parse_store_url(other)
    except ValueError:
        return one == other
    if isinstance(here, SqliteAddress) or isinstance(there, SqliteAddress):
        return here == there
    return here.database == there.database and not here.places.isdisjoint(there.places)


def _sqlite_path(path: str) -> str:
    if not path.startswith("/") or not path.strip("/"):
        raise ValueError("the path is absolute and follows two slashes: sqlite:///var/lib/logagent/logs.db")
    return "/" + path.lstrip("/")


def parse_server_url(text: str) -> ArangoAddress:
    """The server that ARANGO_URL (`http://host:port`) or ARANGO_HOST (also `host` or `host:port`) names.

    Raises:
        ValueError: it is none; the error's text, where there is one, is advice.
    """
    found = re.fullmatch(_SERVER, text)
    if not found:
        raise ValueError(NO_PASSWORD_HERE if has_password(text) else "")
    scheme, hosts = found.groups()
    (host, port), *others = _host_list(hosts, text, WEB_PORTS.get(scheme, ARANGO_PORT))
    return ArangoAddress(host, port, scheme == "https", others=tuple(others))


def _host_list(hosts: str, text: str, usual: int) -> list[tuple[str, int]]:
    found = [re.fullmatch(_HOST_PORT, part) for part in hosts.split(",")]
    if not all(found):
        raise ValueError(NO_PASSWORD_HERE if has_password(text) else "")
    return [(each[1], _port(each[2], usual)) for each in found if each]


def _port(digits: str | None, usual: int) -> int:
    port = usual if digits is None else int(digits)
    if not 0 < port < 65_536:
        raise ValueError("a port is a number from 1 to 65535")
    return port


def has_password(text: str) -> bool:
    """True if what stands before the host's `@` looks like a name and a password."""
    return ":" in _login(text)


def without_secret(text: str) -> str:
    """The text with what stands before the host's `@` masked where that could hold a password."""
    return text.replace(_login(text), "***") if has_password(text) else text


def _login(text: str) -> str:
    _, found, rest = text.partition("://")
    return (rest if found else text).rpartition("@")[0]
