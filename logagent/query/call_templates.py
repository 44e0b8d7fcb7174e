"""Templates as their author wrote them: the log calls in a source file, read with `ast`. Pure: no I/O, no clock."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from string import Formatter
from typing import Final, TypeAlias

import msgspec

from logagent.query.template import Template

_Parts: TypeAlias = list[tuple[str, str | None]]
"""Constant texts, each with the name of the field behind it, or None."""
_LOGGING: Final = frozenset(
    {"trace", "debug", "info", "success", "warning", "warn", "error", "critical", "exception", "fatal", "log"}
)
_PERCENT: Final = re.compile(r"%%|%(?:\((\w+)\))?[#0\- +]*(?:\d+|\*)?(?:\.\d+)?[diouxXeEfFgGcrsa]")
_WORD: Final = re.compile(r"[^\W\d_]{3}")
_UNNAMED: Final = "value"
MODULE: Final = "<module>"


class LogCall(msgspec.Struct, frozen=True):
    """A log call in the source, from its first to its last line, and the function that it stands in."""

    first_line: int
    last_line: int
    template: Template
    function: str = MODULE

    @property
    def constant_length(self) -> int:
        """Characters that stand in every message of it."""
        return sum(map(len, self.template.constants))

    @property
    def is_telling(self) -> bool:
        """True if its messages have a word that says whose they are."""
        return any(_WORD.search(constant) for constant in self.template.constants)


def log_calls(source: str) -> list[LogCall]:
    """The log calls whose message stands in the call; [] for what is no Python.

    >>> [call.template.text for call in log_calls('log.info(f"page {i} ({len(rows)} rows)")')]
    ['page {i} ({rows} rows)']
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    calls: list[LogCall] = []
    waiting: list[tuple[ast.AST, str]] = [(tree, MODULE)]
    while waiting:
        node, function = waiting.pop()
        if isinstance(node, ast.Call) and (found := _log_call(node, function)):
            calls.append(found)
        within = node.name if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else function
        waiting += [(child, within) for child in ast.iter_child_nodes(node)]
    return calls


def _log_call(call: ast.Call, function: str) -> LogCall | None:
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in _LOGGING:
        return None
    at = 1 if call.func.attr == "log" else 0
    if len(call.args) <= at:
        return None
    parts = _message(call.args[at], call.args[at + 1 :], call.keywords)
    if parts is None:
        return None
    return LogCall(call.lineno, call.end_lineno or call.lineno, _template(parts), function)


def _template(parts: _Parts) -> Template:
    constants, fields = [""], list[str]()
    for text, name in parts:
        constants[-1] += text
        if name is not None:
            fields.append(name)
            constants.append("")
    return Template(tuple(constants), tuple(fields))


def _message(node: ast.expr, args: Sequence[ast.expr], keywords: Sequence[ast.keyword]) -> _Parts | None:
    """The parts of a message; None where it is not written in the call."""
    match node:
        case ast.Constant(value=str(text)) if args or keywords:
            return _formatted(text, args)
        case ast.Constant(value=str(text)):
            return [(text, None)]
        case ast.JoinedStr(values=values):
            return [_joined(value) for value in values]
        case ast.BinOp(left=ast.Constant(value=str(text)), op=ast.Mod(), right=right):
            return _percent(text, right.elts if isinstance(right, ast.Tuple) else [right])
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _added(left, right)
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(text)), attr="format")):
            return _formatted(text, node.args)
    return None


def _joined(value: ast.expr) -> tuple[str, str | None]:
    if isinstance(value, ast.Constant):
        return str(value.value), None
    return "", _name(value.value if isinstance(value, ast.FormattedValue) else value)


def _added(left: ast.expr, right: ast.expr) -> _Parts | None:
    """A sum of texts; what is no text in it is a field, but a sum without any text is no message."""
    found = [_message(side, (), ()) for side in (left, right)]
    if not any(found):
        return None
    sides = zip(found, (left, right), strict=True)
    return [part for parts, side in sides for part in (parts or [("", _name(side))])]


def _formatted(text: str, args: Sequence[ast.expr]) -> _Parts | None:
    if "{" not in text and _PERCENT.search(text):
        return _percent(text, args)
    try:
        return list(_braced(text, args))
    except (ValueError, IndexError):
        return None


def _braced(text: str, args: Sequence[ast.expr]) -> Iterator[tuple[str, str | None]]:
    following = iter(range(len(args)))
    for constant, field, _, _ in Formatter().parse(text):
        if field is None:
            yield constant, None
            continue
        head = re.split(r"[.\[]", field)[0]
        if head and not head.isdigit():
            yield constant, head
        else:
            number = int(head) if head else next(following, len(args))
            yield constant, _name(args[number])


def _percent(text: str, args: Sequence[ast.expr]) -> _Parts:
    parts: _Parts = []
    at = 0
    following = iter(args)
    for found in _PERCENT.finditer(text):
        if found.group() == "%%":
            continue
        value = None if found.group(1) else next(following, None)
        name = found.group(1) or (_UNNAMED if value is None else _name(value))
        parts.append((text[at : found.start()].replace("%%", "%"), name))
        at = found.end()
    return [*parts, (text[at:].replace("%%", "%"), None)]


def _name(node: ast.expr) -> str:
    """What a reader would call the value: its variable, attribute, key, or what a call is made of."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(slice=ast.Constant(value=str(name))):
            return name
        case ast.Subscript(value=inner) | ast.Starred(value=inner) | ast.Await(value=inner):
            return _name(inner)
        case ast.Call(args=[first, *_]):
            return _name(first)
        case ast.Call(func=function):
            return _name(function)
        case ast.BinOp(left=left, right=right):
            return _name(right if isinstance(left, ast.Constant) else left)
    return _UNNAMED
