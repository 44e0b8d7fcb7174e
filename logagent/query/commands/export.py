"""The command `export`: every record, streamed."""

from __future__ import annotations

import click

from logagent.errors import BadQuery
from logagent.query import events
from logagent.query.commands.options import filtering, reading, window, words
from logagent.query.commands.session import Session, note, write
from logagent.query.documents import plain
from logagent.query.export_files import export_file
from logagent.query.references import RunNames
from logagent.query.render.escape import json_text
from logagent.store.selection import Direction, Selection


@click.command()
@words("[QUERY]...")
@filtering
@window
@click.option("--newest-first", is_flag=True, help="Instead of oldest first.")
@click.option("--to", metavar="FILE", help="Into a new .sqlite or .parquet file instead.")
@reading
def export(
    session: Session,
    *,
    run: str | None,
    script: str | None,
    level: str | None,
    since: str | None,
    until: str | None,
    newest_first: bool,
    to: str | None,
) -> None:
    """Every record as JSON lines or CSV, or into a SQLite or Parquet file; oldest first.

    Run lines and learnings come along where the question is about scripts and runs only.
    """
    where = events.filters(session.text(), run=run, script=script, level=level)
    span = session.window(since, until)
    selection = Selection(
        where=RunNames(session.reader).in_condition(where),
        since_us=span.since_us,
        until_us=span.until_us,
        direction=Direction.NEWEST_FIRST if newest_first else Direction.OLDEST_FIRST,
    )
    count = export_file(to, events.export(session.reader, selection)) if to else _write(session, selection)
    hints = {"hints": session.notes} if session.notes else {}
    note(json_text({"ok": True, "returned": count, "window": span.to_dict(), **hints}))


def _write(session: Session, selection: Selection) -> int:
    documents = events.export(session.reader, selection)
    if session.form in ("jsonl", "table"):
        return session.stream_json(documents)
    if session.form != "csv":
        raise BadQuery(f"export writes jsonl or csv, or a file with --to, not {session.form}")
    from logagent.query.render.delimited import EVENT_COLUMNS, csv_rows

    rows = ({name: plain(value) for name, value in document.items()} for document in documents)
    count = 0  # the head line is number 0
    for count, line in enumerate(csv_rows(EVENT_COLUMNS, rows)):  # noqa: B007 - it outlives the loop
        write(line)
    return count
