"""Fingerprints: the same bytes are the same file, and blank lines do not count."""

from __future__ import annotations

import struct

import xxhash
from hypothesis import given
from hypothesis import strategies as st

from logagent.formats.fingerprint import content_hash, is_blank, timed_fingerprint, untimed_fingerprint


def test_the_first_line_is_hashed_raw_but_for_leading_nuls():
    """CR and BOM are part of it: a fingerprint is a function of the bytes on disk."""
    assert content_hash(b"\0\0hello\r") == xxhash.xxh3_64_intdigest(b"hello\r")
    assert content_hash(b"\xef\xbb\xbfhello") != content_hash(b"hello")
    assert timed_fingerprint(b"hello") == content_hash(b"hello")


def test_golden_fingerprints():
    """Pinned: every store knows its files by them."""
    assert f"{content_hash(b'2026-07-01 hello'):016x}" == "eb5b7267a6b4ba90"
    made = untimed_fingerprint(1, "host-1", "etl", 1_700_000_000, 2)
    assert f"{made:016x}" == "241ba0b7adefe99c"


def test_an_untimed_file_is_also_known_by_host_stem_birth_and_rewrites():
    """Two files that begin alike are two files: rather a double than a loss."""
    expected = xxhash.xxh3_64_intdigest(
        struct.pack(">Q", 1) + b"h\0etl\0" + struct.pack(">Q", 5) + struct.pack(">Q", 0)
    )
    assert untimed_fingerprint(1, "h", "etl", 5, 0) == expected
    changed = [{"content": 2}, {"host": "i"}, {"stem": "e"}, {"birth": 6}, {"rewrites": 1}]
    parts = {"content": 1, "host": "h", "stem": "etl", "birth": 5, "rewrites": 0}
    others = {untimed_fingerprint(**{**parts, **change}) for change in [{}, *changed]}
    assert len(others) == 6


def test_a_stem_that_is_not_text_has_a_fingerprint_too():
    """File names are bytes; `os.fsdecode` makes surrogates of what is not UTF-8."""
    assert untimed_fingerprint(1, "h", "caf\udce9", 5, 0) != untimed_fingerprint(1, "h", "caf", 5, 0)


@given(st.binary(max_size=20))
def test_a_blank_line_holds_nothing_but_spaces_tabs_crs_and_nuls(line):
    """One definition for the daemon and the parser."""
    assert is_blank(line) == all(byte in b" \t\r\0" for byte in line)
