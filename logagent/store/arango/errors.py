"""What an error number of ArangoDB asks us to do. Pure: no I/O, no clock.

The numbers and their classes are those of the server's documentation for 3.12: some go away by themselves, some
need a person, some concern one document, and the rest are mistakes of ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto
from typing import Final

from logagent.errors import RecordRejected, StoreAuthError, StoreCorrupt, StoreError, StoreUnavailable


class Reaction(Enum):
    """What to do about an error."""

    RETRY = auto()
    """It goes away: pause, send again."""
    CONFLICT = auto()
    """Somebody else wrote the same document just then: send again at once."""
    PERSON = auto()
    """It lasts until somebody does something; we keep trying, loudly."""
    LOG_IN = auto()
    """Credentials or rights."""
    DOCUMENT = auto()
    """A document is refused, or the request for one in it; the others are not."""
    ASKED_WRONGLY = auto()
    """The query or request itself is at fault."""
    TOO_LONG = auto()
    """The query was killed or ran into its deadline."""
    NOT_READY = auto()
    """Database, collection or view is not there (yet): set up again."""
    CORRUPT = auto()
    """The server's own files are damaged."""


_RETRY: Final = frozenset({18, 21, 28, 29, 30, 38, 503, 504, 1302, 1303, 1304, 1305, 1402, 1403, 1404, 1429, 1447}) | {
    *(1449, 1457, 1464, 1465, 1474, 1478, 1481, 1489, 1490, 1491, 1492, 1495, 1496, 1521, 1600, 1654, 1655),
    *(7009, 7010, 7011, 21003, 21004, 21005),
}
_PERSON: Final = frozenset({3, 32, 1004, 1104, 7004, *range(9001, 9009)})
_DOCUMENT: Final = frozenset({600, 1210, 1216, 1221, 1222, 1225, 1226, 1227, 1233, 1239, 1466, 1468, 1469, 1620})
_NOT_READY: Final = frozenset({1203, 1228})
_CORRUPT: Final = frozenset({1100})
_BY_NUMBER: Final = (
    (_RETRY, Reaction.RETRY),
    (_PERSON, Reaction.PERSON),
    (_DOCUMENT, Reaction.DOCUMENT),
    (_NOT_READY, Reaction.NOT_READY),
    (_CORRUPT, Reaction.CORRUPT),
)
_RETRIED_STATUS: Final = frozenset({408, 410, 412, 429, 500, 502, 503, 504})
_TOO_LARGE: Final = 413
"""Of a whole request, by the server or a proxy before it: halves may go through."""
FORBIDDEN: Final = 11
CONFLICT: Final = 1200
KILLED: Final = 1500
OUT_OF_MEMORY: Final = 32


def reaction_to(number: int, status: int) -> Reaction:
    """What to do about an answer with that error number (0: it had none) and that HTTP status.

    >>> reaction_to(1496, 503), reaction_to(1620, 400), reaction_to(0, 503)
    (<Reaction.RETRY: 1>, <Reaction.DOCUMENT: 5>, <Reaction.RETRY: 1>)
    """
    if status == 401 or number == FORBIDDEN:
        return Reaction.LOG_IN
    if number == CONFLICT and status != 412:
        return Reaction.CONFLICT
    if number == KILLED:
        return Reaction.TOO_LONG
    for numbers, reaction in _BY_NUMBER:
        if number in numbers:
            return reaction
    if status in _RETRIED_STATUS:
        return Reaction.RETRY
    if status == _TOO_LARGE:
        return Reaction.DOCUMENT
    return Reaction.LOG_IN if status == 403 else Reaction.ASKED_WRONGLY


class NotReady(StoreUnavailable):
    """Something that the schema names is not there."""


class ServerError(Exception):
    """The server's answer where it is an error; translated before it leaves the store."""

    def __init__(self, number: int, status: int, text: str) -> None:
        super().__init__(f"{text} (HTTP {status}, error {number})")
        self.number = number
        self.status = status
        self.text = text

    @property
    def reaction(self) -> Reaction:
        """What it asks for."""
        return reaction_to(self.number, self.status)


def translation(error: ServerError, url: str) -> StoreError:
    """Our error for one of the server's; `url` is named in its text."""
    said = f"{url}: {error}"
    match error.reaction:
        case Reaction.LOG_IN:
            return StoreAuthError(f"{url} refuses us: {error.text}; check the user, its password and its rights")
        case Reaction.DOCUMENT:
            return RecordRejected(f"ArangoDB refuses a document: {error.text}", number=error.number or error.status)
        case Reaction.PERSON:
            return StoreUnavailable(f"{said}; this lasts until somebody sees to the server")
        case Reaction.NOT_READY:
            return NotReady(f"{said}; `logagent init` makes what is missing")
        case Reaction.CORRUPT:
            return StoreCorrupt(f"{said}; the server's files are damaged: look into its log")
        case _:
            return StoreUnavailable(said)


def refusal(refused: Sequence[tuple[int, ServerError]], url: str) -> StoreError:
    """Our error for the documents of an array that the server did not take, each by its place in the array.

    What is not a document's own fault comes first: then all are sent again, and what is left is refused for good. A
    number that nobody classified is its fault: a document that is refused is not lost, one that is sent for ever stops
    all.
    """
    for _, error in refused:
        if error.reaction not in (Reaction.DOCUMENT, Reaction.ASKED_WRONGLY):
            return translation(error, url)
    index, error = refused[0]
    return RecordRejected(f"ArangoDB refuses a document: {error.text}", number=error.number, index=index)
