"""Appending: the one batch under way to the store; its dead letters are written first, a refused one is bisected."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from operator import attrgetter
from typing import Final

import msgspec

from logagent.daemon.batch import OpenBatch
from logagent.daemon.dead_letter import DeadLetters
from logagent.daemon.faults import Faults
from logagent.daemon.store_calls import StoreCalls
from logagent.daemon.stream import Stream
from logagent.daemon.surroundings import Clock
from logagent.errors import RecordRejected, StateUnavailable, StoreUnavailable
from logagent.formats.record import Record, Reject
from logagent.store.protocol import Batch, Receipt, Store
from logagent.store.right_of_way import RightOfWay

READING_WAITS_S: Final = 0.25
"""At most, once per batch; a full one takes the right of way for some 0.1 s."""

FAULTS_BEFORE_BISECTION: Final = 3
"""Appends in a row that fail as nobody foresaw; then it is looked for the record that they fail with."""
UNFORESEEN: Final = 0
"""`RecordRejected.number` of such a record."""
_OURS: Final = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError, AssertionError,
                msgspec.MsgspecError)  # fmt: skip
"""Faults of our own code, which come again with the same record; what the machine does passes."""

_OFFSET: Final = attrgetter("offset")
_TIME: Final = attrgetter("ts_us")


class Counts(msgspec.Struct):
    """Lines since the start, as `Totals` of the status has them; `skipped` by rule."""

    read: int = 0
    stored: int = 0
    duplicates: int | None = 0
    expired: int = 0
    dead_letters: int = 0
    redacted: int = 0
    skipped: dict[str, int] = {}

    def skip(self, rule: str, lines: int) -> None:
        """Count lines that a declared rule left out."""
        if lines:
            self.skipped[rule] = self.skipped.get(rule, 0) + lines


class Appending:
    """Appends batches, one at a time, beside what is read meanwhile.

    Attributes:
        counts: lines since the start.
    """

    def __init__(
        self,
        store: Store,
        dead_letters: DeadLetters,
        raw_line: Callable[[Record], bytes | None],
        *,
        clock: Clock,
        faults: Faults,
        calls: StoreCalls,
    ) -> None:
        """`raw_line` gives a record's bytes on disk where they can still be read."""
        self.counts = Counts()
        self._store = store
        self._dead_letters = dead_letters
        self._raw_line = raw_line
        self._clock = clock
        self._faults = faults
        self._calls = calls
        self._under_way: tuple[OpenBatch, Future[Receipt]] | None = None
        self._right_of_way = RightOfWay()
        self._faults_of_ours = 0
        self._unmarked: set[Stream] = set()

    def start(self, batch: OpenBatch) -> None:
        """Write its dead letters and start its append; none may be under way.

        Raises:
            StateUnavailable: the dead letters cannot be written.
            StoreUnavailable: the daemon has to stop; the dead letters are written.
        """
        self._write_rejects(batch.rejects)
        prepared = batch.sorted(self._clock.now_us())
        self._right_of_way = prepared.right_of_way
        self._under_way = (batch, self._calls.start(self._append, prepared))

    def give_way(self) -> None:
        """Wait while the append under way needs the interpreter: called before each piece is read."""
        self._right_of_way.wait(READING_WAITS_S)

    def drop(self) -> None:
        """Wait no more for what is under way: it and what is not marked are read again, whether stored or not."""
        self._under_way = None
        self._unmarked.clear()

    def settle(self) -> bool:
        """Wait for the batch under way and acknowledge its cursors; False if there was none.

        Raises:
            StoreUnavailable, StateUnavailable: nothing of it is acknowledged.
        """
        if self._under_way is None:
            return False
        batch, future = self._under_way
        self._under_way = None
        try:
            receipt = self._calls.wait(future)
        except RecordRejected as error:
            receipt = self._append_without_refused(batch.sorted(self._clock.now_us()).records, error)
        self._acknowledge(batch, receipt)
        return True

    @property
    def is_marked(self) -> bool:
        """True if nothing was acknowledged since the store's last mark."""
        return not self._unmarked

    def goes_on_unmarked(self, stream: Stream) -> None:
        """It was taken up where another is acknowledged, which the next mark makes good for both."""
        self._unmarked.add(stream)

    def marked(self) -> None:
        """The store was marked: what was acknowledged is there to stay."""
        for stream in self._unmarked:
            stream.marked = None
        self._unmarked.clear()

    def _acknowledge(self, batch: OpenBatch, receipt: Receipt) -> None:
        self._faults_of_ours = 0
        for stream, cursor in batch.cursors.items():
            stream.acknowledge(cursor)
            self._unmarked.add(stream)
        self.counts.read += batch.lines
        self.counts.stored += receipt.stored
        self.counts.duplicates = _known_sum(self.counts.duplicates, receipt.duplicates)
        self.counts.expired += receipt.expired

    def _append(self, batch: Batch) -> Receipt:
        self._faults("before_append")
        try:
            receipt = self._store.append(batch) if batch.records else Receipt(stored=0, duplicates=0)
        except _OURS as error:
            self._faults_of_ours += 1
            if self._faults_of_ours <= FAULTS_BEFORE_BISECTION:
                raise
            said = f"a fault of logagent's own: {type(error).__name__}: {error}"
            raise RecordRejected(said, number=UNFORESEEN) from error
        self._faults("after_append")
        return receipt

    def _append_without_refused(self, records: Sequence[Record], error: RecordRejected) -> Receipt:
        """Append what of a refused batch is not poison, and dead-letter what is.

        Raises:
            StoreUnavailable: our own code has a fault with all of it, so no record is to blame; nothing is lettered.
            StateUnavailable: dead letters cannot be written.
        """
        unforeseen: list[Reject] = []
        receipt = self._append_without_poison(records, error, unforeseen)
        if len(unforeseen) == len(records) > 1:
            raise StoreUnavailable(str(error)) from error
        self._write_rejects(unforeseen)
        return receipt

    def _append_without_poison(
        self, records: Sequence[Record], error: RecordRejected, unforeseen: list[Reject]
    ) -> Receipt:
        """Bisect a refused batch until the poison stands alone; the others are stored.

        No line is appended after a later one of its file: the store would take it for one read again, and what is read
        again may have been pruned. Poison is dead-lettered before anything behind it is stored: after a crash between
        the two the store would have the file further than the poison, which a rewrite then took away unsaid. What our
        own code has a fault with waits in `unforeseen` until it is known whether it is to blame.
        """
        receipt = Receipt(stored=0, duplicates=0)
        parts = self._parts(records, error, unforeseen)
        while parts:
            batch = Batch(sorted(parts.pop(), key=_TIME))
            try:
                receipt = _sum(receipt, self._calls(self._append, batch))
            except RecordRejected as refusal:
                parts += self._parts(batch.records, refusal, unforeseen)
        return receipt

    def _parts(
        self, records: Sequence[Record], error: RecordRejected, unforeseen: list[Reject]
    ) -> list[Sequence[Record]]:
        """What of refused records is to be tried now, the last part first; none of poison that stands alone."""
        if len(records) == 1:
            refused = self._refused(records[0], error)
            if error.number == UNFORESEEN:
                unforeseen.append(refused)
            else:
                self._write_rejects([refused])
            return []
        if error.index is None:
            in_file_order = sorted(records, key=_OFFSET)
            return [in_file_order[len(records) // 2 :], in_file_order[: len(records) // 2]]
        others = [record for index, record in enumerate(records) if index != error.index]
        return [others, [records[error.index]]]

    def _refused(self, record: Record, error: RecordRejected) -> Reject:
        """The dead letter of a record that the store refuses, with its raw bytes if they can still be read."""
        raw = self._raw_line(record)
        detail = str(error)
        if raw is None:
            raw = msgspec.json.encode(record.line)
            detail += " (the line as it was understood; its bytes are longer, or gone)"
        return Reject(
            f"store_refused:{error.number}",
            detail,
            record.offset,
            record.hash,
            record.length,
            record.origin,
            raw,
            record.own_us,
        )

    def _write_rejects(self, rejects: Sequence[Reject]) -> None:
        if not rejects:
            return
        try:
            self.counts.dead_letters += self._dead_letters.write(rejects, self._clock.now_us())
        except OSError as error:
            raise StateUnavailable(f"dead letters cannot be written: {error.strerror}") from error


def _sum(a: Receipt, b: Receipt) -> Receipt:
    duplicates = _known_sum(a.duplicates, b.duplicates)
    return Receipt(stored=a.stored + b.stored, duplicates=duplicates, expired=a.expired + b.expired)


def _known_sum(a: int | None, b: int | None) -> int | None:
    return None if a is None or b is None else a + b
