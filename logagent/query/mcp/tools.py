"""What each tool asks: arguments to pages, pages to text and suggestions."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

import msgspec

from logagent.errors import BadQuery, LogagentError, NotFound
from logagent.formats.visible import visible
from logagent.query import difference, errors, events, expectations, free, learning, patterns, runs, similar, why
from logagent.query.item import Page, Window
from logagent.query.language import parse_query
from logagent.query.mcp.arguments import Arguments
from logagent.query.mcp.definitions import DEFINITIONS, ToolDefinition
from logagent.query.render.budget import CHARACTERS_PER_TOKEN, DEFAULT_TOKENS, MIN_TOKENS, Ways
from logagent.query.render.compact import compact
from logagent.query.render.escape import json_text
from logagent.query.render.failure import error_word
from logagent.query.sources import Place, daemon_of, open_source, status_of
from logagent.query.unseen import wait_for_ends
from logagent.query.window import resolve_window
from logagent.query.wording import PROGRAM
from logagent.store.protocol import Reader

MAX_CHARACTERS: Final = 48_000
_SUGGESTED: Final = 3
_OVERVIEW_ROWS: Final = 5
_LISTED_ERRORS: Final = 20
_TEMPLATES: Final = 20
_LONGEST_SUGGESTION: Final = 2_000
_LONGEST_ERROR: Final = 1_000
_LEFT_OUT: Final = "[the rest left out; ask again with more max_tokens]\n"
Suggestion: TypeAlias = dict[str, Any]


class Answer(msgspec.Struct, frozen=True):
    """What goes back: text once, and what is to know about the rest."""

    text: str
    structured: dict[str, Any] | None = None
    is_error: bool = False


class Tools:
    """The tools over one store, which the first question opens."""

    def __init__(self, place: Place, *, allow_write: bool) -> None:
        self._place = place
        self._reader: Reader | None = None
        self.definitions = [each for each in DEFINITIONS if allow_write or not each.writes]

    def close(self) -> None:
        """Let go of the store."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    @property
    def reader(self) -> Reader:
        """The store's reading handle."""
        if self._reader is None:
            self._reader = open_source(self._place.url)
        return self._reader

    def call(self, name: str, given: Mapping[str, Any]) -> Answer:
        """Answer one call; what cannot be answered is an answer too, beginning with a stable word."""
        definition = next((each for each in self.definitions if each.name == name), None)
        if definition is None and any(each.name == name for each in DEFINITIONS):
            return Answer(f"not_permitted: {name} writes; it is there with `mcp --allow-write`", None, True)
        if definition is None:
            return Answer(
                f"bad_query: no tool {name!r} (there are {', '.join(t.name for t in self.definitions)})", None, True
            )
        try:
            arguments = Arguments(given, definition.schema)
            return self._answered(definition, arguments, given)
        except LogagentError as error:
            return Answer(_error_text(error), None, True)

    def _answered(self, definition: ToolDefinition, arguments: Arguments, given: Mapping[str, Any]) -> Answer:
        now = datetime.now(UTC)
        unseen = wait_for_ends(self.reader, status_of(self._place))
        first, *rest = _ASKED[definition.name](self, arguments, now)
        pages = [first.with_hints([*unseen, *first.hints]), *rest]
        budget = arguments.number("max_tokens", DEFAULT_TOKENS) if "max_tokens" in definition.properties else 0
        budget = budget or (why.MAX_TOKENS if definition.name == "explain_failure" else DEFAULT_TOKENS)
        suggested = _suggestions(definition, pages, given)
        following = "".join(f"next: {each['tool']} {json_text(each['arguments'])}\n" for each in suggested)
        room = min(int(budget * CHARACTERS_PER_TOKEN), MAX_CHARACTERS) - len(following)
        if room < MIN_TOKENS * CHARACTERS_PER_TOKEN:
            following, room = "", room + len(following)
        return Answer(_rendered(pages, room, definition) + following, _structured(pages[0], suggested))

    def overview(self, arguments: Arguments, now: datetime) -> list[Page]:
        """What is there, new errors or all of a time, what is overdue."""
        script, since = arguments.text("script"), arguments.text("since")
        daemon = daemon_of(self._place, status_of(self._place), _us(now))
        question = errors.ErrorQuestion(
            script=script,
            only_new=since is None,
            window=_window(since, None, now),
            limit=_OVERVIEW_ROWS if since is None else _LISTED_ERRORS,
        )
        found = errors.errors(self.reader, question)
        late = expectations.overdue(self.reader, script, _us(now))
        more = [page for page in (found, late) if page.items or (page is found and since)]
        return [runs.overview(self.reader, daemon), *more]

    def list_runs(self, arguments: Arguments, now: datetime) -> list[Page]:
        """Runs."""
        script, status, since = arguments.text("script"), arguments.text("status"), arguments.text("since")
        question = runs.RunQuestion(
            script=script,
            status=(status,) if status else (),
            window=_window(since, None, now),
            limit=arguments.number("limit", 50),
            next=arguments.text("cursor"),
            written=tuple(map(str, (script, status, since))),
        )
        order = arguments.choice("order", "newest")
        return [(runs.slowest_runs if order == "slowest" else runs.runs)(self.reader, question)]

    def get_run(self, arguments: Arguments, _: datetime) -> list[Page]:
        """One run, and its templates."""
        whole = runs.show_run(self.reader, arguments.needed("run"))
        question = patterns.PatternQuestion(run=whole[0].execution_id, limit=_TEMPLATES)
        found = patterns.patterns(self.reader, question)
        return [whole, found] if found.items else [whole]

    def explain(self, arguments: Arguments, now: datetime) -> list[Page]:
        """The evidence pack."""
        return [why.why(self.reader, arguments.text("run", "@last-failed") or "@last-failed", _us(now))]

    def search(self, arguments: Arguments, now: datetime) -> list[Page]:
        """Events; the words as written, since quotes mean something in them."""
        query, since, until = (arguments.raw(name) or "" for name in ("query", "since", "until"))
        question = events.EventQuestion(
            where=parse_query(query),
            window=_window(since, until, now),
            limit=arguments.number("limit", 50),
            next=arguments.text("cursor"),
            written=(query, since, until),
        )
        return [events.search(self.reader, question)]

    def get_event(self, arguments: Arguments, _: datetime) -> list[Page]:
        """One event, and its neighbours."""
        name = arguments.event_id("id")
        before, after = arguments.number("before", 5), arguments.number("after", 5)
        whole = events.event(self.reader, name).of_kind("detail")
        return [whole, events.context(self.reader, name, before, after)] if before or after else [whole]

    def compare(self, arguments: Arguments, _: datetime) -> list[Page]:
        """Two runs."""
        return [difference.diff(self.reader, arguments.needed("run"), arguments.text("base"))]

    def learnings(self, arguments: Arguments, _: datetime) -> list[Page]:
        """What is like it; without a text, learnings."""
        about, limit = arguments.text("about") or "", arguments.number("limit", 10)
        if not about:
            return [learning.search_learnings(self.reader, "", limit)]
        return [similar.similar(self.reader, about, limit)]

    def query(self, arguments: Arguments, _: datetime) -> list[Page]:
        """The store's own language."""
        text, limit = arguments.raw("statement") or "", arguments.number("limit", 100)
        if self.reader.url.startswith("sqlite:"):
            return [free.sql(self.reader, text, max_rows=limit)]
        return [free.aql(self.reader, text, max_rows=limit)]

    def record(self, arguments: Arguments, _: datetime) -> list[Page]:
        """A learning, as a line."""
        write = learning.writer_for(self._place, status_of(self._place))
        page = learning.add(
            self.reader,
            write,
            arguments.needed("learning"),
            evidence=arguments.texts("evidence"),
            function=arguments.text("function"),
            confidence=arguments.share("confidence", 0.8),
        )
        return [page]


_ASKED: Final[dict[str, Callable[[Tools, Arguments, datetime], list[Page]]]] = {
    "log_overview": Tools.overview,
    "list_runs": Tools.list_runs,
    "get_run": Tools.get_run,
    "explain_failure": Tools.explain,
    "search_logs": Tools.search,
    "get_event": Tools.get_event,
    "compare_runs": Tools.compare,
    "find_learnings": Tools.learnings,
    "query_store": Tools.query,
    "record_learning": Tools.record,
}


def _us(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)


def _window(since: str | None, until: str | None, now: datetime) -> Window:
    return resolve_window(since or None, until or None, now)


def _error_text(error: LogagentError) -> str:
    nearest = f"; nearest: {', '.join(error.closest)}" if isinstance(error, NotFound) and error.closest else ""
    at = f" (at character {error.position})" if isinstance(error, BadQuery) and error.position is not None else ""
    return visible(f"{error_word(error)}: {error}{at}{nearest}"[:_LONGEST_ERROR])


def _rendered(pages: Sequence[Page], room: int, definition: ToolDefinition) -> str:
    """The compact forms, one below the other in that many characters; what the others leave is for those above."""
    text = ""
    for at in reversed(range(len(pages))):
        left = int((room - len(text)) / CHARACTERS_PER_TOKEN) // (at + 1)
        is_left_out = at > 0 and left < MIN_TOKENS
        text = _LEFT_OUT if is_left_out else _compact(pages[at], max(left, MIN_TOKENS), definition) + text
    return text


def _compact(page: Page, budget: int, definition: ToolDefinition) -> str:
    """The ways on are said as calls, not as commands."""
    sentences = [hint for hint in page.hints if not hint.startswith(PROGRAM + " ")]
    more = "ask again with more max_tokens" if "max_tokens" in definition.properties else None
    ways = Ways(next="the same call with the cursor below" if page.next else None, more=more)
    return compact(page.with_hints(sentences), budget, ways)


def _structured(page: Page, suggested: Sequence[Suggestion]) -> dict[str, Any]:
    envelope = page.envelope()
    return {name: envelope[name] for name in ("total", "returned", "truncated", "next")} | {
        "suggested": list(suggested)
    }


def _suggestions(definition: ToolDefinition, pages: Sequence[Page], given: Mapping[str, Any]) -> list[Suggestion]:
    """Calls that lead on: the next page first, then what the hints, which are our own commands, say as commands."""
    found: list[Suggestion] = []
    if pages[0].next:
        found.append({"tool": definition.name, "arguments": {**given, "cursor": pages[0].next}})
        if len(json_text(found[0])) > _LONGEST_SUGGESTION:
            found.clear()
    for hint in (hint for page in pages for hint in page.hints):
        call = _as_call(hint)
        if call is not None and call not in found and call["tool"] != definition.name:
            found.append(call)
    return found[:_SUGGESTED]


def _as_call(hint: str) -> Suggestion | None:
    """A command of ours as the call that does the same; None where no tool does."""
    if not hint.startswith(PROGRAM + " "):
        return None
    match shlex.split(hint)[1:]:
        case ["show" | "context", name] if name.startswith("#"):
            return {"tool": "get_event", "arguments": {"id": name}}
        case ["show", name]:
            return {"tool": "get_run", "arguments": {"run": name}}
        case ["why"]:
            return {"tool": "explain_failure", "arguments": {}}
        case ["why", run]:
            return {"tool": "explain_failure", "arguments": {"run": run}}
        case ["diff", run]:
            return {"tool": "compare_runs", "arguments": {"run": run}}
        case ["similar", about]:
            return {"tool": "find_learnings", "arguments": {"about": about}}
        case ["search", query]:
            return {"tool": "search_logs", "arguments": {"query": query}}
        case ["search", query, "--run", run]:
            return {"tool": "search_logs", "arguments": {"query": f"{query} run:{run}"}}
    return None
