"""The sink: loguru's records to native lines in one file of the script, written before the log call returns.

No thread and no queue of ours stands between the call and the file, so nothing can be lost between the last call
and the end of the process. Nothing here logs: what goes wrong is said once on stderr, and later in one line.
"""

from __future__ import annotations

import os

from logagent.formats.appender import Appender
from logagent.formats.current_run import UNKNOWN_EXECUTION, current_execution_id, current_run
from logagent.formats.directories import log_directory
from logagent.formats.generations import Generations, size_bytes
from logagent.formats.native_line import LogLineEncoder, object_line
from logagent.formats.plain import safe_repr
from logagent.formats.writer import default_script_name, hostname, line_head, now_stamp, safe_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, Final, TypedDict

    from loguru import FilterDict, FilterFunction, Logger, Message, Record

    from logagent.formats.appender import Outage

    class _Settings(TypedDict):
        rotation: int | str | None
        retention: int | str | None
        compression: str | None


DEFAULT_ROTATION: Final = "10 MB"
DEFAULT_RETENTION: Final = "1 GB"
"""Not a few files: while the store is down the files are the buffer."""
_STAMP: Final = "logagent"


def add_sink(
    logger: Logger,
    directory: str | os.PathLike[str],
    *,
    script_name: str | None = None,
    level: str | int = "DEBUG",
    rotation: int | str | None = DEFAULT_ROTATION,
    retention: int | str | None = DEFAULT_RETENTION,
    compression: str | None = None,
    filter: str | FilterFunction | FilterDict | None = None,  # noqa: A002 - loguru's own word
    enqueue: bool = False,
) -> int:
    """Write what `logger` logs to `<directory>/<script>.jsonl`, beside the handlers that are there already.

    Args:
        logger: loguru's.
        directory: made when missing; also if it vanishes while the script runs.
        script_name: of the file and of the lines; by default the name of the script that runs.
        level: lowest level written.
        rotation: begin a new file before this one grows longer: bytes, or text such as `"10 MB"`; None never.
            Any number of processes may share the file.
        retention: rotated files to keep: how many (`5`), or how many bytes in all (`"1 GB"`); None keeps all.
        compression: `"gz"`, `"bz2"` or `"xz"` for rotated files that no process writes to any more.
        filter: as loguru takes it.
        enqueue: lines go through loguru's own queue and thread. Not needed for threads, processes or speed; what
            is bound has to be picklable then.

    Returns:
        loguru's id of the handler, for `logger.remove(id)`.

    Raises:
        ValueError: rotation, retention or compression is not one of the above. A file that cannot be written
            raises nothing, here or in any log call: one warning on stderr, and one line that tells how many lines
            were dropped once writing works again.

    >>> import tempfile
    >>> from loguru import logger
    >>> directory = tempfile.mkdtemp()
    >>> handler = add_sink(logger, directory, script_name="etl")
    >>> logger.bind(tags=["load"], rows=42).info("loaded")
    >>> logger.remove(handler)
    >>> os.listdir(directory)
    ['etl.jsonl']
    """
    sink = Sink(
        os.path.abspath(os.fspath(directory)),
        script_name or default_script_name(),
        rotation=rotation,
        retention=retention,
        compression=compression,
        queue_of=logger if enqueue else None,
    )
    try:
        return logger.add(
            sink,
            level=level,
            format=_stamp if enqueue else "",
            filter=filter,
            colorize=False,
            backtrace=False,
            diagnose=False,  # values of variables are no part of a traceback that is stored
            enqueue=enqueue,
        )
    except BaseException:
        sink.stop()
        raise


class Sink:
    """What loguru calls with each message; picklable, as loggers are handed to spawned processes.

    Attributes:
        queue_of: the logger whose queue stands before this sink, or None.
    """

    def __init__(
        self,
        directory: str,
        script_name: str,
        *,
        rotation: int | str | None,
        retention: int | str | None,
        compression: str | None,
        queue_of: Logger | None = None,
    ) -> None:
        self.script_name = script_name
        self.queue_of = queue_of
        self._settings: _Settings = {"rotation": rotation, "retention": retention, "compression": compression}
        self._directory = directory
        self.appender = script_appender(directory, script_name, **self._settings)
        self._encoder = LogLineEncoder(hostname())
        _active.append(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self._directory, self.script_name, self._settings)

    def write(self, message: Message) -> None:
        """Write the line of one record. Never raises."""
        record = message.record
        try:
            traceback_text = message.lstrip("\n") if record["exception"] else ""
            line = self._encoder.line(record, *self._owner(record), traceback_text)
        except Exception as error:  # noqa: BLE001 - a patcher may leave anything in a record; the call still counts
            line = self._plainest_line(record, error)
        self.appender.append(line)

    def stop(self) -> None:
        """Let the file go: loguru calls this when the handler is removed, at the latest at exit."""
        if self in _active:
            _active.remove(self)
        self.appender.close()

    def _owner(self, record: Record) -> tuple[str, str]:
        """Execution id and script name of the caller; the queue's thread finds them in the record."""
        if self.queue_of:
            stamp: tuple[str | None, str | None] = record.get(_STAMP, (None, None))  # type: ignore[assignment]
            return stamp[0] or UNKNOWN_EXECUTION, stamp[1] or self.script_name
        if run := current_run():
            return run.execution_id, run.script_name
        return current_execution_id() or UNKNOWN_EXECUTION, self.script_name

    def _plainest_line(self, record: Mapping[str, Any], error: Exception) -> bytes:
        data = {"unwritable_record": safe_repr(error), "extra": record.get("extra")}
        return _own_line(self.script_name, safe_repr(record.get("message")), data)


_active: Final[list[Sink]] = []


def active_appenders(script_name: str) -> list[Appender]:
    """The files that the script's lines go to: of each sink added, else the script's own in the default directory."""
    by_path = {sink.appender.path: sink.appender for sink in _active}
    return list(by_path.values()) or [script_appender(os.path.abspath(log_directory(os.environ)), script_name)]


def append_to_all(appenders: Iterable[Appender], line: bytes) -> None:
    """Write a line that is no log call, behind what was logged before; files that no sink uses are let go again."""
    for sink in tuple(_active):
        if sink.queue_of:
            sink.queue_of.complete()
    in_use = {id(sink.appender) for sink in _active}
    for appender in appenders:
        appender.append(line)
        if id(appender) not in in_use:
            appender.close()


def script_appender(
    directory: str,
    script_name: str,
    *,
    rotation: int | str | None = DEFAULT_ROTATION,
    retention: int | str | None = DEFAULT_RETENTION,
    compression: str | None = None,
) -> Appender:
    """The file of a script in a directory."""
    path = os.path.join(directory, f"{safe_name(script_name)}.jsonl")
    return Appender(
        path,
        max_bytes=None if rotation is None else size_bytes(rotation),
        generations=Generations(path, keep=retention, compression=compression),
        notice=lambda outage: _outage_line(script_name, outage),
    )


def _outage_line(script_name: str, outage: Outage) -> bytes:
    message = f"{outage.dropped} log lines were dropped since {outage.since}: {outage.reason}"
    data = {"dropped": outage.dropped, "since": outage.since, "reason": outage.reason}
    return _own_line(script_name, message, data)


def _own_line(script_name: str, message: str, data: dict[str, Any]) -> bytes:
    """A warning that no log call of the script made."""
    fields = line_head("log", current_execution_id() or UNKNOWN_EXECUTION, script_name, now_stamp())
    fields |= {"level": "WARNING", "level_no": 30, "message": message, "extra_data": data, "tags": []}
    return object_line(fields)


def _restored(directory: str, script_name: str, settings: _Settings) -> Sink:
    return Sink(directory, script_name, **settings)


def _stamp(record: Record) -> str:
    """Note the caller's run in the record: loguru's format function runs in the caller's thread, the sink then not."""
    run = current_run()
    execution_id = run.execution_id if run else current_execution_id()
    stamp = (execution_id and str(execution_id), run and run.script_name)
    record[_STAMP] = stamp  # type: ignore[typeddict-unknown-key]
    return "{exception}"
