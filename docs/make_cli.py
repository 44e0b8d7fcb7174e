"""Writes docs/cli.md: every command of `logagent` and `logagent-query` as its own help tells it.

python docs/make_cli.py            write the page
python docs/make_cli.py --check    exit 1 if the page is not what would be written
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

PAGE = Path(__file__).parent / "cli.md"
WIDTH = 100
HEAD = """# Command lines

Generated from the commands themselves by `make docs`; change their help, not this page.
"""


def page() -> str:
    """The whole page."""
    from logagent.cli.main import cli
    from logagent.query.cli import group

    parts = [HEAD]
    for program, command in (("logagent", cli), ("logagent-query", group)):
        parts += [f"\n## {program}\n\n{_block(program, command, None)}", *_commands(program, command)]
    return "".join(parts)


def _commands(program: str, group: click.Group) -> Iterator[str]:
    parent = _context(program, group, None)
    for name in group.list_commands(parent):
        command = group.get_command(parent, name)
        if command is None or command.hidden:
            continue
        yield f"\n### {program} {name}\n\n{_block(name, command, parent)}"
        if isinstance(command, click.Group):
            yield from _commands(f"{program} {name}", command)


def _block(name: str, command: click.Command, parent: click.Context | None) -> str:
    lines = [line.rstrip() for line in command.get_help(_context(name, command, parent)).splitlines()]
    return "```text\n" + "\n".join(lines) + "\n```\n"


def _context(name: str, command: click.Command, parent: click.Context | None) -> click.Context:
    settings = {**command.context_settings, "terminal_width": WIDTH, "max_content_width": WIDTH}
    return click.Context(command, info_name=name, parent=parent, **settings)


def main(arguments: list[str]) -> int:
    """Write or check."""
    wanted = page()
    if "--check" not in arguments:
        PAGE.write_text(wanted, encoding="utf-8")
        return 0
    is_current = PAGE.exists() and PAGE.read_text(encoding="utf-8") == wanted
    if not is_current:
        print(f"{PAGE.name} is not up to date: make docs", file=sys.stderr)
    return 0 if is_current else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
