"""Settings: where each value comes from, which wins, and what is said of a wrong one."""

from __future__ import annotations

import pickle
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logagent.errors import ConfigError
from logagent.settings import (
    SPECS,
    Secret,
    Settings,
    arango_password,
    load_settings,
    parse_store_url,
    resolve_store,
    resolve_store_url,
)
from logagent.settings.kinds import GIB, KIB, MIB, Bytes, Many, Pattern, Seconds, Switch, Text, Whole
from logagent.settings.sample import sample_toml

ROOT = Path(__file__).parent.parent


@pytest.fixture
def load(tmp_path):
    """`load_settings` in an empty directory with only the environment that the test gives."""

    def load_in(*, environ=None, flags=None, config=None, toml=None, dotenv=None, system=None):
        if toml is not None:
            (tmp_path / "logagent.toml").write_text(toml)
        if dotenv is not None:
            (tmp_path / ".env").write_text(dotenv)
        return load_settings(
            flags=flags,
            config=config,
            environ={"XDG_STATE_HOME": "/home/ann/.state", **(environ or {})},
            directory=str(tmp_path),
            system_config=str(system or tmp_path / "none.toml"),
        )

    return load_in


def refusal(load, **given) -> str:
    with pytest.raises(ConfigError) as caught:
        load(**given)
    return str(caught.value)


# ---- defaults and names --------------------------------------------------------------------------------------------


def test_with_nothing_given_every_value_is_its_default(load):
    """The defaults of requirements C and design §4-§8, written out once more."""
    settings = load()
    assert settings == Settings(
        state_dir="/home/ann/.state/logagent",
        include=("**/*.jsonl", "**/*.log"),
        start_at="beginning",
        batch_size=200,
        flush_interval_s=2.0,
        max_batch_bytes=4 * MIB,
        max_line_bytes=MIB,
        quantum_bytes=MIB,
        close_after_s=60.0,
        max_deleted_bytes=GIB,
        max_dead_letter_bytes=GIB,
        naive_timezone="UTC",
        redact=True,
        max_buffer_size_mb=1000,
        retention_days=30,
        enable_monitoring=True,
        monitoring_interval_s=60.0,
        alert_failure_percent=10,
        arango_url="http://localhost:8529",
        arango_username="root",
        arango_password=None,
        arango_database="script_logs",
    )
    assert {settings.origin_of(name) for name in SPECS} == {"default"}
    assert settings.warnings == ()


REQUIRED_NAMES = {
    "ARANGO_URL": ("arango_url", "http://db:8529", "http://db:8529"),
    "ARANGO_HOST": ("arango_url", "db", "http://db:8529"),
    "ARANGO_USERNAME": ("arango_username", "ann", "ann"),
    "ARANGO_USER": ("arango_username", "ann", "ann"),
    "ARANGO_PASSWORD": ("arango_password", "pw", Secret("pw")),
    "ARANGO_PASS": ("arango_password", "pw", Secret("pw")),
    "ARANGO_DATABASE": ("arango_database", "logs", "logs"),
    "ARANGO_DB": ("arango_database", "logs", "logs"),
    "ARANGO_PASSWORD_FILE": ("arango_password_file", "/run/pw", "/run/pw"),
    "LOG_BATCH_SIZE": ("batch_size", "500", 500),
    "LOG_FLUSH_INTERVAL": ("flush_interval_s", "0.5", 0.5),
    "LOG_BUFFER_DIR": ("state_dir", "/srv/state", "/srv/state"),
    "STATE_DIRECTORY": ("state_dir", "/var/lib/logagent:/var/lib/other", "/var/lib/logagent"),
    "LOG_MAX_BUFFER_SIZE_MB": ("max_buffer_size_mb", "50", 50),
    "LOG_RETENTION_DAYS": ("retention_days", "0", 0),
    "ENABLE_MONITORING": ("enable_monitoring", "false", False),
    "MONITORING_INTERVAL": ("monitoring_interval_s", "5", 5.0),
    "ALERT_LOG_FAILURE_THRESHOLD": ("alert_failure_percent", "25", 25),
    "LOGAGENT_STORE": ("store", "sqlite:///srv/l.db", "sqlite:///srv/l.db"),
    "LOGAGENT_LOG_DIR": ("log_dir", "/srv/logs", "/srv/logs"),
    "LOGAGENT_WATCH": ("watch", "/a:/b", ("/a", "/b")),
    "LOGAGENT_INCLUDE": ("include", "*.log,*.txt", ("*.log", "*.txt")),
    "LOGAGENT_MIN_LEVEL": ("min_level", "warn", "WARNING"),
    "LOGAGENT_MIN_LEVEL_BY_SCRIPT": (
        "min_level_by_script",
        "etl=warn, load=ERROR",
        (("etl", "WARNING"), ("load", "ERROR")),
    ),
    "LOGAGENT_REDACT_PATTERNS": ("redact_patterns", "a{1,2}\nb", ("a{1,2}", "b")),
}


@pytest.mark.parametrize("variable", REQUIRED_NAMES)
def test_each_name_that_users_know_sets_its_value(load, variable):
    name, text, expected = REQUIRED_NAMES[variable]
    settings = load(environ={variable: text})
    assert getattr(settings, name) == expected
    assert settings.origin_of(name) == f"environment {variable}"


@pytest.mark.parametrize("name", SPECS)
def test_each_setting_has_a_variable_of_its_own_name(name):
    assert f"LOGAGENT_{name.upper()}" in SPECS[name].env


@pytest.mark.parametrize("name", [name for name in SPECS if name != "arango_password"])
def test_each_setting_loads_from_toml_and_says_so(load, tmp_path, name):
    """An origin names the file and the line."""
    line = next(line for line in uncommented_sample().splitlines() if line.startswith(f"{name} = "))
    given = {"alert_webhook": "http://localhost/x", "min_level": "INFO"}.get(name, "sqlite:///x")
    line = line if line != f'{name} = ""' else f'{name} = "{given}"'
    settings = load(toml=f"\n{line}\n")
    assert settings.origin_of(name) == f"{tmp_path}/logagent.toml:2"


@pytest.mark.parametrize("name", SPECS)
def test_each_setting_says_why_it_is_there_and_what_it_takes(name):
    assert len(SPECS[name].why) > 15 and SPECS[name].why.endswith(".")
    assert SPECS[name].kind.expected


@pytest.mark.parametrize("toml", ['{ etl = "warn" }', '["etl=WARNING"]', '"etl=WARNING"'])
def test_levels_by_script_are_a_table_or_a_list(load, toml):
    assert load(toml=f"min_level_by_script = {toml}\n").min_level_by_script == (("etl", "WARNING"),)


@pytest.mark.parametrize("toml", ['{ etl = "loud" }', '["etl"]', '{ "" = "INFO" }', "3", "{ etl = 3 }"])
def test_what_names_no_level_by_script_is_refused(load, toml):
    with pytest.raises(ConfigError, match="min_level_by_script"):
        load(toml=f"min_level_by_script = {toml}\n")


# ---- which source wins ---------------------------------------------------------------------------------------------


def test_flags_win_over_environment_over_dotenv_over_toml(load):
    sources = {
        "toml": "batch_size = 1",
        "dotenv": "LOG_BATCH_SIZE=2",
        "environ": {"LOG_BATCH_SIZE": "3"},
        "flags": {"batch_size": 4},
    }
    found = []
    for source in sources:
        given_now = {name: sources[name] for name in list(sources)[: list(sources).index(source) + 1]}
        found.append(load(**given_now).batch_size)
    assert found == [1, 2, 3, 4]


def test_a_flag_that_was_not_given_changes_nothing(load):
    settings = load(toml="batch_size = 7\nwatch = ['/a']", flags={"batch_size": None, "watch": ()})
    assert (settings.batch_size, settings.watch) == (7, ("/a",))


def test_the_config_flag_wins_over_its_variable_over_the_directory_over_the_system(load, tmp_path):
    system, named, flag = (tmp_path / name for name in ("system.toml", "named.toml", "flag.toml"))
    system.write_text("batch_size = 1")
    found = [load(system=system).batch_size]
    found.append(load(system=system, toml="batch_size = 2").batch_size)
    named.write_text("batch_size = 3")
    found.append(load(system=system, environ={"LOGAGENT_CONFIG": str(named)}).batch_size)
    flag.write_text("batch_size = 4")
    found.append(load(system=system, environ={"LOGAGENT_CONFIG": str(named)}, config=str(flag)).batch_size)
    assert found == [1, 2, 3, 4]


def test_a_config_that_is_named_but_missing_is_an_error(load):
    assert "cannot read" in refusal(load, config="nowhere.toml")


def test_an_empty_variable_is_not_given(load):
    """Compose files pass empty variables for what nobody set."""
    settings = load(environ={"ARANGO_PASSWORD": "", "LOG_BATCH_SIZE": " "}, toml="batch_size = 9")
    assert (settings.arango_password, settings.batch_size) == (None, 9)


def test_of_two_names_for_one_setting_the_first_wins_and_the_other_is_told(load):
    settings = load(environ={"ARANGO_URL": "http://a:1", "ARANGO_HOST": "b"})
    assert settings.arango_url == "http://a:1"
    assert settings.warnings == ("environment ARANGO_HOST is ignored: ARANGO_URL says otherwise",)


def test_relative_paths_start_where_they_were_written(load, tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "c.toml").write_text('watch = ["../logs"]')
    settings = load(config="etc/c.toml", flags={"state_dir": "state"})
    assert settings.watch == (f"{tmp_path}/logs",)
    assert settings.state_dir == f"{tmp_path}/state"


def test_a_dotenv_file_keeps_dollar_signs_of_passwords(load):
    settings = load(dotenv="export ARANGO_PASSWORD='a${HOME}b'\n")
    assert settings.arango_password == Secret("a${HOME}b")


def test_a_dotenv_value_knows_its_line(load, tmp_path):
    settings = load(dotenv="# first\nLOG_BATCH_SIZE=5\n")
    assert settings.origin_of("batch_size") == f"{tmp_path}/.env:2 LOG_BATCH_SIZE"


def test_a_line_of_a_dotenv_file_that_is_no_assignment_is_told_and_passed_over(load, tmp_path):
    """Other programs share the file."""
    settings = load(dotenv="LOG_BATCH_SIZE=5\n'what is this\nLOG_RETENTION_DAYS=6\n")
    assert (settings.batch_size, settings.retention_days) == (5, 6)
    assert settings.warnings == (f"{tmp_path}/.env:2 is ignored: no assignment",)


def test_a_dotenv_file_without_python_dotenv_is_a_clear_error(tmp_path):
    """A base install has no python-dotenv; an isolated interpreter stands for it here."""
    (tmp_path / ".env").write_text("LOG_BATCH_SIZE=5")
    code = f"""
from logagent.errors import ConfigError
from logagent.settings import load_settings
try:
    load_settings(environ={{}}, directory={str(tmp_path)!r})
except ConfigError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-S", "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "needs python-dotenv" in done.stdout


# ---- directories ---------------------------------------------------------------------------------------------------


def test_a_buffer_under_tmp_warns_and_is_ignored(load):
    settings = load(environ={"LOG_BUFFER_DIR": "/tmp/log_buffer"}, toml='state_dir = "/srv/s"')
    assert settings.state_dir == "/srv/s"
    assert "LOG_BUFFER_DIR is ignored" in settings.warnings[0]


def test_the_state_directory_flag_wins_over_systemd_over_the_buffer_variable(load):
    environ = {"STATE_DIRECTORY": "/var/lib/logagent", "LOG_BUFFER_DIR": "/srv/b"}
    assert load(environ=environ, flags={"state_dir": "/f"}).state_dir == "/f"
    assert load(environ=environ).state_dir == "/var/lib/logagent"
    assert load(environ={"LOG_BUFFER_DIR": "/srv/b"}).state_dir == "/srv/b"


def test_what_is_watched_is_the_log_directory_unless_given(load):
    assert load().watched == ("/home/ann/.state/logagent/logs",)
    assert load(environ={"LOGAGENT_LOG_DIR": "/srv/l"}).watched == ("/srv/l",)
    assert load(environ={"LOGAGENT_LOG_DIR": "/srv/l", "LOGAGENT_WATCH": "/w"}).watched == ("/w",)


# ---- what is wrong -------------------------------------------------------------------------------------------------


def test_a_bad_value_names_key_value_origin_and_range(load, tmp_path):
    text = refusal(load, toml="\nbatch_size = 0\n")
    assert text == f"batch_size = 0 ({tmp_path}/logagent.toml:2): expected a whole number from 1 to 100000 (records)"


def test_a_bad_word_names_the_nearest(load):
    assert 'did you mean "beginning"?' in refusal(load, environ={"LOGAGENT_START_AT": "begining"})


@pytest.mark.parametrize(
    ("key", "meant"),
    [("batchsize", "batch_size"), ("LOG_BATCH_SIZE", "batch_size"), ("Retention-Days", "retention_days")],
)
def test_an_unknown_key_names_its_line_and_the_nearest_setting(load, tmp_path, key, meant):
    text = refusal(load, toml=f"# a comment\n{key} = 1")
    assert text == f"unknown setting '{key}' ({tmp_path}/logagent.toml:2); the nearest is {meant}"


def test_an_unknown_table_is_an_unknown_key(load, tmp_path):
    assert f"unknown setting 'daemon' ({tmp_path}/logagent.toml:1)" in refusal(load, toml="[daemon]\nbatch_size = 1")


def test_an_unknown_flag_is_an_unknown_key(load):
    assert "flag --batch-sise" in refusal(load, flags={"batch_sise": 1})


def test_a_misspelt_variable_is_an_error_and_a_foreign_one_a_warning(load):
    """LOGAGENT_* that resembles nothing of ours may belong to a newer script or another program."""
    assert "the nearest is LOGAGENT_BATCH_SIZE" in refusal(load, environ={"LOGAGENT_BATCHSIZE": "1"})
    warnings = load(environ={"LOGAGENT_ZZZ": "1"}).warnings
    assert warnings == ("environment LOGAGENT_ZZZ is no setting of logagent",)


def test_all_that_is_wrong_is_said_at_once(load):
    text = refusal(load, environ={"LOG_BATCH_SIZE": "x", "LOG_RETENTION_DAYS": "-1"}, flags={"nope": 1})
    assert len(text.splitlines()) == 3


def test_variables_for_our_tests_are_neither_settings_nor_strangers(load):
    """A machine that runs the tests on a real server may run a daemon as well."""
    environ = {"LOGAGENT_TEST_ARANGO_URL": "http://localhost:8529", "LOGAGENT_TEST_STORE": "x"}
    assert load(environ=environ).warnings == ()


def test_a_file_that_is_no_toml_names_the_line(load):
    assert "is not TOML" in refusal(load, toml="batch_size = \n") and "line 1" in refusal(load, toml="batch_size = \n")


def test_a_line_longer_than_a_batch_is_a_contradiction(load):
    text = refusal(load, environ={"LOGAGENT_MAX_LINE_BYTES": "8 MiB"})
    assert "max_line_bytes = 8388608 (environment LOGAGENT_MAX_LINE_BYTES)" in text
    assert "max_batch_bytes = 4194304 (default)" in text


def test_more_copies_to_be_written_than_there_are_is_a_contradiction(load):
    """Unless the cluster is to say how many there are."""
    wanted = {"ARANGO_URL": "http://a:1", "LOGAGENT_ARANGO_WRITE_CONCERN": "3"}
    assert load(environ=wanted).arango_write_concern == 3
    assert "is more than" in refusal(load, environ=wanted | {"LOGAGENT_ARANGO_REPLICATION_FACTOR": "2"})


def test_arango_settings_without_a_server_are_doubted(load):
    """The default URL chooses nothing, so a password alone would silently leave the store SQLite."""
    assert "no effect" in load(environ={"ARANGO_PASSWORD": "pw"}).warnings[0]
    assert load(environ={"ARANGO_PASSWORD": "pw", "ARANGO_URL": "http://a:1"}).warnings == ()


def test_a_password_that_hides_the_one_in_a_file_is_doubted(load):
    """One of another user, left in the environment or in .env, would be refused by the server for no visible reason."""
    both = {"ARANGO_URL": "http://a:1", "ARANGO_PASSWORD": "pw", "ARANGO_PASSWORD_FILE": "/run/pw"}
    (warning,) = load(environ=both).warnings
    assert warning == "environment ARANGO_PASSWORD_FILE has no effect: environment ARANGO_PASSWORD counts before a file"


@pytest.mark.parametrize("toml", ["batch_size = true", "batch_size = 200.0", "batch_size = [1]", "batch_size = '１'"])
def test_a_whole_number_is_nothing_else(load, toml):
    assert "expected a whole number" in refusal(load, toml=toml)


@pytest.mark.parametrize("toml", ["naive_timezone = 'Mars/Base'", "naive_timezone = '../x'", "redact_patterns = ['(']"])
def test_zones_and_patterns_are_checked_when_loaded(load, toml):
    assert "expected" in refusal(load, toml=toml)


def test_a_zone_that_exists_is_taken(load):
    assert load(toml="naive_timezone = 'Europe/Berlin'").naive_timezone == "Europe/Berlin"


# ---- numbers, spans and sizes --------------------------------------------------------------------------------------


@given(st.integers())
def test_a_whole_number_is_taken_exactly_within_its_range(number):
    kind = Whole(-5, 1000, "things")
    assert_taken_if(-5 <= number <= 1000, kind, number, number)
    assert_taken_if(-5 <= number <= 1000, kind, f" {number} ", number)


@given(st.floats())
def test_a_span_is_taken_exactly_within_its_range(seconds):
    assert_taken_if(0.5 <= seconds <= 60, Seconds(0.5, 60), seconds, seconds)


@given(st.integers(0, 10**6), st.sampled_from([("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0), ("d", 86400.0)]))
def test_a_span_with_a_unit_is_so_many_seconds(count, unit):
    assert Seconds(0, 1e15).parse(f"{count}{unit[0]}") == count * unit[1]


@given(
    st.integers(0, 10**6), st.sampled_from([("", 1), ("B", 1), ("kB", 1000), ("KiB", KIB), ("MiB", MIB), ("GiB", GIB)])
)
def test_a_size_with_a_unit_is_so_many_bytes(count, unit):
    assert Bytes(0, 10**18).parse(f"{count} {unit[0]}") == count * unit[1]


@given(st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.none(), st.lists(st.text()), st.binary()))
def test_whatever_is_given_a_kind_takes_it_or_refuses_it(raw):
    """No value, however odd, ends in another exception than ValueError."""
    for kind in (*(spec.kind for spec in SPECS.values()), Many(Pattern(), "\n", "patterns"), Switch(), Text("text")):
        try:
            kind.parse(raw)
        except ValueError:
            continue


def assert_taken_if(is_within, kind, raw, expected):
    if is_within:
        assert kind.parse(raw) == expected
    else:
        with pytest.raises(ValueError, match=r"^$"):
            kind.parse(raw)


# ---- the store -----------------------------------------------------------------------------------------------------


def test_the_store_is_sqlite_in_the_state_directory_by_default(load):
    assert resolve_store_url(load()) == "sqlite:///home/ann/.state/logagent/logs.db"


def test_a_server_that_is_set_chooses_arangodb(load):
    settings = load(environ={"ARANGO_URL": "https://db.example:8530", "ARANGO_USER": "ann"})
    assert resolve_store_url(settings) == "arangodb+https://ann@db.example:8530/script_logs"
    assert resolve_store(settings).server == "https://db.example:8530"


def test_setting_the_server_to_its_default_chooses_arangodb_too(load):
    settings = load(environ={"ARANGO_URL": "http://localhost:8529"})
    assert resolve_store_url(settings) == "arangodb://root@localhost:8529/script_logs"


def test_the_store_setting_wins_over_the_server(load):
    settings = load(environ={"ARANGO_URL": "http://a:1"}, toml='store = "sqlite:///srv/l.db"')
    assert resolve_store_url(settings) == "sqlite:///srv/l.db"


def test_a_store_url_is_completed_from_the_other_settings(load):
    settings = load(flags={"store": "arangodb://db"}, environ={"ARANGO_USERNAME": "ann", "ARANGO_DB": "logs"})
    assert resolve_store_url(settings) == "arangodb://ann@db:8529/logs"


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("sqlite:////srv/l.db", "sqlite:///srv/l.db"),
        ("arangodb://h", "arangodb://h:8529"),
        ("arangodb+http://u@[::1]:1/db/", "arangodb://u@[::1]:1/db"),
        ("arangodb+https://h/db", "arangodb+https://h:8529/db"),
    ],
)
def test_a_store_url_has_one_form(text, url):
    assert parse_store_url(text).url == url
    assert parse_store_url(url).url == url


@pytest.mark.parametrize("text", ["", "logs.db", "sqlite://", "sqlite://logs.db", "mysql://h/db", "arangodb://h:0/db"])
def test_what_is_no_store_url_is_refused(load, text):
    if text:
        assert "store = " in refusal(load, flags={"store": text})
    with pytest.raises(ValueError):
        parse_store_url(text)


# ---- secrets -------------------------------------------------------------------------------------------------------

PASSWORD = "s3cr3t-pw"


@pytest.mark.parametrize("show", [repr, str, "{}".format, lambda secret: f"{secret}", lambda secret: "%s" % (secret,)])
def test_a_secret_is_never_shown(load, show):
    settings = load(environ={"ARANGO_PASSWORD": PASSWORD})
    assert PASSWORD not in show(settings) and PASSWORD not in show(settings.arango_password)
    assert settings.arango_password.reveal() == PASSWORD


def test_a_secret_does_not_leave_the_process():
    with pytest.raises(TypeError):
        pickle.dumps(Secret(PASSWORD))


def test_secrets_compare_by_their_text():
    assert Secret("a") == Secret("a") != Secret("b")
    assert len({Secret("a"), Secret("a")}) == 1


@pytest.mark.parametrize("given_as", ["toml", "flags"])
def test_a_password_is_refused_where_others_can_read_it(load, given_as):
    sources = {"toml": f'arango_password = "{PASSWORD}"', "flags": {"arango_password": PASSWORD}}
    text = refusal(load, **{given_as: sources[given_as]})
    assert "arango_password_file" in text and PASSWORD not in text


@pytest.mark.parametrize(
    ("variable", "url"),
    [
        ("LOGAGENT_STORE", "arangodb://ann:{}@db/logs"),
        ("ARANGO_URL", "http://ann:{}@db:8529"),
        ("ARANGO_URL", "http://ann:a@b:{}@db:8529"),
        ("ARANGO_HOST", "ann:{}@db"),
        ("ARANGO_HOST", "ann:/{}/@db"),
    ],
)
def test_a_password_in_a_url_is_refused_without_showing_it(load, variable, url):
    text = refusal(load, environ={variable: url.format(PASSWORD)})
    assert "ARANGO_PASSWORD" in text and PASSWORD not in text


def test_an_unknown_key_does_not_show_its_value(load):
    assert PASSWORD not in refusal(load, toml=f'arango_pasword = "{PASSWORD}"')


def test_a_conflict_of_passwords_does_not_show_them(load):
    warnings = load(environ={"ARANGO_PASSWORD": PASSWORD, "ARANGO_PASS": PASSWORD + "2"}).warnings
    assert warnings and PASSWORD not in "".join(warnings)


def test_the_password_comes_from_variable_then_file_then_credential(load, tmp_path):
    (tmp_path / "arango_password").write_text("from-credential\n")
    (tmp_path / "pw").write_text("from-file\n")
    service = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    by_file = {"arango_password_file": str(tmp_path / "pw")}
    assert arango_password(load(), {}) is None
    assert arango_password(load(), service) == Secret("from-credential")
    assert arango_password(load(flags=by_file), service) == Secret("from-file")
    assert arango_password(load(flags=by_file, environ={"ARANGO_PASS": "given"}), service) == Secret("given")


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff\xfe"])
def test_a_password_file_that_holds_none_is_an_error_that_names_it(load, tmp_path, content):
    path = tmp_path / "pw"
    if content is not None:
        path.write_bytes(content)
    settings = load(environ={"ARANGO_PASSWORD_FILE": str(path)})
    with pytest.raises(ConfigError, match=re.escape(f"{path} (environment ARANGO_PASSWORD_FILE)")):
        arango_password(settings, {})


# ---- the sample, and what loading costs ----------------------------------------------------------------------------


def uncommented_sample() -> str:
    return re.sub(r"(?m)^#(?=[a-z])", "", sample_toml())


def test_the_sample_sets_nothing_as_it_stands(load):
    assert tomllib.loads(sample_toml()) == {}
    assert load(toml=sample_toml()).origins == {}


def test_the_sample_uncommented_is_the_defaults(load):
    settings = load(toml=uncommented_sample().replace("arango_url", "#arango_url", 1))
    assert settings == load(toml="")


def test_the_sample_names_every_setting_that_a_file_may_hold():
    assert set(tomllib.loads(uncommented_sample())) == set(SPECS) - {"arango_password"}


def test_the_sample_fits_an_editor():
    assert max(map(len, sample_toml().splitlines())) <= 100


def test_loading_settings_imports_nothing_heavy():
    """What every command pays for; a file, a typo or a zone may bring in what it needs."""
    heavy = "{'asyncio', 'msgspec', 'tomllib', 'dotenv', 'difflib', 'zoneinfo', 'pathlib', 'urllib', 'logging'}"
    code = f"""
import sys
before = set(sys.modules)
from logagent.settings import load_settings
load_settings(environ={{}}, directory='/', system_config='/none')
print(sorted({heavy} & (set(sys.modules) - before)))
"""
    done = subprocess.run([sys.executable, "-S", "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_alert_command_that_is_a_list_is_told_to_be_one_text(load):
    assert 'expected one text, such as "mail ' in refusal(load, toml='alert_command = ["mail", "ann"]\n')
