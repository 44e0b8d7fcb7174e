"""A run's graph as text for other programs: DOT for Graphviz, Mermaid for pages. Pure: no I/O, no clock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

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
    names = _names(graph)
    lines = [f"digraph {_quoted(graph['metadata']['execution_id'])} {{", "  node [shape=box];"]
    for node in graph["nodes"]:
        colour = _DOT_COLOURS.get(node["level"])
        lines.append(f"  {names[node['id']]} [label={_quoted(_label(node))}{f', color={colour}' if colour else ''}];")
    for edge in _edges(graph):
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
    names = _names(graph)
    lines = ["flowchart TD"]
    lines += [f'  {names[node["id"]]}["{_entities(_label(node))}"]' for node in graph["nodes"]]
    for edge in _edges(graph):
        arrow = "-->" if edge["type"] == "FOLLOWED_BY" else f"-. {_entities(visible(edge['type']))} .->"
        lines.append(f"  {names[edge['from']]} {arrow} {names[edge['to']]}")
    return "".join(line + "\n" for line in lines)


def _names(graph: Mapping[str, Any]) -> dict[str, str]:
    """Names of our own: ids of events mean something to neither language."""
    return {node["id"]: f"n{number}" for number, node in enumerate(graph["nodes"])}


def _edges(graph: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    known = _names(graph)
    return [edge for edge in graph["edges"] if edge["from"] in known and edge["to"] in known]


def _label(node: Mapping[str, Any]) -> str:
    return visible(f"{node['level']} {clip(str(node['label']), _LABEL)}")


def _quoted(text: str) -> str:
    return '"' + visible(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _entities(text: str) -> str:
    """Everything that Mermaid or a page around it could read as markup, as entities of Mermaid's."""
    named = {'"': "#quot;", "#": "#35;", "<": "#lt;", ">": "#gt;", "&": "#amp;", "`": "#96;"}
    return "".join(named.get(character, character) for character in text)
