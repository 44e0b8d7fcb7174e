"""What is in the database: collections with their rules and indexes, analyzer, view and graph. Pure: no I/O.

`setup` brings a database to this. A change here needs a higher `VERSION`, so that databases are brought up to date.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

VERSION: Final = 3
META: Final = "log_meta"
EVENTS: Final = "log_events"
LINES: Final = "log_lines"
RUNS: Final = "script_runs"
LEARNINGS: Final = "agent_learnings"
RESOLUTIONS: Final = "error_resolutions"
ERRORS: Final = "log_errors"
SIGHTINGS: Final = "log_error_runs"
SOURCES: Final = "log_sources"
EMBEDDINGS: Final = "log_embeddings"
MEMORIES: Final = "agent_memories"
CAUSALITY: Final = "log_causality"
VIEW: Final = "log_events_view"
GRAPH: Final = "log_relationships"
ANALYZER: Final = "log_text"
PATIENCE_MS: Final = 60_000
"""A batch that began and never ended, since its daemon or its reply was lost, holds arrivals up for so long."""

Rule = dict[str, Any]

# No `integer` anywhere: for ArangoDB every number is a `number`, and a rule with `integer` matches nothing.
_WHOLE: Final[Rule] = {"type": "number", "multipleOf": 1}
_WHOLE_OR_NONE: Final[Rule] = {"type": ["number", "null"], "multipleOf": 1}
_TEXT: Final[Rule] = {"type": "string"}
_TEXT_OR_NONE: Final[Rule] = {"type": ["string", "null"]}
_OBJECT: Final[Rule] = {"type": "object"}
_TEXTS: Final[Rule] = {"type": "array", "items": {"type": "string"}}


def _rule(required: list[str], properties: dict[str, Rule]) -> Rule:
    return {"type": "object", "required": required, "properties": properties}


_EVENT_RULE: Final = _rule(
    ["timestamp", "level", "message", "execution_id"],
    {
        "timestamp": _TEXT,
        "level": _TEXT,
        "message": _TEXT,
        "execution_id": _TEXT,
        "script_name": _TEXT,
        "function_name": _TEXT_OR_NONE,
        "file_path": _TEXT_OR_NONE,
        "line_number": _WHOLE_OR_NONE,
        "pid": _WHOLE_OR_NONE,
        "ts_us": _WHOLE,
        "extra_data": _OBJECT,
        "tags": _TEXTS,
    },
)
_RUN_RULE: Final = _rule(
    ["execution_id", "script_name", "start_time"],
    {
        "execution_id": _TEXT,
        "script_name": _TEXT,
        "start_time": _TEXT_OR_NONE,
        "end_time": _TEXT_OR_NONE,
        "metadata": _OBJECT,
        "error": _TEXT_OR_NONE,
        "duration_seconds": {"type": ["number", "null"]},
        "pid": _WHOLE_OR_NONE,
        "hostname": _TEXT_OR_NONE,
    },
)
_LEARNING_RULE: Final = _rule(
    ["timestamp", "learning"],
    {
        "timestamp": _TEXT,
        "learning": _TEXT,
        "execution_id": _TEXT,
        "context": _OBJECT,
        "function_name": _TEXT_OR_NONE,
        "confidence": {"type": "number"},
    },
)


class Index(NamedTuple):
    """A persistent index. None is sparse: the server would use it only where constants are given for all its fields."""

    name: str
    fields: tuple[str, ...]


class Collection(NamedTuple):
    """A collection with its rule and its indexes."""

    name: str
    indexes: tuple[Index, ...] = ()
    rule: Rule | None = None
    has_edges: bool = False

    @property
    def schema(self) -> Rule | None:
        """The rule as the server takes it."""
        if self.rule is None:
            return None
        said = f"the document does not keep to the rule of {self.name}"
        return {"rule": self.rule, "level": "moderate", "message": said}


_PLACE: Final = ("ts_us", "offset", "_key")
COLLECTIONS: Final = (
    Collection(META),
    Collection(
        EVENTS,
        (
            Index("by_time", _PLACE),
            Index("by_run", ("execution_id", *_PLACE)),
            Index("by_level", ("level_no", *_PLACE)),
            Index("by_arrival", ("arrival", *_PLACE)),
            Index("by_hash", ("hash",)),
            Index("by_error", ("error", "execution_id")),
        ),
        _EVENT_RULE,
    ),
    Collection(LINES, (Index("by_subject", ("subject", "kind")), Index("by_time", _PLACE))),
    Collection(
        RUNS,
        (
            Index("by_start", ("started_us", "execution_id")),
            Index("by_script", ("script_name", "started_us", "execution_id")),
            Index("by_id", ("execution_id",)),
            Index("by_host", ("hostname", "status")),
        ),
        _RUN_RULE,
    ),
    Collection(
        LEARNINGS,
        (
            Index("by_run", ("execution_id", "ts_us")),
            Index("by_confidence", ("confidence",)),
            Index("by_time", ("ts_us", "learning_id")),
        ),
        _LEARNING_RULE,
    ),
    Collection(RESOLUTIONS),
    Collection(ERRORS),
    Collection(SIGHTINGS, (Index("by_error", ("fingerprint", "last_us")), Index("by_run", ("execution_id",)))),
    Collection(SOURCES),
    Collection(EMBEDDINGS, (Index("by_model", ("model", "dimension", "arrival", "_key")),)),
    Collection(MEMORIES, (Index("by_time", ("created_us", "memory_id")),)),
    Collection(CAUSALITY, (Index("by_from", ("from_log",)), Index("by_to", ("to_log",))), has_edges=True),
)

EDGES: Final = {"collection": CAUSALITY, "from": [EVENTS], "to": [EVENTS, LEARNINGS]}

_SPLIT_RANGES: Final = (
    *((0x01, 0x7F), (0x80, 0xBF), (0xD7, 0xD7), (0xF7, 0xF7), (0x2000, 0x206F), (0x2190, 0x21FF)),
    *((0x2500, 0x257F), (0x2600, 0x27BF), (0x3000, 0x303F), (0xFEFF, 0xFEFF), (0xFFFD, 0xFFFD)),
)
DELIMITERS: Final = tuple(
    chr(code) for first, last in _SPLIT_RANGES for code in range(first, last + 1) if not chr(code).isalnum()
)
"""What stands between words: all of ASCII but letters and digits, as SQLite's tokenizer has it, and the signs of
other blocks that logs hold. Word breaking by Unicode's rules would keep `load_rows` and `10.0.0.1` whole."""

ANALYZER_DEFINITION: Final[dict[str, Any]] = {
    "name": ANALYZER,
    "type": "pipeline",
    "properties": {
        "pipeline": [
            {"type": "norm", "properties": {"locale": "en", "case": "lower", "accent": False}},
            {"type": "multi_delimiter", "properties": {"delimiters": list(DELIMITERS)}},
        ]
    },
    "features": ["frequency", "norm", "position"],
}

_WORDS: Final = {"analyzers": [ANALYZER, "text_en"]}
_PLAIN: Final[dict[str, Any]] = {}
"""By the link's own analyzer, `identity`. The server never shows what a field has from its link, so we don't say it."""
VIEW_LINKS: Final[dict[str, Any]] = {
    EVENTS: {
        "analyzers": ["identity"],
        "fields": {
            "message": _WORDS,
            "said": {"analyzers": [ANALYZER]},
            **dict.fromkeys(("level", "level_no", "script_name", "tags", "execution_id", "function_name"), _PLAIN),
            **dict.fromkeys(("timestamp", "ts_us"), _PLAIN),
        },
    },
    LEARNINGS: {
        "analyzers": ["identity"],
        "fields": {"learning": _WORDS, **dict.fromkeys(("execution_id", "function_name", "confidence"), _PLAIN)},
    },
}
LINK_OPTIONS: Final = {"inBackground": True}
"""Said when a link is made, never shown: writes go on while it is filled."""
VIEW_FIXED: Final[dict[str, Any]] = {
    "primarySort": [{"field": name, "direction": "desc"} for name in _PLACE],
    "storedValues": [],
}
"""What of a view cannot be changed: with another one it is made anew."""
