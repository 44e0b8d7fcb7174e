"""INSERT, UPDATE, REPLACE, REMOVE, UPSERT."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from lark import Tree

from .errors import ArangoError, Unsupported
from .expressions import Row
from .storage import Collection, WriteOptions
from .values import Value, equal, rank, truth, type_name

if TYPE_CHECKING:
    from .statements import Plan

Apply = Callable[[Row], tuple[Value, Value] | None]
COMMON: Final = frozenset(["ignoreErrors", "waitForSync", "exclusive", "refillIndexCaches"])
CHANGING: Final = COMMON | frozenset(["keepNull", "mergeObjects", "ignoreRevs", "versionAttribute"])
KNOWN_OPTIONS: Final = {
    "insert": COMMON | frozenset(["overwrite", "overwriteMode", "keepNull", "mergeObjects", "versionAttribute"]),
    "update": CHANGING,
    "replace": CHANGING,
    "remove": COMMON | {"ignoreRevs"},
    "upsert": CHANGING | {"indexHint", "forceIndexHint", "disableIndex", "readOwnWrites"},
}
STATEMENTS: Final = frozenset(
    [
        "insert_statement",
        "remove_statement",
        "update_statement",
        "update_with",
        "replace_statement",
        "replace_with",
        "upsert_update",
        "upsert_replace",
        "upsert_filter_update",
        "upsert_filter_replace",
    ]
)


def compile_modification(plan: Plan, statement: Tree[Any]) -> None:
    """Add the stage. It reads all its rows before it writes, and afterwards NEW and OLD are in scope."""
    kind = str(statement.data).split("_")[0]
    target = next(child for child in statement.children if child.data == "into").children[0]
    expressions = [c for c in statement.children if c.data not in ("into", "options")]
    options_tree = next((c for c in statement.children if c.data == "options"), None)
    collection = plan.query.collection_of(target)
    if collection.name in plan.query.modified:
        raise ArangoError(1579, f"access after data-modification by collection '{collection.name}'")
    options = plan.options(options_tree, KNOWN_OPTIONS[kind])
    plan.query.allow_writes(collection)
    write = WriteOptions.of_aql(options)
    apply = _compile(plan, kind, str(statement.data), expressions, collection, write)
    plan.query.modified.add(collection.name)
    names = _names(kind, write)
    plan.scope |= names
    plan.query.nodes.append({"type": f"{kind.capitalize()}Node", "collection": collection.name})
    query, ignore = plan.query, bool(options.get("ignoreErrors"))

    def stage(rows: Iterable[Row]) -> Iterator[Row]:
        found = list(rows)
        query.begin_writing(collection)
        done: list[Row] = []
        for row in found:
            try:
                result = apply(row)
            except ArangoError:
                if not ignore:
                    raise
                query.stats["writesIgnored"] += 1
                continue
            query.stats["writesExecuted"] += 1
            told = dict(zip(("OLD", "NEW"), result or (None, None), strict=True))
            done.append(row | {name: told[name] for name in names})
        yield from done

    plan.stages.append(stage)


def _compile(
    plan: Plan, kind: str, form: str, trees: list[Tree[Any]], collection: Collection, write: WriteOptions
) -> Apply:
    if kind == "upsert":
        return _compile_upsert(plan, form, trees, collection, write)
    first = plan.expression(trees[0])
    if kind == "insert":
        return lambda row: collection.insert(first(row), write)
    if kind == "remove":
        return lambda row: (collection.remove(*_key_and_revision(first(row)), write), None)
    second = plan.expression(trees[1]) if form.endswith("_with") else None
    change = collection.update if kind == "update" else collection.replace

    def apply(row: Row) -> tuple[Value, Value]:
        document = first(row)
        key, revision = _key_and_revision(document)
        return change(key, document if second is None else second(row), write, revision)

    return apply


def _names(kind: str, write: WriteOptions) -> set[str]:
    """What a modification tells of: an insertion of what was there before only where it may overwrite."""
    if kind == "remove":
        return {"OLD"}
    return {"NEW"} if kind == "insert" and write.overwrite_mode in ("conflict", "ignore") else {"OLD", "NEW"}


def _key_and_revision(value: Value) -> tuple[str, str | None]:
    if isinstance(value, str):
        return value, None
    if isinstance(value, dict) and isinstance(value.get("_key"), str):
        revision = value.get("_rev")
        return value["_key"], revision if isinstance(revision, str) else None
    if isinstance(value, dict):
        raise ArangoError(1226, "Expected _key to be a string attribute in document.")
    if rank(value) == 2:
        raise Unsupported("a number as a document: the text names how it is stored")
    raise ArangoError(1227, f"Expected object or string, but got {type_name(value)}")


def _compile_upsert(
    plan: Plan, form: str, trees: list[Tree[Any]], collection: Collection, write: WriteOptions
) -> Apply:
    search, insert, change = trees
    insert_value = plan.expression(insert)
    change_value = plan.expression(change, plan.scope | {"OLD"})
    if "filter" in form:
        holds = plan.expression(search, plan.scope | {"CURRENT"})

        def find(row: Row) -> dict[str, Any] | None:
            every = collection.documents.values()
            return next((d for d in every if truth(holds({**row, "CURRENT": d}))), None)

    else:
        if any(True for _ in search.find_data("pair_computed")):
            raise Unsupported("UPSERT with computed names of attributes to look for")
        example = plan.expression(search)

        def find(row: Row) -> dict[str, Any] | None:
            wanted = example(row)
            if not isinstance(wanted, dict) or not wanted:
                raise Unsupported("UPSERT with something else than an object to look for")
            if set(wanted) == {"_key"}:
                return collection.documents.get(wanted["_key"])
            return next((d for d in collection.documents.values() if _is_like(d, wanted)), None)

    def apply(row: Row) -> tuple[Value, Value]:
        old = find(row)
        if old is None:
            return None, collection.insert(insert_value(row), write)[1]
        value = change_value({**row, "OLD": old})
        change_one = collection.replace if form.endswith("replace") else collection.update
        return change_one(old["_key"], value, write, None)

    return apply


def _is_like(document: dict[str, Any], example: dict[str, Any]) -> bool:
    for name, wanted in example.items():
        found = document.get(name)
        if isinstance(wanted, dict) and wanted:
            if not isinstance(found, dict) or not _is_like(found, wanted):
                return False
        elif not equal(found, wanted):
            return False
    return True
