"""The audit: reads the files that are there as the daemon would, and asks the store for every line. Thin I/O.

Works beside a live daemon, without its lock: the checkpoint is read first, then the files, then the store is asked.
A checkpoint is never ahead of the store, so what it calls acknowledged must be somewhere by then. Whatever seems
unexplained is looked at again with a newer checkpoint before it is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

import msgspec

from logagent.daemon.checkpoint import Checkpoint, Cursor, why_read_again
from logagent.daemon.checkpoint_file import CheckpointFile
from logagent.daemon.discovery import Discovery
from logagent.daemon.faults import no_faults
from logagent.daemon.file import File
from logagent.daemon.files import Files
from logagent.daemon.follow_rules import FollowRules
from logagent.daemon.identity import Identity
from logagent.daemon.letters import LetterBox
from logagent.daemon.lines_found import Found, LineReader, Piece
from logagent.daemon.losses import LostRanges, read_ledger
from logagent.daemon.stream import BLOCK_BYTES, Stream
from logagent.daemon.tail import Tail
from logagent.daemon.tracker import printable
from logagent.daemon.verification import FileReport, Known, Report, Verdict, verdict_of
from logagent.formats.record import Flag, LogLine, Record
from logagent.formats.repeats import MAX_LINES, lines_told, may_fold
from logagent.formats.storing import fewest_first, may_leave_out
from logagent.store.protocol import Holding, Reader, Store, StoreIdentity

MAX_OPEN: Final = 32
LOOKS: Final = 4
"""How often something is looked at before it is called unexplained."""

LOOK_EVERY_S: Final = 1.5
"""Longer than the daemon takes from one checkpoint to the next."""

QUICK_BYTES: Final = BLOCK_BYTES
"""Looked at from both ends of a file where not every line is; reading goes by whole blocks."""

PASSED_OVER: Final = "passed over: it was there before a start at the end, or holds no line that can be read"
HEAD_BYTES: Final = 80
"""Shown of an unexplained line."""


class _Survey(msgspec.Struct, frozen=True):
    """One look at everything but the lines: in this order, so that the store is never behind what is read here."""

    files: Files
    letters: set[int]
    lost: dict[int, LostRanges]
    unreadable: dict[str, str]
    note: str | None


class Audit:
    """Compares files with a store."""

    def __init__(
        self,
        state_dir: str,
        discovery: Discovery,
        rules: FollowRules,
        store: Store,
        reader: Reader,
        *,
        sleep: Callable[[float], None],
    ) -> None:
        self._state_dir = state_dir
        self._discovery = discovery
        context = msgspec.structs.replace(rules.context, redaction=None, storing=None)  # keys do not depend on them
        self._rules = msgspec.structs.replace(rules, context=context, max_open=MAX_OPEN)
        self._store = store
        self._reader = reader
        self._sleep = sleep

    def verify(self, *, is_deep: bool, progress: Callable[[int, int], None]) -> Report:
        """Look at every file, and again at those where something is unexplained.

        Raises:
            StoreUnavailable, StateUnavailable, CheckpointTooNew: nothing can be said.
        """
        survey = self._survey()
        reports = self._look_at(survey, list(survey.files), is_deep=is_deep, progress=progress)
        for _ in range(LOOKS - 1):
            doubtful = {identity for identity, report in reports.items() if report.is_doubtful}
            if not doubtful:
                break
            self._sleep(LOOK_EVERY_S)
            survey = self._survey()
            again = [file for file in survey.files if _place(file.identity) in doubtful]
            for gone in doubtful - {_place(file.identity) for file in again}:
                del reports[gone]  # deleted meanwhile: no file that is there
            reports |= self._look_at(survey, again, is_deep=is_deep, progress=progress)
        return Report(is_deep, list(reports.values()), survey.unreadable, [survey.note] if survey.note else [])

    # ---- what is known -----------------------------------------------------------------------------------------

    def _survey(self) -> _Survey:
        checkpoint, troubles = CheckpointFile(self._state_dir, no_faults).load()
        note = _note(checkpoint, troubles, self._store.prepare())
        is_first_start = checkpoint is None and not troubles
        files = Files(self._rules, checkpoint.files if checkpoint else (), is_first_start=is_first_start)
        look = self._discovery.sweep()
        files.take(look, now=0.0, now_us=0)
        if note is not None:
            files.start_over()
        return _Survey(
            files,
            LetterBox(self._state_dir).hashes(),
            self._lost(),
            {printable(path): reason for path, reason in look.unreadable.items()},
            note,
        )

    def _lost(self) -> dict[int, LostRanges]:
        lost: dict[int, LostRanges] = {}
        for row in read_ledger(self._state_dir):
            lost.setdefault(int(row.fingerprint, 16), LostRanges()).add(row.from_offset, row.to_offset)
        return lost

    # ---- one file after another --------------------------------------------------------------------------------

    def _look_at(
        self, survey: _Survey, files: Sequence[File], *, is_deep: bool, progress: Callable[[int, int], None]
    ) -> dict[tuple[int, int], FileReport]:
        total, done = sum(file.size for file in files), 0
        reports = {}
        for file in files:
            reports[_place(file.identity)] = self._look_at_one(survey, file, is_deep=is_deep)
            survey.files.close(file)
            done += file.size
            progress(done, total)
        for file in survey.files:  # those that are not looked at again
            survey.files.close(file)
        return reports

    def _look_at_one(self, survey: _Survey, file: File, *, is_deep: bool) -> FileReport:
        report = FileReport(printable(file.path), size=file.size)
        if file.is_let_go and file.stream is None:
            report.trouble = PASSED_OVER
            return report
        tail = survey.files.opened(file)
        if tail is None:
            report.trouble = file.trouble
            return report
        try:
            stream = survey.files.recognition.identify(file, is_over=False)
            if stream is None:
                report.waiting_bytes = file.size
                report.pending_bytes = 0 if file.compression else file.size
                report.trouble = tail.trouble
            else:
                self._read(survey, file, stream, tail, report, is_deep=is_deep)
        except OSError as error:
            report.trouble = error.strerror or type(error).__name__
        return report

    def _read(
        self, survey: _Survey, file: File, stream: Stream, tail: Tail, report: FileReport, *, is_deep: bool
    ) -> None:
        acknowledged = stream.acknowledged
        report.fingerprint, report.acknowledged = f"{stream.fingerprint:016x}", acknowledged.offset
        lost = survey.lost.get(stream.fingerprint, LostRanges())
        known = Known(acknowledged.offset, file.begun_at, survey.letters, lost, acknowledged.left_out)
        lines = LineReader(stream.context, stream.first_line, tail)
        judge = _Judge(self._store, self._reader, known, report, tail)
        for piece in lines.whole() if is_deep else self._ends(lines, acknowledged, report):
            judge.take(piece)
        judge.finish()
        report.has_changed = lines.has_changed
        report.trouble = tail.trouble
        report.pending_bytes = lines.pending_bytes if lines.end >= acknowledged.offset else 0
        read_to = lines.end + lines.pending_bytes if is_deep else None
        report.waiting_bytes = _waiting(file, tail, acknowledged.offset, read_to)

    def _ends(self, lines: LineReader, acknowledged: Cursor, report: FileReport) -> Iterator[Piece]:
        """What is looked at without --deep: the file's first lines and the last acknowledged ones."""
        end = acknowledged.offset
        yield from lines.until(min(1, end))  # one block
        gap = end - lines.end
        if gap <= 0:
            return
        if gap <= QUICK_BYTES:
            yield from lines.until(end)
            return
        last = None if lines.is_packed else lines.last_lines(acknowledged, QUICK_BYTES)
        if last is not None:
            yield last
        report.not_checked_bytes = gap - (end - last.offset if last else 0)


def _waiting(file: File, tail: Tail, acknowledged: int, read_to: int | None) -> int:
    """Bytes that are not acknowledged; of a packed file only a reading to its end knows how many."""
    if not tail.is_packed:
        return max(tail.facts().size - acknowledged, 0)
    return file.lag if read_to is None else max(read_to - acknowledged, 0)


class _Judge:
    """Comes to a verdict on each line of one file; say `finish` behind the last.

    A line that is nowhere is kept in mind while the lines behind it may turn out to be a record that it is folded into.
    """

    def __init__(self, store: Store, reader: Reader, known: Known, report: FileReport, tail: Tail) -> None:
        self._store = store
        self._reader = reader
        self._known = known
        self._report = report
        self._tail = tail
        self._last_stored: Record | None = None
        self._stored_to: int | None = None
        self._left_out = {rule: known.left_out[rule] for rule in fewest_first(known.left_out)}
        self._missing: list[Record] = []

    def take(self, piece: Piece) -> None:
        """The lines of one piece."""
        if self._missing and piece.offset != _behind(self._missing[-1]):  # the record they are in may not be looked at
            self._report.not_checked_bytes += sum(record.length + 1 for record in self._missing)
            self._missing.clear()
        self._report.skipped.update(piece.skipped)
        holdings = self._store.account([found.record for found in piece.found])
        for found, holding in zip(piece.found, holdings, strict=True):
            self._judge(piece, found, holding)

    def finish(self) -> None:
        """No line follows: what is missing now is nowhere."""
        self._give_up(self._missing)
        self._missing = []

    def _judge(self, piece: Piece, found: Found, holding: Holding) -> None:
        verdict = self._verdict(found, holding)
        record = found.record
        if self._missing and record.offset != _behind(self._missing[-1]):
            self.finish()
        if verdict is Verdict.UNEXPLAINED and may_fold(record) and not found.is_refused:
            self._missing.append(record)
            if len(self._missing) >= MAX_LINES:
                self._give_up([self._missing.pop(0)])
            return
        if self._missing:
            self._find_in(record, verdict)
        rest = self._rest(piece, record) if verdict is Verdict.STORED else None
        lines = found.lines - (rest.lines if rest else 0)
        if verdict is not Verdict.UNEXPLAINED:
            self._report.count(verdict, lines)
        elif found.is_refused or not self._was_left_out(record):
            self._unexplained(record, lines)
        if rest is not None:
            self.take(rest)

    def _find_in(self, record: Record, verdict: Verdict) -> None:
        """The missing lines that the one behind them, if it is stored, stands for too; rules left out the others."""
        may_say = verdict is Verdict.STORED and _may_say_again(self._missing[-1], record)
        event = self._reader.event(record.key) if may_say else None
        folded = lines_told(event) - 1 if event is not None else 0
        at = max(len(self._missing) - folded, 0)
        self._report.count(Verdict.STORED, len(self._missing) - at)
        self._give_up(self._missing[:at])
        self._missing = []

    def _give_up(self, records: Iterable[Record]) -> None:
        for record in records:
            if not self._was_left_out(record):
                self._unexplained(record, 1)

    def _unexplained(self, record: Record, lines: int) -> None:
        self._report.count(Verdict.UNEXPLAINED, lines)
        head = self._tail.read(record.offset, min(HEAD_BYTES, record.length))
        self._report.example(record.offset, record.key, head)

    def _was_left_out(self, record: Record) -> bool:
        """True (and counted) if a rule left it out, whichever held then: of as many lines as the checkpoint counts."""
        for rule, lines in self._left_out.items():
            if lines and may_leave_out(rule, record):
                self._left_out[rule] -= 1
                self._report.skipped[rule] += 1
                return True
        return False

    def _verdict(self, found: Found, holding: Holding) -> Verdict:
        if found.is_refused and holding is Holding.EXPIRED:
            holding = Holding.ABSENT  # what the prune log says of it is said of a stand-in
        if holding is Holding.ABSENT and self._is_in_a_span(found.record):
            holding = Holding.STORED
        return verdict_of(found.record.offset, found.record.hash, holding, self._known)

    def _rest(self, piece: Piece, record: Record) -> Piece | None:
        """The lines of a folded record that the store's one does not span: they came later, as another record."""
        if not self._is_in_a_span(record):
            self._last_stored, self._stored_to = record, None
        if not record.flags & Flag.FOLDED:
            return None
        return piece.rest_of(record, self._end_in_store())

    def _is_in_a_span(self, record: Record) -> bool:
        """A line of text that the store does not know by itself may stand within the record before it."""
        if record.own_us or self._last_stored is None:
            return False
        return record.offset + record.length <= self._end_in_store()

    def _end_in_store(self) -> int:
        """Where the span of the last stored record ends in the store."""
        assert self._last_stored is not None
        if self._stored_to is None:
            stored = self._reader.event(self._last_stored.key)
            record = stored or self._last_stored
            self._stored_to = record.offset + record.length
        return self._stored_to


def _may_say_again(former: Record, record: Record) -> bool:
    """False where no redaction can have made the two say the same: spares the store a question for most lines."""
    one, other = former.line, record.line
    return isinstance(one, LogLine) and isinstance(other, LogLine) and one.level_no == other.level_no


def _behind(record: Record) -> int:
    return record.offset + record.length + 1


def _place(identity: Identity) -> tuple[int, int]:
    return (identity.device, identity.inode)


def _note(checkpoint: Checkpoint | None, troubles: Iterable[str], store: StoreIdentity) -> str | None:
    """Why the daemon will read everything again, if it will."""
    if checkpoint is None:
        return "; ".join(["no checkpoint: the daemon will read every file from its start", *troubles])
    return why_read_again(checkpoint.store_id, checkpoint.store_seq, store)
