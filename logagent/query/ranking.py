"""Which words of a query rank its matches. Pure: no I/O, no clock."""

from __future__ import annotations

from logagent.errors import BadQuery
from logagent.store.selection import And, Condition, Or, TextMatch


def ranking_words(condition: Condition) -> str:
    """The words that an event is asked to have, in order.

    Raises:
        BadQuery: there are none, so nothing could rank the matches.

    >>> from logagent.query.language import parse_query
    >>> ranking_words(parse_query('timeout "by peer" -retry level>=error'))
    'timeout by peer'
    """
    found = _words(condition)
    if not found:
        raise BadQuery("ranking needs a word to rank by; without one ask for the newest first")
    return " ".join(found)


def _words(condition: Condition) -> list[str]:
    match condition:
        case TextMatch(text=text):
            return [text]
        case And(conditions=parts) | Or(conditions=parts):
            return [word for part in parts for word in _words(part)]
    return []
