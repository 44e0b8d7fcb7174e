"""As much JavaScript as recorded examples need: parsed into tuples, run over Python objects. No I/O of its own."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from .errors import Unsupported

Node = tuple[Any, ...]
TOKEN: Final = re.compile(
    r"""\s+|//[^\n]*|/\*.*?\*/|(?P<number>0x[0-9a-fA-F]+|\d+\.?\d*(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_$][\w$]*)
    |(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`)
    |(?P<sign>===|!==|=>|==|!=|<=|>=|&&|\|\||\+\+|--|\+=|\?\.|[-+*/%<>=!?:;,.(){}\[\]~])""",
    re.VERBOSE | re.DOTALL,
)
LEVELS: Final = [("||",), ("&&",), ("===", "!==", "==", "!="), ("<", ">", "<=", ">="), ("+", "-"), ("*", "/", "%")]


class Undefined:
    """JavaScript's undefined."""


UNDEFINED: Final = Undefined()


class Returned(Exception):
    """A return statement on its way out."""


class Parser:
    """A recursive descent over the tokens."""

    def __init__(self, source: str) -> None:
        self.tokens: list[tuple[str, str]] = []
        place = 0
        while place < len(source):
            match = TOKEN.match(source, place)
            if match is None:
                raise Unsupported(f"JavaScript near {source[place : place + 20]!r}")
            if match.lastgroup:
                self.tokens.append((match.lastgroup, match[0]))
            place = match.end()
        self.at = 0

    def peek(self) -> str:
        """The next token's text, or nothing."""
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def take(self, text: str | None = None) -> str:
        """Go on; the token must be that one."""
        found = self.peek()
        if not found or (text is not None and found != text):
            raise Unsupported(f"JavaScript: {text!r} expected at {found!r}")
        self.at += 1
        return found

    def has(self, text: str) -> bool:
        """Take the token if it is the next one."""
        if self.peek() == text and self.tokens[self.at][0] != "text":
            self.at += 1
            return True
        return False

    def program(self) -> list[Node]:
        """All statements."""
        found = []
        while self.peek():
            found.append(self.statement())
        return found

    def statement(self) -> Node:
        """One statement."""
        if self.has("~"):
            return ("hidden", self.statement())
        if self.has(";"):
            return ("block", [])
        word = self.peek()
        if word in ("var", "let", "const"):
            self.take()
            return self._declaration()
        if word == "{":
            return self._block()
        handler = {"for": self._for, "if": self._if, "try": self._try, "return": self._return}.get(word)
        if handler is not None:
            self.take()
            return handler()
        value = self.expression()
        self.has(";")
        return ("show", value)

    def _declaration(self) -> Node:
        if self.peek() in ("{", "["):
            raise Unsupported("JavaScript destructuring")
        found = []
        while True:
            name = self.take()
            found.append((name, self.assignment() if self.has("=") else ("constant", UNDEFINED)))
            if not self.has(","):
                break
        self.has(";")
        return ("declare", found)

    def _block(self) -> Node:
        self.take("{")
        found = []
        while not self.has("}"):
            found.append(self.statement())
        return ("block", found)

    def _for(self) -> Node:
        self.take("(")
        start = self.statement()
        condition = self.expression()
        self.take(";")
        step = self.expression()
        self.take(")")
        return ("for", start, condition, step, self.statement())

    def _if(self) -> Node:
        self.take("(")
        condition = self.expression()
        self.take(")")
        yes = self.statement()
        return ("if", condition, yes, self.statement() if self.has("else") else ("block", []))

    def _try(self) -> Node:
        body = self._block()
        self.take("catch")
        if self.has("("):
            self.take()
            self.take(")")
        return ("try", body, self._block())

    def _return(self) -> Node:
        value = self.expression() if self.peek() not in (";", "}") else ("constant", UNDEFINED)
        self.has(";")
        return ("return", value)

    def expression(self) -> Node:
        """An expression; no comma operator."""
        return self.assignment()

    def assignment(self) -> Node:
        """Assignments, arrow functions and what binds tighter."""
        arrow = self._arrow()
        if arrow is not None:
            return arrow
        target = self.binary(0)
        if self.has("?"):
            yes = self.assignment()
            self.take(":")
            return ("ternary", target, yes, self.assignment())
        if self.has("="):
            return ("assign", target, self.assignment())
        if self.has("+="):
            return ("assign", target, ("binary", "+", target, self.assignment()))
        return target

    def _arrow(self) -> Node | None:
        start = self.at
        names: list[str] = []
        if self.has("("):
            while self.at < len(self.tokens) and self.tokens[self.at][0] == "name":
                names.append(self.take())
                self.has(",")
            if not self.has(")") or self.peek() != "=>":
                self.at = start
                return None
        elif self.at < len(self.tokens) and self.tokens[self.at][0] == "name":
            names.append(self.take())
        if not self.has("=>"):
            self.at = start
            return None
        body = self._block() if self.peek() == "{" else ("return", self.assignment())
        return ("function", names, body)

    def binary(self, level: int) -> Node:
        """Operators from the loosest level on."""
        if level == len(LEVELS):
            return self.unary()
        left = self.binary(level + 1)
        while self.peek() in LEVELS[level] and self.tokens[self.at][0] == "sign":
            left = ("binary", self.take(), left, self.binary(level + 1))
        return left

    def unary(self) -> Node:
        """Signs before, calls and members after."""
        for sign in ("-", "!", "++", "--"):
            if self.has(sign):
                inner = self.unary()
                if sign in ("++", "--"):
                    return ("assign", inner, ("binary", sign[0], inner, ("constant", 1)))
                return ("unary", sign, inner)
        if self.has("new"):
            return ("new", self.unary())
        found = self.primary()
        while True:
            if self.has(".") or self.has("?."):
                found = ("member", found, ("constant", self.take()))
            elif self.has("["):
                found = ("member", found, self.expression())
                self.take("]")
            elif self.has("("):
                found = ("call", found, self._list(")"))
            elif self.has("++"):
                found = ("assign", found, ("binary", "+", found, ("constant", 1)))
            else:
                return found

    def _list(self, end: str) -> list[Node]:
        found = []
        while not self.has(end):
            found.append(self.assignment())
            self.has(",")
        return found

    def primary(self) -> Node:
        """Literals, names and what stands in brackets."""
        kind, text = self.tokens[self.at] if self.at < len(self.tokens) else ("", "")
        self.at += 1
        if kind == "number":
            return ("constant", int(text, 0) if text.isdigit() or text.startswith("0x") else float(text))
        if kind == "text":
            return ("template", text[1:-1]) if text[0] == "`" and "${" in text else ("constant", unquote(text))
        if text == "(":
            found = self.expression()
            self.take(")")
            return found
        if text == "[":
            return ("array", self._list("]"))
        if text == "{":
            return self._object()
        if text == "function":
            if self.peek() != "(":
                self.take()
            self.take("(")
            names = [node[1] for node in self._list(")")]
            return ("function", names, self._block())
        if kind == "name":
            known = {"true": True, "false": False, "null": None, "undefined": UNDEFINED}
            return ("constant", known[text]) if text in known else ("name", text)
        raise Unsupported(f"JavaScript: {text!r}")

    def _object(self) -> Node:
        pairs: list[tuple[str, Node]] = []
        while not self.has("}"):
            kind, text = self.tokens[self.at]
            self.at += 1
            name = unquote(text) if kind == "text" else text
            pairs.append((name, self.assignment() if self.has(":") else ("name", name)))
            self.has(",")
        return ("object", pairs)


ESCAPED: Final = {"n": "\n", "t": "\t", "r": "\r", "b": "\b"}


def unquote(text: str) -> str:
    """A string literal's value."""

    def one(match: re.Match[str]) -> str:
        if match[1][0] == "u" and len(match[1]) > 1:
            return chr(int(match[1][1:], 16))
        return "" if match[1] == "\n" else ESCAPED.get(match[1], match[1])

    return re.sub(r"\\(u[0-9a-fA-F]{4}|.)", one, text[1:-1], flags=re.DOTALL)


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
                    self._shown(found)
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
                    if isinstance(error, (Unsupported, Returned)):
                        raise
                    self._statement(rescue, True)
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
                        self._statement(body, False)
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
                    raise Unsupported(f"JavaScript name {name!r}")
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
