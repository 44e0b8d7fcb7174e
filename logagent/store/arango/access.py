"""Access: where the servers are, as whom to log in, and how long to wait for an answer."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import NamedTuple

from logagent.errors import ConfigError
from logagent.settings import ArangoAddress, Settings, arango_password, parse_store_url
from logagent.settings.addresses import without_secret
from logagent.settings.secret import Secret


class Access(NamedTuple):
    """All that a connection needs. Its repr shows no password.

    `password` is asked at each log-in: its file may hold another one by then. It raises `ConfigError` where that
    cannot be read.
    """

    servers: tuple[str, ...]
    database: str
    username: str
    password: Callable[[], Secret]
    url: str
    timeout_s: float = 30.0
    ca_file: str | None = None
    replication_factor: int = 0
    write_concern: int = 0

    def ssl_context(self) -> ssl.SSLContext | bool:
        """What a server's certificate is checked against; True: what the machine trusts.

        Raises:
            ConfigError: the file of certificates cannot be used.
        """
        if self.ca_file is None:
            return True
        try:
            return ssl.create_default_context(cafile=self.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"cannot use the certificates in {self.ca_file} (arango_ca_file): {error}") from error


def access_of(url: str, settings: Settings) -> Access:
    """Access to the store at `url`; what the URL leaves open comes from the settings.

    Raises:
        ConfigError: the URL is none of ArangoDB, there is no password, or the certificates cannot be used.
    """
    try:
        address = parse_store_url(url)
    except ValueError as error:
        advice = str(error) or "write arangodb://[user@]host[:port]/database"
        raise ConfigError(f"store {without_secret(url)!r} is no URL of ArangoDB: {advice}") from error
    if not isinstance(address, ArangoAddress):
        raise ConfigError(f"store {url!r} is not in ArangoDB")
    url = address.url

    def password() -> Secret:
        found = arango_password(settings)
        if found is None:
            raise ConfigError(f"no password for {url}: set ARANGO_PASSWORD or ARANGO_PASSWORD_FILE")
        return found

    password()
    access = Access(
        servers=address.servers,
        database=address.database or settings.arango_database,
        username=address.username or settings.arango_username,
        password=password,
        url=address.url,
        timeout_s=settings.arango_timeout_s,
        ca_file=settings.arango_ca_file,
        replication_factor=settings.arango_replication_factor,
        write_concern=settings.arango_write_concern,
    )
    access.ssl_context()
    return access
