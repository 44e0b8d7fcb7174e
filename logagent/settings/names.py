"""Names: which setting somebody probably meant. Pure: no I/O, no clock."""

from __future__ import annotations

from collections.abc import Iterable

from logagent.settings.model import SPECS


def nearest(word: str, names: Iterable[str]) -> str | None:
    """The name most like that word, or None if none is near."""
    from difflib import get_close_matches  # only once something is wrong: it costs 3 ms

    close = get_close_matches(word, list(names), n=1, cutoff=0.75)
    return close[0] if close else None


def nearest_setting(key: str) -> str | None:
    """The setting or variable most like an unknown key; a variable's name in a TOML file gives its setting."""
    by_variable = {name: spec.name for spec in SPECS.values() for name in spec.env}
    if key.upper() in by_variable:
        return by_variable[key.upper()]
    if key.isupper():
        return nearest(key, by_variable)
    return nearest(key.lower().replace("-", "_"), SPECS)
