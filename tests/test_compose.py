"""The compose files and .env.example: every trap of an earlier draft stays closed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from logagent.settings import Settings, load_settings

ROOT = Path(__file__).parent.parent

KNOWN_OPTIONS = {"--vector-index": (3, 12, 6)}
"""Options of arangod that may stand here, with the first version that has them: any other makes it exit, for ever."""


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


@pytest.fixture
def server(compose):
    return compose["services"]["arangodb"]


def version_of(server) -> tuple[int, ...]:
    return tuple(int(part) for part in server["image"].removeprefix("arangodb:").split("."))


def options_of(server) -> dict[str, str]:
    program, *rest = server["command"]
    assert program == "arangod"
    return dict(zip(rest[::2], rest[1::2], strict=True))


def test_there_is_one_service_under_the_name_that_users_know(compose, server):
    assert list(compose["services"]) == ["arangodb"]
    assert server["container_name"] == "logger_agent_arangodb"


def test_no_obsolete_version_key_is_left(compose):
    assert "version" not in compose


def test_the_image_is_pinned_to_a_patch_that_is_recent_enough(server):
    assert re.fullmatch(r"arangodb:3\.12\.\d+", server["image"])
    assert version_of(server) >= (3, 12, 10)


def test_the_server_starts_with_options_that_its_version_has(server):
    """Trap: an option the server refuses, and `restart`, are an endless loop."""
    for option in options_of(server):
        assert option in KNOWN_OPTIONS, f"{option} is not known to exist in {server['image']}"
        assert version_of(server) >= KNOWN_OPTIONS[option]


def test_vectors_are_on(server):
    assert options_of(server)["--vector-index"] == "true"


def test_nothing_upgrades_by_itself(server):
    """Trap: `--database.auto-upgrade` upgrades, then exits instead of serving."""
    assert "upgrade" not in str(server["command"]) + str(server["environment"])


def test_the_root_password_has_no_default(server):
    """`:?` makes compose refuse to start where it is unset or empty."""
    assert server["environment"]["ARANGO_ROOT_PASSWORD"].startswith("${ARANGO_ROOT_PASSWORD:?")
    assert not {"ARANGO_NO_AUTH", "ARANGO_RANDOM_ROOT_PASSWORD"} & set(server["environment"])


def test_the_port_is_open_to_this_machine_only(server):
    assert server["ports"] == ["127.0.0.1:8529:8529"]


def test_the_health_check_needs_no_login_and_no_program_the_image_lacks(server):
    """Trap: curl is not there, and /_api/version answers 401, so the service never turns healthy."""
    command = server["healthcheck"]["test"]
    assert command[:2] == ["CMD", "wget"]
    assert command[-1] == "http://127.0.0.1:8529/_admin/server/availability"


def test_data_lives_in_named_volumes(compose, server):
    mounts = dict(mount.split(":") for mount in server["volumes"])
    assert set(mounts) == set(compose["volumes"])
    assert set(mounts.values()) == {"/var/lib/arangodb3", "/var/lib/arangodb3-apps"}


def test_it_comes_back_after_a_reboot_unless_stopped(server):
    assert server["restart"] == "unless-stopped"


@pytest.fixture(scope="module")
def starters():
    """The options of each of the cluster's starters, with its service."""
    services = yaml.safe_load((ROOT / "docker-compose.cluster.yml").read_text())["services"].values()
    return [(dict(word.removeprefix("--").split("=", 1) for word in each["command"]), each) for each in services]


def test_every_file_speaks_of_the_same_server(server, starters):
    tests = (ROOT / "tests" / "store" / "arango_places.py").read_text()
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "arango.yml").read_text())
    tested = [each["image"] for each in workflow["jobs"]["contract"]["strategy"]["matrix"]["include"]]
    assert {options["docker.image"] for options, _ in starters} == {server["image"]}
    assert f'IMAGE = "{server["image"]}"' in tests and tested == ["arangodb:3.12.4", server["image"]]


def test_each_starter_has_a_port_a_volume_and_a_container_of_its_own(starters):
    """It looks its port up in its own container, whose name it may not find out by itself."""
    assert [int(options["starter.port"]) for options, _ in starters] == [8528, 8538, 8548]
    for options, service in starters:
        assert service["ports"] == [f"{options['starter.port']}:{options['starter.port']}"]
        assert options["docker.container"] == service["container_name"]
        assert options["docker.net-mode"] == "default"
    assert len({service["volumes"][0] for _, service in starters}) == 3
    assert len({options["starter.join"] for options, _ in starters}) == 1


def test_the_servers_of_a_cluster_get_options_that_they_have(starters):
    for options, _ in starters:
        passed = {name: value for name, value in options.items() if name.startswith("args.")}
        assert passed == {
            "args.all.vector-index": "true",
            "args.coordinators.cluster.default-replication-factor": "3",
            "args.coordinators.cluster.write-concern": "2",
        }
        assert options["auth.jwt-secret"] == "/secrets/jwt-secret"


def test_the_example_environment_sets_nothing_until_it_is_filled_in(tmp_path):
    (tmp_path / ".env").write_text((ROOT / ".env.example").read_text())
    assert set(load_here(tmp_path).origins) == {"state_dir"}


def test_the_example_environment_shows_the_defaults(tmp_path):
    shown = re.sub(r"(?m)^#(?=[A-Z])", "", (ROOT / ".env.example").read_text())
    (tmp_path / ".env").write_text(shown)
    settings = load_here(tmp_path)
    assert settings == Settings(state_dir="/srv/state")
    assert settings.is_given("arango_url") and settings.warnings == ()


def test_the_example_environment_names_every_variable_of_the_compose_file():
    wanted = set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text()))
    named = set(re.findall(r"(?m)^#?([A-Z_]+)=", (ROOT / ".env.example").read_text()))
    assert wanted <= named


def load_here(directory: Path) -> Settings:
    return load_settings(
        environ={}, flags={"state_dir": "/srv/state"}, directory=str(directory), system_config="/none.toml"
    )
