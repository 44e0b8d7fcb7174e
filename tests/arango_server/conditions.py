"""SEARCH conditions: each compiles into a test of one document and a sum of BM25 scores."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from lark import Tree

from . import operators, values
from .ast import name_of
from .errors import ArangoError, Unsupported
from .functions.strings import _distance as edit_distance
from .functions.texts import like_pattern
from .phrases import phrase_condition
from .terms import Entry, Path, Terms
from .values import Value, to_number, truth
from .views import View

if TYPE_CHECKING:
    from .expressions import Closure, Row, Scope
    from .query import Query

Test = Callable[[Terms, Entry, "Row"], bool]
Score = Callable[[Terms, Entry, "Row", float, float], float]
FLIPPED: Final = {"==": "==", "!=": "!=", "<": ">", ">": "<", "<=": ">=", ">=": "<="}


class Condition(NamedTuple):
    """A compiled condition."""

    matches: Test
    score: Score


def no_score(terms: Terms, entry: Entry, row: Row, k: float, b: float) -> float:
    """Of what is not about terms."""
    return 0.0


class Conditions:
    """Compiles the SEARCH of one FOR."""

    def __init__(self, query: Query, view: View, name: str, scope: Scope) -> None:
        self.query = query
        self.view = view
        self._name = name
        self._scope = scope

    def compile(self, tree: Tree[Any], analyzer: str) -> Condition:
        """A condition under an analyzer."""
        if not self._is_about_view(tree):
            holds = self.value(tree)
            return Condition(lambda terms, entry, row: truth(holds(row)), no_score)
        method = getattr(self, f"_{str(tree.data).rstrip('_')}", None)
        if method is None:
            raise Unsupported(f"{tree.data} in SEARCH")
        return method(tree.children, analyzer)

    def value(self, tree: Tree[Any]) -> Closure:
        """An expression that does not look at the document."""
        if self._is_about_view(tree):
            raise Unsupported("an expression over the document in SEARCH")
        return self.query.expressions.compile(tree, self._scope - {self._name})

    def path(self, tree: Any) -> Path | None:
        """The attribute path of the FOR's variable; None for anything else."""
        names: list[str] = []
        while isinstance(tree, Tree) and tree.data in ("attribute", "attribute_quoted", "attribute_bind"):
            token = tree.children[1]
            bound = self.query.bind(str(token)[1:]) if tree.data == "attribute_bind" else name_of(token)
            names[:0] = bound if isinstance(bound, list) else [bound]
            tree = tree.children[0]
        is_variable = isinstance(tree, Tree) and tree.data == "reference" and name_of(tree.children[0]) == self._name
        return tuple(names) if names and is_variable else None

    def _is_about_view(self, tree: Tree[Any]) -> bool:
        return any(name_of(node.children[0]) == self._name for node in tree.find_data("reference"))

    # connectives

    def _paren(self, children: list[Any], analyzer: str) -> Condition:
        return self.compile(children[0], analyzer)

    def _and(self, children: list[Any], analyzer: str) -> Condition:
        parts = [self.compile(child, analyzer) for child in children]
        return Condition(lambda t, e, row: all(part.matches(t, e, row) for part in parts), _sum(parts))

    def _or(self, children: list[Any], analyzer: str) -> Condition:
        parts = [self.compile(child, analyzer) for child in children]
        return Condition(lambda t, e, row: any(part.matches(t, e, row) for part in parts), _sum(parts))

    def _not(self, children: list[Any], analyzer: str) -> Condition:
        inner = self.compile(children[-1], analyzer)
        return Condition(lambda t, e, row: not inner.matches(t, e, row), no_score)

    # comparisons

    def _binary(self, children: list[Any], analyzer: str) -> Condition:
        left, operator, right = children[0], str(children[1]), children[2]
        if operator not in FLIPPED:
            raise Unsupported(f"{operator} in SEARCH")
        path = self.path(left)
        if path is None:
            left, right, operator = right, left, FLIPPED[operator]
            path = self.path(left)
        if path is None:
            raise Unsupported("a comparison in SEARCH that is not of an attribute with a value")
        value = self.value(right)
        if operator in ("==", "!="):
            equal = self._one_of(path, analyzer, lambda row: [value(row)])
            return equal if operator == "==" else Condition(lambda t, e, row: not equal.matches(t, e, row), no_score)
        return Condition(lambda t, e, row: self._in_order(t, e, path, analyzer, operator, value(row)), no_score)

    def _in_order(self, terms: Terms, entry: Entry, path: Path, analyzer: str, operator: str, limit: Value) -> bool:
        if isinstance(limit, str):
            orders = (values.compare_bytes(term, limit) for term in terms.of(entry, path, analyzer))
        elif values.rank(limit) == 2:
            orders = (values.compare(n, limit) for n in terms.plain(entry, path) if values.rank(n) == 2)
        else:
            raise Unsupported(f"a range in SEARCH by {values.type_name(limit)}")
        return any({"<": o < 0, "<=": o <= 0, ">": o > 0, ">=": o >= 0}[operator] for o in orders)

    def _one_of(self, path: Path, analyzer: str, wanted: Callable[[Row], list[Value]]) -> Condition:
        def matches(terms: Terms, entry: Entry, row: Row) -> bool:
            return any(has_value(terms, entry, path, analyzer, value) for value in wanted(row))

        def score(terms: Terms, entry: Entry, row: Row, k: float, b: float) -> float:
            texts = [value for value in wanted(row) if isinstance(value, str)]
            return sum(terms.term_score(entry, path, analyzer, text, k, b) for text in texts)

        return Condition(matches, score)

    def _in(self, children: list[Any], analyzer: str) -> Condition:
        path = self.path(children[0])
        if path is None or children[1].data == "range_":
            raise Unsupported("IN in SEARCH other than an attribute in an array")
        listed = self.value(children[1])
        return self._one_of(path, analyzer, lambda row: _array(listed(row)))

    def _not_in(self, children: list[Any], analyzer: str) -> Condition:
        inner = self._in(children, analyzer)
        return Condition(lambda t, e, row: not inner.matches(t, e, row), no_score)

    def _quantified(self, children: list[Any], analyzer: str) -> Condition:
        quantifier, operator = operators.normal_operator(str(children[1])).split(" ", 1)
        path = self.path(children[2])
        if path is None or operator not in ("==", "IN"):
            raise Unsupported("an array comparison in SEARCH other than array ANY|ALL|NONE == attribute")
        listed = self.value(children[0])
        scored = self._one_of(path, analyzer, lambda row: _array(listed(row)))

        def matches(terms: Terms, entry: Entry, row: Row) -> bool:
            wanted = _array(listed(row))
            if not wanted and quantifier != "ANY":
                raise Unsupported(f"{quantifier} of an empty array in SEARCH")
            found = (has_value(terms, entry, path, analyzer, value) for value in wanted)
            return all(found) if quantifier == "ALL" else any(found) is (quantifier == "ANY")

        return Condition(matches, no_score if quantifier == "NONE" else scored.score)

    def _at_least(self, children: list[Any], analyzer: str) -> Condition:
        path = self.path(children[3])
        if path is None or str(children[2]) != "==":
            raise Unsupported("AT LEAST in SEARCH other than array AT LEAST (n) == attribute")
        listed, count = self.value(children[0]), self.value(children[1])
        scored = self._one_of(path, analyzer, lambda row: _array(listed(row)))

        def matches(terms: Terms, entry: Entry, row: Row) -> bool:
            needed = int(to_number(count(row)))
            if needed < 1:
                raise Unsupported("AT LEAST of less than one")
            return sum(has_value(terms, entry, path, analyzer, v) for v in _array(listed(row))) >= needed

        return Condition(matches, scored.score)

    def _like(self, children: list[Any], analyzer: str) -> Condition:
        path, pattern = self.path(children[0]), self.value(children[-1])
        if path is None:
            raise Unsupported("LIKE in SEARCH of something else than an attribute")
        return self.some_terms(path, analyzer, lambda row, term: bool(_like(pattern(row)).fullmatch(term)))

    def some_terms(self, path: Path, analyzer: str, wanted: Callable[[Row, str], bool]) -> Condition:
        """At least one term for which that holds."""

        def score(terms: Terms, entry: Entry, row: Row, k: float, b: float) -> float:
            found = {term for term in terms.of(entry, path, analyzer) if wanted(row, term)}
            return sum(terms.term_score(entry, path, analyzer, term, k, b) for term in sorted(found))

        return Condition(lambda t, e, row: any(wanted(row, term) for term in t.of(e, path, analyzer)), score)

    # functions

    def _call(self, children: list[Any], analyzer: str) -> Condition:
        name = str(children[0].children[0]).upper()
        arguments = children[1].children if len(children) > 1 else []
        method = getattr(self, f"_call_{name.lower()}", None)
        if method is None:
            raise Unsupported(f"{name}() in SEARCH")
        return method(arguments, analyzer)

    def _constant(self, tree: Tree[Any]) -> Value:
        return self.value(tree)({})

    def _field(self, name: str, tree: Tree[Any]) -> Path:
        path = self.path(tree)
        if path is None:
            raise ArangoError(1541, f"{name}: an attribute of the document was expected")
        return path

    def _call_analyzer(self, arguments: list[Any], analyzer: str) -> Condition:
        name = self._constant(arguments[1])
        self.query.database.analyzer(name)
        return self.compile(arguments[0], str(name).split("::")[-1])

    def _call_boost(self, arguments: list[Any], analyzer: str) -> Condition:
        inner, factor = self.compile(arguments[0], analyzer), to_number(self._constant(arguments[1]))
        return Condition(inner.matches, lambda t, e, row, k, b: factor * inner.score(t, e, row, k, b))

    def _call_min_match(self, arguments: list[Any], analyzer: str) -> Condition:
        parts = [self.compile(argument, analyzer) for argument in arguments[:-1]]
        needed = int(to_number(self._constant(arguments[-1])))
        return Condition(lambda t, e, row: sum(part.matches(t, e, row) for part in parts) >= needed, _sum(parts))

    def _call_starts_with(self, arguments: list[Any], analyzer: str) -> Condition:
        path, prefixes = self._field("STARTS_WITH", arguments[0]), self.value(arguments[1])
        least = int(to_number(self._constant(arguments[2]))) if len(arguments) > 2 else 1
        inner = self.some_terms(path, analyzer, lambda row, term: term.startswith(tuple(_array(prefixes(row), True))))

        def matches(terms: Terms, entry: Entry, row: Row) -> bool:
            found = terms.of(entry, path, analyzer)
            return sum(any(t.startswith(p) for t in found) for p in _array(prefixes(row), True)) >= least

        return Condition(matches, inner.score)

    def _call_in_range(self, arguments: list[Any], analyzer: str) -> Condition:
        path = self._field("IN_RANGE", arguments[0])
        low, high, with_low, with_high = (self.value(argument) for argument in arguments[1:])

        def matches(terms: Terms, entry: Entry, row: Row) -> bool:
            lower = self._in_order(terms, entry, path, analyzer, ">=" if truth(with_low(row)) else ">", low(row))
            upper = "<=" if truth(with_high(row)) else "<"
            several = len(terms.plain(entry, path)) + len(terms.of(entry, path, analyzer)) > 1
            if several:
                raise Unsupported("IN_RANGE of an attribute with several values")
            return lower and self._in_order(terms, entry, path, analyzer, upper, high(row))

        return Condition(matches, no_score)

    def _call_exists(self, arguments: list[Any], analyzer: str) -> Condition:
        if len(arguments) != 1:
            raise Unsupported("EXISTS with a type")
        path = self._field("EXISTS", arguments[0])
        return Condition(lambda t, e, row: self.view.stores_ids(e.collection) and t.is_present(e, path), no_score)

    def _call_levenshtein_match(self, arguments: list[Any], analyzer: str) -> Condition:
        path = self._field("LEVENSHTEIN_MATCH", arguments[0])
        target, distance = self.value(arguments[1]), int(to_number(self._constant(arguments[2])))
        transpositions = truth(self._constant(arguments[3])) if len(arguments) > 3 else True
        if len(arguments) > 5:
            raise Unsupported("LEVENSHTEIN_MATCH with a prefix")
        if not 0 <= distance <= (3 if transpositions else 4):
            raise ArangoError(10, "LEVENSHTEIN_MATCH: distance out of range")
        return self.some_terms(
            path, analyzer, lambda row, term: edit_distance(term, str(target(row)), transpositions) <= distance
        )

    def _call_phrase(self, arguments: list[Any], analyzer: str) -> Condition:
        return Condition(*phrase_condition(self, arguments, analyzer))


def has_value(terms: Terms, entry: Entry, path: Path, analyzer: str, value: Value) -> bool:
    """Is the value among the attribute's terms, or its numbers, booleans and nulls?"""
    if isinstance(value, str):
        return value in terms.of(entry, path, analyzer)
    if isinstance(value, (list, dict)):
        raise Unsupported("a comparison with arrays or objects in SEARCH")
    return any(values.equal(value, stored) for stored in terms.plain(entry, path))


def _array(value: Value, single: bool = False) -> list[Value]:
    if single and isinstance(value, str):
        return [value]
    if not isinstance(value, list):
        raise Unsupported(f"{values.type_name(value)} where SEARCH expects an array")
    return value


def _like(pattern: Value) -> Any:
    text = values.to_string(pattern)
    if re.search(r"\\(?![%_\\])", text.replace("\\\\", "")):
        raise Unsupported("LIKE in SEARCH with a backslash before something else than % and _")
    return like_pattern(text, False)


def _sum(parts: list[Condition]) -> Score:
    def score(terms: Terms, entry: Entry, row: Row, k: float, b: float) -> float:
        return sum(part.score(terms, entry, row, k, b) for part in parts if part.matches(terms, entry, row))

    return score
