"""Optional raw JSON: structs with fields of type `msgspec.Raw | None`, decoded. Pure: no I/O, no clock.

Such a field takes null alone when it is decoded (measured, msgspec 0.22), a plain `Raw` takes anything. So one
decodes into a twin of the struct, whose optional raw fields are plain, and takes the struct itself from that.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final, TypeVar, get_args, get_type_hints

import msgspec

_S = TypeVar("_S", bound=msgspec.Struct)
_NULL: Final = msgspec.Raw(b"null")


@cache
def twin_of(kind: type[_S]) -> type[_S]:
    """What to decode into where a `kind` is expected; `kind` itself where it has no optional raw field."""
    plain: list[Any] = [(name, msgspec.Raw, _NULL) for name in _optional_raws(kind)]
    if not plain:
        return kind
    config = kind.__struct_config__
    twin: Any = msgspec.defstruct(
        kind.__name__, plain, bases=(kind,), frozen=True, kw_only=True, gc=config.gc, tag_field=config.tag_field,
        tag=config.tag, forbid_unknown_fields=config.forbid_unknown_fields,
    )  # fmt: skip
    return twin  # type: ignore[no-any-return]


def as_declared(kind: type[_S], found: _S) -> _S:
    """The `kind` that was decoded as `found`, a twin: null is None in its optional raw fields."""
    if type(found) is kind:
        return found
    fields: dict[str, Any] = {name: getattr(found, name) for name in kind.__struct_fields__}
    for name in _optional_raws(kind):
        if fields[name] == _NULL:
            fields[name] = None
    return kind(**fields)


@cache
def _optional_raws(kind: type[msgspec.Struct]) -> tuple[str, ...]:
    hints = get_type_hints(kind)
    return tuple(name for name in kind.__struct_fields__ if {msgspec.Raw, type(None)} == set(get_args(hints[name])))
