"""Short forms of large values, for showing. Pure: no I/O, no clock.

Never for storing: what is bound to a log call is stored whole.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

_IMAGE: Final = re.compile(r"(data:image/[^,]*;base64,)(.*)", re.DOTALL)


def truncate_large_value(value: Any, max_str_len: int = 100, max_list_elements_shown: int = 10) -> Any:
    """The value with long strings, image data and long lists made short; everything else as it is.

    A string over the limit becomes its first half, `...` and its last half (each `max_str_len // 2` characters, at
    least one; with a limit of 0 just `...`); an image's data URI keeps its header. A list over the limit becomes text
    that says how many elements of which type it has. Dictionaries, lists and tuples are gone through.

    >>> truncate_large_value("abcdefghij", max_str_len=4)
    'ab...ij'
    >>> truncate_large_value({"ids": list(range(11)), "image": "data:image/png;base64,iVBORw0KGgo"}, max_str_len=6)
    {'ids': '[<11 int elements>]', 'image': 'data:image/png;base64,iVB...Ggo'}
    """
    return _truncated(value, max_str_len, max_list_elements_shown, ())


def log_safe_results(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of a query, short enough to show: `truncate_large_value` on each.

    Raises:
        TypeError: not a list, or not of dictionaries; the index is named.

    >>> log_safe_results([{"name": "x" * 200}])[0]["name"] == "x" * 50 + "..." + "x" * 50
    True
    """
    if not isinstance(results, list):
        raise TypeError(f"results is a {type(results).__name__}, expected a list of dictionaries")
    for index, row in enumerate(results):
        if not isinstance(row, dict):
            raise TypeError(f"results[{index}] is a {type(row).__name__}, expected a dictionary")
    return [truncate_large_value(row) for row in results]


def _truncated(value: Any, max_chars: int, max_elements: int, inside: tuple[int, ...]) -> Any:
    if isinstance(value, str):
        return _short_text(value, max_chars)
    if not isinstance(value, (dict, list, tuple)):
        return value
    if id(value) in inside:
        return "..."  # it contains itself
    if isinstance(value, list) and len(value) > max_elements:
        return f"[<{len(value)} {type(value[0]).__name__} elements>]"
    within = (*inside, id(value))
    if isinstance(value, dict):
        return {key: _truncated(item, max_chars, max_elements, within) for key, item in value.items()}
    items = [_truncated(item, max_chars, max_elements, within) for item in value]
    return items if isinstance(value, list) else tuple(items)


def _short_text(text: str, max_chars: int) -> str:
    if image := _IMAGE.fullmatch(text):
        return image[1] + _without_middle(image[2], max_chars)
    return _without_middle(text, max_chars)


def _without_middle(text: str, max_chars: int) -> str:
    if len(text) <= max_chars:
        return text
    if max_chars <= 0:
        return "..."
    half = max(max_chars // 2, 1)
    return f"{text[:half]}...{text[-half:]}"
