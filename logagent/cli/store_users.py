"""Users of ArangoDB that `logagent init` makes: one that may write, one that may only read."""

from __future__ import annotations

import os
import secrets

from logagent.errors import ConfigError
from logagent.settings import ArangoAddress, Secret, Settings, read_password, resolve_store


def make_store_users(settings: Settings, *, writer: str | None, reader: str | None) -> list[tuple[str, str]]:
    """Make them, each given as NAME=FILE; their names with the files that hold their passwords.

    Raises:
        ConfigError: the store has no users, or a file cannot be used.
        StoreAuthError: who logs in may not make users, or one is there already with another password.
    """
    address = resolve_store(settings)
    if not isinstance(address, ArangoAddress):
        raise ConfigError(f"{address.url} has no users: --writer and --reader are for ArangoDB")
    from logagent.store.arango.access import access_of
    from logagent.store.arango.setup import UserSpec, make_users, users_there

    access = access_of(address.url, settings)
    wanted = [(given, right) for given, right in ((writer, "rw"), (reader, "ro")) if given]
    named = [(*_name_and_file(given), right) for given, right in wanted]
    there = users_there(access)
    for name, path, _ in named:
        if name in there and not os.path.exists(path):
            raise ConfigError(f"user {name} is there already, but not {path}: give the file that holds its password")
    make_users(access, [UserSpec(name, _password(path), right) for name, path, right in named])
    return [(name, path) for name, path, _ in named]


def _name_and_file(given: str) -> tuple[str, str]:
    name, separator, path = given.partition("=")
    if not (name and separator and path):
        raise ConfigError(f"{given!r} is not NAME=FILE")
    return name, path


def _password(path: str) -> Secret:
    """What the file holds; a new one gets a password that nobody can guess, for its owner alone."""
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return read_password(path, "given to init")
    except OSError as error:
        raise ConfigError(f"cannot make the password file {path}: {error.strerror}") from error
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        made = secrets.token_urlsafe(24)
        file.write(made + "\n")
    return Secret(made)
