"""One native line: a JSON object of the fields in design order, whole in UTF-8, at most 1 MiB. Pure: no I/O, no clock.

`log_line` is the data path of every log call in a script, so it puts text together itself; the lines of runs and
learnings are rare and go through `object_line`.
"""

from __future__ import annotations

from logagent.formats.exceptions import exception_parts
from logagent.formats.plain import (
    cut_text,
    encode_utf8,
    json_string,
    json_text,
    json_text_within,
    safe_repr,
)
from logagent.formats.writer import utc_stamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Final

    from loguru import Record

LINE_BYTES: Final = 1024 * 1024
"""The daemon's `max_line_bytes`: a longer line would be stored cut, as text that no longer parses."""
RESPONSE_BYTES: Final = 1_000_000
"""A bound `response` whose JSON text is not longer than this stays whole, whatever else the line has to give up."""
_RESERVES: Final = (12 * 1024, 8 * 1024, 16 * 1024, RESPONSE_BYTES + 16)
"""What message, other data, exception and response keep where there is not room for all; 16 for a list's brackets."""
FIELD_BYTES: Final = 160 * 1024
"""Each field of a run's or a learning's line; six of these and the names fit into a line."""
TAGS_BYTES: Final = 32 * 1024
MAX_NAME_CHARS: Final = 1024
MAX_PATH_CHARS: Final = 4096
SHORT_CHARS: Final = 1000
SMALL_NUMBER: Final = 1 << 63
_KEPT_CALL_SITES: Final = 2000
_NOT_EXTRA: Final = frozenset({"execution_id", "script_name", "tags"})


def object_line(fields: Mapping[str, object]) -> bytes:
    """The fields in their order as one line, values over 160 KiB cut with a mark.

    >>> object_line({"v": 1, "kind": "run_end", "metadata": {"n": 2}})
    b'{"v":1,"kind":"run_end","metadata":{"n":2}}\\n'
    """
    pairs = (f'"{name}":{json_text_within(value, FIELD_BYTES)}' for name, value in fields.items())
    return encode_utf8("{" + ",".join(pairs) + "}\n")


class LogLineEncoder:
    """Makes lines of log calls; keeps what many of them share."""

    __slots__ = ("_call_sites", "_hostname", "_levels")

    def __init__(self, hostname: str) -> None:
        self._hostname = json_string(hostname)
        self._levels: dict[tuple[str, int], str] = {}
        self._call_sites: dict[tuple[str, str, int], str] = {}

    def line(self, record: Record, execution_id: str, script_name: str, traceback_text: str = "") -> bytes:
        """The line of one loguru record.

        `execution_id` and `script_name` are the caller's; those bound to the record itself go before them.
        `traceback_text` is loguru's own, for a record that has lost its traceback in a queue.
        """
        extra: dict[str, Any] = record["extra"]
        data, tags = "{}", "[]"
        if extra:
            if extra.get("execution_id") is not None:
                execution_id = _name_text(extra["execution_id"])
            if extra.get("script_name") is not None:
                script_name = _name_text(extra["script_name"])
            if extra.get("tags"):
                tags = _tags_text(extra["tags"])
            data = _data_text(extra)
        message = record["message"]
        if type(message) is not str or len(message) > LINE_BYTES:
            message = cut_text(str(message), LINE_BYTES)
        head = (
            f'{{"v":1,"kind":"log","timestamp":"{utc_stamp(record["time"])}"'
            f',"execution_id":{json_string(execution_id)},"script_name":{json_string(script_name)}'
            f',"pid":{record["process"].id:d},"hostname":{self._hostname},{self._level(record)},"message":'
        )
        middle = f',{self._call_site(record)},"extra_data":'
        error = _exception(record, traceback_text) if record["exception"] else None
        ending = f',"exception":{json_text(error, LINE_BYTES)}}}\n' if error else "}\n"
        line = encode_utf8(f'{head}{json_string(message)}{middle}{data},"tags":{tags}{ending}')
        if len(line) <= LINE_BYTES:
            return line
        return _fitted(head, message, middle, extra_data(extra), f',"tags":{tags}', error)

    def _level(self, record: Record) -> str:
        level = record["level"]
        known = self._levels.get((level.name, level.no))
        if known is None:
            known = f'"level":{json_string(level.name)},"level_no":{level.no:d}'
            self._levels[level.name, level.no] = known
        return known

    def _call_site(self, record: Record) -> str:
        site = (record["function"], record["file"].path, record["line"])
        known = self._call_sites.get(site)
        if known is None:
            if len(self._call_sites) >= _KEPT_CALL_SITES:  # code made at run time has sites without end
                self._call_sites.clear()
            function, path = cut_text(site[0], MAX_NAME_CHARS), cut_text(site[1], MAX_PATH_CHARS)
            known = (
                f'"function_name":{json_string(function)},"file_path":{json_string(path)}'
                f',"line_number":{record["line"]:d}'
            )
            self._call_sites[site] = known
        return known


def extra_data(extra: Mapping[str, Any]) -> dict[str, Any]:
    """What was bound, less the fields with a place of their own; a bound `extra_data` dictionary is merged in.

    >>> extra_data({"rows": 1, "tags": ["a"], "extra_data": {"rows": 2, "table": "t"}})
    {'rows': 1, 'table': 't', 'extra_data': {'rows': 2}}
    """
    bound = {name: value for name, value in extra.items() if name not in _NOT_EXTRA}
    nested = bound.get("extra_data")
    if not isinstance(nested, dict):
        return bound
    del bound["extra_data"]
    clashes = {name: value for name, value in nested.items() if name in bound}
    merged = {**bound, **{name: value for name, value in nested.items() if name not in bound}}
    if clashes:
        merged["extra_data"] = clashes
    return merged


def _name_text(bound: object) -> str:
    return cut_text(str.__str__(bound) if isinstance(bound, str) else safe_repr(bound), MAX_NAME_CHARS)


def _data_text(extra: Mapping[str, Any]) -> str:
    """JSON text of `extra_data`. Short text and small numbers, nearly all there is, need no walk."""
    if "extra_data" in extra:
        return json_text(extra_data(extra), LINE_BYTES)
    pairs = []
    for name, value in extra.items():
        if name in _NOT_EXTRA:
            continue
        kind = type(value)
        if kind is str and len(value) < SHORT_CHARS:
            pairs.append(f"{json_string(name)}:{json_string(value)}")
        elif kind is int and -SMALL_NUMBER < value < SMALL_NUMBER:
            pairs.append(f"{json_string(name)}:{value}")
        elif type(name) is str:
            pairs.append(f"{json_string(name)}:{json_text(value, LINE_BYTES)}")
        else:  # only logger.configure(extra=...) can bind such names
            return json_text(extra_data(extra), LINE_BYTES)
    return "{" + ",".join(pairs) + "}"


def _tags_text(tags: object) -> str:
    if type(tags) is list and len(tags) == 1 and type(tags[0]) is str and len(tags[0]) < SHORT_CHARS:
        return f"[{json_string(tags[0])}]"
    several = tags if isinstance(tags, (list, tuple, set, frozenset)) else (tags,)
    return json_text_within([tag if isinstance(tag, str) else safe_repr(tag) for tag in several], TAGS_BYTES)


def _exception(record: Record, traceback_text: str) -> dict[str, Any] | None:
    if record["exception"] is None:
        return None
    kind, error, trace = record["exception"]
    # logger.exception() where nothing was raised has an exception of no type.
    return exception_parts(kind, error, trace, traceback_text) if kind else None


def _fitted(
    head: str, message: str, middle: str, data: dict[str, Any], tags: str, error: dict[str, Any] | None
) -> bytes:
    """The line with its long parts cut until it fits."""
    response = [data.pop("response")] if "response" in data else []
    parts: list[object] = [message, data, error, response]
    sizes = [len(encode_utf8(json_text(part, LINE_BYTES))) for part in parts]
    # 80: the names and brackets of the parts.
    shares = _shares(sizes, LINE_BYTES - len(encode_utf8(head + middle + tags)) - 80)
    texts = [json_text_within(part, share) for part, share in zip(parts, shares, strict=True)]
    if response:  # back among the others, out of the list that kept a bound None apart from none bound
        texts[1] = f'{texts[1][:-1]}{"," if data else ""}"response":{texts[3][1:-1]}}}'
    ending = f',"exception":{texts[2]}}}\n' if error else "}\n"
    return encode_utf8(f"{head}{texts[0]}{middle}{texts[1]}{tags}{ending}")


def _shares(sizes: list[int], room: int) -> list[int]:
    """Bytes for message, other data, exception and response: a little of each, 1 MB of the response, then the rest."""
    shares = [min(size, reserve) for size, reserve in zip(sizes, _RESERVES, strict=True)]
    left = room - sum(shares)
    shares[3] += min(left, 0)
    for part in (2, 0, 1, 3):
        more = min(sizes[part] - shares[part], max(left, 0))
        shares[part] += more
        left -= more
    return shares
