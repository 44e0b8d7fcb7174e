"""`logagent rejects`: the dead letters, listed, shown, and read again with today's parser."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, NoReturn

import click

from logagent.cli.options import settings_of, settings_options, state_of

if TYPE_CHECKING:
    from logagent.daemon.letters import Letter, LetterBox
    from logagent.daemon.replay import Replay

EXIT_NOT_FOUND = 3
SHOWN_CHARACTERS = 60

_STATE = click.option("--state-dir", metavar="DIR", help="The daemon's state directory.")
_CONFIG = click.option("--config", metavar="FILE", help="A TOML file with settings.")


@click.group(short_help="Dead letters: lines that could not be stored.")
def rejects() -> None:
    """Dead letters: lines that could not be stored, kept whole with the reason."""


@rejects.command("list")
@_STATE
@_CONFIG
@click.option("--reason", metavar="R", help="Only this reason, such as bad_json.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(0), help="How many to show.")
@click.option("--all", "with_replayed", is_flag=True, help="Also those that a replay has stored.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def list_letters(
    *, state_dir: str | None, config: str | None, reason: str | None, limit: int, with_replayed: bool, as_json: bool
) -> None:
    """Counts by reason, then the newest ones; a line that was read twice is one letter."""
    listing = _Listing(limit)
    box = _box(state_dir, config)
    replayed = box.replayed()
    for letter in box.letters():
        is_replayed = letter.key in replayed
        listing.replayed += is_replayed
        if (reason is None or letter.reason == reason) and (with_replayed or not is_replayed):
            listing.take(letter)
    click.echo(listing.json() if as_json else listing.text())


class _Listing:
    """What `list` says: counts of all letters, and the last ones that came by."""

    def __init__(self, limit: int) -> None:
        self.replayed = 0
        self._counts: Counter[str] = Counter()
        self._newest: dict[str, str] = {}
        self._last: deque[Letter] = deque(maxlen=limit)

    def take(self, letter: Letter) -> None:
        self._counts[letter.reason] += 1
        self._newest[letter.reason] = letter.time
        self._last.append(letter)

    def json(self) -> str:
        from logagent.query.render.escape import json_text

        return json_text(
            {
                "total": self._counts.total(),
                "returned": len(self._last),
                "replayed": self.replayed,
                "reasons": [
                    {"reason": reason, "count": count, "newest": self._newest[reason]}
                    for reason, count in self._counts.most_common()
                ],
                "items": list(reversed(self._last)),
            }
        )

    def text(self) -> str:
        from logagent.formats.visible import visible

        lines = [f"{self._counts.total()} dead letters, {self.replayed} replayed"]
        lines += [
            f"  {visible(reason)}  {count}, newest {self._newest[reason]}"
            for reason, count in self._counts.most_common()
        ]
        if self._last:
            lines.append(f"newest first, {len(self._last)} of {self._counts.total()} (--limit):")
        lines += [_row(letter) for letter in reversed(self._last)]
        return "\n".join(lines)


def _row(letter: Letter) -> str:
    from logagent.formats.visible import visible

    place = f"{letter.file} @ {letter.offset}"
    shown = _raw_text(letter)[:SHOWN_CHARACTERS]
    return visible(f"{letter.short_id}  {letter.time}  {letter.reason}  {place} ({letter.length} bytes)  {shown}")


def _raw_text(letter: Letter) -> str:
    return letter.raw.decode("utf-8", "backslashreplace")


def _box(state_dir: str | None, config: str | None) -> LetterBox:
    from logagent.daemon.letters import LetterBox

    return LetterBox(state_of(state_dir, config))


@rejects.command()
@click.argument("key")
@_STATE
@_CONFIG
@click.option("--json", "as_json", is_flag=True, help="The letter as it stands in dead_letter.jsonl.")
def show(*, key: str, state_dir: str | None, config: str | None, as_json: bool) -> None:
    """One dead letter whole: its line, escaped for terminals, and why it could not be stored.

    KEY is a key, a #id as `list` shows it, or the beginning of either. Exit: 3 none has it, or several have.
    """
    box = _box(state_dir, config)
    letter = _only(key, [letter for letter in box.letters() if letter.is_named(key)])
    if as_json:
        from logagent.query.render.escape import json_text

        click.echo(json_text(letter))
        return
    click.echo(_whole(letter, is_replayed=letter.key in box.replayed()))


def _only(key: str, found: list[Letter]) -> Letter:
    if len(found) == 1:
        return found[0]
    if not found:
        _not_found(f"no dead letter has the key {key!r}: see `logagent rejects list`")
    some = ", ".join(letter.key for letter in found[:5])
    return _not_found(f"{len(found)} dead letters begin with {key!r}: {some}{', ...' if len(found) > 5 else ''}")


def _not_found(message: str) -> NoReturn:
    click.echo(f"logagent: {message}", err=True)
    sys.exit(EXIT_NOT_FOUND)


def _whole(letter: Letter, *, is_replayed: bool) -> str:
    from logagent.formats.visible import visible, visible_lines

    cut = f", the first {len(letter.raw)} are kept" if len(letter.raw) < letter.length else ""
    fields = {
        "key": letter.key,
        "reason": letter.reason,
        "detail": letter.detail,
        "time": letter.time + (" (replayed since)" if is_replayed else ""),
        "file": f"{letter.file} @ {letter.offset}, fingerprint {letter.fingerprint}",
        "length": f"{letter.length} bytes{cut}",
    }
    lines = [f"{name:<8} {visible(value)}" for name, value in fields.items()]
    return "\n".join([*lines, "line", *(f"  {line}" for line in visible_lines(_raw_text(letter)))])


@rejects.command()
@click.argument("keys", nargs=-1, metavar="[KEY]...")
@settings_options
@click.option("--reason", metavar="R", help="Only this reason, such as bad_json.")
def replay(
    *,
    keys: tuple[str, ...],
    watch: tuple[str, ...],
    store: str | None,
    state_dir: str | None,
    config: str | None,
    reason: str | None,
) -> None:
    """Read dead letters again with today's parser, and store those that now make a record.

    They get the key that the daemon would give them today, so doing this twice, or while the daemon runs, doubles
    nothing. Those that still fail stay. Exit: 0 also where some still fail, 3 a KEY is not there, 4 no store.
    """
    from logagent.cli.composition import file_context, opened_store
    from logagent.daemon.letters import LetterBox
    from logagent.daemon.replay import replay as replay_letters

    os.umask(0o027)
    settings = settings_of(watch=watch, store=store, state_dir=state_dir, config=config)
    box = LetterBox(settings.state_dir)
    chosen = _chosen(box, keys, reason)
    with opened_store(settings) as (opened, identity):
        result = replay_letters(chosen, box, opened, identity.store_id, file_context(settings), time.time_ns() // 1000)
    click.echo(_told(result))


def _chosen(box: LetterBox, keys: tuple[str, ...], reason: str | None) -> Iterator[Letter]:
    wanted = {_only(key, [letter for letter in box.letters() if letter.is_named(key)]).key for key in keys}
    return (
        letter
        for letter in box.letters()
        if (not wanted or letter.key in wanted) and (reason is None or letter.reason == reason)
    )


def _told(result: Replay) -> str:
    lines = [
        f"{result.tried} dead letters tried: {result.stored} stored, {result.already_there} already there, "
        f"{result.expired} expired, {result.failing.total()} still fail"
    ]
    return "\n".join(lines + [f"  {reason}  {count}" for reason, count in result.failing.most_common()])
