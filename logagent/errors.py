"""The error tree: one class per reaction. Pure: no I/O, no clock.

LogagentError
├── ConfigError          tell the user what to change, exit 2
├── StateLocked          another daemon owns the state directory, exit 2
├── StoreError
│   ├── StoreUnavailable     pause, back off, re-read from the checkpoint
│   │   ├── StoreAuthError   the same, and loud: a person has to mend the credentials
│   │   └── StoreAbsent      there is none to ask yet: say what makes it; exit 4
│   ├── RecordRejected       dead-letter this record, go on
│   ├── StoreCorrupt         stop using the store, loudly
│   └── StoreTooNew          written by a newer logagent; exit 7 (queries), 2 (daemon)
├── CheckpointError
│   ├── CheckpointCorrupt    fall back to the previous generation, else re-read
│   └── CheckpointTooNew     written by a newer logagent: refuse, exit 2
├── EmbedderUnavailable  vectors cannot be made just now; words still find
└── QueryError
    ├── BadQuery             exit 2, names the position
    ├── NotFound             exit 3, names what is nearest
    ├── NotPermitted         exit 6
    └── QueryTimeout         exit 5, carries what was found so far
"""

from __future__ import annotations

from typing import Any


class LogagentError(Exception):
    """What every error of logagent is; its text says what, where and what to do."""


class ConfigError(LogagentError):
    """A setting, flag or file cannot be used as given."""


class StateLocked(LogagentError):
    """Another daemon holds the state directory; the text names its pid."""


class StateUnavailable(LogagentError):
    """The state directory cannot be written just now; without dead letters nothing may be acknowledged."""


class StoreError(LogagentError):
    """The store did not do what was asked."""


class StoreUnavailable(StoreError):
    """The store cannot be reached or written just now; the same call may succeed later."""


class StoreAuthError(StoreUnavailable):
    """The store refuses our credentials or rights."""


class StoreAbsent(StoreUnavailable):
    """There is no store yet: nothing was ever stored here. `hint` is a command that helps, or None."""

    code = "no_store"

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class RecordRejected(StoreError):
    """The store refuses this batch because of a record in it.

    Attributes:
        number: the store's own error number, shown in the dead letter's reason.
        index: position of the record in the batch where the store says so, else None.
    """

    def __init__(self, message: str, *, number: int, index: int | None = None) -> None:
        super().__init__(message)
        self.number = number
        self.index = index


class StoreCorrupt(StoreError):
    """The store's own files are damaged."""


class StoreTooNew(StoreError):
    """The store's schema is newer than this program."""


class CheckpointError(LogagentError):
    """The checkpoint cannot be used."""


class CheckpointCorrupt(CheckpointError):
    """The checkpoint is damaged: empty, cut, or its checksum does not match."""


class CheckpointTooNew(CheckpointError):
    """The checkpoint was written by a newer version."""


class EmbedderUnavailable(LogagentError):
    """The embedder does not answer, or not with vectors; the same call may succeed later."""

    code = "embedder_unavailable"
    retry = True


class QueryError(LogagentError):
    """A question cannot be answered as asked.

    Attributes:
        code: a stable word for programs, such as `bad_query`.
        hint: a complete command or call that helps, or None.
        retry: True if the same question may succeed later.
    """

    code = "query_error"
    retry = False

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class BadQuery(QueryError):
    """The question itself is malformed; `position` is the 0-based character where, or None."""

    code = "bad_query"

    def __init__(self, message: str, *, position: int | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.position = position


class NotFound(QueryError):
    """Nothing has that name; `closest` lists the nearest ones there are, best first."""

    code = "not_found"

    def __init__(self, message: str, *, closest: tuple[str, ...] = (), hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.closest = closest


class NotPermitted(QueryError):
    """A reading handle was asked to write, or to read what it may not."""

    code = "not_permitted"


class QueryTimeout(QueryError):
    """The deadline or row cap came first; `partial` holds what was found until then."""

    code = "timeout"
    retry = True

    def __init__(self, message: str, *, partial: Any = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.partial = partial
