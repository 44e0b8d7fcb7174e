"""Identity: the fields that stores index, kept to a length an index can hold. Pure: no I/O, no clock."""

from __future__ import annotations

from typing import Any, Final, TypeVar

import msgspec

from logagent.formats.record import Line

AnyLine = TypeVar("AnyLine", bound=Line)

MAX_IDENTITY_BYTES: Final = 1024

IDENTITY_FIELDS: Final = frozenset(
    {
        "execution_id",
        "parent_execution_id",
        "script_name",
        "hostname",
        "level",
        "function_name",
        "file_path",
        "learning_id",
        "error_fingerprint",
        "action",
        "status",
        "git_commit",
        "boot_id",
        "pid_namespace",
        "tags",
        "evidence",
    }
)


def cut_identity(line: AnyLine) -> tuple[AnyLine, bool]:
    """The line with its identity fields cut to `MAX_IDENTITY_BYTES`, and whether any was longer."""
    changed: dict[str, Any] = {}
    for name in IDENTITY_FIELDS.intersection(line.__struct_fields__):
        value = getattr(line, name)
        short = _cut_value(value)
        if short != value:
            changed[name] = short
    return (msgspec.structs.replace(line, **changed), True) if changed else (line, False)


def _cut_value(value: Any) -> Any:
    if isinstance(value, str):
        return _cut_text(value)
    if isinstance(value, tuple):
        return tuple(_cut_text(item) for item in value)
    return value


def _cut_text(text: str) -> str:
    if len(text) * 4 <= MAX_IDENTITY_BYTES:
        return text
    return text.encode("utf-8", "replace")[:MAX_IDENTITY_BYTES].decode("utf-8", "ignore")
