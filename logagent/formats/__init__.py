"""Formats: the shapes of lines and records, and the sink that scripts use.

What scripts import is here; it needs the standard library and, where a logger is passed in or used, loguru. In come
log calls, runs and learnings; out go native lines in `<directory>/<script>.jsonl`, each complete before the call that
made it returns. Nothing raises into a script because a file cannot be written. After a crash, also by kill -9, every
line whose call had returned is in the file; a line that was being written may be torn, and then the next writer
begins on a new line.

The reading side (records, keys, parsers) stands in modules of its own that need the daemon's libraries; nothing here
imports them.
"""

from logagent.formats.api_calls import log_api_error, log_api_request, log_api_response
from logagent.formats.current_run import current_execution_id
from logagent.formats.execution import ExecutionId, end_run, script_execution, start_run
from logagent.formats.interception import intercept_stdlib
from logagent.formats.learning import log_agent_learning
from logagent.formats.sink import add_sink
from logagent.formats.truncation import log_safe_results, truncate_large_value
from logagent.formats.writer import generate_execution_id

__all__ = [
    "ExecutionId",
    "add_sink",
    "current_execution_id",
    "end_run",
    "generate_execution_id",
    "intercept_stdlib",
    "log_agent_learning",
    "log_api_error",
    "log_api_request",
    "log_api_response",
    "log_safe_results",
    "script_execution",
    "start_run",
    "truncate_large_value",
]
