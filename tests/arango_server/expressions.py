"""Expressions as closures: a tree and the names in scope become `row -> value`, compiled once per query."""

from __future__ import annotations

import copy
from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING, Any

from lark import Token, Tree

from . import operators, values
from .ast import name_of, number_of, string_of
from .errors import ArangoError, Unsupported
from .folding import VARYING, is_folded
from .functions import look_up
from .functions.numbers import integer_range
from .functions.texts import is_like
from .scores import SEARCH_ONLY, compile_score
from .values import Value, truth

if TYPE_CHECKING:
    from .query import Query

Row = dict[str, Any]
Closure = Callable[[Row], Value]
Scope = frozenset[str]
POSTFIX = frozenset(["attribute", "attribute_quoted", "attribute_bind", "index", "expand", "array_question"])
ELEMENT = "\0element"


def is_source(tree: Any, scope: Scope) -> bool:
    """Does the tree name a collection or view rather than a variable?"""
    if not isinstance(tree, Tree):
        return False
    if tree.data in ("reference", "reference_quoted"):
        return name_of(tree.children[0]) not in scope
    return tree.data == "bind_source"


class Expressions:
    """Compiles the expressions of one query."""

    def __init__(self, query: Query) -> None:
        self._query = query

    def compile(self, tree: Tree[Any], scope: Scope) -> Closure:
        """The closure that computes the expression for a row."""
        if tree.data in POSTFIX:
            return self._postfix(tree, scope)
        method = getattr(self, f"_{tree.data}".rstrip("_"), None)
        if method is None:
            raise Unsupported(f"AQL construct {tree.data}")
        return method(tree.children, scope)

    def constant(self, tree: Tree[Any], scope: Scope) -> Value:
        """The value of an expression that needs no row (options, limits).

        Raises:
            ArangoError: 1575 it does need one.
        """
        if any(True for _ in tree.find_pred(lambda node: node.data in ("reference", "call", "subquery"))):
            raise ArangoError(1575, "query options expected: constant expected")
        return self.compile(tree, scope)({})

    def is_constant(self, tree: Tree[Any]) -> bool:
        """Literals and bind parameters only."""
        moving = ("reference", "reference_quoted", "call", "subquery", "bind_source")
        return not any(True for _ in tree.find_pred(lambda node: node.data in moving))

    # literals

    def _null(self, children: list[Any], scope: Scope) -> Closure:
        return lambda row: None

    def _true(self, children: list[Any], scope: Scope) -> Closure:
        return lambda row: True

    def _false(self, children: list[Any], scope: Scope) -> Closure:
        return lambda row: False

    def _number(self, children: list[Any], scope: Scope) -> Closure:
        value = number_of(children[0])
        return lambda row: value

    def _string(self, children: list[Any], scope: Scope) -> Closure:
        value = string_of(children[0])
        return lambda row: value

    def _bind(self, children: list[Any], scope: Scope) -> Closure:
        value = self._query.bind(str(children[0])[1:])
        return lambda row: value

    def _paren(self, children: list[Any], scope: Scope) -> Closure:
        return self.compile(children[0], scope)

    def _reference(self, children: list[Any], scope: Scope) -> Closure:
        name = name_of(children[0])
        if name not in scope:
            self._query.source(name)
            raise Unsupported(f"the data source {name!r} as a value")
        return lambda row: row.get(name)

    _reference_quoted = _reference

    def _bind_source(self, children: list[Any], scope: Scope) -> Closure:
        raise Unsupported(f"the data source {children[0]} as a value")

    def _array(self, children: list[Any], scope: Scope) -> Closure:
        parts = [self.compile(child, scope) for child in children]
        return lambda row: [part(row) for part in parts]

    def _object(self, children: list[Any], scope: Scope) -> Closure:
        pairs = [self._pair(child, scope) for child in children]
        fixed = [name for name, _, _ in pairs if name is not None]
        if len(set(fixed)) != len(fixed):
            raise Unsupported("an object literal with the same attribute twice")

        def build(row: Row) -> Value:
            built: dict[str, Value] = {}
            for name, computed, value in pairs:
                key = name if computed is None else values.to_string(computed(row))
                if computed is not None and key in built:
                    raise Unsupported("an object literal with the same attribute twice")
                built[key or ""] = value(row)
            return built

        return build

    def _pair(self, pair: Tree[Any], scope: Scope) -> tuple[str | None, Closure | None, Closure]:
        first = pair.children[0]
        match pair.data:
            case "pair_short":
                return name_of(first), None, self._reference([first], scope)
            case "pair_name":
                return name_of(first), None, self.compile(pair.children[1], scope)
            case "pair_string":
                return string_of(first), None, self.compile(pair.children[1], scope)
            case "pair_bind":
                key = self._query.bind(str(first)[1:])
                if not isinstance(key, str):
                    raise ArangoError(1553, f"bind parameter '{first}' has an invalid value or type")
                return key, None, self.compile(pair.children[1], scope)
            case _:
                return None, self.compile(first, scope), self.compile(pair.children[1], scope)

    def _subquery(self, children: list[Any], scope: Scope) -> Closure:
        plan = self._query.plan(children[0], scope)
        return lambda row: list(plan.run(row))

    # operators

    def _or(self, children: list[Any], scope: Scope) -> Closure:
        left, right = (self.compile(child, scope) for child in children)

        def either(row: Row) -> Value:
            value = left(row)
            return value if truth(value) else right(row)

        return either

    def _and(self, children: list[Any], scope: Scope) -> Closure:
        left, right = (self.compile(child, scope) for child in children)

        def both(row: Row) -> Value:
            value = left(row)
            return right(row) if truth(value) else value

        return both

    def _not(self, children: list[Any], scope: Scope) -> Closure:
        inner = self.compile(children[-1], scope)
        return lambda row: not truth(inner(row))

    def _ternary(self, children: list[Any], scope: Scope) -> Closure:
        condition, yes, no = (self.compile(child, scope) for child in children)
        return lambda row: yes(row) if truth(condition(row)) else no(row)

    _elvis = _elvis_short = _or

    def _operation(self, operator: operators.Operator, left: Tree[Any], right: Tree[Any], scope: Scope) -> Closure:
        one, other, query = self.compile(left, scope), self.compile(right, scope), self._query
        return lambda row: operator(query, one(row), other(row))

    def _binary(self, children: list[Any], scope: Scope) -> Closure:
        return self._operation(operators.COMPARISONS[str(children[1])], children[0], children[2], scope)

    def _arithmetic(self, children: list[Any], scope: Scope) -> Closure:
        if str(children[1]) in ("/", "%") and is_folded([children[0], children[2]], self._query.constants):
            divisor = self.compile(children[2], scope)(self._query.constants)
            if values.to_number(divisor) == 0:
                self.compile(children[0], scope)
                self._query.warn(1562, "division by zero")
                return lambda row: None
        return self._operation(operators.ARITHMETIC[str(children[1])], children[0], children[2], scope)

    def _in(self, children: list[Any], scope: Scope) -> Closure:
        return self._membership(children, scope, True)

    def _not_in(self, children: list[Any], scope: Scope) -> Closure:
        return self._membership(children, scope, False)

    def _membership(self, children: list[Any], scope: Scope, wanted: bool) -> Closure:
        if self.is_constant(children[1]):
            listed = self.compile(children[1], scope)({})
            if isinstance(listed, list):
                known = {values.identity(element) for element in listed}
                left = self.compile(children[0], scope)
                return lambda row: (values.identity(left(row)) in known) is wanted
        return self._operation(operators.is_in if wanted else operators.is_not_in, children[0], children[1], scope)

    def _like(self, children: list[Any], scope: Scope) -> Closure:
        return self._operation(lambda _, text, pattern: is_like(text, pattern), children[0], children[-1], scope)

    def _not_like(self, children: list[Any], scope: Scope) -> Closure:
        sign = operators.normal_operator(str(children[1]))
        if sign == "NOT LIKE":
            return self._operation(operators.not_like, children[0], children[2], scope)
        raise Unsupported(f"the operator {sign}")

    def _quantified(self, children: list[Any], scope: Scope) -> Closure:
        quantifier, operator = operators.normal_operator(str(children[1])).split(" ", 1)
        return self._operation(
            lambda query, left, right: operators.quantified(query, quantifier, operator, left, right),
            children[0],
            children[2],
            scope,
        )

    def _at_least(self, children: list[Any], scope: Scope) -> Closure:
        return self._at_least_of(children[0], children[1], str(children[2]), children[3], scope)

    def _at_least_in(self, children: list[Any], scope: Scope) -> Closure:
        return self._at_least_of(children[0], children[1], "IN", children[2], scope)

    def _at_least_not_in(self, children: list[Any], scope: Scope) -> Closure:
        return self._at_least_of(children[0], children[1], "NOT IN", children[2], scope)

    def _at_least_of(self, left: Any, count: Any, operator: str, right: Any, scope: Scope) -> Closure:
        needed, query = self.compile(count, scope), self._query
        one, other = self.compile(left, scope), self.compile(right, scope)
        return lambda row: operators.at_least(query, needed(row), operator, one(row), other(row))

    def _range(self, children: list[Any], scope: Scope) -> Closure:
        low, high = (self.compile(child, scope) for child in children)
        return lambda row: integer_range(values.to_number(low(row)), values.to_number(high(row)))

    def _sign(self, children: list[Any], scope: Scope) -> Closure:
        inner, negative = self.compile(children[1], scope), str(children[0]) == "-"
        return lambda row: -values.to_number(inner(row)) if negative else values.to_number(inner(row))

    # attribute access, indexing, expansion

    def _postfix(self, tree: Tree[Any], scope: Scope) -> Closure:
        steps: list[Tree[Any]] = []
        base: Any = tree
        while base.data in POSTFIX:
            steps.append(base)
            base = base.children[0]
        return self._steps(self.compile(base, scope), steps[::-1], scope)

    def _steps(self, base: Closure, steps: list[Tree[Any]], scope: Scope) -> Closure:
        for at, step in enumerate(steps):
            if step.data == "expand":
                return self._expansion(base, step, steps[at + 1 :], scope)
            base = self._step(base, step, scope)
        return base

    def _step(self, base: Closure, step: Tree[Any], scope: Scope) -> Closure:
        if step.data == "index":
            position = self.compile(step.children[1], scope)
            return lambda row: values.element(base(row), position(row))
        if step.data == "array_question":
            return self._question(base, step.children[1], scope)
        path = self._attribute_names(step)
        if len(path) == 1:
            name = path[0]

            def get(row: Row) -> Value:
                value = base(row)
                return value.get(name) if type(value) is dict else None

            return get
        return lambda row: values.attribute_path(base(row), path)

    def _attribute_names(self, step: Tree[Any]) -> list[str]:
        token: Token = step.children[1]
        if step.data != "attribute_bind":
            return [name_of(token)]
        bound = self._query.bind(str(token)[1:])
        path = bound if isinstance(bound, list) else [bound]
        if not path or not all(isinstance(name, str) and name for name in path):
            raise ArangoError(1553, f"bind parameter '{str(token)[1:]}' has an invalid value or type (while parsing)")
        return path

    def _expansion(self, base: Closure, step: Tree[Any], after: list[Tree[Any]], scope: Scope) -> Closure:
        # What follows a [*] is done with each element; a later [**] takes the whole result.
        cut = next((at for at, s in enumerate(after) if s.data == "expand" and len(s.children[1]) > 1), len(after))
        inside, outside = after[:cut], after[cut:]
        depth = len(step.children[1]) - 1
        inline = step.children[2] if len(step.children) > 2 else None
        select = self._inline(inline, scope, bool(inside))
        each = self._steps(lambda row: row[ELEMENT], inside, scope) if inside else None
        flatten = look_up("FLATTEN", 2)

        def expand(row: Row) -> Value:
            array = base(row)
            if not isinstance(array, list):
                return []
            if depth:
                array = flatten.call(self._query, [array, depth])
            chosen = select(row, array)
            return list(chosen) if each is None else [each({**row, ELEMENT: element}) for element in chosen]

        return self._steps(expand, outside, scope)

    def _inline(self, inline: Tree[Any] | None, scope: Scope, followed: bool) -> Callable[[Row, list[Value]], Any]:
        if inline is None or not inline.children:
            return lambda row, array: array
        inner = scope | {"CURRENT"}
        parts = {part.data: part.children for part in inline.children}
        keep = self.compile(parts["inline_filter"][0], inner) if "inline_filter" in parts else None
        show = self.compile(parts["inline_return"][0], inner) if "inline_return" in parts else None
        if show is not None and followed:
            raise Unsupported("an attribute after an expansion with RETURN")
        limit = [self.compile(child, scope) for child in parts.get("inline_limit", [])]

        def select(row: Row, array: list[Value]) -> Any:
            chosen: Any = ({**row, "CURRENT": element} for element in array)
            if keep is not None:
                chosen = (one for one in chosen if truth(keep(one)))
            if limit:
                numbers = [int(values.to_number(part(row))) for part in limit]
                start = numbers[0] if len(numbers) > 1 else 0
                chosen = islice(chosen, start, start + numbers[-1])
            return [show(one) if show else one["CURRENT"] for one in chosen]

        return select

    def _question(self, base: Closure, test: Tree[Any], scope: Scope) -> Closure:
        inner = scope | {"CURRENT"}
        if test.data == "test_any":
            return lambda row: bool(values.to_array(base(row))) if isinstance(base(row), list) else False
        holds = self.compile(test.children[-1], inner)
        kind, count = str(test.data), None
        if kind in ("test_count", "test_at_least"):
            count = self.compile(test.children[0], scope)
        word = str(test.children[0]).upper() if kind == "test_word" else "ANY"

        def ask(row: Row) -> Value:
            array = base(row)
            if not isinstance(array, list):
                return False
            found = sum(truth(holds({**row, "CURRENT": element})) for element in array)
            if count is not None:
                wanted = count(row)
                if kind == "test_at_least":
                    return found >= values.to_number(wanted)
                return wanted[0] <= found <= wanted[-1] if isinstance(wanted, list) else found == wanted
            return {"ANY": found > 0, "ALL": found == len(array), "NONE": found == 0}[word]

        return ask

    # functions

    def _call(self, children: list[Any], scope: Scope) -> Closure:
        name = str(children[0].children[0]).upper()
        arguments = children[1].children if len(children) > 1 else []
        if "::" in name:
            raise Unsupported(f"user-defined function {name}")
        if name in SEARCH_ONLY:
            return compile_score(self._query, name, arguments, scope)
        function = look_up(name, len(arguments))
        if name in ("LENGTH", "COUNT") and is_source(arguments[0], scope):
            collection = self._query.collection_of(arguments[0])
            return lambda row: len(collection.documents)
        parts = [self._argument(name, at, argument, scope) for at, argument in enumerate(arguments)]
        call, query = function.call, self._query
        if name not in VARYING and is_folded(arguments, query.constants):
            value = call(query, [part(query.constants) for part in parts])
            return lambda row: copy.deepcopy(value)
        if len(parts) == 1:
            only = parts[0]
            return lambda row: call(query, [only(row)])
        return lambda row: call(query, [part(row) for part in parts])

    def _argument(self, name: str, at: int, argument: Tree[Any], scope: Scope) -> Closure:
        if at == 0 and name in ("DOCUMENT", "COLLECTION_COUNT") and is_source(argument, scope):
            source = self._query.collection_of(argument).name
            return lambda row: source
        return self.compile(argument, scope)
