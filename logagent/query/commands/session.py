"""A command's session: the source it reads, the form it answers in, and how the answer leaves the process."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final, Literal

from logagent.errors import BadQuery, NotFound
from logagent.formats.status import Status
from logagent.query.item import Page, Window
from logagent.query.render.budget import DEFAULT_TOKENS, Ways
from logagent.query.render.escape import json_text
from logagent.query.sources import Place, daemon_of, find_place, open_with_notes, status_of
from logagent.query.unseen import wait_for_ends
from logagent.query.window import resolve_window
from logagent.query.wording import command, with_source
from logagent.store.protocol import Reader

Form = Literal["table", "jsonl", "json", "compact", "csv"]
FORMS: Final[tuple[Form, ...]] = ("table", "jsonl", "json", "compact", "csv")
_TEXT_FILES: Final = (".log", ".log.gz", ".log.bz2", ".log.xz", ".txt", ".out", ".err", ".json")
_LOG_FILES: Final = (".jsonl", ".jsonl.gz", ".jsonl.bz2", ".jsonl.xz", ".ndjson")


class Session:
    """One command's source and output. `words` are its arguments without a log file among them."""

    def __init__(
        self,
        words: Sequence[str],
        *,
        output: str | None,
        max_tokens: int | None,
        store: str | None,
        state_dir: str | None,
        typed: Sequence[str],
        name: str,
    ) -> None:
        self.words, file = _without_file(words)
        if file and store:
            raise BadQuery(f"both --store {store} and the file {file}: name one source")
        self.form = _form(output)
        self.max_tokens = max_tokens or DEFAULT_TOKENS
        self._store = file or store
        self._state_dir = state_dir
        self._typed = list(typed)
        self._name = name
        self.notes: list[str] = []
        """What the source leaves out, as sentences; known once it is open."""
        self.is_behind = False
        """True if a run has ended that the store does not know of; known once it is open."""
        self.now = datetime.now(UTC)

    @cached_property
    def place(self) -> Place:
        """Where the answer comes from."""
        return find_place(self._store, self._state_dir)

    @cached_property
    def reader(self) -> Reader:
        """The source, opened on first use."""
        reader, self.notes = open_with_notes(self.place.url)
        unseen = wait_for_ends(reader, self.status)
        self.is_behind = bool(unseen)
        self.notes += unseen
        return reader

    @cached_property
    def status(self) -> Status | None:
        """What `read_status` found, looked at once."""
        return self.read_status()

    def read_status(self) -> Status | None:
        """The status of the daemon that fills this store, if it reports in the state directory or beside it."""
        return status_of(self.place, is_named=self._store is not None)

    @property
    def daemon(self) -> dict[str, Any]:
        """What an answer says of the daemon."""
        return daemon_of(self.place, self.status, self.now_us)

    @property
    def now_us(self) -> int:
        """The command's one idea of now, in microseconds."""
        return int(self.now.timestamp() * 1_000_000)

    def close(self) -> None:
        """Let go of the source, if it was opened."""
        if "reader" in self.__dict__:
            self.reader.close()

    def window(self, since: str | None, until: str | None) -> Window:
        """The window between two times as typed."""
        return resolve_window(since, until, self.now)

    def text(self) -> str:
        """The arguments as one query text."""
        return " ".join(self.words)

    def one_word(self, what: str) -> str:
        """The command's only argument.

        Raises:
            BadQuery: none or several were given.
        """
        if len(self.words) != 1:
            given = f"not {len(self.words)}" if self.words else f"as `{command(self._name)} ...`"
            raise BadQuery(f"{self._name} takes one {what}, {given}")
        return self.words[0]

    def answer(self, page: Page) -> None:
        """Write the page in the form asked for; its hints ask the same source."""
        if not page.items and self.place.is_store:
            page = page.with_hints([*page.hints, str(self.daemon["says"])])
        hints = [with_source(hint, self.source) for hint in page.hints]
        self.list_own(page.with_hints([*self.notes, *([] if page.items else self._how_to_read()), *hints]))

    def _how_to_read(self) -> list[str]:
        """What to ask instead, where a file was taken for a word to look for."""
        file = next((word for word in self.words if word.endswith(_TEXT_FILES) and os.path.isfile(word)), None)
        if file is None or self._store is not None or file not in self._typed:
            return []
        at = self._typed.index(file)
        said = f"{file} was taken for a word to look for; to read that file:"
        return [said, command("--store", file, *self._typed[:at], *self._typed[at + 1 :])]

    def list_own(self, page: Page) -> None:
        """The same for what comes from no source."""
        match self.form:
            case "json":
                write(json_text(page.to_dict()) + "\n")
            case "jsonl":
                self.stream_json(page)
                note(json_text(page.envelope()))
            case "compact":
                from logagent.query.render.compact import compact

                write(compact(page, self.max_tokens, self._ways(page)))
            case "csv":
                from logagent.query.render.delimited import csv_page

                write(csv_page(page))
                note(json_text(page.envelope()))
            case "table":
                self._show(page)

    def stream_json(self, items: Iterable[Any]) -> int:
        """A JSON line for each item as it comes; returns how many."""
        count = 0
        for count, item in enumerate(items, 1):  # noqa: B007 - the count outlives the loop
            write(json_text(item.to_dict() if hasattr(item, "to_dict") else item) + "\n")
        return count

    @property
    def source(self) -> tuple[str, ...]:
        """The options that name this source again."""
        given = (("--store", self._store), ("--state-dir", self._state_dir))
        return tuple(word for name, value in given if value for word in (name, value))

    def _ways(self, page: Page) -> Ways:
        following = self._again("--next", page.next) if page.next else None
        return Ways(next=following, more=self._again("-o", "json"))

    def _again(self, option: str, value: str) -> str:
        """This very command with one option set another way."""
        words = _without_option(self._typed, option)
        at = words.index(self._name) + 1 if self._name in words else 0
        return command(*words[:at], option, value, *words[at:])

    def _show(self, page: Page) -> None:
        from logagent.query.render.table import plain_table, rich_table, uncoloured

        if not sys.stdout.isatty():
            write(plain_table(page))
            return
        columns, rows = _terminal_size()
        text = rich_table(page, columns)
        if os.environ.get("NO_COLOR"):
            text = uncoloured(text)
        if text.count("\n") < rows or not sys.stdin.isatty():
            write(text)
            return
        import click

        click.echo_via_pager(text)  # told nothing of colours, it has less show them


def _terminal_size() -> tuple[int, int]:
    """Columns and rows; a terminal that does not know its size is a usual one."""
    columns, rows = os.get_terminal_size(sys.stdout.fileno())
    return int(os.environ.get("COLUMNS") or columns or 80), rows or 24


def _without_file(words: Sequence[str]) -> tuple[list[str], str | None]:
    """The words, and the log file among them."""
    files = [word for word in words if word.endswith(_LOG_FILES)]
    if len(files) > 1:
        raise BadQuery(f"one log file at a time, not {', '.join(files)}")
    if files and not os.path.isfile(files[0]):
        raise NotFound(f"no file {files[0]!r}; to search for that text, quote it: '\"{files[0]}\"'")
    return [word for word in words if word not in files], files[0] if files else None


def _form(output: str | None) -> Form:
    if output is None:
        return "table" if sys.stdout.isatty() else "jsonl"
    for form in FORMS:
        if output == form:
            return form
    raise BadQuery(f"no output form {output!r}; there are {', '.join(FORMS)}")


_SPELLINGS: Final = {"-o": ("-o", "--output"), "--next": ("--next",)}


def _without_option(typed: Sequence[str], option: str) -> list[str]:
    """The arguments less one option with its value."""
    names = _SPELLINGS[option]
    kept: list[str] = []
    words = iter(typed)
    for word in words:
        if word == "--":
            return [*kept, word, *words]
        if word in names:
            next(words, None)
        elif not word.startswith(tuple(name + "=" for name in names)):
            kept.append(word)
    return kept


def write(text: str) -> None:
    """Data, to stdout."""
    sys.stdout.write(text)


def note(text: str) -> None:
    """The one line of metadata, to stderr, behind all data."""
    sys.stdout.flush()
    sys.stderr.write(text + "\n")


def wait(seconds: float) -> None:
    """Pause between two looks at the store."""
    sys.stdout.flush()
    time.sleep(seconds)
