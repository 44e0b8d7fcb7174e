"""The events of a batch as the body of one request: an array of documents, encoded once. Pure: no I/O, no clock.

Nearly all lines are as our own sink writes them, with nothing that ArangoDB would change. Such lines are encoded as
they are, many together, and become documents by what is put before and behind them: half the time of making a struct
of each. Whatever is not goes the long way, `EventEncoder`, which says the same of a usual line.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final, NamedTuple

import msgspec

from logagent.formats.record import EMPTY_OBJECT, LogLine, Origin, Record
from logagent.formats.times import SECOND_US, utc_text
from logagent.store.arango.documents import (
    MAX_PLAIN_MESSAGE,
    TIME_SOURCES,
    EventDocument,
    is_odd,
    origin_texts,
    stored_object,
)
from logagent.store.text import encode, storable

AsDocument = Callable[[Record, LogLine], EventDocument]
"""The long way."""

_TOGETHER: Final = 512
"""So many records are encoded at once: what they make stays in the processor's cache."""
_JSON: Final = msgspec.json.Encoder()
_TIME: Final = len('{"kind":"log","timestamp":"')
_SAID: Final = _TIME + len('2026-11-22T15:00:00.000000Z","v":1,')
"""Where an encoded line says what is not its kind, its time or its version."""
_END: Final = ',"exception":null,"embeddings":null}\n'
_NO_TAGS: Final = ',"tags":[]'
_NO_DATA: Final = ',"extra_data":{}'
_CAN_BE_NULL: Final = ("pid", "hostname", "function_name", "file_path", "line_number")
_ESCAPE: Final = "\U0010ffff"


class _Shared(NamedTuple):
    """What documents of one file share, as text; `origin` is kept, so that nothing else gets its id."""

    origin: Origin
    ingested_us: int
    text: str


class _Unusual(Exception):
    """These lines cannot be encoded together."""


class BodyEncoder:
    """Makes the documents of one batch; keeps what those of one second and of one file share."""

    def __init__(self, arrival: int, as_document: AsDocument) -> None:
        self._arrival = arrival
        self._as_document = as_document
        self._second_us, self._second = -1 << 63, ""
        self._shared: dict[int, _Shared] = {}

    def array(self, records: Sequence[Record], made: Mapping[int, EventDocument]) -> bytes:
        """The documents of log records, in their order; `made` has those that are made already, by their place."""
        parts, before = [], "["
        for start in range(0, len(records), _TOGETHER):
            some = records[start : start + _TOGETHER]
            places = [place for place in range(start, start + len(some)) if place in made] if made else []
            if places:
                some = [record for place, record in enumerate(some, start) if place not in made]
            documents = self._documents(some)
            for place in places:
                documents.insert(place - start, encode(made[place]).decode())
            parts.append(f"{before}{','.join(documents)}".encode())
            before = ","
        return b"".join([*parts, b"]"]) if parts else b"[]"

    def _documents(self, records: Sequence[Record]) -> list[str]:
        try:
            return self._together(records)
        except _Unusual:
            return [self._alone(record, record.line) for record in records]  # type: ignore[arg-type]

    def _alone(self, record: Record, line: LogLine) -> str:
        return encode(self._as_document(record, line)).decode()

    def _together(self, records: Sequence[Record]) -> list[str]:
        """The documents of these records. The append spends most of its time here: what can be is asked of all."""
        lines: list[Any] = [record.line for record in records]
        objects = b"\n".join([line.extra_data for line in lines])
        try:
            said = _JSON.encode_lines(lines).decode()
            each_object = objects.decode().split("\n")
        except UnicodeError:
            raise _Unusual from None
        if len(each_object) != len(lines) or _ESCAPE in said:
            raise _Unusual  # a line feed in raw JSON, or a text that is not stored as it is
        texts = _said_by_each(said, lines, each_object)
        object_texts = _JSON.encode_lines(each_object).decode().split("\n")
        is_any_odd, is_any_long = is_odd(objects), max(map(len, texts), default=0) > MAX_PLAIN_MESSAGE
        documents = []
        second_us, second = self._second_us, self._second
        for record, line, text, data, data_text, own, place, line_hash in zip(
            records, lines, texts, each_object, object_texts, *_key_parts(records), strict=False
        ):
            ts_us = record.ts_us
            part_us = ts_us - second_us
            if not 0 <= part_us < SECOND_US:
                second_us = ts_us - ts_us % SECOND_US
                second, part_us = utc_text(second_us)[:20], ts_us - second_us
            time = second + '%06dZ","v":1,' % part_us
            more: str | None = ',"extra_text":' + data_text  # as `stored_object` has it of two pairs or more
            if data.count('":') < 2 or (is_any_odd and is_odd(data.encode())):
                more = _object_text(line, data_text)
            if (
                more is None
                or not text.startswith(time, _TIME)
                or record.continuation_of is not None
                or (is_any_long and len(line.message) > MAX_PLAIN_MESSAGE)
            ):
                documents.append(self._alone(record, line))
                continue
            if record.flags or record.time_source:
                more += _marks(record)
            shared = self._shared.get(id(record.origin))
            if shared is None or shared.ingested_us != record.ingested_us:
                shared = self._share(record)
            documents.append(
                f'{{"_key":"{own}-{place}-{line_hash}","ts_us":{ts_us},"timestamp":"{time[:23]}Z",'
                f'"offset":{record.offset},"length":{record.length},"hash":"{line_hash}",'
                f"{shared.text}{text[_SAID:]}{more}}}"
            )
        self._second_us, self._second = second_us, second
        return documents

    def _share(self, record: Record) -> _Shared:
        origin, ingested_us = record.origin, record.ingested_us
        host, file, fingerprint = origin_texts(origin)
        shared = {"host": storable(host), "file": storable(file), "fingerprint": fingerprint}
        numbers = {"ingested_us": ingested_us, "arrival": self._arrival}
        text = _JSON.encode({**shared, **numbers}).decode()[1:-1] + ","
        found = self._shared[id(origin)] = _Shared(origin, ingested_us, text)
        return found


def _object_text(line: LogLine, data_text: str) -> str | None:
    """What a document says of the text of what was bound; None where that is stored as another object."""
    stored, text = stored_object(line.extra_data)
    if stored is not line.extra_data and stored is not EMPTY_OBJECT:
        return None
    return ',"extra_text":' + data_text if text else ""


def _said_by_each(said: str, lines: Sequence[LogLine], each_object: Sequence[str]) -> list[str]:
    """What encoded lines say, each without what it does not say and without its end.

    Fields stand before raw JSON, and no text holds a bare quotation mark: the first that is found is the field.
    """
    texts = said.split(_NO_TAGS + _END)
    if len(texts) <= len(lines):
        texts = [text.removesuffix(_NO_TAGS) for text in said.split(_END)]
    if len(texts) <= len(lines):
        raise _Unusual  # exceptions or embeddings, which have to be looked at
    texts.pop()
    for name in _CAN_BE_NULL:
        if None in list(map(attrgetter(name), lines)):
            null = f'"{name}":null,'
            texts = [
                text.replace(null, "", 1) if getattr(line, name) is None else text
                for text, line in zip(texts, lines, strict=True)
            ]
    if "{}" in each_object:
        told = zip(texts, each_object, strict=True)
        texts = [text.replace(_NO_DATA, "", 1) if data == "{}" else text for text, data in told]
    return texts


def _key_parts(records: Sequence[Record]) -> tuple[list[str], list[str], list[str]]:
    """Own time, offset and hash of each record as they stand in its key, in a third of the time of formatting them."""
    return (
        _hex_digits([record.own_us for record in records], 14),
        _hex_digits([record.offset for record in records], 12),
        _hex_digits([record.hash for record in records], 16),
    )


def _hex_digits(numbers: Sequence[int], digits: int) -> list[str]:
    if numbers and not 0 <= min(numbers) <= max(numbers) < 1 << 4 * digits:
        raise _Unusual
    found = array("Q", numbers)
    if sys.byteorder == "little":
        found.byteswap()
    octets = bytearray(found.tobytes())
    for size in range(8, digits // 2, -1):
        del octets[::size]  # the leading one of each, which is nought
    return octets.hex("-", digits // 2).split("-")


def _marks(record: Record) -> str:
    source = f',"time_source":"{TIME_SOURCES[record.time_source]}"' if record.time_source else ""
    return f'{source},"flags":{record.flags:d}' if record.flags else source
