"""Error fingerprints: what makes two errors the same, whatever their numbers and lines. Pure: no I/O, no clock.

The chain of exception types and the frames of our own code (module and function, less the script's entry, so that
two scripts can share an error); where there are no such frames, the masked message. The method's version stands in the
fingerprint, so that another method does not regroup what is stored. Only log lines with an exception or of level
ERROR and above have one, and ends of runs that failed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import dropwhile, groupby
from typing import Any, Final

import msgspec
import xxhash

from logagent.formats.masks import masked
from logagent.formats.record import Line, LogLine, RunEnd

VERSION: Final = 1
ERROR_LEVEL: Final = 40
MAX_FRAMES: Final = 16
"""Innermost own frames that count: what called them all says little of the error."""
_ENTRIES: Final = frozenset({"<module>", "main", "_main", "amain"})
_MAX_CHAIN: Final = 8
_DIGITS: Final = 14
_CHAINED: Final = re.compile(
    r"\n\n(?:The above exception was the direct cause of the following exception"
    r"|During handling of the above exception, another exception occurred):\n\n"
)
_MARGIN: Final = re.compile(r"^([A-Za-z_][\w.]{0,255})(?::|$)", re.MULTILINE)
_NAMED_TYPE: Final = re.compile(r"(?:[A-Za-z_]\w{0,99}\.){0,9}([A-Z]\w{0,99})(?=:|$)")
_FOREIGN_FRAME: Final = re.compile(r"(?:^|[/\\])(?:site-packages|dist-packages|lib(?:64)?/python3[\d.]*)[/\\]|^<")
_FINGERPRINT: Final = re.compile(rf"e{VERSION}[0-9a-f]{{{_DIGITS}}}\Z")


class OwnFrame(msgspec.Struct, frozen=True, array_like=True):
    """A frame of our own code; `line` is where it was when this error was first seen, and identifies nothing."""

    file: str
    function: str
    line: int | None = None

    @property
    def module(self) -> str:
        """The file's name without directory and ending: lines and directories move, modules stay."""
        return self.file.replace("\\", "/").rsplit("/", 1)[-1].removesuffix(".py")


class ErrorShape(msgspec.Struct, frozen=True):
    """What identifies an error.

    Attributes:
        types: the chain of exception types, the first raised first; empty where there is no exception.
        frames: own frames, outermost first; without any in the traceback, the call that logged it.
        template: the masked message; identifies only where there are no frames.
        site: the call that logged it, where the line says so; identifies nothing.
    """

    types: tuple[str, ...] = ()
    frames: tuple[OwnFrame, ...] = ()
    template: str = ""
    site: tuple[OwnFrame, ...] = ()

    @property
    def fingerprint(self) -> str:
        """`e`, the method's version, 14 hex digits."""
        said = [*self.types, "", *(f"{frame.module}.{frame.function}" for frame in _below_entry(self.frames))]
        text = "\n".join(said if self.types and self.frames else [*self.types, self.template])
        digest = xxhash.xxh3_64_hexdigest(text.encode("utf-8", "surrogatepass"))
        return f"e{VERSION}{digest[:_DIGITS]}"


class _Exception(msgspec.Struct):
    type: Any = None
    value: Any = None
    traceback: Any = None
    frames: Any = ()


_EXCEPTION = msgspec.json.Decoder(_Exception)


def is_fingerprint(text: str) -> bool:
    """True for a whole fingerprint of the method of now.

    >>> is_fingerprint("e1" + "0" * 14), is_fingerprint("9be2c41f")
    (True, False)
    """
    return bool(_FINGERPRINT.match(text))


def error_shape(line: Line) -> ErrorShape | None:
    """What identifies the error that a line tells of; None if it tells of none.

    >>> error_shape(LogLine("", level_no=40, message="db-7 refused 3 times")).template
    'db-{n} refused {n} times'
    >>> error_shape(LogLine("", level_no=20))
    """
    if isinstance(line, LogLine):
        if line.level_no < ERROR_LEVEL and line.exception is None:
            return None
        return _shape(line.exception, line.message, _call_site(line))
    if isinstance(line, RunEnd) and line.status == "failed" and (line.exception is not None or line.error):
        return _ended(line)
    return None


def _ended(line: RunEnd) -> ErrorShape:
    """A run's end names the type in its text where it carries no exception."""
    said = line.error or ""
    if line.exception is not None:
        return _shape(line.exception, said, ())
    named = _NAMED_TYPE.match(said)
    return ErrorShape((named.group(1),) if named else (), template=masked(said))


def _call_site(line: LogLine) -> tuple[OwnFrame, ...]:
    if not line.function_name or not line.file_path:
        return ()
    return (OwnFrame(line.file_path, line.function_name, line.line_number),)


def _shape(exception: msgspec.Raw | None, message: str, site: tuple[OwnFrame, ...]) -> ErrorShape:
    told = _decoded(exception)
    types = _types(told) if told else ()
    if not types:
        return ErrorShape(template=masked(message), site=site)
    frames = own_frames(told.frames) if told and isinstance(told.frames, list) else ()
    return ErrorShape(types, frames or site, masked(message), site)


def _decoded(exception: msgspec.Raw | None) -> _Exception | None:
    if exception is None:
        return None
    try:
        return _EXCEPTION.decode(exception)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _types(told: _Exception) -> tuple[str, ...]:
    """The chain as the traceback prints it; the last is what the line itself says."""
    earlier: list[str] = []
    if isinstance(told.traceback, str):
        parts = _CHAINED.split(told.traceback)[-_MAX_CHAIN:]
        earlier = [kind for part in parts[:-1] if (kind := _raised(part))]
    last = str(told.type).rsplit(".", 1)[-1] if told.type else ""
    return (*earlier, last) if last else tuple(earlier)


def _raised(traceback: str) -> str:
    """The type that a traceback ends in: the first line at the margin after its last indented one."""
    frames_end = traceback.rfind("\n  ")
    found = _MARGIN.search(traceback, traceback.find("\n", frames_end + 1) + 1 if frames_end >= 0 else 0)
    return found.group(1).rsplit(".", 1)[-1] if found else ""


def own_frames(frames: Sequence[Any]) -> tuple[OwnFrame, ...]:
    """The frames that lie in neither the standard library nor an installed package; of a recursion one.

    >>> own_frames([{"file": "/app/etl.py", "line": 4, "function": "main"}, {"file": "<frozen runpy>"}])
    (OwnFrame(file='/app/etl.py', function='main', line=4),)
    """
    own = [frame for frame in map(_own_frame, frames) if frame is not None]
    alike = groupby(own, key=lambda frame: (frame.module, frame.function))
    return tuple(list(same)[-1] for _, same in alike)[-MAX_FRAMES:]


def _below_entry(frames: tuple[OwnFrame, ...]) -> tuple[OwnFrame, ...]:
    """Less the outermost frames where a script begins, if any others are left."""
    inner = tuple(dropwhile(lambda frame: frame.function in _ENTRIES, frames))
    return inner or frames[-1:]


def has_entry(shape: ErrorShape) -> bool:
    """True if the way began where a script begins, which is no part of the fingerprint."""
    return shape.frames != _below_entry(shape.frames)


def _own_frame(frame: Any) -> OwnFrame | None:
    if not isinstance(frame, dict):
        return None
    file, function, line = frame.get("file"), frame.get("function"), frame.get("line")
    if not isinstance(file, str) or not isinstance(function, str) or _FOREIGN_FRAME.search(file):
        return None
    return OwnFrame(file, function, line if isinstance(line, int) else None)
