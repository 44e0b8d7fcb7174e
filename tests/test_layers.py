"""Layers: what may import what, read from the source with `ast` and so true of imports inside functions too."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = "logagent"

BELOW = {
    "errors": set(),
    "formats": {"errors"},
    "settings": {"errors", "formats"},
    "store": {"errors", "formats", "settings"},
    "embedders": {"errors", "formats", "settings", "store"},
    "daemon": {"errors", "formats", "settings", "store", "embedders"},
    "query": {"errors", "formats", "settings", "store", "embedders"},
    "cli": {"errors", "formats", "settings", "store", "embedders", "daemon", "query", "hook"},
    "hook": {"formats"},
    "__main__": {"cli"},
}
"""The table of the house rules: formats, errors < settings < store < {daemon, query} < cli."""

IMPURE_MODULES = {
    *("aiohttp", "apsw", "arangoasync", "asyncio", "fcntl", "glob", "http", "logging", "loguru", "mmap"),
    *("multiprocessing", "pathlib", "psutil", "random", "secrets", "select", "selectors", "shutil", "signal", "socket"),
    *("sqlite3", "subprocess", "tempfile", "threading", "time", "urllib", "uuid", "watchfiles"),
}
IMPURE_CALLS = {"open", "print", "input"}
CLOCK_METHODS = {"now", "today", "utcnow"}
PURE_OF_OS = {"fsdecode", "fsencode", "fspath", "path", "pathsep", "sep", "PathLike"}
PURE_OF_OS_PATH = {"basename", "commonpath", "dirname", "isabs", "join", "normpath", "split", "splitext"}


def sources() -> dict[str, Path]:
    """Every module of the package by its dotted name."""
    paths = sorted((ROOT / PACKAGE).rglob("*.py"))
    return {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}


MODULES = sources()


@cache
def tree_of(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"), filename=str(MODULES[module]))


def imports_in(nodes: Iterator[ast.AST] | list[ast.stmt]) -> Iterator[str]:
    """The modules that these nodes import: a name imported from a package is a module if there is one of that name."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in MODULES else str(node.module)


def all_imports(module: str) -> set[str]:
    return set(imports_in(ast.walk(tree_of(module))))


def imports_at_run_time(module: str) -> set[str]:
    """All imports but those that only a type checker reads."""
    return set(imports_in([node for node in ast.walk(tree_of(module)) if node not in typing_only(module)]))


@cache
def typing_only(module: str) -> set[ast.AST]:
    checks = [node for node in ast.walk(tree_of(module)) if is_for_typing(node)]
    return {inner for check in checks for statement in check.body for inner in ast.walk(statement)}


def is_for_typing(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def imports_on_loading(module: str) -> set[str]:
    """What loading the module imports: not what stands in functions, nor what only a type checker reads."""
    return set(imports_in(list(statements_on_loading(tree_of(module).body))))


def statements_on_loading(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in body:
        if is_for_typing(statement):
            yield from statements_on_loading(statement.orelse)
        elif isinstance(statement, ast.If | ast.With | ast.ClassDef):
            yield from statements_on_loading([*statement.body, *getattr(statement, "orelse", [])])
        elif isinstance(statement, ast.Try):
            handlers = [inner for handler in statement.handlers for inner in handler.body]
            yield from statements_on_loading([*statement.body, *handlers, *statement.orelse, *statement.finalbody])
        else:
            yield statement


def layer_of(module: str) -> str | None:
    """The second part of the dotted name; None for the package itself."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else None


def is_ours(module: str) -> bool:
    return module.split(".")[0] == PACKAGE


def forbidden_edges(module: str) -> list[str]:
    own = layer_of(module)
    others = {imported for imported in all_imports(module) if is_ours(imported) and layer_of(imported)}
    return sorted(other for other in others if layer_of(other) != own and layer_of(other) not in BELOW[own])


@pytest.mark.parametrize("module", [module for module in MODULES if layer_of(module)])
def test_a_module_imports_only_from_layers_below_its_own(module):
    assert layer_of(module) in BELOW, f"{module} is in no layer of the table"
    assert forbidden_edges(module) == []


def test_daemon_and_query_never_import_each_other():
    assert "query" not in BELOW["daemon"] and "daemon" not in BELOW["query"]


def test_nothing_but_main_imports_the_command_line():
    importers = {module for module in MODULES if any(layer_of(name) == "cli" for name in all_imports(module))}
    assert {module for module in importers if layer_of(module) != "cli"} <= {"logagent.__main__"}


def test_the_package_itself_imports_nothing():
    assert all_imports(PACKAGE) == set()


def test_loading_runs_in_no_circle():
    graph = {module: {name for name in imports_on_loading(module) if name in MODULES} for module in MODULES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"modules import each other: {' -> '.join(error.args[1])}")


def writing_side() -> set[str]:
    """The package `logagent.formats`, which scripts import, with all that loading it loads."""
    found: set[str] = set()
    waiting = {"logagent.formats"} & set(MODULES)
    while waiting:
        module = waiting.pop()
        found.add(module)
        waiting |= {name for name in imports_on_loading(module) if name in MODULES} - found
    return found


@pytest.mark.parametrize("module", sorted(writing_side()))
def test_what_scripts_import_needs_only_the_standard_library(module):
    """loguru too is imported only where a logger is used: a script without it can still write runs and learnings."""
    outside = {name.split(".")[0] for name in imports_on_loading(module)} - set(sys.stdlib_module_names) - {PACKAGE}
    assert outside == set()


def says_it_is_pure(module: str) -> bool:
    return "Pure: no I/O, no clock." in (ast.get_docstring(tree_of(module)) or "")


@pytest.mark.parametrize("module", [module for module in MODULES if says_it_is_pure(module)])
def test_a_module_that_says_it_is_pure_has_no_io_and_no_clock(module):
    impure = {name for name in imports_at_run_time(module) if name.split(".")[0] in IMPURE_MODULES}
    assert sorted(impure) == []
    assert impurities(tree_of(module)) == []


def impurities(tree: ast.Module) -> list[str]:
    """Calls and attributes that touch the world, with their lines."""
    return [f"line {node.lineno}: {ast.unparse(node)}" for node in ast.walk(tree) if touches_the_world(node)]


def touches_the_world(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Name(id=name)):
            return name in IMPURE_CALLS
        case ast.Call(func=ast.Attribute(value=ast.Name(id="datetime" | "date"), attr=name)):
            return name in CLOCK_METHODS
        case ast.Attribute(value=ast.Name(id="os"), attr=name):
            return name not in PURE_OF_OS
        case ast.Attribute(value=ast.Attribute(value=ast.Name(id="os"), attr="path"), attr=name):
            return name not in PURE_OF_OS_PATH
    return False


@pytest.mark.parametrize(
    "code", ["open('x')", "datetime.now(UTC)", "os.stat('x')", "os.path.exists('x')", "print('x')", "os.environ['x']"]
)
def test_the_check_for_purity_sees_what_is_impure(code):
    assert impurities(ast.parse(code)) != []


@pytest.mark.parametrize("module", [module for module in MODULES if MODULES[module].stat().st_size])
def test_a_module_says_what_it_is_for(module):
    assert ast.get_docstring(tree_of(module))
