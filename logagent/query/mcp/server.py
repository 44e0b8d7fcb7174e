"""The tools behind the official SDK, over stdio."""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

import anyio
import anyio.to_thread
import mcp_types as types
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

from logagent import __version__
from logagent.query.mcp.definitions import INSTRUCTIONS, ToolDefinition
from logagent.query.mcp.tools import Answer, Tools
from logagent.query.sources import Place


def serve(place: Place, *, allow_write: bool) -> None:
    """Serve until stdin ends."""
    tools = Tools(place, allow_write=allow_write)
    try:
        anyio.run(partial(_serve, tools))
    except* (BrokenPipeError, anyio.BrokenResourceError):
        sys.stderr.write("logagent-query mcp: the client is gone\n")
    finally:
        tools.close()


async def _serve(tools: Tools) -> None:
    server = server_of(tools)
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


def server_of(tools: Tools) -> Server[Any]:
    """The server with these tools; one call at a time, in a thread, as a reader belongs to one question."""
    one = anyio.CapacityLimiter(1)

    async def list_tools(_context: Any, _params: Any) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[_tool(each) for each in tools.definitions])

    async def call_tool(_context: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        ask = partial(tools.call, params.name, params.arguments or {})
        return _result(await anyio.to_thread.run_sync(ask, limiter=one))

    return Server(
        "logagent",
        version=__version__,
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


def _tool(definition: ToolDefinition) -> types.Tool:
    annotations = types.ToolAnnotations(
        read_only_hint=not definition.writes,
        destructive_hint=False,
        idempotent_hint=not definition.writes,  # a learning that is written again is confirmed by that
        open_world_hint=False,
    )
    return types.Tool(
        name=definition.name,
        description=definition.description,
        input_schema=definition.schema,
        annotations=annotations,
    )


def _result(answer: Answer) -> types.CallToolResult:
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=answer.text)],
        structured_content=answer.structured,
        is_error=answer.is_error,
    )
