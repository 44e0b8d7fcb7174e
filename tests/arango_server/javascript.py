"""As much JavaScript as recorded examples need, parsed into tuples. Pure."""

from __future__ import annotations

import re
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


class Parser:
    """A recursive descent over the tokens."""

    def __init__(self, source: str) -> None:
        self.tokens: list[tuple[str, str]] = []
        place = depth = 0
        while place < len(source):
            match = TOKEN.match(source, place)
            if match is None:
                raise Unsupported(f"JavaScript near {source[place : place + 20]!r}")
            if match.lastgroup and not (match[0] == "~" and depth):  # each line of a hidden statement has its mark
                self.tokens.append((match.lastgroup, match[0]))
            if match.lastgroup == "sign":
                depth += (match[0] in "([{") - (match[0] in ")]}")
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
        if self.has("break"):
            self.has(";")
            return ("break",)
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
            return self.unary()  # Date() makes one, whoever asks
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
