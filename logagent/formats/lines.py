"""Lines: a block of one file's bytes to its records and rejects; the seam to the daemon. Pure: no I/O, no clock.

Every byte of a block ends up in exactly one place: in a record's span, in a reject's, or counted as blank, as NUL or
as left out by a declared rule. What comes out does not depend on where a file was cut into blocks, as long as `final`
is said at its end only.
"""

from __future__ import annotations

from datetime import UTC, tzinfo

import msgspec

from logagent.formats.assembly import Assembly, Place
from logagent.formats.context import PARSER_VERSION, FileContext, Parsed, ParserState, script_name_of
from logagent.formats.record import Flag
from logagent.formats.repeats import REPEATS, Repeats
from logagent.formats.single import read_head, read_line
from logagent.formats.storing import sift

__all__ = [
    "PARSER_VERSION",
    "FileContext",
    "Parsed",
    "ParserState",
    "own_time_of_cut_us",
    "own_time_us",
    "parse_block",
    "parse_cut",
    "parse_unterminated",
    "script_name_of",
]


def parse_block(
    block: bytes,
    offset: int,
    context: FileContext,
    state: ParserState,
    *,
    now_us: int,
    final: bool = False,
    stored_end: int | None = None,
) -> Parsed:
    """The records and rejects of a block of whole lines, each ending in LF.

    Args:
        offset: the file's byte that `block` starts with.
        state: what the block before left; `ParserState()` at the start of a file.
        final: no line will follow soon (5 s of quiet, the file is let go, or a cut line comes next): close the
            open record.
        stored_end: no record that begins before this byte goes on beyond it: the store has it up to there.
    """
    parsed = _assembled(block, offset, context, state, now_us=now_us, final=final, stored_end=stored_end)
    rules = context.storing
    if rules is None:
        return parsed
    _leave_out(parsed, context)
    if not rules.folds_repeats:
        return parsed
    repeats = Repeats(rules, state.said, stored_end=stored_end, max_bytes=context.max_line_bytes)
    folded = repeats.fold(parsed.records, tip=offset + parsed.consumed, final=final)
    if folded.held_at is not None:  # parsed again, to be as if these bytes had not been read yet
        before = block[: folded.held_at - offset]
        return parse_block(before, offset, context, state, now_us=now_us, stored_end=stored_end)
    if folded.left_out:
        parsed.left_out[REPEATS] = folded.left_out
    parsed.records = folded.records
    parsed.state = msgspec.structs.replace(parsed.state, said=folded.said)
    return parsed


def _leave_out(parsed: Parsed, context: FileContext) -> Parsed:
    """Take out of what was parsed what a rule leaves out."""
    if context.storing is not None:
        parsed.records, parsed.left_out = sift(parsed.records, context.storing)
    return parsed


def _assembled(
    block: bytes,
    offset: int,
    context: FileContext,
    state: ParserState,
    *,
    now_us: int,
    final: bool,
    stored_end: int | None,
) -> Parsed:
    """All records and rejects of a block, whatever rules there are."""
    assembly = Assembly(context, state, now_us=now_us, stored_end=stored_end)
    lines = block.split(b"\n")
    lines.pop()
    is_utf8 = is_whole_utf8(block)
    index, position = 0, offset
    while index < len(lines):
        taken = assembly.take_run(lines, index, position) if is_utf8 else 0
        position += sum(map(len, lines[index : index + taken])) + taken
        index += taken
        if index < len(lines):
            assembly.take_line(lines[index], position)
            position += len(lines[index]) + 1
            index += 1
    if final:
        assembly.close()
    return assembly.parsed(offset, offset + len(block))


def is_whole_utf8(block: bytes) -> bool:
    """True if every line of the block is UTF-8; raw JSON is passed through unread, so it is looked at here."""
    if block.isascii():
        return True
    try:
        block.decode()
    except UnicodeDecodeError:
        return False
    return True


def parse_unterminated(rest: bytes, offset: int, context: FileContext, state: ParserState, *, now_us: int) -> Parsed:
    """The last line of a file that is let go, without an LF: read once, flagged."""
    assembly = Assembly(context, state, now_us=now_us)
    assembly.take_line(rest, offset, Flag.UNTERMINATED)
    assembly.close()
    return _leave_out(assembly.parsed(offset, offset + len(rest)), context)


def parse_cut(
    head: bytes,
    length: int,
    hash: int,  # noqa: A002  the field's word, as in Record
    offset: int,
    context: FileContext,
    state: ParserState,
    *,
    now_us: int,
) -> Parsed:
    """A line over `max_line_bytes`, of which only the head is at hand: stored cut, flagged, told as far as it goes.

    Args:
        head: its first `max_line_bytes` bytes, without leading NULs.
        length: bytes of the whole line without its LF.
        hash: `StreamedHash` over all of it.
        offset: its first byte after leading NULs. `consumed` is `length`: the LF, where there is one, is the caller's.
    """
    assembly = Assembly(context, state, now_us=now_us)
    assembly.take_cut(head, Place(offset, offset, length, hash))
    assembly.close()
    return _leave_out(assembly.parsed(offset, offset + length), context)


def own_time_us(line: bytes, naive_timezone: tzinfo = UTC) -> int:
    """The own time of a raw line (without its LF), 0 if it has none that a key can hold: a function of its bytes."""
    return read_line(line.lstrip(b"\0"), naive_timezone).own_us


def own_time_of_cut_us(head: bytes, naive_timezone: tzinfo = UTC) -> int:
    """The same of a line over `max_line_bytes`, by its head: what `parse_cut` puts into its key."""
    return read_head(head.lstrip(b"\0"), naive_timezone).own_us
