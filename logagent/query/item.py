"""Answers as values: read-only mappings with attribute access, and pages of them. Pure: no I/O, no clock."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, overload

import msgspec

from logagent.formats.times import utc_text
from logagent.store.protocol import Total


class Item(Mapping[str, Any]):
    """One thing of an answer: `item["message"]` and `item.message` are the same; it cannot be changed.

    >>> item = Item({"message": "hi", "extra_data": {"user": 42}})
    >>> item.message, item["extra_data"].user
    ('hi', 42)
    """

    __slots__ = ("_fields",)

    def __init__(self, fields: Mapping[str, Any]) -> None:
        object.__setattr__(self, "_fields", dict(fields))

    def __getitem__(self, name: str) -> Any:
        return _sealed(self._fields[name])

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(_no_field(name, self._fields)) from None

    def __setattr__(self, name: str, _value: Any) -> None:
        raise AttributeError(f"answers are read-only: cannot set {name!r}; take a copy with to_dict()")

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mapping) and self._fields == _opened(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Item({self._fields!r})"

    def __reduce__(self) -> tuple[type[Item], tuple[dict[str, Any]]]:
        return Item, (self._fields,)

    def to_dict(self) -> dict[str, Any]:
        """A plain copy that may be changed and serialised."""
        copied: dict[str, Any] = _opened(self._fields)
        return copied


def _sealed(value: Any) -> Any:
    if isinstance(value, dict):
        return Item(value)
    if isinstance(value, list):
        return tuple(_sealed(each) for each in value)
    return value


def _opened(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _opened(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_opened(each) for each in value]
    return value


def _no_field(name: str, fields: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(name, fields, n=1)
    said = f"; nearest: {near[0]}" if near else ""
    return f"no field {name!r}{said} (fields: {', '.join(fields)})"


class Window(msgspec.Struct, frozen=True):
    """From when (included) to when (not included), microseconds; None is open. What an answer looked at."""

    since_us: int | None = None
    until_us: int | None = None

    def to_dict(self) -> dict[str, str | None]:
        """The window in UTC text, as envelopes show it."""
        return {"since": _text(self.since_us), "until": _text(self.until_us)}

    def __str__(self) -> str:
        return f"{_text(self.since_us) or 'the beginning'} .. {_text(self.until_us) or 'now'}"


def _text(ts_us: int | None) -> str | None:
    return None if ts_us is None else utc_text(ts_us)


class Page(Sequence[Item]):
    """Some items of an answer, and what is to know about the rest.

    Attributes:
        kind: what the items are (`event`, `run`, `overview`, ...); chooses how they are shown.
        total: how many there are at all; `total.exact` is false where counting stopped.
        next: cursor of the next page, or None at the end.
        truncated: more items exist than are here.
        window: the time looked at, resolved.
        hints: complete commands that lead on, and sentences on bounds and on why nothing was found.

    >>> page = Page("event", [{"message": "hi"}])
    >>> page[0].message, page.total.value, page.truncated
    ('hi', 1, False)
    """

    __slots__ = ("hints", "items", "kind", "next", "total", "truncated", "window")

    def __init__(
        self,
        kind: str,
        items: Sequence[Mapping[str, Any]],
        *,
        total: Total | None = None,
        next: str | None = None,  # noqa: A002 - the envelope's own word
        truncated: bool = False,
        window: Window | None = None,
        hints: Sequence[str] = (),
    ) -> None:
        self.kind = kind
        self.items = tuple(each if isinstance(each, Item) else Item(each) for each in items)
        self.total = total or Total(len(self.items), not truncated)
        self.next = next
        self.truncated = truncated
        self.window = window or Window()
        self.hints = tuple(hints)

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Item]: ...
    def __getitem__(self, index: int | slice) -> Item | Sequence[Item]:
        return self.items[index]

    def __len__(self) -> int:
        return len(self.items)

    def __repr__(self) -> str:
        return f"<Page of {len(self)} {self.kind} items, total {self.total.value}, next {self.next!r}>"

    def with_hints(self, hints: Sequence[str]) -> Page:
        """The same page with other hints."""
        return self._changed(self.kind, self.items, hints)

    def with_items(self, items: Sequence[Mapping[str, Any]]) -> Page:
        """The same page with more said of each of its items."""
        return self._changed(self.kind, items, self.hints)

    def of_kind(self, kind: str) -> Page:
        """The same page, shown another way."""
        return self._changed(kind, self.items, self.hints)

    def _changed(self, kind: str, items: Sequence[Mapping[str, Any]], hints: Sequence[str]) -> Page:
        return Page(
            kind,
            items,
            total=self.total,
            next=self.next,
            truncated=self.truncated,
            window=self.window,
            hints=hints,
        )

    def envelope(self) -> dict[str, Any]:
        """Everything but the items, as the metadata line has it."""
        return {
            "ok": True,
            "total": {"value": self.total.value, "exact": self.total.exact},
            "returned": len(self.items),
            "truncated": self.truncated,
            "next": self.next,
            "window": self.window.to_dict(),
            "hints": list(self.hints),
        }

    def to_dict(self) -> dict[str, Any]:
        """The whole `json` document."""
        envelope = self.envelope()
        hints = envelope.pop("hints")
        return {**envelope, "items": [item.to_dict() for item in self.items], "hints": hints}
