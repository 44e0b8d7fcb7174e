"""Lines for the monitor, for graphs and for time lines. Pure: no I/O, no clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from logagent.formats.visible import visible
from logagent.query.render.lines import Fields, clip, counts_text, level_letter, run_line

_LONGEST_LABEL: Final = 200


def graph_lines(graph: Fields, limit: int) -> list[str]:
    """Nodes in order, with where each leads besides to the next: `#9be2c41f ERROR refused -> FIXED_BY #51d0a7e3`."""
    names = {node["id"]: _node_name(node) for node in graph["nodes"]}
    leads: dict[str, list[str]] = {}
    for edge in graph["edges"]:
        if edge["type"] != "FOLLOWED_BY":
            target = names.get(edge["to"], edge["to"])
            leads.setdefault(edge["from"], []).append(f"{visible(edge['type'])} {target}")
    metadata = graph["metadata"]
    bound = [f"the first {len(graph['nodes'])} of {metadata['total_logs']} events"] if metadata["truncated"] else []
    return bound + [
        " ".join(
            [
                names[node["id"]],
                visible(str(node["level"])),
                clip(visible(str(node["label"])), min(limit, _LONGEST_LABEL)),
            ]
            + (["->", ", ".join(leads[node["id"]])] if node["id"] in leads else [])
        )
        for node in graph["nodes"]
    ]


def _node_name(node: Fields) -> str:
    key = str(node["id"])
    return "L-" + key[4:10] if key.startswith("lrn_") else "#" + key[-16:-8]


def megabytes(count: int | None) -> str:
    """Bytes in people's words.

    >>> megabytes(52_428_800), megabytes(None)
    ('50 MiB', 'unknown')
    """
    return "unknown" if count is None else f"{count / (1 << 20):.0f} MiB"


def daemon_line(daemon: Fields) -> str:
    """How the daemon is, with its figures where it reports any."""
    said = visible(str(daemon["says"]))
    if "lag_bytes" not in daemon:
        return said
    figures = (
        f"{daemon['rate_lines_s']:g} lines/s, lag {daemon['lag_bytes']} bytes in {daemon['files']} files,"
        f" {daemon['dead_letters']} dead letters, {daemon['lost_bytes']} bytes lost, store {visible(daemon['store'])}"
    )
    memory = megabytes(daemon["memory_bytes"]) if "memory_bytes" in daemon else ""
    return f"{said} · {figures}" + (f", memory {memory}" if memory else "")


def monitor_lines(look: Fields, limit: int) -> list[str]:
    """One look of the monitor."""
    machine = look["machine"]
    scarce = " (memory is scarce)" if machine["is_memory_scarce"] else ""
    lines = [clip(daemon_line(look["daemon"]), limit)]
    lines.append(f"machine memory {machine['memory_percent']:.0f} %{scarce}")
    if look["store"]["state"] != "ok":
        return [*lines, f"store {look['store']['state']}: {clip(visible(str(look['store']['error'])), limit)}"]
    lines.append(f"last {look['minutes']} minutes: {counts_text(look['levels'])}")
    for name, said in (("active_runs", "active"), ("crashed_runs", "CRASHED")):
        lines.append(f"{said} {look[name]['total']}")
        lines += ["  " + run_line(run, limit) for run in look[name]["newest"]]
    lines.append("newest errors" if look["newest_errors"] else "no errors")
    for error in look["newest_errors"]:
        where = " ".join(visible(str(error[name])) for name in ("script_name", "function_name") if error.get(name))
        said = clip(visible(str(error["message"])), limit)
        lines.append(f"  {error['timestamp'][:19]}Z {level_letter(error['level'])} {error['id']} {where}: {said}")
    return lines


def stretch_line(stretch: Fields, limit: int) -> str:
    """`+12.500s 37 ██████ E #9be2c41f db-7 refused connection`: of a run's time line."""
    said = clip(visible(str(stretch["message"])), limit)
    level = level_letter(str(stretch["level"]))
    after = f"+{stretch['after_seconds']:.3f}s"
    return f"{after:>12} {stretch['events']:>6} {stretch['chart']:<20} {level} {stretch['id']} {said}"


LOOKS: Final[dict[str, Callable[[Fields, int], list[str]]]] = {
    "monitor": monitor_lines,
    "graph": graph_lines,
    "stretch": lambda stretch, limit: [stretch_line(stretch, limit)],
}
