"""A log event as a document of `log_events`, and back. Pure: no I/O, no clock.

ArangoDB keeps values, not text: numbers beyond 64 bits, `1.0` and the order of attributes are not given back as they
were. So nested JSON is stored twice where it could come back as another text: as an object, to be asked in AQL, and
as the text it was.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from logagent.formats.record import EMPTY_OBJECT, LogLine, Origin, Record
from logagent.formats.times import SECOND_US, utc_text
from logagent.store.matching import MAX_SEARCHED_BYTES
from logagent.store.matching import exception_text as text_of_exception
from logagent.store.text import holds_escapes, original, storable, with_texts

MAX_TOKEN_BYTES: Final = 16_000
"""A search engine takes no term of 32 KiB: a message is not searched beyond a word that long."""
MAX_PLAIN_MESSAGE: Final = MAX_TOKEN_BYTES // 4
"""Characters; of a longer message it is looked at how much is searched."""
NULL: Final = msgspec.Raw(b"null")
TIME_SOURCES: Final = ("own", "inherited", "observed")
_VALUE: Final = rb'(?:"[^"\\]*"|0|-?[1-9][0-9]{0,14}|true|false|null)'
_PLAIN: Final = re.compile(rb'\{"[^"\\]+": ?' + _VALUE + rb'((?:, ?"[^"\\]+": ?' + _VALUE + rb")*)\}")
"""A flat object that any server takes: nothing escaped, no fraction, no exponent. Its group is what follows the first
pair: only an object of one pair comes back as the text it was, since nobody promises an order of more."""
_ZEROES: Final = bytes.maketrans(b"123456789E", b"000000000e")
_LONG_NUMBER: Final = b"0" * 18
_LONG_TOKEN: Final = re.compile(rf"[^\s!-/:-@\[-`{{-~]{{{MAX_PLAIN_MESSAGE}}}")


class EventDocument(msgspec.Struct, omit_defaults=True, gc=False):
    """A document of `log_events`. Absent attributes have their default; `arrival` numbers the batch it came with.

    `written` is the timestamp as the line has it, where that is not the usual form of `ts_us`; `rest` what of a
    message is not searched; `lines` how often an error's line was logged that it stands for,
    `said` the message with its exception's type and text, to be searched where there is an exception.
    """

    key: str = msgspec.field(name="_key")
    ts_us: int
    timestamp: str
    offset: int
    length: int
    hash: str
    host: str
    file: str
    fingerprint: str
    ingested_us: int
    arrival: int
    execution_id: str
    script_name: str
    level: str
    level_no: int
    message: str
    time_source: str = "own"
    flags: int = 0
    v: int = 1
    pid: int | None = None
    hostname: str | None = None
    function_name: str | None = None
    file_path: str | None = None
    line_number: int | None = None
    extra_data: msgspec.Raw = EMPTY_OBJECT
    extra_text: str = ""
    tags: tuple[str, ...] = ()
    exception: msgspec.Raw = NULL
    exception_text: str = ""
    error: str = ""
    continuation_of: str | None = None
    written: str = ""
    rest: str = ""
    has_embeddings: bool = False
    lines: int = 1
    said: str = ""


EVENT_ATTRIBUTES: Final = tuple(each.encode_name for each in msgspec.structs.fields(EventDocument))


class _Frame(msgspec.Struct):
    file: str
    line: int | None
    function: str


class _Exception(msgspec.Struct):
    """An exception as our own sink writes it, in that order."""

    type: str
    value: str
    traceback: str
    frames: list[_Frame]


_EXCEPTION = msgspec.json.Decoder(_Exception)


class EventEncoder:
    """Makes documents of records; keeps what those of one second share."""

    def __init__(self) -> None:
        self._second_us, self._second = -1 << 63, ""

    def document(
        self, record: Record, line: LogLine, origin: OriginTexts, arrival: int, error: str, lines: int
    ) -> EventDocument:
        """One document. The append spends most of its time here, hence one long function and few look-ups."""
        ts_us, offset = record.ts_us, record.offset
        part_us = ts_us - self._second_us
        if not 0 <= part_us < SECOND_US:
            part_us = self._begin_second(ts_us)
        usual = self._second + "%06dZ" % part_us
        line_hash = "%016x" % record.hash
        message, rest = line.message, ""
        if len(message) > MAX_PLAIN_MESSAGE:
            message, rest = _searched(message)
        extra_data, extra_text = line.extra_data, ""
        if extra_data is not EMPTY_OBJECT:
            extra_data, extra_text = stored_object(extra_data)
        exception, exception_text, said = NULL, "", ""
        if line.exception is not None:
            said, _ = _searched(f"{message}\n{text_of_exception(line.exception)}")
            exception, exception_text = _stored_exception(line.exception)
        host, file, fingerprint = origin
        return EventDocument(
            "%014x-%012x-%s" % (record.own_us, offset, line_hash), ts_us, usual[:23] + "Z", offset, record.length,
            line_hash, host, file, fingerprint, record.ingested_us, arrival, line.execution_id, line.script_name,
            line.level, line.level_no, message, TIME_SOURCES[record.time_source], record.flags, line.v, line.pid,
            line.hostname, line.function_name, line.file_path, line.line_number, extra_data, extra_text, line.tags,
            exception, exception_text, error, record.continuation_of,
            "" if line.timestamp == usual else line.timestamp or "\0", rest, line.embeddings is not None, lines,
            said,
        )  # fmt: skip

    def _begin_second(self, ts_us: int) -> int:
        self._second_us = ts_us - ts_us % SECOND_US
        self._second = utc_text(self._second_us)[:20]
        return ts_us - self._second_us


OriginTexts = tuple[str, str, str]
"""Host, file and fingerprint, as every event of a file has them."""


def origin_texts(origin: Origin) -> OriginTexts:
    """What documents say of the file they are from."""
    return origin.host, origin.file, "%016x" % origin.fingerprint


def _searched(message: str) -> tuple[str, str]:
    """The searched part of a long message, and the rest."""
    cut = message
    if long_token := _LONG_TOKEN.search(message):
        cut = message[: long_token.end()]
    if len(cut) * 4 > MAX_SEARCHED_BYTES:
        cut = storable(cut).encode()[:MAX_SEARCHED_BYTES].decode(errors="ignore")
        cut = original(cut.removesuffix("\U0010ffff"))
    return cut, message[len(cut) :]


def stored_object(raw: msgspec.Raw) -> tuple[msgspec.Raw, str]:
    """An object as it is stored, and its text where it could come back as another."""
    found = _PLAIN.fullmatch(raw)
    if found is None:
        return (EMPTY_OBJECT, "") if raw == EMPTY_OBJECT else _with_text(raw)
    text = bytes(raw)
    return raw, text.decode() if found[1] or text.find(b'": ') > 0 else ""


def is_odd(text: bytes) -> bool:
    """True for the text of objects, one or many, that may hold what the server could refuse or change.

    Those are escapes of characters, fractions, exponents and long numbers. Plain searches cost a tenth of one pattern.
    """
    digits = text.translate(_ZEROES)
    return b"0." in digits or b"0e" in digits or b"\\u" in text or _LONG_NUMBER in digits


def _with_text(raw: msgspec.Raw) -> tuple[msgspec.Raw, str]:
    """An object that the server takes, and the text that it stands for."""
    text = bytes(raw)
    plain = msgspec.Raw(sanitised(text)) if is_odd(text) else raw
    return plain, text.decode("utf-8", "surrogatepass")


def sanitised(text: bytes) -> bytes:
    """The same JSON without half surrogate pairs and with numbers that 64 bits hold."""
    found = json.loads(text, parse_int=_bounded, parse_float=_finite)
    return json.dumps(found, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _bounded(digits: str) -> int | float | None:
    number = int(digits) if len(digits) < 400 else None
    if number is None or -(2**63) <= number < 2**63:
        return number
    return _finite(digits)


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def _stored_exception(raw: msgspec.Raw) -> tuple[msgspec.Raw, str]:
    """A traceback is long: it is kept once where it has the shape that our own sink gives it."""
    try:
        if msgspec.json.encode(_EXCEPTION.decode(raw)) == raw:
            return raw, ""
    except (msgspec.DecodeError, UnicodeError):
        pass  # another shape: its text is kept
    return _with_text(raw)


def documents_in(rows: bytes | msgspec.Raw) -> list[EventDocument]:
    """The documents of an answer, with the texts that were appended.

    Raises:
        msgspec.DecodeError: they are none.
    """
    found = _DOCUMENTS.decode(rows)
    if holds_escapes(rows):
        return [with_texts(each, original) for each in found]
    return found


_DOCUMENTS = msgspec.json.Decoder(list[EventDocument])


def record_of(document: EventDocument, embeddings: msgspec.Raw | None = None) -> Record:
    """The record that a document holds, equal to the one appended; its embeddings are kept elsewhere."""
    ts_us, key = document.ts_us, document.key
    origin = Origin(document.host, document.file, int(document.fingerprint, 16))
    line = LogLine(
        _timestamp(document), document.v, document.execution_id, document.script_name, document.pid,
        document.hostname, document.level, document.level_no, document.message + document.rest,
        document.function_name, document.file_path, document.line_number, _extra_data(document), document.tags,
        _exception(document), embeddings,
    )  # fmt: skip
    return Record(
        ts_us, int(key[:14], 16), document.offset, int(key[28:], 16), document.length, origin, line,
        TIME_SOURCES.index(document.time_source), document.flags, document.ingested_us, document.continuation_of,
    )  # fmt: skip


def _timestamp(document: EventDocument) -> str:
    if not document.written:
        return utc_text(document.ts_us)
    return "" if document.written == "\0" else document.written


def _extra_data(document: EventDocument) -> msgspec.Raw:
    if document.extra_text:
        return msgspec.Raw(document.extra_text.encode("utf-8", "surrogatepass"))
    return EMPTY_OBJECT if document.extra_data == EMPTY_OBJECT else document.extra_data


def _exception(document: EventDocument) -> msgspec.Raw | None:
    if document.exception_text:
        return msgspec.Raw(document.exception_text.encode("utf-8", "surrogatepass"))
    if document.exception == NULL:
        return None
    return msgspec.Raw(msgspec.json.encode(_EXCEPTION.decode(document.exception)))


def embeddings_of(records: Iterable[Record]) -> list[dict[str, Any]]:
    """Documents of `log_embeddings` for the arrays that lines bring along; their text comes back, too."""
    return [
        {"_key": f"{record.key}.line", "event": record.key, "embeddings": raw, "text": bytes(raw).decode()}
        for record in records
        if isinstance(record.line, LogLine) and (raw := record.line.embeddings) is not None
    ]
