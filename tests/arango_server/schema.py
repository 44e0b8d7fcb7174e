"""JSON schema as ArangoDB validates it: draft 4, every number is a `number` and nothing is an `integer`."""

from __future__ import annotations

import math
import re
from typing import Any, Final

from .errors import ArangoError, Unsupported
from .values import equal, identity, rank

KNOWN: Final = frozenset(
    [
        "type",
        "properties",
        "required",
        "additionalProperties",
        "items",
        "minimum",
        "maximum",
        "multipleOf",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "minLength",
        "maxLength",
        "pattern",
        "minItems",
        "maxItems",
        "uniqueItems",
        "enum",
        "anyOf",
        "allOf",
        "oneOf",
        "not",
        "minProperties",
        "maxProperties",
        "description",
        "title",
        "default",
        "patternProperties",
        "$schema",
    ]
)
TYPES: Final = {"null": 0, "boolean": 1, "number": 2, "string": 3, "array": 4, "object": 5}


def check_rule(rule: Any) -> None:
    """Refuse a rule that we could not apply.

    Raises:
        ArangoError: 1621 it is none.
    """
    if not isinstance(rule, dict):
        raise ArangoError(1621, "invalid schema rule")
    if unknown := set(rule) - KNOWN:
        raise Unsupported(f"schema keywords {', '.join(sorted(unknown))}")
    kinds = rule.get("type", [])
    for kind in kinds if isinstance(kinds, list) else [kinds]:
        if kind not in TYPES and kind != "integer":
            raise ArangoError(1621, f"invalid schema type {kind!r}")
    for name in ("properties", "patternProperties"):
        for inner in rule.get(name, {}).values():
            check_rule(inner)
    for name in ("anyOf", "allOf", "oneOf"):
        for inner in rule.get(name, []):
            check_rule(inner)
    if isinstance(rule.get("items"), list):
        raise Unsupported("schema items as a list")
    for name in ("items", "not", "additionalProperties"):
        if isinstance(rule.get(name), dict):
            check_rule(rule[name])


def is_valid(value: Any, rule: dict[str, Any]) -> bool:
    """Does the value keep to the rule?"""
    kinds = rule.get("type")
    if kinds is not None:
        allowed = {TYPES.get(kind, -1) for kind in (kinds if isinstance(kinds, list) else [kinds])}
        if rank(value) not in allowed:
            return False
    if "enum" in rule and not any(equal(value, one) for one in rule["enum"]):
        return False
    if not _combinations(value, rule):
        return False
    match rank(value):
        case 2:
            return _number(value, rule)
        case 3:
            return _string(value, rule)
        case 4:
            return _array(value, rule)
        case 5:
            return _object(value, rule)
    return True


def _combinations(value: Any, rule: dict[str, Any]) -> bool:
    if "allOf" in rule and not all(is_valid(value, inner) for inner in rule["allOf"]):
        return False
    if "anyOf" in rule and not any(is_valid(value, inner) for inner in rule["anyOf"]):
        return False
    if "oneOf" in rule and sum(is_valid(value, inner) for inner in rule["oneOf"]) != 1:
        return False
    return not ("not" in rule and is_valid(value, rule["not"]))


def _number(value: float, rule: dict[str, Any]) -> bool:
    if "minimum" in rule and (value < rule["minimum"] or (rule.get("exclusiveMinimum") and value == rule["minimum"])):
        return False
    if "maximum" in rule and (value > rule["maximum"] or (rule.get("exclusiveMaximum") and value == rule["maximum"])):
        return False
    step = rule.get("multipleOf")
    return step is None or (
        value % step == 0
        if isinstance(value, int) and isinstance(step, int)
        else math.isclose(math.remainder(value, step), 0, abs_tol=1e-12)
    )


def _string(value: str, rule: dict[str, Any]) -> bool:
    if not rule.get("minLength", 0) <= len(value) <= rule.get("maxLength", math.inf):
        return False
    return "pattern" not in rule or re.search(rule["pattern"], value) is not None


def _array(value: list[Any], rule: dict[str, Any]) -> bool:
    if not rule.get("minItems", 0) <= len(value) <= rule.get("maxItems", math.inf):
        return False
    if rule.get("uniqueItems") and len({identity(element) for element in value}) != len(value):
        return False
    return "items" not in rule or all(is_valid(element, rule["items"]) for element in value)


def _object(value: dict[str, Any], rule: dict[str, Any]) -> bool:
    if any(name not in value for name in rule.get("required", [])):
        return False
    if not rule.get("minProperties", 0) <= len(value) <= rule.get("maxProperties", math.inf):
        return False
    named, patterns = rule.get("properties", {}), rule.get("patternProperties", {})
    for name, element in value.items():
        rules = [inner for pattern, inner in patterns.items() if re.search(pattern, name)]
        rules += [named[name]] if name in named else []
        extra = rule.get("additionalProperties", True)
        if not rules and extra is not True:
            if extra is False:
                return False
            rules = [extra]
        if not all(is_valid(element, inner) for inner in rules):
            return False
    return True
