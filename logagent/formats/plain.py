"""Any Python value as bounded JSON text: no value makes a line invalid, endless or huge. Pure: no I/O, no clock.

Values that JSON has a form for keep it: text, numbers, booleans, None, dictionaries, lists, tuples, and numpy's
scalars. Everything else becomes its repr. What is cut says so where it was cut.
"""

from __future__ import annotations

from json import JSONEncoder
from json.encoder import c_make_encoder, encode_basestring  # type: ignore[attr-defined]
from math import isfinite

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final, TypeAlias

    Json: TypeAlias = "str | int | float | bool | dict[str, Json] | list[Json] | None"

MAX_DEPTH: Final = 50
"""Half of what the daemon takes in a line: extra_data and exception stand inside one."""
MAX_KEY_CHARS: Final = 1024
NUMBER_ROOM: Final = 24
"""What a number is counted as: no double is longer, and longer integers are counted by their text."""
_SURROGATES: Final = {code: f"\\\\u{code:04x}" for code in range(0xD800, 0xE000)}

json_string: Final[Callable[[str], str]] = encode_basestring
"""Text as a JSON string, other than ASCII left as it is; in C where there is C."""


def _kept_encoder() -> Callable[[Json], str]:
    """One encoder for the life of the process: `JSONEncoder.encode` builds a new one for every call."""
    kept = JSONEncoder(ensure_ascii=False, check_circular=False, allow_nan=False, separators=(",", ":"))
    if c_make_encoder is None:
        return kept.encode
    # By position: markers, default, string encoder, indent, separators, sort_keys, skipkeys, allow_nan.
    chunks = c_make_encoder(None, kept.default, json_string, None, ":", ",", False, False, False)
    return lambda value: "".join(chunks(value, 0))


_encode: Final = _kept_encoder()


def plain(value: object, room: int) -> Json:
    """The value in JSON's own types, of about `room` characters at most.

    >>> plain({"at": 1j, 2: [float("nan"), "x" * 12]}, 40)
    {'at': '1j', '2': ['nan', '... [1 more]']}
    """
    return _Walk(room).value(value, ())


def json_text(value: object, room: int) -> str:
    """The value as JSON text of about `room` characters, more where characters need escapes.

    >>> json_text({"path": "a/b", "sizes": (1, 2.5)}, 1000)
    '{"path":"a/b","sizes":[1,2.5]}'
    """
    return _encode(plain(value, room))


def json_text_within(value: object, room_bytes: int) -> str:
    """The value as JSON text of at most `room_bytes` bytes of UTF-8.

    >>> json_text_within("é" * 100, 60)
    '"ééééééééééééé... [cut, 100 characters]"'
    """
    room = room_bytes
    while room > 0:
        text = json_text(value, room)
        size = len(encode_utf8(text))
        if size <= room_bytes:
            return text
        room = min(room - 1, room * room_bytes // size - 4)
    return '"..."'


def encode_utf8(text: str) -> bytes:
    """JSON text as UTF-8; halves of a surrogate pair, which UTF-8 has no form for, become `\\udc80` as plain text.

    >>> encode_utf8('"caf\\udce9"')
    b'"caf\\\\\\\\udce9"'
    """
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.translate(_SURROGATES).encode()


def cut_text(text: str, room: int) -> str:
    """The first `room` characters and a mark with the whole length; the text itself if it is not longer.

    >>> cut_text("abcdefgh", 3)
    'abc... [cut, 8 characters]'
    """
    return text if len(text) <= room else f"{text[: max(room, 0)]}... [cut, {len(text)} characters]"


def safe_repr(value: object) -> str:
    """The value's repr, or a stand-in that names its type if the repr itself fails.

    >>> safe_repr({1})
    '{1}'
    """
    try:
        return repr(value)
    except Exception as error:  # noqa: BLE001 - code of the host; whatever it raises must not reach the script
        return f"<{type(value).__name__} whose repr failed: {type(error).__name__}>"


class _Walk:
    """One walk over a value, with the characters that are left and the containers it stands in."""

    __slots__ = ("_left",)

    def __init__(self, room: int) -> None:
        self._left = room

    def value(self, value: object, inside: tuple[int, ...]) -> Json:
        if isinstance(value, str):
            return self._text(value)
        if value is None or value is True or value is False:
            self._left -= NUMBER_ROOM
            return value
        if isinstance(value, int):
            return self._integer(value)
        if isinstance(value, float):
            self._left -= NUMBER_ROOM
            return float(value) if isfinite(value) else float.__repr__(value)
        if isinstance(value, (dict, list, tuple)):
            return self._container(value, inside)
        return self._other(value, inside)

    def _text(self, value: str) -> str:
        # A subclass may write itself otherwise; str() of its own contents is what JSON would take.
        text = cut_text(value if type(value) is str else str.__str__(value), self._left)
        self._left -= len(text) + 2
        return text

    def _integer(self, value: int) -> Json:
        try:
            self._left -= max(NUMBER_ROOM, len(int.__repr__(value)))
        except ValueError:  # past the interpreter's limit of digits
            return self._text(f"<integer of {value.bit_length()} bits>")
        return int(value)

    def _container(self, value: dict[Any, Any] | list[Any] | tuple[Any, ...], inside: tuple[int, ...]) -> Json:
        if id(value) in inside:
            return self._text("<cycle>")
        if len(inside) >= MAX_DEPTH:
            return self._text(f"<nested deeper than {MAX_DEPTH}>")
        self._left -= 2
        within = (*inside, id(value))
        if isinstance(value, dict):
            # A copy: another thread may be changing it. dict.items, as a subclass may bring its own.
            return self._dictionary(list(dict.items(value)), within)
        return self._list(list(value), within)

    def _dictionary(self, items: list[tuple[Any, Any]], inside: tuple[int, ...]) -> dict[str, Json]:
        out: dict[str, Json] = {}
        for done, (key, item) in enumerate(items):
            if self._left <= 0:
                out["..."] = f"[{len(items) - done} more]"
                break
            name = cut_text(_key_text(key), MAX_KEY_CHARS)
            while name in out:  # 1 and "1" are two keys here and one in JSON
                name += "_"
            self._left -= len(name) + 4
            out[name] = self.value(item, inside)
        return out

    def _list(self, items: list[Any], inside: tuple[int, ...]) -> list[Json]:
        out: list[Json] = []
        for done, item in enumerate(items):
            if self._left <= 0:
                out.append(f"... [{len(items) - done} more]")
                break
            self._left -= 1
            out.append(self.value(item, inside))
        return out

    def _other(self, value: object, inside: tuple[int, ...]) -> Json:
        if type(value).__module__ == "numpy" and getattr(value, "shape", None) == ():
            item = value.item()  # type: ignore[attr-defined]  # a scalar: 3, not np.int64(3)
            if isinstance(item, (bool, int, float, str)):
                return self.value(item, inside)
        return self._text(safe_repr(value))


def _key_text(key: object) -> str:
    """A dictionary's key as JSON's own rules have it, and as its repr where they have none."""
    if isinstance(key, str):
        return str.__str__(key)
    if key is None or isinstance(key, bool):
        return {None: "null", True: "true", False: "false"}[key]
    return safe_repr(key)
