"""An exception as a line carries it: type, text, traceback, frames. Pure but for the source lines it quotes."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from traceback import StackSummary, TracebackException
    from types import TracebackType
    from typing import Any, Final

MAX_FRAMES: Final = 100
"""Innermost frames kept: a thousand of one recursion say no more than a hundred, and a line has an end."""
MAX_TRACEBACK_CHARS: Final = 128 * 1024
MAX_VALUE_CHARS: Final = 32 * 1024


def exception_fields(error: BaseException) -> dict[str, Any]:
    """The `exception` object of a line: `{type, value, traceback, frames: [{file, line, function}]}`.

    `traceback` is Python's own text with all causes and contexts, as far as it goes in 128 Ki characters; `frames`
    are those of this exception alone, outermost first.

    >>> exception_fields(ValueError("bad"))
    {'type': 'ValueError', 'value': 'bad', 'traceback': 'ValueError: bad\\n', 'frames': []}
    """
    return exception_parts(type(error), error, error.__traceback__)


def exception_parts(
    kind: type[BaseException], error: BaseException | None, trace: TracebackType | None, text: str = ""
) -> dict[str, Any]:
    """The same from its parts, as loguru hands them over.

    `text` stands in for the traceback where there is none: a record that went through a queue has lost its own.
    """
    said = _said(error)
    if trace is None and text:
        return {"type": kind.__name__, "value": said, "traceback": _cut_middle(text), "frames": []}
    whole = _traceback(kind, error, trace)
    if whole is None:
        return {"type": kind.__name__, "value": said, "traceback": f"{kind.__name__}: {said}\n", "frames": []}
    return {
        "type": kind.__name__,
        "value": said,
        "traceback": _cut_middle("".join(whole.format())),
        "frames": _frames(whole.stack),
    }


def error_text(error: BaseException) -> str:
    """`Type: text`, or the type alone where there is no text.

    >>> error_text(KeyError("rows")), error_text(KeyboardInterrupt())
    ("KeyError: 'rows'", 'KeyboardInterrupt')
    """
    said = _said(error)
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def _said(error: BaseException | None) -> str:
    if error is None:
        return ""
    try:
        text = str(error)
    except Exception as failure:  # noqa: BLE001 - code of the host; a broken __str__ must not cost the record
        return f"<{type(error).__name__} whose text failed: {type(failure).__name__}>"
    return text if len(text) <= MAX_VALUE_CHARS else f"{text[:MAX_VALUE_CHARS]}... [cut, {len(text)} characters]"


def _traceback(
    kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
) -> TracebackException | None:
    if error is None:
        return None
    from traceback import TracebackException  # 10 ms that only a failing script pays

    try:
        return TracebackException(kind, error, trace, compact=True)
    except Exception:  # noqa: BLE001 - it runs code of the exception; its type and text are known without
        return None


def _frames(stack: StackSummary) -> list[dict[str, Any]]:
    return [{"file": at.filename, "line": at.lineno, "function": at.name} for at in stack[-MAX_FRAMES:]]


def _cut_middle(text: str) -> str:
    """Head and tail of a text that is too long: where it began and where it broke."""
    if len(text) <= MAX_TRACEBACK_CHARS:
        return text
    head, tail = MAX_TRACEBACK_CHARS // 4, MAX_TRACEBACK_CHARS * 3 // 4
    return f"{text[:head]}\n... [cut, {len(text)} characters] ...\n{text[-tail:]}"
