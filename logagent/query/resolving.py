"""Resolutions: saying that an error is resolved, and by what, as a line for the daemon to store."""

from __future__ import annotations

from typing import Final

from logagent.errors import BadQuery
from logagent.formats.current_run import UNKNOWN_EXECUTION, current_execution_id
from logagent.formats.writer import line_head, now_stamp
from logagent.query.errors import fingerprint_of, shown_fingerprint
from logagent.query.item import Page
from logagent.query.learning import Write
from logagent.query.wording import command
from logagent.store.protocol import Reader

ACTIONS: Final = ("resolve", "reopen")
_SCRIPT: Final = "resolutions"


def resolve(reader: Reader, write: Write, text: str, by: str, action: str = "resolve") -> Page:
    """Say that an error is resolved (or open again) by a line; it reopens by itself when it comes back.

    Args:
        text: its fingerprint, or the beginning of it.
        by: what resolved it: a commit, a setting, a sentence.

    Raises:
        BadQuery: no fingerprint, or nothing that it was resolved by.
        NotFound: no error has it.
    """
    if action not in ACTIONS:
        raise BadQuery(f"an error is {' or '.join(ACTIONS)}d, not {action!r}")
    if action == "resolve" and not by.strip():
        raise BadQuery("say what resolved it: --by 'workers capped at 16'")
    fingerprint = fingerprint_of(reader, text)
    head = line_head("resolution", current_execution_id() or UNKNOWN_EXECUTION, _SCRIPT, now_stamp())
    write(head | {"error_fingerprint": fingerprint, "action": action, "by": by})
    item = {"fingerprint": fingerprint, "action": action + "d", "by": by}
    hints = ["written as a line; it counts once the daemon has stored it"]
    return Page("resolution", [item], hints=[*hints, command("similar", shown_fingerprint(fingerprint))])
