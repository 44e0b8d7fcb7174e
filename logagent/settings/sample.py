"""The sample file: every setting with its reason, range and default, as commented TOML. Pure: no I/O, no clock."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from typing import Any, Final

from logagent.settings.kinds import Bytes, SecretText, shown_bytes
from logagent.settings.model import SPECS, Spec

WIDTH: Final = 100

HEADINGS: Final = {
    "state_dir": "Where things are",
    "include": "Which files are read",
    "max_line_bytes": "How lines are read",
    "min_level": "Which lines are stored",
    "quantum_bytes": "From files to the store",
    "store": "The store",
    "enable_monitoring": "Watching the daemon",
}
"""By the first setting below each."""

PREFACE: Final = """\
# Settings of logagent with their defaults. Read from --config, $LOGAGENT_CONFIG, ./logagent.toml or
# /etc/logagent/logagent.toml, the first there is; .env, the environment and flags win over it.
# Assignments are commented out by a bare #, prose by # and a space.
"""


def sample_toml() -> str:
    """The whole file; as it stands it sets nothing, and with its assignments uncommented the defaults."""
    return PREFACE + "".join(line for spec in SPECS.values() for line in _lines(spec))


def _lines(spec: Spec) -> Iterator[str]:
    if spec.name in HEADINGS:
        yield f"\n# ---- {HEADINGS[spec.name]} ----\n"
    names = " or ".join(spec.env)
    yield "\n"
    for sentence in (spec.why, f"{_capital(spec.kind.expected)}. Environment: {names}."):
        yield textwrap.fill(sentence, WIDTH, initial_indent="# ", subsequent_indent="# ") + "\n"
    if not isinstance(spec.kind, SecretText):  # a password has no place in this file
        yield f"#{spec.name} = {_default(spec)}\n"


def _default(spec: Spec) -> str:
    if isinstance(spec.kind, Bytes):
        return _toml(shown_bytes(spec.default))
    return _toml(spec.default)


def _toml(value: Any) -> str:
    match value:
        case None:
            return '""'
        case tuple():
            return "[" + ", ".join(map(_toml, value)) + "]"
        case float():
            return f"{value:g}"
        case _:
            return json.dumps(value)  # text, whole numbers, true and false look the same in TOML


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
