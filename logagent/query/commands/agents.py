"""Commands for agents' own use: mcp, skill."""

from __future__ import annotations

import click

from logagent.errors import ConfigError
from logagent.query.commands.options import reading
from logagent.query.commands.session import Session, write


@click.command()
@click.option("--allow-write", is_flag=True, help="Offer record_learning too, which writes a line.")
@reading
def mcp(session: Session, *, allow_write: bool) -> None:
    """Serve the questions as MCP tools on stdin and stdout."""
    try:
        from logagent.query.mcp.server import serve
    except ImportError as missing:
        raise ConfigError("the MCP server needs its extra: pip install 'logagent[mcp]'") from missing
    serve(session.place, allow_write=allow_write)


@click.command()
@click.option(
    "--snippet", is_flag=True, help="Only the lines for an agent's configuration: CLAUDE.md, AGENTS.md, .mcp.json."
)
@reading
def skill(session: Session, *, snippet: bool) -> None:  # noqa: ARG001 - every command has a session
    """The short file that tells an agent how to use all this."""
    from logagent.query.skill import SKILL, SNIPPET

    write(SNIPPET if snippet else SKILL)
