"""What a user types, as strings that FTS5 takes for words, never for syntax."""

from __future__ import annotations

from typing import Any

import apsw

from logagent.store.selection import TextMatch
from logagent.store.sqlite.schema import TOKENIZER
from logagent.store.text import storable


class Words:
    """Quotes text for `MATCH`, splitting it with the index's own tokenizer."""

    def __init__(self, db: apsw.Connection) -> None:
        self._split = db.fts5_tokenizer(TOKENIZER[0], list(TOKENIZER[1:]))

    def tokens(self, text: str) -> list[str]:
        """The tokens of a text, in order."""
        found: Any = self._split(storable(text).encode(), apsw.FTS5_TOKENIZE_QUERY, None)
        return [token[-1] for token in found]

    def quoted(self, match: TextMatch) -> str | None:
        """An FTS5 expression over the message; None for text without a token, which matches nothing.

        A word that holds several tokens (`load_rows`) is their phrase.
        """
        tokens = self.tokens(match.text)
        if not tokens:
            return None
        return f'message : "{" ".join(tokens)}"' + (" *" if match.form == "prefix" else "")

    def any_of(self, words: str) -> str | None:
        """An FTS5 expression for any of the tokens of a text."""
        tokens = [f'"{token}"' for token in dict.fromkeys(self.tokens(words))]
        return f"message : ({' OR '.join(tokens)})" if tokens else None
