"""Runs parsed JavaScript over Python objects. No I/O of its own."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from .errors import Unsupported
from .javascript import UNDEFINED, Node, Parser


class Assigned(NamedTuple):
    """What a statement sets a name to: some objects are shown then, and some are not."""

    value: Any


class UnknownName(Unsupported):
    """A name that nobody declared: what a script tries anyway may fail so in arangosh as well."""


class Returned(Exception):
    """A return statement on its way out."""


class Broken(Exception):
    """A break statement on its way out."""


class Runner:
    """Runs statements; what they show goes to `shown`."""

    def __init__(self, names: dict[str, Any], shown: Callable[[Any], None]) -> None:
        self.names = names
        self._shown = shown

    def run(self, statements: list[Node], *, hidden: bool = False) -> None:
        """All of them."""
        for statement in statements:
            self._statement(statement, hidden)

    def _statement(self, node: Node, hidden: bool) -> None:
        match node:
            case ("hidden", inner):
                self._statement(inner, True)
            case ("show", value):
                found = self.value(value)
                if not hidden:
                    self._shown(found if value[0] != "assign" else Assigned(found))
            case ("declare", pairs):
                for name, value in pairs:
                    self.names[name] = self.value(value)
            case ("block" | "for", *_):
                self._show_last(node, hidden)
            case ("if", condition, yes, no):
                self._statement(yes if truthy(self.value(condition)) else no, hidden)
            case ("try", body, rescue):
                try:
                    self._statement(body, True)
                except Exception as error:
                    if isinstance(error, (Unsupported, Returned, Broken)) and not isinstance(error, UnknownName):
                        raise
                    self._statement(rescue, True)
            case ("break",):
                raise Broken
            case ("return", value):
                raise Returned(self.value(value))

    def _show_last(self, node: Node, hidden: bool) -> None:
        """A block or a loop shows the last of the values in it."""
        made: list[Any] = []
        outer, self._shown = self._shown, made.append
        try:
            match node:
                case ("block", statements):
                    self.run(statements)
                case ("for", start, condition, step, body):
                    self._statement(start, True)
                    while truthy(self.value(condition)):
                        try:
                            self._statement(body, False)
                        except Broken:
                            break
                        self.value(step)
        finally:
            self._shown = outer
        if made and not hidden:
            self._shown(made[-1])

    def value(self, node: Node) -> Any:
        """What an expression gives."""
        match node:
            case ("constant", value):
                return value
            case ("template", text):
                return re.sub(r"\$\{(.*?)\}", lambda m: str(self.value(Parser(m[1]).expression())), text)
            case ("name", name):
                if name not in self.names:
                    raise UnknownName(f"JavaScript name {name!r}")
                return self.names[name]
            case ("array", elements):
                return [self.value(element) for element in elements]
            case ("object", pairs):
                return {name: self.value(value) for name, value in pairs}
            case ("member", owner, name):
                return member(self.value(owner), self.value(name))
            case ("call", target, arguments):
                return self.value(target)(*(self.value(argument) for argument in arguments))
            case ("ternary", condition, yes, no):
                return self.value(yes if truthy(self.value(condition)) else no)
            case ("unary", sign, inner):
                found = self.value(inner)
                return not truthy(found) if sign == "!" else -found
            case ("binary", sign, left, right):
                return self._binary(sign, left, right)
            case ("assign", target, value):
                return self._assign(target, self.value(value))
            case ("function", names, body):
                return self._function(names, body)
        raise Unsupported(f"JavaScript {node[0]}")

    def _binary(self, sign: str, left: Node, right: Node) -> Any:
        one = self.value(left)
        if sign in ("&&", "||"):
            return self.value(right) if truthy(one) == (sign == "&&") else one
        other = self.value(right)
        if sign == "+" and (isinstance(one, str) or isinstance(other, str)):
            return f"{one}{other}"
        operations: dict[str, Callable[[], Any]] = {
            "+": lambda: one + other,
            "-": lambda: one - other,
            "*": lambda: one * other,
            "/": lambda: one / other,
            "%": lambda: one % other,
            "<": lambda: one < other,
            ">": lambda: one > other,
            "<=": lambda: one <= other,
            ">=": lambda: one >= other,
        }
        if sign in operations:
            return operations[sign]()
        return (one == other) == (sign in ("==", "==="))

    def _assign(self, target: Node, value: Any) -> Any:
        if target[0] == "name":
            self.names[target[1]] = value
        elif target[0] == "member":
            owner = self.value(target[1])
            if isinstance(owner, dict):
                owner[self.value(target[2])] = value
        return value

    def _function(self, names: list[str], body: Node) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            inner = Runner(self.names | dict(zip(names, arguments, strict=False)), lambda value: None)
            try:
                inner._statement(body, True)
            except Returned as returned:
                return returned.args[0]
            return UNDEFINED

        return call


def truthy(value: Any) -> bool:
    """Truth as JavaScript has it."""
    return isinstance(value, (list, dict)) or (value is not UNDEFINED and bool(value))


def member(owner: Any, name: Any) -> Any:
    """`owner.name` and `owner[name]`."""
    if isinstance(owner, dict):
        return owner.get(name, UNDEFINED)
    if isinstance(owner, (list, str)):
        if isinstance(name, int):
            return owner[name] if name < len(owner) else UNDEFINED
        tools: dict[str, Any] = {
            "length": len(owner),
            "map": lambda f: [f(element) for element in owner],
            "forEach": lambda f: [f(element) for element in owner] and UNDEFINED,
            "push": lambda value: owner.append(value) if isinstance(owner, list) else UNDEFINED,
            "join": lambda mark: mark.join(map(str, owner)),
        }
        if name in tools:
            return tools[name]
        raise Unsupported(f"JavaScript method {name!r}")
    if owner is None or owner is UNDEFINED:
        raise Unsupported(f"JavaScript: {name!r} of nothing")
    return owner.member(name)
