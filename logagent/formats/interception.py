"""Plain `logging` routed into loguru, and so into the sinks."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging


def intercept_stdlib(level: int | str | None = None) -> logging.Handler:
    """Pass what is logged with the standard library's `logging` on to loguru, beside the handlers that are there.

    Args:
        level: level of the root logger. By default it stays what the host set; where the host has set up nothing
            at all (the root logger has no handler and still the level WARNING), it becomes INFO.

    Returns:
        The handler on the root logger, for `logging.getLogger().removeHandler`; calling again changes nothing.

    >>> import logging
    >>> handler = intercept_stdlib()
    >>> logging.getLogger("library").warning("seen by %s", "loguru")
    >>> logging.getLogger().removeHandler(handler)
    """
    import logging

    from logagent.formats.stdlib_records import LoguruHandler

    root = logging.getLogger()
    if level is not None:
        root.setLevel(level)
    elif not root.handlers and root.level == logging.WARNING:
        root.setLevel(logging.INFO)
    known = next((handler for handler in root.handlers if isinstance(handler, LoguruHandler)), None)
    if known:
        return known
    handler = LoguruHandler()
    root.addHandler(handler)
    return handler
