"""A run's graph as text for other programs: DOT for Graphviz, Mermaid for pages. Pure: no I/O, no clock.

Events in a row that say the same but for numbers, names and the like are one box, which says how many they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any, Final

from logagent.formats.masks import masked
from logagent.formats.visible import visible
from logagent.query.render.lines import clip

_LABEL: Final = 60
_DOT_COLOURS: Final = {"ERROR": "red", "CRITICAL": "red", "WARNING": "orange", "LEARNING": "blue"}


def dot(graph: Mapping[str, Any]) -> str:
    r"""The graph in the DOT language.

    >>> node = {"id": "k", "label": 'a "b"', "level": "INFO"}
    >>> graph = {"nodes": [node], "edges": [], "metadata": {"execution_id": "r"}}
    >>> print(dot(graph), end="")
    digraph "r" {
      node [shape=box];
      n0 [label="INFO a \"b\""];
    }
    """
    graph = _folded(graph)
    names = _names(graph)
    lines = [f"digraph {_quoted(graph['metadata']['execution_id'])} {{", "  node [shape=box];"]
    for node in graph["nodes"]:
        colour = _DOT_COLOURS.get(node["level"])
        lines.append(f"  {names[node['id']]} [label={_quoted(_label(node))}{f', color={colour}' if colour else ''}];")
    for edge in graph["edges"]:
        style = "" if edge["type"] == "FOLLOWED_BY" else f" [label={_quoted(edge['type'])}, style=bold]"
        lines.append(f"  {names[edge['from']]} -> {names[edge['to']]}{style};")
    return "".join(line + "\n" for line in [*lines, "}"])


def mermaid(graph: Mapping[str, Any]) -> str:
    """The graph as a Mermaid flow chart.

    >>> graph = {"nodes": [{"id": "k", "label": 'a "b"', "level": "INFO"}], "edges": [], "metadata": {}}
    >>> print(mermaid(graph), end="")
    flowchart TD
      n0["INFO a #quot;b#quot;"]
    """
    graph = _folded(graph)
    names = _names(graph)
    lines = ["flowchart TD"]
    lines += [f'  {names[node["id"]]}["{_entities(_label(node))}"]' for node in graph["nodes"]]
    for edge in graph["edges"]:
        arrow = "-->" if edge["type"] == "FOLLOWED_BY" else f"-. {_entities(visible(edge['type']))} .->"
        lines.append(f"  {names[edge['from']]} {arrow} {names[edge['to']]}")
    return "".join(line + "\n" for line in lines)


def _folded(graph: Mapping[str, Any]) -> dict[str, Any]:
    """The graph with one node for each group of alike events in a row; what led to one of them leads to the group."""
    nodes: list[dict[str, Any]] = []
    group_of: dict[str, str] = {}
    for _, group in groupby(graph["nodes"], key=_likeness):
        first, *others = group
        label = f"{len(others) + 1}x {first['label']}" if others else first["label"]
        nodes.append({"id": first["id"], "label": label, "level": first["level"]})
        group_of |= {node["id"]: first["id"] for node in (first, *others)}
    known = [edge for edge in graph["edges"] if edge["from"] in group_of and edge["to"] in group_of]
    led = ((group_of[edge["from"]], group_of[edge["to"]], edge["type"]) for edge in known)
    edges = [{"from": start, "to": end, "type": kind} for start, end, kind in dict.fromkeys(led)]
    edges = [edge for edge in edges if edge["from"] != edge["to"] or edge["type"] != "FOLLOWED_BY"]
    return {"nodes": nodes, "edges": edges, "metadata": graph["metadata"]}


def _likeness(node: Mapping[str, Any]) -> tuple[str, str, str]:
    return str(node["level"]), str(node.get("function")), masked(str(node["label"]))


def _names(graph: Mapping[str, Any]) -> dict[str, str]:
    """Names of our own: ids of events mean something to neither language."""
    return {node["id"]: f"n{number}" for number, node in enumerate(graph["nodes"])}


def _label(node: Mapping[str, Any]) -> str:
    return visible(f"{node['level']} {clip(str(node['label']), _LABEL)}")


def _quoted(text: str) -> str:
    return '"' + visible(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _entities(text: str) -> str:
    """Everything that Mermaid or a page around it could read as markup, as entities of Mermaid's."""
    named = {'"': "#quot;", "#": "#35;", "<": "#lt;", ">": "#gt;", "&": "#amp;", "`": "#96;"}
    return "".join(named.get(character, character) for character in text)
