"""Choice of the store: what the settings say where events go, and the password for it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from logagent.errors import ConfigError
from logagent.settings.addresses import ArangoAddress, SqliteAddress, parse_server_url, parse_store_url
from logagent.settings.model import Settings
from logagent.settings.secret import Secret

CREDENTIAL: Final = "arango_password"
"""The systemd credential (`LoadCredential=arango_password:/path`)."""


def resolve_store(settings: Settings) -> SqliteAddress | ArangoAddress:
    """The store that counts: `store`, else ArangoDB if `arango_url` is given, else `<state_dir>/logs.db`.

    An ArangoDB address comes back with user and database filled in.
    """
    if settings.store:
        chosen = parse_store_url(settings.store)
    elif settings.is_given("arango_url"):
        chosen = parse_server_url(settings.arango_url)
    else:
        chosen = SqliteAddress(os.path.join(os.path.abspath(settings.state_dir), "logs.db"))
    if isinstance(chosen, SqliteAddress):
        return chosen
    return chosen._replace(
        username=chosen.username or settings.arango_username,
        database=chosen.database or settings.arango_database,
    )


def resolve_store_url(settings: Settings) -> str:
    """The same as one URL, which never holds a password."""
    return resolve_store(settings).url


def arango_password(settings: Settings, environ: Mapping[str, str] | None = None) -> Secret | None:
    """The password: from the environment, else from the file, else the systemd credential; None if there is none.

    Read only when ArangoDB is chosen: a reader of a SQLite store need not be allowed to see it.

    Raises:
        ConfigError: the file cannot be read, or is empty.
    """
    if settings.arango_password is not None:
        return settings.arango_password
    if settings.arango_password_file:
        return read_password(settings.arango_password_file, settings.origin_of("arango_password_file"))
    directory = (os.environ if environ is None else environ).get("CREDENTIALS_DIRECTORY")
    path = os.path.join(directory, CREDENTIAL) if directory else None
    return read_password(path, "environment CREDENTIALS_DIRECTORY") if path and os.path.exists(path) else None


def read_password(path: str, origin: str) -> Secret:
    """What a file holds, less the end of its line.

    Raises:
        ConfigError: it cannot be read, or is empty.
    """
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read(64 * 1024).rstrip("\r\n")
    except OSError as error:
        raise ConfigError(f"cannot read the password file {path} ({origin}): {error.strerror}") from error
    except UnicodeDecodeError:
        raise ConfigError(f"the password file {path} ({origin}) is not UTF-8 text") from None
    if not text:
        raise ConfigError(f"the password file {path} ({origin}) is empty")
    return Secret(text)
