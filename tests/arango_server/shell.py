"""The world of an arangosh script that recorded examples use, speaking to our server over HTTP."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from . import shell_modules
from .client import Answer, Client
from .errors import Unsupported
from .javascript import UNDEFINED, Parser
from .javascript_runner import Assigned, Runner
from .shell_collections import ShellCollection, ShellTransaction, ShellView, dropped, query
from .shell_things import Cursor, Thing, checked, without_error


class Shell:
    """One script's world."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.shown: list[Any] = []
        self.answers: list[Answer] = []
        self.shows_unknown = False

    def run(self, source: str) -> None:
        """Run a script; what it shows is in `shown`, what it asked by hand in `answers`.

        `shows_unknown` tells that it shows something of which it is not known how.
        """
        names = {
            "db": Database(self),
            "require": self._require,
            "logCurlRequest": self._curl,
            "logCurlRequestRaw": self._curl,
            "assert": lambda *_: UNDEFINED,
            "print": self._show,
            **{name: lambda *_: UNDEFINED for name in QUIET},
            "encodeURIComponent": lambda text: text,
            "console": Thing(None, error=lambda *_: UNDEFINED, log=lambda *_: UNDEFINED),
            "JSON": Thing(None, stringify=json.dumps, parse=json.loads),
            "Object": Thing(None, keys=list),
            "internal": self._internal(),
            "arango": Thing(None, GET_RAW=lambda url: _raw(self.client.send("GET", url))),
            "Date": Clock(),
        }
        Runner(names, self._show).run(Parser(source).program())

    def _show(self, value: Any) -> None:
        if isinstance(value, Assigned):
            if isinstance(value.value, ShellView):
                self.shows_unknown = True
                return
            value = value.value
        if value is UNDEFINED:
            return
        text = value.text if isinstance(value, Thing) else None
        if text is None and not _is_plain(value):
            self.shows_unknown = True
            return
        self.shown.append(value if text is None else text)
        if isinstance(value, Cursor) and value.rows:
            self.shown.append(value.rows)

    def _curl(self, method: str, url: str, body: Any = None, headers: Any = None) -> dict[str, Any]:
        sent = None if body is None or body is UNDEFINED or body == "" else body
        answer = self.client.send(method, url, sent, headers if isinstance(headers, dict) else None)
        self.answers.append(answer)
        if answer.status == 501:
            raise Unsupported(answer.body["errorMessage"])
        return _raw(answer)

    def _internal(self) -> Thing:
        return Thing(
            None,
            wal=Thing(None, flush=lambda *_: UNDEFINED),
            db=Database(self),
            sleep=lambda *_: UNDEFINED,
            wait=lambda *_: UNDEFINED,
        )

    def _require(self, name: str) -> Thing:
        graphs = "@arangodb/graph-examples/example-graph"
        makers: dict[str, Callable[[], Thing]] = {
            "@arangodb/analyzers": lambda: shell_modules.analyzers(self.client),
            "@arangodb/users": lambda: shell_modules.users(self.client),
            graphs: lambda: shell_modules.example_graphs(self.client),
            f"{graphs}.js": lambda: shell_modules.example_graphs(self.client),
            "@arangodb/general-graph": lambda: shell_modules.general_graph(self.client),
            "@arangodb": lambda: Thing(None, db=Database(self)),
            "jsunity": lambda: Thing(None, jsUnity=Thing(None, assertions=Thing(None, assertEqual=_nothing))),
            "@arangodb/aql/cache": lambda: Thing(
                None, properties=lambda given: checked(self.client.send("PUT", "/_api/query-cache/properties", given))
            ),
            "internal": self._internal,
        }
        if name not in makers:
            raise Unsupported(f"arangosh module {name}")
        return makers[name]()


class Clock(Thing):
    """`Date`, and what `new Date()` makes."""

    def __init__(self) -> None:
        super().__init__(None, now=lambda: time.time_ns() // 1_000_000)

    def __call__(self) -> Thing:
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return Thing(None, toISOString=lambda: now)


def _nothing(*_: Any) -> Any:
    return UNDEFINED


def _raw(answer: Answer) -> dict[str, Any]:
    return {"code": answer.status, "parsedBody": answer.body, "body": answer.body, "headers": answer.headers}


def _is_plain(value: Any) -> bool:
    if isinstance(value, list):
        return all(_is_plain(element) for element in value)
    if isinstance(value, dict):
        return all(_is_plain(element) for element in value.values())
    return value is None or isinstance(value, (str, bool, int, float))


QUIET: Final = (
    "logJsonResponse", "logRawResponse", "logPlainResponse", "addIgnoreCollection", "removeIgnoreCollection",
    "addIgnoreView", "removeIgnoreView", "logErrorResponse", "logHtmlResponse", "logJsonLResponse",
)  # fmt: skip


class Database(Thing):
    """`db`."""

    def __init__(self, shell: Shell) -> None:
        self._client = shell.client
        super().__init__(
            None,
            _create=lambda name, properties=None, *_: self._make(name, 2, properties),
            _createDocumentCollection=lambda name, properties=None: self._make(name, 2, properties),
            _createEdgeCollection=lambda name, properties=None: self._make(name, 3, properties),
            _collection=lambda name: ShellCollection(self._client, name),
            _drop=lambda name, *_: self._quiet("DELETE", f"/_api/collection/{name}?isSystem=true"),
            _dropIndex=lambda index: dropped(self._client, index),
            _view=lambda name: ShellView(self._client, checked(self._client.send("GET", f"/_api/view/{name}"))),
            _dropView=lambda name: self._quiet("DELETE", f"/_api/view/{name}"),
            _createView=self._create_view,
            _query=self._query,
            _flushCache=lambda: UNDEFINED,
            _createTransaction=self._transaction,
            _createDatabase=lambda name: checked(
                self._client.send("POST", "/_db/_system/_api/database", {"name": name})
            )["result"],
            _dropDatabase=lambda name: checked(self._client.send("DELETE", f"/_db/_system/_api/database/{name}"))[
                "result"
            ],
            _useDatabase=self._use,
            _databases=lambda: checked(self._client.send("GET", "/_db/_system/_api/database"))["result"],
            _properties=lambda: checked(self._client.send("GET", "/_api/database/current"))["result"],
            _index=lambda name: without_error(checked(self._client.send("GET", f"/_api/index/{name}"))),
        )

    def member(self, name: Any) -> Any:
        """A method, or a collection."""
        if name in self.members:
            return self.members[name]
        if str(name).startswith("_") and name != "_example":
            raise Unsupported(f"arangosh db.{name}")
        return ShellCollection(self._client, name)

    def _quiet(self, method: str, path: str) -> Any:
        self._client.send(method, path)
        return UNDEFINED

    def _use(self, name: str) -> bool:
        self._client.prefix = f"/_db/{name}"
        return True

    def _make(self, name: str, kind: int, properties: Any) -> ShellCollection:
        body = {"name": name, "type": kind} | (properties or {})
        checked(self._client.send("POST", "/_api/collection", body))
        return ShellCollection(self._client, name)

    def _transaction(self, body: Any) -> Thing:
        made = checked(self._client.send("POST", "/_api/transaction/begin", body))
        return ShellTransaction(self._client, made["result"]["id"])

    def _create_view(self, name: str, kind: str, properties: Any = None) -> Thing:
        made = checked(self._client.send("POST", "/_api/view", {"name": name, "type": kind} | (properties or {})))
        return ShellView(self._client, made)

    def _query(self, text: str, binds: Any = None, options: Any = None, *more: Any) -> Cursor:
        if options or any(more) or not isinstance(text, str):
            raise Unsupported("options of db._query")
        return query(self._client, text, binds)


NAME: Final = re.compile(r"[A-Za-z_][\w-]*")


def values_in(text: str) -> list[Any]:
    """What an output shows, in its order: values, and as texts errors, objects and strings that are names."""
    decoder, found, place = json.JSONDecoder(), [], 0
    if text.strip() == "Empty output":
        return []
    while place < len(text):
        line_end = text.find("\n", place)
        line = text[place : line_end if line_end >= 0 else len(text)]
        if not line.strip() or line.startswith(("[object", "[Arango")):
            if line.strip():
                found.append(line.strip())
            place += len(line) + 1
            continue
        try:
            value, place = decoder.raw_decode(text, place)
        except json.JSONDecodeError:
            if not NAME.fullmatch(line.strip()):
                raise Unsupported("an output that is no JSON") from None
            value, place = line.strip(), place + len(line)
        found.append(value)
        place += 1
    return found
