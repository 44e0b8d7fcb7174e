"""Calls to outside services: request, response and error through loguru, in the name of the function that calls.

The message shows a short form; what is bound, and so stored, is whole.
"""

from __future__ import annotations

from logagent.formats.plain import cut_text, safe_repr
from logagent.formats.truncation import truncate_large_value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

SHOWN_CHARS: Final = 2000


def log_api_request(service: str, data: Any, truncate: bool = True) -> None:
    """Log at DEBUG what is sent; `data` is bound as `request`, whole.

    Args:
        service: who is called, bound as `service`.
        truncate: show `data` in the message in its short form; it is stored whole in either case.

    >>> log_api_request("llm", {"prompt": "hello"})
    """
    _log("DEBUG", f"{service} request: {_shown(data, truncate)}", service=service, request=data)


def log_api_response(service: str, data: Any, truncate: bool = True) -> None:
    """Log at DEBUG what came back; `data` is bound as `response`, kept whole up to 1 MB.

    >>> log_api_response("llm", {"text": "hello yourself"})
    """
    _log("DEBUG", f"{service} response: {_shown(data, truncate)}", service=service, response=data)


def log_api_error(service: str, error: BaseException | str, request_data: Any = None) -> None:
    """Log at ERROR that a call failed; an exception with its traceback, `request_data` bound as `request`.

    >>> log_api_error("llm", TimeoutError("no answer in 30 s"), {"prompt": "hello"})
    """
    bound = {"service": service} if request_data is None else {"service": service, "request": request_data}
    if isinstance(error, BaseException):
        kind = type(error).__name__
        _log("ERROR", f"{service} error: {kind}: {error}", error, **bound)
    else:
        _log("ERROR", f"{service} error: {error}", **bound)


def _log(level: str, message: str, error: BaseException | None = None, **bound: Any) -> None:
    from loguru import logger

    # Depth 2: the caller of our caller. The message is passed as it is; braces in it are not a format.
    logger.bind(**bound).opt(depth=2, exception=error).log(level, message)


def _shown(data: Any, truncate: bool) -> str:
    if not truncate:
        return data if isinstance(data, str) else safe_repr(data)
    short = truncate_large_value(data)
    return cut_text(short if isinstance(short, str) else safe_repr(short), SHOWN_CHARS)
