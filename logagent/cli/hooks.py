"""The command `hooks`: puts our hook into a coding agent's settings file, and takes only that out again."""

from __future__ import annotations

import difflib
import json
import os
import re
import shlex
import sys
from pathlib import Path
from typing import Any, Final

import click

from logagent.errors import ConfigError
from logagent.hook import EVENTS

_MODULE: Final = "-m logagent.hook"
_TIMEOUT_S: Final = 5
_WITH_TOOLS: Final = ("PreToolUse", "PostToolUse")
_settings = click.option(
    "--settings", metavar="FILE", help="The settings file; by default that of the user: ~/.claude/settings.json."
)
_dry_run = click.option("--dry-run", is_flag=True, help="Show what would change, change nothing.")


@click.group()
def hooks() -> None:
    """Log what a coding agent does: its tool calls, prompts and sessions."""


@hooks.command()
@_settings
@_dry_run
def install(settings: str | None, dry_run: bool) -> None:
    """Add our hook to each event, beside what others put there."""
    _change(_path(settings), with_ours, dry_run=dry_run)


@hooks.command()
@_settings
@_dry_run
def uninstall(settings: str | None, dry_run: bool) -> None:
    """Take our hook out of each event; all else stays."""
    _change(_path(settings), without_ours, dry_run=dry_run)


def _path(given: str | None) -> Path:
    """A link leads to the file that is to be changed: replacing the link itself would cut it off."""
    home = os.environ.get("CLAUDE_CONFIG_DIR") or os.path.join(os.path.expanduser("~"), ".claude")
    return Path(os.path.realpath(given or os.path.join(home, "settings.json")))


def our_command() -> str:
    """This very Python, since the agent's own may not have logagent."""
    return f"{shlex.quote(sys.executable)} {_MODULE}"


def with_ours(document: dict[str, Any]) -> dict[str, Any]:
    """The settings with our hook in every event, once."""
    changed = without_ours(document)
    events: dict[str, Any] = dict(changed.get("hooks", {}))
    for event in EVENTS:
        ours: dict[str, Any] = {"hooks": [{"type": "command", "command": our_command(), "timeout": _TIMEOUT_S}]}
        if event in _WITH_TOOLS:
            ours = {"matcher": "*", **ours}
        events[event] = [*events.get(event, []), ours]
    return {**changed, "hooks": events}


def without_ours(document: dict[str, Any]) -> dict[str, Any]:
    """The settings less our hook, and less what nothing but it was in."""
    events = document.get("hooks")
    if events is None:
        return document
    if not isinstance(events, dict) or not all(isinstance(entries, list) for entries in events.values()):
        raise ConfigError("`hooks` in the settings file is not of the known form: an object of lists")
    left = {event: _others(entries) for event, entries in events.items()}
    kept = {event: entries for event, entries in left.items() if entries or not events[event]}
    if kept or not events:
        return {**document, "hooks": kept}
    return {name: value for name, value in document.items() if name != "hooks"}


def _others(entries: list[Any]) -> list[Any]:
    found = []
    for entry in entries:
        inner = entry.get("hooks") if isinstance(entry, dict) else None
        if not isinstance(inner, list):
            found.append(entry)
            continue
        others = [hook for hook in inner if not _is_ours(hook)]
        if others or not inner:
            found.append(entry if len(others) == len(inner) else {**entry, "hooks": others})
    return found


def _is_ours(hook: Any) -> bool:
    return isinstance(hook, dict) and str(hook.get("command", "")).endswith(_MODULE)


def _change(path: Path, change: Any, *, dry_run: bool) -> None:
    before = _read(path)
    document = _parsed(before, path)
    after = json.dumps(change(document), indent=_indent(before), ensure_ascii=False) + "\n"
    if json.loads(after) == document:
        click.echo(f"{path}: nothing to change")
    elif dry_run:
        click.echo("".join(difflib.unified_diff(
            before.splitlines(True), after.splitlines(True), str(path), str(path))), nl=False)  # fmt: skip
    else:
        _write(path, after)
        click.echo(f"{path}: changed")


def _indent(text: str) -> str:
    """As whoever wrote the file indents, so that only what we change looks changed."""
    found = re.search(r'\n([ \t]+)"', text)
    return found.group(1) if found else "  "


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {error}") from error


def _parsed(text: str, path: Path) -> dict[str, Any]:
    try:
        document = json.loads(text or "{}")
    except ValueError as error:
        raise ConfigError(f"{path} is no JSON ({error}): mend it first, it is left as it is") from error
    if not isinstance(document, dict):
        raise ConfigError(f"{path} holds no JSON object: it is left as it is")
    return document


def _write(path: Path, text: str) -> None:
    """Replaced in one step and with the mode it had: a settings file cut in two would stop the agent."""
    new = path.with_name(path.name + ".logagent-new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
        new.write_text(text, encoding="utf-8")
        new.chmod(mode)
        os.replace(new, path)
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error}") from error
