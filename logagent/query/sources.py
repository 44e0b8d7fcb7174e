"""Sources: where a question's answer comes from, a store or a bare log file, opened for reading."""

from __future__ import annotations

import os
from typing import Any, Final

import msgspec

from logagent.errors import NotFound, StoreAbsent
from logagent.formats.status import STATUS_FILE, Status
from logagent.query.freshness import LOG_FILE, daemon_document, read_status
from logagent.settings import is_same_store, load_settings, parse_store_url, resolve_store_url
from logagent.settings.addresses import SqliteAddress
from logagent.store import open_reader
from logagent.store.protocol import Reader

_SQLITE_HEAD: Final = b"SQLite format 3\0"


class Place(msgspec.Struct, frozen=True):
    """Where to read: the store's URL or a file's path, and the daemon's state directory."""

    url: str
    state_dir: str

    @property
    def is_store(self) -> bool:
        """False for a bare log file, which no daemon fills."""
        return "://" in self.url


def find_place(store: str | None, state_dir: str | None) -> Place:
    """Where flags and settings say that the store is; a bare file's path stays one.

    Raises:
        ConfigError: a setting cannot be used.
    """
    is_url = store is not None and "://" in store
    settings = load_settings(flags={"store": store if is_url else None, "state_dir": state_dir})
    url = store if store and not is_url else resolve_store_url(settings)
    return Place(url, settings.state_dir)


def open_source(url: str) -> Reader:
    """A reader over the store, or over the log file, that `url` names.

    Raises: as `open_with_notes`.
    """
    return open_with_notes(url)[0]


def open_with_notes(url: str) -> tuple[Reader, list[str]]:
    """The reader, and sentences on what of a log file it leaves out.

    Raises:
        StoreAbsent: there is none there.
        NotFound: no such file.
        StoreUnavailable, StoreTooNew: it cannot be read (by this program).
    """
    if "://" in url:
        return _open_store(url), []
    if not os.path.isfile(url):
        raise NotFound(f"no file {url!r}; a store is named by a URL, as in sqlite:///logs.db")
    with open(url, "rb") as file:
        is_sqlite = file.read(len(_SQLITE_HEAD)) == _SQLITE_HEAD
    if is_sqlite:
        return _open_store(SqliteAddress(os.path.abspath(url)).url), []
    from logagent.query.bare_files import read_log_file

    return read_log_file(url)


def status_of(place: Place, *, is_named: bool = True) -> Status | None:
    """The status of the daemon that fills the store, if it reports in the state directory or beside the store.

    None for a log file.

    Args:
        is_named: whoever asks named the store, so that a daemon of another one does not count.
    """
    if not place.is_store:
        return None
    beside = os.path.dirname(place.url.removeprefix("sqlite://"))
    for directory in (place.state_dir, beside):
        found = read_status(os.path.join(directory, STATUS_FILE))
        if found is not None and (not is_named or is_same_store(found.store.url, place.url)):
            return found
    return None


def daemon_of(place: Place, status: Status | None, now_us: int) -> dict[str, Any]:
    """What an answer from there says of the daemon, whose status that is."""
    return daemon_document(status, now_us) if place.is_store else dict(LOG_FILE)


def _open_store(url: str) -> Reader:
    address = parse_store_url(url)
    if isinstance(address, SqliteAddress) and not os.path.exists(address.path):
        said = f"no store at {address.path}: nothing was ever stored there; start the daemon, or name a store"
        raise StoreAbsent(said, hint="logagent run --watch logs")
    return open_reader(url)
