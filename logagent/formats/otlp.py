"""OTLP JSON: log records as OpenTelemetry's file exporter writes them, as plain fields. Pure: no I/O, no clock."""

from __future__ import annotations

from typing import Any, Final

from logagent.formats.json_text import JsonObject

_VALUE_KINDS: Final = ("stringValue", "boolValue", "doubleValue", "bytesValue")


def flatten(fields: JsonObject) -> JsonObject:
    """The fields of an OTLP line as those of its log record; any other object as it is.

    A line with several log records stays one record, by the first of them; all are kept in `log_records`.
    """
    if isinstance(fields.get("resourceLogs"), list):
        return _flatten_export(fields)
    if "timeUnixNano" in fields or "observedTimeUnixNano" in fields:
        return _flatten_record(fields)
    return fields


def _flatten_export(fields: JsonObject) -> JsonObject:
    found = [
        (resource.get("resource"), scope.get("scope"), record)
        for resource in _objects(fields["resourceLogs"])
        for scope in _objects(resource.get("scopeLogs"))
        for record in _objects(scope.get("logRecords"))
    ]
    if not found:
        return fields
    resource, scope, record = found[0]
    flat = _flatten_record(record)
    others = {name: value for name, value in fields.items() if name != "resourceLogs"}
    named = {"resource": _unwrapped(resource), "scope": _unwrapped(scope)}
    flat = {**others, **{name: value for name, value in named.items() if value}, **flat}
    if len(found) > 1:
        flat["log_records"] = [_flatten_record(each) for _, _, each in found]
    return flat


def _flatten_record(record: JsonObject) -> JsonObject:
    """Attributes beside the record's own fields, which win; values out of their wrappings."""
    attributes = _attributes(record.get("attributes"))
    own = {name: _value(value) for name, value in record.items() if name != "attributes"}
    if isinstance(record.get("attributes"), dict):
        own["attributes"] = record["attributes"]
    return {**attributes, **own}


def _unwrapped(holder: Any) -> Any:
    """A resource or scope with its attributes as plain fields."""
    if not isinstance(holder, dict):
        return holder
    rest = {name: value for name, value in holder.items() if name != "attributes"}
    return {**_attributes(holder.get("attributes")), **rest}


def _attributes(listed: Any) -> JsonObject:
    return {str(item["key"]): _value(item.get("value")) for item in _objects(listed) if "key" in item}


def _objects(listed: Any) -> list[JsonObject]:
    return [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []


def _value(value: Any) -> Any:
    """An OTLP value without its wrapping; 64-bit integers come as text."""
    if not isinstance(value, dict) or len(value) != 1:
        return value
    kind, inner = next(iter(value.items()))
    if kind in _VALUE_KINDS:
        return inner
    if kind == "intValue":
        return int(inner) if isinstance(inner, str) and inner.lstrip("-").isdecimal() else inner
    if kind == "arrayValue":
        return [_value(item) for item in _objects(inner.get("values"))] if isinstance(inner, dict) else inner
    if kind == "kvlistValue":
        return _attributes(inner.get("values")) if isinstance(inner, dict) else inner
    return value
