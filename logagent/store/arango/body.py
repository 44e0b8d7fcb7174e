"""The events of a batch as the body of one request: an array of documents, encoded once. Pure: no I/O, no clock.

Nearly all lines are as our own sink writes them, with nothing that ArangoDB would change. What is to be known of such
lines is asked of many at once, and their documents are made in one loop. Whatever is not goes the long way,
`EventEncoder`, which says the same of a usual line.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from logagent.formats.record import LogLine, Record
from logagent.formats.times import SECOND_US, utc_text
from logagent.store.arango.documents import (
    MAX_PLAIN_MESSAGE,
    NULL,
    TIME_SOURCES,
    EventDocument,
    OriginTexts,
    is_odd,
    stored_object,
)
from logagent.store.text import encode_on

AsDocument = Callable[[Record, LogLine], EventDocument]
"""The long way."""

_TOGETHER: Final = 256
"""So many records are encoded at once: what they make stays in the processor's cache."""


class _Unusual(Exception):
    """These records have to go the long way."""


class BodyEncoder:
    """Makes the documents of one batch; keeps what those of one second share.

    `texts` has what documents say of each file, by the `id` of its origin.
    """

    def __init__(self, arrival: int, texts: Mapping[int, OriginTexts], as_document: AsDocument) -> None:
        self._arrival = arrival
        self._texts = texts
        self._as_document = as_document
        self._second_us, self._second = -1 << 63, ""

    def array(self, records: Sequence[Record], made: Mapping[int, EventDocument]) -> bytearray:
        """The documents of log records, in their order; `made` has those that are made already, by their place."""
        found = bytearray()
        for start in range(0, len(records), _TOGETHER):
            some = records[start : start + _TOGETHER]
            documents = self._documents(some)
            for place, document in made.items():
                if start <= place < start + len(documents):
                    documents[place - start] = document
            encode_on(documents, found)
        return found

    def _documents(self, records: Sequence[Record]) -> list[EventDocument]:
        lines: list[Any] = [record.line for record in records]
        try:
            return self._together(records, lines)
        except _Unusual:
            return [self._as_document(record, line) for record, line in zip(records, lines, strict=True)]

    def _together(self, records: Sequence[Record], lines: Sequence[LogLine]) -> list[EventDocument]:
        """The documents of these records. The append spends most of its time here: what can be is asked of all."""
        objects = b"\n".join([line.extra_data for line in lines])
        each_object = _texts(objects)
        if len(each_object) != len(lines):
            raise _Unusual  # a line feed in raw JSON
        is_any_odd = is_odd(objects)
        is_any_long = max([len(line.message) for line in lines]) > MAX_PLAIN_MESSAGE
        documents = []
        arrival, origins = self._arrival, self._texts
        second_us, second = self._second_us, self._second
        for record, line, text, own, place, line_hash in zip(
            records, lines, each_object, *_key_parts(records), strict=True
        ):
            if (is_any_long and len(line.message) > MAX_PLAIN_MESSAGE) or line.exception is not None:
                documents.append(self._as_document(record, line))
                continue
            ts_us, extra_data = record.ts_us, line.extra_data
            part_us = ts_us - second_us
            if not 0 <= part_us < SECOND_US:
                second_us = ts_us - ts_us % SECOND_US
                second, part_us = utc_text(second_us)[:20], ts_us - second_us
            usual = second + "%06dZ" % part_us
            if text.count('":') < 2 or (is_any_odd and is_odd(text.encode())):  # else its text is kept, as it is
                extra_data, text = stored_object(extra_data)
            host, file, fingerprint = origins[id(record.origin)]
            documents.append(EventDocument(
                f"{own}-{place}-{line_hash}", ts_us, usual[:23] + "Z", record.offset, record.length, line_hash,
                host, file, fingerprint, record.ingested_us, arrival, line.execution_id, line.script_name,
                line.level, line.level_no, line.message, TIME_SOURCES[record.time_source], record.flags, line.v,
                line.pid, line.hostname, line.function_name, line.file_path, line.line_number, extra_data, text,
                line.tags, NULL, "", "", record.continuation_of,
                "" if line.timestamp == usual else line.timestamp or "\0", "", line.embeddings is not None,
            ))  # fmt: skip
        self._second_us, self._second = second_us, second
        return documents


def _texts(objects: bytes) -> list[str]:
    try:
        return objects.decode().split("\n")
    except UnicodeDecodeError:
        raise _Unusual from None


def _key_parts(records: Sequence[Record]) -> tuple[list[str], list[str], list[str]]:
    """Own time, offset and hash of each record as they stand in its key, in a third of the time of formatting them."""
    return (
        _hex_digits([record.own_us for record in records], 14),
        _hex_digits([record.offset for record in records], 12),
        _hex_digits([record.hash for record in records], 16),
    )


def _hex_digits(numbers: Sequence[int], digits: int) -> list[str]:
    if not 0 <= min(numbers) <= max(numbers) < 1 << 4 * digits:
        raise _Unusual
    found = array("Q", numbers)
    if sys.byteorder == "little":
        found.byteswap()
    octets = bytearray(found.tobytes())
    for size in range(8, digits // 2, -1):
        del octets[::size]  # the leading one of each, which is nought
    return octets.hex("-", digits // 2).split("-")
