"""PHRASE() in SEARCH: terms in sequence, with gaps of a fixed number of terms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import ArangoError, Unsupported

if TYPE_CHECKING:
    from .conditions import Conditions, Score, Test
    from .expressions import Row
    from .terms import Entry, Path, Terms


def phrase_condition(conditions: Conditions, arguments: list[Any], analyzer: str) -> tuple[Test, Score]:
    """Test and score of `PHRASE(path, part[, skip, part]*[, analyzer])` or of parts in an array."""
    path = conditions.path(arguments[0])
    if path is None or len(arguments) < 2:
        raise ArangoError(1541, "PHRASE: an attribute of the document was expected")
    rest = [conditions.value(argument) for argument in arguments[1:]]
    named = rest.pop()({}) if len(rest) % 2 == 0 else conditions.view.own_analyzer(path, analyzer)
    made = conditions.query.database.analyzer(named)
    if not {"frequency", "position"} <= set(made.features) or not made.has_plain_places:
        raise Unsupported(f"PHRASE with analyzer {named!r}, which has no positions, or not one for each token")
    name = str(named).split("::")[-1]

    def steps(row: Row) -> list[tuple[int, str]]:
        parts = [value(row) for value in rest]
        if len(parts) == 1 and isinstance(parts[0], list):
            parts = parts[0]
        found, gap = [], 0
        for part in parts:
            if isinstance(part, (int, float)) and not isinstance(part, bool):
                gap = int(part)
                continue
            if not isinstance(part, str):
                raise Unsupported("PHRASE with parts that are neither strings nor numbers")
            for token in made.tokens(part):
                found.append((gap + 1 if found else 0, token.text))
                gap = 0
        return found

    def matches(terms: Terms, entry: Entry, row: Row) -> bool:
        return _occurrences(terms, entry, path, name, steps(row)) > 0

    def score(terms: Terms, entry: Entry, row: Row, k: float, b: float) -> float:
        wanted = steps(row)
        count = _occurrences(terms, entry, path, name, wanted)
        rarity = sum(terms.rarity(path, name, term) for _, term in wanted)
        return terms.score(entry, path, name, count, rarity, k, b)

    return matches, score


def _occurrences(terms: Terms, entry: Entry, path: Path, analyzer: str, wanted: list[tuple[int, str]]) -> int:
    if not wanted:
        return 0
    found = terms.of(entry, path, analyzer)
    count = 0
    for start in range(len(found)):
        place, held = start, True
        for gap, term in wanted:
            place += gap
            if not 0 <= place < len(found) or found[place] != term:
                held = False
                break
        count += held
    return count
