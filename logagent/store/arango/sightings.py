"""Errors of one batch: what each is, and in which runs it was seen. Pure: no I/O, no clock.

Nothing here is counted: a batch may be sent twice. Events are counted when they are asked for; a sighting says that
the error was in the run, which outlives its events.
"""

from __future__ import annotations

from typing import Any, Final

from logagent.formats.error_fingerprint import ErrorShape, OwnFrame, error_shape
from logagent.formats.fold import run_key
from logagent.formats.record import LogLine, Record, RunEnd
from logagent.formats.repeats import line_told
from logagent.store.arango.folded import has_run
from logagent.store.text import encode, storable

_MOST_KNOWN: Final = 10_000
_MOST_KNOWN_BYTES: Final = 4 << 20
"""Of messages and exceptions; those that are never said twice would fill the memory else."""


class ErrorsSeen:
    """Takes the records of batches; knows each error once, and what it was made of."""

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], ErrorShape] = {}
        self._known_bytes = 0
        self._told: set[str] = set()
        self._shapes: dict[str, ErrorShape] = {}
        self._sightings: dict[str, dict[str, Any]] = {}

    def begin(self) -> None:
        """Start a batch; what an earlier one left that was never told is forgotten with it."""
        self._shapes, self._sightings = {}, {}
        if len(self._known) > _MOST_KNOWN or self._known_bytes > _MOST_KNOWN_BYTES:
            self._known.clear()
            self._known_bytes = 0

    def see(self, record: Record, line: LogLine) -> tuple[str, int]:
        """Take a log line that tells of an error; its fingerprint, and how often the line was logged."""
        line, lines = line_told(record, line)
        said = line.message if line.exception is None else bytes(line.exception)
        site = (said, line.file_path, line.function_name)
        shape = self._known.get(site)
        if shape is None:
            found = error_shape(line)
            assert found is not None
            shape = self._known[site] = found
            self._known_bytes += len(said)
        return self._seen(record, line, shape, []), lines

    def see_end(self, record: Record) -> None:
        """Take the line of any other kind; only a run's end that failed tells of an error."""
        line = record.line
        if isinstance(line, RunEnd) and (shape := error_shape(line)) is not None:
            self._seen(record, line, shape, [record.key])

    def _seen(self, record: Record, line: LogLine | RunEnd, shape: ErrorShape, ends: list[str]) -> str:
        fingerprint = shape.fingerprint
        if fingerprint not in self._told:
            self._shapes[fingerprint] = shape
        script = "" if has_run(line.execution_id) else line.script_name
        key = run_key(f"{fingerprint}\0{line.execution_id}\0{script}")
        found = self._sightings.get(key)
        if found is None:
            found = self._sightings[key] = {
                "_key": key,
                "fingerprint": fingerprint,
                "run": run_key(line.execution_id),
                "execution_id": storable(line.execution_id),
                "script_name": storable(script),
                "first_us": record.ts_us,
                "last_us": record.ts_us,
                "ends": [],
            }
        found["first_us"] = min(found["first_us"], record.ts_us)
        found["last_us"] = max(found["last_us"], record.ts_us)
        found["ends"] += ends
        return fingerprint

    def sightings(self) -> list[dict[str, Any]]:
        """Of this batch."""
        return list(self._sightings.values())

    def new_shapes(self) -> list[dict[str, Any]]:
        """Documents of the errors that this store has not been told yet."""
        return [_document(fingerprint, shape) for fingerprint, shape in self._shapes.items()]

    def told(self) -> None:
        """They have been told."""
        self._told.update(self._shapes)
        if len(self._told) > _MOST_KNOWN:
            self._told.clear()


def _document(fingerprint: str, shape: ErrorShape) -> dict[str, Any]:
    plain = ErrorShape(
        tuple(map(storable, shape.types)),
        tuple(map(_storable_frame, shape.frames)),
        storable(shape.template),
        tuple(map(_storable_frame, shape.site)),
    )
    touched = sorted({f"/{frame.file}" for frame in (*plain.frames, *plain.site)})
    return {"_key": fingerprint, "types": plain.types, "files": touched, "shape": encode(plain).decode()}


def _storable_frame(frame: OwnFrame) -> OwnFrame:
    return OwnFrame(storable(frame.file), storable(frame.function), frame.line)
