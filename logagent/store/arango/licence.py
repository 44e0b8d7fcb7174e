"""How much of what the community edition's licence allows is used."""

from __future__ import annotations

import msgspec
from arangoasync.request import Method

from logagent.store.arango.connection import Connection
from logagent.store.protocol import Room

_NOT_TOLD = (401, 403, 404, 501)
"""To a user without the right to ask, by a version or a build that has no such thing."""


class _Usage(msgspec.Struct, rename="camel"):
    bytes_used: int
    bytes_limit: int
    status: str = "good"
    seconds_until_read_only: int = 0
    seconds_until_shut_down: int = 0


class _Licence(msgspec.Struct, rename="camel"):
    disk_usage: _Usage | None = None


def room(connection: Connection) -> Room | None:
    """What the server says of its limit; None where it has none, or does not tell us."""
    answer = connection.send(Method.GET, "/_admin/license", allowed=_NOT_TOLD)
    usage: _Usage | None = connection.read(answer, _Licence).disk_usage
    if usage is None or usage.bytes_limit <= 0:
        return None
    return Room(usage.bytes_used, usage.bytes_limit, _trouble(usage))


def _trouble(usage: _Usage) -> str | None:
    match usage.status:
        case "good":
            return None
        case "limit-reached":
            return f"over the limit: read-only in {usage.seconds_until_read_only / 3600:.0f} hours"
        case "read-only":
            return f"read-only: it shuts down in {usage.seconds_until_shut_down / 3600:.0f} hours"
    return f"{usage.status}"
