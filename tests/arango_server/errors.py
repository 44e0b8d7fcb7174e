"""What the server answers instead of a result: ArangoDB's own errors, and our refusal.

Exception
├── ArangoError    the error that ArangoDB gives, with its number and HTTP status
└── Unsupported    we do not know what ArangoDB would do: HTTP 501
"""

from __future__ import annotations

from typing import Any, Final

HTTP_STATUS: Final[dict[int, int]] = {
    10: 400, 11: 403, 17: 400, 32: 500, 600: 400, 1004: 403, 1200: 409, 1202: 404, 1203: 404, 1205: 400,
    1207: 409, 1208: 400, 1210: 409, 1212: 404, 1213: 400, 1218: 400, 1221: 400, 1226: 400, 1227: 400,
    1228: 404, 1229: 400, 1230: 403,
    1233: 400, 1429: 503, 1500: 410, 1600: 404, 1620: 400, 1621: 400, 1702: 409, 1703: 404,
    1921: 400, 1924: 404, 1925: 409, 1928: 400, 1930: 404, 1942: 400, 1947: 400, 2000: 400, 2001: 400,
}  # fmt: skip

TEXT: Final[dict[int, str]] = {
    600: "failed to parse request body as JSON",
    1200: "conflict, _rev values do not match",
    1202: "document not found",
    1203: "collection or view not found",
    1205: "illegal document identifier",
    1210: "unique constraint violated",
    1221: "illegal document key",
    1227: "invalid document type",
    1233: "edge attribute missing or invalid",
    1600: "cursor not found",
}


class ArangoError(Exception):
    """An error of ArangoDB: its number, its text, its HTTP status."""

    def __init__(self, number: int, message: str | None = None, *, status: int | None = None) -> None:
        self.number = number
        self.message = message if message is not None else TEXT[number]
        self.status = status if status is not None else HTTP_STATUS.get(number, 400)
        super().__init__(f"{number}: {self.message}")

    def body(self) -> dict[str, Any]:
        """As the whole answer of a request."""
        return {"code": self.status, "error": True, "errorMessage": self.message, "errorNum": self.number}

    def inline(self) -> dict[str, Any]:
        """As one element of an array of results: without `code`."""
        return {"error": True, "errorNum": self.number, "errorMessage": self.message}


class Unsupported(Exception):
    """This server does not know what ArangoDB would answer; the text names what was asked for."""

    def body(self) -> dict[str, Any]:
        """As the answer of a request; 9 is ArangoDB's number for what is not implemented."""
        return {"code": 501, "error": True, "errorNum": 9, "errorMessage": f"test server does not support: {self}"}
