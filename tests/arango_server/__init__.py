"""A strict stand-in for ArangoDB 3.12: real documents in memory behind its HTTP interface and AQL.

In goes HTTP, out comes what a 3.12 server would answer. What this server does not know for certain it refuses
with HTTP 501 and a text that names it; it never guesses. Nothing survives the process.

    with ArangoServer() as server:
        ...  # server.url, user root, password server.password
"""

from .server import ArangoServer

__all__ = ["ArangoServer"]
