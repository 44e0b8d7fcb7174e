"""Saving: the store is marked, then the checkpoint written; at a start, whether the store has what it counts on."""

from __future__ import annotations

from typing import Final

from logagent.daemon.appending import Appending
from logagent.daemon.checkpoint import Checkpoint, why_read_again
from logagent.daemon.checkpoint_file import CheckpointFile
from logagent.daemon.faults import Faults
from logagent.daemon.files import Files
from logagent.daemon.store_calls import StoreCalls
from logagent.daemon.surroundings import Clock
from logagent.errors import StoreUnavailable
from logagent.store.protocol import Store, StoreIdentity

NO_CHECKPOINT: Final = "no checkpoint was here (a first start, or it was lost): every file is read from its start"
CHECKPOINT_EVERY_S: Final = 1.0
SEEN_EVERY_S: Final = 5.0
"""While the store is waited for, the checkpoint tells what was seen on disk since."""


class Saving:
    """Keeps the checkpoint, never ahead of the store.

    Attributes:
        store_id: of the store that the cursors are of; "" before there was one.
        store_seq: what the store's mark has to be, as the next checkpoint says.
        believed_us: what the next one says of the clock.
        rereads: why files were read again from their start, a sentence each.
        trouble: why the checkpoint could not be written the last time, or None.
    """

    def __init__(
        self,
        files: Files,
        store: Store,
        appending: Appending,
        checkpoint_file: CheckpointFile,
        checkpoint: Checkpoint | None,
        *,
        clock: Clock,
        faults: Faults,
        calls: StoreCalls,
    ) -> None:
        self.store_id = checkpoint.store_id if checkpoint else ""
        self.store_seq = checkpoint.store_seq if checkpoint else 0
        self.believed_us = checkpoint.believed_us if checkpoint else None
        self.rereads: list[str] = []
        self.trouble: str | None = None
        self._had_checkpoint = checkpoint is not None
        self._files = files
        self._store = store
        self._calls = calls
        self._appending = appending
        self._checkpoint_file = checkpoint_file
        self._clock = clock
        self._faults = faults
        self._is_dirty = False
        self._saved_at = clock.monotonic()

    def load(self) -> None:
        """Prepare the store, and start over where it does not hold what the checkpoint says.

        Raises:
            StoreUnavailable: try again later.
        """
        identity = self._calls(self._store.prepare)
        reason = self._reason_to_start_over(identity)
        store_id = identity.store_id
        if reason and store_id == self.store_id:
            store_id = self._calls(self._store.renew)  # its marks will come to those of the checkpoints on disk
        if reason:
            self.rereads.append(reason)
            self._files.start_over()
        self.store_id = store_id
        self.store_seq = identity.store_seq
        self._is_dirty = True

    def _reason_to_start_over(self, store: StoreIdentity) -> str | None:
        if self._had_checkpoint:
            return why_read_again(self.store_id, self.store_seq, store)
        self._had_checkpoint = True
        return NO_CHECKPOINT if store.store_seq else None

    def changed(self) -> None:
        """There is something that the checkpoint does not say yet."""
        self._is_dirty = True

    @property
    def due_at(self) -> float | None:
        """When (monotonic) to save; None while there is nothing new."""
        return self._saved_at + CHECKPOINT_EVERY_S if self._is_dirty else None

    def save(self) -> None:
        """Mark the store, then save the checkpoint; one that cannot be written is `trouble`.

        Raises:
            StoreUnavailable: the store could not be marked; the old checkpoint stands.
        """
        self._saved_at = self._clock.monotonic()
        if not self._is_dirty:
            return
        self._appending.settle()
        self._faults("before_mark")
        self.store_seq = self._marked()
        self._appending.marked()
        self._faults("after_mark")
        self.save_unmarked()

    def _marked(self) -> int:
        """The store's sequence, raised.

        Raises:
            StoreUnavailable: it could not be, or another store has taken this one's place, or an older copy of it.
        """
        store = self._calls(self._store.mark)
        expected = self.store_seq + 1
        if reason := why_read_again(self.store_id, expected, store):
            self.store_seq = expected  # so that `load` finds it less than that, too
            raise StoreUnavailable(reason)
        return store.store_seq

    def save_seen(self) -> None:
        """Save what was seen while the store or a descriptor is waited for: files may be gone by then, or we may be."""
        if self._clock.monotonic() - self._saved_at >= SEEN_EVERY_S:
            self._saved_at = self._clock.monotonic()
            self.save_unmarked()

    def save_unmarked(self) -> None:
        """Save what is known without the store, as in an outage: sizes seen, and what was marked before."""
        now_us = self._clock.now_us()
        checkpoint = Checkpoint(
            store_id=self.store_id,
            store_seq=self.store_seq,
            saved_us=now_us,
            believed_us=self.believed_us,
            files=self._files.entries(now_us),
        )
        try:
            self._checkpoint_file.save(checkpoint)
        except OSError as error:
            self.trouble = f"the checkpoint cannot be written: {error.strerror}"
            return
        self.trouble = None
        self._is_dirty = not self._appending.is_marked
