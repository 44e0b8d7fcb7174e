"""Redaction: secrets in what is about to be stored, replaced by `[redacted:<name>]`. Pure: no I/O, no clock.

Two stages, since patterns cost far more than reading a line does: literals first, over many lines at once; only
where one is found, the patterns that have it. Every pattern takes time in proportion to the text, whatever the text:
a repeat either cannot fail after it began, or is bounded.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from itertools import chain
from typing import Any, Final, TypeAlias

import msgspec

from logagent.errors import ConfigError
from logagent.formats.json_text import encode, parse_value
from logagent.formats.record import Line, LogLine


class Literals:
    """Plain strings to look for before any pattern is tried: `in` costs a third of one alternation (measured).

    One without capitals counts in any case of the text, one with capitals as it is. Those that share three letters
    are looked for only where these are, and any only where its rarest character is, as a single character is found
    thirty times faster.
    """

    def __init__(self, literals: Iterable[str]) -> None:
        distinct = sorted(set(literals))
        self._any_case: Final = _gated([literal for literal in distinct if literal == literal.lower()])
        self._exact: Final = _gated([literal for literal in distinct if literal != literal.lower()])

    def present_in(self, text: str) -> list[str]:
        """Those that `text` has."""
        return _present(self._any_case, text.lower()) + (_present(self._exact, text) if self._exact else [])


_RARE_FIRST: Final = "@\\-JKZQXGVWYBUFHPLzxqj_kvw"
"""Characters by how seldom log texts have them."""

_Gates: TypeAlias = list[tuple[str, str, list[str]]]
"""Literals, after a part that all of them have and the rarest character of that."""


def _gated(literals: list[str]) -> _Gates:
    shared = Counter(part for literal in literals for part in set(_threes(literal)))
    gates: dict[str, list[str]] = {}
    for literal in literals:
        part = max(_threes(literal), key=lambda part: shared[part], default="")
        gates.setdefault(part if shared[part] > 1 else literal, []).append(literal)
    return [(_rarest(part), part, members) for part, members in gates.items()]


def _threes(literal: str) -> list[str]:
    return [literal[at : at + 3] for at in range(len(literal) - 2)]


def _rarest(text: str) -> str:
    return next((character for character in _RARE_FIRST if character in text), text[:1])


def _present(gates: _Gates, text: str) -> list[str]:
    return [
        literal
        for rarest, part, literals in gates
        if rarest in text and part in text
        for literal in literals
        if literal in text
    ]


class Pattern(msgspec.Struct, frozen=True):
    """What one sort of secret looks like.

    Attributes:
        name: stands in the mark, and switches the pattern off.
        regex: its group `secret` is what is replaced, or the whole match where it has no such group.
        literals: one of them is in any text that the pattern matches; one without capitals in any case of it. By
            default the empty one, which every text has: then the pattern is tried on every line, which is slow.
    """

    name: str
    regex: re.Pattern[str]
    literals: tuple[str, ...] = ("",)


SECRET_FIELD: Final = "secret"
"""The pattern for `password=...`; its name also covers fields of JSON that are named for a secret."""

_UNMARKED: Final = r"(?!\[redacted:)"
_SECRET_WORDS: Final = (
    r"(?:passw(?:or)?d|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|secret[_-]?key"
    r"|private[_-]?key|authorization)"
)

PRIVATE_KEY: Final = "private_key"
_KEY_BEGIN: Final = "-----BEGIN PRIVATE KEY-----\n"
_KEY_LINE: Final = re.compile(
    r"[ \t]*+(?:(?:Proc-Type|DEK-Info):[^\n]*+|-----END[^\n]*+|[A-Za-z0-9+/=]{0,128}+)[ \t]*+(?:\n|\Z)"
)

PATTERNS: Final = (
    Pattern(
        PRIVATE_KEY,
        re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]{0,40}-----|\Z)", re.DOTALL),
        ("PRIVATE KEY-----",),
    ),
    Pattern(
        "api_key",
        re.compile(
            r"(?<![A-Za-z0-9])(?:sk-(?=[A-Za-z_-]{0,40}\d)[A-Za-z0-9_-]{16,}|[sr]k_(?:live|test)_[A-Za-z0-9]{10,}"
            r"|AIza[A-Za-z0-9_-]{30,}|hf_[A-Za-z0-9]{30,}|npm_[A-Za-z0-9]{30,}|pypi-[A-Za-z0-9_-]{50,}"
            r"|SG\.[A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{16,})"
        ),
        ("sk-", "k_live_", "k_test_", "AIza", "hf_", "npm_", "pypi-", "SG."),
    ),
    Pattern("aws_key", re.compile(r"(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])"), ("AKIA", "ASIA")),
    Pattern(
        "git_token",
        re.compile(
            r"(?<![A-Za-z0-9])(?:gh[opusr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{16,})"
        ),
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-"),
    ),
    Pattern("slack_token", re.compile(r"(?<![A-Za-z0-9])xox[a-z]-[A-Za-z0-9-]{10,}"), ("xox",)),
    Pattern(
        "jwt",
        re.compile(r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}+\.eyJ[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]*+"),
        ("eyJ",),
    ),
    Pattern(
        "bearer",
        re.compile(r"(?i:\bbearer[ \t]{1,4})(?P<secret>(?=[A-Za-z._~+/=-]{0,64}\d)[A-Za-z0-9._~+/=-]{12,})"),
        ("bearer",),
    ),
    Pattern(
        "url_password",
        re.compile(rf"://[^\s/:@\"'<>]{{0,256}}:{_UNMARKED}(?P<secret>[^\s/\"'<>]{{1,256}})@"),
        ("@",),
    ),
    Pattern(
        SECRET_FIELD,
        re.compile(
            rf"(?i:{_SECRET_WORDS})[\"']?+[ \t]{{0,4}}+[=:][ \t]{{0,4}}+(?i:(?:bearer|basic)[ \t]{{1,4}}+)?+[\"']?+"
            rf"{_UNMARKED}(?!(?i:none|null|true|false)\b|\*)"
            r"(?P<secret>(?<=\")(?:[^\"\\\n]|\\.)++|(?<=')(?:[^'\\\n]|\\.)++|[^\s,;&\"'(){}\[\]]{3,}+)"
        ),
        (
            "passw",
            "passphrase",
            "pwd",
            "secret",
            "token",
            "authorization",
            "_key",
            "-key",
            "apikey",
            "sskey",
            "tekey",
        ),
    ),
)

_SECRET_NAME: Final = re.compile(
    rf"(?:\A|_)(?:{_SECRET_WORDS}|credentials?|cookie|set_cookie|passcode|auth_key|client_key|signing_key)\Z"
)
_NOT_SECRET: Final = frozenset(
    f"{kind}_token"
    for kind in ("eos", "bos", "pad", "unk", "sep", "cls", "mask", "stop", "next", "page", "next_page", "continuation")
)
"""Tokens of language models and of paging."""

_FIELD_LITERALS: Final = ("credential", "cookie", "passcode")
_ESCAPED_LITERALS: Final = ("\\u00", "\\/")
"""JSON that spells plain characters as escapes can hide a literal, so it is decoded and looked at again."""

_WORD_START: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_UNTOUCHED: Final = frozenset({"timestamp", "start_time", "end_time", "level", "embeddings"})


class Redaction:
    """Which secrets are looked for.

    Args:
        add: patterns beside the built-in ones; keep them linear, no one else can.
        off: names of patterns not to use.

    Raises:
        ConfigError: `off` names a pattern that there is not.

    >>> Redaction().redact_text("connect to postgres://me:hunter2@db/x")
    ('connect to postgres://me:[redacted:url_password]@db/x', 1)
    """

    def __init__(self, *, add: Iterable[Pattern] = (), off: Iterable[str] = ()) -> None:
        offered = (*PATTERNS, *add)
        known = {pattern.name for pattern in offered}
        unknown = sorted(set(off) - known)
        if unknown:
            raise ConfigError(f"no redaction pattern is named {unknown[0]!r}; there are {', '.join(sorted(known))}")
        switched_off = frozenset(off)
        self.patterns: Final = tuple(pattern for pattern in offered if pattern.name not in switched_off)
        self._private_key: Final = next((each for each in self.patterns if each.name == PRIVATE_KEY), None)
        self._by_literals: Final = [(Literals(pattern.literals), pattern) for pattern in self.patterns]
        self._names_count = SECRET_FIELD not in switched_off
        literals = [literal for pattern in self.patterns for literal in pattern.literals]
        fields = _FIELD_LITERALS if self._names_count else ()
        self._literals: Final = Literals((*literals, *fields, *_ESCAPED_LITERALS))

    def literals_in(self, text: str) -> list[str]:
        """The literals that `text` (plain, or JSON) has: none, and no pattern matches. Meant for many lines at once."""
        return self._literals.present_in(text)

    def redact_text(self, text: str) -> tuple[str, int]:
        """The text with its secrets marked, and how many there were."""
        if not self._literals.present_in(text):
            return text, 0
        count = 0
        for literals, pattern in self._by_literals:
            if literals.present_in(text):
                text, found = _marked(pattern, text)
                count += found
        return text, count

    def redact_key_line(self, text: str, *, is_in_key: bool) -> tuple[str, int, bool]:
        """A line of plain text, which may stand within a key that began in the line before: is the next one, too?

        >>> Redaction().redact_key_line("MIIEpAIBAAKCAQEA", is_in_key=True)
        ('[redacted:private_key]', 1, True)
        """
        pattern = self._private_key
        if pattern is None:
            return text, 0, False
        is_more = is_in_key and _KEY_LINE.match(text) is not None
        whole = _KEY_BEGIN + text if is_more else text
        begin = whole.rfind("-----BEGIN ")
        is_open = begin > whole.rfind("-----END ") and "PRIVATE KEY-----" in whole[begin : begin + 64]
        return (*(_marked(pattern, whole) if is_more else (text, 0)), is_open)

    def redact_line(self, line: Line) -> tuple[Line, int]:
        """The line with the secrets in its texts and in its raw JSON marked, and how many there were."""
        changed: dict[str, Any] = {}
        total = 0
        for name in line.__struct_fields__:
            if name in _UNTOUCHED:
                continue
            value, count = self._redact_field(getattr(line, name))
            if count:
                changed[name] = value
                total += count
        return (msgspec.structs.replace(line, **changed), total) if total else (line, 0)

    def _redact_field(self, value: Any) -> tuple[Any, int]:
        if isinstance(value, str):
            return self.redact_text(value)
        if isinstance(value, tuple):
            texts = [self.redact_text(item) for item in value]
            return tuple(text for text, _ in texts), sum(count for _, count in texts)
        if isinstance(value, msgspec.Raw):
            return self._redact_raw(value)
        return value, 0

    def _redact_raw(self, value: msgspec.Raw) -> tuple[msgspec.Raw, int]:
        """Strings are redacted decoded and encoded again: a pattern cannot break the JSON around them."""
        content = bytes(value)
        if not self.literals_in(content.decode("utf-8", "replace")):
            return value, 0
        redacted, count = self._redact_value(parse_value(content))
        return (msgspec.Raw(encode(redacted)), count) if count else (value, 0)

    def _redact_value(self, value: Any) -> tuple[Any, int]:
        if isinstance(value, str):
            return self.redact_text(value)
        if isinstance(value, dict):
            pairs = [(name, *self._redact_member(name, item)) for name, item in value.items()]
            return {name: item for name, item, _ in pairs}, sum(count for _, _, count in pairs)
        if isinstance(value, list):
            items = [self._redact_value(item) for item in value]
            return [item for item, _ in items], sum(count for _, count in items)
        return value, 0

    def _redact_member(self, name: str, value: Any) -> tuple[Any, int]:
        if self._names_count and is_secret_name(name) and _can_be_secret(name, value):
            return f"[redacted:{SECRET_FIELD}]", 1
        return self._redact_value(value)


def searchable(line: Line) -> str:
    """The text of a line in which literals are looked for: of a log line what a script puts in, of others all."""
    if isinstance(line, LogLine):
        return searchable_run([line])
    values = [getattr(line, name) for name in line.__struct_fields__ if name not in _UNTOUCHED]
    return "\n".join(_plain(value) for value in values if value is not None)


def searchable_run(lines: list[LogLine]) -> str:
    """What scripts put into all of `lines`: messages, tags, exceptions and what was bound."""
    extras = b"\n".join([line.extra_data for line in lines]).decode("utf-8", "replace")
    exceptions = [_plain(line.exception) for line in lines if line.exception is not None]
    tags = chain.from_iterable([line.tags for line in lines])
    return "\n".join([extras, *exceptions, *tags, *[line.message for line in lines]])


def _plain(value: Any) -> str:
    if isinstance(value, msgspec.Raw):
        return bytes(value).decode("utf-8", "replace")
    return "\n".join(value) if isinstance(value, tuple) else str(value)


def _marked(pattern: Pattern, text: str) -> tuple[str, int]:
    mark = f"[redacted:{pattern.name}]"
    if "secret" not in pattern.regex.groupindex:
        return pattern.regex.subn(mark, text)

    def replace_group(found: re.Match[str]) -> str:
        start, end = found.span("secret")
        whole = found.group()
        return whole[: start - found.start()] + mark + whole[end - found.start() :]

    return pattern.regex.subn(replace_group, text)


@lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """True for the name of a field whose value is a secret, however it is spelt.

    >>> [is_secret_name(name) for name in ("password", "apiKey", "X-Auth-Token", "max_tokens", "eos_token")]
    [True, True, True, False, False]
    """
    if len(name) > 128:
        return False
    plain = _WORD_START.sub("_", name).lower().replace("-", "_").replace(".", "_").replace(" ", "_")
    return bool(_SECRET_NAME.search(plain)) and plain not in _NOT_SECRET


def _can_be_secret(name: str, value: Any) -> bool:
    """Nothing, yes and no are no secrets, nor is a token that is a number (a language model's), nor our own mark."""
    if value is None or isinstance(value, bool) or value in ("", [], {}):
        return False
    if isinstance(value, int | float):
        return not name.lower().endswith("token")
    return not (isinstance(value, str) and value.startswith("[redacted:"))
