"""Templates of one run: how often each came, when first, with which numbers.

Exact for runs of up to 5,000 events, which are read; of larger ones the counts by call site are taken, each named
by samples.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, TypeAlias

import msgspec

from logagent.query.source_files import SourceFiles
from logagent.query.template import Template, mask_template
from logagent.store.groups import RunLine, SiteTally
from logagent.store.protocol import Reader

MOST_READ: Final = 5_000
_MOST_VALUES: Final = 500
_NUMBER: Final = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,15})?\Z")
Identity: TypeAlias = tuple[str, str, str]
"""Function, level, text."""


class Counted(msgspec.Struct):
    """One template in one run; `values` holds what stood in its fields, of up to 500 events."""

    level: str
    function: str | None
    file: str | None
    line: int | None
    template: Template
    count: int
    first_us: int
    last_us: int
    first_key: str
    values: list[tuple[str, ...]]

    @property
    def identity(self) -> Identity:
        """What is the same template in another run."""
        return (self.function or "", self.level, self.template.text)

    def numbers(self, field: int) -> list[float]:
        """The numbers that stood in a field."""
        return [float(values[field]) for values in self.values if field < len(values) and _NUMBER.match(values[field])]


class RunTemplates(msgspec.Struct, frozen=True):
    """The templates of a run by identity, in the order of their first event.

    `order` holds the identities of its events with their keys, of repeats that of the last, `times` those of all
    events with their times; both empty where not all was read.
    """

    counted: dict[Identity, Counted]
    order: list[tuple[Identity, str]]
    times: list[tuple[Identity, int]]
    is_exact: bool


class TemplateReader:
    """Finds templates for one question; sources and masks are worked out once."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._sources = SourceFiles()
        self._masks: dict[str, tuple[Template, tuple[str, ...]]] = {}
        self._alike: dict[Template, Template] = {}
        self._at_site: dict[tuple[str | None, int | None], Template] = {}

    def of_run(self, execution_id: str) -> RunTemplates:
        """The templates of a run."""
        lines = self._reader.run_lines(execution_id, MOST_READ + 1)
        if len(lines) <= MOST_READ:
            return self.of_lines(lines)
        return self._of_sites(self._reader.site_tallies([execution_id]))

    def of_lines(self, lines: Iterable[RunLine]) -> RunTemplates:
        """The templates of some events, in their order."""
        counted: dict[Identity, Counted] = {}
        order: list[tuple[Identity, str]] = []
        times: list[tuple[Identity, int]] = []
        for line in lines:
            template, values = self.template_of(line)
            identity = (line.function or "", line.level, template.text)
            known = counted.get(identity)
            if known is None:
                known = counted[identity] = _counted(line, template)
            known.count += 1
            known.last_us = line.ts_us
            if known.count <= _MOST_VALUES:
                known.values.append(values)
            times.append((identity, line.ts_us))
            if order and order[-1][0] == identity:
                order.pop()
            order.append((identity, line.key))
        return RunTemplates(counted, order, times, True)

    def template_of(self, line: RunLine) -> tuple[Template, tuple[str, ...]]:
        """An event's template and the values of its fields."""
        site = (line.file, line.line)
        known = self._at_site.get(site)
        values = known.values_in(line.message) if known else None
        if known is not None and values is not None:
            return known, values
        written = self._sources.template(line.file, line.line, line.function, line.message)
        if written is not None:
            self._at_site[site] = written
            return written, written.values_in(line.message) or ()
        if line.message not in self._masks:
            template, values = mask_template(line.message)
            # One object for all alike: its text is put together, and hashed, once.
            self._masks[line.message] = self._alike.setdefault(template, template), values
        return self._masks[line.message]

    def _of_sites(self, tallies: Iterable[SiteTally]) -> RunTemplates:
        counted: dict[Identity, Counted] = {}
        for tally in tallies:
            sample = tally.first or tally.last
            if sample is None:
                continue
            found = _counted(sample, self.template_of(sample)[0])
            known = counted.setdefault(found.identity, found)
            known.count += tally.count
            known.last_us = max(known.last_us, tally.last_us)
        return RunTemplates(counted, [], [], False)


def _counted(line: RunLine, template: Template) -> Counted:
    return Counted(
        line.level, line.function, line.file, line.line, template, 0, line.ts_us, line.ts_us, line.key, []
    )  # fmt: skip
