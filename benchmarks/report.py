"""The document: figures as tables, ratios against their targets, and a plot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

Figures = dict[str, Any]
NOTES = "performance-notes.md"


def write(docs: Path, figures: Figures) -> None:
    """Write performance.md (with a link to the notes kept by hand) and performance.svg."""
    docs.mkdir(exist_ok=True)
    parts = ["# Performance\n\nMade by `make bench`; ratios within one run count, since machines are noisy.\n"]
    for name, section in (("throughput", _throughput), ("latency", _latency), ("idle", _idle), ("sink", _sink)):
        if name in figures:
            parts.append(section(figures[name]))
    if "growth" in figures or "big_drain" in figures:
        parts.append(_sizes(figures))
    parts.append(f"What was found, mended and missed: [{NOTES}]({NOTES}).\n")
    (docs / "performance.md").write_text("\n".join(parts))
    if "throughput" in figures:
        (docs / "performance.svg").write_text(_plot(figures["throughput"]["rows"]))


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in lines) + "\n"


def _throughput(found: Figures) -> str:
    rows = found["rows"]
    text = "## From disk to a store, and the same by others\n\n![CPU per line](performance.svg)\n\n"
    text += _table(
        ("what", "CPU per line", "with the process's start", "lines/s of wall"),
        [
            (name, f"{row['cpu_us']:.2f} us", f"{row['whole_cpu_us']:.2f} us", f"{row['lines_s']:,.0f}")
            for name, row in rows.items()
        ],
    )
    text += "".join(f"\n{name}: not measured, {reason}\n" for name, reason in found["missing"].items())
    return text + "\n" + _table(("ratio", "value", "target"), _ratios(rows))


def _ratios(rows: Figures) -> list[tuple[str, ...]]:
    def cpu(name: str) -> float:
        return float(rows[name]["cpu_us"]) if name in rows else float("nan")

    def rate(name: str) -> float:
        return float(rows[name]["lines_s"]) if name in rows else float("nan")

    def whole(name: str) -> float:
        return float(rows[name]["whole_cpu_us"]) if name in rows else float("nan")

    http, bare = whole("daemon, native to HTTP"), rate("floor: bare executemany")
    return [
        ("native to null, lines per second of CPU", f"{1e6 / cpu('daemon, native to null'):,.0f}", "200,000"),
        ("serialized to null, same", f"{1e6 / cpu('daemon, loguru serialized to null'):,.0f}", "100,000"),
        ("native to ArangoDB, same", f"{1e6 / cpu('daemon, native to ArangoDB'):,.0f}", "100,000"),
        ("to SQLite, lines per second of wall", f"{rate('daemon, native to SQLite'):,.0f}", "80,000"),
        ("to SQLite, wall, of bare executemany's rate", f"{rate('daemon, native to SQLite') / bare:.2f}", "0.70"),
        ("to HTTP, CPU with the start, of syslog-ng's", f"{http / whole('syslog-ng, native to HTTP'):.2f}", "0.50"),
        (
            "to HTTP, CPU with the start, of rsyslog's to a file (less work)",
            f"{http / whole('rsyslog, native to a file'):.2f}",
            "0.50",
        ),
    ]


def _latency(found: Figures) -> str:
    rows = [(name, f"{row['p50_s']:.3f} s", f"{row['p99_s']:.3f} s") for name, row in found.items()]
    return "## From write to searchable\n\nTarget: p99 at most the flush interval + 0.3 s.\n\n" + _table(
        ("load", "p50", "p99"), rows
    )


def _idle(found: Figures) -> str:
    rows = [
        (files, f"{r['cpu_percent']:.2f} %", f"{r['memory_mb']:.0f} MB", f"{r['restart_s']:.2f} s")
        for files, r in found.items()
    ]
    targets = "Targets with 10,000: 2 % of a core, 150 MB, 2 s."
    return f"## Files at rest, and a restart over them\n\n{targets}\n\n" + _table(
        ("files", "of a core", "memory", "restart to first line shipped"), rows
    )


def _sink(found: Figures) -> str:
    head = "## One log call in the script\n\nTargets: 1.5 of plain, 0.6 of serialize.\n\n"
    return f"{head}```\n{found['text']}```\n"


def _sizes(figures: Figures) -> str:
    text = "## Size\n\n"
    if big := figures.get("big_drain"):
        text += f"Draining {big['bytes'] / 1e9:.1f} GB: {big['memory_mb']:.0f} MB of memory (target 120).\n\n"
    if grown := figures.get("growth"):
        rows = [(f"{int(rows):,}", f"{point['append_cpu_us']:.2f} us") for rows, point in grown["points"].items()]
        text += _table(("rows in SQLite", "CPU per row appended"), rows)
        points = [float(point["append_cpu_us"]) for point in grown["points"].values()]
        text += f"\nThe rate at {list(grown['points'])[-1]} rows is {points[-2] / points[-1]:.2f} of the one before"
        text += " (target 0.60).\n"
        text += f"\nLongest append: {grown['longest_append_s']:.2f} s (target 1); {grown['memory_mb']:.0f} MB.\n"
    return text


def _plot(rows: Figures) -> str:
    """Bars of CPU per line."""
    widest = max(float(row["cpu_us"]) for row in rows.values())
    bars = []
    for number, (name, row) in enumerate(rows.items()):
        y, width = 30 + number * 24, float(row["cpu_us"]) / widest * 380
        color = "#2f6f8f" if name.startswith("daemon") else "#b9c4c9" if name.startswith("floor") else "#c98a3a"
        bars.append(
            f'<text x="232" y="{y + 13}" text-anchor="end">{name}</text>'
            f'<rect x="240" y="{y}" width="{width:.0f}" height="17" fill="{color}"/>'
            f'<text x="{246 + width:.0f}" y="{y + 13}">{row["cpu_us"]:.1f}</text>'
        )
    size = f'width="680" height="{40 + 24 * len(rows)}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">'
    return head + '<text x="240" y="18">CPU per line, microseconds</text>' + "".join(bars) + "</svg>\n"
