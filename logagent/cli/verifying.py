"""`logagent verify`: are the lines of the files that are there where they should be?"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from logagent.cli.options import settings_of, settings_options

if TYPE_CHECKING:
    from logagent.daemon.verification import FileReport, Report
    from logagent.settings import Settings

EXIT_UNEXPLAINED = 1
LISTED_FILES = 1_000
SHOWN_FILES = 20
SHOWN_EXAMPLES = 20


@click.command(short_help="Compare the files that are there with the store, line by line.")
@settings_options
@click.option("--deep", "is_deep", is_flag=True, help="Look for every line, not only the first and last ones.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document; up to 1000 files, the worst first.")
def verify(
    *,
    watch: tuple[str, ...],
    store: str | None,
    state_dir: str | None,
    config: str | None,
    is_deep: bool,
    as_json: bool,
) -> None:
    """Compare the files that are there with the store: every line is stored, waiting, a dead letter, or explained.

    Finds the files that the daemon would find and knows them as it does (checkpoint, first lines, markers). May run
    beside it: what seems unexplained is looked at again, up to 4 times, before it is told.

    With --deep, every line is read and looked for in the store by its key. Without, a file is taken on trust between
    its first 256 KiB and the last 256 KiB before the acknowledged offset, and of compressed files all but the first
    256 KiB; how many bytes that leaves unchecked is said. In both: the marker before the offset, and whether the store
    is the one that the checkpoint speaks of.

    Lines that a storing rule left out (min_level) count as skipped by that rule, also after the rule was changed: the
    checkpoint counts them for each file, and of the lines that are nowhere at most so many, and only such as the rule
    can mean, are taken for them. Lines folded into one record (fold_repeats) count as stored with it.

    What it cannot tell: a line without a time counts as expired where events were pruned by age. Files that are gone
    are in `logagent losses`.

    Exit: 0 nothing is unexplained, 1 something is, 4 there is no store.
    """
    settings = settings_of(watch=watch, store=store, state_dir=state_dir, config=config)
    os.umask(0o027)
    report = _verified(settings, is_deep=is_deep)
    click.echo(_json(report) if as_json else _text(report))
    sys.exit(0 if report.is_sound else EXIT_UNEXPLAINED)


def _verified(settings: Settings, *, is_deep: bool) -> Report:
    from logagent.cli.composition import discovery_of, follow_rules, opened_store
    from logagent.cli.progress import Progress
    from logagent.daemon.audit import Audit
    from logagent.store import open_reader

    with (
        opened_store(settings) as (store, _identity),
        contextlib.closing(open_reader(store.url, settings)) as reader,
        Progress("verifying") as progress,
    ):
        audit = Audit(
            settings.state_dir, discovery_of(settings), follow_rules(settings), store, reader, sleep=time.sleep
        )
        return audit.verify(is_deep=is_deep, progress=progress)


def _json(report: Report) -> str:
    from logagent.daemon.verification import worst_first
    from logagent.query.render.escape import json_text

    listed = worst_first(report.files)[:LISTED_FILES]
    return json_text(
        {
            "ok": report.is_sound,
            "deep": report.is_deep,
            "lines": report.lines,
            "skipped": report.skipped,
            "waiting_bytes": report.sum_of("waiting_bytes"),
            "pending_bytes": report.sum_of("pending_bytes"),
            "not_checked_bytes": report.sum_of("not_checked_bytes"),
            "notes": report.notes,
            "could_not_look": report.could_not_look,
            "unexplained": report.examples,
            "files_total": len(report.files),
            "files": [_file_document(file) for file in listed],
        }
    )


def _file_document(file: FileReport) -> dict[str, Any]:
    return {
        "file": file.path,
        "fingerprint": file.fingerprint,
        "size": file.size,
        "acknowledged": file.acknowledged,
        "lines": {verdict: count for verdict, count in file.lines.items() if count},
        "skipped": file.skipped,
        "waiting_bytes": file.waiting_bytes,
        "pending_bytes": file.pending_bytes,
        "not_checked_bytes": file.not_checked_bytes,
        "trouble": file.trouble,
    }


def _text(report: Report) -> str:
    from logagent.formats.visible import visible

    lines = [_headline(report), *(f"  ! {visible(note)}" for note in report.notes)]
    lines += [f"  ! could not look: {visible(path)}: {reason}" for path, reason in report.could_not_look.items()]
    lines += [f"  {verdict:<12} {count}" for verdict, count in report.lines.items() if count]
    lines += [f"  skipped      {count} by rule {rule!r}" for rule, count in sorted(report.skipped.items())]
    lines += _bytes_told(report)
    lines += _files_told(report)
    lines += [
        visible(f"unexplained  {one.file} @ {one.offset}  {one.key}  {one.head}")
        for one in report.examples[:SHOWN_EXAMPLES]
    ]
    return "\n".join(lines)


def _headline(report: Report) -> str:
    depth = "every line" if report.is_deep else "first and last lines"
    found = "nothing unexplained" if report.is_sound else f"{report.unexplained} lines unexplained"
    return f"{found}; looked at {depth} of {len(report.files)} files"


def _bytes_told(report: Report) -> list[str]:
    told = []
    if waiting := report.sum_of("waiting_bytes"):
        pending = report.sum_of("pending_bytes")
        told.append(f"  {waiting} bytes wait" + (f", {pending} of them without a newline yet" if pending else ""))
    if unchecked := report.sum_of("not_checked_bytes"):
        told.append(f"  {unchecked} bytes were not checked: logagent verify --deep")
    return told


def _files_told(report: Report) -> list[str]:
    """The files of which there is more to say than that all is stored, the worst first."""
    from logagent.daemon.verification import worst_first
    from logagent.formats.visible import visible

    special = [file for file in worst_first(report.files) if _remark(file)]
    told = [visible(f"  {file.path}: {_remark(file)}") for file in special[:SHOWN_FILES]]
    if len(special) > SHOWN_FILES:
        told.append(f"  and {len(special) - SHOWN_FILES} more files: --json")
    return told


def _remark(file: FileReport) -> str:
    parts = [f"{count} {verdict}" for verdict, count in file.lines.items() if count and verdict != "stored"]
    parts += [f"{file.waiting_bytes} bytes wait"] if file.waiting_bytes else []
    parts += [file.trouble] if file.trouble else []
    parts += ["was written anew again and again"] if file.has_changed else []
    return ", ".join(parts)
