"""Stream transactions with writes: what is written inside can be taken back, and nobody may look at it meanwhile."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .errors import Unsupported
from .storage import Database

INSIDE = ("/_api/document", "/_api/cursor")
HEADER = "x-arango-trx-id"


@dataclass
class Transaction:
    """One of them: the collections that it may write, as they were, and how far it saw all of them change."""

    number: str
    database: Database
    names: frozenset[str]
    state: str = "running"
    has_written: bool = False
    before: dict[str, Any] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.before = {name: self.database.collections[name].checkpoint() for name in self.names}
        self.seen = self._versions()

    def enter(self) -> None:
        """Before a request inside.

        Raises:
            Unsupported: it has ended, or what it would read is no longer what was there when it began.
        """
        if self.state != "running":
            raise Unsupported("a request in a transaction that has ended")
        if self.seen != self._versions():
            raise Unsupported("a transaction beside which something was written")

    def leave(self) -> None:
        """After it."""
        now = self._versions()
        changed = {name for name, version in now.items() if self.seen.get(name) != version}
        self.seen, self.has_written = now, self.has_written or bool(changed)
        if not changed <= self.names:
            raise Unsupported("a transaction that writes what it did not say")

    def end(self, state: str) -> None:
        """Commit it, or take all back."""
        if self.state != "running":
            raise Unsupported("ending a transaction twice")
        if state == "aborted" and self.has_written:
            for name, before in self.before.items():
                self.database.collections[name].restore(before)
        self.state = state

    def _versions(self) -> dict[str, int]:
        return {name: collection.version for name, collection in self.database.collections.items()}


def check_beside(transactions: dict[str, Transaction], path: str) -> None:
    """Refuse what is outside while a transaction has written and not ended."""
    writing = any(one.state == "running" and one.has_written for one in transactions.values())
    if writing and not path.startswith(("/_api/transaction", "/_api/version")):
        raise Unsupported("a request beside a transaction that has written")
