"""The one door to a database: what records go in, what questions come out.

In: batches of records from the daemon. Out: receipts for the daemon; records, runs and counts for questions.
On a crash: what a receipt covered is there, each record once; what had no receipt may be there or not, and
appending it again is harmless, since a record's key decides what is a duplicate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

from logagent.errors import ConfigError

if TYPE_CHECKING:
    from logagent.settings import Settings
    from logagent.store.protocol import Reader, Store

__all__ = ["open_reader", "open_store"]

_ARANGO = ("arangodb", "arangodb+http", "arangodb+https")
_FORMS = "write sqlite:///absolute/path/logs.db or arangodb://[user@]host[:port]/database"


def open_store(url: str, settings: Settings | None = None) -> Store:
    """The store at `url`, to write; nothing is opened before its `prepare()`.

    ArangoDB takes its password, time-outs and certificates from `settings`, by default those of the environment.

    Raises:
        ConfigError: the URL names no store that this version knows.
    """
    backend, path = _parts(url)
    if backend == "sqlite":
        from logagent.store.sqlite.writer import SqliteStore

        return SqliteStore(path)
    if backend in _ARANGO:
        _need_driver()
        from logagent.store.arango.access import access_of
        from logagent.store.arango.writer import ArangoStore

        return ArangoStore(access_of(url, settings or _settings()))
    raise _unknown(backend)


def open_reader(url: str, settings: Settings | None = None) -> Reader:
    """The store at `url`, to ask; `settings` as for `open_store`.

    Raises:
        ConfigError: the URL names no store that this version knows.
        StoreAbsent: there is no store yet.
        StoreUnavailable: it cannot be opened.
    """
    backend, path = _parts(url)
    if backend == "sqlite":
        from logagent.store.sqlite.reader import SqliteReader

        return SqliteReader(path)
    if backend in _ARANGO:
        _need_driver()
        from logagent.store.arango.access import access_of
        from logagent.store.arango.reader import ArangoReader

        return ArangoReader(access_of(url, settings or _settings()))
    raise _unknown(backend)


def _parts(url: str) -> tuple[str, str]:
    backend, separator, path = url.partition("://")
    if not separator:
        raise ConfigError(f"a store is named by a URL: {_FORMS}")
    path = unquote(path, errors="surrogateescape")
    if backend == "sqlite" and not path.strip("/"):
        raise ConfigError(f"store {url!r} names no file: write sqlite:///absolute/path/logs.db")
    return backend, path


def _need_driver() -> None:
    try:
        import arangoasync  # noqa: F401 - only to see whether it is there
    except ImportError as error:
        raise ConfigError("a store in ArangoDB needs its driver: pip install 'logagent[arango]'") from error


def _settings() -> Settings:
    from logagent.settings import load_settings

    return load_settings()


def _unknown(backend: str) -> ConfigError:
    return ConfigError(f"store scheme {backend!r} is unknown: {_FORMS}")
