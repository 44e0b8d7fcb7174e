"""Settings: every one with its default, its unit, its range and the reason for it. Pure: no I/O, no clock.

A field's type and range is its `Kind`; `LOGAGENT_<NAME>` is its environment variable unless older names come
first. Frozen: a changed file takes effect when the daemon loads a new object (SIGHUP) or starts again.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Final, NamedTuple

from logagent.settings.kinds import (
    GIB,
    KIB,
    MIB,
    Bytes,
    Choice,
    Kind,
    Level,
    LevelByScript,
    Many,
    Path,
    Pattern,
    Seconds,
    SecretText,
    ServerUrl,
    StoreUrl,
    Switch,
    Text,
    Whole,
    Zone,
)
from logagent.settings.secret import Secret

DEFAULT: Final = "default"
"""The origin of a value that nobody gave."""

_PATHS: Final = Many(Path(), os.pathsep, "paths")
_GLOBS: Final = Many(Text("a glob pattern"), ",", "glob patterns")
_DATABASE: Final = Text("a database's name: a letter, then letters, digits, - or _", r"[A-Za-z][A-Za-z0-9_-]{0,63}")


class Spec(NamedTuple):
    """What is known of one setting besides its value; `env` lists its variables, the first wins."""

    name: str
    kind: Kind
    why: str
    env: tuple[str, ...]
    default: Any


def _setting(default: Any, kind: Kind, why: str, *older_names: str) -> Any:
    return field(default=default, metadata={"kind": kind, "why": why, "env": older_names})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the daemon and the questions go by. `load_settings` makes them; in code only `state_dir` must be given."""

    # Where things are
    state_dir: str = field(
        metadata={
            "kind": Path("a path that outlives a reboot (not under /tmp)"),
            "why": "Checkpoint, dead letters, loss ledger, status and the default store. "
            "Unset: $STATE_DIRECTORY, LOG_BUFFER_DIR, else $XDG_STATE_HOME/logagent.",
            "env": ("LOGAGENT_STATE_DIR", "STATE_DIRECTORY", "LOG_BUFFER_DIR"),
        }
    )
    log_dir: str | None = _setting(
        None,
        Path(),
        "Where scripts write that name no directory, and learnings. Unset: <state_dir>/logs, and for learnings, where"
        " that is not watched, the only directory that is.",
    )
    watch: tuple[str, ...] = _setting((), _PATHS, "Directories to watch, with all below them. Unset: log_dir alone.")

    # Which files are read
    include: tuple[str, ...] = _setting(
        ("**/*.jsonl", "**/*.log"),
        _GLOBS,
        "Files to read, relative to a watched directory; their rotated and compressed forms are meant too.",
    )
    exclude: tuple[str, ...] = _setting((), _GLOBS, "Files not to read; wins over include.")
    start_at: str = _setting(
        "beginning",
        Choice("beginning", "end"),
        "Where to start in files that are there at the very first start. New files are always read whole.",
    )
    follow_symlinks: bool = _setting(
        False,
        Switch(),
        "Follow symbolic links that lead out of the watched directories. "
        "Off: whoever may write there could make the daemon read any file.",
    )
    sweep_interval_s: float = _setting(
        2.0, Seconds(0.05, 3600), "How often files active of late are looked at; notify only wakes up sooner."
    )
    idle_sweep_interval_s: float = _setting(
        30.0, Seconds(0.05, 86_400), "How often idle files are looked at: 10,000 of them cost 0.4 % of a core."
    )
    idle_after_s: float = _setting(
        600.0, Seconds(1, 86_400), "A file without growth for this long is idle, and closed."
    )
    close_after_s: float = _setting(
        60.0, Seconds(0, 86_400), "A file read to its end and replaced by rotation is let go after this much quiet."
    )
    max_deleted_bytes: int = _setting(
        GIB, Bytes(0, 1024 * GIB), "Unread bytes of deleted files kept alive by open descriptors, in all."
    )

    # How lines are read
    max_line_bytes: int = _setting(MIB, Bytes(KIB, 64 * MIB), "Longer lines are stored cut, with length and hash.")
    naive_timezone: str = _setting("UTC", Zone(), "The zone of times that name none.")
    redact: bool = _setting(True, Switch(), "Take keys, tokens and passwords out of what is stored.")
    redact_patterns: tuple[str, ...] = _setting(
        (), Many(Pattern(), "\n", "regular expressions"), "More to take out, beside the built-in patterns."
    )
    redact_off: tuple[str, ...] = _setting(
        (), Many(Text("a pattern's name", r"[a-z0-9_]+"), ",", "names"), "Built-in patterns to leave out, by name."
    )

    # Which lines are stored
    min_level: str | None = _setting(
        None,
        Level(),
        "Log lines below are not stored, only counted; those that name no level always are. Unset: all are stored.",
    )
    min_level_by_script: tuple[tuple[str, str], ...] = _setting(
        (), LevelByScript(), "The same for single scripts, instead of min_level."
    )
    always_keep_tags: tuple[str, ...] = _setting(
        (), Many(Text("a tag"), ",", "tags"), "Lines with one of these tags are stored as they are, whatever the rules."
    )
    fold_repeats: bool = _setting(
        False,
        Switch(),
        "Store of lines that say the same one after another the first, and one record for the others.",
    )

    # From files to the store
    quantum_bytes: int = _setting(
        MIB, Bytes(4 * KIB, GIB), "Most bytes read of one file per turn, so that a backlog does not starve live files."
    )
    batch_size: int = _setting(
        200,
        Whole(1, 100_000, "records"),
        "Records that close a batch when there is no backlog; with one, batches grow to max_batch_bytes.",
        "LOG_BATCH_SIZE",
    )
    max_batch_bytes: int = _setting(
        4 * MIB, Bytes(64 * KIB, 256 * MIB), "Bytes of lines that close a batch; bounds memory and requests."
    )
    flush_interval_s: float = _setting(
        2.0, Seconds(0.01, 3600), "Greatest age of a batch's oldest record before it is sent.", "LOG_FLUSH_INTERVAL"
    )
    max_dead_letter_bytes: int = _setting(
        GIB, Bytes(0, 1024 * GIB), "Size of the dead letters; beyond it only the loss ledger gets a row."
    )
    backoff_max_s: float = _setting(
        30.0, Seconds(0.5, 3600), "Longest pause between tries while the store is down; it doubles from 0.5 s."
    )

    # The store
    store: str | None = _setting(
        None, StoreUrl(), "Where events go. Unset: ArangoDB if arango_url is set, else <state_dir>/logs.db."
    )
    arango_url: str = _setting(
        "http://localhost:8529",
        ServerUrl(),
        "The ArangoDB server; setting it chooses ArangoDB.",
        "ARANGO_URL",
        "ARANGO_HOST",
    )
    arango_username: str = _setting(
        "root",
        Text("a user's name"),
        "Who logs in; give it rights on one database only.",
        "ARANGO_USERNAME",
        "ARANGO_USER",
    )
    arango_password: Secret | None = _setting(  # noqa: RUF009
        None,
        SecretText(),
        "Only from the environment; or use arango_password_file, or the systemd credential arango_password.",
        "ARANGO_PASSWORD",
        "ARANGO_PASS",
    )
    arango_password_file: str | None = _setting(
        None, Path(), "A file that holds the password and nothing else; mode 0600.", "ARANGO_PASSWORD_FILE"
    )
    arango_database: str = _setting("script_logs", _DATABASE, "The database in it.", "ARANGO_DATABASE", "ARANGO_DB")
    arango_ca_file: str | None = _setting(
        None, Path(), "Certificates that an https server is checked against. Unset: those the machine trusts."
    )
    arango_timeout_s: float = _setting(
        30.0, Seconds(0.1, 600), "How long one request may take before it counts as an outage and is sent again."
    )
    arango_replication_factor: int = _setting(
        0, Whole(0, 10, "copies"), "Copies of each document in a cluster; 0: as many as the cluster makes by itself."
    )
    arango_write_concern: int = _setting(
        0,
        Whole(0, 10, "copies"),
        "Copies that must be written before the store says yes; 0: as many as the cluster wants by itself.",
    )
    retention_days: int = _setting(
        30,
        Whole(0, 36_500, "days"),
        "Events older than this are pruned by the daemon; 0 keeps them for ever.",
        "LOG_RETENTION_DAYS",
    )

    # Finding by meaning
    embedder: str | None = _setting(
        None,
        Text("a URL or a directory"),
        "Makes vectors of messages: a service (http://host/v1/embeddings#model) or a directory with a model2vec or "
        "sentence-transformers model. Unset: search is by words.",
    )
    embedder_key_file: str | None = _setting(
        None, Path(), "A file that holds the key of that service and nothing else; mode 0600."
    )

    # Watching the daemon
    enable_monitoring: bool = _setting(True, Switch(), "Check the alerts' conditions.", "ENABLE_MONITORING")
    monitoring_interval_s: float = _setting(
        60.0, Seconds(0.1, 86_400), "How often they are checked, and the interval they look at.", "MONITORING_INTERVAL"
    )
    alert_failure_percent: int = _setting(
        10,
        Whole(0, 100, "per cent"),
        "A greater share of an interval's records failing raises an alert; a store out of reach counts as failing.",
        "ALERT_LOG_FAILURE_THRESHOLD",
    )
    alert_outage_s: float = _setting(
        300.0, Seconds(0, 86_400), "A store that is away for longer raises an alert of its own."
    )
    alert_memory_mb: int = _setting(
        300, Whole(50, 10**6, "megabytes"), "Memory of the daemon itself that raises an alert; it should need 100."
    )
    alert_command: str | None = _setting(
        None,
        Text('one text, such as "mail -s logagent ann"'),
        "Called for each alert raised or cleared, without a shell; the alert is in LOGAGENT_ALERT, _STATE and _TEXT.",
    )
    alert_webhook: str | None = _setting(
        None, Text("an http or https URL", r"https?://\S+"), "Each alert is posted there as JSON."
    )
    max_buffer_size_mb: int = _setting(
        1000,
        Whole(1, 10**9, "megabytes"),
        "Unacknowledged bytes on disk that raise an alert; nothing is ever deleted for it.",
        "LOG_MAX_BUFFER_SIZE_MB",
    )
    metrics_port: int = _setting(0, Whole(0, 65_535, "port"), "Port for Prometheus; 0 opens no socket.")
    metrics_host: str = _setting("127.0.0.1", Text("an address"), "Address that port is bound to.")
    log_level: str = _setting(
        "INFO", Choice("DEBUG", "INFO", "WARNING", "ERROR"), "What the daemon says about itself on stderr."
    )

    origins: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
    """Where the values came from, by name; those that nobody gave are not in it."""
    warnings: tuple[str, ...] = field(default=(), repr=False, compare=False)
    """What was ignored or looks like a mistake, one sentence each; for whoever loaded them to print."""

    def origin_of(self, name: str) -> str:
        """Where that value came from: a file with its line, a variable, a flag, or `default`."""
        return self.origins.get(name, DEFAULT)

    def is_given(self, name: str) -> bool:
        """True if somebody gave that value, be it the default's own."""
        return name in self.origins

    @property
    def log_directory(self) -> str:
        """Where scripts write that name no directory."""
        return self.log_dir or os.path.join(self.state_dir, "logs")

    @property
    def watched(self) -> tuple[str, ...]:
        """The directories to watch, never empty."""
        return self.watch or (self.log_directory,)


def _specs() -> dict[str, Spec]:
    own = {f.name: f for f in fields(Settings) if "kind" in f.metadata}
    return {
        name: Spec(
            name,
            f.metadata["kind"],
            f.metadata["why"],
            _names(name, f.metadata["env"]),
            None if f.default is MISSING else f.default,
        )
        for name, f in own.items()
    }


def _names(name: str, older_names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*older_names, f"LOGAGENT_{name.upper()}")))


SPECS: Final[Mapping[str, Spec]] = _specs()
"""Every setting by name, in the order of the sample file."""
