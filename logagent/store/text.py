"""Text that a store cannot hold, made holdable and back. Pure: no I/O, no clock.

Lone surrogates (file names that are not UTF-8, odd escapes) have no UTF-8 form. They are kept as an escape
character and a stand-in from a private plane; the escape character itself is doubled.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import msgspec

from logagent.formats.optional_raw import as_declared, twin_of

_ESCAPE: Final = "\U0010ffff"
_SHIFT: Final = 0xF0000 - 0xD800
_TO_ESCAPE: Final = re.compile("[\ud800-\udfff\U0010ffff]")
_ESCAPED: Final = re.compile("\U0010ffff(.)", re.DOTALL)
_S = TypeVar("_S", bound=msgspec.Struct)


def storable(text: str) -> str:
    """`text` as any store can hold it; nearly always the same object.

    >>> original(storable("a\\udc80b")) == "a\\udc80b"
    True
    """
    return text if text.isascii() else _TO_ESCAPE.sub(_escape, text)


def storable_or_none(text: str | None) -> str | None:
    """The same for a text that may be absent."""
    return None if text is None else storable(text)


def original(text: str) -> str:
    """What `storable` was given."""
    return _ESCAPED.sub(_unescape, text) if _ESCAPE in text else text


def original_or_none(text: str | None) -> str | None:
    """The same for a text that may be absent."""
    return None if text is None else original(text)


def with_texts(struct: _S, change: Callable[[str], str]) -> _S:
    """A struct with `change` applied to each of its text fields, in tuples too."""
    changed = {name: _changed(getattr(struct, name), change) for name in struct.__struct_fields__}
    return msgspec.structs.replace(struct, **changed)


def encode(struct: msgspec.Struct) -> bytes:
    """A struct as JSON, its texts made storable where they have to be."""
    try:
        found = msgspec.json.encode(struct)
    except UnicodeEncodeError:
        return msgspec.json.encode(with_texts(struct, storable))
    return found if _ESCAPE_UTF8 not in found else msgspec.json.encode(with_texts(struct, storable))


def encode_on(structs: Sequence[msgspec.Struct], array: bytearray) -> None:
    """Put structs, each as `encode` has it, behind those that are in an array of JSON, or into an empty one.

    The array grows in place: encoding pieces and joining them costs a third more, most of it memory.
    """
    end = max(len(array) - 1, 0)
    try:
        _ENCODER.encode_into(structs, array, end)
        is_usual = array.find(_ESCAPE_UTF8[0], end) < 0 or array.find(_ESCAPE_UTF8, end) < 0  # one byte: a 40th
    except UnicodeEncodeError:
        is_usual = False
    if not is_usual:
        array[end:] = b"[" + b",".join(map(encode, structs)) + b"]"
    if end:
        array[end] = ord(",")  # where the former ones ended, and these began


def decode(body: bytes, kind: type[_S]) -> _S:
    """The struct that `encode` was given."""
    found: _S = as_declared(kind, msgspec.json.decode(body, type=twin_of(kind)))
    return with_texts(found, original) if holds_escapes(body) else found


def holds_escapes(body: bytes | msgspec.Raw) -> bool:
    """True if texts in this JSON are not as they were given to `storable`."""
    return _ESCAPE_UTF8 in bytes(body)


_ESCAPE_UTF8: Final = _ESCAPE.encode()
_ENCODER: Final = msgspec.json.Encoder()


def _changed(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, tuple):
        return tuple(_changed(item, change) for item in value)
    return value


def _escape(found: re.Match[str]) -> str:
    character = found.group()
    return _ESCAPE + (character if character == _ESCAPE else chr(ord(character) + _SHIFT))


def _unescape(found: re.Match[str]) -> str:
    character = found.group(1)
    return character if character == _ESCAPE else chr(ord(character) - _SHIFT)
