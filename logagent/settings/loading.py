"""Loading: TOML under .env under environment under flags becomes one frozen `Settings`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from logagent.errors import ConfigError
from logagent.formats.directories import state_directory
from logagent.settings.addresses import without_secret
from logagent.settings.kinds import Choice, Kind, Many, Path, SecretText
from logagent.settings.model import DEFAULT, SPECS, Settings
from logagent.settings.names import nearest, nearest_setting
from logagent.settings.sources import (
    SYSTEM_CONFIG,
    Given,
    Layer,
    config_path,
    flag_layer,
    from_environment,
    read_dotenv,
    toml_layer,
    variable_layer,
)

MAX_SHOWN_CHARS = 200


def load_settings(
    *,
    flags: Mapping[str, object] | None = None,
    config: str | None = None,
    environ: Mapping[str, str] | None = None,
    directory: str | None = None,
    system_config: str = SYSTEM_CONFIG,
) -> Settings:
    """Everything that was set anywhere, checked; what nobody set has its default.

    Args:
        flags: values of the command line by setting name; None or () means not given.
        config: `--config`.
        environ: the environment; by default the process's.
        directory: where ./logagent.toml and .env are looked for, and where relative paths of flags and variables
            start; by default the working directory. Relative paths in a TOML file start at that file.

    Raises:
        ConfigError: a file cannot be read, a key is unknown or a value is out of range; all of them in one text.
    """
    environ = os.environ if environ is None else environ
    directory = os.getcwd() if directory is None else directory
    layers = _layers(flags or {}, config, environ, directory, system_config)
    given = {name: one for layer in layers for name, one in layer.given.items()}  # a later layer wins
    values, problems = _parsed(given.values())
    problems += [text for layer in layers for text in _unknown_keys(layer)] + _contradictions(values, given)
    if problems:
        raise ConfigError("\n".join(problems))
    return Settings(
        **{"state_dir": state_directory(environ), **values},
        origins={name: one.origin for name, one in given.items()},
        warnings=(*(text for layer in layers for text in layer.warnings), *_doubts(given)),
    )


def _layers(
    flags: Mapping[str, object], config: str | None, environ: Mapping[str, str], directory: str, system_config: str
) -> list[Layer]:
    """Lowest first."""
    dotenv = read_dotenv(os.path.join(directory, ".env"))
    toml = config_path(config, {**dotenv.variables, **environ}, directory, system_config)
    return [
        *([toml_layer(toml)] if toml else []),
        dotenv.layer(directory),
        variable_layer(environ, from_environment, directory),
        flag_layer(flags, directory),
    ]


def _parsed(given: Iterable[Given]) -> tuple[dict[str, Any], list[str]]:
    """The typed values by name, and what is wrong with the others."""
    values: dict[str, Any] = {}
    problems: list[str] = []
    for one in given:
        kind = SPECS[one.name].kind
        if one.is_open and isinstance(kind, SecretText):
            problems.append(f"{one.name} is not taken from {one.origin}: {SPECS[one.name].why}")
            continue
        try:
            values[one.name] = _anchored(kind, kind.parse(one.raw), one.base)
        except ValueError as error:
            problems.append(_refusal(one, str(error)))
    return values, problems


def _anchored(kind: Kind, value: Any, base: str) -> Any:
    """Relative paths start where they were written; all else stays as it is."""
    if isinstance(kind, Path):
        return os.path.normpath(os.path.join(base, value))
    if isinstance(kind, Many):
        return tuple(_anchored(kind.item, item, base) for item in value)
    return value


def _refusal(one: Given, advice: str) -> str:
    kind = SPECS[one.name].kind
    raw = without_secret(one.raw) if isinstance(one.raw, str) else one.raw
    shown = "" if isinstance(kind, SecretText) else f" = {raw!r}"[:MAX_SHOWN_CHARS]
    return f"{one.name}{shown} ({one.origin}): expected {kind.expected}" + _nearest_word(kind, one.raw) + _tail(advice)


def _tail(advice: str) -> str:
    return f"; {advice}" if advice else ""


def _nearest_word(kind: Kind, raw: object) -> str:
    near = nearest(str(raw), kind.words) if isinstance(kind, Choice) else None
    return f'; did you mean "{near}"?' if near else ""


def _unknown_keys(layer: Layer) -> list[str]:
    return [
        f"unknown setting {key!r} ({origin})" + (f"; the nearest is {near}" if near else "")
        for key, origin in layer.unknown.items()
        for near in [nearest_setting(key)]
    ]


def _contradictions(values: Mapping[str, Any], given: Mapping[str, Given]) -> list[str]:
    """Pairs that cannot both hold, looked at with the defaults of what is not given; 0 is no size of either."""
    return [
        f"{low} = {smaller} ({_origin(low, given)}) is more than {high} = {larger} ({_origin(high, given)})"
        for low, high in (("max_line_bytes", "max_batch_bytes"), ("arango_write_concern", "arango_replication_factor"))
        for smaller, larger in [(_value(low, values), _value(high, values))]
        if smaller > larger > 0
    ]


def _value(name: str, values: Mapping[str, Any]) -> Any:
    return values.get(name, SPECS[name].default)


def _origin(name: str, given: Mapping[str, Given]) -> str:
    return given[name].origin if name in given else DEFAULT


def _doubts(given: Mapping[str, Given]) -> list[str]:
    """What works, but probably not as meant."""
    arango = [one for name, one in given.items() if name.startswith("arango_")]
    if arango and "store" not in given and "arango_url" not in given:
        said = "the store is SQLite until ARANGO_URL or LOGAGENT_STORE names a server"
        return [f"{arango[0].origin} has no effect: {said}"]
    password, file = given.get("arango_password"), given.get("arango_password_file")
    if password is None or file is None:
        return []
    return [f"{file.origin} has no effect: {password.origin} counts before a file"]
