"""Learnings: what an agent found out, written as a line beside the logs it found it in."""

from __future__ import annotations

import os
from math import isfinite

from logagent.formats.current_run import UNKNOWN_EXECUTION
from logagent.formats.execution import write_beside_logs
from logagent.formats.native_line import object_line
from logagent.formats.writer import line_head, now_stamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any


def log_agent_learning(
    message: str,
    function_name: str,
    context: Mapping[str, Any] | None = None,
    confidence: float = 0.8,
    evidence: Iterable[str] = (),
) -> str:
    """Keep what was learnt, for later runs and other agents to find.

    Args:
        message: the learning itself, one sentence that stands alone.
        function_name: what it is about.
        context: what it was learnt from, as `{"batch": 100}`.
        confidence: 0 to 1.
        evidence: event keys and run ids that show it; by default the current run.

    Returns:
        The learning's id, `lrn_` and 32 hex digits.

    Raises:
        ValueError: confidence is not a number from 0 to 1.

    >>> log_agent_learning("batches of 100 are fastest", "load", {"batch": 100}, confidence=0.9)[:4]
    'lrn_'
    """
    if not (isinstance(confidence, (int, float)) and isfinite(confidence) and 0 <= confidence <= 1):
        raise ValueError(f"confidence {confidence!r} is not a number from 0 to 1")
    learning_id = f"lrn_{os.urandom(16).hex()}"
    shown_by = [evidence] if isinstance(evidence, str) else [str(item) for item in evidence]

    def line(execution_id: str, script_name: str) -> bytes:
        current = [] if execution_id == UNKNOWN_EXECUTION else [execution_id]
        fields = line_head("learning", execution_id, script_name, now_stamp())
        fields |= {
            "learning_id": learning_id,
            "learning": str(message),
            "function_name": str(function_name),
            "context": dict(context or {}),
            "confidence": float(confidence),
            "evidence": shown_by or current,
        }
        return object_line(fields)

    write_beside_logs(line)
    return learning_id
