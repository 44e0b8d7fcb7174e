"""What many events share (origins, runs, call sites, processes, levels), kept once and known by number."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Final

import apsw

from logagent.formats.record import LogLine, Origin
from logagent.store.text import storable, storable_or_none

HASH_BIAS: Final = 1 << 63
"""Unsigned 64-bit numbers are stored less this, so that SQLite's signed order is theirs."""

_MOST_KNOWN: Final = 20_000
"""Of each sort; beyond it the cache starts anew, which costs a look-up each."""


class Names:
    """Numbers of shared values, looked up or given inside the caller's transaction.

    After a rollback call `forget`: numbers given in it are gone.
    """

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db
        self.origins: dict[Origin, int] = {}
        self._runs: dict[str, int] = {}
        self._sites: dict[tuple[str, str | None, str | None, int | None], int] = {}
        self._processes: dict[tuple[str | None, int | None], int] = {}
        self._levels: dict[tuple[str, int], int] = {}

    def forget(self) -> None:
        """Drop all that is known."""
        for known in self._all():
            known.clear()

    def trim(self) -> None:
        """Drop what has grown too large; between batches."""
        for known in self._all():
            if len(known) > _MOST_KNOWN:
                known.clear()

    def _all(self) -> tuple[dict[Any, int], ...]:
        return (self.origins, self._runs, self._sites, self._processes, self._levels)

    def origin(self, origin: Origin) -> int:
        """The number of a file of origin."""
        values = (storable(origin.host), storable(origin.file), origin.fingerprint - HASH_BIAS)
        return self._number(self.origins, origin, _ORIGIN, values)

    def run(self, execution_id: str) -> int:
        """The number of a run; 0 is that of lines without a run."""
        return self._number(self._runs, execution_id, _RUN, (storable(execution_id),))

    def run_of(self, line: LogLine) -> int:
        """The number of a line's run."""
        return self.run(line.execution_id)

    def site_of(self, line: LogLine) -> int:
        """The number of a call site."""
        key = (line.script_name, line.file_path, line.function_name, line.line_number)
        texts = (storable(key[0]), storable_or_none(key[1]), storable_or_none(key[2]))
        return self._number(self._sites, key, _SITE, (*texts, key[3]))

    def process_of(self, line: LogLine) -> int:
        """The number of a process, as the line names it."""
        key = (line.hostname, line.pid)
        return self._number(self._processes, key, _PROCESS, (storable_or_none(key[0]), key[1]))

    def level_of(self, line: LogLine) -> int:
        """The number of a level: name and number together."""
        key = (line.level, line.level_no)
        return self._number(self._levels, key, _LEVEL, (storable(key[0]), key[1]))

    def _number(
        self, known: dict[Any, int], key: Hashable, statements: tuple[str, str], values: tuple[Any, ...]
    ) -> int:
        number = known.get(key)
        if number is not None:
            return number
        look, give = statements
        number = self._db.execute(look, values).get
        if number is None:
            number = self._db.execute(give, values).get
        known[key] = number
        return int(number)


_ORIGIN: Final = (
    "SELECT id FROM origins WHERE host = ? AND file = ? AND fingerprint = ?",
    "INSERT INTO origins (host, file, fingerprint) VALUES (?, ?, ?) RETURNING id",
)
_RUN: Final = (
    "SELECT id FROM runs WHERE execution_id = ?",
    "INSERT INTO runs (execution_id) VALUES (?) RETURNING id",
)
_SITE: Final = (
    "SELECT id FROM sites WHERE script = ? AND file IS ? AND function IS ? AND line IS ?",
    "INSERT INTO sites (script, file, function, line) VALUES (?, ?, ?, ?) RETURNING id",
)
_PROCESS: Final = (
    "SELECT id FROM processes WHERE hostname IS ? AND pid IS ?",
    "INSERT INTO processes (hostname, pid) VALUES (?, ?) RETURNING id",
)
_LEVEL: Final = (
    "SELECT id FROM levels WHERE name = ? AND level_no = ?",
    "INSERT INTO levels (name, level_no) VALUES (?, ?) RETURNING id",
)
