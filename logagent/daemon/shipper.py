"""One turn of the path from disk to an acknowledged batch and a moved checkpoint, top to bottom.

Order on every crash: dead letters, store, checkpoint. Whatever fails, everything read and not acknowledged is
forgotten and read again: recovery from an outage is recovery from a crash.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from logagent.daemon.appending import Appending
from logagent.daemon.batch import BatchLimits, OpenBatch
from logagent.daemon.checkpoint import NOTHING_STORED, Checkpoint, Cursor
from logagent.daemon.checkpoint_file import CheckpointFile
from logagent.daemon.dead_letter import DeadLetters
from logagent.daemon.descriptors import NO_DESCRIPTOR
from logagent.daemon.faults import Faults
from logagent.daemon.file import File
from logagent.daemon.files import Files
from logagent.daemon.losses import LossLedger
from logagent.daemon.saving import Saving
from logagent.daemon.store_calls import StoreCalls
from logagent.daemon.stream import BLOCK_BYTES, Block, Hole, LongLine, Rewritten, Stream
from logagent.daemon.surroundings import Clock
from logagent.daemon.tail import Tail
from logagent.daemon.tracker import Loss, lost_of
from logagent.errors import StateUnavailable
from logagent.formats.lines import Parsed, parse_block, parse_cut, parse_unterminated
from logagent.formats.record import Flag, Record
from logagent.formats.repeats import REPEATS
from logagent.store.protocol import Store

FOLD_QUIET_S: Final = 5.0
"""A record of several lines of text is over after this much quiet."""

UNPACKED_AT_ONCE: Final = 4
"""Packed files that are read side by side: each holds a block of what it unpacks to, and there may be hundreds."""


class ShipperLimits(msgspec.Struct, frozen=True):
    """How much at a time; `quantum_bytes` is the most that one file is given of a turn."""

    batch: BatchLimits = BatchLimits()
    quantum_bytes: int = 1024 * 1024

    def share_bytes(self, files: int) -> int:
        """Of each of so many files, so that a batch has something of all of them.

        Then backlogs that were written side by side go on side by side, and each batch to the store is younger than
        the one before, so none of its rows has to be looked up alone. Less half a block, since what is read ends where
        a line does.
        """
        fair = max(self.batch.max_bytes // max(files, 1), BLOCK_BYTES)
        return max(min(fair, self.quantum_bytes) - BLOCK_BYTES // 2, 1)


class Shipper:
    """Reads the files' new lines, appends them in batches, moves the cursors, saves the checkpoint.

    Attributes:
        appending: the batch under way.
        saving: the checkpoint.
        limits: how much at a time; may be replaced between turns.
    """

    def __init__(
        self,
        files: Files,
        store: Store,
        dead_letters: DeadLetters,
        ledger: LossLedger,
        checkpoint_file: CheckpointFile,
        checkpoint: Checkpoint | None,
        *,
        limits: ShipperLimits,
        clock: Clock,
        faults: Faults,
        calls: StoreCalls,
    ) -> None:
        self.files = files
        self._recognition = files.recognition
        self.appending = Appending(
            store,
            dead_letters,
            files.raw_line,
            clock=clock,
            faults=faults,
            calls=calls,
        )
        self.counts = self.appending.counts
        self.saving = Saving(
            files, store, self.appending, checkpoint_file, checkpoint, clock=clock, faults=faults, calls=calls
        )
        self.limits = limits
        self._store = store
        self._calls = calls
        self._ledger = ledger
        self._clock = clock
        self._faults = faults
        self._batch = OpenBatch()
        self._is_short_of_descriptors = False

    # ---- the turn --------------------------------------------------------------------------------------------

    def turn(self, *, flush: bool = False, is_last: bool = False) -> bool:
        """Read, ship what is due, save; True if there may be more to do at once.

        `flush` ships whatever was read, however little; `is_last` takes open records of several lines as they are.

        Raises:
            StoreUnavailable, StateUnavailable: call `forget` and try again later.
        """
        has_backlog = self._pull(is_last=is_last)
        if self._is_short_of_descriptors and self._batch:
            self._ship_now()  # what is acknowledged can be closed, for those that wait
            has_backlog = True
        now = self._clock.monotonic()
        if self._batch.is_due(self.limits.batch, now, has_backlog=has_backlog) or (flush and self._batch):
            self._ship()
        if not has_backlog:
            self.settle()
            self._let_go()
            self._give_up()
        due_at = self.saving.due_at
        if due_at is not None and now >= due_at:
            self.saving.save()
        elif self._is_short_of_descriptors:
            self.saving.save_seen()
        return has_backlog

    def next_due_s(self) -> float | None:
        """Seconds until something becomes due without anything new on disk; None if nothing will."""
        now = self._clock.monotonic()
        waits = []
        if self._batch.opened_at is not None:
            waits.append(self._batch.opened_at + self.limits.batch.age_s - now)
        if self.saving.due_at is not None:
            waits.append(self.saving.due_at - now)
        if self.files.busy():
            waits.append(1.0)  # something is held, leaving or in trouble
        return max(min(waits), 0.0) if waits else None

    def forget(self) -> None:
        """Drop what was read since the store's last mark; it is read again.

        What was acknowledged since may be gone, too: the store's machine may have lost its power.
        """
        self._batch = OpenBatch()
        self.appending.drop()
        self.files.fall_back()

    # ---- reading ---------------------------------------------------------------------------------------------

    def _pull(self, *, is_last: bool) -> bool:
        """Read a quantum of every file that has something new, until the batch is full; True if there is more."""
        self._faults("before_read")
        has_more = False
        self._is_short_of_descriptors = False
        self.files.descriptors.some_may_be_idle()
        busy = self.files.busy()
        share = self.limits.share_bytes(len(busy))
        unpacked = 0
        for file in busy:
            if self._batch.is_full(self.limits.batch):
                return True
            if file.compression and unpacked == UNPACKED_AT_ONCE:
                has_more = True
                continue
            file_has_more = self._read_file(file, share, is_last=is_last)
            unpacked += bool(file.compression) and file_has_more
            has_more |= file_has_more
        self._faults("after_read")
        return has_more

    def _read_file(self, file: File, share: int, *, is_last: bool) -> bool:
        """One file's turn; True if it has more to read."""
        now = self._clock.monotonic()
        tail = self.files.opened(file)
        if tail is None:
            self._is_short_of_descriptors |= file.trouble == NO_DESCRIPTOR
            return False
        if self._recognition.has_news:
            self._save_beginnings()
            return True  # much may have changed while the store was waited for
        try:
            has_more = self._read_quantum(file, tail, now, share, is_last=is_last)
        except OSError as error:
            file.trouble = error.strerror or type(error).__name__
            return False
        file.trouble = tail.trouble
        if has_more:
            if not file.compression:  # a packed one is read to its end before the next is begun
                self.files.to_back(file)
        elif self._has_no_business(file):
            self.files.rest(file)
        return has_more

    def _has_no_business(self, file: File) -> bool:
        """True if nothing is to be done until it grows; a packed file that is cut waits to be completed or given up."""
        if file.is_leaving or (file.trouble is not None and not file.is_let_go):
            return False
        if file.stream is not None and file.stream.is_held:
            return False
        return file.stream is None or file.stream.is_exhausted

    def _read_quantum(self, file: File, tail: Tail, now: float, share: int, *, is_last: bool) -> bool:
        is_over = file.is_leaving and file.is_quiet(now, self.files.rules.close_after_s)
        stream = self._recognition.identify(file, is_over=is_over)
        if stream is None:
            return file.is_looking_on
        if self._recognition.has_news:
            return True  # that is saved before any of it is read
        if stream.marked is not None:
            self.appending.goes_on_unmarked(stream)
        if stream.fingerprint in self._recognition.cut:
            self._ask_about_cut(stream)
            return True
        is_quiet = is_last or tail.is_finished or now - file.grown_at >= self._fold_quiet_s(file)
        is_whole_elsewhere = is_quiet and self._is_whole_elsewhere(stream, tail)
        is_final = is_quiet and not is_whole_elsewhere
        if stream.is_held and is_final:
            stream.look_again()
        elif is_whole_elsewhere:
            stream.is_held = False
        end = stream.read.offset + share
        while file.stream is stream and not stream.is_exhausted and stream.read.offset < end:
            self.appending.give_way()
            piece = stream.next_piece(tail)
            if isinstance(piece, Rewritten):
                self._rewritten(file, stream, piece, now)
                return True
            if piece is None:
                break
            self._take(stream, piece, is_final=is_final and stream.is_at_end)  # never at a block border
            if self._batch.is_full(self.limits.batch):
                break
        return file.stream is not stream or not stream.is_exhausted

    def _ask_about_cut(self, stream: Stream) -> None:
        """How much the store has of files that were cut, before anything is read of what stands in their place."""
        self.settle()
        stored_end = self._calls(self._store.stored_end, stream.fingerprint)
        self._recognition.stored_of_cut(stream, NOTHING_STORED if stored_end is None else stored_end)
        self._save_beginnings()  # after a crash the store would be asked again, and have what is read now

    def _fold_quiet_s(self, file: File) -> float:
        """A packer may pause anywhere in a record; its original may have been read, as another record, meanwhile."""
        return self.files.rules.close_after_s if file.compression else FOLD_QUIET_S

    def _is_whole_elsewhere(self, stream: Stream, tail: Tail) -> bool:
        """True for the open record at a packed file's cut: taken as it is, what follows would be another's lines."""
        return tail.is_packed and not tail.is_finished and self._recognition.was_read_further(stream)

    def _rewritten(self, file: File, stream: Stream, piece: Rewritten, now: float) -> None:
        """What was read of the former content but not acknowledged stands: it was read before the change was seen."""
        self._ship_now()
        if file.stream is stream:  # nothing was seen of that while the store was waited for
            self.files.rewritten(file, piece.facts, now, self._clock.now_us())
        self._save_beginnings()

    def _save_beginnings(self) -> None:
        """A crash must not forget that a file began anew: its new lines may have the old ones' keys."""
        self.saving.save_unmarked()  # before anything is appended, too
        self._ship_now()
        self.saving.changed()
        self.saving.save()
        self._recognition.has_news = False

    def _ship_now(self) -> None:
        if self._batch:
            self._ship()
        self.settle()

    def _take(self, stream: Stream, piece: Block | LongLine | Hole, *, is_final: bool) -> None:
        match piece:
            case Block():
                self._take_block(stream, piece, is_final=is_final or piece.is_final)
            case LongLine():
                self._take_long_line(stream, piece)
            case Hole():
                self._count_nuls(stream, piece.offset)
                self._moved(stream, piece.offset, stream.jump(piece, stream.read.parser))

    def _take_block(self, stream: Stream, block: Block, *, is_final: bool) -> None:
        if block.is_unterminated:
            parsed = parse_unterminated(
                block.data, block.offset, stream.context, stream.read.parser, now_us=self._clock.now_us()
            )
        else:
            block, parsed = self._parse(stream, block, is_final=is_final)
        cursor = stream.advance(block, parsed.consumed, parsed.state, parsed.left_out)
        if parsed.consumed:
            self._add(parsed)
            if parsed.nul_bytes:
                self._count_nuls(stream, block.offset)
            self._moved(stream, block.offset, cursor)

    def _count_nuls(self, stream: Stream, offset: int) -> None:
        """Count a run of NULs, once however many pieces it is read in."""
        self.counts.skip("nul", 0 if stream.is_in_hole(offset) else 1)

    def _parse(self, stream: Stream, block: Block, *, is_final: bool) -> tuple[Block, Parsed]:
        """Parse whole lines, or the first of them.

        Where lines fold, no record goes on beyond what the store may have of it already. Its key is that of its first
        line, so the store would take it for a duplicate and its new lines would be lost.
        """
        parsed = self._parse_up_to(stream, block, is_final=is_final)
        has_copies = self._recognition.has_copies(stream)
        is_unsure = has_copies or not stream.knows_stored_end
        if is_unsure and (REPEATS in parsed.left_out or _folds(parsed, block)):
            if has_copies:
                self._ship_now()  # what was read of a shorter copy may end within this record
            self.settle()
            stream.knows_stored_end = True
            stream.stored_end = self._calls(self._store.stored_end, stream.fingerprint)
            parsed = self._parse_up_to(stream, block, is_final=is_final)
        stored_end = self._end_of_shorter(stream, block, parsed)
        if stored_end is None:
            return block, parsed
        block = msgspec.structs.replace(block, data=block.data[: stored_end + 1 - block.offset])
        return block, self._parse_up_to(stream, block, is_final=True)

    def _end_of_shorter(self, stream: Stream, block: Block, parsed: Parsed) -> int | None:
        """Where the store's form of a record ends that has fewer lines there: its file was cut in place since.

        Then other lines follow it now, and none of them is stored.
        """
        if stream.stored_end is None or block.offset >= stream.stored_end:
            return None
        folded = [record for record in parsed.records if _spans_lines(record, block)]
        if not folded:
            return None
        for record, length in zip(folded, self._calls(self._store.stored_lengths, folded), strict=True):
            if length is not None and length < record.length:
                return record.offset + length
        return None

    def _parse_up_to(self, stream: Stream, block: Block, *, is_final: bool) -> Parsed:
        return parse_block(
            block.data,
            block.offset,
            stream.context,
            stream.read.parser,
            now_us=self._clock.now_us(),
            final=is_final,
            stored_end=stream.stored_end,
        )

    def _take_long_line(self, stream: Stream, line: LongLine) -> None:
        parsed = parse_cut(
            line.head,
            line.length,
            line.hash,
            line.offset,
            stream.context,
            stream.read.parser,
            now_us=self._clock.now_us(),
        )
        if line.is_unterminated:
            parsed.records = [msgspec.structs.replace(r, flags=r.flags | Flag.UNTERMINATED) for r in parsed.records]
        self._add(parsed)
        self._moved(stream, line.offset, stream.jump(line, parsed.state, parsed.left_out))

    def _add(self, parsed: Parsed) -> None:
        self._batch.add(parsed.records, parsed.rejects, parsed.blank_lines + sum(parsed.left_out.values()))
        self.counts.redacted += parsed.redacted
        self.counts.skip("blank", parsed.blank_lines)
        for rule, lines in parsed.left_out.items():
            self.counts.skip(rule, lines)

    def _moved(self, stream: Stream, start: int, cursor: Cursor) -> None:
        self._batch.moved(stream, start, cursor, self._clock.monotonic())

    # ---- letting go, and what is lost ------------------------------------------------------------------------

    def _let_go(self) -> None:
        """Let go of the files that are over, their last unfinished line shipped first."""
        now = self._clock.monotonic()
        for file in self.files.busy():
            if not file.may_be_let_go(now, self.files.rules.close_after_s):
                continue
            stream, size = file.stream, file.size
            if stream is not None and file.tail is not None:
                try:
                    piece = stream.last_piece(file.tail)
                except OSError as error:
                    file.trouble = error.strerror
                    continue
                if piece is not None:
                    self._take(stream, piece, is_final=True)
                    self._ship_now()
                if stream.marked is not None and (file.is_missing or file.is_unlinked):
                    continue  # until the next mark power loss may take it from the store, and we have it still
            if file.stream is not stream or file.size != size:
                continue  # it changed while the store was waited for
            self.files.let_go(file, self._clock.now_us())
            self.saving.changed()

    def _give_up(self) -> None:
        """Write to the ledger the rest of a packed file that stays cut or damaged; what could be read of it counts."""
        now = self._clock.monotonic()
        for file in self.files.busy():
            tail = file.tail
            if tail is None or not file.is_cut_short(now, self.files.rules.close_after_s):
                continue
            entry = file.entry()
            loss = Loss(entry.path, entry.fingerprint or 0, entry.cursor.offset, None, tail.trouble or "cut")
            self._write_losses([loss])
            self.files.let_go(file, self._clock.now_us())
            self.saving.changed()

    def judge_losses(self) -> None:
        """Write to the ledger what was seen, is gone, and is nowhere else: not in the store, not in a copy.

        Raises:
            StoreUnavailable: not judged; try again.
            StateUnavailable: the ledger could not be written.
        """
        for entry in self.files.to_judge(self._clock.monotonic()):
            copies = self._recognition.copies_of(entry)
            if any(not copy.is_settled for copy in copies):
                continue  # it may still turn out to have all of it
            self.settle()
            stored_end = entry.stored_end
            if stored_end is None and entry.fingerprint is not None:
                stored_end = self._calls(self._store.stored_end, entry.fingerprint)
            lost = lost_of(entry, self._recognition.others_of(entry), stored_end)
            if lost is not None:
                self._write_losses([Loss(entry.path, entry.fingerprint or 0, *lost, "deleted or rewritten unread")])
            self.files.judged(entry)
            self.saving.changed()

    def _write_losses(self, losses: Sequence[Loss]) -> None:
        try:
            self._ledger.write(losses, self._clock.now_us())
        except OSError as error:
            raise StateUnavailable(f"the loss ledger cannot be written: {error.strerror}") from error

    # ---- shipping --------------------------------------------------------------------------------------------

    def _ship(self) -> None:
        """Close the batch, wait for the one under way, write its dead letters, and start its append."""
        batch, self._batch = self._batch, OpenBatch()
        self.settle()
        self.appending.start(batch)

    def settle(self) -> None:
        """Wait for the batch under way; acknowledge its cursors.

        Raises:
            StoreUnavailable, StateUnavailable: nothing of it is acknowledged.
        """
        if self.appending.settle():
            self.saving.changed()


def _spans_lines(record: Record, block: Block) -> bool:
    start = record.offset - block.offset
    return block.data.find(b"\n", start, start + record.length) >= 0


def _folds(parsed: Parsed, block: Block) -> bool:
    return parsed.consumed < len(block.data) or parsed.folded > 0
