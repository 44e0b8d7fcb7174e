"""Following: the events that are stored while one looks, each once, by asking the store again and again."""

from __future__ import annotations

from collections.abc import Iterator

from logagent.formats.record import Record
from logagent.store.protocol import Reader
from logagent.store.selection import Condition, Selection

_AT_ONCE = 1_000


class Following:
    """Remembers up to where events were seen; goes by arrival, so late ones are not missed."""

    def __init__(self, reader: Reader, where: Condition) -> None:
        self._reader = reader
        self._selection = Selection(where=where)
        self._mark: str | None = None
        self._begun: set[str] = set()
        self.has_earlier = False
        """True when there were more than `begin` was to give."""

    def begin(self, count: int) -> list[Record]:
        """The newest events that are there already, oldest first."""
        self._mark = self._reader.arrivals(self._selection, None, 1).mark
        found = self._reader.events(self._selection, max(count, 1))
        newest = found.records[:count]
        self.has_earlier = found.has_more or len(found.records) > count
        # What arrives between the two questions is in both answers: those keys are left out once.
        self._begun = {record.key for record in newest}
        return list(reversed(newest))

    def more(self) -> Iterator[Record]:
        """The events stored since the last look."""
        while True:
            found = self._reader.arrivals(self._selection, self._mark, _AT_ONCE)
            self._mark = found.mark
            yield from (record for record in found.records if record.key not in self._begun)
            if len(found.records) < _AT_ONCE:
                self._begun = set()
                return
