"""The questions that compare and explain, by one name each."""

from __future__ import annotations

from logagent.query.difference import diff
from logagent.query.errors import ErrorQuestion, errors
from logagent.query.expectations import overdue
from logagent.query.patterns import PatternQuestion, patterns
from logagent.query.resolving import resolve
from logagent.query.similar import similar
from logagent.query.why import why

__all__ = [
    "ErrorQuestion",
    "PatternQuestion",
    "diff",
    "errors",
    "overdue",
    "patterns",
    "resolve",
    "similar",
    "why",
]
