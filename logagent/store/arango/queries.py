"""The queries: each a file in store/aql/, used as it stands, with bind parameters only."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def query_text(name: str) -> str:
    """The text of `store/aql/<name>.aql`."""
    return (files("logagent.store") / "aql" / f"{name}.aql").read_text(encoding="utf-8")
