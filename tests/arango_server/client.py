"""A plain client over one kept connection, for this package's own tests."""

from __future__ import annotations

import base64
import http.client
import json
from dataclasses import dataclass
from typing import Any

from .server import ArangoServer


@dataclass
class Answer:
    """What came back."""

    status: int
    body: Any
    headers: dict[str, str]


class Client:
    """Sends requests as a user, by default root."""

    def __init__(self, server: ArangoServer, user: str = "root", password: str | None = None) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        secret = f"{user}:{server.password if password is None else password}"
        self._headers = {"Authorization": "Basic " + base64.b64encode(secret.encode()).decode()}
        self.prefix = ""

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def send(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
        """One request; a body that is no text goes out as JSON."""
        data = None if body is None else body.encode() if isinstance(body, str) else json.dumps(body).encode()
        target = path if path.startswith("/_db/") else self.prefix + path
        self._connection.request(method, target, data, self._headers | (headers or {}))
        response = self._connection.getresponse()
        text = response.read()
        found = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, json.loads(text) if text else None, found)

    def query(self, text: str, binds: dict[str, Any] | None = None, **options: Any) -> list[Any]:
        """The rows of a query; an answer without rows fails."""
        answer = self.send("POST", "/_api/cursor", {"query": text, "bindVars": binds or {}, "options": options})
        assert answer.status == 201, answer.body
        return list(answer.body["result"])
