"""Learnings as questions and as lines: found, added on evidence, confirmed, refuted, retired. Never the database."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from logagent.errors import BadQuery, ConfigError, NotFound, NotPermitted
from logagent.formats.current_run import UNKNOWN_EXECUTION, current_execution_id
from logagent.formats.fold import LearningFold
from logagent.formats.native_line import object_line
from logagent.formats.sink import script_appender
from logagent.formats.status import Status
from logagent.formats.writer import line_head, now_stamp
from logagent.query.bm25 import best_matches
from logagent.query.documents import learning_item
from logagent.query.earned import are_alike, earned_learnings
from logagent.query.item import Page
from logagent.query.references import event_of, is_event_id, run_id_of
from logagent.query.sources import Place
from logagent.query.wording import command
from logagent.settings import Settings, load_settings
from logagent.store.protocol import Reader, Total

ACTIONS: Final = ("confirm", "refute", "retire")
_SCRIPT: Final = "learnings"
_LOOKED_AT: Final = 10_000
_GONE: Final = ("refuted", "retired")

Write = Callable[[dict[str, Any]], None]


def search_learnings(reader: Reader, text: str, limit: int = 20, *, with_gone: bool = False) -> Page:
    """Learnings with any of the words, best first; without words all, newest first.

    Args:
        with_gone: refuted and retired ones too.

    >>> search_learnings(reader, "workers")[0].id
    'L-5f21c0'
    """
    known = [each for each in reader.learnings(limit=_LOOKED_AT) if with_gone or each.status not in _GONE]
    if text.strip():
        known = [known[index] for index, _ in best_matches(text, [each.learning for each in known])]
    every = [each.document() for each in earned_learnings(reader, known, gone_too=with_gone)]
    rank = {learning_item(each)["id"]: place for place, each in enumerate(known)}
    items = sorted(every, key=lambda item: min(rank[id_] for id_ in (item["id"], *item["merged"])))[:limit]
    hints = [command("learn", "show", items[0]["id"])] if items else [] if known else ["no learning says that"]
    return Page("learning", items, total=Total(len(every), True), truncated=len(every) > limit, hints=hints)


def learning_of(reader: Reader, text: str) -> LearningFold:
    """The learning that an id (`L-5f21c0`, with 6 or more hex digits) stands for.

    Raises:
        BadQuery: no such id, or several learnings have it.
        NotFound: there is none.

    >>> learning_of(reader, "L-5f21c0").learning
    'keep workers below 16'
    """
    digits = text.removeprefix("lrn_").removeprefix("L-").lower()
    if len(digits) < 6 or set(digits) - set("0123456789abcdef"):
        raise BadQuery(f"{text!r} is no id of a learning: L- and at least 6 hex digits", position=0)
    known = reader.learnings(limit=_LOOKED_AT)
    found = [each for each in known if each.learning_id.removeprefix("lrn_").startswith(digits)]
    if not found:
        raise NotFound(f"no learning {text}", closest=tuple(learning_item(each)["id"] for each in known[:3]))
    if len(found) > 1:
        raise BadQuery(f"several learnings begin with {text}; write more digits", position=0)
    return found[0]


def shown(reader: Reader, text: str) -> Page:
    """One learning, whole."""
    (found,) = earned_learnings(reader, [learning_of(reader, text)], gone_too=True)
    return Page("detail", [found.document()])


def writer_for(place: Place, status: Status | None) -> Write:
    """What writes where the daemon of this place will find it; `status` is what that daemon says of itself.

    Raises:
        NotPermitted: the place is a log file.
        ConfigError: nothing watches the log directory, or no daemon was ever there.
    """
    if not place.is_store:
        raise NotPermitted("a log file learns nothing; ask a store that a daemon fills")
    if status is None:
        raise ConfigError(f"no daemon has reported in {place.state_dir}: nothing would read what is written")
    return line_writer(load_settings(flags={"state_dir": place.state_dir}), status.watched)


def line_writer(settings: Settings, watched: Sequence[str] = ()) -> Write:
    """What writes a line where the daemon of these settings finds it; a line that cannot be written is a ConfigError.

    Where no log directory was named and its default is not watched, the one directory that is takes the lines.

    Args:
        watched: what the daemon says that it watches; by default what the settings say.

    Raises:
        ConfigError: nothing watches that directory.
    """
    directory = os.path.abspath(settings.log_directory)
    roots = [os.path.abspath(root) for root in watched or settings.watched]
    is_watched = any(_is_within(directory, root) for root in roots)
    if not is_watched and settings.log_dir is None and len(roots) == 1 and os.path.isdir(roots[0]):
        directory = roots[0]
    elif not is_watched:
        said = f"nothing watches {directory} (watched: {', '.join(roots)})"
        raise ConfigError(f"{said}: set LOGAGENT_LOG_DIR to one of them")

    def write(fields: dict[str, Any]) -> None:
        appender = script_appender(directory, _SCRIPT)
        try:
            appender.append(object_line(fields))
            reason = appender.outage_reason
        finally:
            appender.close()
        if reason is not None:
            raise ConfigError(f"nothing was recorded: cannot write to {appender.path}: {reason}")

    return write


def _is_within(path: str, root: str) -> bool:
    return os.path.commonpath((path, root)) == root


def add(
    reader: Reader,
    write: Write,
    text: str,
    *,
    evidence: Sequence[str],
    function: str | None = None,
    confidence: float = 0.8,
    context: Mapping[str, Any] | None = None,
) -> Page:
    """Write down what was learnt; what is known already, or nearly, is confirmed instead.

    Args:
        evidence: events (`#9be2c41f`) and runs (`@last`) that show it, at least one.

    Raises:
        BadQuery: no text, no evidence, or a confidence outside 0 to 1.
        NotFound: the evidence does not exist.
    """
    if not text.strip():
        raise BadQuery("learn add takes what was learnt, one sentence that stands alone")
    if not evidence:
        raise BadQuery("a learning is worth its evidence: name a run (@last) or an event ('#9be2c41f') that shows it")
    if not 0 <= confidence <= 1:
        raise BadQuery(f"confidence {confidence} is out of range 0 to 1")
    shown_by = [_evidence(reader, each) for each in evidence]
    known = _alike(reader, text)
    if known is not None:
        return act(write, known, "confirm", reason=text, evidence=shown_by)
    fields = _head("learning") | {
        "learning_id": f"lrn_{os.urandom(16).hex()}",
        "learning": text,
        "function_name": function,
        "context": dict(context or {}),
        "confidence": float(confidence),
        "evidence": shown_by,
    }
    write(fields)
    item = {"id": "L-" + fields["learning_id"][4:10], "action": "add", "learning": text, "evidence": shown_by}
    return Page("written", [item], hints=["written as a line; it can be asked for once the daemon has stored it"])


def act(write: Write, learning: LearningFold, action: str, *, reason: str, evidence: Sequence[str] = ()) -> Page:
    """Confirm, refute or retire a learning, by a line."""
    fields = {"learning_id": learning.learning_id, "action": action, "reason": reason, "evidence": list(evidence)}
    write(_head("learning_event") | fields)
    item = {"id": learning_item(learning)["id"], "action": action, "learning": learning.learning}
    return Page("written", [item], hints=["written as a line; it counts once the daemon has stored it"])


def _head(kind: str) -> dict[str, Any]:
    return line_head(kind, current_execution_id() or UNKNOWN_EXECUTION, _SCRIPT, now_stamp())


def _evidence(reader: Reader, text: str) -> str:
    return event_of(reader, text).key if is_event_id(text) else run_id_of(reader, text)


def _alike(reader: Reader, text: str) -> LearningFold | None:
    """A learning that stands and says the same in nearly the same words."""
    standing = [each for each in reader.learnings(limit=_LOOKED_AT) if each.status not in _GONE]
    return next((each for each in standing if are_alike(text, each.learning)), None)
