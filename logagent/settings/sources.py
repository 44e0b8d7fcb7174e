"""Sources: what files, environment and flags give, each value with where it came from."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

from logagent.errors import ConfigError
from logagent.formats.directories import is_temporary
from logagent.settings.model import SPECS
from logagent.settings.names import nearest_setting

SYSTEM_CONFIG: Final = "/etc/logagent/logagent.toml"

ELSEWHERE: Final = frozenset({"LOGAGENT_CONFIG", "LOGAGENT_EXECUTION_ID", "LOGAGENT_FAULT"})
"""Variables of ours that are no settings."""
FOR_TESTS: Final = "LOGAGENT_TEST_"
"""What our tests are told begins so, such as where a real server is."""


class Given(NamedTuple):
    """One raw value; relative paths in it start at `base`. `is_open`: others can read it where it stands."""

    name: str
    raw: object
    origin: str
    base: str
    is_open: bool = False


class Layer(NamedTuple):
    """What one source gives: settings by name, keys it has that are no settings (with origin), and warnings."""

    given: Mapping[str, Given]
    unknown: Mapping[str, str]
    warnings: tuple[str, ...] = ()


def flag_layer(flags: Mapping[str, object], directory: str) -> Layer:
    """Command-line values by setting name; None and empty lists were not given."""
    present = {name: raw for name, raw in flags.items() if raw is not None and raw != ()}
    given = {
        name: Given(name, raw, _flag(name), directory, is_open=True) for name, raw in present.items() if name in SPECS
    }
    return Layer(given, {name: _flag(name) for name in present if name not in SPECS})


def _flag(name: str) -> str:
    return "flag --" + name.replace("_", "-")


def variable_layer(variables: Mapping[str, str], place: Callable[[str], str], directory: str) -> Layer:
    """Environment variables, or those of a .env file; `place` says where one stands. Empty ones are not given."""
    present = {name: text for name, text in variables.items() if text.strip()}
    lost = [name for name in present if _is_lost_at_reboot(name, present[name])]
    warnings = [f"{place(name)} is ignored: a buffer under /tmp does not outlive a reboot" for name in lost]
    given: dict[str, Given] = {}
    for spec in SPECS.values():
        names = [name for name in spec.env if name in present and name not in lost]
        if names:
            given[spec.name] = Given(spec.name, _first_path(names[0], present[names[0]]), place(names[0]), directory)
        warnings += [
            f"{place(name)} is ignored: {names[0]} says otherwise"
            for name in names[1:]
            if present[name] != present[names[0]]
        ]
    strangers = _strangers(present)
    misspelt = {name: place(name) for name in strangers if nearest_setting(name)}
    warnings += [f"{place(name)} is no setting of logagent" for name in strangers if name not in misspelt]
    return Layer(given, misspelt, tuple(warnings))


def from_environment(name: str) -> str:
    """The origin of a variable of the process."""
    return f"environment {name}"


def _is_lost_at_reboot(name: str, text: str) -> bool:
    return name == "LOG_BUFFER_DIR" and is_temporary(text)


def _first_path(name: str, text: str) -> str:
    return text.split(":")[0] if name == "STATE_DIRECTORY" else text  # systemd joins several with colons


def _strangers(present: Iterable[str]) -> list[str]:
    """Variables that look like ours: near to a setting's name a mistake, else perhaps another program's."""
    known = {name for spec in SPECS.values() for name in spec.env} | ELSEWHERE
    ours = [name for name in present if name.startswith("LOGAGENT_") and not name.startswith(FOR_TESTS)]
    return [name for name in ours if name not in known]


class Dotenv(NamedTuple):
    """A .env file: its variables, where each stands, and what in it could not be read."""

    variables: Mapping[str, str]
    places: Mapping[str, str]
    warnings: tuple[str, ...] = ()

    def layer(self, directory: str) -> Layer:
        """What it gives, with its warnings."""
        layer = variable_layer(self.variables, lambda name: f"{self.places[name]} {name}", directory)
        return layer._replace(warnings=self.warnings + layer.warnings)


def read_dotenv(path: str) -> Dotenv:
    """The .env file at `path`, by python-dotenv's parser; an empty one if there is no such file.

    `${...}` in a value is left alone: passwords may hold it. Other programs share the file, so a line that is no
    assignment is a warning.

    Raises:
        ConfigError: it cannot be read, or python-dotenv is not installed.
    """
    if not os.path.isfile(path):
        return Dotenv({}, {})
    try:
        from dotenv.parser import parse_stream
    except ImportError as error:
        raise ConfigError(f"{path} needs python-dotenv: pip install 'logagent[daemon]', or remove the file") from error
    try:
        with open(path, encoding="utf-8") as file:
            bindings = list(parse_stream(file))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {error}") from error
    given = {binding.key: binding for binding in bindings if binding.key and binding.value}
    return Dotenv(
        variables={key: binding.value or "" for key, binding in given.items()},
        places={key: f"{path}:{binding.original.line}" for key, binding in given.items()},
        warnings=tuple(f"{path}:{each.original.line} is ignored: no assignment" for each in bindings if each.error),
    )


def toml_layer(path: str) -> Layer:
    """The settings of a TOML file; an empty text is not given, as in the environment.

    Raises:
        ConfigError: it cannot be read, or is not TOML.
    """
    import tomllib

    try:
        with open(path, "rb") as file:
            content = tomllib.load(file)
        places = _places(path, r"\s*\[?\s*[\"']?([A-Za-z0-9_-]+)")
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error
    base = os.path.dirname(os.path.abspath(path))
    given = {
        name: Given(name, raw, places.get(name, path), base, is_open=True)
        for name, raw in content.items()
        if name in SPECS and raw != ""
    }
    return Layer(given, {name: places.get(name, path) for name in content if name not in SPECS})


def _places(path: str, assignment: str) -> dict[str, str]:
    with open(path, encoding="utf-8") as file:
        found = [(re.match(assignment, line), number) for number, line in enumerate(file, 1)]
    return {match[1]: f"{path}:{number}" for match, number in reversed(found) if match}


def config_path(explicit: str | None, variables: Mapping[str, str], directory: str, system_config: str) -> str | None:
    """The one TOML file that counts: --config, $LOGAGENT_CONFIG, ./logagent.toml, the system's; None without any."""
    if named := explicit or variables.get("LOGAGENT_CONFIG"):
        return os.path.join(directory, os.path.expanduser(named))
    usual = (os.path.join(directory, "logagent.toml"), system_config)
    return next((path for path in usual if os.path.exists(path)), None)
