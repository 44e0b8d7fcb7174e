"""Saved questions: command lines with a name, in a TOML file that people can read, edit and share."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Final

from logagent.errors import BadQuery, ConfigError, NotFound

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,60}\Z")


def saved_file(environ: Mapping[str, str]) -> str:
    """Where they are: `$XDG_CONFIG_HOME/logagent/queries.toml`, by default below ~/.config."""
    config = environ.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")
    return os.path.join(config, "logagent", "queries.toml")


def saved_questions(path: str) -> dict[str, list[str]]:
    """All of them by name; none where there is no file.

    Raises:
        ConfigError: the file is not of that form.
    """
    try:
        with open(path, "rb") as file:
            tables = tomllib.load(file)
    except FileNotFoundError:
        return {}
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    return {name: _command(path, name, table) for name, table in tables.items()}


def _command(path: str, name: str, table: object) -> list[str]:
    command = table.get("command") if isinstance(table, dict) else None
    if not isinstance(command, list) or not command or not all(isinstance(word, str) for word in command):
        raise ConfigError(f'{path}: [{name}] needs command = ["search", "level>=error"]')
    return command


def save_question(path: str, name: str, command: Sequence[str]) -> None:
    """Keep that command line under that name, in place of one that has it.

    Raises:
        BadQuery: no name for a table.
        ConfigError: the file cannot be read or written.
    """
    if not _NAME.match(name):
        raise BadQuery(f"{name!r} is no name: letters, digits, - and _, at most 60")
    _write(path, saved_questions(path) | {name: list(command)})


def remove_question(path: str, name: str) -> None:
    """Forget it.

    Raises:
        NotFound: there is none of that name.
    """
    known = saved_questions(path)
    if name not in known:
        raise NotFound(f"nothing is saved as {name!r}", closest=tuple(known)[:3])
    del known[name]
    _write(path, known)


def _write(path: str, questions: Mapping[str, Sequence[str]]) -> None:
    """All at once under another name first: a crash leaves the old file or the new one."""
    text = "".join(f"[{name}]\ncommand = [{', '.join(map(_quoted, words))}]\n\n" for name, words in questions.items())
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path + ".new", "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
        os.replace(path + ".new", path)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error


def _quoted(text: str) -> str:
    """A TOML string: JSON's, but for the one control character that JSON leaves as it is."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
