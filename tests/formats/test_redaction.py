"""Redaction: secrets do not reach a store, JSON stays JSON, and no text makes it slow."""

from __future__ import annotations

import json
import re
import time

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lines_corpus import CONTEXT, only, parse

from logagent.errors import ConfigError
from logagent.formats.lines import FileContext, ParserState, parse_block
from logagent.formats.record import LogLine, flag_names
from logagent.formats.redaction import Pattern, Redaction

REDACTION = Redaction()
SECRETS = [
    ("sk-proj-abcDEF1234567890abcdef", "api_key"),
    ("sk_live_abcdefghij0123456789", "api_key"),
    ("AIzaSyA1234567890abcdefghijklmnopqrstuv", "api_key"),
    ("AKIAIOSFODNN7EXAMPLE", "aws_key"),
    ("ghp_abcdefghijklmnopqrstuvwxyz0123456789", "git_token"),
    ("github_pat_11ABCDEFG0123456789_abcdefgh", "git_token"),
    ("xoxb-123456789012-abcdefghij", "slack_token"),
    ("eyJhbGciOiJI.eyJzdWIiOiIxMjM0NTY3.abc-_def", "jwt"),
    ("Bearer abcdef1234567890", "bearer"),
    ("postgres://me:hunter2@db/x", "url_password"),
    ("-----BEGIN RSA PRIVATE KEY-----\nMIIabc\n-----END RSA PRIVATE KEY-----", "private_key"),
    ("password=hunter2", "secret"),
    ("'api_key': 'hunter two'", "secret"),
    ("Authorization: Basic aHVudGVyMg==", "secret"),
]


@pytest.mark.parametrize(("secret", "name"), SECRETS)
def test_a_secret_in_a_text_is_replaced_by_a_mark_that_names_its_pattern(secret, name):
    """`[redacted:<name>]`, and what stands around it stays."""
    text, count = REDACTION.redact_text(f"before {secret} after")
    assert text.startswith("before ")
    assert text.endswith(" after")
    assert (f"[redacted:{name}]" in text, count) == (True, 1)
    assert "hunter" not in text


@pytest.mark.parametrize(
    "text",
    [
        "max_tokens=100, prompt_tokens: 12",
        "risk-assessment-2024-module-long-name",
        "https://example.org/a:b@c",
        "the password is wrong",
        "password=None token: null",
        "a task-force-of-1234567890123456",
        "bearer of bad news, authentication failed",
    ],
)
def test_plain_words_are_left_alone(text):
    """A redaction that hides what is no secret hides the log."""
    assert REDACTION.redact_text(text) == (text, 0)


@settings(max_examples=300)
@given(
    st.lists(
        st.one_of(
            st.sampled_from([secret for secret, _ in SECRETS]),
            st.sampled_from(
                ["://", "@", "password=", '"', "'", "Bearer ", " ", "[redacted:x]", "token", ":", "=", "\n"]
            ),
            st.text(max_size=6),
        ),
        max_size=8,
    ).map("".join)
)
def test_redacting_twice_is_redacting_once(text):
    """Idempotent: a copy that was redacted before reads the same."""
    once, _ = REDACTION.redact_text(text)
    assert REDACTION.redact_text(once) == (once, 0)


def native(**fields: object) -> bytes:
    head = {"v": 1, "kind": "log", "timestamp": "2026-07-01T12:00:00.000001Z", "message": "m"}
    return json.dumps({**head, **fields}).encode()


def test_json_stays_json_and_is_redacted_within_its_texts():
    """Strings are redacted decoded and encoded again."""
    record = only(native(extra_data={"note": 'say "password=hunter2" \\', "list": [{"n": "ghp_" + "a1" * 18}]}))
    assert json.loads(bytes(record.line.extra_data)) == {
        "note": 'say "password=[redacted:secret]" \\',
        "list": [{"n": "[redacted:git_token]"}],
    }
    assert flag_names(record.flags) == ("redacted",)


@pytest.mark.parametrize("name", ["password", "apiKey", "client_secret", "X-Auth-Token", "DB_PASSWORD", "credentials"])
def test_the_value_of_a_field_named_for_a_secret_goes_whole(name):
    """Whatever its type, unless it says nothing."""
    record = only(native(extra_data={name: {"deep": "hunter2"}, "other": 1}))
    assert json.loads(bytes(record.line.extra_data)) == {name: "[redacted:secret]", "other": 1}


@pytest.mark.parametrize(
    "extra", [{"tokens": 5}, {"token": 5}, {"password": None}, {"eos_token": "</s>"}, {"key": "k"}]
)
def test_a_field_that_holds_no_secret_is_left_alone(extra):
    """Language models count tokens."""
    record = only(native(extra_data=extra))
    assert (json.loads(bytes(record.line.extra_data)), record.flags) == (extra, 0)


def test_a_literal_that_json_escapes_is_found():
    """`\\u0070assword` decodes to a field named password."""
    line = native(extra_data={"password": "hunter2"}).replace(b'"password"', b'"\\u0070assword"')
    assert b"hunter2" not in bytes(only(line).line.extra_data)


def test_key_and_time_are_of_the_raw_line():
    """Redaction happens after the key is made, so a change of patterns changes no key."""
    line = native(message="password=hunter2")
    without = FileContext(CONTEXT.origin, "etl")
    assert only(line).key == only(line, without).key
    assert only(line, without).line.message == "password=hunter2"


def test_every_part_of_a_line_is_redacted_and_counted():
    """Message, tags, exception and what is bound."""
    parsed = parse(
        native(message="password=hunter2", tags=["xoxb-123456789012-ab"], exception={"value": "token=abcdef"}) + b"\n"
    )
    assert parsed.redacted == 3
    assert b"abcdef" not in bytes(parsed.records[0].line.exception)


def test_a_private_key_in_a_folded_text_is_redacted_as_one():
    """It spans lines, so the whole text is looked at."""
    head = b"2026-07-01 12:00:04.123 | ERROR    | app:main:9 - key:\n"
    parsed = parse(head + b"-----BEGIN PRIVATE KEY-----\nMIIabc\n-----END PRIVATE KEY-----\n")
    assert parsed.records[0].line.message == "key:\n[redacted:private_key]"


KEY = [
    "-----BEGIN RSA PRIVATE KEY-----",
    "Proc-Type: 4,ENCRYPTED",
    "",
    "MIIabc/+=" * 7,
    "QUJD==",
    "-----END RSA PRIVATE KEY-----",
]


def in_blocks(lines: list[str], context: FileContext, per_block: int) -> list[LogLine]:
    """The records of a text file that is read so many lines at a time."""
    state, found, at = ParserState(), [], 0
    for n in range(0, len(lines), per_block):
        block = "".join(f"{line}\n" for line in lines[n : n + per_block]).encode()
        parsed = parse_block(block, at, context, state, now_us=0, final=True)
        state, at = parsed.state, at + len(block)
        found += [record.line for record in parsed.records]
    return found


@pytest.mark.parametrize("per_block", [1, 2, 100])
def test_a_private_key_of_which_each_line_is_a_record_is_redacted(per_block: int):
    """As in plain text, wherever the file is cut into blocks; what comes after it is not."""
    lines = ["before", *KEY, "after", "the key -----BEGIN PRIVATE KEY----- is cut", "not base64, so shown", "word"]
    messages = [line.message for line in in_blocks(lines, CONTEXT, per_block)]
    marked = "[redacted:private_key]"
    assert messages == ["before", *[marked] * 5, "after", f"the key {marked}", "not base64, so shown", "word"]


def test_a_private_key_is_left_where_its_pattern_is_off():
    context = msgspec.structs.replace(CONTEXT, redaction=Redaction(off=["private_key"]))
    assert [line.message for line in in_blocks(KEY, context, 100)] == [line for line in KEY if line]


def test_patterns_can_be_added_and_switched_off():
    """By name; a name that is none is a mistake in the settings."""
    redaction = Redaction(add=[Pattern("ticket", re.compile(r"T-\d{4}"), ("T-",))], off=["secret"])
    assert redaction.redact_text("T-1234 password=x1234") == ("[redacted:ticket] password=x1234", 1)
    line = LogLine("", extra_data=msgspec.Raw(b'{"password":"hunter2"}'))
    assert redaction.redact_line(line) == (line, 0)
    with pytest.raises(ConfigError, match="no redaction pattern is named 'passwords'"):
        Redaction(off=["passwords"])


def test_an_added_pattern_without_literals_is_tried_on_every_line():
    """Slow, but right."""
    redaction = Redaction(add=[Pattern("digits", re.compile(r"\d{6}"))])
    assert only(native(message="pin 123456"), FileContext(CONTEXT.origin, "etl", redaction=redaction)).flags


HOSTILE = [
    "sk-",
    "sk-1",
    "eyJ",
    "eyJa.eyJ",
    "eyJabcdefgh.eyJ",
    "eyJabcdefgh.eyJabcdefgh",
    "bearer ",
    "Bearer a1",
    "://a:",
]
HOSTILE += ["://", ":", "://a:@", "password=", "password", "password = ", 'password="', "password='a", "token: \t "]
HOSTILE += [
    "-----BEGIN PRIVATE KEY-----",
    "-----BEGIN ",
    "A ",
    "SG.",
    "SG.aaaaaaaaaaaaaaaaaaaa.",
    "authorization:bearer ",
]
HOSTILE += [
    "secret:[redacted:",
    "gh",
    "ghp_",
    "hf_",
    "AKIA",
    "xox",
    "xoxb-",
    '\\"',
    "token='\\",
    "@",
    "a",
    "-",
    "_key=",
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_a_megabyte_made_to_be_slow_is_not(piece):
    """Time goes with length: four times the text may not take sixteen times as long."""

    def seconds(length: int) -> float:
        text = "://password=" + piece * (length // len(piece))
        started = time.perf_counter()
        REDACTION.redact_text(text)
        return time.perf_counter() - started

    assert seconds(1_000_000) < max(10 * seconds(250_000), 0.5)
