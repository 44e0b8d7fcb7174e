"""A record of the standard library's `logging` as a loguru call: same place, level, exception and extras."""

from __future__ import annotations

import logging
import os
import threading

from logagent.formats.plain import safe_repr

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from loguru import Record

_OWN_FIELDS: Final = frozenset(
    {*logging.LogRecord("", 0, "", 0, "", (), None).__dict__, "message", "asctime", "taskName"}
)
"""What every record has; anything else came in by `extra=`."""


class LoguruHandler(logging.Handler):
    """Passes records on to loguru."""

    def __init__(self) -> None:
        super().__init__()
        self._passing = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        """Pass one record on, unless it comes from loguru itself: a host may send that one's records to `logging`."""
        if getattr(self._passing, "on", False):
            return
        self._passing.on = True
        try:
            _pass_on(record)
        except Exception:  # noqa: BLE001 - the contract of logging: a handler says so itself and never raises
            self.handleError(record)
        finally:
            self._passing.on = False


def _pass_on(record: logging.LogRecord) -> None:
    from loguru import logger

    def at_its_place(passed: Record) -> None:
        passed["name"] = record.name
        passed["function"] = record.funcName or "<unknown>"
        passed["line"] = record.lineno
        passed["module"] = record.module
        passed["file"].name, passed["file"].path = os.path.basename(record.pathname), record.pathname

    bound = {name: value for name, value in record.__dict__.items() if name not in _OWN_FIELDS}
    known = logger.bind(**bound).patch(at_its_place).opt(exception=record.exc_info)
    known.log(_level(record), _message(record))


def _level(record: logging.LogRecord) -> str | int:
    """loguru's level of that name, else the number, which it takes as it is."""
    from loguru import logger

    try:
        return logger.level(record.levelname).name
    except ValueError:
        return max(record.levelno, 0)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - arguments that do not fit the message; both are worth more than nothing
        return f"{record.msg} {safe_repr(record.args)}"
