"""Documents and objects: attributes, merging, identifiers."""

from __future__ import annotations

from typing import Any

from ..errors import Unsupported
from ..functions.registry import MANY, aql, invalid_argument
from ..values import element, equal, rank, sort_key, to_string, truth


@aql(1, 3, "ATTRIBUTES", "KEYS")
def attributes(context: Any, args: list[Any]) -> list[str] | None:
    if not isinstance(args[0], dict):
        invalid_argument(context, "ATTRIBUTES")
        return None
    names = [n for n in args[0] if not (len(args) > 1 and truth(args[1]) and n.startswith("_"))]
    ordered = sorted(names, key=sort_key)
    if not (len(args) > 2 and truth(args[2])) and ordered != names[::-1]:
        raise Unsupported("the order of unsorted ATTRIBUTES(); its third argument sorts")
    return ordered


@aql(1, 2)
def values(context: Any, args: list[Any]) -> list[Any] | None:
    if not isinstance(args[0], dict):
        invalid_argument(context, "VALUES")
        return None
    internal = len(args) > 1 and truth(args[1])
    return [value for name, value in args[0].items() if not (internal and name.startswith("_"))]


@aql(1)
def entries(context: Any, args: list[Any]) -> list[list[Any]] | None:
    if not isinstance(args[0], dict):
        invalid_argument(context, "ENTRIES")
        return None
    return [[name, value] for name, value in args[0].items()]


@aql(2)
def has(_: Any, args: list[Any]) -> bool:
    return isinstance(args[0], dict) and to_string(args[1]) in args[0]


def _names(context: Any, function: str, args: list[Any]) -> set[str]:
    names: set[str] = set()
    for argument in args[1:]:
        if isinstance(argument, str) or rank(argument) == 2:
            names.add(to_string(argument))
        for name in argument if isinstance(argument, list) else []:
            if isinstance(name, str):
                names.add(name)
            else:
                invalid_argument(context, function)
    return names


def _object(context: Any, name: str, args: list[Any]) -> dict[str, Any] | None:
    if isinstance(args[0], dict):
        return args[0]
    invalid_argument(context, name)
    return None


@aql(2, MANY)
def keep(context: Any, args: list[Any]) -> dict[str, Any] | None:
    found = _object(context, "KEEP", args)
    if found is None:
        return None
    names = _names(context, "KEEP", args)
    return {name: value for name, value in found.items() if name in names}


@aql(2, MANY)
def unset(context: Any, args: list[Any]) -> dict[str, Any] | None:
    found = _object(context, "UNSET", args)
    if found is None:
        return None
    names = _names(context, "UNSET", args)
    return {name: value for name, value in found.items() if name not in names}


def _kept(value: dict[str, Any], names: set[str]) -> dict[str, Any]:
    return {n: _kept(v, names) if isinstance(v, dict) else v for n, v in value.items() if n in names}


def _left(value: dict[str, Any], names: set[str]) -> dict[str, Any]:
    return {n: _left(v, names) if isinstance(v, dict) else v for n, v in value.items() if n not in names}


@aql(2, MANY)
def keep_recursive(context: Any, args: list[Any]) -> dict[str, Any] | None:
    found = _object(context, "KEEP_RECURSIVE", args)
    return None if found is None else _kept(found, _names(context, "KEEP_RECURSIVE", args))


@aql(2, MANY)
def unset_recursive(context: Any, args: list[Any]) -> dict[str, Any] | None:
    found = _object(context, "UNSET_RECURSIVE", args)
    return None if found is None else _left(found, _names(context, "UNSET_RECURSIVE", args))


def merge_into(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Both objects as one, `new` winning, sub-objects merged likewise."""
    merged = dict(old)
    for name, value in new.items():
        both = isinstance(value, dict) and isinstance(merged.get(name), dict)
        merged[name] = merge_into(merged[name], value) if both else value
    return merged


def _objects(context: Any, name: str, args: list[Any]) -> list[dict[str, Any]] | None:
    found = args[0] if len(args) == 1 and isinstance(args[0], list) else args
    if not all(isinstance(value, dict) for value in found):
        invalid_argument(context, name)
        return None
    return found


@aql(1, MANY)
def merge(context: Any, args: list[Any]) -> dict[str, Any] | None:
    found = _objects(context, "MERGE", args)
    if found is None:
        return None
    merged: dict[str, Any] = {}
    for value in found:
        merged.update(value)
    return merged


@aql(1, MANY)
def merge_recursive(context: Any, args: list[Any]) -> dict[str, Any] | None:
    found = _objects(context, "MERGE_RECURSIVE", args)
    if found is None:
        return None
    merged: dict[str, Any] = {}
    for value in found:
        merged = merge_into(merged, value)
    return merged


@aql(2, 3)
def matches(context: Any, args: list[Any]) -> Any:
    if not isinstance(args[0], dict):
        return False
    examples = args[1] if isinstance(args[1], list) else [args[1]]
    found = -1
    for position, example in enumerate(examples):
        if not isinstance(example, dict):
            invalid_argument(context, "MATCHES")
        elif all(equal(args[0].get(name), value) for name, value in example.items()):
            found = position
            break
    return found if len(args) > 2 and truth(args[2]) else found >= 0


@aql(2, 3)
def translate(context: Any, args: list[Any]) -> Any:
    if not isinstance(args[1], dict):
        invalid_argument(context, "TRANSLATE")
        return None
    name = to_string(args[0])
    return args[1][name] if name in args[1] else args[2] if len(args) > 2 else args[0]


@aql(2)
def value(context: Any, args: list[Any]) -> Any:
    if not isinstance(args[0], dict) or not isinstance(args[1], list):
        invalid_argument(context, "VALUE")
        return None
    found = args[0] if args[1] else None
    for step in args[1]:
        if rank(step) == 2 and (step < 0 or step != int(step)):
            raise Unsupported("VALUE with a negative or broken number in its path")
        if not ((isinstance(found, dict) and isinstance(step, str)) or (isinstance(found, list) and rank(step) == 2)):
            return None
        found = element(found, step)
    return found


def _identifier(context: Any, name: str, argument: Any) -> tuple[str, str] | None:
    text = argument.get("_id") if isinstance(argument, dict) else argument
    if isinstance(text, str) and text.count("/") == 1:
        collection, key = text.split("/")
        return collection, key
    invalid_argument(context, name)
    return None


@aql(1)
def parse_identifier(context: Any, args: list[Any]) -> dict[str, str] | None:
    found = _identifier(context, "PARSE_IDENTIFIER", args[0])
    return None if found is None else {"collection": found[0], "key": found[1]}


@aql(1)
def parse_collection(context: Any, args: list[Any]) -> str | None:
    found = _identifier(context, "PARSE_COLLECTION", args[0])
    return None if found is None else found[0]


@aql(1)
def parse_key(context: Any, args: list[Any]) -> str | None:
    found = _identifier(context, "PARSE_KEY", args[0])
    return None if found is None else found[1]


@aql(2)
def is_same_collection(context: Any, args: list[Any]) -> bool | None:
    names = [value.get("_id") if isinstance(value, dict) else value for value in args]
    one, other = (name.split("/")[0] if isinstance(name, str) else "" for name in names)
    if not one or not other:
        invalid_argument(context, "IS_SAME_COLLECTION")
        return None
    return bool(one == other)


def _document(context: Any, collection: str | None, identifier: Any) -> dict[str, Any] | None:
    """The document; null also where its collection, or the one that was named, is not the one of the identifier."""
    if not isinstance(identifier, str):
        return None
    prefix, has_prefix, key = identifier.partition("/")
    if not has_prefix:
        prefix, key = collection or "", identifier
    if collection is not None and prefix != collection:
        return None
    source = context.database.collections.get(prefix)
    found: dict[str, Any] | None = None if source is None else source.documents.get(key)
    return found


@aql(1, 2)
def document(context: Any, args: list[Any]) -> Any:
    wanted, collection = args[-1], args[0] if len(args) > 1 else None
    if len(args) > 1 and not isinstance(collection, str):
        invalid_argument(context, "DOCUMENT")
        return None
    if isinstance(wanted, list):
        found = (_document(context, collection, each) for each in wanted)
        return [one for one in found if one is not None]
    return _document(context, collection, wanted)
