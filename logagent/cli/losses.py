"""`logagent losses`: the ledger of what was seen and could not be had."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import click

from logagent.cli.options import state_of

if TYPE_CHECKING:
    from logagent.daemon.losses import LossRow, LostRanges

    Lost = dict[tuple[str, str], LostRanges]


@click.command(short_help="The loss ledger: what was seen and could not be had.")
@click.option("--state-dir", metavar="DIR", help="The daemon's state directory.")
@click.option("--config", metavar="FILE", help="A TOML file with settings.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(0), help="How many rows and files to show.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def losses(*, state_dir: str | None, config: str | None, limit: int, as_json: bool) -> None:
    """The loss ledger: total bytes, bytes by file, and the rows, newest first.

    A range that stands in it twice (as after a crash between the ledger and the checkpoint) counts once.
    Exit: 4 without a state directory.
    """
    from logagent.daemon.losses import lost_by_file, read_ledger

    directory = state_of(state_dir, config)
    last: deque[LossRow] = deque(maxlen=limit)
    total = 0

    def passing() -> Any:
        nonlocal total
        for row in read_ledger(directory):
            total += 1
            last.append(row)
            yield row

    lost = lost_by_file(passing())
    click.echo(_json(lost, list(reversed(last)), total, limit) if as_json else _text(lost, last, total, limit))


def _most_lost(lost: Lost, limit: int) -> list[tuple[str, str, LostRanges]]:
    by_bytes = sorted(lost.items(), key=lambda item: -item[1].known_bytes)
    return [(path, fingerprint, ranges) for (path, fingerprint), ranges in by_bytes[:limit]]


def _json(lost: Lost, rows: list[LossRow], total: int, limit: int) -> str:
    from logagent.query.render.escape import json_text

    return json_text(
        {
            "lost_bytes": sum(ranges.known_bytes for ranges in lost.values()),
            "unknown_ends": sum(ranges.open_from is not None for ranges in lost.values()),
            "files_total": len(lost),
            "files": [
                {
                    "file": path,
                    "fingerprint": fingerprint,
                    "lost_bytes": ranges.known_bytes,
                    "unknown_from": ranges.open_from,
                }
                for path, fingerprint, ranges in _most_lost(lost, limit)
            ],
            "total": total,
            "returned": len(rows),
            "items": rows,
        }
    )


def _text(lost: Lost, last: deque[LossRow], total: int, limit: int) -> str:
    from logagent.formats.visible import visible

    if not total:
        return "nothing was lost"
    known = sum(ranges.known_bytes for ranges in lost.values())
    unknown = sum(ranges.open_from is not None for ranges in lost.values())
    more = f", and {unknown} files whose end nobody knows" if unknown else ""
    lines = [f"{known} bytes lost in {len(lost)} files{more}; {total} rows"]
    lines += [f"  {visible(path)}  {_amount(ranges)}" for path, _fingerprint, ranges in _most_lost(lost, limit)]
    lines.append(f"newest first, {len(last)} of {total} (--limit):")
    lines += [visible(_row(row)) for row in reversed(last)]
    return "\n".join(lines)


def _amount(ranges: LostRanges) -> str:
    known = f"{ranges.known_bytes} bytes" if ranges.ranges else ""
    unknown = f"everything from {ranges.open_from} on" if ranges.open_from is not None else ""
    return " and ".join(part for part in (known, unknown) if part)


def _row(row: LossRow) -> str:
    end = "an unknown end" if row.to_offset is None else str(row.to_offset)
    return f"{row.time}  {row.file}  {row.from_offset} to {end}  {row.reason}"
